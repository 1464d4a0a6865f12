#include <algorithm>
#include <set>

#include "core.h"
#include "duty_rules.h"
#include "names.h"

#include "sluis/audit/leaf.h"
#include "sluis/base/bytes.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/state/duties.h"
#include "sluis/state/notices.h"

// Follows the log and writes down what its releases bring: duties to inform (R-W-38) and reviews
// (R-A-47). The path of a release does not wait for it: that a release made a duty is in its entry,
// and this job may read it later. Then tells who is too late, and takes time boxes away that are
// over: what rests on one is refused from that instant on anyhow (TIJDSLOT_72U), this tells the
// deelnemers.
namespace sluis::broker {
namespace {

using policy::v1::DutyRule;

// How far the log was read: 8 bytes, the index of the next entry.
constexpr std::string_view kPositionKey = "log/duties";
constexpr size_t kChunk = 500;

struct PlannedDuty {
  state::DutyOf of;
  uint64_t entry = 0;
  CivilDate made_on;
  CivilDate due;
  std::vector<std::string> fields;
};

// A time box, and when it is over.
struct PlannedBox {
  Uuid casus;
  Uuid fact;
  absl::Time end;
};

struct Plan {
  std::vector<PlannedDuty> duties;
  std::vector<store::v1::Review> reviews;
  std::vector<PlannedBox> boxes;
  [[nodiscard]] bool empty() const { return duties.empty() && reviews.empty() && boxes.empty(); }
};

// Time boxes that will be over: "box/" ‖ microseconds since 1970 ‖ fact id → casus id. In kJob.
constexpr std::string_view kBoxPrefix = "box/";
constexpr size_t kIdSize = 16;

std::string BoxKey(absl::Time end, const Uuid& fact) {
  std::string key(kBoxPrefix);
  AppendU64(key, static_cast<uint64_t>(absl::ToUnixMicros(end)));
  key.append(fact.bytes());
  return key;
}

absl::StatusOr<uint64_t> Position(store::Reader& reader) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, reader.Get(store::Table::kJob, kPositionKey));
  if (!stored) return 0;
  if (stored->size() != 8) return DataLoss("STORE_SYNC_FAILED", "a stored position is no number");
  return ReadU64(*stored);
}

absl::Status PutPosition(store::Transaction& transaction, uint64_t position) {
  std::string bytes;
  AppendU64(bytes, position);
  return transaction.Put(store::Table::kJob, kPositionKey, bytes);
}

// The entry of what the broker does by itself.
ledger::Draft OwnDraft(const ActivePolicy& active, EventKind::Id kind) {
  ledger::Draft draft;
  draft.kind = kind;
  draft.record = std::make_unique<log::v1::Record>();
  draft.record->set_caller("sluisd");
  draft.record->set_policy_hash(active.hash);
  draft.record->set_convenant_version(active.policy->convenant_version());
  draft.record->set_statute_version(active.policy->statute_version());
  return draft;
}

// Whom an entry is about: the log has a pseudonym only, so it is looked for in the casus. Nothing
// when casus or person were destroyed.
absl::StatusOr<std::optional<Uuid>> PersonIn(Core& core, state::StateReader& state,
                                             const Uuid& casus_id, const std::string& pseudonym) {
  SLUIS_ASSIGN_OR_RETURN(const auto casus, UnlessDestroyed(state.Casus(casus_id)));
  if (!casus) return std::nullopt;
  for (const auto& each : casus->facts().persons()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(each.id()));
    SLUIS_ASSIGN_OR_RETURN(const std::string name, core.options.vault->Pseudonym(person));
    if (name != pseudonym) continue;
    SLUIS_ASSIGN_OR_RETURN(const bool readable, core.options.vault->HasKey(person));
    if (!readable) return std::nullopt;
    return person;
  }
  return std::nullopt;
}

