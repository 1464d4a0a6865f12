#include "gate.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::services {

using logging::Level;

absl::StatusOr<Oin> Gate::Caller(const grpc::CallbackServerContext& context,
                                 std::string_view method) {
  auto caller = callers_.Of(context);
  if (!caller.ok() && refused_.Allow()) {
    logging::Log(Level::kWarn, "caller_refused",
                 {{"reason", ReasonOf(caller.status())}, {"method", std::string(method)}});
  }
  return caller;
}

absl::StatusOr<std::string> Gate::Read(const grpc::ByteBuffer& in) const {
  if (in.Length() > max_message_bytes_) {
    return WithMetadata(
        ResourceExhausted("TOO_LARGE", "the message is larger than this broker accepts"), "limit",
        absl::StrCat(max_message_bytes_));
  }
  std::string bytes;
  bytes.reserve(in.Length());
  std::vector<grpc::Slice> slices;
  if (!in.Dump(&slices).ok()) return Malformed("message", "cannot be read");
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

void Gate::Run(std::string_view method, const grpc::CallbackServerContext& context,
               const grpc::ByteBuffer& in, broker::Broker::Done done) {
  const auto caller = Caller(context, method);
  if (!caller.ok()) return done(caller.status());
  auto request = Read(in);
  if (!request.ok()) return broker_.Reject(*caller, request.status(), std::move(done));
  broker_.Call(method, *caller, *std::move(request), absl::FromChrono(context.deadline()),
               [done = std::move(done)](absl::StatusOr<std::string> answer) {
                 if (!answer.ok() && ReasonOf(answer.status()).empty()) {
                   // Nobody outside learns what went wrong; the operator has to.
                   logging::Log(Level::kError, "unexpected_error",
                                {{"code", absl::StatusCodeToString(answer.status().code())}});
                 }
                 done(std::move(answer));
               });
}

}  // namespace sluis::services
