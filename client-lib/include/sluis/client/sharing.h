#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluis/audit/digest.h"
#include "sluis/base/outcome.h"
#include "sluis/client/call.h"
#include "sluis/client/field.h"

// Asking another partij for fields of a person in a casus (proto/sluis/v1/sharing.proto).
namespace sluis::client {

struct AskedField {
  std::string field = {};
  std::string motivation = {};
};

// In which capacity somebody asks for inzage.
enum class RightsRole { kNone, kSelf, kRepresentative };

// One person, one source, named fields.
struct RequestFieldsRequest {
  std::string casus_id = {};
  std::string tafel = {};
  std::string stage = {};
  std::string task = {};
  std::string power = {};
  PartijHat source = {};
  std::string purpose = {};
  std::string person_id = {};
  std::vector<AskedField> fields = {};  // 1-100 different ones
  std::string wvggz_ernstig_nadeel = {};
  bool identity_established = false;
  RightsRole rights_role = RightsRole::kNone;
  // A dry run: nothing is delivered.
  bool validate_only = false;
  // Language of FieldAnswer::text: "nl", "en", or empty for none.
  std::string language = {};
};

// What became of one field.
struct FieldAnswer {
  std::string field = {};
  // An outcome that this version does not know is a refusal.
  Outcome outcome = Outcome::kRefuse;
  // Why; by name, since codes may be added (CodeFromName of sluis/base/outcome.h).
  std::string code = {};
  std::string article = {};
  std::string grondslag = {};
  std::string grant = {};
  // What we must do after this release, e.g. "DOELGEBONDEN".
  std::vector<std::string> obligations = {};
  // The nearest lawful route: what would still have to be true.
  std::vector<std::string> missing = {};
  // Outcome and route in words.
  std::string text = {};
  // True for a release of which the source holds no value.
  bool none_held = false;
  // Where the source keeps this value itself, or one that is released beside it: what became of it,
  // by name: DELIVERED, NONE_HELD, SOURCE_OBJECTS, SOURCE_UNREACHABLE, SOURCE_SILENT,
  // SOURCE_ANSWER_REFUSED, NO_LONGER_RELEASED, VALUE_UNREADABLE. Empty for what is decided and
  // delivered at once. Its own entry of the log says so: the second of Proof::entries.
  std::string delivery = {};
  // The value, compared with the commitment that stands in the log.
  std::optional<ValueContent> value = {};
};

// An answer as it was decided; its hash stands in the log entry.
struct Decision {
  std::vector<FieldAnswer> fields = {};  // in the order asked
  std::string convenant_version = {};
  std::string statute_version = {};
  audit::Digest policy_hash = {};
  bool validate_only = false;
};

struct RequestFieldsAnswer {
  Decision decision = {};
  // For a repeated request_id: the first answer, without values, and its entry. Values come only if
  // both release.
  struct Earlier {
    Decision decision = {};
    Entry entry = {};
  };
  std::optional<Earlier> earlier = {};
  Proof proof = {};
};

}  // namespace sluis::client
