#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluis/policy/issue.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

// Documents in protobuf text format, with the place of everything in them.
namespace sluis::policy {

namespace v1 {
class Statute;
class Convenant;
class OperatorSwitches;
class PolicyCases;
class Texts;
}  // namespace v1

// Where something stands in a document: names of message fields with an index for lists, outermost
// first, e.g. {{"grants", 3}, {"source_hats", 0}}.
struct PathElement {
  std::string_view field;
  int index = -1;
};
using Path = std::initializer_list<PathElement>;

template <typename Message>
struct ParseResult;

// A parsed document of type `Message` and the places of its parts. Immutable; copies share.
template <typename Message>
class Document {
 public:
  [[nodiscard]] const Message& message() const { return *message_; }
  [[nodiscard]] const std::string& file() const;
  // An issue at `path`, or at the nearest part around it whose place is known.
  [[nodiscard]] Issue At(Path path, Issue::Severity severity, std::string_view code,
                         std::string text) const;

  // From a message that was never text: no places are known.
  static Document FromMessage(Message message, std::string file);

 private:
  template <typename M>
  friend struct ParseResult;
  template <typename M>
  friend ParseResult<M> ParseDocument(std::string file, std::string_view text);
  struct Places;
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
//
// Available for Statute, Convenant, OperatorSwitches, PolicyCases and Texts. Thread-safe.
template <typename Message>
ParseResult<Message> ParseDocument(std::string file, std::string_view text);

}  // namespace sluis::policy
