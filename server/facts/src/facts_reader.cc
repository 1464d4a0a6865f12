#include "sluis/facts/facts_reader.h"

#include <algorithm>
#include <limits>
#include <list>
#include <tuple>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

#include "sluis/base/bsn.h"
#include "sluis/base/bytes.h"
#include "sluis/base/check.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/policy/v1/facts.pb.h"

namespace sluis::facts {
namespace {

using policy::Policy;

// Least recently used entries give way. Not thread-safe.
template <typename Key, typename Value>
class Lru {
 public:
  explicit Lru(size_t capacity) : capacity_(capacity) {}
  const Value* Find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return &found->second->second;
  }
  void Put(const Key& key, Value value) {
    const auto found = index_.find(key);
    if (found != index_.end()) {
      found->second->second = std::move(value);
      order_.splice(order_.begin(), order_, found->second);
      return;
    }
    order_.emplace_front(key, std::move(value));
    index_[key] = order_.begin();
    if (order_.size() > capacity_) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
  }

 private:
  const size_t capacity_;
  std::list<std::pair<Key, Value>> order_;
  absl::flat_hash_map<Key, typename std::list<std::pair<Key, Value>>::iterator> index_;
};

constexpr char kSinceEver[] = "0001-01-01T00:00:00Z";

std::string CasusKey(const Uuid& casus) { return state::Subject::Casus(casus).key(); }
std::string PersonKey(const Uuid& person) { return state::Subject::Person(person).key(); }
std::string PartijKey(std::string_view partij) { return state::Subject::Partij(partij).key(); }

// Facts of the convenant's fact kinds, back in the lists that the policy reads.
void AddFact(const policy::v1::Fact& fact, policy::v1::Facts& facts) {
  using Kind = policy::v1::Fact;
  switch (fact.fact_case()) {
    case Kind::kBesluit:
      *facts.add_besluiten() = fact.besluit();
      break;
    case Kind::kOts:
      *facts.add_ots() = fact.ots();
      break;
    case Kind::kMaatregel:
      *facts.add_measures() = fact.maatregel();
      break;
    case Kind::kMandate:
      *facts.add_mandates() = fact.mandate();
      break;
    case Kind::kObjection:
      *facts.add_objections() = fact.objection();
      break;
    case Kind::kSourceCondition:
      *facts.add_source_conditions() = fact.source_condition();
      break;
    case Kind::kAttestation:
      *facts.add_attestations() = fact.attestation();
      break;
    case Kind::kReport:
      *facts.add_reports() = fact.report();
      break;
    case Kind::kInformed:
      *facts.add_informed() = fact.informed();
      break;
    case Kind::kRightsException:
      *facts.add_rights_exceptions() = fact.rights_exception();
      break;
    case Kind::kMelderConsent:
      *facts.add_melder_consents() = fact.melder_consent();
      break;
    case Kind::kDetention:
      *facts.add_detention() = fact.detention();
      break;
    case Kind::kFlag18B:
      *facts.mutable_casus()->add_flags_18b() = fact.flag_18b();
      break;
    case Kind::kHit:
      *facts.mutable_casus()->add_hits() = fact.hit();
      break;
    case Kind::kTreatment:
      *facts.mutable_casus()->add_treatment() = fact.treatment();
      break;
    case Kind::kPerpetratorSide:
      facts.mutable_casus()->add_perpetrator_side(fact.perpetrator_side().tafel());
      break;
    case Kind::kTimebox:
      // The one recorded last counts; records come in that order.
      *facts.mutable_casus()->mutable_timebox() = fact.timebox();
      break;
    case Kind::kRadicalisation:
      // It stands until every record of it is withdrawn.
      facts.mutable_casus()->set_radicalisation(true);
      break;
    case Kind::kDecision:
      *facts.add_decisions() = fact.decision();
      break;
    case Kind::FACT_NOT_SET:
      break;
  }
}

const absl::TimeZone& Zone() {
  static const absl::TimeZone zone = [] {
    absl::TimeZone loaded;
    // Without the zone no date is right, and every decision rests on one.
    SLUIS_CHECK(absl::LoadTimeZone("Europe/Amsterdam", &loaded));
    return loaded;
  }();
  return zone;
}

}  // namespace

CivilDate LocalDate(absl::Time time) { return CivilDate::From(absl::ToCivilDay(time, Zone())); }

std::string QualifiedId(std::string_view partij, std::string_view professional) {
  // No id of a partij holds a slash.
  return std::string(partij).append("/").append(professional);
}

int LocalHour(absl::Time time) { return absl::ToCivilHour(time, Zone()).hour(); }

