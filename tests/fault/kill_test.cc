// Invariants 3, 5 and 6 when the broker dies: it is killed at random moments under load, again and
// again, on one directory. Whatever a client was told is in the log and in the state, every effect
// is there once, and every checkpoint that anybody ever saw is a beginning of the final log.
//
// SLUIS_KILL_ROUNDS sets how often (50), SLUIS_SEED repeats a run's random choices.

#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/audit/log_tree.h"
#include "sluis/audit/receipt.h"
#include "sluis/base/bytes.h"
#include "sluis/base/text.h"
#include "sluis/base/uuid.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/ledger/ledger.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/store/sqlite_store.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/consent.pb.h"
#include "sluis/v1/field.pb.h"
#include "sluis/v1/receipt.pb.h"
#include "sluis/v1/sharing.pb.h"
#include "sluis/wire/message.h"

namespace sluis {
namespace {

using google::protobuf::Message;
using log::v1::EventKind;
using testing::Daemon;
using testing::GrpcTransport;
using testing::IsOk;
using testing::NewRequestId;
using testing::Transport;
using testing::World;

constexpr int kCallers = 8;
constexpr std::string_view kDeposit = "/sluis.v1.FieldService/DepositField";
constexpr std::string_view kConsent = "/sluis.v1.ConsentService/RecordConsent";
constexpr std::string_view kRequest = "/sluis.v1.SharingService/RequestFields";

uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// One logical request, in the form in which it is sent again when its answer was lost.
struct Attempt {
  std::string partij;
  std::string method;
  std::shared_ptr<Message> request;  // without known_tree_size
  std::string response;              // empty: no answer came
  bool sent_again = false;
};

void SetText(Message& message, const std::string& field, const std::string& value) {
  message.GetReflection()->SetString(&message, message.GetDescriptor()->FindFieldByName(field),
                                     value);
}
void SetKnown(Message& message, uint64_t size) {
  message.GetReflection()->SetUInt64(
      &message, message.GetDescriptor()->FindFieldByName("known_tree_size"), size);
}
std::string TextOf(const Message& message, const std::string& field) {
  return message.GetReflection()->GetString(message,
                                            message.GetDescriptor()->FindFieldByName(field));
}

// A response taken apart: field 1 is the answer as it was hashed, field 15 the receipts.
struct Parts {
  std::string answer;
  std::vector<audit::Receipt> receipts;
};
Parts TakeApart(const std::string& response) {
  Parts parts;
  google::protobuf::UnknownFieldSet fields;
  EXPECT_TRUE(fields.ParseFromString(response));
  for (int i = 0; i < fields.field_count(); ++i) {
    const auto& field = fields.field(i);
    if (field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) continue;
    if (field.number() == 1) parts.answer = field.length_delimited();
    if (field.number() != 15) continue;
    v1::Receipt message;
    EXPECT_TRUE(message.ParseFromString(field.length_delimited()));
    audit::Receipt receipt;
    receipt.leaf = message.leaf();
    receipt.index = message.index();
    for (const std::string& hash : message.inclusion())
      receipt.inclusion.push_back(*audit::Digest::FromBytes(hash));
    receipt.checkpoint = message.checkpoint();
    receipt.consistency_from = message.consistency_from();
    for (const std::string& hash : message.consistency())
      receipt.consistency.push_back(*audit::Digest::FromBytes(hash));
    receipt.previous_from = message.previous_from();
    for (const std::string& hash : message.previous())
      receipt.previous.push_back(*audit::Digest::FromBytes(hash));
    parts.receipts.push_back(std::move(receipt));
  }
  return parts;
}

// Remembers the calls that build the world, as patterns for the load.
class Remembering final : public Transport {
 public:
  explicit Remembering(Transport& next) : next_(next) {}
  absl::StatusOr<std::string> Call(std::string_view partij, std::string_view method,
                                   std::string_view request) override {
    auto answer = next_.Call(partij, method, request);
    if (answer.ok()) {
      std::shared_ptr<Message> message;
      if (method == kDeposit) message = std::make_shared<v1::DepositFieldRequest>();
      if (method == kConsent) message = std::make_shared<v1::RecordConsentRequest>();
      if (message != nullptr && message->ParseFromString(std::string(request))) {
        patterns.push_back(
            {std::string(partij), std::string(method), std::move(message), {}, false});
      }
    }
    return answer;
  }
  absl::Status SetClock(absl::Time now) override { return next_.SetClock(now); }

