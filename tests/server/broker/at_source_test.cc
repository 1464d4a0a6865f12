// Values that a source keeps itself: asked for after the decision, delivered by a second entry, and
// every way in which a source's system can fail at that.

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "fake_source.h"
#include "faulty_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/audit/leaf.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/broker/scheduler.h"
#include "sluis/ledger/ledger.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/testing/world.h"
#include "sluis/v1/audit.pb.h"

namespace sluis::broker {
namespace {

using log::v1::EventKind;
using policy::v1::FieldOutcome;
using policy::v1::ReasonCode;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using ::testing::Not;
using Code = absl::StatusCode;
using Outcome = v1::DeliveryOutcome;

constexpr std::string_view kOther = "behandelaar_contact";
constexpr std::string_view kSecret = "KWIKSTAART rustig spreken";
constexpr Side kPolitie{"P_POLITIE_ON", "POLITIE"};
constexpr Side kToezicht{"P_TOEZICHT", "AUDITOR"};

using Response = absl::StatusOr<v1::RequestFieldsResponse>;

struct LogEntry {
  int kind = 0;
  audit::Leaf leaf;
  log::v1::Record record;
  std::string raw_record;
};

class AtSourceTest : public ::testing::Test {
 protected:
  explicit AtSourceTest(absl::Duration limit = absl::Seconds(30)) {
    const std::string directory = directory_.path().string();
    assembly::AssemblyOptions options =
        OptionsOn(directory, std::make_unique<FaultyStore>(OpenStoreIn(directory), faults_));
    options.source_time_limit = limit;
    auto opened = assembly::Assembly::Open(std::move(options), TestLogKey());
    EXPECT_THAT(opened, IsOk());
    assembly_ = *std::move(opened);
    assembly_->clock().Set(TestNow());
    transport_ = std::make_unique<AssemblyTransport>(*assembly_);
    world_ = std::make_unique<SmallWorld>(*transport_);
  }

  void SetUp() override {
    ASSERT_THAT(world_->PutActors({"P_POLITIE_ON", "P_TOEZICHT"}), IsOk());
    ASSERT_THAT(world_->Build(), IsOk());
    ASSERT_THAT(Consent(), IsOk());
    ASSERT_THAT(Keep(), IsOk());
  }
  void TearDown() override { EXPECT_THAT(VerifyLog(), IsOk()); }

  // For both fields of the story.
  absl::StatusOr<v1::RecordConsentResponse> Consent() {
    v1::RecordConsentRequest request;
    *request.mutable_consent() = world_->NewConsent();
    request.mutable_consent()->add_fields(std::string(kOther));
    return world_->Send<v1::RecordConsentResponse>(kGgz, "ConsentService/RecordConsent", request);
  }
  v1::KeepAtSourceRequest NewKeep(std::string_view field = kField) const {
    v1::KeepAtSourceRequest request;
    request.set_person_id(world_->ggz_person());
    request.set_field(std::string(field));
    request.set_value_date("2026-10-01");
    request.set_first_processed("2026-10-01");
    request.set_deposit_end("2099-12-31");
    return request;
  }
  absl::StatusOr<v1::KeepAtSourceResponse> Keep(const v1::KeepAtSourceRequest& request) {
    return world_->Send<v1::KeepAtSourceResponse>(kGgz, "FieldService/KeepAtSource", request);
  }
  absl::StatusOr<v1::KeepAtSourceResponse> Keep(std::string_view field = kField) {
    return Keep(NewKeep(field));
  }
  absl::Status DepositOther() {
    v1::DepositFieldRequest deposit = world_->NewDeposit();
    deposit.set_field(std::string(kOther));
    deposit.mutable_content()->mutable_value()->set_text("mw. Lansink, tst 14");
    return world_->Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit)
        .status();
  }

  v1::RequestFieldsRequest Question(const std::vector<std::string_view>& fields = {kField}) const {
    v1::RequestFieldsRequest request = world_->Question();
    request.clear_fields();
    for (const std::string_view field : fields) {
      auto& asked = *request.add_fields();
      asked.set_field(std::string(field));
      asked.set_motivation("nodig voor deze vraag");
    }
    request.set_request_id(testing::NewRequestId());
    request.set_acting_hat(std::string(kWijkteam.hat));
    request.set_professional(std::string(kActor));
    return request;
  }
  std::future<Response> Start(const v1::RequestFieldsRequest& request,
                              absl::Time deadline = absl::InfiniteFuture()) {
    auto promise = std::make_shared<std::promise<Response>>();
    transport_->Start(kWijkteam.partij, "/sluis.v1.SharingService/RequestFields",
                      request.SerializeAsString(), deadline,
                      [promise](const absl::StatusOr<std::string>& bytes) {
                        if (!bytes.ok()) return promise->set_value(bytes.status());
                        v1::RequestFieldsResponse response;
                        if (!response.ParseFromString(*bytes))
                          return promise->set_value(absl::InternalError("unreadable"));
                        promise->set_value(std::move(response));
                      });
    return promise->get_future();
  }
  static Response Await(std::future<Response>& future) {
    if (future.wait_for(absl::ToChronoMilliseconds(kPatience)) != std::future_status::ready)
      return absl::DeadlineExceededError("no answer");
    return future.get();
  }
  Response Ask(const v1::RequestFieldsRequest& request) {
    auto future = Start(request);
    return Await(future);
  }

  std::unique_ptr<FakeSource> Mediant(size_t room = 1000) {
    auto source = std::make_unique<FakeSource>(*assembly_, kGgz.partij,
                                               std::vector<std::string>{"GGZ"}, room);
    EXPECT_TRUE(source->is_ready());
    return source;
  }

  static Outcome::Id OutcomeOfField(const Response& response, std::string_view field = kField) {
    if (!response.ok()) return Outcome::DELIVERY_OUTCOME_UNSPECIFIED;
    for (const auto& each : response->delivery().fields()) {
      if (each.field() == field) return each.outcome();
    }
    return Outcome::DELIVERY_OUTCOME_UNSPECIFIED;
  }
  static std::vector<std::string> Delivered(const Response& response) {
    std::vector<std::string> fields;
    if (!response.ok()) return fields;
    for (const auto& value : response->values()) fields.push_back(value.field());
    return fields;
  }

  LogEntry EntryAt(uint64_t index) {
    LogEntry entry;
    const auto reader = assembly_->store().Read();
    EXPECT_THAT(reader, IsOk());
    const auto rows = (*reader)->Entries(index, 1);
    EXPECT_THAT(rows, IsOk());
    if (!rows.ok() || rows->empty()) return entry;
    entry.kind = rows->front().kind;
    entry.raw_record = rows->front().record;
    entry.leaf = *audit::DecodeLeaf(rows->front().leaf);
    EXPECT_TRUE(entry.record.ParseFromString(entry.raw_record));
    return entry;
  }
  uint64_t LogSize() { return assembly_->ledger().published().size; }
  absl::Status VerifyLog() {
    const auto reader = assembly_->store().Read();
    if (!reader.ok()) return reader.status();
    const auto problems =
        ledger::VerifyStoredLog(**reader, testing::kTestOrigin, assembly_->ledger().verifier());
    if (!problems.ok()) return problems.status();
    return problems->empty() ? absl::OkStatus() : absl::InternalError(problems->front());
  }
  // Both entries are there, in this order, and tell what the requester was told.
  void ExpectTwoEntries(const Response& response, EventKind::Id second) {
    ASSERT_THAT(response, IsOk());
    ASSERT_EQ(response->receipts_size(), 2);
    const uint64_t decision = response->receipts(0).index();
    const uint64_t delivery = response->receipts(1).index();
    EXPECT_LT(decision, delivery);
    EXPECT_EQ(response->delivery().decision_index(), decision);
    const LogEntry first = EntryAt(decision);
    const LogEntry last = EntryAt(delivery);
    EXPECT_EQ(first.kind, EventKind::FIELDS_REQUESTED);
    EXPECT_EQ(last.kind, second);
    EXPECT_EQ(audit::EncodeLeaf(first.leaf), response->receipts(0).leaf());
    EXPECT_EQ(audit::EncodeLeaf(last.leaf), response->receipts(1).leaf());
    EXPECT_EQ(first.leaf.request, last.leaf.request);
    EXPECT_EQ(last.record.decided_in(), decision + 1);
    EXPECT_EQ(last.record.caller(), kWijkteam.partij);
    EXPECT_EQ(last.record.pseudonym(), first.record.pseudonym());
    ASSERT_EQ(last.record.deliveries_size(), response->delivery().fields_size());
    for (int i = 0; i < last.record.deliveries_size(); ++i) {
      EXPECT_EQ(last.record.deliveries(i).field(), response->delivery().fields(i).field());
      EXPECT_EQ(last.record.deliveries(i).outcome(), response->delivery().fields(i).outcome());
    }
    EXPECT_THAT(last.raw_record, Not(HasSubstr("KWIKSTAART")));
    EXPECT_THAT(VerifyLog(), IsOk());
  }

