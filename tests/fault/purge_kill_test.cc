// Invariant 7 when the broker dies while it destroys: it is killed at random moments of a purge,
// again and again. In the end everything that was over is gone, with the keys and the proof, and
// nothing else: no key can be found in any file, no value opened, and the log verifies.
//
// SLUIS_PURGE_KILLS sets how often (20), SLUIS_SEED repeats a run's random choices.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "carve.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base/bytes.h"
#include "sluis/base/text.h"
#include "sluis/base/uuid.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/crypto/crypto.h"
#include "sluis/ledger/ledger.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/store/sqlite_store.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"
#include "sluis/v1/admin.pb.h"
#include "sluis/wire/message.h"

namespace sluis::broker {
namespace {

using log::v1::EventKind;
using testing::Daemon;
using testing::GrpcTransport;
using ::testing::IsEmpty;
using testing::IsOk;

uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

absl::Time YearsLater() {
  return absl::FromCivil(absl::CivilSecond(2041, 11, 30, 9, 0, 0), absl::UTCTimeZone());
}

class PurgeKillTest : public ::testing::Test {
 protected:
  PurgeKillTest() : transport_(daemon_) {
    std::ostringstream text;
    text << std::ifstream(daemon_.directory() / "master.key").rdbuf();
    master_ = *HexDecode(text.str().substr(0, 64));
  }

  void Start(absl::Time now) {
    ASSERT_THAT(daemon_.Start(), IsOk());
    // The set clock ended with the process.
    ASSERT_THAT(transport_.SetClock(now), IsOk());
  }

  // Casussen that are over years later, each with a person and a value.
  void BuildClosed(int count) {
    ASSERT_THAT(transport_.SetClock(TestNow()), IsOk());
    for (int i = 0; i < count; ++i) {
      SmallWorld world(transport_);
      ASSERT_THAT(world.Build(++number_), IsOk());
      ASSERT_THAT(world.Consent(), IsOk());
      ASSERT_THAT(world.Close(), IsOk());
      doomed_casussen_.push_back(*Uuid::Parse(world.casus_id()));
    }
    ASSERT_THAT(transport_.SetClock(YearsLater()), IsOk());
  }

  absl::StatusOr<v1::PlanPurgeResponse> Plan() {
    auto bytes = transport_.Admin()->Call("/sluis.v1.AdminService/PlanPurge", "");
    if (!bytes.ok()) return bytes.status();
    v1::PlanPurgeResponse plan;
    if (!plan.ParseFromString(*bytes)) return absl::InternalError("not a plan");
    return plan;
  }
  absl::StatusOr<v1::RunPurgeResponse> Purge() {
    v1::RunPurgeRequest request;
    request.set_operator_id("a.jansen");
    auto bytes = transport_.Admin()->Call("/sluis.v1.AdminService/RunPurge",
                                          wire::Canonical(request), absl::Seconds(60));
    if (!bytes.ok()) return bytes.status();
    v1::RunPurgeResponse done;
    if (!done.ParseFromString(*bytes)) return absl::InternalError("no totals");
    return done;
  }

  // What stands in the store of a broker that does not run.
  struct Contents {
    std::vector<Uuid> persons;
    std::map<std::string, std::string> deposits;  // key → sealed
  };
  Contents Read() {
    Contents contents;
    const auto store = store::OpenSqliteStore(daemon_.store_file());
    EXPECT_THAT(store, IsOk());
    const auto reader = *(*store)->Read();
    const auto rows = *reader->Scan(store::Table::kPerson, "", "", 100000);
    for (const auto& each : rows) contents.persons.push_back(*Uuid::FromBytes(each.key));
    const auto values = *reader->Scan(store::Table::kDeposit, "", "", 100000);
    for (const auto& each : values) contents.deposits[each.key] = each.value;
    return contents;
  }

  std::vector<std::string> KeyFiles() { return LiveFiles(daemon_.person_keys_file()); }

  // Opens a deposit as the vault would, with a key that was found.
  static bool Opens(const std::string& row_key, const std::string& sealed, const std::string& key) {
    // 'p' ‖ person ‖ deposit.
    const std::string context =
        absl::StrCat(row_key.substr(1, 16), "deposit", row_key.substr(17, 16));
    return crypto::Open(SecretBytes::Take(std::string(key)), context, sealed).ok();
  }

  void CheckLog();

