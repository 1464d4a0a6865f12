#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "session.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/client/call.h"
#include "sluis/wire/message.h"

// What the methods of Client have in common: they are in files of their own, by subject.
namespace sluis::client::internal {

// Every message that a client sends, with what is common to them.
template <typename Message>
absl::StatusOr<Uuid> Prepare(const Context& context, Message& message) {
  std::string text = context.request_id;
  if (text.empty()) {
    SLUIS_ASSIGN_OR_RETURN(text, NewRequestId());
  }
  const auto id = Uuid::Parse(text);
  if (!id.ok() || (id->version() != 4 && id->version() != 7))
    return Malformed("request_id", "not a UUID of version 4 or 7 in lower case");
  message.set_request_id(text);
  return *id;
}

template <typename Message>
Message From(const Context& context) {
  Message message;
  message.set_acting_hat(context.acting_hat);
  message.set_professional(context.professional);
  return message;
}

inline absl::Status Unreadable() {
  return DataLoss("ANSWER_MALFORMED", "the broker's answer cannot be read");
}

template <typename Message>
bool Parse(std::string_view bytes, Message& message) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// A call that makes an entry. `Message` is that of its answer, the bytes of which are the ones that
// were verified.
template <typename Message, typename Request>
absl::StatusOr<std::pair<Message, Proof>> Send(Session& session, std::string_view method,
                                               const Context& context, Request request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, Prepare(context, request));
  SLUIS_ASSIGN_OR_RETURN(
      const std::unique_ptr<Answer> answer,
      session.CallAndWait({method, wire::Canonical(request), id, context.timeout}));
  std::pair<Message, Proof> out;
  if (!Parse(answer->parts.answer, out.first)) return Unreadable();
  out.second = std::move(answer->proof);
  return out;
}

template <typename Message, typename Request>
absl::StatusOr<Done> SendForNothing(Session& session, std::string_view method,
                                    const Context& context, Request request) {
  SLUIS_ASSIGN_OR_RETURN(auto sent, Send<Message>(session, method, context, std::move(request)));
  return Done{std::move(sent.second)};
}

// A call that only reads.
template <typename Message, typename Request>
absl::StatusOr<Message> AskFor(Session& session, std::string_view method, const Request& request) {
  SLUIS_ASSIGN_OR_RETURN(
      const std::unique_ptr<Answer> answer,
      session.CallAndWait({method, wire::Canonical(request), Uuid(), absl::ZeroDuration()}));
  Message message;
  if (!Parse(answer->response, message)) return Unreadable();
  return message;
}

}  // namespace sluis::client::internal