  // Waits until the log has this many entries.
  void AwaitLogSize(uint64_t size) {
    const absl::Time until = absl::Now() + kPatience;
    while (LogSize() < size && absl::Now() < until) absl::SleepFor(absl::Milliseconds(5));
    ASSERT_EQ(LogSize(), size);
  }
  // The second entry of a decision that nobody delivered.
  void ExpectNobodyDelivered(uint64_t decision, uint64_t delivery) {
    const LogEntry entry = EntryAt(delivery);
    EXPECT_EQ(entry.kind, EventKind::NOT_DELIVERED);
    EXPECT_EQ(entry.record.decided_in(), decision + 1);
    EXPECT_EQ(entry.record.caller(), kWijkteam.partij);
    EXPECT_EQ(entry.leaf.request, EntryAt(decision).leaf.request);
    ASSERT_EQ(entry.record.deliveries_size(), 1);
    EXPECT_EQ(entry.record.deliveries(0).field(), kField);
    EXPECT_EQ(entry.record.deliveries(0).outcome(), Outcome::BROKER_STOPPED);
  }
  std::vector<store::Document> Pending() {
    const auto reader = assembly_->store().Read();
    EXPECT_THAT(reader, IsOk());
    const auto rows = (*reader)->Scan(store::Table::kJob, "delivery/", {}, 100);
    EXPECT_THAT(rows, IsOk());
    return *rows;
  }

  const testing::TempDir directory_;
  Faults faults_;
  std::unique_ptr<assembly::Assembly> assembly_;
  std::unique_ptr<AssemblyTransport> transport_;
  std::unique_ptr<SmallWorld> world_;
};

// The source has little time.
class HastyTest : public AtSourceTest {
 protected:
  HastyTest() : AtSourceTest(absl::Milliseconds(200)) {}
};

// ---- The good path ----

TEST_F(AtSourceTest, AValueIsAskedAfterItsDecisionAndDeliveredByASecondEntry) {
  const auto source = Mediant();
  EXPECT_EQ(source->ready()->ready().time_limit_ms(), 30000);
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  // The decision is durable before the source hears of it.
  EXPECT_LT(question->decision_index(), LogSize());
  EXPECT_EQ(EntryAt(question->decision_index()).kind, EventKind::FIELDS_REQUESTED);
  // No more than this.
  v1::Question expected;
  expected.set_question_id(question->question_id());
  expected.set_casus_id(world_->casus_id());
  expected.set_person_id(world_->ggz_person());
  expected.set_hat("GGZ");
  expected.add_fields(std::string(kField));
  expected.set_purpose("D02");
  expected.mutable_recipient()->set_partij(std::string(kWijkteam.partij));
  expected.mutable_recipient()->set_hat(std::string(kWijkteam.hat));
  expected.set_decision_index(question->decision_index());
  EXPECT_EQ(question->SerializeAsString(), expected.SerializeAsString());
  EXPECT_NE(question->person_id(), world_->wijkteam_person());

  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  const Response response = Await(future);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->answer().fields(0).outcome(), FieldOutcome::RELEASE);
  EXPECT_EQ(response->answer().fields(0).value_state(), v1::VALUE_STATE_AT_DELIVERY);
  EXPECT_THAT(response->answer().fields(0).value_commitment(), "");
  ASSERT_EQ(response->delivery().fields_size(), 1);
  EXPECT_EQ(OutcomeOfField(response), Outcome::DELIVERED);
  ASSERT_EQ(response->values_size(), 1);
  const v1::DeliveredValue& value = response->values(0);
  EXPECT_EQ(value.content().value().text(), kSecret);
  EXPECT_EQ(value.content().value_date(), "2026-10-01");
  const auto salt = audit::Salt::FromBytes(value.salt());
  ASSERT_THAT(salt, IsOk());
  EXPECT_EQ(response->delivery().fields(0).value_commitment(),
            audit::CommitValue(*salt, value.content().SerializeAsString()).bytes());
  ExpectTwoEntries(response, EventKind::DELIVERED);
  // Nothing was kept of it.
  EXPECT_EQ(source->peer().waiting(), 0U);
}

TEST_F(AtSourceTest, TheDecisionsEntryIsTheSameWhateverTheSourceSays) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  const LogEntry before = EntryAt(question->decision_index());
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  ASSERT_THAT(Await(future), IsOk());
  EXPECT_EQ(EntryAt(question->decision_index()).leaf, before.leaf);
}

TEST_F(AtSourceTest, DepositedAndAtSourceComeTogether) {
  ASSERT_THAT(DepositOther(), IsOk());
  const auto source = Mediant();
  auto future = Start(Question({kOther, kField}));
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  ASSERT_EQ(question->fields_size(), 1);
  EXPECT_EQ(question->fields(0), kField);
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  const Response response = Await(future);
  ASSERT_THAT(response, IsOk());
  for (const auto& field : response->answer().fields())
    EXPECT_EQ(field.value_state(), v1::VALUE_STATE_AT_DELIVERY);
  EXPECT_EQ(OutcomeOfField(response, kOther), Outcome::DELIVERED);
  EXPECT_EQ(OutcomeOfField(response, kField), Outcome::DELIVERED);
  EXPECT_THAT(Delivered(response),
              ::testing::ElementsAre(std::string(kOther), std::string(kField)));
  ExpectTwoEntries(response, EventKind::DELIVERED);
}

TEST_F(AtSourceTest, AnAnswerMayComeInParts) {
  ASSERT_THAT(Keep(kOther), IsOk());
  const auto source = Mediant();
  auto future = Start(Question({kField, kOther}));
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->fields_size(), 2);
  source->Say(TextAnswer(question->question_id(), kOther, "mw. Lansink"));
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  const Response response = Await(future);
  EXPECT_THAT(Delivered(response),
              ::testing::ElementsAre(std::string(kField), std::string(kOther)));
}

TEST_F(AtSourceTest, OnlyTheDepositedIsAskedOfNobody) {
  ASSERT_THAT(DepositOther(), IsOk());
  const auto source = Mediant();
  const Response response = Ask(Question({kOther}));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->answer().fields(0).value_state(), v1::VALUE_STATE_DELIVERED);
  EXPECT_FALSE(response->has_delivery());
  EXPECT_EQ(response->receipts_size(), 1);
  EXPECT_EQ(source->peer().waiting(), 0U);
}

