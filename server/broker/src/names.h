#pragma once

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core.h"

// Whether names in a request are those of the convenant. MALFORMED, naming the element, otherwise.
namespace sluis::broker {

absl::Status CheckField(const policy::Policy& policy, std::string_view path, std::string_view name);
absl::Status CheckTafel(const policy::Policy& policy, std::string_view path, std::string_view name);
absl::Status CheckPurpose(const policy::Policy& policy, std::string_view path,
                          std::string_view name);
absl::Status CheckPartij(const policy::Policy& policy, std::string_view path,
                         std::string_view name);
absl::Status CheckHat(const policy::Policy& policy, std::string_view path, std::string_view name);
// A partij of the convenant and a hat that it holds.
absl::Status CheckSide(const policy::Policy& policy, std::string_view path,
                       const policy::v1::PartijHat& side);

enum class Emptiness { kAllowed, kRefused };

// Every name of a list, by one of the functions above.
template <typename List, typename Check>
absl::Status CheckEach(const policy::Policy& policy, std::string_view path, const List& list,
                       Emptiness emptiness, Check check) {
  if (list.empty() && emptiness == Emptiness::kRefused) return Malformed(path, "missing");
  for (int i = 0; i < list.size(); ++i) {
    SLUIS_RETURN_IF_ERROR(check(policy, absl::StrCat(ToAbsl(path), "[", i, "]"), list[i]));
  }
  return absl::OkStatus();
}

// Whether the acting hat may record this kind of fact (Convenant.competences).
bool IsCompetent(const policy::Policy& policy, std::string_view fact, std::string_view hat);

}  // namespace sluis::broker
