#include <algorithm>
#include <set>

#include "absl/strings/str_split.h"
#include "content.h"
#include "core.h"
#include "deposit.h"
#include "names.h"
#include "notify.h"
#include "persons.h"

#include "sluis/crypto/crypto.h"
#include "sluis/intake/value_form.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/state/signals.h"
#include "sluis/v1/signal.pb.h"

// Messages that a source sends on its own motion. Which fields a message may hold is what the
// convenant grants from its sender to its receiver; nothing here names a kind of signal.
namespace sluis::broker {
namespace {

using policy::v1::Condition;
using store::v1::Casus;
using store::v1::Signal;

constexpr size_t kMaxName = 200;
constexpr int kMaxFields = 40;
constexpr int kSteps = 4;

absl::Status Rejected(std::string_view path, std::string_view text) {
  return WithMetadata(FailedPrecondition("SIGNAL_REJECTED", text), kFieldKey, path);
}

std::string PathOf(int field, std::string_view rest) {
  return absl::StrCat("fields[", field, "]", ToAbsl(rest));
}

// ---- The closed set ----

// What may be in a signal, by the grants that would give it to the receiver.
struct ClosedSet {
  std::set<std::string> fields;
  bool granted = false;   // some grant has these sides, tafel, phase and purpose
  bool attested = false;  // the four steps are asked
  bool reports = false;   // it is a report about the person
};

template <typename Conditions>
void AddNeeds(const Conditions& conditions, ClosedSet& set) {
  for (const int condition : conditions) {
    if (condition == Condition::SIGNAAL_VOORWAARDEN) set.attested = true;
    if (condition == Condition::ZORG_NODIG_ZONDER_HULPVRAAG ||
        condition == Condition::OPEN_MELDING) {
      set.reports = true;
    }
  }
}

bool Fits(const policy::v1::StatuteRow& row, policy::v1::Regime::Id regime, const std::string& from,
          const std::string& to, const std::string& purpose) {
  return std::find(row.regimes().begin(), row.regimes().end(), regime) != row.regimes().end() &&
         ListsHat(row.source_hats(), from) && ListsHat(row.recipient_hats(), to) &&
         ListsHat(row.purposes(), purpose);
}

ClosedSet SetFor(const CommandContext& context, const v1::SendSignalRequest& request,
                 policy::TafelId tafel, const std::string& phase) {
  const policy::v1::Convenant& convenant = context.policy.convenant();
  const policy::v1::Statute& statute = context.policy.statute();
  ClosedSet set;
  for (const policy::v1::Grant& grant : convenant.grants()) {
    if (!ListsHat(grant.tafels(), request.tafel()) || !ListsHat(grant.phases(), phase) ||
        !ListsHat(grant.purposes(), request.purpose()) ||
        !ListsHat(grant.source_hats(), context.hat) ||
        !ListsHat(grant.recipient_hats(), request.receiver().hat())) {
      continue;
    }
    set.granted = true;
    for (const std::string& name : grant.grondslagen()) {
      const auto row = context.policy.FindRow(name);
      if (!row || !context.policy.RowInForce(*row, context.moment.today)) continue;
      const policy::v1::StatuteRow& article = statute.rows(row->index());
      if (!Fits(article, convenant.tafels(tafel.index()).regime(), context.hat,
                request.receiver().hat(), request.purpose())) {
        continue;
      }
      set.fields.insert(grant.fields().begin(), grant.fields().end());
      AddNeeds(grant.conditions(), set);
      AddNeeds(article.conditions(), set);
    }
  }
  return set;
}

// An "enum" may say in its type which codes there are.
bool IsCodeOf(const policy::v1::Field& field, const v1::Value& value) {
  const std::string& type = field.type();
  if (type.rfind("enum ", 0) != 0 || type.find('/') == std::string::npos) return true;
  for (const absl::string_view code : absl::StrSplit(type.substr(5), '/')) {
    if (FromAbsl(code) == value.token()) return true;
  }
  return false;
}

absl::Status CheckAgainstSet(CommandContext& context, const v1::SendSignalRequest& request,
                             const ClosedSet& set) {
  for (int i = 0; i < request.fields_size(); ++i) {
    if (set.fields.count(request.fields(i).field()) == 0)
      return Rejected(PathOf(i, ".field"), "not in the closed set of this signal");
  }
  if (set.attested) {
    if (request.preconditions_size() != kSteps)
      return Rejected("preconditions", "the four steps are attested");
    for (int i = 0; i < kSteps; ++i) {
      if (!request.preconditions(i))
        return Rejected(absl::StrCat("preconditions[", i, "]"), "this step was not made");
    }
    if (request.attestation_date().empty())
      return Rejected("attestation_date", "the attestation has a day");
  } else if (request.preconditions_size() > 0 || !request.attestation_date().empty()) {
    return Malformed("preconditions", "this signal is not attested");
  }
  const policy::v1::Convenant& convenant = context.policy.convenant();
  for (int i = 0; i < request.fields_size(); ++i) {
    const v1::SignalField& given = request.fields(i);
    const auto field = context.policy.FindField(given.field());
    const FieldRules rules{context.policy, *context.policy.FindHat(context.hat), *field, 0};
    if (!context.policy.Owns(rules.hat, *field))
      return NotAuthorised("the hat does not own this field");
    SLUIS_RETURN_IF_ERROR(
        CheckFieldValue(rules, PathOf(i, ".content.value"), given.content().value()));
    SLUIS_RETURN_IF_ERROR(
        CheckCompanions(rules, PathOf(i, ".content."), given.content(), context.moment.today));
    const policy::v1::Field& form = convenant.fields(field->index());
    if (!IsCodeOf(form, given.content().value()))
      return Rejected(PathOf(i, ".content.value"), "not a code of this field");
    // A message does not say one thing in its attestation and another in a field.
    if (set.attested && form.type() == "bool[4]") {
      const auto& steps = given.content().value().list().values();
      for (int step = 0; step < steps.size(); ++step) {
        if (!steps[step].boolean()) {
          return Rejected(PathOf(i, absl::StrCat(".content.value.list.values[", step, "]")),
                          "this step was not made");
        }
      }
    }
  }
  return absl::OkStatus();
}

// Whom the message is about, by what it says itself.
absl::StatusOr<store::v1::Person> PersonIn(const v1::SendSignalRequest& request,
                                           const ClosedSet& set) {
  store::v1::Person person;
  std::set<std::string> present;
  for (const v1::SignalField& given : request.fields()) {
    const v1::Value& value = given.content().value();
    present.insert(given.field());
    if (given.field() == "voornamen") person.set_voornamen(value.text());
    if (given.field() == "geslachtsnaam") person.set_geslachtsnaam(value.text());
    if (given.field() == "geboortedatum") person.set_geboortedatum(value.date());
    if (given.field() == "adres_brp") {
      person.set_postcode(intake::TextMember(value, "postcode"));
      person.set_huisnummer(intake::TextMember(value, "huisnummer"));
    }
  }
  person.set_bsn(request.bsn());
  person.set_bsn_verified(request.bsn_verified());
  if (!request.bsn().empty() || request.urgent()) return person;
  for (const char* needed : {"voornamen", "geslachtsnaam", "geboortedatum", "adres_brp"}) {
    if (set.fields.count(needed) != 0 && present.count(needed) == 0)
      return WithMetadata(Malformed("fields", "an identifying field is missing"), "missing",
                          needed);
  }
  return person;
}

// ---- SendSignal ----

absl::Status CheckSend(const v1::SendSignalRequest& request) {
  if (request.tafel().empty()) return Malformed("tafel", "missing");
  if (request.purpose().empty()) return Malformed("purpose", "missing");
  if (request.receiver().partij().empty()) return Malformed("receiver.partij", "missing");
  if (request.receiver().hat().empty()) return Malformed("receiver.hat", "missing");
  if (request.fields().empty()) return Malformed("fields", "missing");
  if (request.fields_size() > kMaxFields) return Malformed("fields", "more than 40");
  std::set<std::string> seen;
  for (int i = 0; i < request.fields_size(); ++i) {
    const v1::SignalField& field = request.fields(i);
    if (field.field().empty()) return Malformed(PathOf(i, ".field"), "missing");
    if (!seen.insert(field.field()).second) return Malformed(PathOf(i, ".field"), "given twice");
    if (!field.content().has_value()) return Malformed(PathOf(i, ".content.value"), "missing");
    SLUIS_RETURN_IF_ERROR(CheckCompanions(PathOf(i, ".content."), field.content()));
  }
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("first_processed", request.first_processed()).status());
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("deposit_end", request.deposit_end()).status());
  SLUIS_RETURN_IF_ERROR(intake::CheckOptionalDay("attestation_date", request.attestation_date()));
  return intake::CheckText("reference", request.reference(), kMaxName);
}

