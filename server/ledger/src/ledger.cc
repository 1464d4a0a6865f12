#include "sluis/ledger/ledger.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/audit/log_tree.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/crypto/crypto.h"
#include "sluis/log/v1/record.pb.h"

namespace sluis::ledger {
namespace {

using audit::Digest;
using audit::LogTree;
using store::Table;

// A batch of so many waits for no more, and none waits for longer.
constexpr size_t kEnough = 32;
constexpr std::chrono::milliseconds kGatherTime(5);

// Tiles as the store has them.
class StoredTiles final : public audit::TileSource {
 public:
  explicit StoredTiles(store::Store& store) : store_(store) {}
  [[nodiscard]] absl::StatusOr<std::string> ReadTile(int level, uint64_t index) const override {
    SLUIS_ASSIGN_OR_RETURN(const auto reader, store_.Read());
    SLUIS_ASSIGN_OR_RETURN(auto tile, reader->Tile(level, index));
    if (!tile)
      return DataLoss("TILE_MISSING", absl::StrCat("the store has no tile ", level, "/", index));
    return *std::move(tile);
  }

 private:
  store::Store& store_;
};

absl::Status Broken() {
  return DataLoss(
      "LEDGER_BROKEN",
      "the log could not be written safely; nothing is released until the broker restarts");
}

}  // namespace

Draft::Draft() = default;
Draft::Draft(Draft&&) noexcept = default;
Draft& Draft::operator=(Draft&&) noexcept = default;
Draft::~Draft() = default;

void Draft::WriteRecord() {
  if (written) return;
  written.emplace(Written{{}, record->caller(), record->casus_id(), record->pseudonym()});
  record->SerializeToString(&written->bytes);
  record.reset();
}

struct Ledger::State {
  State(LedgerOptions given, audit::SigningKey signing_key)
      : options(std::move(given)), key(std::move(signing_key)) {}

  const LedgerOptions options;
  const audit::SigningKey key;

  mutable Mutex mutex;  // the queue and the published state
  CondVar waiting_changed;
  bool ending ABSL_GUARDED_BY(mutex) = false;
  std::deque<Submission> waiting ABSL_GUARDED_BY(mutex);
  // The committer is told when so many wait.
  size_t wanted ABSL_GUARDED_BY(mutex) = 1;
  absl::Status refusal ABSL_GUARDED_BY(mutex);
  store::HeadRow published ABSL_GUARDED_BY(mutex);

  mutable Mutex tree_mutex;  // taken by proofs, and by the committer only to take a batch over
  std::unique_ptr<LogTree> tree ABSL_GUARDED_BY(tree_mutex);

  std::thread committer;

  // ---- The committer's thread ----

  struct Item {
    Submission submission;
    absl::StatusOr<Committed> result = absl::UnknownError("not run");
    bool logged = false;
  };

  // Who called just before: those of the last batch, and those who waited when it ended.
  struct Crowd {
    size_t size = 0;
    std::chrono::steady_clock::time_point when;
  };

  // Where many call at a time, those who were answered are about to call again. A batch waits until
  // half of them are here, because a sync, a signature and its verification by the callers cost as
  // much for one entry as for fifty; the other half has work to do meanwhile. Who calls alone waits
  // for nobody.
  void Gather(const Crowd& crowd) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto now = std::chrono::steady_clock::now();
    // Who was answered longer ago does something else.
    if (now - crowd.when > kGatherTime) return;
    wanted = std::min({crowd.size / 2, kEnough, options.max_batch});
    while (waiting.size() < wanted && !ending) {
      const auto left = now + kGatherTime - std::chrono::steady_clock::now();
      if (left <= left.zero() || !waiting_changed.WaitFor(mutex, absl::FromChrono(left))) break;
    }
    wanted = 1;
  }

