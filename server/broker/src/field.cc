#include <limits>

#include "content.h"
#include "core.h"
#include "deposit.h"
#include "notify.h"

#include "sluis/crypto/crypto.h"
#include "sluis/v1/field.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::SourceCondition;

// What form alone can tell of a value and what travels with it.
absl::Status CheckContent(const v1::ValueContent& content) {
  if (!content.has_value()) return Malformed("content.value", "missing");
  return CheckCompanions("content.", content);
}

// What the convenant asks of a value of this field from this hat.
absl::Status CheckAgainstPolicy(const CommandContext& context, const v1::ValueContent& content,
                                policy::FieldId field, int min_cell) {
  const FieldRules rules{context.policy, *context.policy.FindHat(context.hat), field, min_cell};
  SLUIS_RETURN_IF_ERROR(CheckFieldValue(rules, "content.value", content.value()));
  return CheckCompanions(rules, "content.", content, context.moment.today);
}

// What a decision reads of a value and of what travels with it.
void SetCompanions(const CommandContext& context, const v1::ValueContent& content,
                   store::v1::Deposit& deposit) {
  deposit.mutable_holding()->set_value_date(content.value_date());
  deposit.mutable_holding()->set_recorded_on(context.moment.today.ToString());
  deposit.clear_conditions();
  for (SourceCondition condition : content.conditions()) {
    condition.set_person(deposit.holding().person());
    condition.set_field(deposit.holding().field());
    *condition.mutable_origin() = context.self();
    *deposit.add_conditions() = condition;
  }
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
  SetCompanions(context, content, deposit);
  return absl::OkStatus();
}

// The form of what deposits and announcements have in common.
template <typename Request>
absl::Status CheckHolding(const Request& request) {
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
  return absl::OkStatus();
}

// The field, when the caller may say that it holds a value of it.
template <typename Request>
absl::StatusOr<policy::FieldId> CheckField(CommandContext& context, const Request& request) {
  const auto field = context.policy.FindField(request.field());
  if (!field) return Malformed("field", "not a field of the convenant");
  context.record.mutable_change()->add_fields(request.field());
  const auto hat = context.policy.FindHat(context.hat);
  if (!context.policy.Owns(*hat, *field)) return NotAuthorised("the hat does not own this field");
  if (const auto barred = context.policy.BarredFor(*field)) {
    return WithMetadata(FailedPrecondition(CodeName(*barred), "this field is never exchanged"),
                        kFieldKey, "field");
  }
  return *field;
}

// What a decision reads of a holding, but for what travels with the value.
template <typename Request>
absl::StatusOr<state::Subject> SetHolding(CommandContext& context, const Request& request,
                                          policy::v1::Holding& holding) {
  const CivilDate first_processed = *CivilDate::Parse(request.first_processed());
  const CivilDate deposit_end = *CivilDate::Parse(request.deposit_end());
  if (context.moment.today < first_processed) return Malformed("first_processed", "in the future");
  if (deposit_end < context.moment.today) return Malformed("deposit_end", "in the past");
  std::optional<state::Subject> subject;
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
  return *std::move(subject);
}

// One value per source and field: a later one takes the place of an earlier.
absl::Status Replace(CommandContext& context, const state::Subject& subject, const Uuid& id,
                     const store::v1::Deposit& deposit) {
  const auto& holding = deposit.holding();
  SLUIS_ASSIGN_OR_RETURN(const auto present, context.state.Deposits(subject));
  for (const state::StoredDeposit& earlier : present) {
    const auto& old = earlier.deposit.holding();
    if (old.field() == holding.field() && old.source().partij() == context.partij &&
        old.source().hat() == context.hat) {
      SLUIS_RETURN_IF_ERROR(context.state.DeleteDeposit(subject, earlier.id));
    }
  }
  SLUIS_RETURN_IF_ERROR(context.state.PutDeposit(subject, id, deposit));
  context.record.mutable_change()->set_subject_id(std::string(id.bytes()));
  return absl::OkStatus();
}

// What is said to be pseudonymised is held against the persons of its casus.
absl::Status CheckForm(CommandContext& context, const state::Subject& subject,
                       const policy::v1::Holding& holding, const v1::ValueContent& content) {
  if (holding.form() != policy::v1::Holding::PSEUDONIEM_K_SAFE) return absl::OkStatus();
  SLUIS_ASSIGN_OR_RETURN(const auto casus, UnlessDestroyed(context.state.Casus(subject.owner())));
  if (!casus) return NotInCasus();
  return CheckPseudonymised(context, *casus, "content.value", content);
}

absl::Status CheckDeposit(const v1::DepositFieldRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckHolding(request));
  return CheckContent(request.content());
}

absl::StatusOr<v1::DepositFieldAnswer> DepositField(CommandContext& context,
                                                    const v1::DepositFieldRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const policy::FieldId field, CheckField(context, request));
  SLUIS_RETURN_IF_ERROR(CheckAgainstPolicy(context, request.content(), field, request.min_cell()));
  store::v1::Deposit deposit;
  SLUIS_ASSIGN_OR_RETURN(const state::Subject subject,
                         SetHolding(context, request, *deposit.mutable_holding()));
  SLUIS_RETURN_IF_ERROR(CheckForm(context, subject, deposit.holding(), request.content()));
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(SetValue(context, subject.owner(), id, request.content(), deposit));
  SLUIS_RETURN_IF_ERROR(Replace(context, subject, id, deposit));
  v1::DepositFieldAnswer answer;
  answer.set_deposit_id(id.ToString());
  return answer;
}