absl::StatusOr<policy::TafelId> CheckChannel(const CommandContext& context,
                                             const v1::SendSignalRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckTafel(context.policy, "tafel", request.tafel()));
  SLUIS_RETURN_IF_ERROR(CheckPurpose(context.policy, "purpose", request.purpose()));
  SLUIS_RETURN_IF_ERROR(CheckSide(context.policy, "receiver", request.receiver()));
  for (int i = 0; i < request.fields_size(); ++i) {
    SLUIS_RETURN_IF_ERROR(
        CheckField(context.policy, PathOf(i, ".field"), request.fields(i).field()));
  }
  const auto tafel = *context.policy.FindTafel(request.tafel());
  const policy::v1::Tafel& channel = context.policy.convenant().tafels(tafel.index());
  const auto seated = [&](const std::string& hat) {
    return context.policy.SeatAt(tafel, *context.policy.FindHat(hat)) ==
           policy::Policy::Seat::kMember;
  };
  if (channel.soort() != policy::v1::TafelSoort::WETTELIJK_KANAAL || !channel.person_data() ||
      !seated(context.hat) || !seated(request.receiver().hat())) {
    return FailedPrecondition("WRONG_TABLE", "no channel between these hats");
  }
  return tafel;
}

// The casus of the last signal about the person there, when it is still open and the set holds in
// its phase.
absl::StatusOr<std::optional<std::pair<Uuid, Casus>>> OpenCasusOf(
    CommandContext& context, const v1::SendSignalRequest& request, policy::TafelId tafel,
    const Uuid& person) {
  SLUIS_ASSIGN_OR_RETURN(
      const auto last,
      state::LastSignalledCasus(context.transaction, person, request.tafel(), request.receiver()));
  if (!last) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(auto casus, UnlessDestroyed(context.state.Casus(*last)));
  if (!casus || casus->facts().status() != policy::v1::CasusFacts::OPEN ||
      !HasPerson(*casus, person)) {
    return std::nullopt;
  }
  const ClosedSet set = SetFor(context, request, tafel, casus->facts().phase());
  for (const v1::SignalField& field : request.fields()) {
    if (set.fields.count(field.field()) == 0) return std::nullopt;
  }
  return std::make_pair(*last, *std::move(casus));
}