  void Run() {
    Crowd crowd;
    for (;;) {
      std::vector<Item> batch;
      {
        const MutexLock lock(mutex);
        while (waiting.empty() && !ending) waiting_changed.Wait(mutex);
        if (waiting.empty()) return;
        Gather(crowd);
        while (!waiting.empty() && batch.size() < options.max_batch) {
          batch.push_back({std::move(waiting.front()), absl::UnknownError("not run"), false});
          waiting.pop_front();
        }
      }
      const absl::Status status = CommitBatch(batch);
      if (!status.ok()) {
        for (Item& item : batch) {
          if (item.logged) item.result = status;
        }
        if (absl::IsDataLoss(status)) {
          const MutexLock lock(mutex);
          refusal = Broken();
        }
      }
      {
        const MutexLock lock(mutex);
        crowd = {batch.size() + waiting.size(), std::chrono::steady_clock::now()};
      }
      Complete(std::move(batch));
    }
  }

  // One transaction. On an error nothing of the batch is durable, or, for DATA_LOSS, nobody knows.
  absl::Status CommitBatch(std::vector<Item>& batch) {
    {
      const MutexLock lock(mutex);
      if (!refusal.ok()) {
        for (Item& item : batch) item.result = refusal;
        return absl::OkStatus();
      }
    }
    auto begun = options.store->Begin();
    if (!begun.ok()) {
      for (Item& item : batch) item.result = begun.status();
      return absl::OkStatus();
    }
    store::Transaction& transaction = **begun;
    const Moment moment = options.clock();
    // Only this thread changes the tree, so reading it needs no lock here.
    const LogTree& current = CurrentTree();
    LogTree::Batch appended(current);
    std::map<std::string, uint64_t> counters;
    bool any = false;
    for (Item& item : batch) {
      if (absl::Status status = RunItem(transaction, moment, appended, counters, item);
          !status.ok()) {
        // The transaction itself failed: nothing of this batch will be.
        for (Item& each : batch) each.logged = true;
        return status;
      }
      any = any || item.logged;
    }
    if (!any) return absl::OkStatus();
    for (const auto& [partij, last] : counters) {
      std::string value;
      AppendU64(value, last);
      SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kCounter, partij, value));
    }
    for (const audit::Tile& tile : appended.ChangedTiles()) {
      SLUIS_RETURN_IF_ERROR(transaction.PutTile({tile.level, tile.index, tile.hashes}));
    }
    const audit::TreeHead head = appended.head();
    SLUIS_ASSIGN_OR_RETURN(const std::string signed_head,
                           audit::SignCheckpoint(options.origin, head, key));
    SLUIS_RETURN_IF_ERROR(transaction.PutHead({head.size, signed_head}));
    SLUIS_ASSIGN_OR_RETURN(const BatchProofs proofs,
                           ProveBatch(current.head().size, signed_head, appended));
    for (Item& item : batch) {
      if (item.logged) SLUIS_RETURN_IF_ERROR(Prove(appended, proofs, item));
    }
    SLUIS_RETURN_IF_ERROR(transaction.Commit());
    {
      const MutexLock lock(tree_mutex);
      tree->Commit(std::move(appended));
    }
    const MutexLock lock(mutex);
    published = {head.size, signed_head};
    return absl::OkStatus();
  }

  const LogTree& CurrentTree() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return *tree; }

  // Runs one submission and appends its entry. An error is one of the transaction.
  absl::Status RunItem(store::Transaction& transaction, const Moment& moment,
                       LogTree::Batch& appended, std::map<std::string, uint64_t>& counters,
                       Item& item) {
    if (absl::Now() > item.submission.deadline) {
      item.result = MakeError(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                              "the deadline passed before the call was run");
      return absl::OkStatus();
    }
    SLUIS_RETURN_IF_ERROR(transaction.Mark());
    auto draft = item.submission.apply(transaction, {moment.now, moment.today, appended.size()});
    if (!draft.ok()) {
      item.result = draft.status();
      return transaction.RollbackToMark();
    }
    draft->WriteRecord();
    Draft::Written& written = *draft->written;
    // Of messages that are written one after the other, a reader takes the fields of all.
    log::v1::Record added;
    if (!draft->partij.empty()) {
      SLUIS_ASSIGN_OR_RETURN(const uint64_t next, NextNumber(transaction, counters, draft->partij));
      added.set_partij_seq(next);
    }
    added.set_decided_at(absl::ToUnixMicros(moment.now));
    added.set_local_date(moment.today.days());
    added.set_repeats(draft->repeats);
    added.AppendToString(&written.bytes);
    SLUIS_ASSIGN_OR_RETURN(const std::string random, crypto::RandomBytes(audit::Salt::kSize));
    SLUIS_ASSIGN_OR_RETURN(const audit::Salt salt, audit::Salt::FromBytes(random));
    SLUIS_ASSIGN_OR_RETURN(const Uuid event_id, crypto::TimeUuid(absl::ToUnixMillis(moment.now)));
    store::EntryRow row;
    row.record = std::move(written.bytes);
    audit::Leaf leaf;
    leaf.event_id = event_id;
    leaf.kind = static_cast<uint8_t>(draft->kind);
    leaf.time_us = added.decided_at();
    leaf.partij_seq = added.partij_seq();
    leaf.request = draft->request;
    if (draft->answer_hash) leaf.answer = *draft->answer_hash;
    leaf.commitment = audit::CommitRecord(salt, row.record);
    row.leaf = audit::EncodeLeaf(leaf);
    row.salt = std::string(salt.bytes());
    row.answer = std::move(draft->kept_answer);
    row.texts = std::move(draft->texts);
    row.time = leaf.time_us;
    row.kind = draft->kind;
    row.caller = std::move(written.caller);
    row.source = draft->source;
    row.casus_id = std::move(written.casus_id);
    row.pseudonym = std::move(written.pseudonym);
    row.index = appended.Append(audit::LeafHash(row.leaf));
    SLUIS_RETURN_IF_ERROR(transaction.AppendEntry(row, event_id.bytes()));
    item.logged = true;
    Committed committed;
    committed.draft = *std::move(draft);
    committed.record = std::move(row.record);
    committed.receipt.leaf = std::move(row.leaf);
    committed.receipt.index = row.index;
    item.result = std::move(committed);
    return absl::OkStatus();
  }

  static absl::StatusOr<uint64_t> NextNumber(store::Transaction& transaction,
                                             std::map<std::string, uint64_t>& counters,
                                             const std::string& partij) {
    const auto found = counters.find(partij);
    if (found != counters.end()) return ++found->second;
    SLUIS_ASSIGN_OR_RETURN(const auto stored, transaction.Get(Table::kCounter, partij));
    const uint64_t next = (stored ? ReadU64(*stored) : 0) + 1;
    counters[partij] = next;
    return next;
  }

  // What the receipts of a batch have in common.
  struct BatchProofs {
    std::string_view signed_head;
    uint64_t previous_from = 0;
    std::vector<Digest> previous;
  };

  static absl::StatusOr<BatchProofs> ProveBatch(uint64_t previous, std::string_view signed_head,
                                                const LogTree::Batch& appended) {
    BatchProofs proofs{signed_head, previous, {}};
    if (previous != 0) {
      SLUIS_ASSIGN_OR_RETURN(proofs.previous, appended.ConsistencyProof(previous));
    }
    return proofs;
  }

  static absl::Status Prove(const LogTree::Batch& appended, const BatchProofs& proofs, Item& item) {
    audit::Receipt& receipt = item.result->receipt;
    item.result->tree_size = appended.size();
    receipt.checkpoint = proofs.signed_head;
    SLUIS_ASSIGN_OR_RETURN(receipt.inclusion, appended.InclusionProof(receipt.index));
    receipt.previous_from = proofs.previous_from;
    receipt.previous = proofs.previous;
    const uint64_t known = item.submission.known_tree_size;
    // A size that this log never had proves nothing: the caller learns by the missing proof. The
    // proof from the previous tree is there already.
    if (known == 0 || known > appended.size() || known == proofs.previous_from)
      return absl::OkStatus();
    receipt.consistency_from = known;
    SLUIS_ASSIGN_OR_RETURN(receipt.consistency, appended.ConsistencyProof(known));
    return absl::OkStatus();
  }

  // In few chunks: each wakes a thread, and threads that answer callers of one connection at the
  // same time are in each other's way.
  void Complete(std::vector<Item> batch) {
    constexpr size_t kChunk = 32;
    if (batch.size() == 1 && batch.front().submission.prompt && NobodyWaits()) {
      Item& item = batch.front();
      return item.submission.done(std::move(item.result));
    }
    for (size_t begin = 0; begin < batch.size(); begin += kChunk) {
      const auto from = batch.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto to =
          batch.begin() + static_cast<std::ptrdiff_t>(std::min(batch.size(), begin + kChunk));
      auto chunk = std::make_shared<std::vector<Item>>(std::make_move_iterator(from),
                                                       std::make_move_iterator(to));
      options.pool->Post([chunk] {
        for (Item& item : *chunk) item.submission.done(std::move(item.result));
      });
    }
  }

  bool NobodyWaits() {
    const MutexLock lock(mutex);
    return waiting.empty();
  }
};

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}

