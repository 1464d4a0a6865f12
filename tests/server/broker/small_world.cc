#include "small_world.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "sluis/base/clock.h"
#include "sluis/base/status_macros.h"
#include "sluis/store/sqlite_store.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/professional.pb.h"

namespace sluis::broker {
namespace {

constexpr std::string_view kKey = "0123456789abcdef0123456789abcdef";

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) std::abort();
  return *std::move(value);
}

void Fill(policy::v1::PartijHat& out, Side side) {
  out.set_partij(std::string(side.partij));
  out.set_hat(std::string(side.hat));
}

}  // namespace

absl::StatusOr<std::string> AssemblyTransport::Call(std::string_view partij,
                                                    std::string_view method,
                                                    std::string_view request) {
  std::mutex mutex;
  std::condition_variable finished;
  std::optional<absl::StatusOr<std::string>> result;
  Start(partij, method, std::string(request), absl::InfiniteFuture(),
        [&](absl::StatusOr<std::string> answer) {
          const std::lock_guard lock(mutex);
          result = std::move(answer);
          finished.notify_one();
        });
  std::unique_lock lock(mutex);
  finished.wait(lock, [&] { return result.has_value(); });
  return *std::move(result);
}

void AssemblyTransport::Start(std::string_view partij, std::string_view method, std::string request,
                              absl::Time deadline, Broker::Done done) {
  std::string oin(partij);
  for (const auto& each : testing::ReferenceConvenant().message().parties()) {
    if (each.id() == partij) oin = each.oin();
  }
  assembly_.broker().Call(method, Must(Oin::Parse(oin)), std::move(request), deadline,
                          std::move(done));
}

absl::Status AssemblyTransport::SetClock(absl::Time now) {
  assembly_.clock().Set(now);
  return assembly_.broker().RecordClockSet();
}

std::unique_ptr<store::Store> OpenStoreIn(const std::string& directory) {
  return Must(store::OpenSqliteStore(directory + "/sluis.db"));
}

audit::SigningKey TestLogKey() {
  return Must(audit::SigningKey::FromSeed("sluis.test/log", SecretBytes::Take(std::string(kKey))));
}

assembly::AssemblyOptions OptionsOn(const std::string& directory,
                                    std::unique_ptr<store::Store> store) {
  assembly::AssemblyOptions options;
  options.store = std::move(store);
  options.vault =
      Must(vault::Vault::Open(directory + "/keys.db", SecretBytes::Take(std::string(kKey))));
  options.policy = testing::ReferencePolicy();
  options.texts = &testing::ReferenceTexts();
  options.origin = std::string(testing::kTestOrigin);
  options.machine_clock = &SystemClock();
  options.threads = 2;
  return options;
}

absl::Status SmallWorld::PutActors(const std::vector<std::string>& others) {
  for (const auto& partij : testing::ReferenceConvenant().message().parties()) {
    const bool plays = partij.id() == kRegie.partij || partij.id() == kGgz.partij ||
                       std::find(others.begin(), others.end(), partij.id()) != others.end();
    if (!plays) continue;
    v1::PutProfessionalRequest request;
    request.set_request_id(testing::NewRequestId());
    request.set_professional(std::string(kActor));
    *request.mutable_hats() = partij.hats();
    request.set_active(true);
    SLUIS_RETURN_IF_ERROR(
        transport_
            .Send<v1::PutProfessionalResponse>(
                partij.id(), "/sluis.v1.ProfessionalService/PutProfessional", request)
            .status());
  }
  return absl::OkStatus();
}

