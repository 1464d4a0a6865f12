// Who reads what of the log (settled: AUDITOR, FG and RAC everything; a partij what it asked or was
// asked), and that the log holds nothing that it should not.

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "faulty_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/ledger/ledger.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/policy/documents.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/professional.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::FieldOutcome;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using ::testing::Not;
using Code = absl::StatusCode;

constexpr Side kAuditor{"P_TOEZICHT", "AUDITOR"};
constexpr Side kPolitie{"P_POLITIE_ON", "POLITIE"};

class AuditUseCasesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(world_.PutActors({"P_TOEZICHT", "P_POLITIE_ON"}), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
  }

  static v1::SearchEventsRequest Everything() {
    v1::SearchEventsRequest request;
    request.set_usage_purpose(v1::USAGE_PURPOSE_LAWFULNESS_CONTROL);
    request.set_page_size(1000);
    return request;
  }
  absl::StatusOr<v1::SearchEventsResponse> Search(Side side,
                                                  const v1::SearchEventsRequest& request) {
    return world_.Send<v1::SearchEventsResponse>(side, "AuditService/SearchEvents", request);
  }
  std::vector<v1::Event> Events(Side side, const v1::SearchEventsRequest& request = Everything()) {
    const auto response = Search(side, request);
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return {};
    return {response->answer().events().begin(), response->answer().events().end()};
  }
  uint64_t LogSize() { return broker_.assembly().ledger().published().size; }
  // Every stored entry, as its record.
  std::vector<log::v1::Record> Records() {
    std::vector<log::v1::Record> records;
    const auto reader = broker_.assembly().store().Read();
    EXPECT_THAT(reader, IsOk());
    const auto entries = (*reader)->Entries(0, 100000);
    for (const store::EntryRow& entry : *entries) {
      log::v1::Record record;
      EXPECT_TRUE(record.ParseFromString(entry.record));
      records.push_back(std::move(record));
    }
    return records;
  }

  const testing::TempDir directory_;
  testing::TestBroker broker_{directory_.path(), testing::ReferencePolicy(), TestNow()};
  SmallWorld world_{broker_};
};

TEST_F(AuditUseCasesTest, APartijSeesWhatItAskedAndWasAsked) {
  ASSERT_THAT(world_.Ask(), IsOk());
  for (const Side side : {kWijkteam, kGgz}) {
    const auto events = Events(side);
    bool asked = false;
    for (const v1::Event& event : events) {
      EXPECT_TRUE(event.caller() == side.partij || event.source_partij() == side.partij);
      asked = asked || event.kind() == "FIELDS_REQUESTED";
    }
    EXPECT_TRUE(asked) << side.partij;
  }
  for (const v1::Event& event : Events(kPolitie)) EXPECT_EQ(event.caller(), kPolitie.partij);
  // Not by asking for somebody else's either.
  v1::SearchEventsRequest others = Everything();
  others.set_caller(std::string(kWijkteam.partij));
  EXPECT_TRUE(Events(kPolitie, others).empty());
  others = Everything();
  others.set_casus_id(world_.casus_id());
  EXPECT_TRUE(Events(kPolitie, others).empty());
}

TEST_F(AuditUseCasesTest, TheSupervisorSeesEverything) {
  ASSERT_THAT(world_.Ask(), IsOk());
  const uint64_t size = LogSize();
  EXPECT_EQ(Events(kAuditor).size(), size);
}