TEST_F(AtSourceTest, ASourceThatHoldsNothingSaysSo) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  v1::AnswerRequest answer;
  answer.mutable_answer()->set_question_id(question->question_id());
  answer.mutable_answer()->add_fields()->set_field(std::string(kField));
  answer.mutable_answer()->mutable_fields(0)->mutable_none_held();
  source->Say(answer);
  const Response response = Await(future);
  EXPECT_EQ(OutcomeOfField(response), Outcome::NONE_HELD);
  EXPECT_THAT(Delivered(response), ::testing::IsEmpty());
  ExpectTwoEntries(response, EventKind::NOT_DELIVERED);
}

TEST_F(AtSourceTest, ASourceObjectsAndTheRequesterDoesNotLearnWhy) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  v1::AnswerRequest answer;
  answer.mutable_answer()->set_question_id(question->question_id());
  answer.mutable_answer()->add_fields()->set_field(std::string(kField));
  answer.mutable_answer()->mutable_fields(0)->mutable_objection()->set_ground(
      v1::ObjectionGround::INVESTIGATION);
  source->Say(answer);
  const Response response = Await(future);
  EXPECT_EQ(OutcomeOfField(response), Outcome::SOURCE_OBJECTS);
  EXPECT_THAT(Delivered(response), ::testing::IsEmpty());
  ExpectTwoEntries(response, EventKind::NOT_DELIVERED);
  EXPECT_EQ(EntryAt(response->receipts(1).index()).record.deliveries(0).ground(),
            v1::ObjectionGround::INVESTIGATION);
  // Who may see the ground in the log.
  const auto ground_seen_by = [&](Side side) -> std::string {
    v1::SearchEventsRequest request;
    request.set_usage_purpose(v1::USAGE_PURPOSE_LAWFULNESS_CONTROL);
    request.add_kinds("NOT_DELIVERED");
    const auto found =
        world_->Send<v1::SearchEventsResponse>(side, "AuditService/SearchEvents", request);
    EXPECT_THAT(found, IsOk());
    if (!found.ok() || found->answer().events_size() != 1) return "not one event";
    const v1::Event& event = found->answer().events(0);
    EXPECT_EQ(event.decided_in(), response->receipts(0).index() + 1);
    EXPECT_EQ(event.fields(0).delivery(), "SOURCE_OBJECTS");
    return event.fields(0).objection_ground();
  };
  EXPECT_EQ(ground_seen_by(kWijkteam), "");
  EXPECT_EQ(ground_seen_by(kGgz), "INVESTIGATION");
  EXPECT_EQ(ground_seen_by(kToezicht), "INVESTIGATION");
}

// ---- Who is not asked ----

TEST_F(AtSourceTest, ADryRunAsksNobody) {
  const auto source = Mediant();
  auto request = Question();
  request.set_validate_only(true);
  const Response response = Ask(request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->answer().fields(0).outcome(), FieldOutcome::RELEASE);
  EXPECT_EQ(response->answer().fields(0).value_state(), v1::VALUE_STATE_UNSPECIFIED);
  EXPECT_FALSE(response->has_delivery());
  EXPECT_EQ(response->receipts_size(), 1);
  EXPECT_EQ(source->peer().waiting(), 0U);
}

TEST_F(AtSourceTest, WhatIsNotReleasedIsNeverAsked) {
  // Whether she is a patient is neither confirmed nor denied: no consent covers it.
  constexpr std::string_view kPatient = "in_zorg_indicatie";
  const auto source = Mediant();
  const Response unknown = Ask(Question({kPatient}));
  ASSERT_THAT(Keep(kPatient), IsOk());
  const Response kept = Ask(Question({kPatient}));
  ASSERT_THAT(unknown, IsOk());
  ASSERT_THAT(kept, IsOk());
  EXPECT_EQ(CodeOf(*kept), ReasonCode::NCND);
  EXPECT_EQ(kept->answer().SerializeAsString(), unknown->answer().SerializeAsString());
  EXPECT_FALSE(kept->has_delivery());
  EXPECT_EQ(kept->receipts_size(), unknown->receipts_size());
  EXPECT_EQ(source->peer().waiting(), 0U);
}

TEST_F(AtSourceTest, BesideAReleasedFieldOneThatIsNotIsNotAsked) {
  constexpr std::string_view kPatient = "in_zorg_indicatie";
  ASSERT_THAT(Keep(kPatient), IsOk());
  const auto source = Mediant();
  auto future = Start(Question({kPatient, kField}));
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  ASSERT_EQ(question->fields_size(), 1);
  EXPECT_EQ(question->fields(0), kField);
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  const Response response = Await(future);
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->delivery().fields_size(), 1);
  EXPECT_EQ(response->delivery().fields(0).field(), kField);
}

// ---- A source that is not there, or fails ----

TEST_F(AtSourceTest, WithoutAStreamTheAnswerComesAtOnce) {
  const absl::Time begun = absl::Now();
  const Response response = Ask(Question());
  EXPECT_LT(absl::Now() - begun, absl::Seconds(15));  // half of the limit
  EXPECT_EQ(OutcomeOfField(response), Outcome::SOURCE_UNREACHABLE);
  EXPECT_THAT(Delivered(response), ::testing::IsEmpty());
  ExpectTwoEntries(response, EventKind::NOT_DELIVERED);
}

TEST_F(AtSourceTest, AStreamOfAnotherHatIsNone) {
  FakeSource regie(*assembly_, "P_ALMELO", {"GEM_PROCESREGIE"});
  ASSERT_TRUE(regie.is_ready());
  EXPECT_EQ(OutcomeOfField(Ask(Question())), Outcome::SOURCE_UNREACHABLE);
  EXPECT_EQ(regie.peer().waiting(), 0U);
}

TEST_F(HastyTest, ASilentSourceIsNotWaitedForLonger) {
  const auto source = Mediant();
  const Response response = Ask(Question());
  EXPECT_EQ(OutcomeOfField(response), Outcome::SOURCE_SILENT);
  EXPECT_THAT(Delivered(response), ::testing::IsEmpty());
  ExpectTwoEntries(response, EventKind::NOT_DELIVERED);
}

TEST_F(HastyTest, AnAnswerThatComesTooLateIsDropped) {
  const auto source = Mediant();
  const Response response = Ask(Question());
  EXPECT_EQ(OutcomeOfField(response), Outcome::SOURCE_SILENT);
  const uint64_t size = LogSize();
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  const auto refusal = source->TakeRefusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason(), "QUESTION_UNKNOWN");
  EXPECT_EQ(refusal->question_id(), question->question_id());
  EXPECT_EQ(LogSize(), size);
  EXPECT_TRUE(source->peer().open());
}

TEST_F(HastyTest, WhatWasDepositedComesThoughTheSourceIsSilent) {
  ASSERT_THAT(DepositOther(), IsOk());
  const auto source = Mediant();
  const Response response = Ask(Question({kField, kOther}));
  EXPECT_EQ(OutcomeOfField(response, kField), Outcome::SOURCE_SILENT);
  EXPECT_EQ(OutcomeOfField(response, kOther), Outcome::DELIVERED);
  EXPECT_THAT(Delivered(response), ::testing::ElementsAre(std::string(kOther)));
  ExpectTwoEntries(response, EventKind::DELIVERED);
}

TEST_F(AtSourceTest, TheCallersDeadlineBoundsTheSource) {
  const auto source = Mediant();
  const absl::Time deadline = absl::Now() + absl::Seconds(3);
  auto future = Start(Question(), deadline);
  const Response response = Await(future);
  EXPECT_LT(absl::Now(), deadline + absl::Seconds(10));  // the limit is 30 seconds
  EXPECT_EQ(OutcomeOfField(response), Outcome::SOURCE_SILENT);
}

