#include <limits>

#include "core.h"

#include "sluis/crypto/crypto.h"
#include "sluis/intake/value_form.h"
#include "sluis/v1/field.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::SourceCondition;

// What form alone can tell of a value and what travels with it.
absl::Status CheckContent(const v1::ValueContent& content) {
  if (!content.has_value()) return Malformed("content.value", "missing");
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("content.value_date", content.value_date()).status());
  if (content.conditions_size() > 10) return Malformed("content.conditions", "more than 10");
  for (int i = 0; i < content.conditions_size(); ++i) {
    const SourceCondition& condition = content.conditions(i);
    const std::string path = absl::StrCat("content.conditions[", i, "]");
    if (condition.kind() == SourceCondition::KIND_UNSPECIFIED)
      return Malformed(path + ".kind", "missing");
    if (condition.kind() == SourceCondition::EINDDATUM) {
      SLUIS_RETURN_IF_ERROR(intake::CheckDay(path + ".until", condition.until()).status());
    }
    if (condition.kind() == SourceCondition::ALLEEN_TAFEL && condition.tafel().empty()) {
      return Malformed(path + ".tafel", "missing");
    }
    if (!condition.person().empty() || !condition.field().empty() || condition.has_origin()) {
      return Malformed(path, "person, field and origin follow from the deposit");
    }
  }
  return absl::OkStatus();
}

// What the convenant asks of a value of this field from this hat.
absl::Status CheckAgainstPolicy(const CommandContext& context, const v1::ValueContent& content,
                                policy::FieldId field, int min_cell) {
  const policy::v1::Convenant& convenant = context.policy.convenant();
  const policy::v1::Field& form = convenant.fields(field.index());
  if (min_cell > 0) {
    SLUIS_RETURN_IF_ERROR(intake::CheckAggregate("content.value", content.value(), min_cell));
  } else {
    SLUIS_RETURN_IF_ERROR(intake::CheckValue("content.value", content.value(), form, convenant));
  }
  const auto hat = context.policy.FindHat(context.hat);
  // Everything the police give keeps its labels, identity data included (Wpg 4 lid 3, 6b).
  const bool police = form.data_class() == policy::v1::DataClass::POLITIEGEGEVEN ||
                      convenant.hats(hat->index()).police();
  if (police && (content.labels().nature() == v1::PoliceLabels::NATURE_UNSPECIFIED ||
                 content.labels().subject() == v1::PoliceLabels::SUBJECT_UNSPECIFIED)) {
    return Malformed("content.labels", "missing: police data keep their labels");
  }
  for (int i = 0; i < content.conditions_size(); ++i) {
    const std::string& tafel = content.conditions(i).tafel();
    if (!tafel.empty() && !context.policy.FindTafel(tafel)) {
      return Malformed(absl::StrCat("content.conditions[", i, "].tafel"),
                       "not a tafel of the convenant");
    }
  }
  const auto value_date = CivilDate::Parse(content.value_date());
  if (context.moment.today < *value_date) return Malformed("content.value_date", "in the future");
  return absl::OkStatus();
}

// Seals a value and commits to it. The commitment is in the answer that the log hashes, so that the
// log binds a value that is opened only afterwards.
absl::Status SetValue(CommandContext& context, const Uuid& owner, const Uuid& deposit_id,
                      const v1::ValueContent& content, store::v1::Deposit& deposit) {
  store::v1::SealedValue inner;
  SLUIS_ASSIGN_OR_RETURN(const audit::Salt salt, audit::Salt::Generate());
  inner.set_salt(std::string(salt.bytes()));
  *inner.mutable_content() = content;
  deposit.set_commitment(std::string(audit::CommitValue(salt, wire::Canonical(content)).bytes()));
  std::string bytes = wire::Canonical(inner);
  auto sealed = context.core.options.vault->Seal(owner, state::ValueUse(deposit_id), bytes);
  Wipe(bytes);
  if (!sealed.ok()) return sealed.status();
  deposit.set_sealed_value(*std::move(sealed));
  deposit.mutable_holding()->set_value_date(content.value_date());
  deposit.mutable_holding()->set_recorded_on(context.moment.today.ToString());
  deposit.clear_conditions();
  for (SourceCondition condition : content.conditions()) {
    condition.set_person(deposit.holding().person());
    condition.set_field(deposit.holding().field());
    *condition.mutable_origin() = context.self();
    *deposit.add_conditions() = condition;
  }
  return absl::OkStatus();
}

