// Invariant 4: once a withdrawal (of a consent, a value, a mandate), objection, exception, removal,
// closing or down-scaling is acknowledged, no later release contradicts it. Many requesters against
// one writer per ground, on real files; what happened is then held against the order of the log.
//
// SLUIS_REVOCATION_OPERATIONS sets how many calls are made; 20,000 unless told otherwise.

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "history.h"
#include "small_world.h"

#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/ledger/ledger.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"

namespace sluis::broker {
namespace {

using policy::v1::FieldOutcome;
using ::testing::IsEmpty;
using testing::IsOk;

uint64_t Operations() {
  const char* const text = std::getenv("SLUIS_REVOCATION_OPERATIONS");
  const uint64_t asked = text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
  return asked == 0 ? 20000 : asked;
}

// ---- The checker itself ----

Operation Request(uint64_t begun, uint64_t ended, uint64_t index, bool released) {
  return {Operation::Kind::kRequest, Ground::kConsent, released, begun, ended, index, released};
}
Operation Grant(Ground ground, uint64_t begun, uint64_t ended, uint64_t index) {
  return {Operation::Kind::kGrant, ground, false, begun, ended, index};
}
Operation Revoke(Ground ground, uint64_t begun, uint64_t ended, uint64_t index) {
  return {Operation::Kind::kRevoke, ground, false, begun, ended, index};
}

TEST(HistoryTest, AGoodHistoryIsGood) {
  EXPECT_THAT(CheckHistory({Request(1, 2, 0, false), Grant(Ground::kConsent, 3, 4, 1),
                            Request(5, 6, 2, true), Revoke(Ground::kConsent, 7, 10, 4),
                            // Under way while consent is withdrawn: either way is right.
                            Request(8, 12, 3, true), Request(9, 13, 5, false),
                            Grant(Ground::kConsent, 14, 15, 6), Request(16, 17, 7, true)}),
              IsEmpty());
}

TEST(HistoryTest, AReleaseAfterARevocationIsFound) {
  const auto problems = CheckHistory({Grant(Ground::kConsent, 1, 2, 0),
                                      Revoke(Ground::kConsent, 3, 4, 1), Request(5, 6, 2, true)});
  EXPECT_THAT(problems, ::testing::Contains(::testing::HasSubstr("after an acknowledged")));
  EXPECT_THAT(problems, ::testing::Contains(::testing::HasSubstr("no longer so")));
}

TEST(HistoryTest, AReleaseOnAnOlderVersionIsFound) {
  // In real time the two overlap, so only the log tells.
  EXPECT_THAT(CheckHistory({Revoke(Ground::kPhase, 1, 10, 3), Request(2, 9, 4, true)}),
              ::testing::ElementsAre("entry 4: released on facts that were no longer so"));
}

TEST(HistoryTest, ALogOutOfRealOrderIsFound) {
  EXPECT_THAT(CheckHistory({Request(1, 2, 5, false), Request(3, 4, 4, false)}),
              ::testing::ElementsAre("entry 4: stands before what was answered earlier"));
}

TEST(HistoryTest, OneEntryForTwoCallsIsFound) {
  EXPECT_THAT(CheckHistory({Request(1, 4, 5, false), Request(2, 3, 5, false)}),
              ::testing::ElementsAre("entry 5: two operations"));
}

TEST(HistoryTest, AValueAfterItsWithdrawalIsFound) {
  EXPECT_THAT(CheckHistory({Revoke(Ground::kValue, 1, 2, 0), Request(3, 4, 1, true)}),
              ::testing::SizeIs(2));
  // A release that brings none is right.
  Operation empty = Request(3, 4, 1, true);
  empty.delivered = false;
  EXPECT_THAT(CheckHistory({Revoke(Ground::kValue, 1, 2, 0), empty}), IsEmpty());
}

TEST(HistoryTest, AReleaseBeforeTheFirstGrantIsFound) {
  EXPECT_THAT(CheckHistory({Request(1, 8, 0, true), Grant(Ground::kConsent, 2, 7, 1)}),
              ::testing::ElementsAre("entry 0: released on facts that were no longer so"));
}

// ---- The broker ----

class History {
 public:
  uint64_t Tick() { return clock_.fetch_add(1); }
  void Add(const Operation& operation) {
    const MutexLock lock(mutex_);
    operations_.push_back(operation);
  }
  std::vector<Operation> Take() {
    const MutexLock lock(mutex_);
    return std::move(operations_);
  }

