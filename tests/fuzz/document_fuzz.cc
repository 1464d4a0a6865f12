#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "google/protobuf/text_format.h"
#include "small_documents.h"

#include "sluis/base/check.h"
#include "sluis/config/v1/config.pb.h"
#include "sluis/policy/cases.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/engine.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy/v1/texts.pb.h"

namespace sluis::policy {
namespace {

// Issues point into the text, and can be shown.
void CheckIssues(const std::vector<Issue>& issues, std::string_view text) {
  for (const Issue& issue : issues) {
    SLUIS_CHECK(!issue.code.empty());
    SLUIS_CHECK(issue.line >= 0 && issue.column >= 0);
    SLUIS_CHECK(!FormatIssueWithSource(issue, text).empty());
  }
}

// What can be read means the same when it is printed and read again.
template <typename Message>
void CheckPrinted(const Message& message) {
  std::string printed;
  SLUIS_CHECK(google::protobuf::TextFormat::PrintToString(message, &printed));
  const auto again = ParseDocument<Message>("again", printed);
  SLUIS_CHECK(again.document.has_value());
  SLUIS_CHECK(again.document->message().SerializeAsString() == message.SerializeAsString());
}

template <typename Message>
std::optional<Document<Message>> TryParse(std::string_view text) {
  auto parsed = ParseDocument<Message>("fuzz.textproto", text);
  CheckIssues(parsed.issues, text);
  SLUIS_CHECK(parsed.document.has_value() != HasErrors(parsed.issues));
  if (parsed.document) CheckPrinted(parsed.document->message());
  return std::move(parsed.document);
}

template <typename Message>
const Document<Message>& Small(std::string_view text) {
  static const auto document = *ParseDocument<Message>("small.textproto", text).document;
  return document;
}

void TryCompile(const Document<v1::Statute>& statute, const Document<v1::Convenant>& convenant,
                const Document<v1::OperatorSwitches>& switches, std::string_view text) {
  const CompileResult result = Compile(statute, convenant, switches);
  CheckIssues(result.issues, text);
  SLUIS_CHECK((result.policy == nullptr) == HasErrors(result.issues));
  if (result.policy == nullptr) return;
  SLUIS_CHECK(Compile(statute, convenant, switches).policy->canonical() ==
              result.policy->canonical());
}

void TryCases(std::string_view text) {
  const auto document = TryParse<v1::PolicyCases>(text);
  if (!document) return;
  static const auto policy =
      Compile(Small<v1::Statute>(kSmallStatute), Small<v1::Convenant>(kSmallConvenant),
              Small<v1::OperatorSwitches>(kSmallSwitches))
          .policy;
  static Decision decision;
  for (const v1::PolicyCase& the_case : document->message().cases()) {
    const auto steps = ExpandCase(the_case);
    if (!steps.ok()) continue;
    for (const ExpandedStep& step : *steps) {
      const absl::Status status = DecideMessages(*policy, *step.facts, step.step->request(),
                                                 step.now, step.today, decision);
      if (status.ok()) static_cast<void>(Compare(*policy, decision, *step.step));
    }
  }
}

// The first byte says which document the rest is.
void TryDocument(std::string_view input) {
  if (input.empty()) return;
  const std::string_view text = input.substr(1);
  const auto& statute = Small<v1::Statute>(kSmallStatute);
  const auto& convenant = Small<v1::Convenant>(kSmallConvenant);
  const auto& switches = Small<v1::OperatorSwitches>(kSmallSwitches);
  switch (input[0]) {
    case 'S':
      if (const auto document = TryParse<v1::Statute>(text))
        TryCompile(*document, convenant, switches, text);
      break;
    case 'C':
      if (const auto document = TryParse<v1::Convenant>(text))
        TryCompile(statute, *document, switches, text);
      break;
    case 'W':
      if (const auto document = TryParse<v1::OperatorSwitches>(text))
        TryCompile(statute, convenant, *document, text);
      break;
    case 'T':
      if (const auto document = TryParse<v1::Texts>(text)) {
        const Texts::Result result = Texts::Make(*document);
        CheckIssues(result.issues, text);
        SLUIS_CHECK((result.texts == nullptr) == HasErrors(result.issues));
      }
      break;
    case 'K':
      TryCases(text);
      break;
    case 'F':
      static_cast<void>(TryParse<config::v1::Config>(text));
      break;
    default:
      break;
  }
}

}  // namespace
}  // namespace sluis::policy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluis::policy::TryDocument({reinterpret_cast<const char*>(data), size});
  return 0;
}
