#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "sluis/policy/cases.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"

// What the programs of this folder share: one daemon in which many cases are played.
namespace sluis::testing {

// Passes calls on and keeps what was said.
class RecordingTransport final : public Transport {
 public:
  struct Exchange {
    std::string partij;
    std::string method;
    std::string request;
    absl::StatusOr<std::string> answer;
  };

  // `next` outlives this.
  explicit RecordingTransport(Transport& next) : next_(next) {}

  absl::StatusOr<std::string> Call(std::string_view partij, std::string_view method,
                                   std::string_view request) override {
    auto answer = next_.Call(partij, method, request);
    exchanges_.push_back({std::string(partij), std::string(method), std::string(request), answer});
    return answer;
  }
  absl::Status SetClock(absl::Time now) override { return next_.SetClock(now); }
  [[nodiscard]] const std::vector<Exchange>& exchanges() const { return exchanges_; }

 private:
  Transport& next_;
  std::vector<Exchange> exchanges_;
};

// A daemon, the connections to it, and the policy that it has in force.
class Stage {
 public:
  explicit Stage(DaemonOptions options = {}) : daemon_(std::move(options)), transport_(daemon_) {}

  absl::Status Start() { return daemon_.Start(); }
  // Puts the operator's switches in force, if others are.
  absl::Status UseSwitches(const policy::v1::OperatorSwitches& switches);
  // Makes the facts of a step true for persons of its own, under the step's switches.
  absl::StatusOr<std::unique_ptr<World>> Play(const policy::ExpandedStep& step) {
    return Play(step, transport_);
  }
  // The same through a transport that ends in that of this stage.
  absl::StatusOr<std::unique_ptr<World>> Play(const policy::ExpandedStep& step, Transport& through);
  [[nodiscard]] int worlds() const { return worlds_; }

  Daemon& daemon() { return daemon_; }
  GrpcTransport& transport() { return transport_; }

 private:
  Daemon daemon_;
  GrpcTransport transport_;
  std::string switches_;
  int worlds_ = 0;
};

// The step `id` of the case `case_id`; ends the program when there is none.
const policy::ExpandedStep& StepOf(std::string_view case_id, std::string_view id);

}  // namespace sluis::testing