// A casus and what concerns one person in it, or the casus itself.
struct View::SubjectPart {
  std::shared_ptr<const Policy> policy;
  CivilDate today;
  std::string casus_key;
  uint64_t casus_version = 0;
  std::string person_key;  // empty at a tafel without persons
  uint64_t person_version = 0;
  bool casus_known = false;
  bool in_casus = false;
  // A decision needs two approvers: whether they are on record is not part of the versions above.
  bool has_approvers = false;
  policy::CasusFacts casus;
  policy::SubjectFacts subject;
  std::vector<DepositedValue> values;
};

struct View::PartijPart {
  std::shared_ptr<const Policy> policy;
  CivilDate today;
  std::string key;
  uint64_t version = 0;
  std::vector<policy::BesluitFact> wpg20;
  policy::v1::Facts professionals;
};

const DepositedValue* View::ValueOf(policy::Side source, policy::FieldId field) const {
  if (subject_ == nullptr) return nullptr;
  for (const DepositedValue& value : subject_->values) {
    if (value.source == source && value.field == field) return &value;
  }
  return nullptr;
}

struct FactsReader::Cache {
  // Casus, whether it is about a person, and who. A person who is not known is nil, and something
  // else than the casus itself.
  using SubjectKey = std::tuple<Uuid, bool, Uuid>;
  static SubjectKey KeyOf(const Query& query) {
    return {query.casus, query.with_person, query.with_person ? query.person : Uuid()};
  }
  Mutex mutex;
  Lru<SubjectKey, std::shared_ptr<const View::SubjectPart>> subjects ABSL_GUARDED_BY(mutex){20000};
  Lru<std::string, std::shared_ptr<const View::PartijPart>> partijen ABSL_GUARDED_BY(mutex){5000};
  Lru<std::pair<std::string, Uuid>, Uuid> persons ABSL_GUARDED_BY(mutex){50000};
};

FactsReader::FactsReader(vault::Vault& vault) : vault_(vault), cache_(std::make_unique<Cache>()) {}
FactsReader::~FactsReader() = default;

View FactsReader::Compose(const Policy& policy, const Query& query, absl::Time now, CivilDate today,
                          std::shared_ptr<const View::SubjectPart> subject,
                          std::shared_ptr<const View::PartijPart> source,
                          std::shared_ptr<const View::PartijPart> acting) {
  View view;
  view.facts_.today = today;
  view.facts_.now = now;
  if (subject->casus_known) view.facts_.casus = &subject->casus;
  if (subject->in_casus) view.facts_.subject = &subject->subject;
  view.facts_.wpg20 = &source->wpg20;
  view.facts_.professional = policy::InternProfessional(policy, acting->professionals,
                                                        query.acting_partij, query.professional);
  const auto add = [&view](std::string_view key, uint64_t version) {
    view.versions_[view.count_++] = {key, version};
  };
  add(subject->casus_key, subject->casus_version);
  if (query.with_person) add(subject->person_key, subject->person_version);
  add(source->key, source->version);
  if (acting != source) add(acting->key, acting->version);
  view.value_owner_ = query.with_person ? query.person : query.casus;
  view.subject_ = std::move(subject);
  view.source_ = std::move(source);
  view.acting_ = std::move(acting);
  return view;
}

std::optional<View> FactsReader::Peek(const std::shared_ptr<const Policy>& policy,
                                      const Query& query, absl::Time now, CivilDate today) {
  std::shared_ptr<const View::SubjectPart> subject;
  std::shared_ptr<const View::PartijPart> source;
  std::shared_ptr<const View::PartijPart> acting;
  {
    const MutexLock lock(cache_->mutex);
    if (const auto* found = cache_->subjects.Find(Cache::KeyOf(query))) subject = *found;
    if (const auto* found = cache_->partijen.Find(query.source_partij)) source = *found;
    if (const auto* found = cache_->partijen.Find(query.acting_partij)) acting = *found;
  }
  const auto usable = [&](const auto& part) {
    return part != nullptr && part->policy == policy && part->today == today;
  };
  if (!usable(subject) || !usable(source) || !usable(acting) || subject->has_approvers)
    return std::nullopt;
  return Compose(*policy, query, now, today, std::move(subject), std::move(source),
                 std::move(acting));
}

absl::StatusOr<View> FactsReader::Load(store::Reader& reader,
                                       const std::shared_ptr<const Policy>& policy,
                                       const Query& query, absl::Time now, CivilDate today) {
  state::StateReader state(reader, vault_);
  SLUIS_ASSIGN_OR_RETURN(auto subject, LoadSubject(state, policy, query, today));
  SLUIS_ASSIGN_OR_RETURN(auto source, LoadPartij(state, policy, query.source_partij, today));
  SLUIS_ASSIGN_OR_RETURN(auto acting, LoadPartij(state, policy, query.acting_partij, today));
  return Compose(*policy, query, now, today, std::move(subject), std::move(source),
                 std::move(acting));
}