absl::Status SmallWorld::Build(int number) {
  v1::OpenCasusRequest open;
  open.set_tafel(std::string(kTafel));
  open.set_phase("AVE_2");
  open.set_municipality("Almelo");
  open.add_domains("ZORG");
  open.set_first_processed("2026-01-05");
  SLUIS_ASSIGN_OR_RETURN(const auto opened,
                         Send<v1::OpenCasusResponse>(kRegie, "CasusService/OpenCasus", open));
  casus_id_ = opened.answer().casus_id();
  SLUIS_ASSIGN_OR_RETURN(wijkteam_person_, AddStranger(number));
  SLUIS_RETURN_IF_ERROR(Admit(kWijkteam).status());
  SLUIS_RETURN_IF_ERROR(Admit(kGgz).status());
  v1::GetCasusRequest get;
  get.set_casus_id(casus_id_);
  SLUIS_ASSIGN_OR_RETURN(const auto got, transport_.Send<v1::GetCasusResponse>(
                                             kGgz.partij, "/sluis.v1.CasusService/GetCasus", get));
  if (got.casus().person_ids_size() != 1) return absl::InternalError("another number of persons");
  ggz_person_ = got.casus().person_ids(0);
  return Deposit().status();
}

v1::DepositFieldRequest SmallWorld::NewDeposit(std::string_view name) const {
  v1::DepositFieldRequest deposit;
  deposit.set_person_id(ggz_person_);
  deposit.set_field(std::string(name));
  for (const auto& field : testing::ReferenceConvenant().message().fields()) {
    if (field.name() == name)
      *deposit.mutable_content()->mutable_value() = testing::SampleValue(field);
  }
  deposit.mutable_content()->set_value_date("2026-10-01");
  deposit.set_first_processed("2026-10-01");
  deposit.set_deposit_end("2099-12-31");
  return deposit;
}

absl::Status SmallWorld::KeepAtSource() {
  v1::KeepAtSourceRequest keep;
  keep.set_person_id(ggz_person_);
  keep.set_field(std::string(kField));
  keep.set_value_date("2026-10-01");
  keep.set_first_processed("2026-10-01");
  keep.set_deposit_end("2099-12-31");
  return Send<v1::KeepAtSourceResponse>(kGgz, "FieldService/KeepAtSource", std::move(keep))
      .status();
}

absl::StatusOr<std::string> SmallWorld::AddStranger(int number) {
  v1::AddPersonRequest add;
  add.set_casus_id(casus_id_);
  add.set_bsn(testing::TestBsn(number));
  add.set_bsn_verified(true);
  add.mutable_elements()->set_geslachtsnaam("GEHEIM");
  add.mutable_elements()->set_geboortedatum("1981-07-02");
  add.set_role(policy::v1::PersonRole::BETROKKENE);
  auto added = Send<v1::AddPersonResponse>(kRegie, "CasusService/AddPerson", std::move(add));
  if (!added.ok()) return added.status();
  return added->answer().person_id();
}

absl::StatusOr<v1::DepositFieldResponse> SmallWorld::Deposit() {
  return Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", NewDeposit());
}

v1::RequestFieldsRequest SmallWorld::Question() const {
  v1::RequestFieldsRequest request;
  request.set_casus_id(casus_id_);
  request.set_tafel(std::string(kTafel));
  Fill(*request.mutable_source(), kGgz);
  request.set_purpose("D02");
  request.set_person_id(wijkteam_person_);
  auto& field = *request.add_fields();
  field.set_field(std::string(kField));
  field.set_motivation("nodig voor deze vraag");
  return request;
}

absl::StatusOr<v1::RequestFieldsResponse> SmallWorld::Ask() {
  return Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", Question());
}

policy::v1::Consent SmallWorld::NewConsent() const {
  policy::v1::Consent consent;
  consent.set_person(ggz_person_);
  consent.add_given_by()->set_capacity(policy::v1::Capacity::SELF);
  Fill(*consent.mutable_source(), kGgz);
  Fill(*consent.mutable_recipient(), kWijkteam);
  consent.add_fields(std::string(kField));
  consent.set_purpose("D02");
  consent.set_status(policy::v1::Consent::GEGEVEN_UITDRUKKELIJK);
  consent.set_flag(policy::v1::Consent::DOORBREKING_GEHEIM);
  consent.set_date("2026-11-29");
  consent.set_from("2026-11-29");
  consent.set_until("2027-05-01");
  consent.set_way("schriftelijk");
  consent.set_evidence("dossier 2");
  return consent;
}

absl::StatusOr<v1::RecordConsentResponse> SmallWorld::Consent() {
  v1::RecordConsentRequest request;
  *request.mutable_consent() = NewConsent();
  return Send<v1::RecordConsentResponse>(kGgz, "ConsentService/RecordConsent", std::move(request));
}

