#pragma once

#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "print.h"
#include <CLI/CLI.hpp>

#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"

// What every command on policy documents needs: the documents as options, compiled, and their
// issues as an author wants to see them.
namespace sluis::cli {

struct PolicyFiles {
  std::string statute;
  std::string convenant;
  std::string switches;  // empty: none
};

// Adds STATUTE, CONVENANT and --switches.
void AddPolicyFiles(CLI::App& command, PolicyFiles& files);

struct CompiledFiles {
  // Absent when an issue is an error.
  std::shared_ptr<const policy::Policy> policy;
  // Of all documents, in the order in which they were given.
  std::vector<policy::Issue> issues;
  // The text of each file, by its name.
  std::map<std::string, std::string> texts;

  [[nodiscard]] size_t errors() const;
  [[nodiscard]] size_t warnings() const { return issues.size() - errors(); }
};

// Reads and compiles. A status is about a file that cannot be read; what is wrong with a document
// is an issue.
absl::StatusOr<CompiledFiles> CompileFiles(const PolicyFiles& files);
// The same with the findings of policy::Check(). Absent policy also when one of these is an error.
absl::StatusOr<CompiledFiles> CheckFiles(const PolicyFiles& files);

// The catalogue of texts. INVALID_ARGUMENT / DOCUMENT_INVALID with the first issue.
absl::StatusOr<std::unique_ptr<policy::Texts>> TextsFrom(const std::string& path);

// "file:line:column: error: CODE: message", the line and a caret, for each.
void PrintIssues(std::ostream& out, const CompiledFiles& files);
Json IssuesToJson(const std::vector<policy::Issue>& issues);

// SHA-256 over the canonical policy, as decisions and log entries name it (hex).
std::string PolicyHashHex(const policy::Policy& policy);

}  // namespace sluis::cli