absl::StatusOr<Uuid> KeepRecord(CommandContext& context, const Uuid& person, const Uuid& casus,
                                const std::string& reference, policy::v1::Fact fact) {
  store::v1::FactRecord record;
  *record.mutable_fact() = std::move(fact);
  *record.mutable_recorded_by() = context.self();
  record.set_professional(context.professional);
  record.set_casus_id(casus.ToString());
  record.set_reference(reference);
  record.set_entry(context.moment.index);
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(context.state.PutRecord(state::Subject::Person(person), id, record));
  return id;
}

// The caller's own id of the person, and the receiver's.
absl::StatusOr<std::string> MakeHandles(CommandContext& context, const Uuid& person,
                                        const std::string& receiver) {
  SLUIS_RETURN_IF_ERROR(context.state.MakeHandle(person, context.partij).status());
  SLUIS_ASSIGN_OR_RETURN(const Uuid handle, context.state.MakeHandle(person, receiver));
  return handle.ToString();
}

absl::StatusOr<v1::SendSignalAnswer> Send(CommandContext& context,
                                          const v1::SendSignalRequest& request) {
  log::v1::Change& change = *context.record.mutable_change();
  if (context.policy.FindTafel(request.tafel())) change.set_tafel(request.tafel());
  if (context.policy.FindPartij(request.receiver().partij()))
    change.set_partij(request.receiver().partij());
  if (context.policy.FindHat(request.receiver().hat())) change.set_hat(request.receiver().hat());
  if (!IsCompetent(context.policy, "signal", context.hat))
    return NotAuthorised("this hat sends no signals");
  SLUIS_ASSIGN_OR_RETURN(const auto tafel, CheckChannel(context, request));
  const policy::v1::Convenant& convenant = context.policy.convenant();
  const std::string& first_phase = convenant.phases(0).id();
  const ClosedSet set = SetFor(context, request, tafel, first_phase);
  if (!set.granted) return FailedPrecondition("NO_GRANT", "no signal between these hats for this");
  if (set.fields.empty())
    return FailedPrecondition("NO_BASIS", "no article for this signal is in force");
  SLUIS_RETURN_IF_ERROR(CheckAgainstSet(context, request, set));
  const CivilDate today = context.moment.today;
  if (today < *CivilDate::Parse(request.first_processed()))
    return Malformed("first_processed", "in the future");
  if (*CivilDate::Parse(request.deposit_end()) < today)
    return Malformed("deposit_end", "in the past");
  if (!request.attestation_date().empty() &&
      today < *CivilDate::Parse(request.attestation_date())) {
    return Malformed("attestation_date", "in the future");
  }
  const auto receiver = *context.policy.FindPartij(request.receiver().partij());
  const std::string& municipality = convenant.parties(receiver.index()).municipality();
  if (municipality.empty())
    return FailedPrecondition("WRONG_TABLE", "the receiver is of no gemeente");
  // Nothing of a message is kept unless all of it is.
  SLUIS_ASSIGN_OR_RETURN(const store::v1::Person told, PersonIn(request, set));
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, KeepPerson(context, told));
  SLUIS_RETURN_IF_ERROR(SetPseudonym(context, person));
  SLUIS_ASSIGN_OR_RETURN(auto place, OpenCasusOf(context, request, tafel, person));
  if (!place) {
    SLUIS_ASSIGN_OR_RETURN(place,
                           OpenCasusAbout(context, {request.receiver(), first_phase, municipality,
                                                    request.first_processed(), person}));
  }
  const Uuid casus_id = place->first;
  SetCasus(context, casus_id);
  SLUIS_ASSIGN_OR_RETURN(const std::string receivers_person,
                         MakeHandles(context, person, request.receiver().partij()));

  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  Signal signal;
  signal.set_tafel(request.tafel());
  signal.set_purpose(request.purpose());
  *signal.mutable_sender() = context.self();
  *signal.mutable_receiver() = request.receiver();
  signal.set_casus_id(casus_id.ToString());
  signal.set_person(person.ToString());
  signal.set_reference(request.reference());
  signal.set_received_at(absl::ToUnixMicros(context.moment.now));
  v1::SendSignalAnswer answer;
  answer.set_signal_id(id.ToString());
  for (const v1::SignalField& given : request.fields()) {
    policy::v1::Holding holding;
    holding.set_person(person.ToString());
    holding.set_field(given.field());
    holding.set_first_processed(request.first_processed());
    holding.set_deposit_end(request.deposit_end());
    holding.set_third_person(given.third_person());
    SLUIS_ASSIGN_OR_RETURN(const Uuid deposit, KeepValue(context, state::Subject::Person(person),
                                                         holding, given.content()));
    v1::SignalDeposit& kept = *answer.add_deposits();
    kept.set_field(given.field());
    kept.set_deposit_id(deposit.ToString());
    signal.add_fields(given.field());
    change.add_fields(given.field());
  }
  if (set.attested) {
    policy::v1::Fact fact;
    auto& attestation = *fact.mutable_attestation();
    attestation.set_person(person.ToString());
    attestation.set_source_party(context.partij);
    attestation.set_date(request.attestation_date());
    *attestation.mutable_preconditions() = request.preconditions();
    SLUIS_RETURN_IF_ERROR(
        KeepRecord(context, person, casus_id, request.reference(), std::move(fact)).status());
  }
  if (set.reports) {
    policy::v1::Fact fact;
    auto& report = *fact.mutable_report();
    report.set_person(person.ToString());
    report.set_kind(policy::v1::Report::ZORG_ZONDER_HULPVRAAG);
    report.set_status(policy::v1::Report::OPEN);
    report.set_date(today.ToString());
    SLUIS_ASSIGN_OR_RETURN(const Uuid report_id, KeepRecord(context, person, casus_id,
                                                            request.reference(), std::move(fact)));
    signal.set_report_id(report_id.ToString());
  }
  SLUIS_RETURN_IF_ERROR(
      state::PutSignal(context.transaction, *context.core.options.vault, id, signal));
  change.set_subject_kind("signal");
  change.set_subject_id(std::string(id.bytes()));

  Notice notice = NoticeOf(NoticeType::SIGNAL_RECEIVED, casus_id);
  notice.set_subject_id(id.ToString());
  notice.set_person_id(receivers_person);
  notice.set_hat(request.receiver().hat());
  *notice.mutable_other() = context.self();
  notice.set_tafel(request.tafel());
  SLUIS_RETURN_IF_ERROR(Notify(context, request.receiver().partij(), std::move(notice)));
  return answer;
}

