#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

// Messages of peers: read strictly, written canonically.
namespace sluis::wire {

// Largest message of a call, unless the configuration says less.
inline constexpr size_t kMaxMessageBytes = size_t{1} << 20;

// Reads a message that a peer sent. INVALID_ARGUMENT / MALFORMED with metadata `field`:
//   the path of a string that is not UTF-8, or holds NUL or a control character (line feeds and
//   tabs are fine in the text and JSON of a Value); of a message inside that cannot be read; or
//   "message" when the bytes are no message of this type at all. A field number that this version
//   does not know is refused too: nothing that a caller meant is silently left out. The texts never
//   quote content.
absl::Status ParseStrict(std::string_view bytes, google::protobuf::Message& message);

// The canonical form: fields in order of their number, defaults left out.
std::string Canonical(const google::protobuf::Message& message);

}  // namespace sluis::wire
