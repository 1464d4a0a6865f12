#include "sluis/broker/retention.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core.h"
#include "operators.h"

#include "sluis/base/bytes.h"
#include "sluis/facts/facts_reader.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/retention.h"
#include "sluis/state/destroy.h"
#include "sluis/state/signals.h"
#include "sluis/store/v1/job.pb.h"

namespace sluis::broker {
namespace {

using policy::RetentionEnd;
using store::Table;

constexpr size_t kPage = 1000;
constexpr size_t kUuidBytes = 16;
constexpr std::string_view kDestroy = "destroy/";
constexpr std::string_view kErase = "erase/";
// What changes while a run looks at it is looked at again this often.
constexpr int kPasses = 3;
constexpr absl::Duration kNightly = absl::Hours(24);
constexpr absl::Duration kHourly = absl::Hours(1);
constexpr absl::Duration kOften = absl::Minutes(5);
// Wmo 2015 5.3.5, Jeugdwet 7.3.9; AVG 12 lid 3 with its extension.
constexpr int kErasureMonths = 3;
constexpr std::array<std::string_view, 4> kGrounds = {"WMO_5_3_5", "JEUGDWET_7_3_9", "BW_7_455",
                                                      "AVG_17"};

// ---- What is over ----

// A destruction that stands alone: what it is about, and at which version that was judged.
struct Step {
  Destruction said;
  std::optional<state::Subject> subject;
  uint64_t version = 0;
  // kCasus and kPerson: everything. Else these.
  std::vector<Uuid> values;
  std::vector<Uuid> records;
  // A person of whom there was nothing: still no entry since this day, and this many ids.
  std::optional<CivilDate> idle_since;
  // Persons who go with the casus; their steps come before its own.
  std::vector<Uuid> persons;
  // The partij whose values these are.
  std::string source;
};

struct Ends {
  std::vector<Step> steps;
  std::vector<PendingErasure> erasures;
  int unfinished = 0;
  std::vector<UnreadableRow> unreadable;
};

// Of bytes that were changed or never were ours; not of a store that fails.
bool IsUnreadable(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsInvalidArgument(status);
}

void Count(std::vector<DestructionPart>& parts, const RetentionEnd& end, int values, int records) {
  auto part = std::find_if(parts.begin(), parts.end(), [&](const DestructionPart& each) {
    return each.term == end.term && each.due == end.day;
  });
  if (part == parts.end()) part = parts.insert(part, {end.term, end.day, 0, 0});
  part->values += values;
  part->records += records;
}

void KeepEarliest(std::optional<RetentionEnd>& earliest, std::optional<RetentionEnd> other) {
  if (other && (!earliest || other->day < earliest->day)) earliest = std::move(other);
}

// The last day on which a consent or fact counted, where it has one.
std::optional<CivilDate> LastDayOf(const store::v1::FactRecord& record) {
  std::optional<CivilDate> last;
  const auto take = [&](const absl::StatusOr<CivilDate>& day) {
    if (day.ok() && (!last || *day < *last)) last = *day;
  };
  if (record.has_consent()) {
    if (!record.consent().until().empty()) take(CivilDate::Parse(record.consent().until()));
    if (const auto withdrawn = policy::ParseInstant(record.consent().withdrawn_at()))
      take(facts::LocalDate(*withdrawn));
    return last;
  }
  // Facts that end have an element of this name, all of them.
  const google::protobuf::Message& fact = record.fact();
  const auto* one = fact.GetReflection()->GetOneofFieldDescriptor(
      fact, fact.GetDescriptor()->FindOneofByName("fact"));
  if (one == nullptr) return last;
  const google::protobuf::Message& body = fact.GetReflection()->GetMessage(fact, one);
  const auto* until = body.GetDescriptor()->FindFieldByName("until");
  if (until == nullptr || until->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING)
    return last;
  const std::string text = body.GetReflection()->GetString(body, until);
  if (!text.empty()) take(CivilDate::Parse(text));
  return last;
}

CivilDate LastDayFor(const store::v1::Erasure& erasure) {
  return facts::LocalDate(absl::FromUnixMicros(erasure.asked_at())).AddMonths(kErasureMonths);
}

// Looks through one state of the store for everything that is over on a day.
class Finder {
 public:
  Finder(Core& core, const policy::Policy& policy, store::Reader& reader, CivilDate today)
      : vault_(*core.options.vault),
        policy_(policy),
        reader_(reader),
        state_(reader, vault_),
        today_(today) {}

  absl::StatusOr<Ends> Find() {
    SLUIS_RETURN_IF_ERROR(LookAtCasussen());
    SLUIS_RETURN_IF_ERROR(LookAtPersons());
    // After the persons that go with them.
    for (Step& step : over_) ends_.steps.push_back(std::move(step));
    SLUIS_RETURN_IF_ERROR(LookAtPartijen());
    SLUIS_RETURN_IF_ERROR(LookAtTasks());
    return std::move(ends_);
  }

 private:
  // What the casussen say of a person.
  struct Known {
    bool in_casus = false;             // within term
    bool in_wgs_casus = false;         // within term
    std::optional<RetentionEnd> over;  // the last of those that are over
  };

  void Leave(std::string_view kind, std::string id) {
    ends_.unreadable.push_back({std::string(kind), std::move(id)});
  }
  void LeaveAll(std::string_view kind, std::vector<std::string>& ids) {
    for (std::string& id : ids) Leave(kind, std::move(id));
  }

