#pragma once

#include <string_view>

namespace sluis::broker {

// Whether it can stand in the log as the name of an operator: 1-64 of [A-Za-z0-9._-].
bool IsOperatorName(std::string_view name);
// Whether two names are one operator: "A.Jansen" is no second one beside "a.jansen".
bool IsSameOperator(std::string_view one, std::string_view other);

}  // namespace sluis::broker
