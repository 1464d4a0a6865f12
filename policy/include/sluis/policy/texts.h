#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluis/base/outcome.h"
#include "sluis/policy/decision.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/request.h"
#include "sluis/policy/vocabulary.h"

namespace sluis::policy {

enum class Language { kDutch, kEnglish };

// The texts of the one catalogue (policy/documents/texts.textproto). Immutable, thread-safe.
class Texts {
 public:
  struct Result {
    std::unique_ptr<Texts> texts;  // absent when an issue is an error
    std::vector<Issue> issues;     // VALUE_MISSING for what the catalogue does not say
  };
  // Every code, condition and obligation has to have its texts, in both languages.
  static Result Make(const Document<v1::Texts>& document);

  // What a code means: for the requester, and for the officer only.
  [[nodiscard]] const std::string& Requester(Code code, Language language) const;
  [[nodiscard]] const std::string& Officer(Code code, Language language) const;
  [[nodiscard]] const std::string& ObligationText(Obligation obligation, Language language) const;

  // What would have to be done for a condition to hold, about this field of this request.
  [[nodiscard]] std::string Route(Condition condition, Language language, const Policy& policy,
                                  const Request& request, FieldId field) const;
  // The same without a request: about the source, the recipient, the field and the purpose.
  [[nodiscard]] std::string RouteInGeneral(Condition condition, Language language) const;
  // The outcome of a field in words: what happened and, where something is missing, the nearest
  // lawful route. With NCND nothing else than that.
  [[nodiscard]] std::string Explain(const FieldDecision& decision, Language language,
                                    const Policy& policy, const Request& request) const;

 private:
  struct Pair {
    std::string nl;
    std::string en;
    [[nodiscard]] const std::string& In(Language language) const {
      return language == Language::kDutch ? nl : en;
    }
  };
  std::vector<Pair> requester_;
  std::vector<Pair> officer_;
  std::vector<Pair> routes_;
  std::vector<Pair> obligations_;
};

}  // namespace sluis::policy