 private:
  std::atomic<uint64_t> clock_{1};
  Mutex mutex_;
  std::vector<Operation> operations_ ABSL_GUARDED_BY(mutex_);
};

// Runs a change and notes when it was and where it stands in the log. Empty when it failed.
template <typename Call>
auto Change(History& history, Operation::Kind kind, Ground ground, Call call) {
  Operation operation;
  operation.kind = kind;
  operation.ground = ground;
  operation.begun = history.Tick();
  auto response = call();
  operation.ended = history.Tick();
  EXPECT_THAT(response, IsOk());
  if (response.ok()) {
    EXPECT_EQ(response->receipts_size(), 1);
    operation.index = response->receipts(0).index();
    history.Add(operation);
  }
  return response.ok() ? std::optional(*std::move(response)) : std::nullopt;
}

using Kind = Operation::Kind;

// How many calls are still to be made.
class Budget {
 public:
  explicit Budget(uint64_t calls) : left_(static_cast<int64_t>(calls)) {}
  bool Take(int calls) {
    return !::testing::Test::HasFailure() && left_.fetch_sub(calls, std::memory_order_relaxed) > 0;
  }

 private:
  std::atomic<int64_t> left_;
};

void AlternateConsent(SmallWorld& world, History& history, Budget& budget) {
  while (budget.Take(2)) {
    const auto consent =
        Change(history, Kind::kGrant, Ground::kConsent, [&] { return world.Consent(); });
    if (!consent) return;
    Change(history, Kind::kRevoke, Ground::kConsent,
           [&] { return world.WithdrawConsent(consent->answer().consent_id()); });
  }
}

void AlternateObjection(SmallWorld& world, History& history, Budget& budget) {
  while (budget.Take(2)) {
    const auto objection =
        Change(history, Kind::kRevoke, Ground::kNoObjection, [&] { return world.Object(); });
    if (!objection) return;
    Change(history, Kind::kGrant, Ground::kNoObjection,
           [&] { return world.WithdrawFact(kGgz, objection->answer().fact_id()); });
  }
}

void AlternateParticipation(SmallWorld& world, History& history, Budget& budget) {
  while (budget.Take(2)) {
    Change(history, Kind::kRevoke, Ground::kParticipation, [&] { return world.Remove(kWijkteam); });
    Change(history, Kind::kGrant, Ground::kParticipation, [&] { return world.Admit(kWijkteam); });
  }
}

void AlternatePhase(SmallWorld& world, History& history, Budget& budget) {
  while (budget.Take(2)) {
    Change(history, Kind::kRevoke, Ground::kPhase, [&] { return world.Scale(kRegie, "AVE_1"); });
    Change(history, Kind::kGrant, Ground::kPhase, [&] { return world.Scale(kWijkteam, "AVE_2"); });
  }
}

void AlternateValue(SmallWorld& world, History& history, Budget& budget) {
  // The first was deposited when the casus was made.
  std::optional<v1::DepositFieldResponse> deposit =
      Change(history, Kind::kGrant, Ground::kValue, [&] { return world.Deposit(); });
  while (deposit && budget.Take(2)) {
    v1::WithdrawFieldRequest withdraw;
    withdraw.set_deposit_id(deposit->answer().deposit_id());
    if (!Change(history, Kind::kRevoke, Ground::kValue, [&] {
          return world.Send<v1::WithdrawFieldResponse>(kGgz, "FieldService/WithdrawField",
                                                       withdraw);
        })) {
      return;
    }
    deposit = Change(history, Kind::kGrant, Ground::kValue, [&] { return world.Deposit(); });
  }
}

// ---- A supporter, at the channel for the rights of persons ----

inline constexpr Side kIxta{"P_IXTANOA", "ZELFREGIE"};
constexpr std::string_view kPlan = "afspraken_interventies";

// The supporter asks the process director about the approach, with a mandate.
struct Supporter {
  SmallWorld& world;
  std::string person;