absl::Status PlanBox(const policy::Policy& policy, state::StateReader& state,
                     const log::v1::Record& record, Plan& plan) {
  if (record.change().subject_kind() != "timebox") return absl::OkStatus();
  SLUIS_ASSIGN_OR_RETURN(const Uuid fact, Uuid::FromBytes(record.change().subject_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto found, UnlessDestroyed(state.Record(fact)));
  if (!found || !found->first.is_casus()) return absl::OkStatus();
  const auto opened = policy::ParseInstant(found->second.record.fact().timebox().opened_at());
  if (!opened) return absl::OkStatus();
  plan.boxes.push_back({found->first.owner(), fact,
                        *opened + absl::Hours(policy.statute().terms().timebox_hours())});
  return absl::OkStatus();
}

absl::Status PlanEntry(Core& core, const policy::Policy& policy, state::StateReader& state,
                       const store::EntryRow& row, Plan& plan) {
  log::v1::Record record;
  if (!record.ParseFromString(row.record))
    return DataLoss("STORE_SYNC_FAILED", "a stored record cannot be read");
  // A repeat gives nothing that the first did not.
  if (!record.error_reason().empty() || record.repeats() != 0) return absl::OkStatus();
  if (row.kind == EventKind::FACT_RECORDED) return PlanBox(policy, state, record, plan);
  const log::v1::Decision& decision = record.decision();
  PlannedDuty duty;
  duty.made_on = CivilDate::FromDays(record.local_date());
  store::v1::Review review;
  for (const log::v1::FieldDecision& field : decision.fields()) {
    if (field.outcome() != policy::v1::FieldOutcome::RELEASE) continue;
    const auto& hat = record.acting_hat();
    if (const DutyRule* rule = FindDutyRule(policy, DutyRule::INFORM, hat, field.obligations())) {
      const CivilDate due = AddTerm(duty.made_on, rule->term(), rule->unit());
      duty.due = duty.fields.empty() ? due : std::min(duty.due, due);
      duty.fields.push_back(field.field());
    }
    if (FindDutyRule(policy, DutyRule::REVIEW, hat, field.obligations()) != nullptr)
      review.add_fields(field.field());
  }
  if (duty.fields.empty() && review.fields().empty()) return absl::OkStatus();
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(record.casus_id()));
  std::optional<Uuid> person;
  if (!record.pseudonym().empty()) {
    SLUIS_ASSIGN_OR_RETURN(person, PersonIn(core, state, casus, record.pseudonym()));
  }
  if (!duty.fields.empty() && person) {
    duty.of = {DutyRule::INFORM, record.caller(), record.acting_hat(), *person, casus, Uuid()};
    duty.entry = row.index;
    plan.duties.push_back(std::move(duty));
  }
  if (!review.fields().empty()) {
    SLUIS_ASSIGN_OR_RETURN(const audit::Leaf leaf, audit::DecodeLeaf(row.leaf));
    review.set_entry(row.index);
    review.set_event_id(std::string(leaf.event_id.bytes()));
    review.set_casus(record.casus_id());
    review.set_pseudonym(record.pseudonym());
    review.mutable_recipient()->set_partij(record.caller());
    review.mutable_recipient()->set_hat(record.acting_hat());
    review.mutable_source()->set_partij(decision.source_partij());
    review.mutable_source()->set_hat(decision.source_hat());
    review.set_tafel(decision.tafel());
    review.set_purpose(decision.purpose());
    review.set_decided_at(record.decided_at());
    if (person) review.set_person(person->ToString());
    plan.reviews.push_back(std::move(review));
  }
  return absl::OkStatus();
}

// Partijen that hold a hat that reviews.
std::vector<std::string> Reviewers(const policy::Policy& policy) {
  std::vector<std::string> reviewers;
  for (const policy::v1::Partij& partij : policy.convenant().parties()) {
    if (std::any_of(partij.hats().begin(), partij.hats().end(),
                    [&](const std::string& hat) { return IsCompetent(policy, "review", hat); })) {
      reviewers.push_back(partij.id());
    }
  }
  return reviewers;
}

absl::Status TellOfDuty(Core& core, store::Transaction& transaction, uint64_t entry,
                        store::v1::NoticeType::Id type, const state::StoredDuty& stored) {
  const store::v1::Duty& duty = stored.duty;
  state::StateReader state(transaction, *core.options.vault);
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(duty.person()));
  SLUIS_ASSIGN_OR_RETURN(const auto handle, state.HandleOf(person, duty.holder().partij()));
  store::v1::Notice notice;
  notice.set_type(type);
  notice.set_casus_id(duty.casus());
  notice.set_subject_id(stored.id.ToString());
  if (handle) notice.set_person_id(handle->ToString());
  notice.set_hat(duty.holder().hat());
  *notice.mutable_fields() = duty.fields();
  notice.set_day(duty.due());
  return state::PutNotice(transaction, *core.options.vault, duty.holder().partij(), entry, notice);
}