absl::Status CheckDeposit(const v1::DepositFieldRequest& request) {
  if (request.field().empty()) return Malformed("field", "missing");
  if (request.casus_id().empty() == request.person_id().empty()) {
    return Malformed(request.person_id().empty() ? "person_id" : "casus_id",
                     "a value has a person, or a casus when it is about nobody");
  }
  if (!request.casus_id().empty())
    SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  if (!request.person_id().empty())
    SLUIS_RETURN_IF_ERROR(intake::CheckId("person_id", request.person_id()).status());
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("first_processed", request.first_processed()).status());
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("deposit_end", request.deposit_end()).status());
  if (request.min_cell() < 0) return Malformed("min_cell", "negative");
  if (!request.person_id().empty() &&
      (request.min_cell() != 0 || request.form() != policy::v1::Holding::FORM_UNSPECIFIED)) {
    return Malformed("form", "aggregates and dilemmas are about nobody");
  }
  if (request.has_origin() &&
      (request.origin().partij().empty() || request.origin().hat().empty())) {
    return Malformed("origin", "needs partij and hat");
  }
  return CheckContent(request.content());
}

absl::StatusOr<v1::DepositFieldAnswer> DepositField(CommandContext& context,
                                                    const v1::DepositFieldRequest& request) {
  const auto field = context.policy.FindField(request.field());
  if (!field) return Malformed("field", "not a field of the convenant");
  context.record.mutable_change()->add_fields(request.field());
  const auto hat = context.policy.FindHat(context.hat);
  if (!context.policy.Owns(*hat, *field)) return NotAuthorised("the hat does not own this field");
  if (const auto barred = context.policy.BarredFor(*field)) {
    return WithMetadata(FailedPrecondition(CodeName(*barred), "this field is never exchanged"),
                        kFieldKey, "field");
  }
  SLUIS_RETURN_IF_ERROR(CheckAgainstPolicy(context, request.content(), *field, request.min_cell()));
  const CivilDate first_processed = *CivilDate::Parse(request.first_processed());
  const CivilDate deposit_end = *CivilDate::Parse(request.deposit_end());
  if (context.moment.today < first_processed) return Malformed("first_processed", "in the future");
  if (deposit_end < context.moment.today) return Malformed("deposit_end", "in the past");
  std::optional<state::Subject> subject;
  store::v1::Deposit deposit;
  auto& holding = *deposit.mutable_holding();
  if (!request.person_id().empty()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, CallersPerson(context, request.person_id()));
    subject = state::Subject::Person(person);
    holding.set_person(person.ToString());
  } else {
    SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
    SLUIS_RETURN_IF_ERROR(InvolvedCasus(context, casus_id).status());
    subject = state::Subject::Casus(casus_id);
  }
  holding.set_field(request.field());
  *holding.mutable_source() = context.self();
  holding.set_first_processed(request.first_processed());
  holding.set_deposit_end(request.deposit_end());
  holding.set_third_person(request.third_person());
  holding.set_visible_to_present(request.visible_to_present());
  holding.set_form(request.form());
  holding.set_min_cell(request.min_cell());
  if (request.has_origin()) *holding.mutable_origin() = request.origin();
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(SetValue(context, subject->owner(), id, request.content(), deposit));
  // One value per source and field: a later deposit takes the place of an earlier.
  SLUIS_ASSIGN_OR_RETURN(const auto present, context.state.Deposits(*subject));
  for (const state::StoredDeposit& earlier : present) {
    const auto& old = earlier.deposit.holding();
    if (old.field() == holding.field() && old.source().partij() == context.partij &&
        old.source().hat() == context.hat) {
      SLUIS_RETURN_IF_ERROR(context.state.DeleteDeposit(*subject, earlier.id));
    }
  }
  SLUIS_RETURN_IF_ERROR(context.state.PutDeposit(*subject, id, deposit));
  context.record.mutable_change()->set_subject_id(std::string(id.bytes()));
  v1::DepositFieldAnswer answer;
  answer.set_deposit_id(id.ToString());
  return answer;
}

