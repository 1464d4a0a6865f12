#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client_maker.h"
#include "session.h"
#include "transport.h"

#include "sluis/audit/note.h"
#include "sluis/base/errors.h"
#include "sluis/client/client.h"
#include "sluis/testing/transport.h"

namespace sluis::client {

// What lies between a client and the broker, and may do to it what an attacker would.
class Wire {
 public:
  // `broker` may be exchanged for another one between calls.
  Wire(testing::Transport& to, std::string as) : broker(&to), partij(std::move(as)) {}

  testing::Transport* broker;
  std::string partij;
  // Sees every answer, and may change it.
  std::function<void(std::string_view method, absl::StatusOr<std::string>& answer)> alter;
  // Answers are kept until Release().
  bool hold = false;
  std::vector<std::string> methods;  // as called

  // Delivers the answer that came `i`-th of those that are kept.
  void Release(size_t i) {
    const auto deliver = std::move(held_.at(i));
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    deliver();
  }
  [[nodiscard]] size_t held() const { return held_.size(); }

  void Call(std::string_view method, const std::string& request,
            std::function<void(absl::StatusOr<std::string>)> done) {
    methods.emplace_back(method);
    auto answer = broker->Call(partij, method, request);
    if (alter) alter(method, answer);
    if (!hold) return done(std::move(answer));
    held_.emplace_back([answer = std::move(answer), done = std::move(done)] { done(answer); });
  }

 private:
  std::vector<std::function<void()>> held_;
};

// `wire` outlives the client.
class WireTransport final : public internal::Transport {
 public:
  explicit WireTransport(Wire& wire) : wire_(wire) {}
  void Call(std::string_view method, std::string request, absl::Time /*deadline*/,
            std::function<void(absl::StatusOr<std::string>)> done) override {
    wire_.Call(method, request, std::move(done));
  }
  // Streams are tested against a real broker.
  std::unique_ptr<internal::OutStream> Open(std::string_view /*method*/,
                                            internal::StreamEvents& events) override {
    events.OnEnd(MakeError(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN", "no streams here"));
    return nullptr;
  }

 private:
  Wire& wire_;
};

inline absl::StatusOr<Client> MakeClient(Wire& wire, internal::SessionOptions options,
                                         const std::string& state_file = "",
                                         const std::string& numbers = "") {
  auto session = std::make_unique<internal::Session>(std::make_unique<WireTransport>(wire),
                                                     std::move(options));
  if (!state_file.empty()) {
    if (absl::Status opened = session->OpenState(state_file, numbers); !opened.ok()) return opened;
  }
  return ClientMaker::Make(std::move(session));
}

}  // namespace sluis::client
