// Invariants 3 and 5: nothing is released, and nothing changed, of which the log does not tell. A
// store fails at every place at which it can; afterwards the files are opened again, and what was
// answered is held against them.

#include <map>
#include <string>
#include <vector>

#include "faulty_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/ledger/ledger.h"

namespace sluis::broker {
namespace {

using policy::v1::FieldOutcome;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using Point = Faults::Point;

class FaultyBroker {
 public:
  explicit FaultyBroker(const std::string& directory) {
    auto opened = assembly::Assembly::Open(
        OptionsOn(directory, std::make_unique<FaultyStore>(OpenStoreIn(directory), faults_)),
        TestLogKey());
    EXPECT_THAT(opened, IsOk());
    assembly_ = *std::move(opened);
    assembly_->clock().Set(TestNow());
    transport_ = std::make_unique<AssemblyTransport>(*assembly_);
  }

  Faults& faults() { return faults_; }
  assembly::Assembly& assembly() { return *assembly_; }
  AssemblyTransport& transport() { return *transport_; }

 private:
  Faults faults_;
  std::unique_ptr<assembly::Assembly> assembly_;
  std::unique_ptr<AssemblyTransport> transport_;
};

// Collects the answers of calls that were started together.
class Answers {
 public:
  Broker::Done Expect() {
    const MutexLock lock(mutex_);
    ++expected_;
    return [this](absl::StatusOr<std::string> answer) {
      const MutexLock inner(mutex_);
      answers_.push_back(std::move(answer));
      changed_.NotifyAll();
    };
  }
  std::vector<absl::StatusOr<std::string>> Wait() {
    const MutexLock lock(mutex_);
    while (answers_.size() < expected_) changed_.Wait(mutex_);
    return std::move(answers_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  size_t expected_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<absl::StatusOr<std::string>> answers_ ABSL_GUARDED_BY(mutex_);
};

template <typename Request>
std::string Filled(Request request, Side side) {
  request.set_request_id(testing::NewRequestId());
  request.set_acting_hat(std::string(side.hat));
  request.set_professional(std::string(kActor));
  return request.SerializeAsString();
}

// What the log of a directory says of each entry.
struct StoredLog {
  std::map<uint64_t, std::string> leaves;
  std::vector<std::string> problems;
};

StoredLog ReadLog(const std::string& directory) {
  StoredLog log;
  const auto store = OpenStoreIn(directory);
  const auto reader = store->Read();
  EXPECT_THAT(reader, IsOk());
  const auto entries = (*reader)->Entries(0, 100000);
  EXPECT_THAT(entries, IsOk());
  for (const store::EntryRow& entry : *entries) log.leaves[entry.index] = entry.leaf;
  const auto problems =
      ledger::VerifyStoredLog(**reader, testing::kTestOrigin, TestLogKey().verifier());
  EXPECT_THAT(problems, IsOk());
  log.problems = *problems;
  return log;
}

struct Place {
  const char* name;
  Point point;
  bool unknown;  // a DATA_LOSS: nobody knows what is on the disk
};
void PrintTo(const Place& place, std::ostream* out) { *out << place.name; }

class NothingUnauditedTest : public ::testing::TestWithParam<Place> {};

TEST_P(NothingUnauditedTest, NoAnswerWithoutItsDurableEntry) {
  const Place place = GetParam();
  const absl::Status error = place.unknown ? DataLoss("STORE_SYNC_FAILED", "planted")
                                           : Unavailable("STORE_FAILED", "planted");
  int hits = 0;
  for (int nth = 1; nth <= 6; ++nth) {
    SCOPED_TRACE(nth);
    const testing::TempDir directory;
    std::vector<v1::RequestFieldsResponse> released;
    size_t durable_before = 0;
    {
      FaultyBroker broker(directory.path().string());
      SmallWorld world(broker.transport());
      ASSERT_THAT(world.PutActors(), IsOk());
      ASSERT_THAT(world.Build(), IsOk());
      ASSERT_THAT(world.Consent(), IsOk());
      ASSERT_THAT(world.Ask(), IsOk());
      durable_before = broker.assembly().ledger().published().size;
      Answers answers;
      // The first batch is held until everything waits, so that the second is a group.
      broker.faults().Hold();
      broker.faults().FailAt(place.point, nth, error);
      for (int i = 0; i < 8; ++i) {
        broker.transport().Start(kWijkteam.partij, "/sluis.v1.SharingService/RequestFields",
                                 Filled(world.Question(), kWijkteam), absl::InfiniteFuture(),
                                 answers.Expect());
      }
      broker.faults().AwaitHeld();
      broker.faults().Release();
      for (auto& answer : answers.Wait()) {
        if (!answer.ok()) continue;
        v1::RequestFieldsResponse response;
        ASSERT_TRUE(response.ParseFromString(*answer));
        EXPECT_EQ(OutcomeOf(response), FieldOutcome::RELEASE);
        released.push_back(std::move(response));
      }
      if (broker.faults().hit()) {
        ++hits;
        EXPECT_LT(released.size(), 8U);
      }
      // Afterwards: works again, or releases nothing for ever.
      broker.faults().Heal();
      const auto later = world.Ask();
      if (broker.faults().hit() && place.unknown) {
        EXPECT_THAT(later, IsError(absl::StatusCode::kDataLoss, "LEDGER_BROKEN"));
        EXPECT_THAT(broker.assembly().ledger().health(),
                    IsError(absl::StatusCode::kDataLoss, "LEDGER_BROKEN"));
      } else {
        EXPECT_THAT(later, IsOk());
        if (later.ok()) released.push_back(*later);
      }
    }
    const StoredLog log = ReadLog(directory.path().string());
    EXPECT_THAT(log.problems, IsEmpty());
    EXPECT_GE(log.leaves.size(), durable_before);
    for (const v1::RequestFieldsResponse& response : released) {
      const v1::Receipt& receipt = response.receipts(0);
      const auto entry = log.leaves.find(receipt.index());
      ASSERT_NE(entry, log.leaves.end()) << "released without entry " << receipt.index();
      EXPECT_EQ(entry->second, receipt.leaf());
    }
    // And a broker that is opened again goes on.
    FaultyBroker again(directory.path().string());
    EXPECT_THAT(again.assembly().ledger().health(), IsOk());
  }
  EXPECT_GT(hits, 0) << "the fault was never reached";
}

INSTANTIATE_TEST_SUITE_P(Places, NothingUnauditedTest,
                         ::testing::Values(Place{"Begin", Point::kBegin, false},
                                           Place{"Put", Point::kPut, false},
                                           Place{"AppendEntry", Point::kAppendEntry, false},
                                           Place{"PutTile", Point::kPutTile, false},
                                           Place{"PutHead", Point::kPutHead, false},
                                           Place{"Commit", Point::kCommit, false},
                                           Place{"AppendEntryUnknown", Point::kAppendEntry, true},
                                           Place{"PutHeadUnknown", Point::kPutHead, true},
                                           Place{"CommitUnknown", Point::kCommit, true},
                                           // On the disk, although it was reported as failed.
                                           Place{"AfterCommit", Point::kAfterCommit, true}),
                         [](const auto& each) { return std::string(each.param.name); });

// A change whose batch failed did not happen.
TEST(NothingUnauditedChangeTest, AFailedBatchLeavesNoFactsBehind) {
  const testing::TempDir directory;
  FaultyBroker broker(directory.path().string());
  SmallWorld world(broker.transport());
  ASSERT_THAT(world.PutActors(), IsOk());
  ASSERT_THAT(world.Build(), IsOk());
  // Now the facts are in memory, and a question is with the ledger as soon as it is sent.
  const auto before = world.Ask();
  ASSERT_THAT(before, IsOk());
  ASSERT_EQ(OutcomeOf(*before), FieldOutcome::NEEDS_CONSENT);

  // One call is held at the begin of its batch; a consent and a question form the next one, in
  // which the question is decided again on the consent. That batch fails.
  Answers answers;
  broker.faults().Hold();
  broker.transport().Start(kWijkteam.partij, "/sluis.v1.SharingService/RequestFields",
                           Filled(world.Question(), kWijkteam), absl::InfiniteFuture(),
                           answers.Expect());
  broker.faults().AwaitHeld();
  broker.faults().FailAt(Point::kCommit, 2, Unavailable("STORE_FAILED", "planted"));
  v1::RecordConsentRequest consent;
  *consent.mutable_consent() = world.NewConsent();
  broker.transport().Start(kGgz.partij, "/sluis.v1.ConsentService/RecordConsent",
                           Filled(consent, kGgz), absl::InfiniteFuture(), answers.Expect());
  broker.transport().Start(kWijkteam.partij, "/sluis.v1.SharingService/RequestFields",
                           Filled(world.Question(), kWijkteam), absl::InfiniteFuture(),
                           answers.Expect());
  broker.faults().Release();
  int failed = 0;
  for (const auto& answer : answers.Wait()) failed += answer.ok() ? 0 : 1;
  ASSERT_TRUE(broker.faults().hit());
  ASSERT_EQ(failed, 2);
  broker.faults().Heal();

  // The person's next version is that of something else. What was read in the failed batch must
  // not be taken for it.
  ASSERT_THAT(world.Deposit(), IsOk());
  const auto after = world.Ask();
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(OutcomeOf(*after), FieldOutcome::NEEDS_CONSENT);
  EXPECT_EQ(after->values_size(), 0);
}

// What was released and cannot be opened is on record, however late it is.
TEST(NothingUnauditedChangeTest, WhatCannotBeOpenedIsRecordedAfterTheDeadline) {
  const testing::TempDir directory;
  FaultyBroker broker(directory.path().string());
  SmallWorld world(broker.transport());
  ASSERT_THAT(world.PutActors(), IsOk());
  ASSERT_THAT(world.Build(), IsOk());
  ASSERT_THAT(world.Consent(), IsOk());
  ASSERT_THAT(world.Ask(), IsOk());
  // Decided while the key is there; it is destroyed before the commit, and the deadline passes
  // between the decision and its second entry.
  Answers answers;
  const absl::Time deadline = absl::Now() + absl::Milliseconds(500);
  const uint64_t before = broker.assembly().ledger().published().size;
  broker.faults().Hold();
  broker.transport().Start(kWijkteam.partij, "/sluis.v1.SharingService/RequestFields",
                           Filled(world.Question(), kWijkteam), deadline, answers.Expect());
  broker.faults().AwaitHeld();
  const auto handle = Uuid::Parse(world.wijkteam_person());
  ASSERT_THAT(handle, IsOk());
  const auto reader = broker.assembly().store().Read();
  ASSERT_THAT(reader, IsOk());
  state::StateReader looking(**reader, broker.assembly().vault());
  const auto person = looking.PersonOf(kWijkteam.partij, *handle);
  ASSERT_THAT(person, IsOk());
  ASSERT_TRUE(person->has_value());
  ASSERT_THAT(broker.assembly().vault().DestroyKey(**person), IsOk());
  broker.faults().LetOne();
  broker.faults().AwaitHeld(2);
  absl::SleepFor(deadline - absl::Now() + absl::Milliseconds(1));
  broker.faults().Release();
  const auto got = answers.Wait();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_THAT(got.front(), IsError(absl::StatusCode::kUnavailable, "NOT_DELIVERED"));
  EXPECT_EQ(broker.assembly().ledger().published().size, before + 2);

  // From now on the person is as unknown as anybody, and that is on record too.
  const uint64_t size = broker.assembly().ledger().published().size;
  const auto later = world.Ask();
  ASSERT_THAT(later, IsOk());
  EXPECT_EQ(CodeOf(*later), policy::v1::ReasonCode::NOT_IN_CASUS);
  EXPECT_EQ(broker.assembly().ledger().published().size, size + 1);
  EXPECT_THAT(world.Deposit(), IsError(absl::StatusCode::kFailedPrecondition, "NOT_IN_CASUS"));
  v1::GetCasusRequest get;
  get.set_casus_id(world.casus_id());
  EXPECT_THAT(broker.transport().Send<v1::GetCasusResponse>(kGgz.partij,
                                                            "/sluis.v1.CasusService/GetCasus", get),
              IsOk());
}

}  // namespace
}  // namespace sluis::broker