  absl::StatusOr<std::vector<state::StoredRecord>> Records(const state::Subject& subject,
                                                           std::vector<std::string>& unreadable) {
    return state::ReadableRecords(reader_, vault_, subject, unreadable);
  }

  absl::StatusOr<int> CountRows(Table table, const state::Subject& subject) {
    int rows = 0;
    SLUIS_RETURN_IF_ERROR(ForEachKey(table, subject.key(), [&](const store::Document&) {
      ++rows;
      return absl::OkStatus();
    }));
    return rows;
  }

  [[nodiscard]] bool IsOver(const std::optional<RetentionEnd>& end) const {
    return end && end->day <= today_;
  }

  template <typename Visit>
  absl::Status ForEachKey(Table table, std::string_view prefix, Visit visit) {
    std::string after;
    for (;;) {
      SLUIS_ASSIGN_OR_RETURN(const auto documents, reader_.Scan(table, prefix, after, kPage));
      for (const store::Document& document : documents) SLUIS_RETURN_IF_ERROR(visit(document));
      if (documents.size() < kPage) return absl::OkStatus();
      after = documents.back().key;
    }
  }

  // A casus that a signal opened and its answer closed had no follow-up.
  absl::StatusOr<std::optional<RetentionEnd>> EndOfSignals(const Uuid& id,
                                                           const store::v1::Casus& casus) {
    std::optional<RetentionEnd> last;
    if (casus.facts().status() != policy::v1::CasusFacts::CLOSED) return last;
    // Nor had one in which nobody ever worked: whoever took part has a term of its own.
    if (!casus.facts().tafels().empty() || casus.facts().has_wams_track() ||
        !casus.facts().participants().empty() || !casus.facts().guests().empty()) {
      return last;
    }
    SLUIS_ASSIGN_OR_RETURN(const auto signals, state::SignalsIn(reader_, id));
    std::string answered_on;
    for (const Uuid& each : signals) {
      const auto signal = state::ReadSignal(reader_, vault_, each);
      if (IsUnreadable(signal.status())) {
        Leave("signal", each.ToString());
        return std::nullopt;
      }
      if (!signal.ok()) return signal.status();
      if (!*signal) continue;
      const auto answered = CivilDate::Parse((*signal)->answered_on());
      if (!answered.ok()) return std::nullopt;
      answered_on = std::max(answered_on, (*signal)->answered_on());
      auto end = policy::EndOfHandled(policy_, (*signal)->receiver().hat(), *answered);
      if (!end) return std::nullopt;
      if (!last || last->day < end->day) last = std::move(end);
    }
    // One that went on after the answer had a follow-up.
    if (answered_on != casus.closed_on()) return std::nullopt;
    return last;
  }

  absl::Status LookAtCasussen() {
    return ForEachKey(Table::kCasus, {}, [&](const store::Document& document) -> absl::Status {
      const auto id = Uuid::FromBytes(document.key);
      if (!id.ok()) {
        Leave("casus", HexEncode(document.key));
        return absl::OkStatus();
      }
      const absl::Status status = LookAtCasus(*id);
      if (!IsUnreadable(status)) return status;
      Leave("casus", id->ToString());
      return ProtectPersonsOf(*id);
    });
  }

  absl::Status LookAtCasus(const Uuid& id) {
    SLUIS_ASSIGN_OR_RETURN(const auto casus, UnlessDestroyed(state_.Casus(id)));
    if (!casus) return absl::OkStatus();
    std::vector<Uuid> persons;
    for (const auto& each : casus->facts().persons()) {
      SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(each.id()));
      persons.push_back(person);
    }
    // A track that ended closes the casus; one that goes on again has no such day.
    const std::string& closed_on =
        casus->closed_on().empty() ? casus->wams().closed_on() : casus->closed_on();
    auto end = policy::EndOfCasus(policy_, casus->facts(), closed_on, casus->opener().hat());
    SLUIS_ASSIGN_OR_RETURN(auto of_signals, EndOfSignals(id, *casus));
    KeepEarliest(end, std::move(of_signals));
    const bool wgs = policy::IsWgsCasus(policy_, casus->facts());
    const auto subject = state::Subject::Casus(id);
    if (!IsOver(end)) {
      for (const Uuid& person : persons) {
        persons_[person].in_casus = true;
        persons_[person].in_wgs_casus |= wgs;
      }
      return LookAtParts(subject, wgs ? policy::KeptByWgs::kYes : policy::KeptByWgs::kNo).status();
    }
    Step step;
    step.said.kind = Destruction::Kind::kCasus;
    step.said.casus_id = std::string(id.bytes());
    step.subject = subject;
    SLUIS_ASSIGN_OR_RETURN(step.version, state_.Version(subject.key()));
    SLUIS_ASSIGN_OR_RETURN(const int values, CountRows(Table::kDeposit, subject));
    SLUIS_ASSIGN_OR_RETURN(const int records, CountRows(Table::kRecord, subject));
    Count(step.said.parts, *end, values, records);
    for (const Uuid& person : persons) {
      auto& over = persons_[person].over;
      if (!over || over->day < end->day) over = end;
    }
    step.persons = std::move(persons);
    over_.push_back(std::move(step));
    return absl::OkStatus();
  }

