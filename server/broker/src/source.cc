#include <set>

#include "core.h"
#include "source_desk.h"

#include "sluis/facts/facts_reader.h"
#include "sluis/v1/source.pb.h"

// SourceService.Answer: the stream on which a source's system answers for what the source keeps
// itself.
namespace sluis::broker {
namespace {

constexpr int kMostHats = 20;
constexpr int kMostFields = 100;

class SourceStream final : public Stream {
 public:
  SourceStream(Core& core, Oin oin, std::string partij, std::shared_ptr<StreamPeer> peer)
      : core_(core),
        desk_(core.sources),
        oin_(std::move(oin)),
        partij_(std::move(partij)),
        peer_(std::move(peer)) {}
  ~SourceStream() override { OnEnd(); }

  void OnMessage(std::string message) override {
    if (over_) return;
    v1::AnswerRequest request;
    absl::Status taken = wire::ParseStrict(message, request);
    // It may hold values.
    Wipe(message);
    if (taken.ok()) taken = Take(request);
    if (!taken.ok()) Refuse(std::move(taken));
  }

  void OnLastMessage() override {
    if (over_) return;
    Leave(SourceDesk::Why::kGone);
    peer_->End(absl::OkStatus());
  }

  void OnEnd() override { Leave(SourceDesk::Why::kGone); }

 private:
  absl::Status Take(const v1::AnswerRequest& request) {
    switch (request.message_case()) {
      case v1::AnswerRequest::kHello:
        return TakeHello(request.hello());
      case v1::AnswerRequest::kAnswer:
        if (!entered_) return Malformed("hello", "missing: it comes first");
        SLUIS_RETURN_IF_ERROR(
            intake::CheckId("answer.question_id", request.answer().question_id()).status());
        if (request.answer().fields_size() > kMostFields)
          return Malformed("answer.fields", "more than 100");
        desk_->Answer(*entered_, request.answer());
        return absl::OkStatus();
      case v1::AnswerRequest::MESSAGE_NOT_SET:
        return Malformed("message", "missing");
    }
    return absl::OkStatus();
  }

  absl::Status TakeHello(const v1::Hello& hello) {
    if (entered_) return Malformed("hello", "only once");
    if (hello.hats_size() == 0) return Malformed("hello.hats", "missing");
    if (hello.hats_size() > kMostHats) return Malformed("hello.hats", "more than 20");
    const ActivePolicy active = core_.Active();
    const policy::Policy& policy = *active.policy;
    const auto partij = policy.FindPartijByOin(oin_);
    if (!partij) {
      return PermissionDenied("NOT_A_PARTIJ",
                              "the OIN of the certificate is no partij of the convenant");
    }
    const auto standing = policy.StandingOf(*partij, facts::LocalDate(core_.options.clock->Now()));
    if (!standing.convenant_in_force || !standing.acceded) {
      return FailedPrecondition("CONVENANT_NOT_VALID",
                                "the convenant is not valid for this partij or date");
    }
    std::set<std::string> hats;
    for (int i = 0; i < hello.hats_size(); ++i) {
      const auto hat = policy.FindHat(hello.hats(i));
      if (!hat) return Malformed(absl::StrCat("hello.hats[", i, "]"), "not a hat of the convenant");
      if (!policy.Holds(*partij, *hat)) return NotAuthorised("the caller does not hold this hat");
      hats.insert(hello.hats(i));
    }
    const auto entered = desk_->Enter(partij_, oin_, std::move(hats), peer_);
    if (!entered.ok()) return entered.status();
    entered_ = *entered;
    v1::AnswerResponse response;
    response.mutable_ready()->set_time_limit_ms(
        static_cast<int32_t>(absl::ToInt64Milliseconds(desk_->time_limit())));
    peer_->Send(wire::Canonical(response));
    return absl::OkStatus();
  }

  // Ends the stream; a refusal is recorded first.
  void Refuse(absl::Status why) {
    over_ = true;
    Leave(absl::IsInvalidArgument(why) ? SourceDesk::Why::kUnreadable : SourceDesk::Why::kGone);
    if (!IsRefusal(why) || !core_.BeginWork()) return peer_->End(std::move(why));
    Core* const core = &core_;
    auto call = std::make_shared<CallState>(
        CallState{{}, oin_, {}, absl::InfiniteFuture(), {}, partij_, 0, {}});
    call->done = [core, peer = peer_](const absl::StatusOr<std::string>& answer) {
      peer->End(answer.status());
      core->EndWork();
    };
    core_.Reject(call, std::move(why));
  }

  void Leave(SourceDesk::Why why) {
    if (!entered_) return;
    desk_->Leave(*entered_, why);
    entered_.reset();
  }

  Core& core_;
  const std::shared_ptr<SourceDesk> desk_;
  const Oin oin_;
  const std::string partij_;
  const std::shared_ptr<StreamPeer> peer_;
  std::optional<uint64_t> entered_;
  bool over_ = false;
};

}  // namespace

void AddSource(StreamHandlers& handlers) {
  handlers["/sluis.v1.SourceService/Answer"] =
      [](Core& core, const Oin& oin, std::string partij,
         std::shared_ptr<StreamPeer> peer) -> std::unique_ptr<Stream> {
    return std::make_unique<SourceStream>(core, oin, std::move(partij), std::move(peer));
  };
}

}  // namespace sluis::broker