// The caller's own deposit. Others' deposits are not there for it.
absl::StatusOr<std::pair<state::Subject, state::StoredDeposit>> OwnDeposit(
    CommandContext& context, const std::string& text) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("deposit_id", text));
  SLUIS_ASSIGN_OR_RETURN(auto found, UnlessDestroyed(context.state.Deposit(id)));
  if (!found || found->second.deposit.holding().source().partij() != context.partij) {
    return NotFound("DEPOSIT_UNKNOWN", "no such deposit of the caller");
  }
  if (found->second.deposit.holding().source().hat() != context.hat) {
    return NotAuthorised("another hat deposited this value");
  }
  context.record.mutable_change()->set_subject_id(std::string(id.bytes()));
  context.record.mutable_change()->add_fields(found->second.deposit.holding().field());
  if (found->first.is_person()) SLUIS_RETURN_IF_ERROR(SetPseudonym(context, found->first.owner()));
  return *std::move(found);
}

absl::Status CheckCorrect(const v1::CorrectFieldRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("deposit_id", request.deposit_id()).status());
  return CheckContent(request.content());
}

absl::StatusOr<v1::CorrectFieldAnswer> CorrectField(CommandContext& context,
                                                    const v1::CorrectFieldRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(auto found, OwnDeposit(context, request.deposit_id()));
  auto& [subject, stored] = found;
  const auto field = context.policy.FindField(stored.deposit.holding().field());
  if (!field) return FailedPrecondition("NO_GRANT", "the convenant no longer has this field");
  SLUIS_RETURN_IF_ERROR(
      CheckAgainstPolicy(context, request.content(), *field, stored.deposit.holding().min_cell()));
  SLUIS_RETURN_IF_ERROR(
      SetValue(context, subject.owner(), stored.id, request.content(), stored.deposit));
  SLUIS_RETURN_IF_ERROR(context.state.PutDeposit(subject, stored.id, stored.deposit));
  return v1::CorrectFieldAnswer();
}

absl::Status CheckWithdraw(const v1::WithdrawFieldRequest& request) {
  return intake::CheckId("deposit_id", request.deposit_id()).status();
}

absl::StatusOr<v1::WithdrawFieldAnswer> WithdrawField(CommandContext& context,
                                                      const v1::WithdrawFieldRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const auto found, OwnDeposit(context, request.deposit_id()));
  SLUIS_RETURN_IF_ERROR(context.state.DeleteDeposit(found.first, found.second.id));
  return v1::WithdrawFieldAnswer();
}

}  // namespace

void AddField(Handlers& handlers) {
  handlers["/sluis.v1.FieldService/DepositField"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::DepositFieldRequest, v1::DepositFieldAnswer>(
        core, call, {EventKind::FIELD_DEPOSITED, &CheckDeposit, &DepositField});
  };
  handlers["/sluis.v1.FieldService/CorrectField"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::CorrectFieldRequest, v1::CorrectFieldAnswer>(
        core, call, {EventKind::FIELD_CORRECTED, &CheckCorrect, &CorrectField});
  };
  handlers["/sluis.v1.FieldService/WithdrawField"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::WithdrawFieldRequest, v1::WithdrawFieldAnswer>(
        core, call, {EventKind::FIELD_WITHDRAWN, &CheckWithdraw, &WithdrawField});
  };
}

}  // namespace sluis::broker
