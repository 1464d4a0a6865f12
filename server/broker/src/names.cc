#include "names.h"

namespace sluis::broker {
namespace {

template <typename Found>
absl::Status Check(std::string_view path, std::string_view name, const Found& found,
                   std::string_view what) {
  if (name.empty()) return Malformed(path, "missing");
  if (!found) return Malformed(path, absl::StrCat("not a ", ToAbsl(what), " of the convenant"));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckField(const policy::Policy& policy, std::string_view path,
                        std::string_view name) {
  return Check(path, name, policy.FindField(name), "field");
}

absl::Status CheckTafel(const policy::Policy& policy, std::string_view path,
                        std::string_view name) {
  return Check(path, name, policy.FindTafel(name), "tafel");
}

absl::Status CheckPurpose(const policy::Policy& policy, std::string_view path,
                          std::string_view name) {
  return Check(path, name, policy.FindPurpose(name), "purpose");
}

absl::Status CheckPartij(const policy::Policy& policy, std::string_view path,
                         std::string_view name) {
  return Check(path, name, policy.FindPartij(name), "partij");
}

absl::Status CheckHat(const policy::Policy& policy, std::string_view path, std::string_view name) {
  return Check(path, name, policy.FindHat(name), "hat");
}

absl::Status CheckSide(const policy::Policy& policy, std::string_view path,
                       const policy::v1::PartijHat& side) {
  const std::string partij = absl::StrCat(ToAbsl(path), ".partij");
  const std::string hat = absl::StrCat(ToAbsl(path), ".hat");
  SLUIS_RETURN_IF_ERROR(CheckPartij(policy, partij, side.partij()));
  SLUIS_RETURN_IF_ERROR(CheckHat(policy, hat, side.hat()));
  if (!policy.Holds(*policy.FindPartij(side.partij()), *policy.FindHat(side.hat()))) {
    return Malformed(hat, "the partij does not hold this hat");
  }
  return absl::OkStatus();
}

bool IsCompetent(const policy::Policy& policy, std::string_view fact, std::string_view hat) {
  for (const auto& competence : policy.convenant().competences()) {
    if (competence.fact() == fact) return competence.any_hat() || ListsHat(competence.hats(), hat);
  }
  return false;
}

}  // namespace sluis::broker