  // Of a casus that cannot be read nobody can say whether it is over, nor whom it names; but every
  // entry that put somebody into it has both. Where there are none, a new log was begun since.
  absl::Status ProtectPersonsOf(const Uuid& casus) {
    store::EntryFilter filter;
    filter.casus_id = std::string(casus.bytes());
    uint64_t start = 0;
    for (;;) {
      SLUIS_ASSIGN_OR_RETURN(const auto entries, reader_.Search(filter, start, kPage));
      if (start == 0 && entries.empty()) protect_all_ = true;
      for (const store::EntryRow& entry : entries) {
        if (!entry.pseudonym.empty()) protected_.insert(entry.pseudonym);
      }
      if (entries.size() < kPage) return absl::OkStatus();
      start = entries.back().index + 1;
    }
  }

  absl::Status LookAtPersons() {
    // Also those who are in no casus.
    const auto add = [&](const store::Document& document) -> absl::Status {
      const std::string_view key = document.key;
      const auto person = Uuid::FromBytes(key.substr(0, kUuidBytes));
      if (person.ok()) {
        persons_.try_emplace(*person);
      } else {
        Leave("person", HexEncode(key));
      }
      return absl::OkStatus();
    };
    SLUIS_RETURN_IF_ERROR(ForEachKey(Table::kPerson, {}, add));
    SLUIS_RETURN_IF_ERROR(ForEachKey(Table::kHandleOf, {}, add));
    for (auto& [person, known] : persons_) {
      SLUIS_ASSIGN_OR_RETURN(const bool there, vault_.HasKey(person));
      if (!there) continue;
      if (protect_all_ || !protected_.empty()) {
        SLUIS_ASSIGN_OR_RETURN(const std::string pseudonym, vault_.Pseudonym(person));
        if (protect_all_ || protected_.count(pseudonym) != 0)
          known.in_casus = known.in_wgs_casus = true;
      }
      if (known.in_casus || !known.over) {
        SLUIS_RETURN_IF_ERROR(LookAtPerson(person, known));
      } else {
        SLUIS_RETURN_IF_ERROR(EndPerson(person, *known.over));
      }
    }
    // What the casussen take of persons who stay: recorded for them alone.
    for (Step& step : over_) {
      const std::string casus_id = Uuid::FromBytes(step.said.casus_id)->ToString();
      std::vector<Uuid> go;
      for (const Uuid& person : step.persons) {
        if (!persons_[person].in_casus) {
          go.push_back(person);
          continue;
        }
        // Those that cannot be read were told of with the person.
        std::vector<std::string> unreadable;
        SLUIS_ASSIGN_OR_RETURN(const auto records,
                               Records(state::Subject::Person(person), unreadable));
        for (const auto& stored : records)
          step.said.parts.front().records += stored.record.casus_id() == casus_id ? 1 : 0;
      }
      step.persons = std::move(go);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Step> NewPersonStep(const Uuid& person) {
    Step step;
    step.said.kind = Destruction::Kind::kPerson;
    SLUIS_ASSIGN_OR_RETURN(step.said.pseudonym, vault_.Pseudonym(person));
    step.subject = state::Subject::Person(person);
    SLUIS_ASSIGN_OR_RETURN(step.version, state_.Version(step.subject->key()));
    SLUIS_ASSIGN_OR_RETURN(const auto handles,
                           reader_.Scan(Table::kHandleOf, person.bytes(), {}, kPage));
    step.said.handles = static_cast<int>(handles.size());
    return step;
  }

  absl::Status EndPerson(const Uuid& person, const RetentionEnd& end) {
    SLUIS_ASSIGN_OR_RETURN(Step step, NewPersonStep(person));
    SLUIS_ASSIGN_OR_RETURN(const int values, CountRows(Table::kDeposit, *step.subject));
    SLUIS_ASSIGN_OR_RETURN(const int records, CountRows(Table::kRecord, *step.subject));
    Count(step.said.parts, end, values, records);
    ends_.steps.push_back(std::move(step));
    return absl::OkStatus();
  }

  absl::Status LookAtPerson(const Uuid& person, const Known& known) {
    const auto subject = state::Subject::Person(person);
    SLUIS_ASSIGN_OR_RETURN(const int left,
                           LookAtParts(subject, known.in_wgs_casus ? policy::KeptByWgs::kYes
                                                                   : policy::KeptByWgs::kNo));
    if (known.in_casus || left > 0) return absl::OkStatus();
    // Nothing but ids.
    SLUIS_ASSIGN_OR_RETURN(Step step, NewPersonStep(person));
    SLUIS_ASSIGN_OR_RETURN(const auto last, LastSpokenOf(step.said.pseudonym));
    if (!last) return absl::OkStatus();
    const auto end = policy::EndOfIdle(policy_, *last);
    if (!IsOver(end)) return absl::OkStatus();
    Count(step.said.parts, *end, 0, 0);
    step.idle_since = last;
    ends_.steps.push_back(std::move(step));
    return absl::OkStatus();
  }

  // Day of the last entry about a person; the search goes forward only.
  absl::StatusOr<std::optional<CivilDate>> LastSpokenOf(const std::string& pseudonym) {
    std::optional<CivilDate> last;
    store::EntryFilter filter;
    filter.pseudonym = pseudonym;
    uint64_t start = 0;
    for (;;) {
      SLUIS_ASSIGN_OR_RETURN(const auto entries, reader_.Search(filter, start, kPage));
      if (!entries.empty()) last = facts::LocalDate(absl::FromUnixMicros(entries.back().time));
      if (entries.size() < kPage) return last;
      start = entries.back().index + 1;
    }
  }

  // Single values and records that are over. Returns how many are not.
  absl::StatusOr<int> LookAtParts(const state::Subject& subject, policy::KeptByWgs kept) {
    SLUIS_ASSIGN_OR_RETURN(const uint64_t version, state_.Version(subject.key()));
    // By whose they are: a partij may see the entries about its own.
    std::map<std::string, Step> steps;
    int left = 0;
    const auto step_of = [&](const std::string& source) -> absl::StatusOr<Step*> {
      Step& step = steps[source];
      step.subject = subject;
      step.version = version;
      step.source = source;
      if (subject.is_casus()) step.said.casus_id = std::string(subject.owner().bytes());
      if (subject.is_person()) {
        SLUIS_ASSIGN_OR_RETURN(step.said.pseudonym, vault_.Pseudonym(subject.owner()));
      }
      return &step;
    };
    std::vector<std::string> unreadable;
    SLUIS_ASSIGN_OR_RETURN(const auto values,
                           state::ReadableDeposits(reader_, vault_, subject, unreadable));
    left += static_cast<int>(unreadable.size());
    LeaveAll("value", unreadable);
    for (const state::StoredDeposit& each : values) {
      const auto end = policy::EndOfValue(policy_, each.deposit.holding(), kept);
      if (!IsOver(end)) {
        ++left;
        continue;
      }
      SLUIS_ASSIGN_OR_RETURN(Step* const step, step_of(each.deposit.holding().source().partij()));
      step->values.push_back(each.id);
      Count(step->said.parts, *end, 1, 0);
    }
    unreadable.clear();
    SLUIS_ASSIGN_OR_RETURN(const auto records, Records(subject, unreadable));
    left += static_cast<int>(unreadable.size());
    LeaveAll("record", unreadable);
    for (const state::StoredRecord& each : records) {
      const auto last = LastDayOf(each.record);
      const auto end = last ? policy::EndOfRecord(policy_, *last) : std::nullopt;
      if (!IsOver(end)) {
        ++left;
        continue;
      }
      SLUIS_ASSIGN_OR_RETURN(Step* const step, step_of(each.record.recorded_by().partij()));
      step->records.push_back(each.id);
      Count(step->said.parts, *end, 0, 1);
    }
    for (auto& [source, step] : steps) ends_.steps.push_back(std::move(step));
    return left;
  }

  // What partijen recorded that is about nobody.
  absl::Status LookAtPartijen() {
    std::set<std::string> subjects;
    SLUIS_RETURN_IF_ERROR(
        ForEachKey(Table::kRecord, "o", [&](const store::Document& document) -> absl::Status {
          subjects.insert(document.key.substr(0, document.key.find('\0') + 1));
          return absl::OkStatus();
        }));
    for (const std::string& key : subjects) {
      const auto subject = state::Subject::FromKey(key);
      if (!subject.ok()) {
        Leave("record", HexEncode(key));
        continue;
      }
      SLUIS_RETURN_IF_ERROR(LookAtParts(*subject, policy::KeptByWgs::kNo).status());
    }
    return absl::OkStatus();
  }

  absl::Status LookAtTasks() {
    SLUIS_RETURN_IF_ERROR(
        ForEachKey(Table::kJob, kDestroy, [&](const store::Document& document) -> absl::Status {
          ++ends_.unfinished;
          const std::string_view rest = std::string_view(document.key).substr(kDestroy.size());
          const auto owner = Uuid::FromBytes(rest);
          if (!owner.ok() || !store::v1::Destruction().ParseFromString(document.value))
            Leave("intention", owner.ok() ? owner->ToString() : HexEncode(rest));
          return absl::OkStatus();
        }));
    return ForEachKey(Table::kJob, kErase, [&](const store::Document& document) -> absl::Status {
      store::v1::Erasure erasure;
      const std::string_view rest = std::string_view(document.key).substr(kErase.size());
      const auto person = Uuid::FromBytes(rest);
      if (!person.ok() || !erasure.ParseFromString(document.value)) {
        // The id of a person stays inside; the pseudonym finds the entry of the request.
        std::string id(rest);
        if (person.ok()) {
          SLUIS_ASSIGN_OR_RETURN(id, vault_.Pseudonym(*person));
        }
        Leave("erasure", HexEncode(id));
        return absl::OkStatus();
      }
      PendingErasure pending;
      SLUIS_ASSIGN_OR_RETURN(pending.pseudonym, vault_.Pseudonym(*person));
      pending.ground = erasure.ground();
      pending.reference = erasure.reference();
      pending.asked_by = erasure.asked_by();
      pending.asked_on = facts::LocalDate(absl::FromUnixMicros(erasure.asked_at()));
      pending.until = LastDayFor(erasure);
      ends_.erasures.push_back(std::move(pending));
      return absl::OkStatus();
    });
  }

  vault::Vault& vault_;
  const policy::Policy& policy_;
  store::Reader& reader_;
  state::StateReader state_;
  const CivilDate today_;
  std::map<Uuid, Known> persons_;
  // Pseudonyms of those who may be in a casus that cannot be read.
  std::set<std::string> protected_;
  bool protect_all_ = false;
  std::vector<Step> over_;
  Ends ends_;
};

absl::StatusOr<Ends> FindEnds(Core& core, const ActivePolicy& active, CivilDate today) {
  SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
  return Finder(core, *active.policy, *reader, today).Find();
}

// ---- Doing it ----

std::string DestroyKeyOf(const Uuid& owner) {
  return absl::StrCat(ToAbsl(kDestroy), ToAbsl(owner.bytes()));
}
std::string EraseKeyOf(const Uuid& person) {
  return absl::StrCat(ToAbsl(kErase), ToAbsl(person.bytes()));
}

// Nothing was written: what was found is no longer so.
absl::Status Changed() {
  return FailedPrecondition("CHANGED_MEANWHILE", "it is not as it was when it was looked at");
}
bool IsChanged(const absl::Status& status) { return ReasonOf(status) == "CHANGED_MEANWHILE"; }

ledger::Draft NewEntry(const ActivePolicy& active, EventKind::Id kind,
                       const std::string& operator_id) {
  ledger::Draft draft;
  draft.kind = kind;
  draft.record = std::make_unique<log::v1::Record>();
  draft.record->set_caller("sluisd");
  draft.record->set_professional(operator_id);
  draft.record->set_policy_hash(active.hash);
  draft.record->set_convenant_version(active.policy->convenant_version());
  draft.record->set_statute_version(active.policy->statute_version());
  return draft;
}

absl::Status IntendToDestroy(store::Transaction& transaction, const Uuid& owner, uint64_t entry) {
  store::v1::Destruction intention;
  intention.set_entry(entry);
  return transaction.Put(Table::kJob, DestroyKeyOf(owner), intention.SerializeAsString());
}

void AddPart(log::v1::Destroyed& destroyed, const std::string& term, CivilDate due, int values,
             int records) {
  auto& part = *destroyed.add_parts();
  part.set_term(term);
  part.set_due(due.days());
  part.set_values(values);
  part.set_records(records);
}

// The first half of a step, on the committer's thread. `version` is the one at which the subject
// was judged, or to which this run brought it since.
absl::StatusOr<ledger::Draft> Apply(Core& core, const ActivePolicy& active, const Step& step,
                                    uint64_t version, CivilDate judged_on,
                                    const std::string& operator_id, store::Transaction& transaction,
                                    const ledger::Moment& moment) {
  vault::Vault& vault = *core.options.vault;
  state::StateWriter state(transaction, vault);
  const state::Subject& subject = *step.subject;
  SLUIS_ASSIGN_OR_RETURN(const uint64_t version_now, state.Version(subject.key()));
  // The clock may have been set back, and another policy may have other terms.
  if (version_now != version || moment.today < judged_on || core.Active().policy != active.policy) {
    return Changed();
  }
  ledger::Draft draft = NewEntry(active, EventKind::DESTROYED, operator_id);
  draft.source = step.source;
  draft.record->set_casus_id(step.said.casus_id);
  draft.record->set_pseudonym(step.said.pseudonym);
  log::v1::Destroyed& destroyed = *draft.record->mutable_destroyed();
  for (const DestructionPart& part : step.said.parts)
    AddPart(destroyed, part.term, part.due, part.values, part.records);
  if (step.said.kind == Destruction::Kind::kParts) {
    for (const Uuid& id : step.values) SLUIS_RETURN_IF_ERROR(state.DeleteDeposit(subject, id));
    for (const Uuid& id : step.records) SLUIS_RETURN_IF_ERROR(state.DeleteRecord(subject, id));
    return draft;
  }
  SLUIS_ASSIGN_OR_RETURN(const bool there, vault.HasKey(subject.owner()));
  if (!there) return Changed();
  state::Deleted deleted;
  if (step.said.kind == Destruction::Kind::kCasus) {
    // Its persons first: they are found by it.
    for (const Uuid& person : step.persons) {
      SLUIS_ASSIGN_OR_RETURN(const auto identity, transaction.Get(Table::kPerson, person.bytes()));
      if (identity) return Changed();
    }
    SLUIS_ASSIGN_OR_RETURN(const auto casus, state.Casus(subject.owner()));
    if (!casus) return Changed();
    SLUIS_ASSIGN_OR_RETURN(deleted,
                           state::DeleteCasus(transaction, vault, subject.owner(), *casus));
  } else {
    if (step.idle_since) {
      store::EntryFilter filter;
      filter.pseudonym = step.said.pseudonym;
      filter.from = absl::ToUnixMicros(moment.now - absl::Hours(24 * 7));
      SLUIS_ASSIGN_OR_RETURN(const auto entries, transaction.Search(filter, 0, 1));
      SLUIS_ASSIGN_OR_RETURN(
          const auto handles,
          transaction.Scan(Table::kHandleOf, subject.owner().bytes(), {}, kPage));
      if (!entries.empty() || static_cast<int>(handles.size()) != step.said.handles)
        return Changed();
    }
    SLUIS_ASSIGN_OR_RETURN(deleted, state::DeletePerson(transaction, vault, subject.owner()));
  }
  // What a casus takes of a person who stays is counted as it is done.
  destroyed.mutable_parts(0)->set_values(deleted.values);
  destroyed.mutable_parts(0)->set_records(deleted.records);
  destroyed.set_handles(deleted.handles);
  destroyed.set_key(true);
  SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kJob, EraseKeyOf(subject.owner())));
  SLUIS_RETURN_IF_ERROR(IntendToDestroy(transaction, subject.owner(), moment.index));
  return draft;
}

// The second half, wherever the first was committed: the key, the entry that says so, the end of
// the intention. OK when somebody else did it.
absl::Status Complete(Core& core, const Uuid& owner, const std::string& operator_id) {
  SLUIS_RETURN_IF_ERROR(core.options.vault->DestroyKey(owner));
  const absl::Status done =
      core.SubmitOwn([&](store::Transaction& transaction,
                         const ledger::Moment& /*moment*/) -> absl::StatusOr<ledger::Draft> {
        const std::string key = DestroyKeyOf(owner);
        SLUIS_ASSIGN_OR_RETURN(const auto kept, transaction.Get(Table::kJob, key));
        if (!kept) return Changed();
        store::v1::Destruction intention;
        // The key is gone; the entry that the second one completes can only be found by hand.
        if (!intention.ParseFromString(*kept))
          return DataLoss("ROWS_UNREADABLE", "an intention to destroy cannot be read");
        SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kJob, key));
        SLUIS_ASSIGN_OR_RETURN(const auto entries, transaction.Entries(intention.entry(), 1));
        ledger::Draft draft = NewEntry(core.Active(), EventKind::DESTROYED, operator_id);
        if (!entries.empty()) {
          draft.record->set_casus_id(entries.front().casus_id);
          draft.record->set_pseudonym(entries.front().pseudonym);
        }
        draft.record->mutable_destroyed()->set_key(true);
        draft.record->mutable_destroyed()->set_completes(intention.entry() + 1);
        return draft;
      });
  return IsChanged(done) ? absl::OkStatus() : done;
}