  Daemon daemon_;
  GrpcTransport transport_;
  std::string master_;
  int number_ = 100;
  std::vector<Uuid> doomed_casussen_;
};

void PurgeKillTest::CheckLog() {
  const auto store = store::OpenSqliteStore(daemon_.store_file());
  ASSERT_THAT(store, IsOk());
  const auto reader = *(*store)->Read();
  const std::string pem = *testing::RunProgram({"/bin/cat", daemon_.directory() / "log.key"});
  const auto key =
      audit::SigningKey::FromPem("sluis.localhost/log", SecretBytes::Take(std::string(pem)));
  ASSERT_THAT(key, IsOk());
  const auto problems =
      ledger::VerifyStoredLog(*reader, "sluis.localhost/log TEST_DATA_ONLY", key->verifier());
  ASSERT_THAT(problems, IsOk());
  EXPECT_THAT(*problems, IsEmpty());

  // One proof of every destruction, and one that it was completed.
  store::EntryFilter filter;
  filter.kinds = {EventKind::DESTROYED};
  std::map<std::string, int> casussen;
  std::map<std::string, int> persons;
  std::set<uint64_t> begun;
  std::set<uint64_t> completed;
  const auto rows = *reader->Search(filter, 0, 100000);
  for (const store::EntryRow& row : rows) {
    log::v1::Record record;
    ASSERT_TRUE(record.ParseFromString(row.record));
    const auto& destroyed = record.destroyed();
    if (destroyed.completes() != 0) {
      EXPECT_TRUE(completed.insert(destroyed.completes() - 1).second);
      continue;
    }
    if (!destroyed.key()) {
      // The consent of her who stays ended long ago.
      EXPECT_EQ(destroyed.parts(0).term(), "RT_BROKER_LOG");
      EXPECT_EQ(destroyed.parts(0).values(), 0);
      continue;
    }
    EXPECT_EQ(destroyed.parts(0).term(), "RT_WMO");
    begun.insert(row.index);
    ++(row.casus_id.empty() ? persons[row.pseudonym] : casussen[row.casus_id]);
  }
  EXPECT_EQ(begun, completed);
  EXPECT_EQ(casussen.size(), doomed_casussen_.size());
  EXPECT_EQ(persons.size(), doomed_casussen_.size());
  for (const auto& [id, count] : casussen) EXPECT_EQ(count, 1);
  for (const auto& [pseudonym, count] : persons) EXPECT_EQ(count, 1);
}

TEST_F(PurgeKillTest, WhatIsOverIsGoneHoweverOftenTheBrokerDied) {
  const uint64_t seed = Setting("SLUIS_SEED", std::random_device{}());
  const uint64_t kills = Setting("SLUIS_PURGE_KILLS", 20);
  std::cout << "purge kill test: SLUIS_SEED=" << seed << " SLUIS_PURGE_KILLS=" << kills << "\n";
  SCOPED_TRACE(absl::StrCat("SLUIS_SEED=", seed));
  std::mt19937_64 random(seed);
  Start(TestNow());
  SmallWorld kept(transport_);
  ASSERT_THAT(kept.PutActors(), IsOk());
  ASSERT_THAT(kept.Build(1), IsOk());
  ASSERT_THAT(kept.Consent(), IsOk());
  std::map<std::string, std::string> deposits;
  std::set<Uuid> persons;
  const auto remember = [&] {
    ASSERT_EQ(daemon_.Terminate().value_or(-1), 0);
    const Contents contents = Read();
    deposits.insert(contents.deposits.begin(), contents.deposits.end());
    persons.insert(contents.persons.begin(), contents.persons.end());
  };
  ASSERT_NO_FATAL_FAILURE(BuildClosed(6));
  ASSERT_NO_FATAL_FAILURE(remember());
  // The test can fail: here the keys are found, and open the values.
  {
    size_t opened = 0;
    const auto files = KeyFiles();
    for (const Uuid& person : persons) {
      const auto keys = CarveKeys(files, master_, person);
      ASSERT_THAT(keys, ::testing::Not(IsEmpty()));
      for (const auto& [row_key, sealed] : deposits) opened += Opens(row_key, sealed, keys[0]);
    }
    ASSERT_EQ(opened, deposits.size());
  }

  uint64_t killed_at_work = 0;
  for (uint64_t round = 0; round < kills; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    ASSERT_NO_FATAL_FAILURE(Start(YearsLater()));
    const auto plan = Plan();
    ASSERT_THAT(plan, IsOk());
    if (plan->casussen() < 3) {
      ASSERT_NO_FATAL_FAILURE(BuildClosed(4));
      ASSERT_NO_FATAL_FAILURE(remember());
      ASSERT_NO_FATAL_FAILURE(Start(YearsLater()));
    }
    absl::StatusOr<v1::RunPurgeResponse> purged = absl::UnknownError("not asked");
    std::thread purge([&] { purged = Purge(); });
    absl::SleepFor(absl::Microseconds(static_cast<int64_t>(random() % 60000)));
    daemon_.Kill();
    purge.join();
    killed_at_work += purged.ok() ? 0 : 1;
  }
  std::cout << "purge kill test: " << killed_at_work << " of " << kills
            << " kills before the answer, " << doomed_casussen_.size() << " casussen\n";
  EXPECT_GT(killed_at_work, kills / 4);

  ASSERT_NO_FATAL_FAILURE(Start(YearsLater()));
  ASSERT_THAT(Purge(), IsOk());
  const auto left = Plan();
  ASSERT_THAT(left, IsOk());
  EXPECT_EQ(left->casussen(), 0);
  EXPECT_EQ(left->persons(), 0);
  EXPECT_EQ(left->unfinished(), 0);

  // A copy of the live files: the broker runs.
  const auto key_files = KeyFiles();
  std::vector<std::string> found;
  size_t with_key = 0;
  for (const Uuid& person : persons) {
    const auto keys = CarveKeys(key_files, master_, person);
    with_key += keys.empty() ? 0 : 1;
    found.insert(found.end(), keys.begin(), keys.end());
  }
  // Hers who is in the open casus, and no other.
  EXPECT_EQ(with_key, 1U);
  for (const Uuid& casus : doomed_casussen_)
    EXPECT_THAT(CarveKeys(key_files, master_, casus), IsEmpty());
  size_t opened = 0;
  for (const auto& [row_key, sealed] : deposits) {
    for (const std::string& key : found) opened += Opens(row_key, sealed, key) ? 1 : 0;
  }
  EXPECT_EQ(opened, 1U);
  EXPECT_EQ(daemon_.Terminate().value_or(-1), 0);
  EXPECT_EQ(Read().persons.size(), 1U);
  EXPECT_EQ(Read().deposits.size(), 1U);
  CheckLog();

  // What is not over is released as before.
  ASSERT_NO_FATAL_FAILURE(Start(TestNow()));
  ASSERT_THAT(kept.Consent(), IsOk());
  const auto answer = kept.Ask();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->values_size(), 1);
}

}  // namespace
}  // namespace sluis::broker
