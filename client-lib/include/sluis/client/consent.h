#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "sluis/base/civil_date.h"
#include "sluis/client/call.h"
#include "sluis/client/sharing.h"

// Consent of persons (proto/sluis/v1/consent.proto).
namespace sluis::client {

// For one kind of provision: no carry-over to another partij, hat, category, purpose or time.
struct Consent {
  struct Giver {
    std::string capacity = {};  // SELF, PARENT, VOOGD, REPRESENTATIVE, PARENT_WITHOUT_GEZAG
    std::string name = {};
  };
  std::string person_id = {};
  std::vector<Giver> given_by = {};
  PartijHat source = {};
  PartijHat recipient = {};
  std::vector<std::string> fields = {};
  std::vector<std::string> categories = {};
  std::string purpose = {};
  std::string status = {};  // GEGEVEN_UITDRUKKELIJK, GEWEIGERD, … (Consent.Status)
  std::string flag = {};    // AVG_GRONDSLAG, DOORBREKING_GEHEIM
  std::optional<CivilDate> date = {};
  std::optional<CivilDate> from = {};
  std::optional<CivilDate> until = {};
  std::string way = {};
  std::string evidence = {};
};

struct RecordConsentRequest {
  Consent consent = {};
};
struct RecordConsentAnswer {
  std::string consent_id = {};
  bool needs_confirmation = false;
  Proof proof = {};
};

struct ConfirmConsentRequest {
  std::string consent_id = {};
};

struct WithdrawConsentRequest {
  std::string consent_id = {};
  // On behalf of the person: decides what of the earlier releases is told.
  RightsRole rights_role = RightsRole::kNone;
  bool identity_established = false;
};
// A field that was released on the consent before; that stays lawful.
struct EarlierRelease {
  uint64_t entry = 0;
  std::string field = {};
  PartijHat recipient = {};
  std::optional<CivilDate> date = {};
};
struct WithdrawConsentAnswer {
  std::vector<EarlierRelease> earlier = {};
  bool more = false;  // than were told
  Proof proof = {};
};

}  // namespace sluis::client