  absl::Status Build() {
    v1::IntroducePersonRequest introduce;
    introduce.set_casus_id(world.casus_id());
    introduce.set_person_id(world.wijkteam_person());
    introduce.set_partij(std::string(kIxta.partij));
    SLUIS_RETURN_IF_ERROR(
        world.Send<v1::IntroducePersonResponse>(kRegie, "CasusService/IntroducePerson", introduce)
            .status());
    v1::GetCasusRequest get;
    get.set_casus_id(world.casus_id());
    SLUIS_ASSIGN_OR_RETURN(const auto got,
                           world.transport().Send<v1::GetCasusResponse>(
                               kIxta.partij, "/sluis.v1.CasusService/GetCasus", get));
    if (got.casus().person_ids_size() != 1) return absl::InternalError("another number of persons");
    person = got.casus().person_ids(0);
    v1::DepositFieldRequest deposit = world.NewDeposit();
    deposit.set_person_id(world.wijkteam_person());
    deposit.set_field(std::string(kPlan));
    for (const auto& field : testing::ReferenceConvenant().message().fields()) {
      if (field.name() == kPlan)
        *deposit.mutable_content()->mutable_value() = testing::SampleValue(field);
    }
    return world.Send<v1::DepositFieldResponse>(kRegie, "FieldService/DepositField", deposit)
        .status();
  }
  absl::StatusOr<v1::RecordFactResponse> Mandate() {
    v1::RecordFactRequest request;
    request.set_reference("dossier 6");
    auto& mandate = *request.mutable_fact()->mutable_mandate();
    mandate.set_person(person);
    mandate.mutable_holder()->set_partij(std::string(kIxta.partij));
    mandate.mutable_holder()->set_hat(std::string(kIxta.hat));
    mandate.add_fields(std::string(kPlan));
    mandate.add_given_by()->set_capacity(policy::v1::Capacity::SELF);
    mandate.set_flag(policy::v1::Consent::AVG_GRONDSLAG);
    mandate.set_written(true);
    mandate.set_from("2026-01-01");
    return world.Send<v1::RecordFactResponse>(kIxta, "FactService/RecordFact", request);
  }
  absl::StatusOr<v1::RecordFactResponse> Except() {
    v1::RecordFactRequest request;
    request.set_reference("dossier 7");
    auto& exception = *request.mutable_fact()->mutable_rights_exception();
    exception.set_person(world.wijkteam_person());
    exception.add_fields(std::string(kPlan));
    exception.set_reason("GEHEIM uitzondering");
    exception.set_from("2026-01-01");
    return world.Send<v1::RecordFactResponse>(kRegie, "FactService/RecordFact", request);
  }
  absl::StatusOr<v1::RequestFieldsResponse> Ask() {
    v1::RequestFieldsRequest request;
    request.set_casus_id(world.casus_id());
    request.set_tafel("K_RECHTEN");
    request.mutable_source()->set_partij(std::string(kRegie.partij));
    request.mutable_source()->set_hat(std::string(kRegie.hat));
    request.set_purpose("D16");
    request.set_person_id(person);
    auto& field = *request.add_fields();
    field.set_field(std::string(kPlan));
    field.set_motivation("namens de cliënt");
    return world.Send<v1::RequestFieldsResponse>(kIxta, "SharingService/RequestFields", request);
  }
};

void AlternateMandate(Supporter& supporter, History& history, Budget& budget) {
  while (budget.Take(2)) {
    const auto mandate =
        Change(history, Kind::kGrant, Ground::kMandate, [&] { return supporter.Mandate(); });
    if (!mandate) return;
    Change(history, Kind::kRevoke, Ground::kMandate,
           [&] { return supporter.world.WithdrawFact(kIxta, mandate->answer().fact_id()); });
  }
}

void AlternateException(Supporter& supporter, History& history, Budget& budget) {
  while (budget.Take(2)) {
    const auto exception =
        Change(history, Kind::kRevoke, Ground::kNoException, [&] { return supporter.Except(); });
    if (!exception) return;
    Change(history, Kind::kGrant, Ground::kNoException,
           [&] { return supporter.world.WithdrawFact(kRegie, exception->answer().fact_id()); });
  }
}

struct Tally {
  std::atomic<uint64_t> all{0};
  std::atomic<uint64_t> released{0};
  std::atomic<uint64_t> refused{0};
};

template <typename Asker>
void Request(Asker& asker, History& history, Tally& tally) {
  Operation operation;
  operation.begun = history.Tick();
  const auto response = asker.Ask();
  operation.ended = history.Tick();
  ASSERT_THAT(response, IsOk());
  operation.released = OutcomeOf(*response) == FieldOutcome::RELEASE;
  operation.delivered = response->values_size() == 1;
  // What was decided and what was delivered are one.
  const bool held = response->answer().fields(0).value_state() == v1::VALUE_STATE_DELIVERED;
  EXPECT_EQ(operation.delivered, operation.released && held);
  operation.index = response->receipts(0).index();
  ++(operation.released ? tally.released : tally.refused);
  history.Add(operation);
}

// One casus: everything is granted and taken back while requesters ask, and at the end it is
// closed while they still do.
void PlayRound(SmallWorld& world, uint64_t operations, Tally& tally) {
  History history;
  Budget budget(operations);
  constexpr int kRequesters = 12;
  constexpr int kSupporters = 3;
  constexpr int kAfterClosing = 5;
  std::vector<std::thread> writers;
  for (const auto alternate : {AlternateConsent, AlternateObjection, AlternateParticipation,
                               AlternatePhase, AlternateValue}) {
    writers.emplace_back(alternate, std::ref(world), std::ref(history), std::ref(budget));
  }
  // Another question at the same time, about the same person: what stands in its way is its own.
  Supporter supporter{world, {}};
  ASSERT_THAT(supporter.Build(), IsOk());
  History of_supporter;
  for (const auto alternate : {AlternateMandate, AlternateException}) {
    writers.emplace_back(alternate, std::ref(supporter), std::ref(of_supporter), std::ref(budget));
  }
  std::atomic<bool> closed{false};
  std::vector<std::thread> requesters;
  for (int i = 0; i < kRequesters; ++i) {
    requesters.emplace_back([&] {
      while (budget.Take(1)) Request(world, history, tally);
      while (!closed && !::testing::Test::HasFailure()) Request(world, history, tally);
      for (int after = 0; after < kAfterClosing; ++after) Request(world, history, tally);
    });
  }
  for (int i = 0; i < kSupporters; ++i) {
    requesters.emplace_back([&] {
      while (budget.Take(1)) Request(supporter, of_supporter, tally);
    });
  }
  for (std::thread& writer : writers) writer.join();
  // Everything is granted now, but what the last turn of the consent's writer withdrew.
  Change(history, Kind::kGrant, Ground::kConsent, [&] { return world.Consent(); });
  Request(world, history, tally);
  Change(history, Kind::kRevoke, Ground::kOpen, [&] { return world.Close(); });
  closed = true;
  for (std::thread& requester : requesters) requester.join();
  for (History* each : {&history, &of_supporter}) {
    std::vector<Operation> operations_done = each->Take();
    tally.all += operations_done.size();
    EXPECT_THAT(CheckHistory(std::move(operations_done)), IsEmpty());
  }
}

TEST(RevocationTest, NoReleaseContradictsAnAcknowledgedRevocation) {
  const testing::TempDir directory;
  testing::TestBroker broker(directory.path(), testing::ReferencePolicy(), TestNow());
  Tally tally;
  // A new casus and person each time: what a person's consents were is read with every decision.
  const uint64_t rounds = std::max<uint64_t>(1, Operations() / 2000);
  for (uint64_t round = 0; round < rounds; ++round) {
    SmallWorld world(broker);
    if (round == 0) {
      ASSERT_THAT(world.PutActors({std::string(kIxta.partij)}), IsOk());
    }
    ASSERT_THAT(world.Build(static_cast<int>(round) + 1), IsOk());
    PlayRound(world, Operations() / rounds, tally);
    ASSERT_FALSE(HasFailure());
  }
  // A test in which nothing is released, or nothing refused, shows nothing.
  EXPECT_GE(tally.all, Operations() - rounds);
  EXPECT_GT(tally.released, Operations() / 200);
  EXPECT_GT(tally.refused, Operations() / 200);
  const auto reader = broker.assembly().store().Read();
  ASSERT_THAT(reader, IsOk());
  const auto problems = ledger::VerifyStoredLog(**reader, testing::kTestOrigin,
                                                broker.assembly().ledger().verifier());
  ASSERT_THAT(problems, IsOk());
  EXPECT_THAT(*problems, IsEmpty());
  std::cout << tally.all << " operations: " << tally.released << " released, " << tally.refused
            << " refused\n";
}

}  // namespace
}  // namespace sluis::broker
