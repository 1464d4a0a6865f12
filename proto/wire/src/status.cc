#include "sluis/wire/status.h"

#include <utility>

#include "absl/strings/cord.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"
#include "sluis/wire/v1/error_details.pb.h"

namespace sluis::wire {
namespace {

constexpr std::string_view kDomain = "sluis";
constexpr absl::string_view kReceiptUrl = "sluis/receipt";
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kReceiptTypeUrl[] = "type.googleapis.com/sluis.v1.Receipt";

template <typename Detail>
void AddDetail(v1::Status& out, const char* url, const Detail& detail) {
  auto* any = out.add_details();
  any->set_type_url(url);
  detail.SerializeToString(any->mutable_value());
}

}  // namespace

void AttachReceipt(absl::Status& status, std::string receipt) {
  if (!status.ok() && !receipt.empty())
    status.SetPayload(kReceiptUrl, absl::Cord(std::move(receipt)));
}

std::string AttachedReceipt(const absl::Status& status) {
  const auto payload = status.GetPayload(kReceiptUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

WireStatus ToWire(const absl::Status& status) {
  if (status.ok()) return {};
  v1::Status out;
  v1::ErrorInfo info;
  info.set_domain(std::string(kDomain));
  const std::string reason = ReasonOf(status);
  if (reason.empty()) {
    // Its text may hold anything: it stays in our log.
    out.set_code(static_cast<int>(absl::StatusCode::kInternal));
    out.set_message("internal error");
    info.set_reason("UNEXPECTED");
    AddDetail(out, kErrorInfoUrl, info);
  } else {
    out.set_code(static_cast<int>(status.code()));
    out.set_message(std::string(FromAbsl(status.message())));
    info.set_reason(reason);
    v1::BadRequest bad_request;
    for (const auto& [key, value] : MetadataOf(status)) {
      (*info.mutable_metadata())[key] = value;
      if (key == kFieldKey) {
        auto* violation = bad_request.add_field_violations();
        violation->set_field(value);
        violation->set_description(out.message());
      }
    }
    AddDetail(out, kErrorInfoUrl, info);
    if (bad_request.field_violations_size() > 0) AddDetail(out, kBadRequestUrl, bad_request);
  }
  if (std::string receipt = AttachedReceipt(status); !receipt.empty()) {
    auto* any = out.add_details();
    any->set_type_url(kReceiptTypeUrl);
    any->set_value(std::move(receipt));
  }
  WireStatus wire;
  wire.code = out.code();
  wire.message = out.message();
  out.SerializeToString(&wire.details);
  return wire;
}

absl::Status FromWire(const WireStatus& wire) {
  if (wire.code == 0) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(wire.code);
  v1::Status details;
  if (wire.details.empty() || !details.ParseFromString(wire.details)) {
    return MakeError(code, "TRANSPORT", wire.message);
  }
  absl::Status status = MakeError(code, "TRANSPORT", wire.message);
  std::string receipt;
  for (const auto& any : details.details()) {
    if (any.type_url() == kErrorInfoUrl) {
      v1::ErrorInfo info;
      if (!info.ParseFromString(any.value())) continue;
      status = MakeError(code, info.reason(), wire.message);
      for (const auto& [key, value] : info.metadata())
        status = WithMetadata(std::move(status), key, value);
    } else if (any.type_url() == kReceiptTypeUrl) {
      receipt = any.value();
    }
  }
  AttachReceipt(status, std::move(receipt));
  return status;
}

}  // namespace sluis::wire
