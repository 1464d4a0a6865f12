#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define SLUIS_RETURN_IF_ERROR(expression)                                                  \
  do {                                                                                     \
    if (absl::Status sluis_status = (expression); !sluis_status.ok()) return sluis_status; \
  } while (false)

#define SLUIS_MACRO_CONCAT_INNER(x, y) x##y
#define SLUIS_MACRO_CONCAT(x, y) SLUIS_MACRO_CONCAT_INNER(x, y)
#define SLUIS_ASSIGN_OR_RETURN_INNER(temporary, declaration, expression) \
  auto temporary = (expression);                                         \
  if (!(temporary).ok()) return (temporary).status();                    \
  declaration = *std::move(temporary) /* NOLINT(bugprone-macro-parentheses): a declaration */

// SLUIS_ASSIGN_OR_RETURN(const auto row, Read(id));
#define SLUIS_ASSIGN_OR_RETURN(declaration, expression) \
  SLUIS_ASSIGN_OR_RETURN_INNER(SLUIS_MACRO_CONCAT(sluis_or_, __LINE__), declaration, expression)