TEST_F(AtSourceTest, ASourceThatLeavesMidAnswerGaveWhatItGave) {
  ASSERT_THAT(Keep(kOther), IsOk());
  const auto source = Mediant();
  auto future = Start(Question({kField, kOther}));
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  source->Say(TextAnswer(question->question_id(), kOther, "mw. Lansink"));
  source->Leave();
  const Response response = Await(future);
  EXPECT_EQ(OutcomeOfField(response, kOther), Outcome::DELIVERED);
  EXPECT_EQ(OutcomeOfField(response, kField), Outcome::SOURCE_UNREACHABLE);
  EXPECT_THAT(Delivered(response), ::testing::ElementsAre(std::string(kOther)));
  ExpectTwoEntries(response, EventKind::DELIVERED);
}

TEST_F(AtSourceTest, ASourceThatLeavesWithoutAnAnswerIsUnreachable) {
  const auto source = Mediant();
  auto future = Start(Question());
  ASSERT_TRUE(source->TakeQuestion());
  source->Leave();
  const Response response = Await(future);
  EXPECT_EQ(OutcomeOfField(response), Outcome::SOURCE_UNREACHABLE);
  ExpectTwoEntries(response, EventKind::NOT_DELIVERED);
}

TEST_F(AtSourceTest, NothingThatWasNotAskedPasses) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  auto answer = TextAnswer(question->question_id(), "diagnose_hoofd", "F20");
  *answer.mutable_answer()->add_fields() =
      TextAnswer(question->question_id(), kOther, "mw. Lansink").answer().fields(0);
  *answer.mutable_answer()->add_fields() =
      TextAnswer(question->question_id(), kField, kSecret).answer().fields(0);
  source->Say(answer);
  const Response response = Await(future);
  EXPECT_THAT(Delivered(response), ::testing::ElementsAre(std::string(kField)));
  EXPECT_THAT(response->SerializeAsString(), Not(HasSubstr("F20")));
  EXPECT_THAT(response->SerializeAsString(), Not(HasSubstr("Lansink")));
  for (int i = 0; i < 2; ++i) {
    const auto refusal = source->TakeRefusal();
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->reason(), "FIELD_NOT_ASKED");
    EXPECT_EQ(refusal->field(), "");
  }
  ExpectTwoEntries(response, EventKind::DELIVERED);
}

TEST_F(HastyTest, AnAnswerAboutAnotherFieldIsNone) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  source->Say(TextAnswer(question->question_id(), kOther, "mw. Lansink"));
  const Response response = Await(future);
  EXPECT_EQ(OutcomeOfField(response), Outcome::SOURCE_SILENT);
  EXPECT_THAT(Delivered(response), ::testing::IsEmpty());
  EXPECT_EQ(response->delivery().fields_size(), 1);
  ExpectTwoEntries(response, EventKind::NOT_DELIVERED);
}

TEST_F(AtSourceTest, TheFirstAnswerStands) {
  ASSERT_THAT(Keep(kOther), IsOk());
  const auto source = Mediant();
  auto future = Start(Question({kField, kOther}));
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  source->Say(TextAnswer(question->question_id(), kField, "de eerste"));
  // Again, and twice in one message.
  auto again = TextAnswer(question->question_id(), kField, "de tweede");
  *again.mutable_answer()->add_fields() =
      TextAnswer(question->question_id(), kField, "de derde").answer().fields(0);
  source->Say(again);
  for (int i = 0; i < 2; ++i) {
    const auto refusal = source->TakeRefusal();
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->reason(), "FIELD_NOT_ASKED");
    EXPECT_EQ(refusal->field(), kField);
  }
  source->Say(TextAnswer(question->question_id(), kOther, "mw. Lansink"));
  const Response response = Await(future);
  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->values_size(), 2);
  EXPECT_EQ(response->values(0).content().value().text(), "de eerste");
  // The question is over.
  source->Say(TextAnswer(question->question_id(), kOther, "mw. Anders"));
  const auto refusal = source->TakeRefusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason(), "QUESTION_UNKNOWN");
}

TEST_F(AtSourceTest, AQuestionIsAnsweredByWhoWasAsked) {
  const auto source = Mediant();
  FakeSource politie(*assembly_, kPolitie.partij, {"POLITIE"});
  ASSERT_TRUE(politie.is_ready());
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  politie.Say(TextAnswer(question->question_id(), kField, "van de politie"));
  politie.Say(TextAnswer("00000000-0000-4000-8000-000000000000", kField, "van de politie"));
  const auto guessed = politie.TakeRefusal();
  const auto made_up = politie.TakeRefusal();
  ASSERT_TRUE(guessed && made_up);
  // One that exists looks like one that does not.
  EXPECT_EQ(guessed->reason(), "QUESTION_UNKNOWN");
  EXPECT_EQ(made_up->reason(), guessed->reason());
  EXPECT_EQ(made_up->field(), guessed->field());
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  const Response response = Await(future);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->values(0).content().value().text(), kSecret);
}

TEST_F(AtSourceTest, WhatIsNoValueOfTheFieldIsNotDelivered) {
  const auto source = Mediant();
  const auto with = [&](const std::function<void(v1::AnsweredField&)>& say) {
    auto future = Start(Question());
    const auto question = source->TakeQuestion();
    if (!question) return std::string("no question");
    v1::AnswerRequest answer;
    answer.mutable_answer()->set_question_id(question->question_id());
    v1::AnsweredField& said = *answer.mutable_answer()->add_fields();
    said.set_field(std::string(kField));
    say(said);
    source->Say(answer);
    const Response response = Await(future);
    EXPECT_EQ(OutcomeOfField(response), Outcome::SOURCE_ANSWER_REFUSED);
    EXPECT_THAT(Delivered(response), ::testing::IsEmpty());
    EXPECT_THAT(response->SerializeAsString(), Not(HasSubstr("KWIKSTAART")));
    ExpectTwoEntries(response, EventKind::NOT_DELIVERED);
    const auto refusal = source->TakeRefusal();
    return refusal ? refusal->reason() + " " + refusal->element() : std::string("not told");
  };
  EXPECT_EQ(with([](auto&) {}), "MALFORMED result");
  EXPECT_EQ(with([](auto& said) { said.mutable_content(); }), "MALFORMED content.value");
  EXPECT_EQ(with([](auto& said) { said.mutable_content()->mutable_value()->set_text(" "); }),
            "MALFORMED content.value");
  // Another type.
  EXPECT_EQ(with([](auto& said) { said.mutable_content()->mutable_value()->set_boolean(true); }),
            "MALFORMED content.value");
  EXPECT_EQ(with([](auto& said) {
              said.mutable_content()->mutable_value()->mutable_list()->add_values()->set_text(
                  "KWIKSTAART");
            }),
            "MALFORMED content.value");
  // Longer than a deposit may be.
  EXPECT_EQ(with([](auto& said) {
              said.mutable_content()->mutable_value()->set_text(std::string(65537, 'x'));
            }),
            "MALFORMED content.value.text");
  // Not what it announced.
  const auto text = [](v1::AnsweredField& said) {
    said.mutable_content()->mutable_value()->set_text(std::string(kSecret));
  };
  EXPECT_EQ(with([&](auto& said) {
              text(said);
              said.mutable_content()->set_value_date("2026-10-02");
            }),
            "ANNOUNCED_OTHERWISE content");
  EXPECT_EQ(with([&](auto& said) {
              text(said);
              said.mutable_content()->mutable_labels()->set_nature(v1::PoliceLabels::FACT);
            }),
            "ANNOUNCED_OTHERWISE content");
  EXPECT_EQ(
      with([&](auto& said) {
        text(said);
        said.mutable_content()->add_conditions()->set_kind(policy::v1::SourceCondition::NIET_DOOR);
      }),
      "ANNOUNCED_OTHERWISE content");
  EXPECT_TRUE(source->peer().open());
}

