#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluis::textproto {

// Something that is wrong, or noteworthy, in a document: what an author sees.
struct Issue {
  enum class Severity { kWarning, kError };
  Severity severity = Severity::kError;
  std::string file;
  // From 1; 0 when the place is not known.
  int line = 0;
  int column = 0;
  // UPPER_SNAKE, stable.
  std::string code;
  std::string message;
};

// "file:line:column: error: CODE: message".
std::string FormatIssue(const Issue& issue);

// The same, followed by the line of `text` and a caret below the place.
std::string FormatIssueWithSource(const Issue& issue, std::string_view text);

bool HasErrors(const std::vector<Issue>& issues);

}  // namespace sluis::textproto