struct Rest {
  std::vector<Uuid> owners;
  std::vector<UnreadableRow> unreadable;
  [[nodiscard]] bool empty() const { return owners.empty() && unreadable.empty(); }
};

absl::StatusOr<Rest> Unfinished(Core& core) {
  Rest rest;
  SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
  std::string after;
  for (;;) {
    SLUIS_ASSIGN_OR_RETURN(const auto documents, reader->Scan(Table::kJob, kDestroy, after, kPage));
    for (const store::Document& document : documents) {
      const std::string_view key = std::string_view(document.key).substr(kDestroy.size());
      const auto owner = Uuid::FromBytes(key);
      if (owner.ok()) {
        rest.owners.push_back(*owner);
      } else {
        rest.unreadable.push_back({"intention", HexEncode(key)});
      }
    }
    if (documents.size() < kPage) return rest;
    after = documents.back().key;
  }
}

absl::Status RowsUnreadable(const std::vector<UnreadableRow>& rows) {
  constexpr size_t kMostNamed = 10;
  std::string named;
  for (size_t i = 0; i < std::min(rows.size(), kMostNamed); ++i)
    absl::StrAppend(&named, i == 0 ? "" : ", ", rows[i].kind, " ", rows[i].id);
  const std::string left = absl::StrCat(rows.size());
  const absl::Status status =
      DataLoss("ROWS_UNREADABLE", left + " rows cannot be read and were left; all else was done");
  return WithMetadata(WithMetadata(status, "left", left), "rows", named);
}