// The phase of a casus is a field of its own: a refusal does not tell it to who asks the log.
TEST_F(AuditUseCasesTest, WhatTheCasusIsLikeIsForTheSupervisorAlone) {
  v1::RequestFieldsRequest question = world_.Question();
  question.mutable_source()->set_partij(std::string(kGgz.partij));
  const auto refused = world_.Send<v1::RequestFieldsResponse>(
      Side{"P_POLITIE_ON", "POLITIE"}, "SharingService/RequestFields", question);
  ASSERT_THAT(refused, IsOk());
  v1::SearchEventsRequest asked = Everything();
  asked.add_kinds("FIELDS_REQUESTED");
  for (const Side side : {kPolitie, kGgz}) {
    const auto events = Events(side, asked);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events.front().phase(), "");
    EXPECT_EQ(events.front().fields(0).exclusion(), "");
    EXPECT_EQ(events.front().fields(0).officer_text(), "");
  }
  const auto supervised = Events(kAuditor, asked);
  ASSERT_EQ(supervised.size(), 1U);
  EXPECT_EQ(supervised.front().phase(), "AVE_2");
  EXPECT_NE(supervised.front().fields(0).officer_text(), "");
  // Whom a partij lets act is not for whom it asked.
  EXPECT_EQ(Events(kGgz, asked).front().professional(), "");
  EXPECT_EQ(Events(kPolitie, asked).front().professional(), kActor);
}