absl::Status WriteDuty(Core& core, store::Transaction& transaction, uint64_t entry,
                       const PlannedDuty& planned) {
  vault::Vault& vault = *core.options.vault;
  SLUIS_ASSIGN_OR_RETURN(const bool needed,
                         state::NeedsDuty(transaction, planned.of, planned.entry));
  if (!needed) return absl::OkStatus();
  SLUIS_ASSIGN_OR_RETURN(const auto open, state::FindDuty(transaction, vault, planned.of));
  store::v1::Duty duty;
  if (open) {
    // The earliest release says when it is due.
    duty = open->duty;
  } else {
    duty.set_kind(DutyRule::INFORM);
    duty.mutable_holder()->set_partij(planned.of.partij);
    duty.mutable_holder()->set_hat(planned.of.hat);
    duty.set_person(planned.of.person.ToString());
    duty.set_casus(planned.of.casus.ToString());
    duty.set_made_on(planned.made_on.ToString());
    duty.set_due(planned.due.ToString());
    duty.set_first_entry(planned.entry);
  }
  duty.set_last_entry(planned.entry);
  std::set<std::string> fields(duty.fields().begin(), duty.fields().end());
  fields.insert(planned.fields.begin(), planned.fields.end());
  *duty.mutable_fields() = {fields.begin(), fields.end()};
  SLUIS_ASSIGN_OR_RETURN(const auto stored, state::PutDuty(transaction, vault, planned.of, duty));
  if (open) return absl::OkStatus();
  return TellOfDuty(core, transaction, entry, store::v1::NoticeType::DUTY_DUE, stored);
}

absl::Status WriteReview(Core& core, store::Transaction& transaction, uint64_t entry,
                         const std::vector<std::string>& reviewers,
                         const store::v1::Review& review) {
  SLUIS_RETURN_IF_ERROR(state::PutReview(transaction, *core.options.vault, review));
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(review.casus()));
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(review.event_id()));
  store::v1::Notice notice;
  notice.set_type(store::v1::NoticeType::REVIEW_DUE);
  notice.set_casus_id(casus.ToString());
  notice.set_subject_id(id.ToString());
  *notice.mutable_fields() = review.fields();
  for (const std::string& partij : reviewers) {
    SLUIS_RETURN_IF_ERROR(
        state::PutNotice(transaction, *core.options.vault, partij, entry, notice));
  }
  return absl::OkStatus();
}

// Writes what was planned, and that the log was read up to `next`. Somebody else may have done so
// since: then nothing is written.
absl::Status Write(Core& core, const ActivePolicy& active, uint64_t position, uint64_t next,
                   const Plan& plan) {
  if (plan.empty()) {
    SLUIS_ASSIGN_OR_RETURN(const auto transaction, core.options.store->Begin());
    SLUIS_ASSIGN_OR_RETURN(const uint64_t now_at, Position(*transaction));
    if (now_at != position) return absl::OkStatus();
    SLUIS_RETURN_IF_ERROR(PutPosition(*transaction, next));
    return transaction->Commit();
  }
  const std::vector<std::string> reviewers = Reviewers(*active.policy);
  bool overtaken = false;
  const absl::Status written =
      core.SubmitOwn([&](store::Transaction& transaction,
                         const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
        SLUIS_ASSIGN_OR_RETURN(const uint64_t now_at, Position(transaction));
        overtaken = now_at != position;
        if (overtaken) return absl::AbortedError("somebody else read these entries");
        for (const PlannedDuty& duty : plan.duties) {
          SLUIS_RETURN_IF_ERROR(WriteDuty(core, transaction, moment.index, duty));
        }
        for (const store::v1::Review& review : plan.reviews) {
          SLUIS_RETURN_IF_ERROR(WriteReview(core, transaction, moment.index, reviewers, review));
        }
        for (const PlannedBox& box : plan.boxes) {
          SLUIS_RETURN_IF_ERROR(
              transaction.Put(store::Table::kJob, BoxKey(box.end, box.fact), box.casus.bytes()));
        }
        SLUIS_RETURN_IF_ERROR(PutPosition(transaction, next));
        return OwnDraft(active, EventKind::DUTIES_MADE);
      });
  return overtaken ? absl::OkStatus() : written;
}

