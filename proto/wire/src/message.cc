#include "sluis/wire/message.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/wire_format_lite.h>

#include <optional>

#include "absl/strings/str_cat.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"

namespace sluis::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::io::CodedInputStream;
using WireFormat = google::protobuf::internal::WireFormatLite;

constexpr int kMaxDepth = 32;

bool AllowsLines(const FieldDescriptor& field) {
  return field.containing_type()->full_name() == "sluis.v1.Value" &&
         (field.name() == "text" || field.name() == "json");
}

std::string PathOf(const std::string& prefix, const FieldDescriptor& field, int index) {
  std::string path = prefix.empty() ? field.name() : absl::StrCat(prefix, ".", field.name());
  if (field.is_repeated()) absl::StrAppend(&path, "[", index, "]");
  return path;
}

struct Fault {
  std::string path;
  std::string text;
};

// Walks the bytes of a message by its descriptor and finds what makes them unreadable.
class Walker {
 public:
  std::optional<Fault> Walk(std::string_view bytes, const Descriptor& type,
                            const std::string& prefix, int depth) {
    if (depth > kMaxDepth) return Fault{Here(prefix), "nested too deeply"};
    CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                        static_cast<int>(bytes.size()));
    std::vector<int> seen(static_cast<size_t>(type.field_count()), 0);
    for (;;) {
      const uint32_t tag = in.ReadTagNoLastTag();
      if (tag == 0) {
        if (in.ConsumedEntireMessage() || in.CurrentPosition() == static_cast<int>(bytes.size()))
          return std::nullopt;
        return Fault{Here(prefix), "not a message of this type"};
      }
      const FieldDescriptor* field = type.FindFieldByNumber(WireFormat::GetTagFieldNumber(tag));
      if (field == nullptr) {
        return Fault{Here(prefix),
                     absl::StrCat("unknown field number ", WireFormat::GetTagFieldNumber(tag))};
      }
      const int index = seen[static_cast<size_t>(field->index())]++;
      if (WireFormat::GetTagWireType(tag) != WireFormat::WIRETYPE_LENGTH_DELIMITED) {
        if (!WireFormat::SkipField(&in, tag))
          return Fault{PathOf(prefix, *field, index), "cut off"};
        continue;
      }
      uint32_t length = 0;
      std::string content;
      if (!in.ReadVarint32(&length) || !in.ReadString(&content, static_cast<int>(length))) {
        return Fault{PathOf(prefix, *field, index), "cut off"};
      }
      if (field->type() == FieldDescriptor::TYPE_STRING && !IsCleanText(content, true)) {
        return Fault{PathOf(prefix, *field, index), "not UTF-8 text without control characters"};
      }
      if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
        if (auto fault =
                Walk(content, *field->message_type(), PathOf(prefix, *field, index), depth + 1))
          return fault;
      }
    }
  }

 private:
  static std::string Here(const std::string& prefix) { return prefix.empty() ? "message" : prefix; }
};

// Where a message stands in what it is part of. Written out only for a fault.
struct Place {
  const Place* parent = nullptr;
  const FieldDescriptor* field = nullptr;
  int index = 0;

  [[nodiscard]] std::string Path() const {
    return parent == nullptr ? std::string() : PathOf(parent->Path(), *field, index);
  }
};

// Checks what a message that was read holds: texts, and fields of a later version.
std::optional<Fault> Inspect(const Message& message, const Place& here, int depth) {
  if (depth > kMaxDepth) return Fault{here.Path(), "nested too deeply"};
  const auto* reflection = message.GetReflection();
  if (!reflection->GetUnknownFields(message).empty()) {
    return Fault{here.parent == nullptr ? "message" : here.Path(),
                 absl::StrCat("unknown field number ",
                              reflection->GetUnknownFields(message).field(0).number())};
  }
  const Descriptor& type = *message.GetDescriptor();
  for (int number = 0; number < type.field_count(); ++number) {
    const FieldDescriptor* field = type.field(number);
    int count = 0;
    if (field->is_repeated()) {
      count = reflection->FieldSize(message, field);
    } else if (!field->has_presence() || reflection->HasField(message, field)) {
      count = 1;
    }
    for (int i = 0; i < count; ++i) {
      const auto fault = [&](const char* text) {
        return Fault{Place{&here, field, i}.Path(), text};
      };
      if (field->type() == FieldDescriptor::TYPE_STRING) {
        std::string scratch;
        const std::string& text =
            field->is_repeated()
                ? reflection->GetRepeatedStringReference(message, field, i, &scratch)
                : reflection->GetStringReference(message, field, &scratch);
        // Which texts may have lines is looked up only for one that has.
        if (!IsCleanText(text, false) && (!AllowsLines(*field) || !IsCleanText(text, true)))
          return fault("not UTF-8 text without control characters");
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
        const int value = field->is_repeated() ? reflection->GetRepeatedEnumValue(message, field, i)
                                               : reflection->GetEnumValue(message, field);
        if (field->enum_type()->FindValueByNumber(value) == nullptr)
          return fault("not one of the values of this list");
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const Message& inner = field->is_repeated()
                                   ? reflection->GetRepeatedMessage(message, field, i)
                                   : reflection->GetMessage(message, field);
        if (auto inside = Inspect(inner, {&here, field, i}, depth + 1)) return inside;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

absl::Status ParseStrict(std::string_view bytes, Message& message) {
  if (bytes.size() > kMaxMessageBytes) {
    return WithMetadata(
        ResourceExhausted("TOO_LARGE", "the message is larger than this broker accepts"), "limit",
        absl::StrCat(kMaxMessageBytes));
  }
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  in.SetRecursionLimit(kMaxDepth);
  if (!message.ParseFromCodedStream(&in) || !in.ConsumedEntireMessage()) {
    message.Clear();
    const auto fault = Walker().Walk(bytes, *message.GetDescriptor(), "", 0);
    if (fault) return Malformed(fault->path, fault->text);
    return Malformed("message", "not a message of this type");
  }
  if (const auto fault = Inspect(message, Place(), 0)) {
    message.Clear();
    return Malformed(fault->path, fault->text);
  }
  return absl::OkStatus();
}

std::string Canonical(const Message& message) {
  std::string bytes;
  // Our messages have no maps: the order of field numbers is the only order.
  message.SerializeToString(&bytes);
  return bytes;
}

}  // namespace sluis::wire