absl::StatusOr<bool> FactsReader::IsCurrent(store::Reader& reader, const View& view) {
  for (const auto& [key, version] : view.versions()) {
    SLUIS_ASSIGN_OR_RETURN(const auto stored, reader.Get(store::Table::kVersion, key));
    if ((stored ? ReadU64(*stored) : 0) != version) return false;
  }
  return true;
}

std::optional<Uuid> FactsReader::PeekPerson(std::string_view partij, const Uuid& handle) {
  const MutexLock lock(cache_->mutex);
  const auto* found = cache_->persons.Find({std::string(partij), handle});
  if (found == nullptr) return std::nullopt;
  return *found;
}

absl::StatusOr<std::optional<Uuid>> FactsReader::LoadPerson(store::Reader& reader,
                                                            std::string_view partij,
                                                            const Uuid& handle) {
  return state::StateReader(reader, vault_).PersonOf(partij, handle);
}

void FactsReader::Keep(const Query& query, const Uuid& handle, const View& view) {
  const MutexLock lock(cache_->mutex);
  // What somebody else read later stays.
  const auto* subject = cache_->subjects.Find(Cache::KeyOf(query));
  if (subject == nullptr || (*subject)->policy != view.subject_->policy ||
      ((*subject)->casus_version <= view.subject_->casus_version &&
       (*subject)->person_version <= view.subject_->person_version)) {
    cache_->subjects.Put(Cache::KeyOf(query), view.subject_);
  }
  for (const auto& [partij, part] : {std::pair(&query.source_partij, &view.source_),
                                     std::pair(&query.acting_partij, &view.acting_)}) {
    const auto* found = cache_->partijen.Find(*partij);
    if (found == nullptr || (*found)->policy != (*part)->policy ||
        (*found)->version <= (*part)->version)
      cache_->partijen.Put(*partij, *part);
  }
  // An id that was never given is not remembered: it may be given later.
  if (query.with_person && !query.person.is_nil())
    cache_->persons.Put({query.acting_partij, handle}, query.person);
}