  std::vector<Attempt> patterns;

 private:
  Transport& next_;
};

// Tiles in memory, for the tree that is rebuilt from the final log.
class MemoryTiles final : public audit::TileSource {
 public:
  absl::StatusOr<std::string> ReadTile(int level, uint64_t index) const override {
    const auto found = tiles.find({level, index});
    return found == tiles.end() ? std::string() : found->second;
  }
  std::map<std::pair<int, uint64_t>, std::string> tiles;
};

class KillTest : public ::testing::Test {
 protected:
  KillTest() : transport_(daemon_) {}

  void BuildWorld() {
    ASSERT_THAT(daemon_.Start(), IsOk());
    for (const policy::ExpandedStep& step : testing::ScenarioSteps()) {
      if (step.case_id == "S-02" && step.step->id() == "c") step_ = &step;
    }
    ASSERT_NE(step_, nullptr);
    Remembering remembering(transport_);
    World world(remembering, testing::ReferenceConvenant().message());
    ASSERT_THAT(world.Build(*step_), IsOk());
    patterns_ = std::move(remembering.patterns);
    built_deposits_ = Count(patterns_, kDeposit);
    built_consents_ = Count(patterns_, kConsent);
    ASSERT_GT(built_deposits_, 0U);
    ASSERT_GT(built_consents_, 0U);
    auto request =
        std::make_shared<v1::RequestFieldsRequest>(world.Request(step_->step->request()));
    patterns_.push_back(
        {step_->step->request().partij(), std::string(kRequest), request, {}, false});
    // Not only deposits.
    for (size_t i = 0; i < built_deposits_; ++i) patterns_.push_back(patterns_[built_deposits_]);
  }

  static size_t Count(const std::vector<Attempt>& attempts, std::string_view method) {
    return static_cast<size_t>(
        std::count_if(attempts.begin(), attempts.end(),
                      [method](const Attempt& each) { return each.method == method; }));
  }

  absl::StatusOr<std::string> Send(const Attempt& attempt, uint64_t known) {
    const std::unique_ptr<Message> request(attempt.request->New());
    request->CopyFrom(*attempt.request);
    SetKnown(*request, known);
    return transport_.ConnectionOf(attempt.partij)
        ->Call(attempt.method, request->SerializeAsString(), absl::Seconds(30));
  }

  // Callers at work until the broker is gone.
  void Load(std::mt19937_64& random, absl::Duration alive) {
    std::vector<std::thread> callers;
    for (int i = 0; i < kCallers; ++i) {
      callers.emplace_back([this, seed = random()] {
        std::mt19937_64 choices(seed);
        uint64_t known = 0;
        uint64_t last_index = 0;
        for (;;) {
          const Attempt& pattern = patterns_[choices() % patterns_.size()];
          Attempt attempt{pattern.partij, pattern.method, {}, {}, false};
          attempt.request.reset(pattern.request->New());
          attempt.request->CopyFrom(*pattern.request);
          SetText(*attempt.request, "request_id", NewRequestId());
          auto answer = Send(attempt, known);
          const bool lost = !answer.ok();
          if (lost && answer.status().code() != absl::StatusCode::kUnavailable)
            ADD_FAILURE() << attempt.method << ": " << answer.status();
          if (!lost) {
            attempt.response = *std::move(answer);
            const Parts parts = TakeApart(attempt.response);
            if (parts.receipts.size() != 1) {
              ADD_FAILURE() << "an answer with " << parts.receipts.size() << " receipts";
            } else {
              // Nothing comes before what this caller was told already.
              if (known > 0) {
                EXPECT_GT(parts.receipts[0].index, last_index);
              }
              last_index = parts.receipts[0].index;
              known = last_index + 1;
            }
          }
          {
            const std::lock_guard lock(mutex_);
            attempts_.push_back(std::move(attempt));
          }
          if (lost) return;
        }
      });
    }
    absl::SleepFor(alive);
    daemon_.Kill();
    for (std::thread& caller : callers) caller.join();
  }

