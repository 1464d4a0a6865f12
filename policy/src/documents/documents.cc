#include "sluis/policy/documents.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy/v1/texts.pb.h"

namespace sluis::policy {
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

template <typename Message>
struct Document<Message>::Places {
  std::string file;
  google::protobuf::TextFormat::ParseInfoTree tree;
};

template <typename Message>
const std::string& Document<Message>::file() const {
  return places_->file;
}

template <typename Message>
Issue Document<Message>::At(Path path, Issue::Severity severity, std::string_view code,
                            std::string text) const {
  Issue issue{severity, places_->file, 0, 0, std::string(code), std::move(text)};
  const google::protobuf::TextFormat::ParseInfoTree* tree = &places_->tree;
  const google::protobuf::Descriptor* descriptor = message_->GetDescriptor();
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

template <typename Message>
Document<Message> Document<Message>::FromMessage(Message message, std::string file) {
  Document document;
  auto places = std::make_shared<Places>();
  places->file = std::move(file);
  document.message_ = std::make_shared<const Message>(std::move(message));
  document.places_ = std::move(places);
  return document;
}

template <typename Message>
ParseResult<Message> ParseDocument(std::string file, std::string_view text) {
  ParseResult<Message> result;
  if (text.size() > kMaxText) {
    result.issues.push_back(
        {Issue::Severity::kError, file, 0, 0, "TOO_LARGE", "the document is larger than 16 MiB"});
    return result;
  }
  auto places = std::make_shared<typename Document<Message>::Places>();
  places->file = std::move(file);
  auto message = std::make_shared<Message>();
  Collector collector(places->file, result.issues);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(&places->tree);
  parser.SetRecursionLimit(kMaxDepth);
  google::protobuf::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  const bool read = parser.Parse(&input, message.get());
  if (!read && !HasErrors(result.issues)) {
    result.issues.push_back(
        {Issue::Severity::kError, places->file, 0, 0, "SYNTAX", "the document cannot be read"});
  }
  if (HasErrors(result.issues)) return result;
  Document<Message> document;
  document.message_ = std::move(message);
  document.places_ = std::move(places);
  result.document = std::move(document);
  return result;
}

template class Document<v1::Statute>;
template class Document<v1::Convenant>;
template class Document<v1::OperatorSwitches>;
template class Document<v1::PolicyCases>;
template class Document<v1::Texts>;
template ParseResult<v1::Statute> ParseDocument(std::string, std::string_view);
template ParseResult<v1::Convenant> ParseDocument(std::string, std::string_view);
template ParseResult<v1::OperatorSwitches> ParseDocument(std::string, std::string_view);
template ParseResult<v1::PolicyCases> ParseDocument(std::string, std::string_view);
template ParseResult<v1::Texts> ParseDocument(std::string, std::string_view);

}  // namespace sluis::policy