// One run. A key whose old page somebody else keeps readable does not stop the rest, nor does what
// cannot be read: it is told at the end.
class Run {
 public:
  Run(Core& core, const std::string& operator_id, const std::function<absl::Status()>& go_on)
      : core_(core), operator_id_(operator_id), go_on_(go_on) {}

  absl::Status CompleteRest() {
    SLUIS_ASSIGN_OR_RETURN(Rest rest, Unfinished(core_));
    for (UnreadableRow& row : rest.unreadable) Leave(std::move(row));
    for (const Uuid& owner : rest.owners) {
      SLUIS_RETURN_IF_ERROR(GoOn());
      SLUIS_ASSIGN_OR_RETURN(const bool destroyed, DestroyKey(owner));
      totals_.completed += destroyed ? 1 : 0;
    }
    return absl::OkStatus();
  }

  absl::Status Everything() {
    SLUIS_RETURN_IF_ERROR(CompleteRest());
    for (int pass = 0; pass < kPasses; ++pass) {
      const ActivePolicy active = core_.Active();
      const CivilDate today = facts::LocalDate(core_.options.clock->Now());
      SLUIS_ASSIGN_OR_RETURN(const Ends ends, FindEnds(core_, active, today));
      for (const UnreadableRow& row : ends.unreadable) Leave(row);
      moved_.clear();
      bool changed = false;
      for (const Step& step : ends.steps) {
        SLUIS_RETURN_IF_ERROR(GoOn());
        SLUIS_ASSIGN_OR_RETURN(const bool done, Do(active, step, today));
        changed |= !done;
      }
      if (!changed) break;
    }
    return absl::OkStatus();
  }

