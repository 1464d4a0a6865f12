#pragma once

#include <string>

#include "core.h"

#include "sluis/v1/casus.pb.h"

// How persons become known. Internal to the room.
namespace sluis::broker {

// The form of the elements; with `needed`, all of them. MALFORMED naming "elements.…".
absl::Status CheckElements(const v1::IdentifyingElements& elements, bool needed);
// Rows 21 and 22 of the malformed requests: the number itself appears nowhere.
absl::Status CheckBsn(const CommandContext& context, const std::string& bsn);

// What elements say of a person.
store::v1::Person IdentityIn(const v1::IdentifyingElements& elements);
// Finds the person with the BSN in `told`, or makes one, and keeps what is told: what is known
// stays as it is, and what protects the person is never taken away.
absl::StatusOr<Uuid> KeepPerson(CommandContext& context, const store::v1::Person& told);

// Opens a casus of a gemeente for `opener`, who sees it and its person; the caller need not.
// Writes it; the entry names it.
struct NewCasus {
  policy::v1::PartijHat opener;
  std::string phase;
  std::string municipality;
  std::string first_processed;
  Uuid person;
};
absl::StatusOr<std::pair<Uuid, store::v1::Casus>> OpenCasusAbout(CommandContext& context,
                                                                 const NewCasus& what);

// For calls that only read, and are answered for one hat: whether the caller holds the hat and the
// professional is on record in it.
absl::Status CheckReader(const policy::Policy& policy, state::StateReader& state,
                         const std::string& partij, const std::string& hat,
                         const std::string& professional, CivilDate today);

}  // namespace sluis::broker