Ledger::~Ledger() {
  {
    const MutexLock lock(state_->mutex);
    state_->ending = true;
    state_->waiting_changed.NotifyAll();
  }
  if (state_->committer.joinable()) state_->committer.join();
}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(LedgerOptions options, audit::SigningKey key) {
  auto state = std::make_unique<State>(std::move(options), std::move(key));
  SLUIS_ASSIGN_OR_RETURN(const auto reader, state->options.store->Read());
  SLUIS_ASSIGN_OR_RETURN(const store::HeadRow head, reader->Head());
  SLUIS_ASSIGN_OR_RETURN(const auto problems,
                         VerifyStoredLog(*reader, state->options.origin, state->key.verifier()));
  auto tree = LogTree::Open(std::make_shared<StoredTiles>(*state->options.store),
                            problems.empty() ? head.size : 0);
  if (!tree.ok()) return tree.status();
  std::string checkpoint = head.checkpoint;
  if (head.size == 0 && problems.empty()) {
    SLUIS_ASSIGN_OR_RETURN(checkpoint,
                           audit::SignCheckpoint(state->options.origin, tree->head(), state->key));
  }
  {
    const MutexLock lock(state->tree_mutex);
    state->tree = std::make_unique<LogTree>(*std::move(tree));
  }
  {
    const MutexLock lock(state->mutex);
    state->published = {head.size, std::move(checkpoint)};
    if (!problems.empty()) {
      state->refusal = WithMetadata(
          FailedPrecondition("LOG_NOT_VERIFIED",
                             absl::StrCat("the log does not verify: ", problems.front())),
          "problems", absl::StrCat(problems.size()));
    }
  }
  State* const running = state.get();
  state->committer = std::thread([running] { running->Run(); });
  return std::unique_ptr<Ledger>(new Ledger(std::move(state)));
}

