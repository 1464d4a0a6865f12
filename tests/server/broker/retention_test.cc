// The end of data: what is over goes, with its key and a proof; what is not over stays.

#include "sluis/broker/retention.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "carve.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/broker/scheduler.h"
#include "sluis/crypto/crypto.h"
#include "sluis/facts/facts_reader.h"
#include "sluis/ledger/ledger.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/state/signals.h"
#include "sluis/state/state.h"
#include "sluis/store/v1/job.pb.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/professional.pb.h"

namespace sluis::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using ::testing::SizeIs;
using Code = absl::StatusCode;
using log::v1::EventKind;
using policy::v1::FieldOutcome;
using policy::v1::ReasonCode;

constexpr std::string_view kMaster = "0123456789abcdef0123456789abcdef";

CivilDate Day(std::string_view text) { return *CivilDate::Parse(text); }
// Noon in Amsterdam, or a minute past midnight.
absl::Time At(std::string_view day, int hour = 12) {
  const CivilDate date = Day(day);
  absl::TimeZone zone;
  absl::LoadTimeZone("Europe/Amsterdam", &zone);
  return absl::FromCivil(absl::CivilHour(date.day()) + hour, zone) + absl::Minutes(1);
}

struct Entry {
  uint64_t index = 0;
  std::string pseudonym;
  log::v1::Record record;
};

class RetentionTest : public ::testing::Test {
 protected:
  RetentionTest() { Restart(); }
  void Restart(absl::Time now = TestNow()) {
    broker_.reset();
    broker_ =
        std::make_unique<testing::TestBroker>(directory_.path(), testing::ReferencePolicy(), now);
  }
  testing::TestBroker& broker() { return *broker_; }
  vault::Vault& vault() { return broker_->assembly().vault(); }
  Retention retention() { return Retention(broker_->assembly().broker()); }

  DestructionPlan Plan(std::string_view day) {
    auto plan = retention().Plan(Day(day));
    EXPECT_THAT(plan, IsOk());
    return plan.ok() ? *std::move(plan) : DestructionPlan();
  }
  DestructionTotals Run(const std::string& operator_id = "") {
    auto totals = retention().Run(operator_id);
    EXPECT_THAT(totals, IsOk());
    return totals.value_or(DestructionTotals());
  }