  // Nothing that was deleted may stay in the files.
  absl::StatusOr<DestructionTotals> End(const absl::Status& status) {
    const absl::Status scrubbed = core_.options.store->Scrub();
    SLUIS_RETURN_IF_ERROR(status);
    SLUIS_RETURN_IF_ERROR(locked_);
    SLUIS_RETURN_IF_ERROR(scrubbed);
    if (!left_.empty()) return RowsUnreadable(left_);
    return totals_;
  }

 private:
  absl::Status GoOn() { return go_on_ ? go_on_() : absl::OkStatus(); }

  // Each once, however many passes met it.
  void Leave(UnreadableRow row) {
    if (met_.emplace(row.kind, row.id).second) left_.push_back(std::move(row));
  }

  // False when it stays to be done.
  absl::StatusOr<bool> DestroyKey(const Uuid& owner) {
    absl::Status status = Complete(core_, owner, operator_id_);
    const std::string reason = ReasonOf(status);
    if (reason == "ROWS_UNREADABLE") {
      Leave({"intention", owner.ToString()});
      return false;
    }
    if (reason == "STORE_LOCKED") {
      locked_ = std::move(status);
      return false;
    }
    SLUIS_RETURN_IF_ERROR(status);
    return true;
  }

  // False when it is no longer as it was.
  absl::StatusOr<bool> Do(const ActivePolicy& active, const Step& step, CivilDate today) {
    // Values of several partijen are several steps, and each moves the version of their person.
    const std::string subject = step.subject->key();
    const auto moved = moved_.find(subject);
    const uint64_t version = moved == moved_.end() ? step.version : moved->second;
    uint64_t version_after = 0;
    bool unreadable = false;
    const absl::Status status =
        core_.SubmitOwn([&](store::Transaction& transaction,
                            const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
          auto draft =
              Apply(core_, active, step, version, today, operator_id_, transaction, moment);
          unreadable = IsUnreadable(draft.status());
          if (!draft.ok()) return draft;
          SLUIS_ASSIGN_OR_RETURN(
              version_after,
              state::StateReader(transaction, *core_.options.vault).Version(subject));
          return draft;
        });
    if (IsChanged(status)) return false;
    if (unreadable) {
      Leave({step.subject->is_casus() ? "casus" : "person", step.subject->is_casus()
                                                                ? step.subject->owner().ToString()
                                                                : HexEncode(step.said.pseudonym)});
      return true;
    }
    SLUIS_RETURN_IF_ERROR(status);
    moved_[subject] = version_after;
    for (const DestructionPart& part : step.said.parts) {
      totals_.values += part.values;
      totals_.records += part.records;
    }
    if (step.said.kind == Destruction::Kind::kParts) return true;
    ++(step.said.kind == Destruction::Kind::kCasus ? totals_.casussen : totals_.persons);
    SLUIS_RETURN_IF_ERROR(DestroyKey(step.subject->owner()).status());
    return true;
  }

