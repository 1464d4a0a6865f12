#include "persons.h"

#include <initializer_list>
#include <utility>

#include "sluis/base/bsn.h"
#include "sluis/crypto/crypto.h"

namespace sluis::broker {
namespace {

void FillIn(const std::string& given, std::string* known) {
  // What is known stays: another partij cannot rewrite it.
  if (known->empty()) *known = given;
}

}  // namespace

absl::Status CheckElements(const v1::IdentifyingElements& elements, bool needed) {
  for (const auto& [field, text] :
       std::initializer_list<std::pair<std::string_view, const std::string&>>{
           {"elements.geslachtsnaam", elements.geslachtsnaam()},
           {"elements.voornamen", elements.voornamen()},
           {"elements.postcode", elements.postcode()},
           {"elements.huisnummer", elements.huisnummer()}}) {
    SLUIS_RETURN_IF_ERROR(intake::CheckOptionalText(field, text, 200));
    if (needed && IsBlank(text)) return Malformed(field, "missing");
  }
  if (needed && elements.geboortedatum().empty())
    return Malformed("elements.geboortedatum", "missing");
  return intake::CheckOptionalDay("elements.geboortedatum", elements.geboortedatum());
}

absl::Status CheckBsn(const CommandContext& context, const std::string& bsn) {
  const auto hat = context.policy.FindHat(context.hat);
  if (!context.policy.convenant().hats(hat->index()).bsn_entitled()) {
    return WithMetadata(PermissionDenied("BSN_NOT_ALLOWED", "this hat may not use the BSN"),
                        kFieldKey, "bsn");
  }
  if (!IsWellFormedBsn(bsn)) {
    return WithMetadata(
        InvalidArgument("BSN_NOT_ALLOWED", "not nine digits that satisfy the 11-proef"), kFieldKey,
        "bsn");
  }
  return absl::OkStatus();
}

store::v1::Person IdentityIn(const v1::IdentifyingElements& elements) {
  store::v1::Person identity;
  identity.set_geslachtsnaam(elements.geslachtsnaam());
  identity.set_voornamen(elements.voornamen());
  identity.set_geboortedatum(elements.geboortedatum());
  identity.set_postcode(elements.postcode());
  identity.set_huisnummer(elements.huisnummer());
  return identity;
}

absl::StatusOr<Uuid> KeepPerson(CommandContext& context, const store::v1::Person& told) {
  vault::Vault& vault = *context.core.options.vault;
  Uuid person;
  if (told.bsn().empty()) {
    SLUIS_ASSIGN_OR_RETURN(person, crypto::RandomUuid());
    SLUIS_RETURN_IF_ERROR(vault.CreateKey(person));
  } else {
    SLUIS_RETURN_IF_ERROR(CheckBsn(context, told.bsn()));
    SLUIS_ASSIGN_OR_RETURN(person, PersonWithBsn(context, told.bsn()));
  }
  SLUIS_ASSIGN_OR_RETURN(const auto known, UnlessDestroyed(context.state.Person(person)));
  store::v1::Person identity = known.value_or(store::v1::Person());
  FillIn(told.bsn(), identity.mutable_bsn());
  FillIn(told.geslachtsnaam(), identity.mutable_geslachtsnaam());
  FillIn(told.voornamen(), identity.mutable_voornamen());
  FillIn(told.geboortedatum(), identity.mutable_geboortedatum());
  FillIn(told.postcode(), identity.mutable_postcode());
  FillIn(told.huisnummer(), identity.mutable_huisnummer());
  // What protects the person is never taken away by a later call.
  identity.set_bsn_verified(identity.bsn_verified() ||
                            (!told.bsn().empty() && told.bsn_verified()));
  identity.set_wilsonbekwaam(identity.wilsonbekwaam() || told.wilsonbekwaam());
  identity.set_address_protected(identity.address_protected() || told.address_protected());
  SLUIS_RETURN_IF_ERROR(context.state.PutPerson(person, identity));
  return person;
}

absl::StatusOr<std::pair<Uuid, store::v1::Casus>> OpenCasusAbout(CommandContext& context,
                                                                 const NewCasus& what) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(context.core.options.vault->CreateKey(id));
  store::v1::Casus casus;
  auto& facts = *casus.mutable_facts();
  facts.set_id(id.ToString());
  facts.set_status(policy::v1::CasusFacts::OPEN);
  facts.set_phase(what.phase);
  facts.set_municipality(what.municipality);
  facts.set_first_processed(what.first_processed);
  auto& person = *facts.add_persons();
  person.set_id(what.person.ToString());
  person.set_role(policy::v1::PersonRole::BETROKKENE);
  *casus.mutable_opener() = what.opener;
  casus.set_opened_at(absl::ToUnixMicros(context.moment.now));
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(id, casus));
  SLUIS_RETURN_IF_ERROR(context.state.MakeVisible(what.opener.partij(), id, casus.opened_at()));
  SLUIS_RETURN_IF_ERROR(context.state.MakeHandle(what.person, what.opener.partij()).status());
  SetCasus(context, id);
  return std::make_pair(id, std::move(casus));
}

absl::Status CheckReader(const policy::Policy& policy, state::StateReader& state,
                         const std::string& partij, const std::string& hat,
                         const std::string& professional, CivilDate today) {
  const auto who = policy.FindPartij(partij);
  if (!who) return PermissionDenied("NOT_A_PARTIJ", "the caller is no partij of the convenant");
  const policy::Policy::Standing standing = policy.StandingOf(*who, today);
  if (!standing.convenant_in_force || !standing.acceded) {
    return FailedPrecondition("CONVENANT_NOT_VALID",
                              "the convenant is not valid for this partij or date");
  }
  if (hat.empty()) return Malformed("acting_hat", "missing");
  const auto as = policy.FindHat(hat);
  if (!as) return Malformed("acting_hat", "not a hat of the convenant");
  if (!policy.Holds(*who, *as)) return NotAuthorised("the caller does not hold this hat");
  SLUIS_RETURN_IF_ERROR(intake::CheckProfessional("professional", professional));
  SLUIS_ASSIGN_OR_RETURN(const auto on_record, state.Professional(partij, professional));
  if (!on_record || !on_record->active() || !ListsHat(on_record->hats(), hat))
    return NotAuthorised("the professional is not on record in this hat");
  return absl::OkStatus();
}

}  // namespace sluis::broker
