#include <algorithm>
#include <array>
#include <map>
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
// (R-A-47); and what refusals do that come again and again: alerts (R-A-41), which are reviews too.
// The path of a release does not wait for it: that a release made a duty is in its entry, and this
// job may read it later. Then tells who is too late, and takes time boxes away that are
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
  // Alerts by their key, with the time of the request that raised them.
  std::map<std::string, int64_t> alerts;
  // There were refusals that count. An entry is made then with an alert and without: that the log
  // grew by one tells nobody which it was.
  bool refusals = false;
  [[nodiscard]] bool empty() const {
    return duties.empty() && reviews.empty() && boxes.empty() && !refusals;
  }
};

// What a reading of the log is done with.
struct Reading {
  Core& core;
  const policy::Policy& policy;
  const ProbingLimit& probing;
  store::Reader& reader;
  state::StateReader state;
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

// Alerts that were raised: "probing/" ‖ pseudonym ‖ partij → microseconds since 1970 of the request
// that did. In kJob, as long as the partij raises no other about that person.
constexpr std::string_view kAlertPrefix = "probing/";

std::string AlertKey(const log::v1::Record& record) {
  std::string key(kAlertPrefix);
  key.append(record.pseudonym());
  key.append(record.caller());
  return key;
}

absl::StatusOr<std::optional<uint64_t>> GetNumber(store::Reader& reader, std::string_view key) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, reader.Get(store::Table::kJob, key));
  if (!stored) return std::nullopt;
  if (stored->size() != 8) return DataLoss("STORE_SYNC_FAILED", "a stored number is none");
  return ReadU64(*stored);
}

absl::Status PutNumber(store::Transaction& transaction, std::string_view key, uint64_t number) {
  std::string bytes;
  AppendU64(bytes, number);
  return transaction.Put(store::Table::kJob, key, bytes);
}

absl::StatusOr<uint64_t> Position(store::Reader& reader) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, GetNumber(reader, kPositionKey));
  return stored.value_or(0);
}