TEST_F(AtSourceTest, BytesThatCannotBeReadEndTheStreamAndAreAnswered) {
  for (const bool control_character : {false, true}) {
    const auto source = Mediant();
    auto future = Start(Question());
    const auto question = source->TakeQuestion();
    ASSERT_TRUE(question);
    source->SayBytes(
        control_character
            ? TextAnswer(question->question_id(), kField, "KWIKSTAART\x01").SerializeAsString()
            : std::string("\xff\xff\xff KWIKSTAART"));
    const auto ended = source->peer().Ended();
    ASSERT_TRUE(ended);
    EXPECT_THAT(*ended, IsError(Code::kInvalidArgument, "MALFORMED"));
    EXPECT_THAT(std::string(ended->message()), Not(HasSubstr("KWIKSTAART")));
    const Response response = Await(future);
    EXPECT_EQ(OutcomeOfField(response), Outcome::SOURCE_ANSWER_REFUSED);
    ExpectTwoEntries(response, EventKind::NOT_DELIVERED);
    // The attempt is in the log, as one of the source.
    bool recorded = false;
    for (uint64_t i = response->receipts(0).index() + 1; i < LogSize(); ++i) {
      const LogEntry entry = EntryAt(i);
      recorded = recorded ||
                 (entry.kind == EventKind::CALL_REJECTED && entry.record.caller() == kGgz.partij);
    }
    EXPECT_TRUE(recorded);
  }
}

// ---- Between decision and delivery ----

struct Change {
  const char* name;
  std::function<absl::Status(SmallWorld&, const std::string& consent, const std::string& deposit)>
      make;
};

class ChangedTest : public AtSourceTest, public ::testing::WithParamInterface<Change> {};

TEST_P(ChangedTest, AWithdrawalAfterTheDecisionWins) {
  // The same facts again, of which this test knows the ids.
  const auto consent = Consent();
  ASSERT_THAT(consent, IsOk());
  const auto kept = Keep();
  ASSERT_THAT(kept, IsOk());
  ASSERT_THAT(DepositOther(), IsOk());
  const auto source = Mediant();
  auto future = Start(Question({kField, kOther}));
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  ASSERT_THAT(GetParam().make(*world_, consent->answer().consent_id(), kept->answer().deposit_id()),
              IsOk());
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  const Response response = Await(future);
  ASSERT_THAT(response, IsOk());
  // The first answer stands as it was decided; nothing comes of it.
  EXPECT_EQ(response->answer().fields(0).outcome(), FieldOutcome::RELEASE);
  EXPECT_EQ(OutcomeOfField(response), Outcome::NO_LONGER_RELEASED);
  EXPECT_THAT(response->SerializeAsString(), Not(HasSubstr("KWIKSTAART")));
  const bool all = std::string_view(GetParam().name) != "ValueWithdrawn" &&
                   std::string_view(GetParam().name) != "ValueAnnouncedAnew";
  EXPECT_EQ(OutcomeOfField(response, kOther),
            all ? Outcome::NO_LONGER_RELEASED : Outcome::DELIVERED);
  ExpectTwoEntries(response, all ? EventKind::NOT_DELIVERED : EventKind::DELIVERED);
  // It says on what it was decided again.
  EXPECT_TRUE(EntryAt(response->receipts(1).index()).record.has_decision());
}

INSTANTIATE_TEST_SUITE_P(
    Changes, ChangedTest,
    ::testing::Values(
        Change{"Consent",
               [](SmallWorld& world, const std::string& consent, const std::string&) {
                 return world.WithdrawConsent(consent).status();
               }},
        Change{"Objection", [](SmallWorld& world, const std::string&,
                               const std::string&) { return world.Object().status(); }},
        Change{"Removal", [](SmallWorld& world, const std::string&,
                             const std::string&) { return world.Remove(kWijkteam).status(); }},
        Change{"Closing", [](SmallWorld& world, const std::string&,
                             const std::string&) { return world.Close().status(); }},
        Change{"Scaling", [](SmallWorld& world, const std::string&,
                             const std::string&) { return world.Scale(kRegie, "AVE_1").status(); }},
        Change{"ValueWithdrawn",
               [](SmallWorld& world, const std::string&, const std::string& deposit) {
                 v1::WithdrawFieldRequest request;
                 request.set_deposit_id(deposit);
                 return world
                     .Send<v1::WithdrawFieldResponse>(kGgz, "FieldService/WithdrawField", request)
                     .status();
               }},
        Change{"ValueAnnouncedAnew",
               [](SmallWorld& world, const std::string&, const std::string&) {
                 v1::KeepAtSourceRequest request;
                 request.set_person_id(world.ggz_person());
                 request.set_field(std::string(kField));
                 request.set_value_date("2026-10-02");
                 request.set_first_processed("2026-10-01");
                 request.set_deposit_end("2099-12-31");
                 return world
                     .Send<v1::KeepAtSourceResponse>(kGgz, "FieldService/KeepAtSource", request)
                     .status();
               }}),
    [](const auto& change) { return std::string(change.param.name); });

// A deposited value is corrected while another one is fetched: neither the old nor the new one goes
// along, because what was decided was about the old one.
TEST_F(AtSourceTest, AValueThatIsCorrectedMeanwhileIsNotDelivered) {
  v1::DepositFieldRequest deposit = world_->NewDeposit();
  deposit.set_field(std::string(kOther));
  deposit.mutable_content()->mutable_value()->set_text("KWIKSTAART oud");
  const auto deposited =
      world_->Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit);
  ASSERT_THAT(deposited, IsOk());
  const auto source = Mediant();
  auto future = Start(Question({kField, kOther}));
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  v1::CorrectFieldRequest correct;
  correct.set_deposit_id(deposited->answer().deposit_id());
  *correct.mutable_content() = deposit.content();
  correct.mutable_content()->mutable_value()->set_text("KWIKSTAART nieuw");
  ASSERT_THAT(world_->Send<v1::CorrectFieldResponse>(kGgz, "FieldService/CorrectField", correct),
              IsOk());
  source->Say(TextAnswer(question->question_id(), kField, "mag door"));
  const Response response = Await(future);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(OutcomeOfField(response, kOther), Outcome::NO_LONGER_RELEASED);
  EXPECT_EQ(OutcomeOfField(response), Outcome::DELIVERED);
  EXPECT_THAT(Delivered(response), ::testing::ElementsAre(std::string(kField)));
  EXPECT_THAT(response->SerializeAsString(), Not(HasSubstr("KWIKSTAART")));
  ExpectTwoEntries(response, EventKind::DELIVERED);
  EXPECT_TRUE(EntryAt(response->receipts(1).index()).record.has_decision());
  // Asked again it is the new one.
  auto again = Start(Question({kField, kOther}));
  const auto second = source->TakeQuestion();
  ASSERT_TRUE(second);
  source->Say(TextAnswer(second->question_id(), kField, "mag door"));
  const Response corrected = Await(again);
  ASSERT_THAT(corrected, IsOk());
  EXPECT_EQ(OutcomeOfField(corrected, kOther), Outcome::DELIVERED);
  EXPECT_THAT(corrected->SerializeAsString(), HasSubstr("KWIKSTAART nieuw"));
}

