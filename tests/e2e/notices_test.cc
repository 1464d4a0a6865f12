// Notices over real connections: cut, slow, over restarts, with a revoked certificate; and one
// decision from the question to the value.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/client/client.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/notification.pb.h"

namespace sluis::broker {
namespace {

using testing::Daemon;
using ::testing::ElementsAre;
using testing::GrpcTransport;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;

constexpr std::string_view kSubscribe = "/sluis.v1.NotificationService/Subscribe";
constexpr std::string_view kList = "/sluis.v1.NotificationService/ListNotices";
constexpr absl::Duration kPatience = absl::Seconds(60);

// A stream whose messages are taken when the test does.
class RawStream {
 public:
  RawStream(std::shared_ptr<grpc::Channel> channel, const v1::SubscribeRequest& request)
      : channel_(std::move(channel)), stub_(channel_) {
    stream_ = stub_.PrepareCall(&context_, std::string(kSubscribe), &queue_);
    stream_->StartCall(nullptr);
    Complete(kPatience);
    const std::string bytes = request.SerializeAsString();
    const grpc::Slice slice(bytes);
    stream_->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    Complete(kPatience);
  }
  ~RawStream() {
    context_.TryCancel();
    if (!finished_) Finish();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  RawStream(const RawStream&) = delete;
  RawStream& operator=(const RawStream&) = delete;

  // The next message; nothing when the stream ended, or none came in time.
  std::optional<v1::SubscribeResponse> Next(absl::Duration limit = kPatience) {
    if (!reading_) stream_->Read(&in_, nullptr);
    reading_ = true;
    const auto read = Complete(limit);
    if (!read) return std::nullopt;
    reading_ = false;
    ended_ = !*read;
    if (ended_) return std::nullopt;
    std::vector<grpc::Slice> slices;
    if (!in_.Dump(&slices).ok()) return std::nullopt;
    std::string bytes;
    for (const grpc::Slice& slice : slices)
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    v1::SubscribeResponse message;
    if (!message.ParseFromString(bytes)) return std::nullopt;
    return message;
  }
  std::optional<v1::SubscribeResponse> NextEvent(absl::Duration limit = kPatience) {
    for (;;) {
      auto message = Next(limit);
      if (!message || message->has_event()) return message;
    }
  }
  [[nodiscard]] bool ended() const { return ended_; }
  // Of a stream that ended.
  grpc::Status Finish() {
    grpc::Status status;
    if (reading_) Complete(kPatience);
    reading_ = false;
    stream_->Finish(&status, nullptr);
    Complete(kPatience);
    finished_ = true;
    return status;
  }

 private:
  // Nothing when it took too long.
  std::optional<bool> Complete(absl::Duration limit) {
    void* tag = nullptr;
    bool ok = false;
    const auto next = queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(absl::Now() + limit));
    if (next != grpc::CompletionQueue::GOT_EVENT) return std::nullopt;
    return ok;
  }

  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer in_;
  bool reading_ = false;
  bool ended_ = false;
  bool finished_ = false;
};

class NoticesE2eTest : public ::testing::Test {
 protected:
  void Start() {
    ASSERT_THAT(daemon_.Start(), IsOk()) << daemon_.ReadLog();
    ASSERT_THAT(transport_.SetClock(TestNow()), IsOk());
    ASSERT_THAT(world_.PutActors(), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
  }

  // Something that both partijen are told of.
  absl::Status Happen() {
    static constexpr std::pair<Side, std::string_view> kRound[] = {
        {kRegie, "AVE_3L"}, {kRegie, "AVE_1"}, {kWijkteam, "AVE_2"}};
    const auto& [side, phase] = kRound[happened_++ % 3];
    return world_.Scale(side, phase).status();
  }
  std::shared_ptr<grpc::Channel> NewConnection(std::string_view partij) {
    return transport_.Connect({daemon_.IdentityOf(partij), daemon_.ca_bundle()})->channel();
  }
  // After a restart on the same ports, where connections that broke wait before they try again.
  void AwaitDoors() {
    const absl::Time until = absl::Now() + kPatience;
    for (const std::string_view partij : {"P_ALMELO", "P_MEDIANT"}) {
      for (;;) {
        const auto page =
            transport_.Send<v1::ListNoticesResponse>(partij, kList, v1::ListNoticesRequest());
        if (page.ok()) break;
        ASSERT_LT(absl::Now(), until) << page.status();
        absl::SleepFor(absl::Milliseconds(50));
      }
    }
    while (!transport_.SetClock(TestNow()).ok()) {
      ASSERT_LT(absl::Now(), until);
      absl::SleepFor(absl::Milliseconds(50));
    }
  }
  // The ids of all that is kept for the partij, in order.
  std::vector<std::string> Kept(std::string_view partij) {
    std::vector<std::string> ids;
    v1::ListNoticesRequest request;
    request.set_start(v1::NOTICE_START_OLDEST);
    request.set_page_size(500);
    for (;;) {
      const auto page = transport_.Send<v1::ListNoticesResponse>(partij, kList, request);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return ids;
      for (const auto& event : page->events()) ids.push_back(event.id());
      if (!page->more()) return ids;
      request.set_cursor(page->cursor());
    }
  }
  client::Client Connect(const std::string& partij) {
    client::ClientOptions options;
    options.target = absl::StrCat("127.0.0.1:", daemon_.port());
    options.certificate_file = absl::StrCat(daemon_.pki(), "/partij/", partij, "/certificate.pem");
    options.key_file = absl::StrCat(daemon_.pki(), "/partij/", partij, "/key.pem");
    options.ca_file = daemon_.pki() + "/ca-bundle.pem";
    options.test_data_only = true;
    options.trust_log_key_on_first_use = true;
    options.log_key_file = (daemon_.directory() / "log.pub").string();
    options.sequence = client::Sequence::kSharedByMore;
    auto client = client::Client::Connect(options);
    EXPECT_THAT(client.status(), IsOk());
    return *std::move(client);
  }

  Daemon daemon_;
  GrpcTransport transport_{daemon_};
  SmallWorld world_{transport_};
  int happened_ = 0;
};

v1::SubscribeRequest From(const std::string& cursor) {
  v1::SubscribeRequest request;
  request.set_cursor(cursor);
  if (cursor.empty()) request.set_start(v1::NOTICE_START_OLDEST);
  return request;
}

TEST_F(NoticesE2eTest, NothingIsLostOnConnectionsThatAreCut) {
  Start();
  constexpr size_t kEvents = 1000;
  std::thread events([&] {
    for (size_t i = 0; i < kEvents; ++i) ASSERT_THAT(Happen(), IsOk());
  });
  std::vector<std::string> ids;
  std::string cursor;
  size_t cuts = 0;
  while (ids.size() < kEvents) {
    // Each on a connection of its own, cut after some events that were handled; what had come
    // besides is lost with it, and comes again.
    RawStream stream(NewConnection("P_MEDIANT"), From(cursor));
    for (size_t handled = 0; handled < 137 && ids.size() < kEvents; ++handled) {
      const auto message = stream.NextEvent();
      ASSERT_TRUE(message) << ids.size();
      ids.push_back(message->event().id());
      cursor = message->cursor();
    }
    ++cuts;
  }
  events.join();
  EXPECT_GE(cuts, 7u);
  EXPECT_EQ(ids, Kept("P_MEDIANT"));
}

TEST_F(NoticesE2eTest, WhoReadsSlowlyHoldsUpNobodyAndGetsAll) {
  Start();
  RawStream slow(NewConnection("P_MEDIANT"), From(""));
  ASSERT_TRUE(slow.Next());
  // More than the connection and the door hold together.
  constexpr int kEvents = 600;
  for (int i = 0; i < kEvents; ++i) {
    ASSERT_THAT(Happen(), IsOk());
    if (i % 100 != 0) continue;
    // Others are told meanwhile.
    RawStream other(NewConnection("P_ALMELO"), From(""));
    EXPECT_TRUE(other.NextEvent());
  }
  std::vector<std::string> ids;
  while (ids.size() < kEvents) {
    const auto message = slow.NextEvent();
    ASSERT_TRUE(message) << ids.size();
    ids.push_back(message->event().id());
  }
  EXPECT_EQ(ids, Kept("P_MEDIANT"));
}

TEST_F(NoticesE2eTest, ACursorOutlivesABrokerThatIsKilled) {
  Start();
  std::vector<std::string> ids;
  std::string cursor;
  for (int round = 0; round < 3; ++round) {
    RawStream stream(NewConnection("P_MEDIANT"), From(cursor));
    for (int i = 0; i < 5; ++i) ASSERT_THAT(Happen(), IsOk());
    // Two of five are handled before the broker is gone.
    for (int i = 0; i < 2; ++i) {
      const auto message = stream.NextEvent();
      ASSERT_TRUE(message);
      ids.push_back(message->event().id());
      cursor = message->cursor();
    }
    daemon_.Kill();
    while (stream.Next()) {
    }
    EXPECT_TRUE(stream.ended());
    ASSERT_THAT(daemon_.Start(), IsOk()) << daemon_.ReadLog();
    ASSERT_THAT(transport_.SetClock(TestNow()), IsOk());
  }
  RawStream stream(NewConnection("P_MEDIANT"), From(cursor));
  while (ids.size() < 15) {
    const auto message = stream.NextEvent();
    ASSERT_TRUE(message);
    ids.push_back(message->event().id());
  }
  EXPECT_EQ(ids, Kept("P_MEDIANT"));
}

TEST_F(NoticesE2eTest, AStopEndsTheStreamsAndSaysWhy) {
  Start();
  RawStream stream(NewConnection("P_MEDIANT"), {});
  ASSERT_TRUE(stream.Next());
  daemon_.Signal(SIGTERM);
  while (stream.Next()) {
  }
  ASSERT_TRUE(stream.ended());
  const grpc::Status end = stream.Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::UNAVAILABLE) << end.error_message();
  EXPECT_THAT(daemon_.WaitForExit(kPatience), IsOk());
}

TEST_F(NoticesE2eTest, ARevokedCertificateEndsTheStream) {
  Start();
  RawStream stream(NewConnection("P_MEDIANT"), {});
  ASSERT_TRUE(stream.Next());
  ASSERT_THAT(Happen(), IsOk());
  ASSERT_TRUE(stream.NextEvent());
  ASSERT_THAT(daemon_.Revoke("P_MEDIANT"), IsOk());
  // Within a second or two of the new CRL; what happens after that is not told.
  const absl::Time until = absl::Now() + kPatience;
  while (!stream.ended() && absl::Now() < until) {
    ASSERT_THAT(Happen(), IsOk());
    stream.Next(absl::Milliseconds(200));
  }
  ASSERT_TRUE(stream.ended());
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  // Others go on.
  RawStream other(NewConnection("P_ALMELO"), From(""));
  EXPECT_TRUE(other.NextEvent());
}

TEST_F(NoticesE2eTest, BadRequestsEndTheStreamWithTheElement) {
  Start();
  v1::SubscribeRequest request;
  request.add_types("nl.sluis.no-such-thing");
  RawStream stream(NewConnection("P_MEDIANT"), request);
  EXPECT_FALSE(stream.Next());
  ASSERT_TRUE(stream.ended());
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  client::Client client = Connect("P_MEDIANT");
  client::SubscribeOptions options;
  options.cursor = "yesterday";
  const auto subscription = client.Subscribe(options, [](const client::NoticeEvent&) {});
  ASSERT_THAT(subscription, IsOk());
  const absl::Status end = (*subscription)->WaitForEnd(kPatience);
  EXPECT_THAT(end, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(MetadataOf(end)["field"], "cursor");
}

// Events as they come, to be waited for.
class Heard {
 public:
  client::NoticeHandler Handler() {
    return [this](const client::NoticeEvent& event) {
      const MutexLock lock(mutex_);
      events_.push_back(event);
      changed_.NotifyAll();
    };
  }
  // All that came, once there are so many.
  std::vector<client::NoticeEvent> Await(size_t count) {
    const absl::Time until = absl::Now() + kPatience;
    const MutexLock lock(mutex_);
    while (events_.size() < count && absl::Now() < until)
      changed_.WaitFor(mutex_, until - absl::Now());
    return events_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<client::NoticeEvent> events_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(NoticesE2eTest, TheClientComesBackByItself) {
  Start();
  // To the same doors after a restart.
  const int port = daemon_.port();
  const int admin_port = daemon_.admin_port();
  ASSERT_THAT(daemon_.Terminate(), IsOk());
  daemon_.Edit([&](config::v1::Config& config) {
    config.mutable_listen()->set_address(absl::StrCat("127.0.0.1:", port));
    config.mutable_admin()->set_address(absl::StrCat("127.0.0.1:", admin_port));
  });
  ASSERT_THAT(daemon_.Start(), IsOk()) << daemon_.ReadLog();
  AwaitDoors();
  client::Client client = Connect("P_MEDIANT");
  Heard heard;
  client::SubscribeOptions options;
  options.start = client::NoticeStart::kOldest;
  options.last_retry = absl::Seconds(1);
  const auto subscription = client.Subscribe(options, heard.Handler());
  ASSERT_THAT(subscription, IsOk());
  for (int i = 0; i < 3; ++i) ASSERT_THAT(Happen(), IsOk());
  ASSERT_EQ(heard.Await(3).size(), 3u);
  daemon_.Kill();
  ASSERT_THAT(daemon_.Start(), IsOk()) << daemon_.ReadLog();
  AwaitDoors();
  for (int i = 0; i < 3; ++i) ASSERT_THAT(Happen(), IsOk());
  // In order; an event may come twice, by the same id.
  std::vector<std::string> ids;
  std::set<std::string> seen;
  const auto kept = Kept("P_MEDIANT");
  ASSERT_EQ(kept.size(), 6u);
  for (size_t want = 6; seen.size() < kept.size(); ++want) {
    const auto events = heard.Await(want);
    ASSERT_EQ(events.size(), want);
    ids.clear();
    seen.clear();
    for (const auto& event : events) {
      if (seen.insert(event.id).second) ids.push_back(event.id);
    }
  }
  EXPECT_EQ(ids, kept);
  EXPECT_NE((*subscription)->cursor(), "");
}

// Request, decision, notice, release: by the client's own calls.
TEST_F(NoticesE2eTest, ADecisionFromTheQuestionToTheValue) {
  Start();
  client::Client mediant = Connect("P_MEDIANT");
  client::Client almelo = Connect("P_ALMELO");
  const client::Context professional{"GGZ", std::string(kActor), {}, {}};
  const client::Context wijkteam{"GEM_COLLEGE_WMO", std::string(kActor), {}, {}};
  const std::string other = "crisisafspraken_24_7";
  v1::DepositFieldRequest deposit = world_.NewDeposit();
  deposit.set_field(other);
  deposit.mutable_content()->mutable_value()->set_text("bel de crisisdienst");
  ASSERT_THAT(world_.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit),
              IsOk());
  v1::RecordConsentRequest consent;
  *consent.mutable_consent() = world_.NewConsent();
  consent.mutable_consent()->add_fields(other);
  ASSERT_THAT(world_.Send<v1::RecordConsentResponse>(kGgz, "ConsentService/RecordConsent", consent),
              IsOk());

  Heard at_mediant;
  Heard at_almelo;
  client::SubscribeOptions options;
  options.start = client::NoticeStart::kOldest;
  options.types = {"nl.sluis.decision-asked", "nl.sluis.decision-taken"};
  const auto first = mediant.Subscribe(options, at_mediant.Handler());
  const auto second = almelo.Subscribe(options, at_almelo.Handler());
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());

  client::RequestFieldsRequest question;
  question.casus_id = world_.casus_id();
  question.tafel = "K_WMO_525";
  question.source = {"P_MEDIANT", "GGZ"};
  question.purpose = "D02";
  question.person_id = world_.wijkteam_person();
  question.fields = {{std::string(kField), "voor het gesprek"}, {other, "voor de nacht"}};
  auto answer = almelo.RequestFields(wijkteam, question);
  ASSERT_THAT(answer.status(), IsOk());
  for (const auto& field : answer->decision.fields)
    ASSERT_EQ(field.outcome, Outcome::kNeedsDecision) << field.field;

  // The source is told, and one of its professionals looks.
  const auto asked = at_mediant.Await(1);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].type, "nl.sluis.decision-asked");
  EXPECT_EQ(asked[0].subject, world_.casus_id());
  const auto inbox = mediant.ListDecisionRequests();
  ASSERT_THAT(inbox.status(), IsOk());
  ASSERT_EQ(inbox->requests.size(), 1u);
  const std::string id = inbox->requests[0].decision_request_id;
  EXPECT_THAT(asked[0].data, HasSubstr(id));
  const auto request = mediant.GetDecisionRequest(professional, id);
  ASSERT_THAT(request.status(), IsOk());
  ASSERT_EQ(request->fields.size(), 2u);
  EXPECT_EQ(request->fields[0].motivation, "voor het gesprek");
  EXPECT_THAT(request->fields[0].kinds, ElementsAre("SELECTIE"));

