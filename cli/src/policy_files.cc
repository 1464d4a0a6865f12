#include "policy_files.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "print.h"

#include "sluis/audit/digest.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/policy/check.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy/v1/texts.pb.h"
#include "sluis/textproto/file.h"

namespace sluis::cli {
namespace {

template <typename Message>
absl::StatusOr<std::optional<policy::Document<Message>>> Read(const std::string& path,
                                                              CompiledFiles& out) {
  SLUIS_ASSIGN_OR_RETURN(std::string text, textproto::ReadTextFile(path));
  auto parsed = policy::ParseDocument<Message>(path, text);
  out.texts[path] = std::move(text);
  std::move(parsed.issues.begin(), parsed.issues.end(), std::back_inserter(out.issues));
  return std::move(parsed.document);
}

template <typename Judge>
absl::StatusOr<CompiledFiles> ReadAll(const PolicyFiles& files, Judge judge) {
  CompiledFiles out;
  SLUIS_ASSIGN_OR_RETURN(const auto statute, Read<policy::v1::Statute>(files.statute, out));
  SLUIS_ASSIGN_OR_RETURN(const auto convenant, Read<policy::v1::Convenant>(files.convenant, out));
  std::optional<policy::Document<policy::v1::OperatorSwitches>> switches;
  if (files.switches.empty()) {
    switches = policy::Document<policy::v1::OperatorSwitches>::FromMessage({}, "no switches");
  } else {
    SLUIS_ASSIGN_OR_RETURN(switches, Read<policy::v1::OperatorSwitches>(files.switches, out));
  }
  if (!statute || !convenant || !switches) return out;
  std::vector<policy::Issue> issues;
  auto compiled = judge(*statute, *convenant, *switches, issues);
  std::move(issues.begin(), issues.end(), std::back_inserter(out.issues));
  if (!policy::HasErrors(out.issues)) out.policy = std::move(compiled);
  return out;
}

}  // namespace

void AddPolicyFiles(CLI::App& command, PolicyFiles& files) {
  command.add_option("STATUTE", files.statute, "The statute document")->required();
  command.add_option("CONVENANT", files.convenant, "The convenant document")->required();
  command.add_option("--switches", files.switches,
                     "The operator's switches: dates from which statute rows are in force");
}

size_t CompiledFiles::errors() const {
  return static_cast<size_t>(
      std::count_if(issues.begin(), issues.end(), [](const policy::Issue& issue) {
        return issue.severity == policy::Issue::Severity::kError;
      }));
}

absl::StatusOr<CompiledFiles> CompileFiles(const PolicyFiles& files) {
  return ReadAll(files, [](const auto& statute, const auto& convenant, const auto& switches,
                           std::vector<policy::Issue>& issues) {
    policy::CompileResult result = policy::Compile(statute, convenant, switches);
    issues = std::move(result.issues);
    return std::move(result.policy);
  });
}

absl::StatusOr<CompiledFiles> CheckFiles(const PolicyFiles& files) {
  return ReadAll(files, [](const auto& statute, const auto& convenant, const auto& switches,
                           std::vector<policy::Issue>& issues) {
    policy::CheckResult result = policy::Check(statute, convenant, switches);
    issues = std::move(result.findings);
    return std::move(result.policy);
  });
}

absl::StatusOr<std::unique_ptr<policy::Texts>> TextsFrom(const std::string& path) {
  SLUIS_ASSIGN_OR_RETURN(const std::string text, textproto::ReadTextFile(path));
  auto parsed = policy::ParseDocument<policy::v1::Texts>(path, text);
  if (!parsed.document)
    return InvalidArgument("DOCUMENT_INVALID", policy::FormatIssue(parsed.issues.front()));
  policy::Texts::Result result = policy::Texts::Make(*parsed.document);
  if (result.texts == nullptr)
    return InvalidArgument("DOCUMENT_INVALID", policy::FormatIssue(result.issues.front()));
  return std::move(result.texts);
}

void PrintIssues(std::ostream& out, const CompiledFiles& files) {
  for (const policy::Issue& issue : files.issues) {
    const auto text = files.texts.find(issue.file);
    out << Printable(policy::FormatIssueWithSource(
                         issue, text == files.texts.end() ? std::string_view() : text->second),
                     true)
        << "\n";
  }
}

Json IssuesToJson(const std::vector<policy::Issue>& issues) {
  Json out = Json::array();
  for (const policy::Issue& issue : issues) {
    out.push_back(
        {{"severity", issue.severity == policy::Issue::Severity::kError ? "error" : "warning"},
         {"file", issue.file},
         {"line", issue.line},
         {"column", issue.column},
         {"code", issue.code},
         {"message", issue.message}});
  }
  return out;
}

std::string PolicyHashHex(const policy::Policy& policy) {
  return HexEncode(audit::Sha256({policy.canonical()}).bytes());
}

}  // namespace sluis::cli