  Core& core_;
  const std::string& operator_id_;
  const std::function<absl::Status()>& go_on_;
  DestructionTotals totals_;
  // Versions to which this pass brought what it changed.
  std::map<std::string, uint64_t> moved_;
  std::vector<UnreadableRow> left_;
  std::set<std::pair<std::string, std::string>> met_;
  absl::Status locked_;
};

// Whether no erasure that waits for its second operator is about to be too late, or is.
absl::Status CheckErasures(Core& core, CivilDate today) {
  SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
  int waiting = 0;
  std::optional<CivilDate> first;
  std::string after;
  for (bool more = true; more;) {
    SLUIS_ASSIGN_OR_RETURN(const auto documents, reader->Scan(Table::kJob, kErase, after, kPage));
    more = documents.size() == kPage;
    for (const store::Document& document : documents) {
      after = document.key;
      store::v1::Erasure erasure;
      // One that cannot be read is for the nightly run to tell.
      if (!erasure.ParseFromString(document.value)) continue;
      const CivilDate last = LastDayFor(erasure);
      if (today < last.AddDays(-kErasureWarningDays)) continue;
      ++waiting;
      if (!first || last < *first) first = last;
    }
  }
  if (waiting == 0) return absl::OkStatus();
  const absl::Status due = FailedPrecondition(
      "ERASURE_DUE", "a request to erase waits for its second operator, and its last day nears");
  return WithMetadata(WithMetadata(due, "left", absl::StrCat(waiting)), "until", first->ToString());
}

bool IsReference(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '/' ||
           c == '-';
  });
}

}  // namespace

Retention::Retention(Broker& broker) : core_(*broker.core_) {}

absl::StatusOr<DestructionPlan> Retention::Plan(CivilDate day) {
  SLUIS_ASSIGN_OR_RETURN(Ends ends, FindEnds(core_, core_.Active(), day));
  DestructionPlan plan;
  plan.day = day;
  plan.unfinished = ends.unfinished;
  plan.erasures = std::move(ends.erasures);
  plan.unreadable = std::move(ends.unreadable);
  for (Step& step : ends.steps) plan.destructions.push_back(std::move(step.said));
  return plan;
}

absl::StatusOr<DestructionTotals> Retention::Run(const std::string& operator_id,
                                                 const std::function<absl::Status()>& go_on) {
  if (!operator_id.empty() && !IsOperatorName(operator_id))
    return Malformed("operator_id", "1-64 characters of [A-Za-z0-9._-]");
  class Run run(core_, operator_id, go_on);
  return run.End(run.Everything());
}