// What travels with a value that the source keeps.
v1::ValueContent AnnouncedIn(const v1::KeepAtSourceRequest& request) {
  v1::ValueContent announced;
  announced.set_value_date(request.value_date());
  if (request.has_labels()) *announced.mutable_labels() = request.labels();
  *announced.mutable_conditions() = request.conditions();
  return announced;
}

absl::Status CheckKeep(const v1::KeepAtSourceRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckHolding(request));
  if (request.form() == policy::v1::Holding::PSEUDONIEM_K_SAFE)
    return Malformed("form", "a dilemma is deposited, to be held against the persons of its casus");
  return CheckCompanions("", AnnouncedIn(request));
}

absl::StatusOr<v1::KeepAtSourceAnswer> KeepAtSource(CommandContext& context,
                                                    const v1::KeepAtSourceRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const policy::FieldId field, CheckField(context, request));
  store::v1::Deposit deposit;
  *deposit.mutable_announced() = AnnouncedIn(request);
  const FieldRules rules{context.policy, *context.policy.FindHat(context.hat), field,
                         request.min_cell()};
  SLUIS_RETURN_IF_ERROR(CheckCompanions(rules, "", deposit.announced(), context.moment.today));
  SLUIS_ASSIGN_OR_RETURN(const state::Subject subject,
                         SetHolding(context, request, *deposit.mutable_holding()));
  SetCompanions(context, deposit.announced(), deposit);
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(Replace(context, subject, id, deposit));
  v1::KeepAtSourceAnswer answer;
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
  if (stored.deposit.has_announced()) {
    return FailedPrecondition("KEPT_AT_SOURCE",
                              "the source keeps this value itself: there is none to correct");
  }
  const auto field = context.policy.FindField(stored.deposit.holding().field());
  if (!field) return FailedPrecondition("NO_GRANT", "the convenant no longer has this field");
  SLUIS_RETURN_IF_ERROR(
      CheckAgainstPolicy(context, request.content(), *field, stored.deposit.holding().min_cell()));
  SLUIS_RETURN_IF_ERROR(CheckForm(context, subject, stored.deposit.holding(), request.content()));
  SLUIS_RETURN_IF_ERROR(
      SetValue(context, subject.owner(), stored.id, request.content(), stored.deposit));
  SLUIS_RETURN_IF_ERROR(context.state.PutDeposit(subject, stored.id, stored.deposit));
  SLUIS_RETURN_IF_ERROR(NotifyValueChanged(context, NoticeType::VALUE_CORRECTED, subject,
                                           stored.deposit.holding().field()));
  return v1::CorrectFieldAnswer();
}

absl::Status CheckWithdraw(const v1::WithdrawFieldRequest& request) {
  return intake::CheckId("deposit_id", request.deposit_id()).status();
}

absl::StatusOr<v1::WithdrawFieldAnswer> WithdrawField(CommandContext& context,
                                                      const v1::WithdrawFieldRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const auto found, OwnDeposit(context, request.deposit_id()));
  SLUIS_RETURN_IF_ERROR(context.state.DeleteDeposit(found.first, found.second.id));
  SLUIS_RETURN_IF_ERROR(NotifyValueChanged(context, NoticeType::VALUE_WITHDRAWN, found.first,
                                           found.second.deposit.holding().field()));
  return v1::WithdrawFieldAnswer();
}

}  // namespace

absl::StatusOr<Uuid> KeepValue(CommandContext& context, const state::Subject& subject,
                               const policy::v1::Holding& holding,
                               const v1::ValueContent& content) {
  store::v1::Deposit deposit;
  *deposit.mutable_holding() = holding;
  *deposit.mutable_holding()->mutable_source() = context.self();
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(SetValue(context, subject.owner(), id, content, deposit));
  SLUIS_RETURN_IF_ERROR(Replace(context, subject, id, deposit));
  return id;
}

void AddField(Handlers& handlers) {
  handlers["/sluis.v1.FieldService/DepositField"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::DepositFieldRequest, v1::DepositFieldAnswer>(
        core, call, {EventKind::FIELD_DEPOSITED, &CheckDeposit, &DepositField});
  };
  handlers["/sluis.v1.FieldService/CorrectField"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::CorrectFieldRequest, v1::CorrectFieldAnswer>(
        core, call, {EventKind::FIELD_CORRECTED, &CheckCorrect, &CorrectField});
  };
  handlers["/sluis.v1.FieldService/KeepAtSource"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::KeepAtSourceRequest, v1::KeepAtSourceAnswer>(
        core, call, {EventKind::FIELD_KEPT_AT_SOURCE, &CheckKeep, &KeepAtSource});
  };
  handlers["/sluis.v1.FieldService/WithdrawField"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::WithdrawFieldRequest, v1::WithdrawFieldAnswer>(
        core, call, {EventKind::FIELD_WITHDRAWN, &CheckWithdraw, &WithdrawField});
  };
}

}  // namespace sluis::broker