  // Provides part, on a condition.
  client::DecideRequest decide;
  decide.decision_request_id = id;
  decide.kind = "SELECTIE";
  decide.result = "GIVEN";
  decide.fields = {std::string(kField)};
  decide.reason = "dit is genoeg";
  decide.until = CivilDate::Parse("2027-03-01").value();
  decide.conditions = {{"EINDDATUM", CivilDate::Parse("2027-01-31").value(), {}}};
  decide.reference = "dossier 12";
  const auto decided = mediant.Decide(professional, decide);
  ASSERT_THAT(decided.status(), IsOk());
  EXPECT_NE(decided->given_fact_id, "");
  EXPECT_NE(decided->refused_fact_id, "");
  EXPECT_EQ(decided->proof.entries.size(), 1u);
  EXPECT_THAT(mediant.Decide(professional, decide).status(),
              IsError(absl::StatusCode::kFailedPrecondition, "DECISION_CLOSED"));

  // The asker is told, asks again, and gets that part.
  const auto taken = at_almelo.Await(2);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_THAT(taken[0].data, HasSubstr("GIVEN"));
  EXPECT_THAT(taken[0].data, HasSubstr("2027-01-31"));
  EXPECT_THAT(taken[1].data, HasSubstr("REFUSED"));
  answer = almelo.RequestFields(wijkteam, question);
  ASSERT_THAT(answer.status(), IsOk());
  ASSERT_EQ(answer->decision.fields.size(), 2u);
  EXPECT_EQ(answer->decision.fields[0].outcome, Outcome::kRelease);
  EXPECT_TRUE(answer->decision.fields[0].value);
  EXPECT_EQ(answer->decision.fields[1].outcome, Outcome::kRefuse);
  EXPECT_EQ(answer->decision.fields[1].code, "SOURCE_OBJECTS");

  // And after the day of the condition no longer.
  ASSERT_THAT(transport_.SetClock(TestNow() + absl::Hours(24 * 64)), IsOk());
  answer = almelo.RequestFields(wijkteam, question);
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_EQ(answer->decision.fields[0].code, "SOURCE_CONDITION");

  // The pages say the same as the stream.
  client::ListNoticesRequest list;
  list.start = client::NoticeStart::kOldest;
  list.types = options.types;
  const auto page = almelo.ListNotices(list);
  ASSERT_THAT(page.status(), IsOk());
  ASSERT_EQ(page->events.size(), 2u);
  EXPECT_EQ(page->events[0].id, taken[0].id);
  EXPECT_EQ(page->events[1].id, taken[1].id);
}

}  // namespace
}  // namespace sluis::broker
