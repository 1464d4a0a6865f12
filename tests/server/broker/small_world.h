#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "sluis/assembly/assembly.h"
#include "sluis/base/text.h"
#include "sluis/broker/broker.h"
#include "sluis/policy/v1/facts.pb.h"
#include "sluis/testing/test_broker.h"
#include "sluis/testing/transport.h"
#include "sluis/v1/casus.pb.h"
#include "sluis/v1/consent.pb.h"
#include "sluis/v1/fact.pb.h"
#include "sluis/v1/field.pb.h"
#include "sluis/v1/sharing.pb.h"

// One casus in which a release rests on everything that can be taken back: a consent, no objection,
// a participation, a phase and a casus that is open.
namespace sluis::broker {

struct Side {
  std::string_view partij;
  std::string_view hat;
};

// The wijkteam of Almelo asks Mediant about Gerda at the MDO, with her consent.
inline constexpr Side kWijkteam{"P_ALMELO", "GEM_COLLEGE_WMO"};
inline constexpr Side kRegie{"P_ALMELO", "GEM_PROCESREGIE"};
inline constexpr Side kGgz{"P_MEDIANT", "GGZ"};
inline constexpr std::string_view kTafel = "T_WIJKTEAM_MDO";
inline constexpr std::string_view kField = "signaleringsplan_bejegening";
inline constexpr std::string_view kActor = "actor";

inline absl::Time TestNow() {
  return absl::FromCivil(absl::CivilSecond(2026, 11, 30, 9, 0, 0), absl::UTCTimeZone());
}

// Calls a broker of which the test opened the rooms itself.
class AssemblyTransport final : public testing::Transport {
 public:
  explicit AssemblyTransport(assembly::Assembly& assembly) : assembly_(assembly) {}
  absl::StatusOr<std::string> Call(std::string_view partij, std::string_view method,
                                   std::string_view request) override;
  absl::Status SetClock(absl::Time now) override;
  // Without waiting. What is answered from memory is with the ledger when this returns.
  void Start(std::string_view partij, std::string_view method, std::string request,
             absl::Time deadline, Broker::Done done);

 private:
  assembly::Assembly& assembly_;
};

// The options of an assembly on the files of `directory`, over a store that the test may wrap.
assembly::AssemblyOptions OptionsOn(const std::string& directory,
                                    std::unique_ptr<store::Store> store);
audit::SigningKey TestLogKey();
std::unique_ptr<store::Store> OpenStoreIn(const std::string& directory);

class SmallWorld {
 public:
  explicit SmallWorld(testing::Transport& transport) : transport_(transport) {}

  // A casus with its person and deelnemers, and a deposit. No consent yet.
  absl::Status Build(int number = 1);
  // A professional for each partij of the story, and for these.
  absl::Status PutActors(const std::vector<std::string>& others = {});

  // A call in the name of `side`.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Send(Side side, std::string_view method, Request request) {
    if (request.request_id().empty()) request.set_request_id(testing::NewRequestId());
    request.set_acting_hat(std::string(side.hat));
    request.set_professional(std::string(kActor));
    return transport_.Send<Response>(side.partij, absl::StrCat("/sluis.v1.", ToAbsl(method)),
                                     request);
  }

  v1::RequestFieldsRequest Question() const;
  absl::StatusOr<v1::RequestFieldsResponse> Ask();
  policy::v1::Consent NewConsent() const;
  absl::StatusOr<v1::RecordConsentResponse> Consent();
  absl::StatusOr<v1::WithdrawConsentResponse> WithdrawConsent(const std::string& id);
  absl::StatusOr<v1::RecordFactResponse> Object();
  absl::StatusOr<v1::WithdrawFactResponse> WithdrawFact(Side side, const std::string& id);
  absl::StatusOr<v1::AddDeelnemerResponse> Admit(Side deelnemer,
                                                 std::string_view from = "2026-01-05",
                                                 std::string_view until = "");
  // At another tafel than the MDO, by who admits there.
  absl::Status AdmitAt(std::string_view tafel, Side by, Side deelnemer,
                       std::string_view from = "2026-01-05");
  absl::StatusOr<v1::RemoveDeelnemerResponse> Remove(Side deelnemer);
  absl::StatusOr<v1::ScaleCasusResponse> Scale(Side by, std::string_view phase);
  absl::StatusOr<v1::CloseCasusResponse> Close();
  absl::StatusOr<v1::DepositFieldResponse> Deposit();
  // Of kField, or of another one.
  v1::DepositFieldRequest NewDeposit(std::string_view field = kField) const;
  // The source keeps the value of kField itself.
  absl::Status KeepAtSource();
  // Another person in the casus, of whom nobody holds anything: the id by which the regie, so the
  // wijkteam, knows it. `number` is that of its BSN.
  absl::StatusOr<std::string> AddStranger(int number);

  [[nodiscard]] const std::string& casus_id() const { return casus_id_; }
  // The ids by which the two partijen know Gerda.
  [[nodiscard]] const std::string& wijkteam_person() const { return wijkteam_person_; }
  [[nodiscard]] const std::string& ggz_person() const { return ggz_person_; }
  [[nodiscard]] testing::Transport& transport() { return transport_; }

 private:
  testing::Transport& transport_;
  std::string casus_id_;
  std::string wijkteam_person_;
  std::string ggz_person_;
};

// The outcome of the only field of Question().
policy::v1::FieldOutcome::Id OutcomeOf(const v1::RequestFieldsResponse& response);
policy::v1::ReasonCode::Id CodeOf(const v1::RequestFieldsResponse& response);

}  // namespace sluis::broker
