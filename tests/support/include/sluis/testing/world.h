#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/policy/cases.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/facts.pb.h"
#include "sluis/testing/transport.h"
#include "sluis/v1/professional.pb.h"
#include "sluis/v1/sharing.pb.h"
#include "sluis/v1/value.pb.h"

namespace sluis::testing {

// A value that a field of this form can have. Its texts hold kSecretMark, so that a scan finds
// them.
v1::Value SampleValue(const policy::v1::Field& field);
inline constexpr std::string_view kSecretMark = "KWIKSTAART";

// Nine digits with leading 9 that satisfy the 11-proef: a test number. Different for each `n`.
std::string TestBsn(int n);

// Plays the facts and requests of policy cases through the contract of a broker, each partij doing
// what is its own to do, and maps the ids of the case to those of the wire.
class World {
 public:
  // In a broker that knows other worlds already, `first_person` keeps their persons apart: a BSN is
  // one person everywhere. Each world uses fewer than kMaxPersons.
  World(Transport& transport, const policy::v1::Convenant& convenant, int first_person = 0);
  static constexpr int kMaxPersons = 20;

  // Makes the facts of a step true in a broker that knows nothing yet, and sets its clock to the
  // step's instant. What no partij can record is left out and stands in `left_out()`; an error is
  // something that should have worked.
  absl::Status Build(const policy::ExpandedStep& step);
  [[nodiscard]] const std::vector<std::string>& left_out() const { return left_out_; }

  // Takes back what concerns more than this world's casus: facts of a partij as such, and the
  // professionals of the case. The next world in the same broker starts clean.
  absl::Status Leave();

  // The request of a step, on the wire.
  v1::RequestFieldsRequest Request(const policy::v1::DecisionRequest& request);
  absl::StatusOr<v1::RequestFieldsResponse> Ask(const policy::v1::DecisionRequest& request);

  // What differs between an answer and what the step expects; empty when nothing does.
  static std::vector<std::string> Compare(const policy::v1::Statute& statute,
                                          const policy::ExpandedStep& step,
                                          const absl::StatusOr<v1::RequestFieldsResponse>& answer);

  // Ids of the wire.
  [[nodiscard]] const std::string& casus_id() const { return casus_id_; }
  // The id by which a partij knows a person of the case, who is introduced to it if need be; empty
  // when there is none.
  std::string PersonId(std::string_view partij, std::string_view person);

 private:
  struct Side {
    std::string partij;
    std::string hat;
  };

  template <typename Answer, typename Response, typename Req>
  absl::StatusOr<Answer> Send(const Side& side, std::string_view method, Req request);
  absl::Status Put(const std::string& partij, v1::PutProfessionalRequest request);
  absl::Status PutActor(const std::string& partij);
  absl::Status PutProfessionals(const policy::v1::Facts& facts);
  absl::Status Introduce(const std::string& partij);
  absl::Status Open(const policy::ExpandedStep& step);
  absl::Status AddPersons(const policy::v1::CasusFacts& casus);
  absl::Status Admit(const policy::ExpandedStep& step);
  absl::Status Deposit(const policy::ExpandedStep& step);
  absl::Status Record(const policy::ExpandedStep& step);
  absl::Status Wams(const policy::v1::CasusFacts& casus);
  absl::Status Approve(const Side& side, const policy::v1::ProfessionalDecision& decision);
  absl::Status RecordOne(const Side& side, policy::v1::Fact fact, bool in_casus,
                         std::string_view what);
  absl::Status Close(const policy::v1::CasusFacts& casus);
  // The first partij of the convenant with this hat, or with one of these.
  [[nodiscard]] Side Holder(std::string_view hat) const;
  template <typename Hats>
  [[nodiscard]] Side HolderOf(const Hats& hats) const;
  [[nodiscard]] const policy::v1::Partij* PartijNamed(std::string_view id) const;
  [[nodiscard]] const policy::v1::Tafel* TafelNamed(std::string_view id) const;
  [[nodiscard]] const policy::v1::AdmissionRule* AdmissionAt(const policy::v1::Tafel& tafel) const;

  Transport& transport_;
  const policy::v1::Convenant& convenant_;
  const int first_person_;
  Side opener_;
  std::string casus_id_;
  std::set<std::string> actors_;      // partijen whose actor is on record
  std::set<std::string> introduced_;  // partijen that know the persons
  std::vector<std::string> persons_;  // of the case, in the order of the casus
  std::map<std::pair<std::string, std::string>, std::string> person_ids_;
  absl::Status not_introduced_;
  std::vector<std::string> left_out_;
  struct Recorded {
    Side side;
    std::string id;
  };
  std::vector<Recorded> besluiten_;
  std::string last_fact_;
  // The last decision of a kind that others approve.
  std::string approvable_;
  std::vector<policy::v1::Professional> professionals_;
};

}  // namespace sluis::testing