absl::StatusOr<log::v1::Record> ReadRecord(const store::EntryRow& row) {
  log::v1::Record record;
  if (!record.ParseFromString(row.record))
    return DataLoss("STORE_SYNC_FAILED", "a stored record cannot be read");
  return record;
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

// ---- Probing ----

// Whom a pseudonym means, in any casus of which the partij may see something.
absl::StatusOr<std::optional<Uuid>> PersonKnownTo(Reading& reading, const std::string& partij,
                                                  const std::string& pseudonym) {
  std::string after;
  for (;;) {
    SLUIS_ASSIGN_OR_RETURN(const auto visible, reading.state.Visible(partij, after, kChunk));
    for (const auto& [order, casus] : visible) {
      SLUIS_ASSIGN_OR_RETURN(const auto person,
                             PersonIn(reading.core, reading.state, casus, pseudonym));
      if (person) return person;
      after = order;
    }
    if (visible.size() < kChunk) return std::nullopt;
  }
}

// The fields of a request, or a dry run, of which the answer said no more than it says of anybody.
// None: it is no probe. A repeat gives nothing that the first did not, and an error no answer.
std::vector<std::string> ProbedFields(const log::v1::Record& record) {
  std::vector<std::string> fields;
  if (!record.error_reason().empty() || record.repeats() != 0) return fields;
  for (const log::v1::FieldDecision& field : record.decision().fields()) {
    if (field.outcome() == policy::v1::FieldOutcome::NCND ||
        field.code() == policy::v1::ReasonCode::NOT_IN_CASUS) {
      fields.push_back(field.field());
    }
  }
  return fields;
}

// How many probes there were of the caller about the person of this entry, within the time that
// ends with it; the limit at most.
absl::StatusOr<int> CountProbes(Reading& reading, const store::EntryRow& row) {
  store::EntryFilter filter;
  filter.from = row.time - absl::ToInt64Microseconds(reading.probing.within) + 1;
  filter.kinds = {EventKind::FIELDS_REQUESTED, EventKind::DRY_RUN};
  filter.caller = row.caller;
  filter.pseudonym = row.pseudonym;
  int count = 0;
  for (uint64_t start = 0;;) {
    SLUIS_ASSIGN_OR_RETURN(const auto rows, reading.reader.Search(filter, start, kChunk));
    for (const store::EntryRow& each : rows) {
      if (each.index > row.index) return count;
      SLUIS_ASSIGN_OR_RETURN(const log::v1::Record record, ReadRecord(each));
      if (!ProbedFields(record).empty() && ++count == reading.probing.refusals) return count;
    }
    if (rows.size() < kChunk) return count;
    start = rows.back().index + 1;
  }
}

// An alert, when this request was one refusal too many. Of a person whom the caller does not know
// the entry has no pseudonym: then the request is about nobody, and there is nobody to count by.
absl::Status PlanAlert(Reading& reading, const store::EntryRow& row, const log::v1::Record& record,
                       Plan& plan, store::v1::Review& review) {
  if (reading.probing.refusals == 0 || record.pseudonym().empty()) return absl::OkStatus();
  const std::vector<std::string> fields = ProbedFields(record);
  constexpr std::array kObligations{policy::v1::Obligation::MELD_FG_EN_TOETS};
  if (fields.empty() || FindDutyRule(reading.policy, DutyRule::REVIEW, record.acting_hat(),
                                     kObligations) == nullptr) {
    return absl::OkStatus();
  }
  plan.refusals = true;
  const std::string key = AlertKey(record);
  const auto planned = plan.alerts.find(key);
  std::optional<uint64_t> last;
  if (planned != plan.alerts.end()) {
    last = planned->second;
  } else {
    SLUIS_ASSIGN_OR_RETURN(last, GetNumber(reading.reader, key));
  }
  const int64_t within = absl::ToInt64Microseconds(reading.probing.within);
  if (last && row.time - static_cast<int64_t>(*last) < within) return absl::OkStatus();
  SLUIS_ASSIGN_OR_RETURN(const int count, CountProbes(reading, row));
  if (count < reading.probing.refusals) return absl::OkStatus();
  plan.alerts[key] = row.time;
  review.set_refusals(count);
  for (const std::string& field : fields) review.add_fields(field);
  return absl::OkStatus();
}

// Alerts after which the partij may raise another.
absl::Status ForgetAlerts(Core& core, const ProbingLimit& probing, const JobMoment& moment) {
  std::string after;
  for (bool more = true; more;) {
    SLUIS_RETURN_IF_ERROR(moment.go_on());
    SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
    SLUIS_ASSIGN_OR_RETURN(const auto alerts,
                           reader->Scan(store::Table::kJob, kAlertPrefix, after, kChunk));
    std::vector<std::string> over;
    for (const store::Document& alert : alerts) {
      SLUIS_ASSIGN_OR_RETURN(const auto raised, GetNumber(*reader, alert.key));
      const auto time = absl::FromUnixMicros(static_cast<int64_t>(raised.value_or(0)));
      if (time + probing.within <= moment.now) over.push_back(alert.key);
      after = alert.key;
    }
    more = alerts.size() == kChunk;
    if (over.empty()) continue;
    SLUIS_ASSIGN_OR_RETURN(const auto transaction, core.options.store->Begin());
    for (const std::string& key : over) {
      SLUIS_RETURN_IF_ERROR(transaction->Delete(store::Table::kJob, key));
    }
    SLUIS_RETURN_IF_ERROR(transaction->Commit());
  }
  return absl::OkStatus();
}

// ---- What an entry brings ----

// What the releases of a request make: fields that somebody has to be informed of, and that are
// looked at afterwards.
void PlanReleases(const policy::Policy& policy, const log::v1::Record& record, PlannedDuty& duty,
                  store::v1::Review& review) {
  duty.made_on = CivilDate::FromDays(record.local_date());
  for (const log::v1::FieldDecision& field : record.decision().fields()) {
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
}

absl::Status FillReview(const store::EntryRow& row, const log::v1::Record& record,
                        const std::optional<Uuid>& person, store::v1::Review& review) {
  SLUIS_ASSIGN_OR_RETURN(const audit::Leaf leaf, audit::DecodeLeaf(row.leaf));
  const log::v1::Decision& decision = record.decision();
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
  return absl::OkStatus();
}

absl::Status PlanEntry(Reading& reading, const store::EntryRow& row, Plan& plan) {
  SLUIS_ASSIGN_OR_RETURN(const log::v1::Record record, ReadRecord(row));
  // A repeat gives nothing that the first did not.
  if (!record.error_reason().empty() || record.repeats() != 0) return absl::OkStatus();
  if (row.kind == EventKind::FACT_RECORDED)
    return PlanBox(reading.policy, reading.state, record, plan);
  PlannedDuty duty;
  store::v1::Review review;
  // A dry run releases nothing.
  if (row.kind == EventKind::FIELDS_REQUESTED) PlanReleases(reading.policy, record, duty, review);
  SLUIS_RETURN_IF_ERROR(PlanAlert(reading, row, record, plan, review));
  if (duty.fields.empty() && review.fields().empty()) return absl::OkStatus();
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(record.casus_id()));
  std::optional<Uuid> person;
  if (!record.pseudonym().empty()) {
    SLUIS_ASSIGN_OR_RETURN(person,
                           PersonIn(reading.core, reading.state, casus, record.pseudonym()));
  }
  if (!duty.fields.empty() && person) {
    duty.of = {DutyRule::INFORM, record.caller(), record.acting_hat(), *person, casus, Uuid()};
    duty.entry = row.index;
    plan.duties.push_back(std::move(duty));
  }
  if (review.fields().empty()) return absl::OkStatus();
  // Refused because the person is in another casus: what the reviewer finds is sealed with its key.
  if (!person && review.refusals() != 0) {
    SLUIS_ASSIGN_OR_RETURN(person, PersonKnownTo(reading, record.caller(), record.pseudonym()));
  }
  SLUIS_RETURN_IF_ERROR(FillReview(row, record, person, review));
  plan.reviews.push_back(std::move(review));
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
    SLUIS_RETURN_IF_ERROR(PutNumber(*transaction, kPositionKey, next));
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
        for (const auto& [key, time] : plan.alerts) {
          SLUIS_RETURN_IF_ERROR(PutNumber(transaction, key, static_cast<uint64_t>(time)));
        }
        SLUIS_RETURN_IF_ERROR(PutNumber(transaction, kPositionKey, next));
        return OwnDraft(active, EventKind::DUTIES_MADE);
      });
  return overtaken ? absl::OkStatus() : written;
}