TEST_F(AuditUseCasesTest, ReadingNeedsAPurposeAndIsOnRecord) {
  v1::SearchEventsRequest request = Everything();
  request.clear_usage_purpose();
  const auto refused = Search(kAuditor, request);
  EXPECT_THAT(refused, IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_EQ(MetadataOf(refused.status())["field"], "usage_purpose");
  const uint64_t before = LogSize();
  ASSERT_THAT(Search(kAuditor, Everything()), IsOk());
  EXPECT_EQ(LogSize(), before + 1);
  const auto records = Records();
  EXPECT_EQ(records[before].usage_purpose(), v1::USAGE_PURPOSE_LAWFULNESS_CONTROL);
  EXPECT_EQ(records[before].caller(), kAuditor.partij);
  EXPECT_EQ(records[before - 1].error_reason(), "NOT_AUTHORISED_PERSON");
}

TEST_F(AuditUseCasesTest, AHatThatIsNotHeldReadsNothing) {
  EXPECT_THAT(Search({kPolitie.partij, "AUDITOR"}, Everything()),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  v1::ReadEntriesRequest read;
  read.set_usage_purpose(v1::USAGE_PURPOSE_INTERNAL_CONTROL);
  for (const Side side : {kPolitie, Side{kPolitie.partij, "AUDITOR"}}) {
    EXPECT_THAT(world_.Send<v1::ReadEntriesResponse>(side, "AuditService/ReadEntries", read),
                IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  }
  const auto all = world_.Send<v1::ReadEntriesResponse>(kAuditor, "AuditService/ReadEntries", read);
  ASSERT_THAT(all, IsOk());
  EXPECT_GT(all->answer().entries_size(), 0);
  // A start beyond every index is the end.
  read.set_start(uint64_t{1} << 63);
  const auto none =
      world_.Send<v1::ReadEntriesResponse>(kAuditor, "AuditService/ReadEntries", read);
  ASSERT_THAT(none, IsOk());
  EXPECT_EQ(none->answer().entries_size(), 0);
}

TEST_F(AuditUseCasesTest, PagesGoOnWhereTheyStoppedForTheirReaderAlone) {
  for (int i = 0; i < 5; ++i) ASSERT_THAT(world_.Ask(), IsOk());
  v1::SearchEventsRequest request = Everything();
  request.add_kinds("FIELDS_REQUESTED");
  request.set_page_size(2);
  std::vector<uint64_t> indexes;
  std::string first_token;
  for (int page = 0; page < 3; ++page) {
    request.set_request_id("");
    const auto response = Search(kWijkteam, request);
    ASSERT_THAT(response, IsOk());
    for (const auto& event : response->answer().events()) indexes.push_back(event.index());
    if (page == 0) first_token = response->answer().next_page_token();
    request.set_page_token(response->answer().next_page_token());
  }
  EXPECT_EQ(indexes.size(), 5U);
  EXPECT_TRUE(std::is_sorted(indexes.begin(), indexes.end()));
  request.set_page_token(first_token);
  EXPECT_THAT(Search(kGgz, request), IsError(Code::kInvalidArgument, "MALFORMED"));
  request.set_page_token("00");
  EXPECT_THAT(Search(kWijkteam, request), IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(AuditUseCasesTest, KindsAreThoseOfTheLog) {
  v1::SearchEventsRequest request = Everything();
  request.add_kinds("GEHEIM");
  const auto refused = Search(kAuditor, request);
  EXPECT_THAT(refused, IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(MetadataOf(refused.status())["field"], "kinds[0]");
}

// Names that a caller made up may be anything: what the convenant does not know is not kept.
TEST_F(AuditUseCasesTest, TheLogHoldsNothingThatACallerMadeUp) {
  const std::string secret(testing::kSecretMark);
  v1::AddDeelnemerRequest add;
  add.set_casus_id(world_.casus_id());
  add.set_tafel(std::string(kTafel));
  add.mutable_deelnemer()->set_partij(secret);
  add.mutable_deelnemer()->set_hat(secret);
  add.set_from("2026-11-30");
  EXPECT_FALSE(
      world_.Send<v1::AddDeelnemerResponse>(kRegie, "CasusService/AddDeelnemer", add).ok());
  v1::RemoveDeelnemerRequest remove;
  remove.set_casus_id(world_.casus_id());
  *remove.mutable_deelnemer() = add.deelnemer();
  remove.set_tafel(secret);
  EXPECT_FALSE(
      world_.Send<v1::RemoveDeelnemerResponse>(kRegie, "CasusService/RemoveDeelnemer", remove)
          .ok());
  v1::AcceptScalingRequest accept;
  accept.set_casus_id(world_.casus_id());
  accept.set_phase(secret);
  EXPECT_FALSE(
      world_.Send<v1::AcceptScalingResponse>(kRegie, "CasusService/AcceptScaling", accept).ok());
  EXPECT_FALSE(world_.Scale(kRegie, secret).ok());
  v1::OpenCasusRequest open;
  open.set_tafel(secret);
  open.set_phase(secret);
  open.set_municipality(secret);
  open.add_domains(secret);
  open.set_first_processed("2026-01-05");
  EXPECT_FALSE(world_.Send<v1::OpenCasusResponse>(kRegie, "CasusService/OpenCasus", open).ok());
  v1::DepositFieldRequest deposit = world_.NewDeposit();
  deposit.set_field(secret);
  EXPECT_FALSE(
      world_.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit).ok());
  v1::RequestFieldsRequest question = world_.Question();
  question.set_task(secret);
  question.set_power(secret);
  EXPECT_THAT(
      world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", question),
      IsOk());
  question.set_purpose(secret);
  EXPECT_FALSE(
      world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", question)
          .ok());
  question = world_.Question();
  question.mutable_fields(0)->set_field(secret);
  EXPECT_FALSE(
      world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", question)
          .ok());
  // And of what was really done: a consent, an objection, a name, a value, a reason.
  ASSERT_THAT(world_.Consent(), IsOk());
  ASSERT_THAT(world_.Ask(), IsOk());
  ASSERT_THAT(world_.Object(), IsOk());
  ASSERT_THAT(world_.Scale(kRegie, "AVE_3L"), IsOk());
  for (const log::v1::Record& record : Records()) {
    EXPECT_THAT(record.SerializeAsString(), Not(HasSubstr(secret))) << record.ShortDebugString();
    EXPECT_THAT(record.SerializeAsString(), Not(HasSubstr(testing::TestBsn(1))));
    EXPECT_THAT(record.SerializeAsString(), Not(HasSubstr("nodig voor deze vraag")));
  }
}

// ---- A policy comes into force in order with all decisions ----

std::shared_ptr<const policy::Policy> OtherPolicy() {
  policy::v1::OperatorSwitches switches;
  auto& row = *switches.add_rows();
  row.set_row("G_WPG_18_2_MELDPUNT");
  row.set_from("2021-12-01");
  row.set_until("2027-11-30");
  row.set_source("test data");
  return testing::ReferencePolicy(switches);
}

TEST_F(AuditUseCasesTest, EveryDecisionRestsOnThePolicyInForceAtItsPlace) {
  const auto first = broker_.assembly().broker().policy();
  const auto second = OtherPolicy();
  ASSERT_NE(PolicyHash(*first), PolicyHash(*second));
  ASSERT_THAT(world_.Consent(), IsOk());
  std::atomic<bool> ending{false};
  std::vector<std::thread> requesters;
  for (int i = 0; i < 4; ++i) {
    requesters.emplace_back([&] {
      while (!ending) {
        const auto response = world_.Ask();
        ASSERT_THAT(response, IsOk());
        EXPECT_EQ(OutcomeOf(*response), FieldOutcome::RELEASE);
      }
    });
  }
  for (int i = 0; i < 20; ++i)
    EXPECT_THAT(broker_.assembly().broker().Activate(i % 2 == 0 ? second : first), IsOk());
  ending = true;
  for (std::thread& requester : requesters) requester.join();
  std::string in_force = PolicyHash(*first);
  int activations = 0;
  int decisions = 0;
  const auto reader = broker_.assembly().store().Read();
  const auto entries = (*reader)->Entries(0, 1000000);
  for (const store::EntryRow& entry : *entries) {
    log::v1::Record record;
    ASSERT_TRUE(record.ParseFromString(entry.record));
    if (entry.kind == log::v1::EventKind::POLICY_ACTIVATED) {
      in_force = record.policy_hash();
      ++activations;
    } else if (entry.kind == log::v1::EventKind::FIELDS_REQUESTED) {
      EXPECT_EQ(record.policy_hash(), in_force) << "entry " << entry.index;
      ++decisions;
    }
  }
  EXPECT_EQ(activations, 20);
  EXPECT_GT(decisions, 0);
}

// A call that came in while its partij still was one.
TEST(PolicyChangeTest, APartijThatIsGoneAtTheCommitIsRefused) {
  policy::v1::Convenant convenant = testing::ReferenceConvenant().message();
  auto& parties = *convenant.mutable_parties();
  for (int i = parties.size() - 1; i >= 0; --i) {
    if (parties[i].id() == "P_HUISARTS") parties.DeleteSubrange(i, 1);
  }
  auto compiled =
      policy::Compile(testing::ReferenceStatute(),
                      policy::Document<policy::v1::Convenant>::FromMessage(convenant, "without"),
                      policy::Document<policy::v1::OperatorSwitches>::FromMessage({}, "switches"));
  ASSERT_NE(compiled.policy, nullptr);

  const testing::TempDir directory;
  Faults faults;
  auto opened = assembly::Assembly::Open(
      OptionsOn(directory.path().string(),
                std::make_unique<FaultyStore>(OpenStoreIn(directory.path().string()), faults)),
      TestLogKey());
  ASSERT_THAT(opened, IsOk());
  AssemblyTransport transport(**opened);
  (*opened)->clock().Set(TestNow());
  // The new policy waits to come into force; the call is behind it.
  faults.Hold();
  std::thread activating(
      [&, policy = compiled.policy] { EXPECT_THAT((*opened)->broker().Activate(policy), IsOk()); });
  faults.AwaitHeld();
  v1::PutProfessionalRequest request;
  request.set_request_id(testing::NewRequestId());
  request.set_professional("actor");
  request.add_hats("HUISARTS");
  Mutex mutex;
  CondVar changed;
  std::optional<absl::Status> answered;
  transport.Start("P_HUISARTS", "/sluis.v1.ProfessionalService/PutProfessional",
                  request.SerializeAsString(), absl::InfiniteFuture(),
                  [&](const absl::StatusOr<std::string>& answer) {
                    const MutexLock lock(mutex);
                    answered = answer.status();
                    changed.NotifyAll();
                  });
  faults.Release();
  activating.join();
  const MutexLock lock(mutex);
  while (!answered) changed.Wait(mutex);
  EXPECT_THAT(*answered, IsError(Code::kPermissionDenied, "NOT_A_PARTIJ"));
}

}  // namespace
}  // namespace sluis::broker