// ---- AnswerSignal ----

absl::Status Unknown() { return NotFound("SIGNAL_UNKNOWN", "no such signal of the caller"); }

bool IsSide(const policy::v1::PartijHat& side, const std::string& partij, const std::string& hat) {
  return side.partij() == partij && side.hat() == hat;
}

absl::Status CheckAnswer(const v1::AnswerSignalRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("signal_id", request.signal_id()).status());
  return request.outcome() == v1::SIGNAL_OUTCOME_UNSPECIFIED ? Malformed("outcome", "missing")
                                                             : absl::OkStatus();
}

// Whether the casus is only the envelope of its signals: the receiver may close it as its opener,
// and none of them is open.
absl::StatusOr<bool> EndsWith(CommandContext& context, const Uuid& casus_id, const Casus& casus,
                              const policy::v1::PartijHat& receiver) {
  const auto& closing = context.policy.convenant().closing();
  // Who already works in it closes it otherwise.
  const bool in_use = !casus.facts().tafels().empty() || casus.facts().has_wams_track() ||
                      !casus.facts().participants().empty() || !casus.facts().guests().empty() ||
                      !casus.introductions().empty();
  const bool envelope =
      !in_use && IsSide(casus.opener(), receiver.partij(), receiver.hat()) &&
      std::any_of(closing.begin(), closing.end(), [&](const policy::v1::ClosingRule& rule) {
        return rule.regime() == policy::v1::Regime::REGIME_UNSPECIFIED &&
               ListsHat(rule.opener_in_phases(), casus.facts().phase());
      });
  if (!envelope) return false;
  SLUIS_ASSIGN_OR_RETURN(const auto signals, state::SignalsIn(context.transaction, casus_id));
  for (const Uuid& id : signals) {
    SLUIS_ASSIGN_OR_RETURN(const auto signal,
                           state::ReadSignal(context.transaction, *context.core.options.vault, id));
    if (signal && signal->answered_on().empty()) return false;
  }
  return true;
}

