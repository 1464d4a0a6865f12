#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/field_set.h"
#include "sluis/policy/ids.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/vocabulary.h"

// The facts in the form that the engine reads: names interned, civil dates already compared with
// one day. Made from the messages of facts.proto by the functions below, each of which drops what
// does not count on that day: an absent fact is never better than a negative one. Pure.
namespace sluis::policy {

namespace v1 {
class Besluit;
class CasusFacts;
class CasusPerson;
class Facts;
class Professional;
}  // namespace v1

struct Side {
  PartijId partij{};
  HatId hat{};
  // As one word: the test of most loops over facts.
  friend bool operator==(Side a, Side b) {
    return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
  }
};

struct ParticipationFact {
  Side side{};
  // The regime at whose tafels it counts, or every one.
  std::optional<Regime> regime{};
};
struct GuestFact {
  Side side{};
  TafelId tafel{};
};

// A casus on one day.
struct CasusFacts {
  bool closed = false;
  bool radicalisation = false;
  PhaseId phase{};
  StageId stage{};
  MunicipalityId municipality{};
  // A term counted from first processing of the casus is over, or that day is unknown.
  bool retention_over = true;
  std::vector<TafelId> placed{};
  std::vector<ParticipationFact> participants{};  // in period
  std::vector<GuestFact> guests{};                // in period
  std::vector<TafelId> perpetrator_side{};
  std::optional<absl::Time> timebox_opened{};
  bool samenspraak = false;   // SAMENSPRAAK_OF_GEMOTIVEERD_ZONDER
  bool wams_outcome = false;  // WAMS_UITKOMST_MEERVOUDIG
};

// What a value is, without the value.
struct HoldingFact {
  Side source{};
  Side origin{};  // invalid: the holder's own
  FieldId field{};
  bool third_person = false;
  bool visible_to_present = false;
  bool pseudonymised = false;
  bool cell_large_enough = false;
  bool police_term_over = false;
  bool too_old = false;    // MAX_12_MAANDEN_OUD
  bool term_over = false;  // step 11 at tafels of SECTOR and WAMS
  bool wgs_over = false;   // step 11 at tafels of WGS_SAMENWERKING
};

struct ConsentFact {
  enum class Says : uint8_t { kNothing, kGiven, kRefused };
  Side source{};
  Side recipient{};
  PurposeId purpose{};
  FieldSet fields{};
  bool lifts_secrecy = false;
  Says says = Says::kNothing;
  std::optional<absl::Time> withdrawn_at{};
  // Each with the number of the giver among those of this person.
  std::vector<std::pair<Capacity, uint32_t>> givers{};
};

struct DecisionFact {
  // The numbers of ProfessionalDecision.Kind.
  enum class Kind : uint8_t {
    kGhv = 1,
    kCvp,
    kWams,
    kMeldrecht,
    kAcuut,
    kSelectie,
    kWjsg,
    kInstemming,
    kVierOgen
  };
  Kind kind = Kind::kGhv;
  Side source{};
  FieldSet fields{};
  HatSet recipient_hats{};
  std::vector<PartijId> recipient_parties{};
  bool given = false;              // else refused
  bool expired = false;            // says nothing, but hides older records
  PurposeId purpose{};             // WJSG
  std::optional<absl::Time> at{};  // ACUUT
  bool enough_approvers = false;   // VIER_OGEN
};

struct BesluitFact {
  TafelId verband{};  // invalid for Wpg 19
  FieldSet fields{};
  std::vector<PurposeId> purposes{};
  std::vector<Side> recipients{};
};

struct MandateFact {
  Side holder{};
  FieldSet fields{};
  bool lifts_secrecy = false;
  uint8_t givers = 0;  // a bit per Capacity
  std::optional<absl::Time> withdrawn_at{};
};

struct ObjectionFact {
  Side source{};
  FieldSet fields{};
  bool all_recipients = false;
  std::vector<Side> recipients{};
  std::optional<absl::Time> withdrawn_at{};
};

struct SourceConditionFact {
  enum class Kind : uint8_t { kNietDoor = 1, kEinddatumOver, kAlleenTafel };
  Kind kind = Kind::kNietDoor;
  Side origin{};
  FieldId field{};
  TafelId tafel{};
};

// Everything recorded about one person in one casus on one day; or, for a tafel without persons,
// about the casus itself. Newest records first.
struct SubjectFacts {
  PersonRole role = PersonRole::kUnknown;
  // Index into the brackets of the policy's age rules; -1: unknown age.
  int age_bracket = -1;
  bool bsn_usable = false;  // valid and verified
  bool wilsbekwaam = true;
  bool address_protected = false;
  bool informed = false;
  bool report_care_without_request = false;
  bool report_open = false;
  bool report_vt_explained = false;
  bool huisverbod = false;
  bool risk_18b = false;
  bool inzage_closed = false;  // an exception for all fields
  FieldSet inzage_exceptions{};
  ConsentFact::Says reporter_consent = ConsentFact::Says::kNothing;
  MunicipalityId municipality_before{};
  MunicipalityId municipality_after{};
  std::vector<PartijId> ots{};        // that execute one
  std::vector<PartijId> maatregel{};  // at which one runs
  std::vector<PartijId> hits{};
  std::vector<PartijId> attested{};  // whose newest attestation has four steps
  std::vector<Side> treating{};
  std::vector<ConsentFact> consents{};
  std::vector<DecisionFact> decisions{};
  std::vector<BesluitFact> wpg19{};
  std::vector<MandateFact> mandates{};
  std::vector<ObjectionFact> objections{};
  std::vector<SourceConditionFact> source_conditions{};
  // One per (source, field): the newest that is there. Sorted by source.
  std::vector<HoldingFact> holdings{};
};

struct ProfessionalFacts {
  bool active = false;  // on record at the acting partij
  HatSet hats{};
  bool medical_adviser = false;
  bool wvggz_function = false;
};

// What one decision may look at. References the parts, which outlive the decision.
struct Facts {
  CivilDate today{};
  absl::Time now;
  const CasusFacts* casus = nullptr;      // null: unknown
  const SubjectFacts* subject = nullptr;  // null: not in this casus
  const std::vector<BesluitFact>* wpg20 = nullptr;
  ProfessionalFacts professional;
};

// The parts, each from its messages as they are on `today`. Unknown names, malformed days and
// incomplete records are dropped; a record with a malformed end counts never. None fails.
CasusFacts InternCasus(const Policy& policy, const v1::CasusFacts& casus, CivilDate today);
// Records of `facts` about `person` (an id in those messages) in casus `casus_id`; for the casus
// itself, without a person, pass nullptr.
SubjectFacts InternSubject(const Policy& policy, const v1::Facts& facts,
                           const v1::CasusPerson* person, CivilDate today);
std::vector<BesluitFact> InternWpg20(const Policy& policy, const v1::Facts& facts, CivilDate today);
ProfessionalFacts InternProfessional(const Policy& policy, const v1::Facts& facts,
                                     std::string_view partij, std::string_view professional);

// The earliest instant after `facts.now` at which a decision on these facts may come out otherwise
// although no record changed: a time box ends, a withdrawal dated ahead begins. Days are not looked
// at.
absl::Time NextChange(const Policy& policy, const Facts& facts);

// All parts of one message, for whoever has all facts in hand. The casus of `facts` has to be the
// one asked; anything else is an unknown casus.
class FactsBundle {
 public:
  FactsBundle(const Policy& policy, const v1::Facts& facts, CivilDate today);
  // The view for one request. Valid as long as this object.
  [[nodiscard]] Facts For(std::string_view casus, std::string_view person, std::string_view partij,
                          std::string_view professional, absl::Time now) const;

 private:
  const Policy& policy_;
  const v1::Facts& facts_;
  CivilDate today_{};
  std::optional<CasusFacts> casus_{};
  std::map<std::string, SubjectFacts, std::less<>> subjects_;  // "" for the casus itself
  std::vector<BesluitFact> wpg20_{};
};

// An instant as the records write it: RFC 3339 with seconds and offset. Absent when malformed.
std::optional<absl::Time> ParseInstant(std::string_view text);

}  // namespace sluis::policy
