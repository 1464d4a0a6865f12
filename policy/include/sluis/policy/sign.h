#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/ids.h"
#include "sluis/policy/policy.h"

// What the partijen sign when they agree on a convenant, and who has to (layout:
// docs/formats/convenant-signature.md). No cryptography here: who calls has it.
namespace sluis::policy {

// The bytes that are agreed upon: statute and convenant, not the operator's switches, which a
// partij neither knows nor decides. Domain-separated; comments and spelling do not count. Its
// SHA-256 is the agreement hash.
std::string CanonicalAgreement(const Policy& policy);

// What one partij signs: the text of a signed note (C2SP). `agreement_hash` is the SHA-256 of
// CanonicalAgreement(), 32 bytes. Names the partij and its OIN, so that nobody's signature can pass
// for another's.
std::string SigningStatement(const Policy& policy, PartijId partij,
                             std::string_view agreement_hash);

// The partijen that have to have signed for the convenant to bind on `day`: all that have acceded
// by then and not left. In the order of the convenant.
std::vector<PartijId> MustSign(const Policy& policy, CivilDate day);

// A partij whose signature does not bind it.
struct SignatureProblem {
  // SIGNATURE_MISSING  there is none
  // SIGNATURE_INVALID  there is one that does not verify with the partij's key
  // SIGNATURE_OTHER    it verifies, but says something else than this convenant by this partij
  std::string reason;
  std::string partij;
  std::string message;
};

// The verified text of the signed note of a partij: NOT_FOUND when there is no note, any other
// error when it does not verify with the key of that partij and no other.
using OpenSignature = std::function<absl::StatusOr<std::string>(const std::string& partij)>;

// Everybody of MustSign() who is not bound, in order. Empty: the convenant binds all of them.
std::vector<SignatureProblem> CheckSignatures(const Policy& policy, CivilDate day,
                                              std::string_view agreement_hash,
                                              const OpenSignature& open);

}  // namespace sluis::policy