absl::Status FollowLog(Core& core, const JobMoment& moment) {
  for (;;) {
    SLUIS_RETURN_IF_ERROR(moment.go_on());
    const ActivePolicy active = core.Active();
    SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
    SLUIS_ASSIGN_OR_RETURN(const uint64_t position, Position(*reader));
    SLUIS_ASSIGN_OR_RETURN(const store::HeadRow head, reader->Head());
    if (position >= head.size) return absl::OkStatus();
    store::EntryFilter filter;
    filter.kinds = {EventKind::FIELDS_REQUESTED, EventKind::FACT_RECORDED};
    SLUIS_ASSIGN_OR_RETURN(const auto rows, reader->Search(filter, position, kChunk));
    const bool all = rows.size() < kChunk;
    const uint64_t next = all ? head.size : rows.back().index + 1;
    Plan plan;
    state::StateReader state(*reader, *core.options.vault);
    for (const store::EntryRow& row : rows) {
      SLUIS_RETURN_IF_ERROR(PlanEntry(core, *active.policy, state, row, plan));
    }
    SLUIS_RETURN_IF_ERROR(Write(core, active, position, next, plan));
    // The entry that this wrote holds nothing for it.
    if (all) return absl::OkStatus();
  }
}

// ---- Time boxes that are over ----

absl::Status TellDeelnemers(Core& core, store::Transaction& transaction,
                            const ledger::Moment& moment, const Uuid& casus_id,
                            const store::v1::Casus& casus) {
  std::set<std::string> partijen = {casus.opener().partij()};
  for (const auto& each : casus.facts().participants()) {
    if (IsNotOver(each, moment.today)) partijen.insert(each.participant().partij());
  }
  store::v1::Notice notice;
  notice.set_type(store::v1::NoticeType::EMERGENCY_ENDED);
  notice.set_casus_id(casus_id.ToString());
  for (const std::string& partij : partijen) {
    SLUIS_RETURN_IF_ERROR(
        state::PutNotice(transaction, *core.options.vault, partij, moment.index, notice));
  }
  return absl::OkStatus();
}

// Takes one away, with the facts of the casus as they are now. It may be gone already.
absl::Status EndBox(Core& core, const std::string& key, const Uuid& casus_id, const Uuid& fact) {
  const ActivePolicy active = core.Active();
  bool gone = false;
  const absl::Status ended =
      core.SubmitOwn([&](store::Transaction& transaction,
                         const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
        state::StateWriter state(transaction, *core.options.vault);
        SLUIS_ASSIGN_OR_RETURN(const auto found, UnlessDestroyed(state.Record(fact)));
        SLUIS_ASSIGN_OR_RETURN(const auto casus, UnlessDestroyed(state.Casus(casus_id)));
        gone = !found || !casus;
        if (gone) return absl::AbortedError("the time box was taken away before");
        SLUIS_RETURN_IF_ERROR(state.DeleteRecord(found->first, fact));
        SLUIS_RETURN_IF_ERROR(TellDeelnemers(core, transaction, moment, casus_id, *casus));
        SLUIS_RETURN_IF_ERROR(transaction.Delete(store::Table::kJob, key));
        ledger::Draft draft = OwnDraft(active, EventKind::FACT_WITHDRAWN);
        draft.record->set_casus_id(std::string(casus_id.bytes()));
        draft.record->mutable_change()->set_subject_kind("timebox");
        draft.record->mutable_change()->set_subject_id(std::string(fact.bytes()));
        return draft;
      });
  if (!gone) return ended;
  SLUIS_ASSIGN_OR_RETURN(const auto transaction, core.options.store->Begin());
  SLUIS_RETURN_IF_ERROR(transaction->Delete(store::Table::kJob, key));
  return transaction->Commit();
}

absl::Status EndBoxes(Core& core, const JobMoment& moment) {
  for (;;) {
    SLUIS_RETURN_IF_ERROR(moment.go_on());
    SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
    SLUIS_ASSIGN_OR_RETURN(const auto boxes,
                           reader->Scan(store::Table::kJob, kBoxPrefix, {}, kChunk));
    for (const store::Document& box : boxes) {
      const std::string_view rest = std::string_view(box.key).substr(kBoxPrefix.size());
      if (rest.size() != 8 + kIdSize)
        return DataLoss("STORE_SYNC_FAILED", "a stored key cannot be read");
      // In order of their end.
      if (moment.now < absl::FromUnixMicros(static_cast<int64_t>(ReadU64(rest.substr(0, 8)))))
        return absl::OkStatus();
      SLUIS_ASSIGN_OR_RETURN(const Uuid fact, Uuid::FromBytes(rest.substr(8)));
      SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(box.value));
      SLUIS_RETURN_IF_ERROR(EndBox(core, box.key, casus, fact));
    }
    if (boxes.size() < kChunk) return absl::OkStatus();
  }
}

