#include "sluis/policy/record.h"

#include <bit>
#include <memory>
#include <optional>
#include <string>

#include "../engine/compiled.h"
#include "absl/strings/str_cat.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/log/v1/decision.pb.h"

namespace sluis::policy {
namespace {

// ---- Outcomes and codes: the C++ order and the persisted numbers ----

v1::FieldOutcome::Id ToMessage(Outcome outcome) {
  switch (outcome) {
    case Outcome::kRelease:
      return v1::FieldOutcome::RELEASE;
    case Outcome::kRefuse:
      return v1::FieldOutcome::REFUSE;
    case Outcome::kNeedsConsent:
      return v1::FieldOutcome::NEEDS_CONSENT;
    case Outcome::kNeedsDecision:
      return v1::FieldOutcome::NEEDS_DECISION;
    case Outcome::kNcnd:
      return v1::FieldOutcome::NCND;
  }
  return v1::FieldOutcome::OUTCOME_UNSPECIFIED;
}

std::optional<Outcome> FromMessage(v1::FieldOutcome::Id outcome) {
  switch (outcome) {
    case v1::FieldOutcome::RELEASE:
      return Outcome::kRelease;
    case v1::FieldOutcome::REFUSE:
      return Outcome::kRefuse;
    case v1::FieldOutcome::NEEDS_CONSENT:
      return Outcome::kNeedsConsent;
    case v1::FieldOutcome::NEEDS_DECISION:
      return Outcome::kNeedsDecision;
    case v1::FieldOutcome::NCND:
      return Outcome::kNcnd;
    default:
      return std::nullopt;
  }
}

v1::ReasonCode::Id ToMessage(Code code) {
  return static_cast<v1::ReasonCode::Id>(static_cast<int>(code) + 1);
}

std::optional<Code> FromMessage(v1::ReasonCode::Id code) {
  if (code < 1 || code > kCodeCount) return std::nullopt;
  return static_cast<Code>(static_cast<int>(code) - 1);
}

// ---- Sets of fields: bits over the order asked ----

std::string ToBits(const Request& request, const FieldSet& set) {
  std::string bits;
  for (uint16_t i = 0; i < request.field_count; ++i) {
    if (!set.Contains(request.asked[i])) continue;
    if (bits.size() <= i / 8u) bits.resize(i / 8u + 1, '\0');
    bits[i / 8u] = static_cast<char>(static_cast<unsigned char>(bits[i / 8u]) | (1u << (i % 8u)));
  }
  return bits;
}

absl::Status Unreadable(std::string_view what) {
  return InvalidArgument("RECORD_UNREADABLE",
                         absl::StrCat("the recorded decision cannot be read: ", ToAbsl(what)));
}

absl::Status FromBits(const Request& request, const std::string& bits, FieldSet& set) {
  set = FieldSet();
  for (size_t byte = 0; byte < bits.size(); ++byte) {
    for (auto rest = static_cast<unsigned>(static_cast<unsigned char>(bits[byte])); rest != 0;
         rest &= rest - 1) {
      const size_t i = byte * 8 + static_cast<size_t>(std::countr_zero(rest));
      if (i >= request.field_count) return Unreadable("a set of fields");
      set.Insert(request.asked[i]);
    }
  }
  return absl::OkStatus();
}

template <typename Table>
std::string NameIn(const Table& table, auto id) {
  return id.valid() ? std::string(table.Name(id)) : std::string();
}

// A name that may be absent; false when it is there but unknown.
template <typename Table, typename Id>
bool ReadOptional(const Table& table, const std::string& name, Id& id) {
  id = Id();
  if (name.empty()) return true;
  const auto found = table.Find(name);
  if (found) id = *found;
  return found.has_value();
}

void WriteEvidence(const Compiled& c, const Request& request, const Evidence& evidence,
                   log::v1::Evidence& message) {
  message.set_professional_ok(evidence.professional_ok);
  message.set_casus_known(evidence.casus_known);
  message.set_in_casus(evidence.in_casus);
  message.set_radicalisation(evidence.radicalisation);
  message.set_closed(evidence.closed);
  message.set_retention_over(evidence.retention_over);
  message.set_placed(evidence.placed);
  message.set_acting_invited(evidence.acting_invited);
  message.set_source_invited(evidence.source_invited);
  message.set_acting_admitted(evidence.acting_admitted);
  message.set_source_admitted(evidence.source_admitted);
  message.set_phase(NameIn(c.phases, evidence.phase));
  message.set_stage(NameIn(c.stages, evidence.stage));
  const auto write = [&](Condition condition, const Truth& truth,
                         log::v1::Evidence::ConditionValue& value) {
    value.set_condition(static_cast<v1::Condition::Id>(condition));
    value.set_yes(ToBits(request, truth.yes));
    value.set_refused(ToBits(request, truth.refused));
  };
  for (int i = 1; i <= kConditionCount; ++i) {
    const auto condition = static_cast<Condition>(i);
    if ((evidence.evaluated & Bit(condition)) == 0) continue;
    write(condition, evidence.truth[static_cast<size_t>(i)], *message.add_conditions());
  }
  if (evidence.inzage_at_mandate_evaluated) {
    write(Condition::kInzageToegestaan, evidence.inzage_at_mandate,
          *message.mutable_inzage_at_mandate());
  }
  message.set_blocks_evaluated(evidence.blocks_evaluated);
  if (evidence.blocks_evaluated) {
    message.set_source_condition(ToBits(request, evidence.source_condition));
    message.set_objection(ToBits(request, evidence.objection));
  }
  message.set_values_evaluated(evidence.values_evaluated);
  if (evidence.values_evaluated) {
    message.set_term_over(ToBits(request, evidence.term_over));
    message.set_held(ToBits(request, evidence.held));
  }
}

absl::Status ReadEvidence(const Compiled& c, const Request& request,
                          const log::v1::Evidence& message, Evidence& evidence) {
  evidence.professional_ok = message.professional_ok();
  evidence.casus_known = message.casus_known();
  evidence.in_casus = message.in_casus();
  evidence.radicalisation = message.radicalisation();
  evidence.closed = message.closed();
  evidence.retention_over = message.retention_over();
  evidence.placed = message.placed();
  evidence.acting_invited = message.acting_invited();
  evidence.source_invited = message.source_invited();
  evidence.acting_admitted = message.acting_admitted();
  evidence.source_admitted = message.source_admitted();
  if (!ReadOptional(c.phases, message.phase(), evidence.phase)) return Unreadable("the phase");
  if (!ReadOptional(c.stages, message.stage(), evidence.stage)) return Unreadable("the stage");
  const auto read = [&](const log::v1::Evidence::ConditionValue& value, Truth& truth) {
    SLUIS_RETURN_IF_ERROR(FromBits(request, value.yes(), truth.yes));
    return FromBits(request, value.refused(), truth.refused);
  };
  evidence.evaluated = 0;
  for (const auto& value : message.conditions()) {
    if (value.condition() < 1 || value.condition() > kConditionCount)
      return Unreadable("a condition");
    const auto condition = static_cast<Condition>(value.condition());
    SLUIS_RETURN_IF_ERROR(read(value, evidence.truth[static_cast<size_t>(condition)]));
    evidence.evaluated |= Bit(condition);
  }
  evidence.inzage_at_mandate_evaluated = message.has_inzage_at_mandate();
  if (message.has_inzage_at_mandate()) {
    SLUIS_RETURN_IF_ERROR(read(message.inzage_at_mandate(), evidence.inzage_at_mandate));
  }
  evidence.blocks_evaluated = message.blocks_evaluated();
  SLUIS_RETURN_IF_ERROR(FromBits(request, message.source_condition(), evidence.source_condition));
  SLUIS_RETURN_IF_ERROR(FromBits(request, message.objection(), evidence.objection));
  evidence.values_evaluated = message.values_evaluated();
  SLUIS_RETURN_IF_ERROR(FromBits(request, message.term_over(), evidence.term_over));
  return FromBits(request, message.held(), evidence.held);
}

}  // namespace

void WriteDecision(const Policy& policy, const Request& request, const Decision& decision,
                   bool validate_only, log::v1::Decision& message) {
  const Compiled& c = policy.compiled();
  message.set_tafel(policy.NameOf(request.tafel));
  message.set_stage(NameIn(c.stages, request.stage));
  message.set_purpose(policy.NameOf(request.purpose));
  message.set_source_partij(policy.NameOf(request.source.partij));
  message.set_source_hat(policy.NameOf(request.source.hat));
  message.set_task(NameIn(c.powers, request.task));
  message.set_power(NameIn(c.powers, request.power));
  message.set_validate_only(validate_only);
  for (uint16_t i = 0; i < decision.count; ++i) {
    const FieldDecision& field = decision.fields[i];
    auto& out = *message.add_fields();
    out.set_field(policy.NameOf(field.field));
    out.set_outcome(ToMessage(field.outcome));
    out.set_code(ToMessage(field.code));
    out.set_grant(NameIn(c.grants, field.grant));
    out.set_row(NameIn(c.rows, field.row));
    out.set_exclusion(NameIn(c.exclusions, field.exclusion));
    for (int j = 1; j <= kObligationCount; ++j) {
      if ((field.obligations & Bit(static_cast<Obligation>(j))) != 0)
        out.add_obligations(static_cast<v1::Obligation::Id>(j));
    }
    for (int j = 1; j <= kConditionCount; ++j) {
      if ((field.missing & Bit(static_cast<Condition>(j))) != 0)
        out.add_missing(static_cast<v1::Condition::Id>(j));
    }
    out.set_motivated(request.motivated.Contains(field.field));
  }
  WriteEvidence(c, request, decision.evidence, *message.mutable_evidence());
}

bool ParseDecision(const std::string& bytes, log::v1::Decision& message) {
  // Clear() gives up a message within a message; this one holds nearly everything.
  auto evidence = std::unique_ptr<log::v1::Evidence>(message.release_evidence());
  message.Clear();
  if (evidence != nullptr) {
    evidence->Clear();
    message.set_allocated_evidence(evidence.release());
  }
  return message.MergeFromString(bytes);
}

absl::Status ReadDecision(const Policy& policy, std::string_view acting_partij,
                          std::string_view acting_hat, const log::v1::Decision& message,
                          Request& request, Decision& decision, UnknownDeciders unknown) {
  const Compiled& c = policy.compiled();
  request = Request();
  const auto partij = policy.FindPartij(acting_partij);
  const auto hat = policy.FindHat(acting_hat);
  const auto source_partij = policy.FindPartij(message.source_partij());
  const auto source_hat = policy.FindHat(message.source_hat());
  const auto tafel = policy.FindTafel(message.tafel());
  const auto purpose = policy.FindPurpose(message.purpose());
  if (!partij || !hat) return Unreadable("the acting side");
  if (!source_partij || !source_hat) return Unreadable("the source");
  if (!tafel || !purpose) return Unreadable("tafel or purpose");
  request.acting = {*partij, *hat};
  request.source = {*source_partij, *source_hat};
  request.tafel = *tafel;
  request.purpose = *purpose;
  if (!ReadOptional(c.stages, message.stage(), request.stage)) return Unreadable("the stage");
  // A task or power that this policy lists nowhere satisfies no row of it.
  static_cast<void>(ReadOptional(c.powers, message.task(), request.task));
  static_cast<void>(ReadOptional(c.powers, message.power(), request.power));
  if (message.fields().empty() || message.fields_size() > static_cast<int>(kMaxAskedFields))
    return Unreadable("the fields");
  decision.count = static_cast<uint16_t>(message.fields_size());
  for (const auto& recorded : message.fields()) {
    const auto field = policy.FindField(recorded.field());
    const auto outcome = FromMessage(recorded.outcome());
    const auto code = FromMessage(recorded.code());
    if (!field || request.fields.Contains(*field)) return Unreadable("a field");
    if (!outcome || !code) return Unreadable("an outcome");
    FieldDecision& out = decision.fields[request.field_count];
    out = FieldDecision();
    out.field = *field;
    out.outcome = *outcome;
    out.code = *code;
    const bool grant_known = ReadOptional(c.grants, recorded.grant(), out.grant);
    const bool row_known = ReadOptional(c.rows, recorded.row(), out.row);
    const bool exclusion_known = ReadOptional(c.exclusions, recorded.exclusion(), out.exclusion);
    if (unknown == UnknownDeciders::kRefuse && !(grant_known && row_known && exclusion_known)) {
      return Unreadable("a grant, row or exclusion");
    }
    for (const int obligation : recorded.obligations()) {
      if (obligation < 1 || obligation > kObligationCount) return Unreadable("an obligation");
      out.obligations |= Bit(static_cast<Obligation>(obligation));
    }
    for (const int condition : recorded.missing()) {
      if (condition < 1 || condition > kConditionCount) return Unreadable("a condition");
      out.missing |= Bit(static_cast<Condition>(condition));
    }
    request.fields.Insert(*field);
    if (recorded.motivated()) request.motivated.Insert(*field);
    request.asked[request.field_count++] = *field;
  }
  SLUIS_RETURN_IF_ERROR(ReadEvidence(c, request, message.evidence(), decision.evidence));
  for (uint16_t i = 0; i < decision.count; ++i) {
    decision.fields[i].value_held = decision.fields[i].outcome == Outcome::kRelease &&
                                    decision.evidence.held.Contains(decision.fields[i].field);
  }
  return absl::OkStatus();
}

}  // namespace sluis::policy