void Ledger::Submit(Submission submission) {
  absl::Status refused;
  {
    const MutexLock lock(state_->mutex);
    if (!state_->refusal.ok()) {
      refused = state_->refusal;
    } else if (state_->ending) {
      refused = Unavailable("SHUTTING_DOWN", "the broker is stopping");
    } else if (state_->waiting.size() >= state_->options.max_waiting) {
      refused = Unavailable("OVERLOADED", "too many calls are waiting");
    } else {
      state_->waiting.push_back(std::move(submission));
      if (state_->waiting.size() >= state_->wanted) state_->waiting_changed.NotifyOne();
      return;
    }
  }
  auto done = std::make_shared<decltype(submission.done)>(std::move(submission.done));
  state_->options.pool->Post([done, refused] { (*done)(refused); });
}

absl::Status Ledger::health() const {
  const MutexLock lock(state_->mutex);
  return state_->refusal;
}

store::HeadRow Ledger::published() const {
  const MutexLock lock(state_->mutex);
  return state_->published;
}

const audit::VerifierKey& Ledger::verifier() const { return state_->key.verifier(); }

absl::StatusOr<std::vector<Digest>> Ledger::InclusionProof(uint64_t index, uint64_t size) const {
  const MutexLock lock(state_->tree_mutex);
  return size == 0 ? state_->tree->InclusionProof(index)
                   : state_->tree->InclusionProofAt(index, size);
}

absl::StatusOr<std::vector<Digest>> Ledger::ConsistencyProof(uint64_t old_size,
                                                             uint64_t new_size) const {
  const MutexLock lock(state_->tree_mutex);
  return new_size == 0 ? state_->tree->ConsistencyProof(old_size)
                       : state_->tree->ConsistencyProofBetween(old_size, new_size);
}

}  // namespace sluis::ledger
