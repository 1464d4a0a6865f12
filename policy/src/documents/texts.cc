#include "sluis/policy/texts.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "sluis/base/text.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/texts.pb.h"

namespace sluis::policy {

Texts::Result Texts::Make(const Document<v1::Texts>& document) {
  Result result;
  auto texts = std::unique_ptr<Texts>(new Texts());
  texts->requester_.resize(kCodeCount);
  texts->officer_.resize(kCodeCount);
  texts->routes_.resize(kConditionCount);
  texts->obligations_.resize(kObligationCount);
  const v1::Texts& message = document.message();
  const auto pair = [](const v1::Texts::Text& text) { return Pair{text.nl(), text.en()}; };
  for (const auto& entry : message.codes()) {
    if (entry.code() == 0) continue;
    texts->requester_[static_cast<size_t>(entry.code()) - 1] = pair(entry.requester());
    texts->officer_[static_cast<size_t>(entry.code()) - 1] = pair(entry.officer());
  }
  for (const auto& entry : message.conditions()) {
    if (entry.condition() != 0)
      texts->routes_[static_cast<size_t>(entry.condition()) - 1] = pair(entry.route());
  }
  for (const auto& entry : message.obligations()) {
    if (entry.obligation() != 0)
      texts->obligations_[static_cast<size_t>(entry.obligation()) - 1] = pair(entry.text());
  }
  const auto check = [&](const std::vector<Pair>& pairs, std::string_view what) {
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (!IsBlank(pairs[i].nl) && !IsBlank(pairs[i].en)) continue;
      result.issues.push_back(
          document.At({}, Issue::Severity::kError, "VALUE_MISSING",
                      absl::StrCat("no text in both languages for ", ToAbsl(what), " ", i + 1)));
    }
  };
  check(texts->requester_, "code");
  check(texts->officer_, "code");
  check(texts->routes_, "condition");
  check(texts->obligations_, "obligation");
  if (!HasErrors(result.issues)) result.texts = std::move(texts);
  return result;
}

const std::string& Texts::Requester(Code code, Language language) const {
  return requester_[static_cast<size_t>(code)].In(language);
}
const std::string& Texts::Officer(Code code, Language language) const {
  return officer_[static_cast<size_t>(code)].In(language);
}
const std::string& Texts::ObligationText(Obligation obligation, Language language) const {
  return obligations_[static_cast<size_t>(obligation) - 1].In(language);
}

std::string Texts::Route(Condition condition, Language language, const Policy& policy,
                         const Request& request, FieldId field) const {
  const std::string& text = routes_[static_cast<size_t>(condition) - 1].In(language);
  if (text.find('{') == std::string::npos) return text;
  const auto partij = [&](const Side& side) {
    return absl::StrCat(policy.convenant().parties(side.partij.index()).nl(), " (",
                        policy.NameOf(side.hat), ")");
  };
  return absl::StrReplaceAll(
      text,
      {{"{source}", partij(request.source)},
       {"{recipient}", partij(request.acting)},
       {"{field}", policy.NameOf(field)},
       {"{purpose}", absl::StrCat(policy.NameOf(request.purpose), " ",
                                  policy.convenant().purposes(request.purpose.index()).nl())}});
}

std::string Texts::RouteInGeneral(Condition condition, Language language) const {
  const bool dutch = language == Language::kDutch;
  return absl::StrReplaceAll(routes_[static_cast<size_t>(condition) - 1].In(language),
                             {{"{source}", dutch ? "de bron" : "the source"},
                              {"{recipient}", dutch ? "de ontvanger" : "the recipient"},
                              {"{field}", dutch ? "het veld" : "the field"},
                              {"{purpose}", dutch ? "het doel" : "the purpose"}});
}

std::string Texts::Explain(const FieldDecision& decision, Language language, const Policy& policy,
                           const Request& request) const {
  std::string text = Requester(decision.code, language);
  for (ConditionSet rest = decision.missing; rest != 0; rest &= rest - 1) {
    const auto condition = static_cast<Condition>(std::countr_zero(rest));
    absl::StrAppend(&text, " ", Route(condition, language, policy, request, decision.field));
  }
  return text;
}

}  // namespace sluis::policy