  // Sends again what was not answered: it is done now, or was done then, and either way once.
  void SendLostAgain() {
    for (Attempt& attempt : attempts_) {
      if (!attempt.response.empty()) continue;
      auto answer = Send(attempt, 0);
      ASSERT_THAT(answer, IsOk()) << attempt.method;
      attempt.response = *std::move(answer);
      attempt.sent_again = true;
    }
  }

  void CheckStoreAndReceipts();

  Daemon daemon_;
  GrpcTransport transport_;
  const policy::ExpandedStep* step_ = nullptr;
  std::vector<Attempt> patterns_;
  size_t built_deposits_ = 0;
  size_t built_consents_ = 0;
  std::mutex mutex_;
  std::vector<Attempt> attempts_;
};

void KillTest::CheckStoreAndReceipts() {
  auto opened = store::OpenSqliteStore(daemon_.store_file());
  ASSERT_THAT(opened, IsOk());
  const auto reader = *(*opened)->Read();
  const store::HeadRow head = *reader->Head();
  const std::string log_name = "sluis.localhost/log";
  const std::string origin = log_name + " TEST_DATA_ONLY";
  const std::string pem = *testing::RunProgram({"/bin/cat", daemon_.directory() / "log.key"});
  const auto key = audit::SigningKey::FromPem(log_name, SecretBytes::Take(std::string(pem)));
  ASSERT_THAT(key, IsOk());
  const auto problems = ledger::VerifyStoredLog(*reader, origin, key->verifier());
  ASSERT_THAT(problems, IsOk());
  EXPECT_THAT(*problems, ::testing::IsEmpty());

  // The log as it is: leaves, the tree, and what the entries say was done.
  const auto tiles = std::make_shared<MemoryTiles>();
  auto tree = *audit::LogTree::Open(tiles, 0);
  std::vector<std::string> leaves;
  std::map<int, std::multiset<std::string>> subjects;  // by kind
  std::map<std::string, std::string> newest_deposit;   // by source, subject and field
  while (leaves.size() < head.size) {
    const auto entries = *reader->Entries(leaves.size(), 1000);
    ASSERT_FALSE(entries.empty());
    audit::LogTree::Batch batch(tree);
    for (const store::EntryRow& entry : entries) {
      batch.Append(audit::LeafHash(entry.leaf));
      leaves.push_back(entry.leaf);
      log::v1::Record record;
      ASSERT_TRUE(record.ParseFromString(entry.record));
      if (!record.error_reason().empty()) continue;
      subjects[entry.kind].insert(record.change().subject_id());
      if (entry.kind != EventKind::FIELD_DEPOSITED) continue;
      newest_deposit[absl::StrCat(record.caller(), "|", record.acting_hat(), "|",
                                  HexEncode(record.casus_id()), "|", HexEncode(record.pseudonym()),
                                  "|", absl::StrJoin(record.change().fields(), ","))] =
          record.change().subject_id();
    }
    for (const audit::Tile& tile : batch.ChangedTiles())
      tiles->tiles[{tile.level, tile.index}] = tile.hashes;
    tree.Commit(std::move(batch));
  }

  // Every state row has its event, every event its state, and every request took effect once.
  const auto keys_of = [&](store::Table table) {
    std::multiset<std::string> keys;
    std::string after;
    for (;;) {
      const auto documents = *reader->Scan(table, "", after, 1000);
      for (const store::Document& document : documents) keys.insert(document.key);
      if (documents.size() < 1000) return keys;
      after = documents.back().key;
    }
  };
  const auto deposits = keys_of(store::Table::kDepositIndex);
  // A later deposit of the same field takes the place of an earlier one.
  std::multiset<std::string> newest;
  for (const auto& [key_of_deposit, id] : newest_deposit) newest.insert(id);
  EXPECT_EQ(deposits, newest);
  EXPECT_EQ(deposits.size(), keys_of(store::Table::kDeposit).size());
  const auto& deposited = subjects[EventKind::FIELD_DEPOSITED];
  EXPECT_EQ(deposited.size(), built_deposits_ + Count(attempts_, kDeposit));
  auto records = subjects[EventKind::CONSENT_RECORDED];
  for (const std::string& fact : subjects[EventKind::FACT_RECORDED]) records.insert(fact);
  EXPECT_EQ(records, keys_of(store::Table::kRecordIndex));
  EXPECT_EQ(subjects[EventKind::CONSENT_RECORDED].size(),
            built_consents_ + Count(attempts_, kConsent));
  EXPECT_GE(subjects[EventKind::FIELDS_REQUESTED].size(), Count(attempts_, kRequest));

  // What clients were told.
  audit::ReceiptVerifier verifier(origin, {key->verifier()});
  ASSERT_THAT(verifier.Restore(head.checkpoint), IsOk());
  size_t verified = 0;
  for (const Attempt& attempt : attempts_) {
    const Parts parts = TakeApart(attempt.response);
    for (audit::Receipt receipt : parts.receipts) {
      ASSERT_LT(receipt.index, leaves.size());
      EXPECT_EQ(receipt.leaf, leaves[receipt.index]) << "entry " << receipt.index;
      if (attempt.sent_again) continue;  // the answer is that of the first entry
      // Against the final checkpoint: the one of then is a beginning of it.
      const audit::VerifierKey keys[] = {key->verifier()};
      const auto then = audit::OpenCheckpoint(receipt.checkpoint, origin, keys);
      ASSERT_THAT(then, IsOk());
      receipt.consistency_from = head.size;
      const auto proof = tree.ConsistencyProof(then->size);
      ASSERT_THAT(proof, IsOk());
      receipt.consistency = *proof;
      const auto request =
          audit::HashRequest(absl::StrCat(attempt.method, "\n", wire::Canonical(*attempt.request)));
      const auto id = Uuid::Parse(TextOf(*attempt.request, "request_id"));
      ASSERT_THAT(id, IsOk());
      const auto answer = audit::HashAnswer(absl::StrCat(std::string(id->bytes()), parts.answer));
      const auto checked = verifier.Verify(receipt, request, answer);
      ASSERT_THAT(checked, IsOk()) << attempt.method << " in entry " << receipt.index;
      ++verified;
    }
    if (attempt.method == kDeposit) {
      v1::DepositFieldResponse response;
      ASSERT_TRUE(response.ParseFromString(attempt.response));
      const auto id = Uuid::Parse(response.answer().deposit_id());
      ASSERT_THAT(id, IsOk());
      EXPECT_EQ(deposited.count(std::string(id->bytes())), 1U);
    } else if (attempt.method == kConsent) {
      v1::RecordConsentResponse response;
      ASSERT_TRUE(response.ParseFromString(attempt.response));
      const auto id = Uuid::Parse(response.answer().consent_id());
      ASSERT_THAT(id, IsOk());
      EXPECT_EQ(records.count(std::string(id->bytes())), 1U);
    }
  }
  // Of what was lost, some was done and some was not: the test has seen both.
  size_t lost = 0;
  for (const Attempt& attempt : attempts_) lost += attempt.sent_again ? 1 : 0;
  const size_t repeated = subjects[EventKind::CALL_REPEATED].size();
  std::cout << "kill test: " << leaves.size() << " entries, " << verified << " answers verified, "
            << lost << " lost and sent again, " << repeated << " of which had been done\n";
}

TEST_F(KillTest, WhatWasAnsweredIsThereAfterEveryKill) {
  const uint64_t seed = Setting("SLUIS_SEED", std::random_device{}());
  const uint64_t rounds = Setting("SLUIS_KILL_ROUNDS", 50);
  std::cout << "kill test: SLUIS_SEED=" << seed << " SLUIS_KILL_ROUNDS=" << rounds << "\n";
  SCOPED_TRACE(absl::StrCat("SLUIS_SEED=", seed));
  std::mt19937_64 random(seed);
  BuildWorld();
  for (uint64_t round = 0; round < rounds && !HasFatalFailure(); ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    Load(random, absl::Microseconds(static_cast<int64_t>(random() % 150000)));
    ASSERT_THAT(daemon_.Start(), IsOk());
    // The set clock ended with the process.
    ASSERT_THAT(transport_.SetClock(step_->now), IsOk());
    SendLostAgain();
  }
  EXPECT_EQ(daemon_.Terminate().value_or(-1), 0);
  CheckStoreAndReceipts();
}

}  // namespace
}  // namespace sluis