absl::StatusOr<v1::AnswerSignalAnswer> Answer(CommandContext& context,
                                              const v1::AnswerSignalRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("signal_id", request.signal_id()));
  vault::Vault& vault = *context.core.options.vault;
  SLUIS_ASSIGN_OR_RETURN(auto signal, state::ReadSignal(context.transaction, vault, id));
  if (!signal || !IsSide(signal->receiver(), context.partij, context.hat)) return Unknown();
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_kind(v1::SignalOutcome_Name(request.outcome()));
  change.set_subject_id(std::string(id.bytes()));
  change.set_tafel(signal->tafel());
  change.set_partij(signal->sender().partij());
  change.set_hat(signal->sender().hat());
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, Uuid::Parse(signal->casus_id()));
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(signal->person()));
  SetCasus(context, casus_id);
  SLUIS_RETURN_IF_ERROR(SetPseudonym(context, person));
  if (!signal->answered_on().empty())
    return AlreadyExists("SIGNAL_ANSWERED", "this signal was answered before");
  signal->set_outcome(request.outcome());
  signal->set_answered_on(context.moment.today.ToString());
  SLUIS_RETURN_IF_ERROR(state::PutSignal(context.transaction, vault, id, *signal));
  if (!signal->report_id().empty()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid report_id, Uuid::Parse(signal->report_id()));
    SLUIS_ASSIGN_OR_RETURN(auto report, UnlessDestroyed(context.state.Record(report_id)));
    if (report) {
      report->second.record.mutable_fact()->mutable_report()->set_status(
          policy::v1::Report::CLOSED);
      SLUIS_RETURN_IF_ERROR(
          context.state.PutRecord(report->first, report_id, report->second.record));
    }
  }
  v1::AnswerSignalAnswer answer;
  SLUIS_ASSIGN_OR_RETURN(auto casus, UnlessDestroyed(context.state.Casus(casus_id)));
  if (casus && casus->facts().status() == policy::v1::CasusFacts::OPEN) {
    SLUIS_ASSIGN_OR_RETURN(const bool ends,
                           EndsWith(context, casus_id, *casus, signal->receiver()));
    if (ends) {
      casus->mutable_facts()->set_status(policy::v1::CasusFacts::CLOSED);
      casus->set_closed_on(context.moment.today.ToString());
      SLUIS_RETURN_IF_ERROR(context.state.PutCasus(casus_id, *casus));
      answer.set_casus_closed(true);
    }
  }
  Notice notice;
  notice.set_type(NoticeType::SIGNAL_ANSWERED);
  notice.set_subject_id(id.ToString());
  notice.set_hat(signal->sender().hat());
  *notice.mutable_other() = signal->receiver();
  notice.set_tafel(signal->tafel());
  notice.set_result(v1::SignalOutcome_Name(request.outcome()));
  SLUIS_RETURN_IF_ERROR(Notify(context, signal->sender().partij(), std::move(notice)));
  return answer;
}

