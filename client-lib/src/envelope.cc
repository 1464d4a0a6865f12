#include "envelope.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <map>
#include <utility>

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/v1/receipt.pb.h"

namespace sluis::client::internal {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Numbers of fields that every response has in common.
constexpr int kAnswer = 1;
constexpr int kValues = 2;
constexpr int kEarlier = 3;
constexpr int kDelivery = 4;
constexpr int kReceipts = 15;

absl::Status Unreadable() {
  return DataLoss("ANSWER_MALFORMED", "the broker's answer cannot be read");
}

// The length-delimited fields, by number. Others are skipped.
absl::StatusOr<std::map<int, std::vector<std::string_view>>> Split(std::string_view bytes) {
  std::map<int, std::vector<std::string_view>> fields;
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return Unreadable();
      continue;
    }
    uint32_t length = 0;
    if (!in.ReadVarint32(&length)) return Unreadable();
    const auto at = static_cast<size_t>(in.CurrentPosition());
    if (length > bytes.size() - at || !in.Skip(static_cast<int>(length))) return Unreadable();
    fields[WireFormatLite::GetTagFieldNumber(tag)].push_back(bytes.substr(at, length));
  }
  if (!in.ConsumedEntireMessage()) return Unreadable();
  return fields;
}

// A message may hold a field twice, and readers differ in what they make of it.
absl::StatusOr<std::string_view> Single(std::map<int, std::vector<std::string_view>>& fields,
                                        int number) {
  const auto found = fields.find(number);
  if (found == fields.end() || found->second.size() != 1) return Unreadable();
  return found->second.front();
}

absl::StatusOr<std::vector<audit::Digest>> ReadDigests(
    const google::protobuf::RepeatedPtrField<std::string>& in) {
  std::vector<audit::Digest> out;
  for (const std::string& bytes : in) {
    SLUIS_ASSIGN_OR_RETURN(const audit::Digest digest, audit::Digest::FromBytes(bytes));
    out.push_back(digest);
  }
  return out;
}

}  // namespace

absl::StatusOr<Envelope> OpenEnvelope(std::string_view response) {
  SLUIS_ASSIGN_OR_RETURN(auto fields, Split(response));
  Envelope envelope;
  SLUIS_ASSIGN_OR_RETURN(envelope.answer, Single(fields, kAnswer));
  envelope.values = std::move(fields[kValues]);
  if (fields.contains(kEarlier)) {
    SLUIS_ASSIGN_OR_RETURN(const std::string_view bytes, Single(fields, kEarlier));
    SLUIS_ASSIGN_OR_RETURN(auto inner, Split(bytes));
    envelope.earlier.emplace();
    SLUIS_ASSIGN_OR_RETURN(envelope.earlier->answer, Single(inner, 1));
    SLUIS_ASSIGN_OR_RETURN(envelope.earlier->receipt, Single(inner, 2));
  }
  if (fields.contains(kDelivery)) {
    SLUIS_ASSIGN_OR_RETURN(envelope.delivery, Single(fields, kDelivery));
  }
  envelope.receipts = std::move(fields[kReceipts]);
  return envelope;
}

absl::StatusOr<ValueParts> OpenValue(std::string_view bytes) {
  SLUIS_ASSIGN_OR_RETURN(auto fields, Split(bytes));
  ValueParts parts;
  SLUIS_ASSIGN_OR_RETURN(parts.field, Single(fields, 1));
  SLUIS_ASSIGN_OR_RETURN(parts.content, Single(fields, 2));
  SLUIS_ASSIGN_OR_RETURN(parts.salt, Single(fields, 3));
  return parts;
}

absl::StatusOr<audit::Receipt> ReadReceipt(std::string_view bytes) {
  const auto malformed = [] {
    return DataLoss("RECEIPT_MALFORMED", "the proof that came with the answer cannot be read");
  };
  v1::Receipt message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed();
  auto inclusion = ReadDigests(message.inclusion());
  auto consistency = ReadDigests(message.consistency());
  auto previous = ReadDigests(message.previous());
  if (!inclusion.ok() || !consistency.ok() || !previous.ok()) return malformed();
  audit::Receipt receipt;
  receipt.leaf = message.leaf();
  receipt.index = message.index();
  receipt.inclusion = *std::move(inclusion);
  receipt.checkpoint = message.checkpoint();
  receipt.consistency_from = message.consistency_from();
  receipt.consistency = *std::move(consistency);
  receipt.previous_from = message.previous_from();
  receipt.previous = *std::move(previous);
  return receipt;
}

}  // namespace sluis::client::internal