absl::StatusOr<v1::WithdrawConsentResponse> SmallWorld::WithdrawConsent(const std::string& id) {
  v1::WithdrawConsentRequest request;
  request.set_consent_id(id);
  return Send<v1::WithdrawConsentResponse>(kGgz, "ConsentService/WithdrawConsent",
                                           std::move(request));
}

absl::StatusOr<v1::RecordFactResponse> SmallWorld::Object() {
  v1::RecordFactRequest request;
  request.set_casus_id(casus_id_);
  request.set_reference("dossier 3");
  auto& objection = *request.mutable_fact()->mutable_objection();
  objection.set_person(ggz_person_);
  objection.set_reason("GEHEIM bezwaar");
  objection.set_from("2026-01-01");
  return Send<v1::RecordFactResponse>(kGgz, "FactService/RecordFact", std::move(request));
}

absl::StatusOr<v1::WithdrawFactResponse> SmallWorld::WithdrawFact(Side side,
                                                                  const std::string& id) {
  v1::WithdrawFactRequest request;
  request.set_fact_id(id);
  return Send<v1::WithdrawFactResponse>(side, "FactService/WithdrawFact", std::move(request));
}

absl::StatusOr<v1::AddDeelnemerResponse> SmallWorld::Admit(Side deelnemer, std::string_view from,
                                                           std::string_view until) {
  v1::AddDeelnemerRequest request;
  request.set_casus_id(casus_id_);
  request.set_tafel(std::string(kTafel));
  Fill(*request.mutable_deelnemer(), deelnemer);
  request.set_from(std::string(from));
  request.set_until(std::string(until));
  return Send<v1::AddDeelnemerResponse>(kRegie, "CasusService/AddDeelnemer", std::move(request));
}

absl::Status SmallWorld::AdmitAt(std::string_view tafel, Side by, Side deelnemer,
                                 std::string_view from) {
  v1::AddDeelnemerRequest request;
  request.set_casus_id(casus_id_);
  request.set_tafel(std::string(tafel));
  Fill(*request.mutable_deelnemer(), deelnemer);
  request.set_from(std::string(from));
  return Send<v1::AddDeelnemerResponse>(by, "CasusService/AddDeelnemer", std::move(request))
      .status();
}

absl::StatusOr<v1::RemoveDeelnemerResponse> SmallWorld::Remove(Side deelnemer) {
  v1::RemoveDeelnemerRequest request;
  request.set_casus_id(casus_id_);
  Fill(*request.mutable_deelnemer(), deelnemer);
  return Send<v1::RemoveDeelnemerResponse>(kRegie, "CasusService/RemoveDeelnemer",
                                           std::move(request));
}

absl::StatusOr<v1::ScaleCasusResponse> SmallWorld::Scale(Side by, std::string_view phase) {
  v1::ScaleCasusRequest request;
  request.set_casus_id(casus_id_);
  request.set_phase(std::string(phase));
  request.set_reason("GEHEIM reden");
  return Send<v1::ScaleCasusResponse>(by, "CasusService/ScaleCasus", std::move(request));
}

absl::StatusOr<v1::CloseCasusResponse> SmallWorld::Close() {
  v1::CloseCasusRequest request;
  request.set_casus_id(casus_id_);
  request.set_reason("GEHEIM reden");
  return Send<v1::CloseCasusResponse>(kRegie, "CasusService/CloseCasus", std::move(request));
}

policy::v1::FieldOutcome::Id OutcomeOf(const v1::RequestFieldsResponse& response) {
  return response.answer().fields_size() == 1 ? response.answer().fields(0).outcome()
                                              : policy::v1::FieldOutcome::OUTCOME_UNSPECIFIED;
}

policy::v1::ReasonCode::Id CodeOf(const v1::RequestFieldsResponse& response) {
  return response.answer().fields_size() == 1 ? response.answer().fields(0).code()
                                              : policy::v1::ReasonCode::REASON_CODE_UNSPECIFIED;
}

}  // namespace sluis::broker