// ---- GetSignal, ListSignals ----

// Nothing for who is no side of it in this hat.
absl::StatusOr<std::optional<v1::SignalView>> ViewOf(Core& core, state::StateReader& state,
                                                     store::Reader& reader, const Uuid& id,
                                                     const std::string& partij,
                                                     const std::string& hat) {
  SLUIS_ASSIGN_OR_RETURN(const auto signal, state::ReadSignal(reader, *core.options.vault, id));
  if (!signal) return std::nullopt;
  const bool sent = IsSide(signal->sender(), partij, hat);
  const bool received = IsSide(signal->receiver(), partij, hat);
  if (!sent && !received) return std::nullopt;
  v1::SignalView view;
  view.set_signal_id(id.ToString());
  view.set_tafel(signal->tafel());
  view.set_purpose(signal->purpose());
  *view.mutable_sender() = signal->sender();
  *view.mutable_receiver() = signal->receiver();
  *view.mutable_fields() = signal->fields();
  view.set_received_at(absl::FormatTime(
      "%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMicros(signal->received_at()), absl::UTCTimeZone()));
  view.set_outcome(static_cast<v1::SignalOutcome>(signal->outcome()));
  view.set_answered_on(signal->answered_on());
  if (received) {
    view.set_casus_id(signal->casus_id());
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(signal->person()));
    SLUIS_ASSIGN_OR_RETURN(const auto handle, state.HandleOf(person, partij));
    if (handle) view.set_person_id(handle->ToString());
  }
  if (sent) view.set_reference(signal->reference());
  return view;
}

void GetSignal(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::GetSignalRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("signal_id", request.signal_id()));
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      state::StateReader state(*reader, *core.options.vault);
      SLUIS_RETURN_IF_ERROR(CheckReader(*core.Active().policy, state, call->partij,
                                        request.acting_hat(), request.professional(),
                                        facts::LocalDate(core.options.clock->Now())));
      SLUIS_ASSIGN_OR_RETURN(auto view,
                             ViewOf(core, state, *reader, id, call->partij, request.acting_hat()));
      if (!view) return Unknown();
      v1::GetSignalResponse response;
      *response.mutable_signal() = *std::move(view);
      return wire::Canonical(response);
    }());
  });
}

void ListSignals(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::ListSignalsRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size(), 25, 100));
      SLUIS_ASSIGN_OR_RETURN(const std::string after,
                             OpenPageToken(core, *call, request.page_token()));
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      state::StateReader state(*reader, *core.options.vault);
      SLUIS_RETURN_IF_ERROR(CheckReader(*core.Active().policy, state, call->partij,
                                        request.acting_hat(), request.professional(),
                                        facts::LocalDate(core.options.clock->Now())));
      SLUIS_ASSIGN_OR_RETURN(auto signals,
                             state::SignalsOf(*reader, call->partij, after, size + 1));
      v1::ListSignalsResponse response;
      if (signals.size() > size) {
        signals.pop_back();
        SLUIS_ASSIGN_OR_RETURN(*response.mutable_next_page_token(),
                               MakePageToken(core, *call, signals.back().first));
      }
      for (const auto& [position, id] : signals) {
        SLUIS_ASSIGN_OR_RETURN(
            auto view, ViewOf(core, state, *reader, id, call->partij, request.acting_hat()));
        if (view && !(request.open() && !view->answered_on().empty()))
          *response.add_signals() = *std::move(view);
      }
      return wire::Canonical(response);
    }());
  });
}

}  // namespace

void AddSignal(Handlers& handlers) {
  handlers["/sluis.v1.SignalService/SendSignal"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::SendSignalRequest, v1::SendSignalAnswer>(
        core, call, {EventKind::SIGNAL_RECEIVED, &CheckSend, &Send});
  };
  handlers["/sluis.v1.SignalService/AnswerSignal"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::AnswerSignalRequest, v1::AnswerSignalAnswer>(
        core, call, {EventKind::SIGNAL_ANSWERED, &CheckAnswer, &Answer});
  };
  handlers["/sluis.v1.SignalService/GetSignal"] = &GetSignal;
  handlers["/sluis.v1.SignalService/ListSignals"] = &ListSignals;
}

}  // namespace sluis::broker
