#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluis/textproto/issue.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

// Documents in protobuf text format, with the place of everything in them: what people write and
// keep (statute, convenant, cases, configuration).
namespace sluis::textproto {

// Where something stands in a document: names of message fields with an index for lists, outermost
// first, e.g. {{"grants", 3}, {"source_hats", 0}}.
struct PathElement {
  std::string_view field;
  int index = -1;
};
using Path = std::initializer_list<PathElement>;

// The places of the parts of one document. Immutable.
class Places;

// Reads `text` into `message`. Absent places, and issues, when it cannot be read.
std::shared_ptr<const Places> ParseInto(std::string file, std::string_view text,
                                        google::protobuf::Message& message,
                                        std::vector<Issue>& issues);
std::shared_ptr<const Places> NoPlaces(std::string file);
const std::string& FileOf(const Places& places);
Issue IssueAt(const Places& places, const google::protobuf::Message& message, Path path,
              Issue::Severity severity, std::string_view code, std::string text);

// A parsed document of type `Message` and the places of its parts. Immutable; copies share.
template <typename Message>
class Document {
 public:
  Document(std::shared_ptr<const Message> message, std::shared_ptr<const Places> places)
      : message_(std::move(message)), places_(std::move(places)) {}

  [[nodiscard]] const Message& message() const { return *message_; }
  [[nodiscard]] const std::string& file() const { return FileOf(*places_); }
  // An issue at `path`, or at the nearest part around it whose place is known.
  [[nodiscard]] Issue At(Path path, Issue::Severity severity, std::string_view code,
                         std::string text) const {
    return IssueAt(*places_, *message_, path, severity, code, std::move(text));
  }

  // From a message that was never text: no places are known.
  static Document FromMessage(Message message, std::string file) {
    return {std::make_shared<const Message>(std::move(message)), NoPlaces(std::move(file))};
  }

 private:
  std::shared_ptr<const Message> message_;
  std::shared_ptr<const Places> places_;
};

template <typename Message>
struct ParseResult {
  // Present when the text could be read.
  std::optional<Document<Message>> document;
  std::vector<Issue> issues;
};

// Reads a document. Issues have code SYNTAX with line and column; the text is read to the end so
// that an author sees as many as possible. `file` is only a name for the issues: nothing is opened.
// Texts above 16 MiB are refused (TOO_LARGE), deeper nesting than 32 likewise (SYNTAX).
// Thread-safe.
template <typename Message>
ParseResult<Message> ParseDocument(std::string file, std::string_view text) {
  ParseResult<Message> result;
  auto message = std::make_shared<Message>();
  auto places = ParseInto(std::move(file), text, *message, result.issues);
  if (places != nullptr) result.document.emplace(std::move(message), std::move(places));
  return result;
}

}  // namespace sluis::textproto