absl::StatusOr<bool> Retention::Erase(const ErasureRequest& request) {
  if (!IsOperatorName(request.operator_id))
    return Malformed("operator_id", "1-64 characters of [A-Za-z0-9._-]");
  if (std::find(kGrounds.begin(), kGrounds.end(), request.ground) == kGrounds.end())
    return Malformed("ground", "WMO_5_3_5, JEUGDWET_7_3_9, BW_7_455 or AVG_17");
  if (!IsReference(request.reference))
    return Malformed("reference", "1-64 characters of [A-Za-z0-9._/-]");
  std::optional<Uuid> erased;
  const auto apply = [&](store::Transaction& transaction,
                         const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
    vault::Vault& vault = *core_.options.vault;
    state::StateWriter state(transaction, vault);
    SLUIS_ASSIGN_OR_RETURN(const auto person, state.PersonOf(request.partij, request.person));
    bool there = false;
    if (person) {
      SLUIS_ASSIGN_OR_RETURN(there, vault.HasKey(*person));
    }
    if (!there) return NotFound("PERSON_UNKNOWN", "the partij knows nobody by this id");
    SLUIS_ASSIGN_OR_RETURN(const std::string pseudonym, vault.Pseudonym(*person));
    const std::string key = EraseKeyOf(*person);
    SLUIS_ASSIGN_OR_RETURN(const auto kept, transaction.Get(Table::kJob, key));
    store::v1::Erasure erasure;
    if (!kept) {
      erasure.set_asked_by(request.operator_id);
      erasure.set_ground(request.ground);
      erasure.set_reference(request.reference);
      erasure.set_asked_at(absl::ToUnixMicros(moment.now));
      SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kJob, key, erasure.SerializeAsString()));
      ledger::Draft draft = NewEntry(core_.Active(), EventKind::ERASURE_ASKED, request.operator_id);
      draft.record->set_pseudonym(pseudonym);
      draft.record->mutable_change()->set_partij(request.partij);
      AddPart(*draft.record->mutable_destroyed(), request.ground,
              moment.today.AddMonths(kErasureMonths), 0, 0);
      draft.record->mutable_destroyed()->set_reference(request.reference);
      return draft;
    }
    if (!erasure.ParseFromString(*kept))
      return DataLoss("STORE_SYNC_FAILED", "a request to erase cannot be read");
    if (erasure.ground() != request.ground || erasure.reference() != request.reference) {
      return FailedPrecondition("ERASURE_OTHER",
                                "another ground or reference was given when it was asked");
    }
    if (IsSameOperator(erasure.asked_by(), request.operator_id)) {
      return PermissionDenied("SAME_OPERATOR", "who asked to erase cannot approve it as well");
    }
    SLUIS_ASSIGN_OR_RETURN(const auto deleted, state::DeletePerson(transaction, vault, *person));
    SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kJob, key));
    SLUIS_RETURN_IF_ERROR(IntendToDestroy(transaction, *person, moment.index));
    ledger::Draft draft = NewEntry(core_.Active(), EventKind::DESTROYED, request.operator_id);
    draft.record->set_pseudonym(pseudonym);
    draft.record->mutable_change()->set_partij(request.partij);
    log::v1::Destroyed& destroyed = *draft.record->mutable_destroyed();
    AddPart(destroyed, erasure.ground(), LastDayFor(erasure), deleted.values, deleted.records);
    destroyed.set_handles(deleted.handles);
    destroyed.set_key(true);
    destroyed.set_asked_by(erasure.asked_by());
    destroyed.set_reference(erasure.reference());
    erased = *person;
    return draft;
  };
  SLUIS_RETURN_IF_ERROR(core_.SubmitOwn(apply));
  if (!erased) return false;
  const absl::Status destroyed = Complete(core_, *erased, request.operator_id);
  const absl::Status scrubbed = core_.options.store->Scrub();
  SLUIS_RETURN_IF_ERROR(destroyed);
  SLUIS_RETURN_IF_ERROR(scrubbed);
  return true;
}

absl::StatusOr<Uuid> PersonWithBsn(CommandContext& context, std::string_view bsn) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, context.core.options.vault->PersonWithBsn(bsn));
  SLUIS_ASSIGN_OR_RETURN(const auto doomed,
                         context.transaction.Get(Table::kJob, DestroyKeyOf(person)));
  // What was written now would be lost with the key. A moment later the number is somebody new.
  if (doomed) return Unavailable("OVERLOADED", "not at this moment; try again");
  return person;
}

void AddRetentionJobs(std::vector<Job>& jobs) {
  Job nightly;
  nightly.name = kRetentionJob;
  nightly.interval = kNightly;
  nightly.hours = Job::Hours::kQuiet;
  nightly.run = [](Core& core, const JobMoment& moment) {
    return Retention(core).Run("", moment.go_on).status();
  };
  jobs.push_back(std::move(nightly));
  // What a process that died, or another reader, left of a destruction.
  Job rest;
  rest.name = "unfinished_destruction";
  rest.interval = kOften;
  rest.run = [](Core& core, const JobMoment& moment) -> absl::Status {
    SLUIS_ASSIGN_OR_RETURN(const Rest left, Unfinished(core));
    if (left.empty()) return absl::OkStatus();
    const std::string nobody;
    Run run(core, nobody, moment.go_on);
    return run.End(run.CompleteRest()).status();
  };
  jobs.push_back(std::move(rest));
  // Fails while the last day of an erasure nears: so it shows where operators look for failures.
  Job erasures;
  erasures.name = "erasure_deadline";
  erasures.interval = kHourly;
  erasures.run = [](Core& core, const JobMoment& moment) {
    return CheckErasures(core, moment.today);
  };
  jobs.push_back(std::move(erasures));
}

}  // namespace sluis::broker
