#include "sluis/textproto/document.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace sluis::textproto {
namespace {

constexpr size_t kMaxText = size_t{16} << 20;
constexpr int kMaxDepth = 32;
constexpr size_t kMaxIssues = 100;

class Collector final : public google::protobuf::io::ErrorCollector {
 public:
  Collector(const std::string& file, std::vector<Issue>& issues) : file_(file), issues_(issues) {}
  void AddError(int line, int column, const std::string& message) override {
    Add(Issue::Severity::kError, line, column, message);
  }
  void AddWarning(int line, int column, const std::string& message) override {
    Add(Issue::Severity::kWarning, line, column, message);
  }

 private:
  void Add(Issue::Severity severity, int line, int column, const std::string& message) {
    if (issues_.size() >= kMaxIssues) return;
    issues_.push_back({severity, file_, line + 1, column + 1, "SYNTAX", message});
  }
  const std::string& file_;
  std::vector<Issue>& issues_;
};

}  // namespace

std::string FormatIssue(const Issue& issue) {
  const char* severity = issue.severity == Issue::Severity::kError ? "error" : "warning";
  if (issue.line == 0) {
    return absl::StrFormat("%s: %s: %s: %s", issue.file, severity, issue.code, issue.message);
  }
  return absl::StrFormat("%s:%d:%d: %s: %s: %s", issue.file, issue.line, issue.column, severity,
                         issue.code, issue.message);
}

std::string FormatIssueWithSource(const Issue& issue, std::string_view text) {
  std::string out = FormatIssue(issue);
  if (issue.line == 0) return out;
  size_t begin = 0;
  for (int line = 1; line < issue.line; ++line) {
    begin = text.find('\n', begin);
    if (begin == std::string_view::npos) return out;
    ++begin;
  }
  std::string source(text.substr(begin, text.find('\n', begin) - begin));
  if (source.size() > 200) source.resize(200);
  std::replace(source.begin(), source.end(), '\t', ' ');
  const auto indent = static_cast<size_t>(std::max(issue.column - 1, 0));
  out += "\n    " + source + "\n    " + std::string(std::min(indent, source.size()), ' ') + "^";
  return out;
}

bool HasErrors(const std::vector<Issue>& issues) {
  return std::any_of(issues.begin(), issues.end(),
                     [](const Issue& issue) { return issue.severity == Issue::Severity::kError; });
}

class Places {
 public:
  explicit Places(std::string given) : file(std::move(given)) {}
  std::string file;
  google::protobuf::TextFormat::ParseInfoTree tree;
};

const std::string& FileOf(const Places& places) { return places.file; }

std::shared_ptr<const Places> NoPlaces(std::string file) {
  return std::make_shared<Places>(std::move(file));
}

Issue IssueAt(const Places& places, const google::protobuf::Message& message, Path path,
              Issue::Severity severity, std::string_view code, std::string text) {
  Issue issue{severity, places.file, 0, 0, std::string(code), std::move(text)};
  const google::protobuf::TextFormat::ParseInfoTree* tree = &places.tree;
  const google::protobuf::Descriptor* descriptor = message.GetDescriptor();
  for (const PathElement& element : path) {
    const auto* field = descriptor->FindFieldByName(std::string(element.field));
    if (field == nullptr) break;
    const int index = field->is_repeated() ? std::max(element.index, 0) : -1;
    // The parser keeps one place for a list in brackets: that of its name.
    auto place = tree->GetLocation(field, index);
    if (place.line < 0 && index > 0) place = tree->GetLocation(field, 0);
    if (place.line >= 0) {
      issue.line = place.line + 1;
      issue.column = place.column + 1;
    }
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) break;
    tree = tree->GetTreeForNested(field, index);
    if (tree == nullptr) break;
    descriptor = field->message_type();
  }
  return issue;
}

std::shared_ptr<const Places> ParseInto(std::string file, std::string_view text,
                                        google::protobuf::Message& message,
                                        std::vector<Issue>& issues) {
  if (text.size() > kMaxText) {
    issues.push_back({Issue::Severity::kError, std::move(file), 0, 0, "TOO_LARGE",
                      "the document is larger than 16 MiB"});
    return nullptr;
  }
  auto places = std::make_shared<Places>(std::move(file));
  Collector collector(places->file, issues);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(&places->tree);
  parser.SetRecursionLimit(kMaxDepth);
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  const bool read = parser.Parse(&input, &message);
  if (!read && !HasErrors(issues)) {
    issues.push_back(
        {Issue::Severity::kError, places->file, 0, 0, "SYNTAX", "the document cannot be read"});
  }
  if (HasErrors(issues)) return nullptr;
  return places;
}

}  // namespace sluis::textproto