absl::Status FollowLog(Core& core, const ProbingLimit& probing, const JobMoment& moment) {
  for (;;) {
    SLUIS_RETURN_IF_ERROR(moment.go_on());
    const ActivePolicy active = core.Active();
    SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
    SLUIS_ASSIGN_OR_RETURN(const uint64_t position, Position(*reader));
    SLUIS_ASSIGN_OR_RETURN(const store::HeadRow head, reader->Head());
    if (position >= head.size) return absl::OkStatus();
    store::EntryFilter filter;
    filter.kinds = {EventKind::FIELDS_REQUESTED, EventKind::DRY_RUN, EventKind::FACT_RECORDED};
    SLUIS_ASSIGN_OR_RETURN(const auto rows, reader->Search(filter, position, kChunk));
    const bool all = rows.size() < kChunk;
    const uint64_t next = all ? head.size : rows.back().index + 1;
    Plan plan;
    Reading reading{core, *active.policy, probing, *reader,
                    state::StateReader(*reader, *core.options.vault)};
    for (const store::EntryRow& row : rows) {
      SLUIS_RETURN_IF_ERROR(PlanEntry(reading, row, plan));
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

void AddDutyJobs(std::vector<Job>& jobs, const ProbingLimit& probing) {
  jobs.push_back({"duties", absl::Minutes(1), Job::Hours::kAny,
                  [probing](Core& core, const JobMoment& moment) -> absl::Status {
                    SLUIS_RETURN_IF_ERROR(FollowLog(core, probing, moment));
                    SLUIS_RETURN_IF_ERROR(ForgetAlerts(core, probing, moment));
                    SLUIS_RETURN_IF_ERROR(EndBoxes(core, moment));
                    return TellWhoIsLate(core, moment);
                  }});
}

}  // namespace sluis::broker