// ---- Too late ----

absl::Status TellOverdue(Core& core, const state::DutyOf& of) {
  const ActivePolicy active = core.Active();
  const std::vector<std::string> reviewers = Reviewers(*active.policy);
  bool done_since = false;
  const absl::Status told =
      core.SubmitOwn([&](store::Transaction& transaction,
                         const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
        vault::Vault& vault = *core.options.vault;
        SLUIS_ASSIGN_OR_RETURN(auto stored, state::FindDuty(transaction, vault, of));
        const auto due = stored ? CivilDate::Parse(stored->duty.due()) : CivilDate();
        done_since = !stored || stored->duty.overdue_told() || !due.ok() || moment.today <= *due;
        if (done_since) return absl::AbortedError("the duty was done, or told of, since");
        stored->duty.set_overdue_told(true);
        SLUIS_ASSIGN_OR_RETURN(*stored, state::PutDuty(transaction, vault, of, stored->duty));
        SLUIS_RETURN_IF_ERROR(TellOfDuty(core, transaction, moment.index,
                                         store::v1::NoticeType::DUTY_OVERDUE, *stored));
        store::v1::Notice notice;
        notice.set_type(store::v1::NoticeType::DUTY_OVERDUE);
        notice.set_casus_id(stored->duty.casus());
        notice.set_subject_id(stored->id.ToString());
        *notice.mutable_other() = stored->duty.holder();
        notice.set_day(stored->duty.due());
        for (const std::string& partij : reviewers) {
          SLUIS_RETURN_IF_ERROR(state::PutNotice(transaction, vault, partij, moment.index, notice));
        }
        ledger::Draft draft = OwnDraft(active, EventKind::DUTY_OVERDUE);
        draft.record->set_casus_id(std::string(of.casus.bytes()));
        SLUIS_ASSIGN_OR_RETURN(*draft.record->mutable_pseudonym(), vault.Pseudonym(of.person));
        log::v1::Change& change = *draft.record->mutable_change();
        change.set_subject_kind(DutyRule::Kind_Name(of.kind));
        change.set_subject_id(std::string(stored->id.bytes()));
        change.set_partij(of.partij);
        change.set_hat(of.hat);
        *change.mutable_fields() = stored->duty.fields();
        return draft;
      });
  return done_since ? absl::OkStatus() : told;
}

absl::Status TellWhoIsLate(Core& core, const JobMoment& moment) {
  const ActivePolicy active = core.Active();
  for (const policy::v1::Partij& partij : active.policy->convenant().parties()) {
    std::string after;
    for (bool more = true; more;) {
      SLUIS_RETURN_IF_ERROR(moment.go_on());
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      std::string last_key;
      SLUIS_ASSIGN_OR_RETURN(
          const auto duties,
          state::ReadDuties(*reader, *core.options.vault, partij.id(), after, kChunk, &last_key));
      for (const state::StoredDuty& stored : duties) {
        const store::v1::Duty& duty = stored.duty;
        SLUIS_ASSIGN_OR_RETURN(const CivilDate due, CivilDate::Parse(duty.due()));
        // In order of the due date: nobody after this one is late.
        if (moment.today <= due) {
          last_key.clear();
          break;
        }
        if (duty.overdue_told()) continue;
        state::DutyOf of{duty.kind(), duty.holder().partij(), duty.holder().hat(), {}, {}, {}};
        SLUIS_ASSIGN_OR_RETURN(of.person, Uuid::Parse(duty.person()));
        SLUIS_ASSIGN_OR_RETURN(of.casus, Uuid::Parse(duty.casus()));
        if (!duty.correction().empty()) {
          SLUIS_ASSIGN_OR_RETURN(of.correction, Uuid::Parse(duty.correction()));
        }
        SLUIS_RETURN_IF_ERROR(TellOverdue(core, of));
      }
      more = !last_key.empty();
      after = std::move(last_key);
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddDutyJobs(std::vector<Job>& jobs) {
  jobs.push_back({"duties", absl::Minutes(1), Job::Hours::kAny,
                  [](Core& core, const JobMoment& moment) -> absl::Status {
                    SLUIS_RETURN_IF_ERROR(FollowLog(core, moment));
                    SLUIS_RETURN_IF_ERROR(EndBoxes(core, moment));
                    return TellWhoIsLate(core, moment);
                  }});
}

}  // namespace sluis::broker