  std::vector<Entry> Destroyed(EventKind::Id kind = EventKind::DESTROYED) {
    const auto reader = *broker_->assembly().store().Read();
    store::EntryFilter filter;
    filter.kinds = {kind};
    std::vector<Entry> entries;
    const auto rows = *reader->Search(filter, 0, 1000);
    for (const store::EntryRow& row : rows) {
      Entry entry{row.index, row.pseudonym, {}};
      EXPECT_TRUE(entry.record.ParseFromString(row.record));
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  // First to last, as any auditor with the files would.
  void ExpectLogVerifies() {
    const auto reader = *broker_->assembly().store().Read();
    const auto problems = ledger::VerifyStoredLog(*reader, testing::kTestOrigin,
                                                  broker_->assembly().ledger().verifier());
    ASSERT_THAT(problems, IsOk());
    EXPECT_THAT(*problems, IsEmpty());
  }

  std::vector<Uuid> AllPersons() {
    const auto reader = *broker_->assembly().store().Read();
    std::vector<Uuid> persons;
    const auto rows = *reader->Scan(store::Table::kPerson, "", "", 10000);
    for (const auto& each : rows) persons.push_back(*Uuid::FromBytes(each.key));
    return persons;
  }
  size_t RowsIn(store::Table table, std::string_view prefix = "") {
    return (*(*broker_->assembly().store().Read())->Scan(table, prefix, "", 10000)).size();
  }
  std::vector<std::string> SealedValues() {
    const auto reader = *broker_->assembly().store().Read();
    std::vector<std::string> values;
    const auto rows = *reader->Scan(store::Table::kDeposit, "", "", 10000);
    for (const auto& each : rows) values.push_back(each.value);
    return values;
  }

  testing::TempDir directory_;
  std::unique_ptr<testing::TestBroker> broker_;
};

// ---- S-21 ----

class ScalingDownTest : public RetentionTest {
 protected:
  const policy::ExpandedStep& StepOf(std::string_view id) {
    for (const policy::ExpandedStep& step : testing::ScenarioSteps()) {
      if (step.case_id == "S-21" && step.step->id() == id) return step;
    }
    std::abort();
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> As(const std::string& hat, std::string_view method, Request request) {
    for (const auto& partij : testing::ReferenceConvenant().message().parties()) {
      if (std::find(partij.hats().begin(), partij.hats().end(), hat) == partij.hats().end())
        continue;
      v1::PutProfessionalRequest put;
      put.set_request_id(testing::NewRequestId());
      put.set_professional("regisseur");
      *put.mutable_hats() = partij.hats();
      put.set_active(true);
      const auto known = broker_->Send<v1::PutProfessionalResponse>(
          partij.id(), "/sluis.v1.ProfessionalService/PutProfessional", put);
      if (!known.ok()) return known.status();
      request.set_request_id(testing::NewRequestId());
      request.set_acting_hat(hat);
      request.set_professional("regisseur");
      auto response = broker_->Send<Response>(
          partij.id(), absl::StrCat("/sluis.v1.", std::string(method)), request);
      // Of the partijen with this hat one has to do with the casus.
      if (response.ok() || ReasonOf(response.status()) != "NOT_IN_CASUS") return response;
    }
    return NotFound("NOT_IN_CASUS", "nobody with this hat");
  }
};

TEST_F(ScalingDownTest, HarmsRecordsAreGoneFiveYearsAfterTheFirstProcessing) {
  testing::World world(broker(), testing::ReferenceConvenant().message());
  ASSERT_THAT(world.Build(StepOf("a")), IsOk());
  EXPECT_THAT(testing::World::Compare(testing::ReferencePolicy()->statute(), StepOf("a"),
                                      world.Ask(StepOf("a").step->request())),
              IsEmpty());

  // Back to the wijkteam, and closed on 1 March 2027.
  ASSERT_THAT(broker().SetClock(At("2027-02-01")), IsOk());
  std::string scaled;
  for (const auto& step : testing::ReferenceConvenant().message().scaling()) {
    const auto& from = step.from();
    const auto& to = step.to();
    if (!scaled.empty() || std::find(from.begin(), from.end(), "AVE_3Z") == from.end() ||
        to != "AVE_2")
      continue;
    for (const std::string& hat : step.hats()) {
      v1::ScaleCasusRequest scale;
      scale.set_casus_id(world.casus_id());
      scale.set_phase("AVE_2");
      scale.set_reason("het gaat beter");
      const auto done = As<v1::ScaleCasusResponse>(hat, "CasusService/ScaleCasus", scale);
      if (!done.ok()) continue;
      scaled = done->answer().phase();
      if (!done->answer().proposed_phase().empty()) {
        v1::AcceptScalingRequest accept;
        accept.set_casus_id(world.casus_id());
        accept.set_phase("AVE_2");
        const auto accepted = As<v1::AcceptScalingResponse>(step.accepting_hats(0),
                                                            "CasusService/AcceptScaling", accept);
        ASSERT_THAT(accepted, IsOk());
        scaled = accepted->answer().phase();
      }
      break;
    }
  }
  ASSERT_EQ(scaled, "AVE_2");
  const auto at_the_zvh = world.Ask(StepOf("b").step->request());
  ASSERT_THAT(at_the_zvh, IsOk());
  EXPECT_EQ(CodeOf(*at_the_zvh), ReasonCode::WRONG_PHASE);
  ASSERT_THAT(broker().SetClock(At("2027-03-01")), IsOk());
  bool closed = false;
  for (const auto& rule : testing::ReferenceConvenant().message().closing()) {
    for (const std::string& hat : rule.hats()) {
      if (closed) continue;
      v1::CloseCasusRequest close;
      close.set_casus_id(world.casus_id());
      close.set_reason("doelen gehaald");
      closed = As<v1::CloseCasusResponse>(hat, "CasusService/CloseCasus", close).ok();
    }
  }
  ASSERT_TRUE(closed);

  // 2028: shielded for the police, open for Harm.
  ASSERT_THAT(broker().SetClock(StepOf("c").now), IsOk());
  const auto shielded = world.Ask(StepOf("c").step->request());
  ASSERT_THAT(shielded, IsOk());
  EXPECT_EQ(CodeOf(*shielded), ReasonCode::CASE_CLOSED);
  EXPECT_EQ(Run().persons, 0);
  const auto& inzage = StepOf("d").step->request();
  const auto own = world.Ask(inzage);
  ASSERT_THAT(own, IsOk());
  EXPECT_EQ(OutcomeOf(*own), FieldOutcome::RELEASE);
  EXPECT_EQ(own->values_size(), 1);

  // The day before: all of it is there, and the plan says what the morrow brings.
  ASSERT_THAT(broker().SetClock(At("2030-03-31", 23)), IsOk());
  EXPECT_THAT(Plan("2030-03-31").destructions, IsEmpty());
  const DestructionPlan plan = Plan("2030-04-01");
  ASSERT_THAT(plan.destructions, SizeIs(2));
  EXPECT_EQ(plan.destructions[0].kind, Destruction::Kind::kPerson);
  EXPECT_EQ(plan.destructions[1].kind, Destruction::Kind::kCasus);
  for (const Destruction& each : plan.destructions) {
    ASSERT_THAT(each.parts, SizeIs(1));
    EXPECT_EQ(each.parts[0].term, "RT_WGS");
    EXPECT_EQ(each.parts[0].due, Day("2030-04-01"));
  }
  EXPECT_EQ(plan.destructions[0].parts[0].values, 2);
  EXPECT_GE(plan.destructions[0].handles, 3);
  EXPECT_EQ(Run().persons, 0);
  EXPECT_EQ(OutcomeOf(*world.Ask(inzage)), FieldOutcome::RELEASE);
  const std::vector<Uuid> persons = AllPersons();
  ASSERT_THAT(persons, SizeIs(1));
  const Uuid casus = *Uuid::Parse(world.casus_id());
  const std::vector<std::string> sealed = SealedValues();
  {
    const auto files = LiveFiles(directory_.File("keys.db"));
    ASSERT_THAT(CarveKeys(files, kMaster, persons[0]), SizeIs(::testing::Ge(1U)));
    ASSERT_THAT(CarveKeys(files, kMaster, casus), SizeIs(::testing::Ge(1U)));
    for (const std::string& value : sealed)
      ASSERT_TRUE(Holds(LiveFiles(directory_.File("sluis.db")), value));
  }

  // 1 April 2030, a minute past midnight.
  ASSERT_THAT(broker().SetClock(At("2030-04-01", 0)), IsOk());
  const DestructionTotals totals = Run();
  EXPECT_EQ(totals.persons, 1);
  EXPECT_EQ(totals.casussen, 1);
  EXPECT_EQ(totals.values, 2);
  const auto gone = world.Ask(inzage);
  ASSERT_THAT(gone, IsOk());
  EXPECT_EQ(CodeOf(*gone), ReasonCode::NOT_IN_CASUS);
  EXPECT_EQ(gone->values_size(), 0);
  EXPECT_FALSE(*vault().HasKey(persons[0]));
  EXPECT_FALSE(*vault().HasKey(casus));
  for (const store::Table table :
       {store::Table::kCasus, store::Table::kPerson, store::Table::kDeposit,
        store::Table::kDepositIndex, store::Table::kHandle, store::Table::kHandleOf,
        store::Table::kVisible}) {
    EXPECT_EQ(RowsIn(table), 0U) << static_cast<int>(table);
  }
  EXPECT_EQ(RowsIn(store::Table::kRecord, "p"), 0U);
  EXPECT_EQ(RowsIn(store::Table::kJob, "destroy/"), 0U);
  const auto files = LiveFiles(directory_.File("keys.db"));
  EXPECT_THAT(CarveKeys(files, kMaster, persons[0]), IsEmpty());
  EXPECT_THAT(CarveKeys(files, kMaster, casus), IsEmpty());
  for (const std::string& value : sealed)
    EXPECT_FALSE(Holds(LiveFiles(directory_.File("sluis.db")), value));
  const auto bsn_key =
      crypto::DeriveKey(SecretBytes::Take(std::string(kMaster)), "sluis bsn index v1");
  EXPECT_FALSE(Holds(files, *crypto::Hmac(*bsn_key, testing::TestBsn(0))));

  // The proof: what, by which term, when; the person as in all its other entries.
  const auto entries = Destroyed();
  ASSERT_THAT(entries, SizeIs(4));
  const std::string pseudonym = *vault().Pseudonym(persons[0]);
  EXPECT_EQ(entries[0].pseudonym, pseudonym);
  EXPECT_EQ(entries[0].record.destroyed().parts(0).term(), "RT_WGS");
  EXPECT_EQ(entries[0].record.destroyed().parts(0).due(), Day("2030-04-01").days());
  EXPECT_EQ(entries[0].record.destroyed().parts(0).values(), 2);
  EXPECT_TRUE(entries[0].record.destroyed().key());
  EXPECT_EQ(entries[0].record.destroyed().completes(), 0U);
  EXPECT_EQ(entries[1].record.destroyed().completes(), entries[0].index + 1);
  EXPECT_EQ(entries[1].pseudonym, pseudonym);
  EXPECT_EQ(entries[2].record.casus_id(), std::string(casus.bytes()));
  EXPECT_EQ(entries[3].record.destroyed().completes(), entries[2].index + 1);
  EXPECT_EQ(entries[0].record.local_date(), Day("2030-04-01").days());
  ExpectLogVerifies();

  // Again: nothing. And a restart finds a log that verifies.
  EXPECT_EQ(Run().persons, 0);
  EXPECT_THAT(Destroyed(), SizeIs(4));
  Restart(At("2030-04-02"));
  EXPECT_THAT(broker().assembly().ledger().health(), IsOk());
}

// ---- Single values ----

class ValuesTest : public RetentionTest {
 protected:
  void SetUp() override {
    world_ = std::make_unique<SmallWorld>(broker());
    ASSERT_THAT(world_->PutActors({"P_POLITIE_ON", "P_ENSCHEDE", "P_PORTAAL"}), IsOk());
    ASSERT_THAT(world_->Build(), IsOk());
  }
  absl::StatusOr<v1::DepositFieldResponse> DepositUntil(std::string_view end) {
    v1::DepositFieldRequest request = world_->NewDeposit();
    request.set_deposit_end(std::string(end));
    return world_->Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", request);
  }
  std::unique_ptr<SmallWorld> world_;
};

TEST_F(ValuesTest, AValueGoesThirtyDaysAfterTheEndThatTheSourceChose) {
  ASSERT_THAT(world_->Consent(), IsOk());
  ASSERT_THAT(DepositUntil("2026-12-31"), IsOk());
  const std::vector<std::string> sealed = SealedValues();
  ASSERT_THAT(sealed, SizeIs(1));
  EXPECT_THAT(Plan("2027-01-29").destructions, IsEmpty());
  const DestructionPlan plan = Plan("2027-01-30");
  ASSERT_THAT(plan.destructions, SizeIs(1));
  EXPECT_EQ(plan.destructions[0].kind, Destruction::Kind::kParts);
  ASSERT_THAT(plan.destructions[0].parts, SizeIs(1));
  EXPECT_EQ(plan.destructions[0].parts[0].term, "RT_BROKER_KLUIS");
  EXPECT_EQ(plan.destructions[0].parts[0].due, Day("2027-01-30"));
  EXPECT_EQ(plan.destructions[0].parts[0].values, 1);

  ASSERT_THAT(broker().SetClock(At("2026-12-31", 23)), IsOk());
  EXPECT_EQ(OutcomeOf(*world_->Ask()), FieldOutcome::RELEASE);
  // Past its end it is released no more, but kept for those who supervise.
  ASSERT_THAT(broker().SetClock(At("2027-01-29", 23)), IsOk());
  EXPECT_EQ(Run().values, 0);
  EXPECT_EQ(CodeOf(*world_->Ask()), ReasonCode::RETENTION_EXPIRED);
  ASSERT_THAT(broker().SetClock(At("2027-01-30", 0)), IsOk());
  EXPECT_EQ(Run("a.jansen").values, 1);
  EXPECT_THAT(SealedValues(), IsEmpty());
  // The key stays, so the bytes have to be gone.
  EXPECT_THAT(CarveKeys(LiveFiles(directory_.File("keys.db")), kMaster, AllPersons()[0]),
              SizeIs(1));
  EXPECT_FALSE(Holds(LiveFiles(directory_.File("sluis.db")), sealed[0]));
  const auto entries = Destroyed();
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ(entries[0].record.professional(), "a.jansen");
  EXPECT_FALSE(entries[0].record.destroyed().key());
  const auto after = world_->Ask();
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(after->values_size(), 0);
  ExpectLogVerifies();
}

TEST_F(ValuesTest, ASectorCasusEndsWithTheShortestTermOfItsParticipantsAfterClosing) {
  ASSERT_THAT(world_->Close(), IsOk());
  // GEM_COLLEGE_WMO keeps fifteen years, the GGZ twenty.
  EXPECT_THAT(Plan("2041-11-29").destructions, IsEmpty());
  const DestructionPlan plan = Plan("2041-11-30");
  ASSERT_THAT(plan.destructions, SizeIs(2));
  EXPECT_EQ(plan.destructions[0].parts[0].term, "RT_WMO");
  ASSERT_THAT(broker().SetClock(At("2041-11-30")), IsOk());
  EXPECT_EQ(Run().persons, 1);
  EXPECT_THAT(AllPersons(), IsEmpty());
}

TEST_F(ValuesTest, AnOpenSectorCasusHasNoEnd) {
  for (const Destruction& each : Plan("2090-01-01").destructions)
    EXPECT_EQ(each.kind, Destruction::Kind::kParts);
}

TEST_F(ValuesTest, APersonStaysAsLongAsOneCasusNeedsHer) {
  ASSERT_THAT(world_->Close(), IsOk());
  // The same BSN in another casus.
  SmallWorld other(broker());
  ASSERT_THAT(other.Build(), IsOk());
  ASSERT_THAT(AllPersons(), SizeIs(1));
  const auto value_rows = RowsIn(store::Table::kDeposit);
  ASSERT_THAT(broker().SetClock(At("2041-11-30")), IsOk());
  const DestructionTotals totals = Run();
  EXPECT_EQ(totals.casussen, 1);
  EXPECT_EQ(totals.persons, 0);
  EXPECT_EQ(RowsIn(store::Table::kDeposit), value_rows);
  EXPECT_TRUE(*vault().HasKey(AllPersons()[0]));
  v1::GetCasusRequest get;
  get.set_casus_id(world_->casus_id());
  EXPECT_THAT(
      broker().Send<v1::GetCasusResponse>("P_MEDIANT", "/sluis.v1.CasusService/GetCasus", get),
      IsError(Code::kNotFound, "NOT_IN_CASUS"));
  get.set_casus_id(other.casus_id());
  EXPECT_THAT(
      broker().Send<v1::GetCasusResponse>("P_MEDIANT", "/sluis.v1.CasusService/GetCasus", get),
      IsOk());
}

TEST_F(ValuesTest, AConsentGoesWhenNoEntryWithinItsTermRestsOnIt) {
  const auto given = world_->Consent();
  ASSERT_THAT(given, IsOk());
  ASSERT_THAT(world_->WithdrawConsent(given->answer().consent_id()), IsOk());
  EXPECT_THAT(Plan("2031-11-29").destructions, IsEmpty());
  const DestructionPlan plan = Plan("2031-11-30");
  ASSERT_THAT(plan.destructions, SizeIs(1));
  EXPECT_EQ(plan.destructions[0].parts[0].term, "RT_BROKER_LOG");
  EXPECT_EQ(plan.destructions[0].parts[0].records, 1);
  EXPECT_EQ(plan.destructions[0].parts[0].values, 0);
  ASSERT_THAT(broker().SetClock(At("2031-11-30")), IsOk());
  EXPECT_EQ(Run().records, 1);
  EXPECT_EQ(RowsIn(store::Table::kRecord, "p"), 0U);
}

// The envelope of a vroegsignaal: half a year after an answer without follow-up.
TEST_F(ValuesTest, ASignalWithoutFollowUpTakesItsCasusAlong) {
  const Uuid person = *crypto::RandomUuid();
  const Uuid envelope = *crypto::RandomUuid();
  const Uuid signal_id = *crypto::RandomUuid();
  const auto put = [&](std::string_view closed_on) {
    const auto transaction = *broker().assembly().store().Begin();
    state::StateWriter state(*transaction, vault());
    store::v1::Casus casus;
    casus.mutable_facts()->set_id(envelope.ToString());
    casus.mutable_facts()->set_status(policy::v1::CasusFacts::CLOSED);
    casus.mutable_facts()->set_first_processed("2026-11-30");
    casus.mutable_facts()->add_persons()->set_id(person.ToString());
    casus.mutable_opener()->set_partij("P_ALMELO");
    casus.mutable_opener()->set_hat("GEM_SCHULDHULP");
    casus.set_closed_on(std::string(closed_on));
    EXPECT_THAT(state.PutCasus(envelope, casus), IsOk());
    store::v1::Signal signal;
    signal.mutable_sender()->set_partij("P_ENERGIE");
    signal.mutable_receiver()->set_partij("P_ALMELO");
    signal.mutable_receiver()->set_hat("GEM_SCHULDHULP");
    signal.set_tafel("K_VROEGSIGNALERING");
    signal.set_casus_id(envelope.ToString());
    signal.set_person(person.ToString());
    signal.set_answered_on("2026-12-31");
    EXPECT_THAT(state::PutSignal(*transaction, vault(), signal_id, signal), IsOk());
    EXPECT_THAT(transaction->Commit(), IsOk());
  };
  ASSERT_THAT(vault().CreateKey(person), IsOk());
  ASSERT_THAT(vault().CreateKey(envelope), IsOk());
  {
    const auto transaction = *broker().assembly().store().Begin();
    ASSERT_THAT(state::StateWriter(*transaction, vault()).PutPerson(person, {}), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  // It went on for a while after the answer: a casus like any other.
  put("2027-02-01");
  EXPECT_THAT(Plan("2027-12-31").destructions, IsEmpty());
  put("2026-12-31");
  EXPECT_THAT(Plan("2027-06-30").destructions, IsEmpty());
  const DestructionPlan plan = Plan("2027-07-01");
  ASSERT_THAT(plan.destructions, SizeIs(2));
  EXPECT_EQ(plan.destructions[1].parts[0].term, "RT_VROEGSIGNAAL");
  ASSERT_THAT(broker().SetClock(At("2027-07-01", 0)), IsOk());
  EXPECT_EQ(Run().casussen, 1);
  EXPECT_EQ(RowsIn(store::Table::kSignal), 0U);
  EXPECT_FALSE(*vault().HasKey(person));
  EXPECT_FALSE(*vault().HasKey(envelope));
}

TEST_F(ValuesTest, APersonOfWhomThereIsNothingGoesAfterThirtyDays) {
  v1::IdentifyPersonRequest identify;
  identify.set_bsn(testing::TestBsn(77));
  const auto known =
      world_->Send<v1::IdentifyPersonResponse>(kWijkteam, "CasusService/IdentifyPerson", identify);
  ASSERT_THAT(known, IsOk());
  EXPECT_THAT(Plan("2026-12-29").destructions, IsEmpty());
  ASSERT_THAT(Plan("2026-12-30").destructions, SizeIs(1));
  ASSERT_THAT(broker().SetClock(At("2026-12-30")), IsOk());
  EXPECT_EQ(Run().persons, 1);
  // The number is somebody new now, of whom the old id says nothing.
  identify.clear_request_id();
  const auto again =
      world_->Send<v1::IdentifyPersonResponse>(kWijkteam, "CasusService/IdentifyPerson", identify);
  ASSERT_THAT(again, IsOk());
  EXPECT_NE(again->answer().person_id(), known->answer().person_id());
}

TEST_F(ValuesTest, WhoIsBeingDestroyedCannotBeAdded) {
  // The moment between the two halves of a destruction.
  const Uuid person = AllPersons()[0];
  {
    const auto transaction = *broker().assembly().store().Begin();
    ASSERT_THAT(
        transaction->Put(store::Table::kJob, absl::StrCat("destroy/", std::string(person.bytes())),
                         store::v1::Destruction().SerializeAsString()),
        IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  v1::AddPersonRequest add;
  add.set_casus_id(world_->casus_id());
  add.set_bsn(testing::TestBsn(1));
  add.set_role(policy::v1::PersonRole::BETROKKENE);
  EXPECT_THAT(world_->Send<v1::AddPersonResponse>(kRegie, "CasusService/AddPerson", add),
              IsError(Code::kUnavailable, "OVERLOADED"));
  v1::IdentifyPersonRequest identify;
  identify.set_bsn(testing::TestBsn(1));
  EXPECT_THAT(
      world_->Send<v1::IdentifyPersonResponse>(kWijkteam, "CasusService/IdentifyPerson", identify),
      IsError(Code::kUnavailable, "OVERLOADED"));
  // The next run completes it, whatever it finds.
  EXPECT_EQ(Plan("2026-11-30").unfinished, 1);
  EXPECT_EQ(Run().completed, 1);
  EXPECT_FALSE(*vault().HasKey(person));
  EXPECT_EQ(Plan("2026-11-30").unfinished, 0);
}

TEST_F(ValuesTest, ThePlanIsWhatTheRunDoes) {
  ASSERT_THAT(world_->Consent(), IsOk());
  ASSERT_THAT(DepositUntil("2026-12-31"), IsOk());
  SmallWorld closed(broker());
  ASSERT_THAT(closed.Build(2), IsOk());
  ASSERT_THAT(closed.Consent(), IsOk());
  ASSERT_THAT(closed.Close(), IsOk());
  ASSERT_THAT(broker().SetClock(At("2050-01-01")), IsOk());
  const DestructionPlan plan = Plan("2050-01-01");
  ASSERT_GE(plan.destructions.size(), 3U);
  Run();
  std::vector<Entry> entries = Destroyed();
  entries.erase(
      std::remove_if(entries.begin(), entries.end(),
                     [](const Entry& each) { return each.record.destroyed().completes() != 0; }),
      entries.end());
  ASSERT_EQ(entries.size(), plan.destructions.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    SCOPED_TRACE(i);
    const Destruction& planned = plan.destructions[i];
    const log::v1::Destroyed& done = entries[i].record.destroyed();
    EXPECT_EQ(entries[i].pseudonym, planned.pseudonym);
    EXPECT_EQ(entries[i].record.casus_id(), planned.casus_id);
    EXPECT_EQ(done.key(), planned.kind != Destruction::Kind::kParts);
    EXPECT_EQ(done.handles(), planned.handles);
    ASSERT_EQ(static_cast<size_t>(done.parts_size()), planned.parts.size());
    for (int k = 0; k < done.parts_size(); ++k) {
      const DestructionPart& part = planned.parts[static_cast<size_t>(k)];
      EXPECT_EQ(done.parts(k).term(), part.term);
      EXPECT_EQ(done.parts(k).due(), part.due.days());
      EXPECT_EQ(done.parts(k).values(), part.values);
      EXPECT_EQ(done.parts(k).records(), part.records);
    }
  }
  EXPECT_THAT(Plan("2050-01-01").destructions, IsEmpty());
}

TEST_F(ValuesTest, AWrongOperatorNameRunsNothing) {
  ASSERT_THAT(DepositUntil("2026-12-31"), IsOk());
  ASSERT_THAT(broker().SetClock(At("2030-01-01")), IsOk());
  EXPECT_THAT(retention().Run("two words"), IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_THAT(SealedValues(), SizeIs(1));
}

TEST_F(ValuesTest, ARunThatIsToldToStopStops) {
  ASSERT_THAT(DepositUntil("2026-12-31"), IsOk());
  ASSERT_THAT(broker().SetClock(At("2030-01-01")), IsOk());
  EXPECT_THAT(retention().Run("", [] { return Unavailable("SHUTTING_DOWN", ""); }),
              IsError(Code::kUnavailable, "SHUTTING_DOWN"));
  EXPECT_THAT(SealedValues(), SizeIs(1));
}

// ---- Erasure ----

TEST_F(ValuesTest, TwoOperatorsEraseAPerson) {
  ErasureRequest request;
  request.partij = "P_ALMELO";
  request.person = *Uuid::Parse(world_->wijkteam_person());
  request.ground = "WMO_5_3_5";
  request.reference = "Z-2026/0117";
  request.operator_id = "a.jansen";
  const std::vector<std::string> sealed = SealedValues();
  const Uuid person = AllPersons()[0];

  for (auto [change, field] :
       std::vector<std::pair<std::function<void(ErasureRequest&)>, std::string>>{
           {[](ErasureRequest& r) { r.ground = "BECAUSE"; }, "ground"},
           {[](ErasureRequest& r) { r.reference = ""; }, "reference"},
           {[](ErasureRequest& r) { r.reference = "Jan Jansen"; }, "reference"},
           {[](ErasureRequest& r) { r.operator_id = ""; }, "operator_id"}}) {
    ErasureRequest wrong = request;
    change(wrong);
    EXPECT_THAT(retention().Erase(wrong), IsError(Code::kInvalidArgument, "MALFORMED")) << field;
  }
  ErasureRequest unknown = request;
  unknown.partij = "P_POLITIE_ON";
  EXPECT_THAT(retention().Erase(unknown), IsError(Code::kNotFound, "PERSON_UNKNOWN"));

  ASSERT_THAT(retention().Erase(request), IsOk());
  EXPECT_TRUE(*vault().HasKey(person));
  EXPECT_THAT(retention().Erase(request), IsError(Code::kPermissionDenied, "SAME_OPERATOR"));
  // Nor does another spelling make somebody else of her.
  request.operator_id = "A.Jansen";
  EXPECT_THAT(retention().Erase(request), IsError(Code::kPermissionDenied, "SAME_OPERATOR"));
  EXPECT_TRUE(*vault().HasKey(person));
  const DestructionPlan plan = Plan("2026-11-30");
  ASSERT_THAT(plan.erasures, SizeIs(1));
  EXPECT_EQ(plan.erasures[0].asked_by, "a.jansen");
  EXPECT_EQ(plan.erasures[0].until, Day("2027-02-28").AddDays(1));
  request.operator_id = "b.de-wit";
  request.ground = "AVG_17";
  EXPECT_THAT(retention().Erase(request), IsError(Code::kFailedPrecondition, "ERASURE_OTHER"));
  EXPECT_TRUE(*vault().HasKey(person));
  request.ground = "WMO_5_3_5";
  const auto erased = retention().Erase(request);
  ASSERT_THAT(erased, IsOk());
  EXPECT_TRUE(*erased);

  EXPECT_FALSE(*vault().HasKey(person));
  EXPECT_THAT(AllPersons(), IsEmpty());
  const auto files = LiveFiles(directory_.File("keys.db"));
  EXPECT_THAT(CarveKeys(files, kMaster, person), IsEmpty());
  EXPECT_FALSE(Holds(LiveFiles(directory_.File("sluis.db")), sealed[0]));
  EXPECT_THAT(Plan("2026-11-30").erasures, IsEmpty());
  EXPECT_THAT(retention().Erase(request), IsError(Code::kNotFound, "PERSON_UNKNOWN"));
  EXPECT_EQ(CodeOf(*world_->Ask()), ReasonCode::NOT_IN_CASUS);

  const auto asked = Destroyed(EventKind::ERASURE_ASKED);
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].record.professional(), "a.jansen");
  const auto entries = Destroyed();
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries[0].record.professional(), "b.de-wit");
  EXPECT_EQ(entries[0].record.destroyed().asked_by(), "a.jansen");
  EXPECT_EQ(entries[0].record.destroyed().reference(), "Z-2026/0117");
  EXPECT_EQ(entries[0].record.destroyed().parts(0).term(), "WMO_5_3_5");
  EXPECT_EQ(entries[0].record.destroyed().parts(0).values(), 1);
  EXPECT_EQ(entries[1].record.destroyed().completes(), entries[0].index + 1);
  ExpectLogVerifies();
}

TEST_F(ValuesTest, AnErasureThatWaitsIsToldOfBeforeItsLastDay) {
  ErasureRequest request;
  request.partij = "P_ALMELO";
  request.person = *Uuid::Parse(world_->wijkteam_person());
  request.ground = "AVG_17";
  request.reference = "Z-2026/0118";
  request.operator_id = "a.jansen";
  const auto look = [&](std::string_view day) {
    EXPECT_THAT(broker().SetClock(At(day)), IsOk());
    std::vector<Job> jobs = AllJobs();
    jobs.erase(std::remove_if(jobs.begin(), jobs.end(),
                              [](const Job& job) { return job.name != "erasure_deadline"; }),
               jobs.end());
    for (Job& job : jobs) job.interval = absl::ZeroDuration();
    SchedulerOptions options;
    options.store = &broker().assembly().store();
    options.clock = &broker().assembly().clock();
    options.machine_clock = &SystemClock();
    absl::Status outcome = absl::InternalError("it did not run");
    options.on_run = [&](std::string_view, const absl::Status& status) { outcome = status; };
    Scheduler scheduler(std::move(options), broker().assembly().broker(), std::move(jobs));
    EXPECT_THAT(scheduler.RunDue(), IsOk());
    return outcome;
  };
  EXPECT_THAT(look("2026-11-30"), IsOk());
  ASSERT_THAT(retention().Erase(request), IsOk());
  // Asked on 30 November: until 1 March.
  ASSERT_THAT(Plan("2026-11-30").erasures, SizeIs(1));
  EXPECT_EQ(Plan("2026-11-30").erasures[0].until, Day("2027-03-01"));
  EXPECT_THAT(look("2027-02-14"), IsOk());
  const absl::Status due = look("2027-02-15");
  EXPECT_THAT(due, IsError(Code::kFailedPrecondition, "ERASURE_DUE"));
  EXPECT_EQ(MetadataOf(due)["until"], "2027-03-01");
  EXPECT_EQ(MetadataOf(due)["left"], "1");
  EXPECT_THAT(look("2027-06-01"), IsError(Code::kFailedPrecondition, "ERASURE_DUE"));
  request.operator_id = "b.de-wit";
  ASSERT_THAT(retention().Erase(request), IsOk());
  EXPECT_THAT(look("2027-06-02"), IsOk());
}

// ---- What changes between the search and the destruction ----

class ChangedMeanwhileTest : public RetentionTest {
 protected:
  // A casus of the Wams whose track ended, with one person of whom a source deposited something.
  // Closed on 15 March 2027; over fifteen years later.
  void SetUp() override {
    person_ = *crypto::RandomUuid();
    ended_ = *crypto::RandomUuid();
    other_ = *crypto::RandomUuid();
    for (const Uuid& each : {person_, ended_, other_}) ASSERT_THAT(vault().CreateKey(each), IsOk());
    Change([&](state::StateWriter& state) {
      EXPECT_THAT(state.PutPerson(person_, {}), IsOk());
      EXPECT_THAT(state.PutCasus(ended_, Track(ended_, "AFSLUITING", "2027-03-15")), IsOk());
      store::v1::Deposit deposit;
      deposit.mutable_holding()->mutable_source()->set_partij("P_MEDIANT");
      deposit.mutable_holding()->mutable_source()->set_hat("GGZ");
      deposit.mutable_holding()->set_first_processed("2027-01-01");
      deposit.mutable_holding()->set_recorded_on("2041-01-01");
      deposit.mutable_holding()->set_deposit_end("2060-01-01");
      EXPECT_THAT(state.PutDeposit(state::Subject::Person(person_), *crypto::RandomUuid(), deposit),
                  IsOk());
    });
    ASSERT_THAT(broker().SetClock(At("2042-03-15")), IsOk());
  }
  store::v1::Casus Track(const Uuid& id, const std::string& stage, const std::string& closed_on) {
    store::v1::Casus casus;
    casus.mutable_facts()->set_id(id.ToString());
    casus.mutable_facts()->set_status(policy::v1::CasusFacts::OPEN);
    casus.mutable_facts()->mutable_wams_track()->set_stage(stage);
    casus.mutable_facts()->set_first_processed("2027-01-01");
    casus.mutable_facts()->add_persons()->set_id(person_.ToString());
    casus.mutable_opener()->set_partij("P_ALMELO");
    casus.mutable_opener()->set_hat("GEM_COLLEGE_WMO");
    casus.mutable_wams()->set_closed_on(closed_on);
    return casus;
  }
  void Change(const std::function<void(state::StateWriter&)>& how) {
    const auto transaction = *broker().assembly().store().Begin();
    state::StateWriter state(*transaction, vault());
    how(state);
    EXPECT_THAT(transaction->Commit(), IsOk());
  }
  // A run in which somebody does `how` after the search, before the first destruction.
  DestructionTotals RunWhile(const std::function<void(state::StateWriter&)>& how) {
    bool done = false;
    const auto totals = retention().Run("", [&] {
      if (!std::exchange(done, true)) Change(how);
      return absl::OkStatus();
    });
    EXPECT_THAT(totals, IsOk());
    EXPECT_TRUE(done) << "nothing was found";
    return totals.value_or(DestructionTotals());
  }
  Uuid person_;
  Uuid ended_;
  Uuid other_;
};

TEST_F(ChangedMeanwhileTest, WithoutAChangeBothGo) {
  const DestructionTotals totals = RunWhile([](state::StateWriter&) {});
  EXPECT_EQ(totals.persons, 1);
  EXPECT_EQ(totals.casussen, 1);
  EXPECT_FALSE(*vault().HasKey(person_));
}

TEST_F(ChangedMeanwhileTest, ACasusThatIsReopenedKeepsItsPerson) {
  const DestructionTotals totals = RunWhile([&](state::StateWriter& state) {
    EXPECT_THAT(state.PutCasus(ended_, Track(ended_, "ONDERZOEK", "")), IsOk());
  });
  EXPECT_EQ(totals.persons, 0);
  EXPECT_EQ(totals.casussen, 0);
  EXPECT_TRUE(*vault().HasKey(person_));
  EXPECT_TRUE(*vault().HasKey(ended_));
  EXPECT_THAT(SealedValues(), SizeIs(1));
  EXPECT_THAT(Destroyed(), IsEmpty());
}

TEST_F(ChangedMeanwhileTest, APersonWhoIsPutIntoAnotherCasusStays) {
  const DestructionTotals totals = RunWhile([&](state::StateWriter& state) {
    EXPECT_THAT(state.PutCasus(other_, Track(other_, "TRIAGE", "")), IsOk());
  });
  EXPECT_EQ(totals.persons, 0);
  EXPECT_EQ(totals.casussen, 1);
  EXPECT_TRUE(*vault().HasKey(person_));
  EXPECT_THAT(SealedValues(), SizeIs(1));
}

// The casus of the WGS keeps a value whose holder's term is over.
TEST_F(ChangedMeanwhileTest, AValueStaysWhenItsPersonComesToATafelOfTheWgs) {
  Change([&](state::StateWriter& state) {
    EXPECT_THAT(state.PutCasus(ended_, Track(ended_, "ONDERZOEK", "")), IsOk());
    store::v1::Deposit deposit;
    deposit.mutable_holding()->mutable_source()->set_partij("P_POLITIE_ON");
    deposit.mutable_holding()->mutable_source()->set_hat("POLITIE");
    deposit.mutable_holding()->set_first_processed("2030-01-01");
    deposit.mutable_holding()->set_recorded_on("2030-01-01");
    deposit.mutable_holding()->set_deposit_end("2060-01-01");
    EXPECT_THAT(state.PutDeposit(state::Subject::Person(person_), *crypto::RandomUuid(), deposit),
                IsOk());
  });
  const DestructionTotals totals = RunWhile([&](state::StateWriter& state) {
    store::v1::Casus casus = Track(other_, "", "");
    casus.mutable_facts()->clear_wams_track();
    casus.mutable_facts()->set_first_processed("2042-01-01");
    casus.mutable_facts()->add_tafels("T_ZVH_CASUS");
    EXPECT_THAT(state.PutCasus(other_, casus), IsOk());
  });
  EXPECT_EQ(totals.values, 0);
  EXPECT_THAT(SealedValues(), SizeIs(2));
}

// ---- Rows that cannot be read ----

class UnreadableTest : public ValuesTest {
 protected:
  void Put(store::Table table, std::string_view key, std::string_view bytes) {
    const auto transaction = *broker().assembly().store().Begin();
    ASSERT_THAT(transaction->Put(table, key, bytes), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  std::vector<std::string> KeysOf(store::Table table, std::string_view prefix = "") {
    std::vector<std::string> keys;
    const auto rows = *(*broker().assembly().store().Read())->Scan(table, prefix, "", 10000);
    for (const auto& each : rows) keys.push_back(each.key);
    return keys;
  }
  // Changes one bit of what is sealed.
  void Break(store::Table table, const std::string& key) {
    auto bytes = *(*broker().assembly().store().Read())->Get(table, key);
    ASSERT_TRUE(bytes);
    bytes->back() = static_cast<char>(bytes->back() ^ 1);
    Put(table, key, *bytes);
  }
  static std::string Row(std::string_view kind, std::string_view id) {
    return absl::StrCat(ToAbsl(kind), " ", Uuid::FromBytes(id)->ToString());
  }
  void ExpectLeft(const std::vector<std::string>& rows) {
    const auto totals = retention().Run("");
    EXPECT_THAT(totals, IsError(Code::kDataLoss, "ROWS_UNREADABLE"));
    auto metadata = MetadataOf(totals.status());
    EXPECT_EQ(metadata["left"], absl::StrCat(rows.size()));
    for (const std::string& row : rows) EXPECT_THAT(metadata["rows"], ::testing::HasSubstr(row));
    std::vector<std::string> planned;
    const CivilDate today = facts::LocalDate(broker().assembly().clock().Now());
    for (const UnreadableRow& row : Plan(today.ToString()).unreadable)
      planned.push_back(absl::StrCat(row.kind, " ", row.id));
    EXPECT_THAT(planned, ::testing::UnorderedElementsAreArray(rows));
  }
};

TEST_F(UnreadableTest, AValueThatCannotBeOpenedIsLeftAndTheOthersGo) {
  ASSERT_THAT(world_->Consent(), IsOk());
  const std::string broken = KeysOf(store::Table::kDeposit).front();
  Break(store::Table::kDeposit, broken);
  SmallWorld other(broker());
  ASSERT_THAT(other.Build(2), IsOk());
  v1::DepositFieldRequest deposit = other.NewDeposit();
  deposit.set_deposit_end("2026-12-31");
  ASSERT_THAT(other.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit),
              IsOk());
  ASSERT_THAT(broker().SetClock(At("2041-11-30")), IsOk());
  ExpectLeft({Row("value", broken.substr(17))});
  EXPECT_THAT(KeysOf(store::Table::kDeposit), ElementsAre(broken));
  // The consent of the same person went.
  EXPECT_EQ(RowsIn(store::Table::kRecord, "p"), 0U);
  ExpectLogVerifies();

  // It goes with its person, who is over.
  ASSERT_THAT(broker().SetClock(At("2026-12-01")), IsOk());
  ASSERT_THAT(world_->Close(), IsOk());
  ASSERT_THAT(broker().SetClock(At("2041-12-01")), IsOk());
  EXPECT_EQ(Run().persons, 1);
  EXPECT_THAT(KeysOf(store::Table::kDeposit), IsEmpty());
}

TEST_F(UnreadableTest, ARecordThatDoesNotParseIsLeft) {
  ASSERT_THAT(world_->Consent(), IsOk());
  const std::string broken = KeysOf(store::Table::kRecord, "p").front();
  const Uuid record = *Uuid::FromBytes(broken.substr(17));
  const auto sealed = vault().Seal(AllPersons()[0],
                                   absl::StrCat("record", std::string(record.bytes())), "\xff\xff");
  ASSERT_THAT(sealed, IsOk());
  Put(store::Table::kRecord, broken, *sealed);
  ASSERT_THAT(DepositUntil("2026-12-31"), IsOk());
  ASSERT_THAT(broker().SetClock(At("2040-01-01")), IsOk());
  ExpectLeft({Row("record", record.bytes())});
  // The value was over and went; nobody knows whether the record is.
  EXPECT_THAT(SealedValues(), IsEmpty());
  EXPECT_THAT(KeysOf(store::Table::kRecord, "p"), ElementsAre(broken));
}

TEST_F(UnreadableTest, ACasusThatCannotBeReadKeepsItsPersonsAndNobodyElse) {
  // Gerda, in a casus that is over and in one that nobody can read.
  SmallWorld lost(broker());
  ASSERT_THAT(lost.Build(1), IsOk());
  SmallWorld other(broker());
  ASSERT_THAT(other.Build(2), IsOk());
  ASSERT_THAT(world_->Close(), IsOk());
  ASSERT_THAT(other.Close(), IsOk());
  ASSERT_THAT(AllPersons(), SizeIs(2));
  const Uuid id = *Uuid::Parse(lost.casus_id());
  Break(store::Table::kCasus, std::string(id.bytes()));
  ASSERT_THAT(broker().SetClock(At("2041-11-30")), IsOk());
  ExpectLeft({Row("casus", id.bytes())});
  EXPECT_THAT(KeysOf(store::Table::kCasus), ElementsAre(std::string(id.bytes())));
  ASSERT_THAT(AllPersons(), SizeIs(1));
  const auto gerda = *state::StateReader(**broker().assembly().store().Read(), vault())
                          .PersonOf(kGgz.partij, *Uuid::Parse(lost.ggz_person()));
  EXPECT_EQ(gerda, AllPersons()[0]);
  EXPECT_TRUE(*vault().HasKey(id));
}

// The entries of its casus are in an older log: anybody may be in it.
TEST_F(UnreadableTest, ACasusOfWhichTheLogSaysNothingKeepsEverybody) {
  const Uuid id = *crypto::RandomUuid();
  ASSERT_THAT(vault().CreateKey(id), IsOk());
  Put(store::Table::kCasus, id.bytes(), "not sealed");
  ASSERT_THAT(world_->Close(), IsOk());
  ASSERT_THAT(broker().SetClock(At("2041-11-30")), IsOk());
  ExpectLeft({Row("casus", id.bytes())});
  EXPECT_THAT(AllPersons(), SizeIs(1));
  EXPECT_FALSE(*vault().HasKey(*Uuid::Parse(world_->casus_id())));
}

TEST_F(UnreadableTest, WhatIsKeptOfRequestsAndInterruptionsIsToldOf) {
  const std::string person(AllPersons()[0].bytes());
  const std::string gone(crypto::RandomUuid()->bytes());
  Put(store::Table::kJob, absl::StrCat("erase/", person), "\xff");
  Put(store::Table::kJob, absl::StrCat("destroy/", gone), "\xff");
  ASSERT_THAT(DepositUntil("2026-12-31"), IsOk());
  ASSERT_THAT(broker().SetClock(At("2027-01-30")), IsOk());
  ExpectLeft({Row("intention", gone),
              absl::StrCat("erasure ", HexEncode(*vault().Pseudonym(AllPersons()[0])))});
  // The value was over, and went.
  EXPECT_THAT(SealedValues(), IsEmpty());
}

TEST_F(UnreadableTest, TheNightlyRunFailsSoThatSomebodyLooks) {
  Break(store::Table::kDeposit, KeysOf(store::Table::kDeposit).front());
  std::vector<Job> jobs = AllJobs();
  jobs.erase(std::remove_if(jobs.begin(), jobs.end(),
                            [](const Job& job) { return job.name != kRetentionJob; }),
             jobs.end());
  ASSERT_THAT(jobs, SizeIs(1));
  SchedulerOptions options;
  options.store = &broker().assembly().store();
  options.clock = &broker().assembly().clock();
  options.machine_clock = &SystemClock();
  absl::Status outcome;
  options.on_run = [&](std::string_view, const absl::Status& status) { outcome = status; };
  Scheduler scheduler(std::move(options), broker().assembly().broker(), std::move(jobs));
  ASSERT_THAT(scheduler.RunDue(), IsOk());
  EXPECT_EQ(MetadataOf(outcome)["left"], "1");
  const auto states = scheduler.Jobs();
  ASSERT_THAT(states, IsOk());
  EXPECT_EQ(states->front().reason, "ROWS_UNREADABLE");
  EXPECT_EQ(states->front().failures, 1);
}

// ---- Under load ----

TEST_F(ValuesTest, NothingIsReleasedAfterItsDestructionWasAcknowledged) {
  ASSERT_THAT(world_->Consent(), IsOk());
  ASSERT_THAT(world_->Close(), IsOk());
  SmallWorld open(broker());
  ASSERT_THAT(open.Build(3), IsOk());
  ASSERT_THAT(open.Consent(), IsOk());
  for (int round = 0; round < 5; ++round) {
    v1::DepositFieldRequest deposit = open.NewDeposit();
    deposit.set_deposit_end("2099-12-31");
    ASSERT_THAT(open.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit),
                IsOk());
    std::atomic<bool> stop = false;
    std::atomic<bool> destroyed = false;
    std::atomic<int> before = 0;
    std::vector<std::thread> askers;
    for (int i = 0; i < 3; ++i) {
      askers.emplace_back([&] {
        while (!stop) {
          const bool already = destroyed;
          const auto answer = open.Ask();
          // Decided before, and the key gone before the value was opened: the log says so.
          if (ReasonOf(answer.status()) == "NOT_DELIVERED") continue;
          ASSERT_THAT(answer, IsOk());
          if (answer->values_size() > 0) {
            EXPECT_FALSE(already) << "released after the destruction was acknowledged";
            ++before;
          }
        }
      });
    }
    const absl::Time until = absl::Now() + absl::Seconds(30);
    while (before < 20 && absl::Now() < until) std::this_thread::yield();
    // Erasure, with everything in flight.
    ErasureRequest request;
    request.partij = "P_ALMELO";
    request.person = *Uuid::Parse(open.wijkteam_person());
    request.ground = "AVG_17";
    request.reference = "R-1";
    request.operator_id = "a.jansen";
    EXPECT_THAT(retention().Erase(request), IsOk());
    request.operator_id = "b.de-wit";
    EXPECT_THAT(retention().Erase(request), IsOk());
    destroyed = true;
    const int so_far = before;
    for (int i = 0; i < 20; ++i) EXPECT_EQ((*open.Ask()).values_size(), 0);
    stop = true;
    for (std::thread& asker : askers) asker.join();
    EXPECT_GT(so_far, 0);
    ASSERT_THAT(open.Build(3), IsOk());
    ASSERT_THAT(open.Consent(), IsOk());
  }
  ExpectLogVerifies();
}

TEST_F(ValuesTest, TwoRunsAtOnceDestroyOnce) {
  for (int i = 2; i < 8; ++i) {
    SmallWorld world(broker());
    ASSERT_THAT(world.Build(i), IsOk());
    ASSERT_THAT(world.Close(), IsOk());
  }
  ASSERT_THAT(broker().SetClock(At("2041-11-30")), IsOk());
  std::atomic<int> persons = 0;
  std::vector<std::thread> runners;
  for (int i = 0; i < 3; ++i) {
    runners.emplace_back([&] {
      const auto totals = retention().Run("");
      ASSERT_THAT(totals, IsOk());
      persons += totals->persons;
    });
  }
  for (std::thread& runner : runners) runner.join();
  EXPECT_EQ(persons, 6);
  // Two entries for each person and casus, none twice.
  std::set<uint64_t> completed;
  for (const Entry& entry : Destroyed()) {
    if (entry.record.destroyed().completes() != 0) {
      EXPECT_TRUE(completed.insert(entry.record.destroyed().completes()).second);
    }
  }
  EXPECT_THAT(completed, SizeIs(12));
  EXPECT_THAT(Destroyed(), SizeIs(24));
}

// ---- Nothing within its term, and everything beyond it ----

struct Holder {
  std::string hat;
  std::string partij;
  int years_after_change = 0;  // 0: no such term
  int years_after_processing = 0;
};
const std::vector<Holder>& Holders() {
  static const std::vector<Holder> holders = {{"GEM_COLLEGE_WMO", "P_ALMELO", 15, 0},
                                              {"VEILIG_THUIS", "P_VT_TWENTE", 20, 0},
                                              {"GGZ", "P_MEDIANT", 20, 0},
                                              {"POLITIE", "P_POLITIE_ON", 0, 5},
                                              {"GEM_SCHULDHULP", "P_ALMELO", 15, 0},
                                              {"GEM_PROCESREGIE", "P_ALMELO", 0, 0}};
  return holders;
}

class AnyWorldTest : public RetentionTest {
 protected:
  struct Value {
    Uuid id;
    Uuid person;
    const Holder* holder = nullptr;
    CivilDate changed, processed, end;
  };
  struct AnyCasus {
    Uuid id;
    bool wgs = false;
    CivilDate processed;
    std::optional<CivilDate> closed;
    std::vector<const Holder*> sides;
    std::vector<Uuid> persons;
  };

  void Make(std::mt19937_64& random) {
    const auto below = [&](uint64_t n) { return static_cast<int>(random() % n); };
    const auto day = [&] { return Day("2020-01-01").AddDays(below(365 * 10)); };
    const auto holder = [&] { return &Holders()[static_cast<size_t>(below(Holders().size()))]; };
    const auto transaction = *broker().assembly().store().Begin();
    state::StateWriter state(*transaction, vault());
    std::vector<Uuid> persons;
    for (int i = 0; i < 6; ++i) {
      persons.push_back(*crypto::RandomUuid());
      ASSERT_THAT(vault().CreateKey(persons.back()), IsOk());
      ASSERT_THAT(state.PutPerson(persons.back(), {}), IsOk());
      ASSERT_THAT(state.MakeHandle(persons.back(), "P_ALMELO"), IsOk());
    }
    persons_.insert(persons_.end(), persons.begin(), persons.end());
    for (int i = 0; i < 5; ++i) {
      AnyCasus casus;
      casus.id = *crypto::RandomUuid();
      casus.wgs = below(2) == 0;
      casus.processed = day();
      if (below(2) == 0) casus.closed = casus.processed.AddDays(below(2000));
      store::v1::Casus document;
      auto& facts = *document.mutable_facts();
      facts.set_id(casus.id.ToString());
      facts.set_status(casus.closed ? policy::v1::CasusFacts::CLOSED
                                    : policy::v1::CasusFacts::OPEN);
      facts.set_first_processed(casus.processed.ToString());
      if (casus.wgs) facts.add_tafels("T_ZVH_CASUS");
      if (casus.closed) document.set_closed_on(casus.closed->ToString());
      for (int k = 0; k <= below(3); ++k) {
        casus.sides.push_back(holder());
        auto& side = *facts.add_participants()->mutable_participant();
        side.set_partij(casus.sides.back()->partij);
        side.set_hat(casus.sides.back()->hat);
      }
      casus.sides.push_back(holder());
      document.mutable_opener()->set_partij(casus.sides.back()->partij);
      document.mutable_opener()->set_hat(casus.sides.back()->hat);
      for (const Uuid& person : persons) {
        if (below(3) != 0) continue;
        facts.add_persons()->set_id(person.ToString());
        casus.persons.push_back(person);
      }
      ASSERT_THAT(vault().CreateKey(casus.id), IsOk());
      ASSERT_THAT(state.PutCasus(casus.id, document), IsOk());
      casussen_.push_back(std::move(casus));
    }
    for (int i = 0; i < 15; ++i) {
      Value value;
      value.id = *crypto::RandomUuid();
      value.person = persons[static_cast<size_t>(below(persons.size()))];
      value.holder = holder();
      value.processed = day();
      value.changed = value.processed.AddDays(below(1000));
      value.end = value.changed.AddDays(below(365 * 25));
      store::v1::Deposit deposit;
      auto& holding = *deposit.mutable_holding();
      holding.mutable_source()->set_partij(value.holder->partij);
      holding.mutable_source()->set_hat(value.holder->hat);
      holding.set_first_processed(value.processed.ToString());
      holding.set_recorded_on(value.changed.ToString());
      holding.set_deposit_end(value.end.ToString());
      ASSERT_THAT(state.PutDeposit(state::Subject::Person(value.person), value.id, deposit),
                  IsOk());
      values_.push_back(value);
    }
    ASSERT_THAT(transaction->Commit(), IsOk());
  }

  // As the law says it, one by one.
  static bool CasusIsOver(const AnyCasus& casus, CivilDate today) {
    if (casus.wgs) return casus.processed.AddYears(5) <= today;
    if (!casus.closed) return false;
    int years = 0;
    for (const Holder* side : casus.sides) {
      if (side->years_after_change != 0 && (years == 0 || side->years_after_change < years))
        years = side->years_after_change;
    }
    return casus.closed->AddYears(years == 0 ? 5 : years) <= today;
  }
  bool ValueIsOver(const Value& value, CivilDate today) const {
    bool in_any = false;
    bool in_live = false;
    bool in_live_wgs = false;
    for (const AnyCasus& casus : casussen_) {
      if (std::find(casus.persons.begin(), casus.persons.end(), value.person) ==
          casus.persons.end())
        continue;
      in_any = true;
      if (CasusIsOver(casus, today)) continue;
      in_live = true;
      in_live_wgs |= casus.wgs;
    }
    if (in_any && !in_live) return true;
    if (value.end.AddDays(30) <= today) return true;
    if (in_live_wgs) return false;
    const Holder& holder = *value.holder;
    return (holder.years_after_change != 0 &&
            value.changed.AddYears(holder.years_after_change) <= today) ||
           (holder.years_after_processing != 0 &&
            value.processed.AddYears(holder.years_after_processing) <= today);
  }

  void ExpectAsTheLawSays(CivilDate today) {
    const auto reader = *broker().assembly().store().Read();
    state::StateReader state(*reader, vault());
    for (const AnyCasus& casus : casussen_) {
      EXPECT_EQ(*vault().HasKey(casus.id), !CasusIsOver(casus, today)) << casus.id.ToString();
    }
    for (const Value& value : values_) {
      auto kept = state.Deposit(value.id);
      const bool there = kept.ok() && kept->has_value();
      EXPECT_EQ(there, !ValueIsOver(value, today))
          << value.holder->hat << " changed " << value.changed.ToString() << " processed "
          << value.processed.ToString() << " end " << value.end.ToString();
      if (there) {
        EXPECT_TRUE(*vault().HasKey(value.person));
      }
    }
  }

  std::vector<Uuid> persons_;
  std::vector<AnyCasus> casussen_;
  std::vector<Value> values_;
};

TEST_F(AnyWorldTest, WhatIsOverGoesAndWhatIsNotStays) {
  const char* const given = std::getenv("SLUIS_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE(absl::StrCat("SLUIS_SEED=", seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 8; ++i) Make(random);
  CivilDate today = Day("2026-11-30");
  ASSERT_THAT(broker().SetClock(At(today.ToString())), IsOk());
  while (today < Day("2056-01-01")) {
    SCOPED_TRACE(today.ToString());
    const DestructionPlan plan = Plan(today.ToString());
    Run();
    ExpectAsTheLawSays(today);
    if (HasFailure()) return;
    // On to the first day on which something ends, or the day before it.
    CivilDate next = today.AddDays(1 + static_cast<int>(random() % 700));
    for (const Value& value : values_) {
      for (const CivilDate each : {value.end.AddDays(30), value.end.AddDays(29)}) {
        if (today < each && each < next) next = each;
      }
    }
    if (random() % 4 != 0) next = std::max(next, today.AddDays(90));
    today = next;
    ASSERT_THAT(broker().SetClock(At(today.ToString(), 0)), IsOk());
  }
  ExpectLogVerifies();
}

TEST_F(AnyWorldTest, OnTheVeryDay) {
  std::mt19937_64 random(20261130);
  Make(random);
  std::set<CivilDate> days;
  for (const AnyCasus& casus : casussen_) {
    for (const int years : {5, 15, 20}) {
      days.insert((casus.wgs || !casus.closed ? casus.processed : *casus.closed).AddYears(years));
    }
  }
  for (const Value& value : values_) {
    days.insert(value.end.AddDays(30));
    days.insert(value.processed.AddYears(5));
    days.insert(value.changed.AddYears(15));
    days.insert(value.changed.AddYears(20));
  }
  for (const CivilDate day : days) {
    if (day < Day("2026-11-30")) continue;
    for (const CivilDate each : {day.AddDays(-1), day}) {
      SCOPED_TRACE(each.ToString());
      ASSERT_THAT(broker().SetClock(At(each.ToString(), 0)), IsOk());
      Run();
      ExpectAsTheLawSays(each);
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace sluis::broker