TEST_F(AtSourceTest, AChangeThatTakesNothingAwayDoesNotMatter) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  // The facts have another version now.
  ASSERT_THAT(Keep(kOther), IsOk());
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  const Response response = Await(future);
  EXPECT_EQ(OutcomeOfField(response), Outcome::DELIVERED);
  EXPECT_THAT(Delivered(response), ::testing::ElementsAre(std::string(kField)));
  ExpectTwoEntries(response, EventKind::DELIVERED);
}

TEST_F(AtSourceTest, ADayThatEndsMeanwhileCounts) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  // The consent is over then.
  assembly_->clock().Set(TestNow() + absl::Hours(24 * 365));
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  EXPECT_EQ(OutcomeOfField(Await(future)), Outcome::NO_LONGER_RELEASED);
}

// ---- Repeats ----

TEST_F(AtSourceTest, ARepeatIsDecidedAndAskedAnew) {
  const auto source = Mediant();
  const auto request = Question();
  auto first_future = Start(request);
  auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  source->Say(TextAnswer(question->question_id(), kField, "toen"));
  const Response first = Await(first_future);
  ASSERT_THAT(first, IsOk());
  auto future = Start(request);
  question = source->TakeQuestion();
  ASSERT_TRUE(question);
  source->Say(TextAnswer(question->question_id(), kField, "nu"));
  const Response again = Await(future);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->earlier().answer().SerializeAsString(), first->answer().SerializeAsString());
  EXPECT_EQ(again->earlier().receipt().leaf(), first->receipts(0).leaf());
  ASSERT_EQ(again->values_size(), 1);
  EXPECT_EQ(again->values(0).content().value().text(), "nu");
  ExpectTwoEntries(again, EventKind::DELIVERED);
  EXPECT_EQ(EntryAt(again->receipts(0).index()).record.repeats(), first->receipts(0).index() + 1);
}

TEST_F(AtSourceTest, ARepeatAsksOnlyWhatBothRelease) {
  const auto source = Mediant();
  const auto consent = Consent();
  ASSERT_THAT(consent, IsOk());
  const auto request = Question();
  auto future = Start(request);
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  ASSERT_THAT(Await(future), IsOk());
  ASSERT_THAT(world_->WithdrawConsent(consent->answer().consent_id()), IsOk());
  const Response refused = Ask(request);
  ASSERT_THAT(refused, IsOk());
  EXPECT_NE(OutcomeOf(*refused), FieldOutcome::RELEASE);
  EXPECT_FALSE(refused->has_delivery());
  EXPECT_EQ(refused->receipts_size(), 1);
  EXPECT_EQ(source->peer().waiting(), 0U);
}

TEST_F(AtSourceTest, ARepeatOfWhatWasRefusedAsksNobody) {
  const auto source = Mediant();
  const auto consent = Consent();
  ASSERT_THAT(consent, IsOk());
  ASSERT_THAT(world_->WithdrawConsent(consent->answer().consent_id()), IsOk());
  const auto request = Question();
  const Response refused = Ask(request);
  ASSERT_THAT(refused, IsOk());
  ASSERT_NE(OutcomeOf(*refused), FieldOutcome::RELEASE);
  ASSERT_THAT(Consent(), IsOk());
  const Response again = Ask(request);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(OutcomeOf(*again), FieldOutcome::RELEASE);
  EXPECT_FALSE(again->has_delivery());
  EXPECT_THAT(Delivered(again), ::testing::IsEmpty());
  EXPECT_EQ(again->receipts_size(), 1);
  EXPECT_EQ(source->peer().waiting(), 0U);
}

// ---- Several streams ----

TEST_F(AtSourceTest, TheNewestStreamIsAskedAndAnOlderOneTakesOver) {
  const auto older = Mediant();
  const auto newer = Mediant();
  auto future = Start(Question());
  const auto question = newer->TakeQuestion();
  ASSERT_TRUE(question);
  EXPECT_EQ(older->peer().waiting(), 0U);
  newer->Leave();
  const auto again = older->TakeQuestion();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->SerializeAsString(), question->SerializeAsString());
  older->Say(TextAnswer(again->question_id(), kField, kSecret));
  EXPECT_THAT(Delivered(Await(future)), ::testing::ElementsAre(std::string(kField)));
}

TEST_F(AtSourceTest, AStreamThatTakesNothingMoreIsPassedOver) {
  const auto older = Mediant();
  const auto full = Mediant(/*room=*/1);  // the Ready
  auto future = Start(Question());
  const auto question = older->TakeQuestion();
  ASSERT_TRUE(question);
  // Nor may it answer what it was not asked.
  full->Say(TextAnswer(question->question_id(), kField, "van de volle"));
  older->Say(TextAnswer(question->question_id(), kField, kSecret));
  const Response response = Await(future);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->values(0).content().value().text(), kSecret);
}

TEST_F(AtSourceTest, AllStreamsFullIsUnreachable) {
  const auto full = Mediant(/*room=*/1);
  EXPECT_EQ(OutcomeOfField(Ask(Question())), Outcome::SOURCE_UNREACHABLE);
}