absl::StatusOr<std::shared_ptr<const View::SubjectPart>> FactsReader::LoadSubject(
    state::StateReader& state, const std::shared_ptr<const Policy>& policy, const Query& query,
    CivilDate today) {
  // A key that was destroyed takes its owner out of the world, without a version that moves.
  SLUIS_ASSIGN_OR_RETURN(const bool casus_readable, vault_.HasKey(query.casus));
  bool person_readable = false;
  if (query.with_person && !query.person.is_nil()) {
    SLUIS_ASSIGN_OR_RETURN(person_readable, vault_.HasKey(query.person));
  }
  std::string casus_key = CasusKey(query.casus);
  SLUIS_ASSIGN_OR_RETURN(const uint64_t casus_version, state.Version(casus_key));
  std::string person_key;
  uint64_t person_version = 0;
  if (query.with_person) {
    person_key = PersonKey(query.person);
    SLUIS_ASSIGN_OR_RETURN(person_version, state.Version(person_key));
  }
  if (casus_readable && (person_readable || !query.with_person)) {
    const MutexLock lock(cache_->mutex);
    const auto* found = cache_->subjects.Find(Cache::KeyOf(query));
    if (found != nullptr && (*found)->policy == policy && (*found)->today == today &&
        !(*found)->has_approvers && (*found)->casus_version == casus_version &&
        (*found)->person_version == person_version) {
      return *found;
    }
  }
  auto part = std::make_shared<View::SubjectPart>();
  part->policy = policy;
  part->today = today;
  part->casus_key = std::move(casus_key);
  part->casus_version = casus_version;
  part->person_key = std::move(person_key);
  part->person_version = person_version;
  std::optional<store::v1::Casus> casus;
  if (casus_readable) {
    SLUIS_ASSIGN_OR_RETURN(casus, state.Casus(query.casus));
  }
  if (casus) {
    policy::v1::Facts facts;
    *facts.mutable_casus() = casus->facts();
    const std::string casus_id = query.casus.ToString();
    SLUIS_ASSIGN_OR_RETURN(const auto casus_records,
                           state.Records(state::Subject::Casus(query.casus)));
    for (const auto& stored : casus_records) AddFact(stored.record.fact(), facts);
    const policy::v1::CasusPerson* who = nullptr;
    if (query.with_person) {
      const std::string person_id = query.person.ToString();
      for (auto& person : *facts.mutable_casus()->mutable_persons()) {
        if (person_readable && person.id() == person_id) who = &person;
      }
      if (who != nullptr) {
        SLUIS_ASSIGN_OR_RETURN(const auto identity, state.Person(query.person));
        SLUIS_ASSIGN_OR_RETURN(const auto records,
                               state.Records(state::Subject::Person(query.person)));
        for (auto& person : *facts.mutable_casus()->mutable_persons()) {
          if (person.id() != person_id || !identity) continue;
          person.set_birth_date(identity->geboortedatum());
          person.set_bsn_valid(IsWellFormedBsn(identity->bsn()));
          person.set_bsn_verified(identity->bsn_verified());
          person.set_wilsonbekwaam(identity->wilsonbekwaam());
          person.set_address_protected(identity->address_protected());
        }
        for (const auto& stored : records) {
          const auto& record = stored.record;
          // Some facts count in the casus they were recorded in only.
          if (!record.casus_id().empty() && record.casus_id() != casus_id) continue;
          if (record.has_consent() && !record.needs_confirmation()) {
            policy::v1::Consent& consent = *facts.add_consents();
            consent = record.consent();
            // A withdrawal that was acknowledged counts, whatever the clock says now: it may have
            // been set back since.
            if (!consent.withdrawn_at().empty()) consent.set_withdrawn_at(kSinceEver);
          }
          AddFact(record.fact(), facts);
        }
      }
    }
    const auto subject = query.with_person ? state::Subject::Person(query.person)
                                           : state::Subject::Casus(query.casus);
    if (!query.with_person || who != nullptr) {
      SLUIS_ASSIGN_OR_RETURN(const auto deposits, state.Deposits(subject));
      for (const auto& stored : deposits) {
        const auto& holding = stored.deposit.holding();
        *facts.add_holdings() = holding;
        for (const auto& condition : stored.deposit.conditions())
          *facts.add_source_conditions() = condition;
        const auto partij = policy->FindPartij(holding.source().partij());
        const auto hat = policy->FindHat(holding.source().hat());
        const auto field = policy->FindField(holding.field());
        if (partij && hat && field) {
          std::shared_ptr<const v1::ValueContent> announced;
          if (stored.deposit.has_announced())
            announced = std::make_shared<v1::ValueContent>(stored.deposit.announced());
          part->values.push_back({stored.id,
                                  {*partij, *hat},
                                  *field,
                                  stored.deposit.commitment(),
                                  stored.deposit.sealed_value(),
                                  std::move(announced),
                                  holding.min_cell()});
        }
      }
    }
    part->has_approvers =
        std::any_of(facts.decisions().begin(), facts.decisions().end(), [](const auto& decision) {
          return decision.kind() == policy::v1::ProfessionalDecision::VIER_OGEN;
        });
    if (part->has_approvers) {
      for (const std::string& partij : {query.acting_partij, query.source_partij}) {
        SLUIS_ASSIGN_OR_RETURN(
            const auto professionals,
            state.Professionals(partij, {}, std::numeric_limits<int32_t>::max()));
        for (const auto& professional : professionals) {
          policy::v1::Professional& added = *facts.add_professionals();
          added = professional;
          // As approvers are named.
          added.set_id(QualifiedId(professional.partij(), professional.id()));
        }
        if (query.acting_partij == query.source_partij) break;
      }
    }
    part->casus_known = casus->facts().status() != policy::v1::CasusFacts::STATUS_UNSPECIFIED;
    part->in_casus = part->casus_known && (!query.with_person || who != nullptr);
    part->casus = policy::InternCasus(*policy, facts.casus(), today);
    if (part->in_casus) part->subject = policy::InternSubject(*policy, facts, who, today);
  }
  return part;
}

absl::StatusOr<std::shared_ptr<const View::PartijPart>> FactsReader::LoadPartij(
    state::StateReader& state, const std::shared_ptr<const Policy>& policy, std::string_view partij,
    CivilDate today) {
  std::string key = PartijKey(partij);
  SLUIS_ASSIGN_OR_RETURN(const uint64_t version, state.Version(key));
  {
    const MutexLock lock(cache_->mutex);
    const auto* found = cache_->partijen.Find(std::string(partij));
    if (found != nullptr && (*found)->policy == policy && (*found)->today == today &&
        (*found)->version == version) {
      return *found;
    }
  }
  auto part = std::make_shared<View::PartijPart>();
  part->policy = policy;
  part->today = today;
  part->key = std::move(key);
  part->version = version;
  SLUIS_ASSIGN_OR_RETURN(const auto records, state.Records(state::Subject::Partij(partij)));
  policy::v1::Facts facts;
  for (const auto& stored : records) AddFact(stored.record.fact(), facts);
  part->wpg20 = policy::InternWpg20(*policy, facts, today);
  SLUIS_ASSIGN_OR_RETURN(const auto professionals,
                         state.Professionals(partij, {}, std::numeric_limits<int32_t>::max()));
  for (const auto& professional : professionals)
    *part->professionals.add_professionals() = professional;
  return part;
}

}  // namespace sluis::facts