TEST_F(AtSourceTest, ASourceThatStopsListeningIsNotAsked) {
  const auto source = Mediant();
  v1::AnswerRequest again;
  again.mutable_hello()->add_hats("GGZ");
  source->Say(again);
  const auto ended = source->peer().Ended();
  ASSERT_TRUE(ended);
  EXPECT_THAT(*ended, IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(OutcomeOfField(Ask(Question())), Outcome::SOURCE_UNREACHABLE);
}

// ---- Who may answer ----

TEST_F(AtSourceTest, AHelloIsChecked) {
  const auto refused = [&](std::string_view partij, const std::vector<std::string>& hats) {
    FakeSource source(*assembly_, partij, {});
    source.Hello(hats);
    return source.peer().Ended().value_or(absl::OkStatus());
  };
  const uint64_t before = LogSize();
  EXPECT_THAT(refused("P_MEDIANT", {"POLITIE"}),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_EQ(EntryAt(before).kind, EventKind::CALL_REJECTED);
  EXPECT_EQ(EntryAt(before).record.error_reason(), "NOT_AUTHORISED_PERSON");
  EXPECT_THAT(refused("P_MEDIANT", {"GGZ", "BAKKER"}),
              IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_THAT(refused("P_MEDIANT", {}), IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_THAT(refused("P_MEDIANT", std::vector<std::string>(21, "GGZ")),
              IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(AtSourceTest, TheHelloComesFirst) {
  FakeSource source(*assembly_, "P_MEDIANT", {});
  source.Say(TextAnswer("00000000-0000-4000-8000-000000000000", kField, "x"));
  const auto ended = source.peer().Ended();
  ASSERT_TRUE(ended);
  EXPECT_THAT(*ended, IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(AtSourceTest, AMessageSaysSomething) {
  const auto bad = [&](const v1::AnswerRequest& request) {
    const auto source = Mediant();
    source->Say(request);
    return source->peer().Ended().value_or(absl::OkStatus());
  };
  EXPECT_THAT(bad({}), IsError(Code::kInvalidArgument, "MALFORMED"));
  v1::AnswerRequest no_uuid = TextAnswer("vraag 1", kField, "x");
  EXPECT_EQ(MetadataOf(bad(no_uuid))["field"], "answer.question_id");
  v1::AnswerRequest many = TextAnswer("00000000-0000-4000-8000-000000000000", kField, "x");
  for (int i = 0; i < 100; ++i) many.mutable_answer()->add_fields();
  EXPECT_EQ(MetadataOf(bad(many))["field"], "answer.fields");
}

TEST_F(AtSourceTest, APartijHasSoManyStreamsAndNoMore) {
  std::vector<std::unique_ptr<FakeSource>> sources;
  for (int i = 0; i < 16; ++i) sources.push_back(Mediant());
  FakeSource one_more(*assembly_, "P_MEDIANT", {});
  one_more.Hello({"GGZ"});
  const auto ended = one_more.peer().Ended();
  ASSERT_TRUE(ended);
  EXPECT_THAT(*ended, IsError(Code::kResourceExhausted, "TOO_MANY_STREAMS"));
  sources.pop_back();
  const auto after = Mediant();
  // Another partij is not in the way.
  FakeSource politie(*assembly_, kPolitie.partij, {"POLITIE"});
  EXPECT_TRUE(politie.is_ready());
}

// ---- Announcing ----

TEST_F(AtSourceTest, ADepositTakesThePlaceOfAnAnnouncementAndTheOtherWayRound) {
  const auto source = Mediant();
  ASSERT_THAT(world_->Deposit(), IsOk());
  Response response = Ask(Question());
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->answer().fields(0).value_state(), v1::VALUE_STATE_DELIVERED);
  ASSERT_THAT(Keep(), IsOk());
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  response = Await(future);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->answer().fields(0).value_state(), v1::VALUE_STATE_AT_DELIVERY);
}

TEST_F(AtSourceTest, AnAnnouncementIsWithdrawnAndNotCorrected) {
  const auto kept = Keep();
  ASSERT_THAT(kept, IsOk());
  const uint64_t index = kept->receipts(0).index();
  EXPECT_EQ(EntryAt(index).kind, EventKind::FIELD_KEPT_AT_SOURCE);
  EXPECT_EQ(EntryAt(index).record.change().fields(0), kField);
  v1::CorrectFieldRequest correct;
  correct.set_deposit_id(kept->answer().deposit_id());
  *correct.mutable_content() = world_->NewDeposit().content();
  EXPECT_THAT(world_->Send<v1::CorrectFieldResponse>(kGgz, "FieldService/CorrectField", correct),
              IsError(Code::kFailedPrecondition, "KEPT_AT_SOURCE"));
  v1::WithdrawFieldRequest withdraw;
  withdraw.set_deposit_id(kept->answer().deposit_id());
  EXPECT_THAT(
      world_->Send<v1::WithdrawFieldResponse>(kWijkteam, "FieldService/WithdrawField", withdraw),
      IsError(Code::kNotFound, "DEPOSIT_UNKNOWN"));
  ASSERT_THAT(world_->Send<v1::WithdrawFieldResponse>(kGgz, "FieldService/WithdrawField", withdraw),
              IsOk());
  const auto source = Mediant();
  const Response response = Ask(Question());
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->answer().fields(0).value_state(), v1::VALUE_STATE_NONE_HELD);
  EXPECT_EQ(source->peer().waiting(), 0U);
}

TEST_F(AtSourceTest, AnAnnouncementIsCheckedAsADepositIs) {
  const auto bad = [&](const std::function<void(v1::KeepAtSourceRequest&)>& change) {
    v1::KeepAtSourceRequest request = NewKeep();
    change(request);
    const auto kept = Keep(request);
    EXPECT_THAT(kept, IsError(Code::kInvalidArgument, "MALFORMED"));
    return MetadataOf(kept.status())["field"];
  };
  EXPECT_EQ(bad([](auto& r) { r.clear_field(); }), "field");
  EXPECT_EQ(bad([](auto& r) { r.set_field("geen_veld"); }), "field");
  EXPECT_EQ(bad([](auto& r) { r.clear_person_id(); }), "person_id");
  EXPECT_EQ(bad([&](auto& r) { r.set_casus_id(world_->casus_id()); }), "casus_id");
  EXPECT_EQ(bad([](auto& r) { r.clear_value_date(); }), "value_date");
  EXPECT_EQ(bad([](auto& r) { r.set_value_date("2026-12-01"); }), "value_date");
  EXPECT_EQ(bad([](auto& r) { r.set_first_processed("2026-12-01"); }), "first_processed");
  EXPECT_EQ(bad([](auto& r) { r.set_deposit_end("2026-11-29"); }), "deposit_end");
  EXPECT_EQ(bad([](auto& r) { r.set_min_cell(-1); }), "min_cell");
  EXPECT_EQ(bad([](auto& r) { r.set_min_cell(5); }), "form");
  EXPECT_EQ(bad([](auto& r) { r.add_conditions(); }), "conditions[0].kind");
  EXPECT_EQ(
      bad([](auto& r) { r.add_conditions()->set_kind(policy::v1::SourceCondition::ALLEEN_TAFEL); }),
      "conditions[0].tafel");
  EXPECT_EQ(bad([](auto& r) { r.mutable_origin()->set_partij("P_ALMELO"); }), "origin");
  v1::KeepAtSourceRequest stranger = NewKeep();
  stranger.set_person_id(world_->wijkteam_person());
  EXPECT_THAT(Keep(stranger), IsError(Code::kFailedPrecondition, "NOT_IN_CASUS"));
  EXPECT_THAT(Keep("zorgmelding_soort"), IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
}

TEST_F(AtSourceTest, PoliceDataKeepTheirLabels) {
  v1::KeepAtSourceRequest request = NewKeep("zorgmelding_soort");
  v1::IntroducePersonRequest introduce;
  introduce.set_casus_id(world_->casus_id());
  introduce.set_person_id(world_->wijkteam_person());
  introduce.set_partij(std::string(kPolitie.partij));
  ASSERT_THAT(
      world_->Send<v1::IntroducePersonResponse>(kRegie, "CasusService/IntroducePerson", introduce),
      IsOk());
  v1::GetCasusRequest get;
  get.set_casus_id(world_->casus_id());
  const auto got = transport_->Send<v1::GetCasusResponse>(kPolitie.partij,
                                                          "/sluis.v1.CasusService/GetCasus", get);
  ASSERT_THAT(got, IsOk());
  ASSERT_EQ(got->casus().person_ids_size(), 1);
  request.set_person_id(got->casus().person_ids(0));
  const auto keep = [&] {
    return world_->Send<v1::KeepAtSourceResponse>(kPolitie, "FieldService/KeepAtSource", request);
  };
  const auto refused = keep();
  EXPECT_THAT(refused, IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(MetadataOf(refused.status())["field"], "labels");
  request.mutable_labels()->set_nature(v1::PoliceLabels::FACT);
  request.mutable_labels()->set_subject(v1::PoliceLabels::NONE);
  EXPECT_THAT(keep(), IsOk());
}

// ---- A broker that ends in between ----

TEST_F(HastyTest, ADecisionThatNobodyDeliveredIsRecordedAsSuchAfterARestart) {
  // What is on disk when a broker dies between the two entries: the row that expects a delivery.
  const Response done = Ask(Question());
  ASSERT_THAT(done, IsOk());
  const uint64_t decision = done->receipts(0).index();
  assembly_.reset();
  {
    auto store = OpenStoreIn(directory_.path().string());
    const auto transaction = store->Begin();
    ASSERT_THAT(transaction, IsOk());
    std::string key = "delivery/";
    for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(decision >> shift);
    // due = 1, fields = the one asked.
    std::string row = "\x08\x01\x12";
    row += static_cast<char>(kField.size());
    row += kField;
    ASSERT_THAT((*transaction)->Put(store::Table::kJob, key, row), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }
  auto opened = assembly::Assembly::Open(
      OptionsOn(directory_.path().string(), OpenStoreIn(directory_.path().string())), TestLogKey());
  ASSERT_THAT(opened, IsOk());
  assembly_ = *std::move(opened);
  const uint64_t expected = done->receipts(1).index() + 2;
  AwaitLogSize(expected);
  ExpectNobodyDelivered(decision, expected - 1);
  transport_ = std::make_unique<AssemblyTransport>(*assembly_);
}

TEST_F(HastyTest, ASecondEntryThatCouldNotBeMadeIsMadeLater) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  const uint64_t size = LogSize();
  // The disk is full when the source answers, and still is when the broker sees to the entry.
  const absl::Status full = Unavailable("STORE_FAILED", "the disk is full");
  faults_.FailAt(Faults::Point::kCommit, 1, full);
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  const Response response = Await(future);
  EXPECT_THAT(response, IsError(Code::kUnavailable, "STORE_FAILED"));
  ASSERT_TRUE(faults_.hit());
  faults_.FailAt(Faults::Point::kCommit, 1, full);
  const absl::Time until = absl::Now() + kPatience;
  while (!faults_.hit() && absl::Now() < until) absl::SleepFor(absl::Milliseconds(5));
  ASSERT_TRUE(faults_.hit());
  EXPECT_EQ(LogSize(), size);
  // No call, no restart: the broker itself tries again.
  AwaitLogSize(size + 1);
  ExpectNobodyDelivered(question->decision_index(), size);
  EXPECT_THAT(Pending(), ::testing::IsEmpty());
}

TEST_F(AtSourceTest, ADecisionThatAnotherBrokerLeftBehindIsEndedByTheJob) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  const uint64_t size = LogSize();
  std::vector<Job> jobs = AllJobs();
  std::erase_if(jobs, [](const Job& job) { return job.name != "deliveries"; });
  ASSERT_EQ(jobs.size(), 1U);
  SchedulerOptions options;
  options.store = &assembly_->store();
  options.clock = &assembly_->clock();
  options.machine_clock = &SystemClock();
  Scheduler scheduler(options, assembly_->broker(), jobs);
  // Whoever makes it has time for it.
  EXPECT_EQ(*scheduler.RunDue(), 1);
  EXPECT_EQ(LogSize(), size);
  ASSERT_EQ(Pending().size(), 1U);
  // As if that had been long ago: due = 1, fields = the one asked.
  {
    const std::string key = Pending().front().key;
    std::string row = "\x08\x01\x12";
    row += static_cast<char>(kField.size());
    row += kField;
    const auto transaction = assembly_->store().Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT((*transaction)->Put(store::Table::kJob, key, row), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }
  assembly_->clock().Set(TestNow() + absl::Minutes(2));
  EXPECT_EQ(*scheduler.RunDue(), 1);
  ASSERT_EQ(LogSize(), size + 1);
  ExpectNobodyDelivered(question->decision_index(), size);
  EXPECT_THAT(Pending(), ::testing::IsEmpty());
  // What comes after it is not delivered any more, and makes no third entry.
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  EXPECT_THAT(Await(future), IsError(Code::kUnavailable, "NOT_DELIVERED"));
  EXPECT_EQ(LogSize(), size + 1);
}

TEST_F(AtSourceTest, ARowThatCannotBeReadIsToldAndKeepsNoOtherDeliveryFromItsEnd) {
  const auto source = Mediant();
  auto future = Start(Question());
  const auto question = source->TakeQuestion();
  ASSERT_TRUE(question);
  const uint64_t size = LogSize();
  ASSERT_EQ(Pending().size(), 1U);
  const std::string unreadable = std::string("delivery/") + std::string(8, '\0');
  {
    std::string row = "\x08\x01\x12";
    row += static_cast<char>(kField.size());
    row += kField;
    const auto transaction = assembly_->store().Begin();
    ASSERT_THAT(transaction, IsOk());
    ASSERT_THAT((*transaction)->Put(store::Table::kJob, Pending().front().key, row), IsOk());
    ASSERT_THAT((*transaction)->Put(store::Table::kJob, unreadable, "\xff"), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }
  std::vector<Job> jobs = AllJobs();
  std::erase_if(jobs, [](const Job& job) { return job.name != "deliveries"; });
  absl::Status outcome;
  SchedulerOptions options;
  options.store = &assembly_->store();
  options.clock = &assembly_->clock();
  options.machine_clock = &SystemClock();
  options.on_run = [&](std::string_view job, const absl::Status& status) {
    if (job == "deliveries") outcome = status;
  };
  Scheduler scheduler(options, assembly_->broker(), jobs);
  EXPECT_EQ(*scheduler.RunDue(), 1);
  EXPECT_THAT(outcome, IsError(Code::kDataLoss, "ROWS_UNREADABLE"));
  EXPECT_EQ(MetadataOf(outcome)["rows"], "delivery 0000000000000000");
  ASSERT_EQ(LogSize(), size + 1);
  ExpectNobodyDelivered(question->decision_index(), size);
  ASSERT_EQ(Pending().size(), 1U);
  EXPECT_EQ(Pending().front().key, unreadable);
  source->Say(TextAnswer(question->question_id(), kField, kSecret));
  EXPECT_THAT(Await(future), IsError(Code::kUnavailable, "NOT_DELIVERED"));
}

// ---- All at once ----

TEST_F(HastyTest, EveryDecisionHasOneDeliveryWhateverSourcesDo) {
  constexpr int kCallers = 3;
  constexpr int kCalls = 40;
  std::atomic<bool> over = false;
  std::atomic<int> delivered = 0;
  std::atomic<int> unreadable = 0;
  // Two systems that come and go; one answers rightly, one in every wrong way.
  std::vector<std::thread> systems;
  for (const bool good : {true, false}) {
    systems.emplace_back([&, good] {
      for (int round = 0; !over; ++round) {
        FakeSource source(*assembly_, kGgz.partij, {"GGZ"});
        if (!source.is_ready()) continue;
        for (int i = 0; i < 5 && !over; ++i) {
          const auto question = source.TakeQuestion(absl::Milliseconds(50));
          if (!question) continue;
          if (good) {
            source.Say(TextAnswer(question->question_id(), kField, kSecret));
          } else if ((round + i) % 3 == 0) {
            source.Say(TextAnswer(question->question_id(), kOther, "niet gevraagd"));
          } else if ((round + i) % 3 == 1) {
            source.SayBytes("\xff");
          }  // else it says nothing, and leaves
        }
        source.Leave();
      }
    });
  }
  // Somebody withdraws and consents again.
  std::thread writer([&] {
    while (!over) {
      const auto consent = Consent();
      if (consent.ok()) {
        static_cast<void>(world_->WithdrawConsent(consent->answer().consent_id()));
        static_cast<void>(Consent());
      }
    }
  });
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < kCalls; ++j) {
        const Response response = Ask(Question());
        if (!response.ok()) {
          ++unreadable;
          continue;
        }
        if (response->values_size() == 0) continue;
        ++delivered;
        if (response->values(0).content().value().text() != kSecret) ++unreadable;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  over = true;
  writer.join();
  for (std::thread& system : systems) system.join();
  EXPECT_EQ(unreadable, 0);
  EXPECT_GT(delivered, 0);
  // In the log: after each decision that has something to deliver, exactly one second entry.
  std::map<uint64_t, int> deliveries;
  int kept = 0;
  for (uint64_t i = 0; i < LogSize(); ++i) {
    const LogEntry entry = EntryAt(i);
    if (entry.kind == EventKind::DELIVERED || entry.kind == EventKind::NOT_DELIVERED)
      ++deliveries[entry.record.decided_in() - 1];
    if (entry.kind == EventKind::FIELDS_REQUESTED &&
        entry.record.decision().fields(0).outcome() == FieldOutcome::RELEASE)
      ++kept;
  }
  EXPECT_EQ(static_cast<int>(deliveries.size()), kept);
  for (const auto& [decision, count] : deliveries) EXPECT_EQ(count, 1) << decision;
}

}  // namespace
}  // namespace sluis::broker
