#pragma once

#include <string>
#include <vector>

#include "sluis/client/call.h"

// A partij's own professionals (proto/sluis/v1/professional.proto).
namespace sluis::client {

// Replaces the record of this professional. The context's own `professional` is not used.
struct PutProfessionalRequest {
  std::string professional = {};            // 1-64 characters of [A-Za-z0-9._-]; not a name
  std::vector<std::string> hats = {};       // hats of the caller
  std::vector<std::string> functions = {};  // MEDISCH_ADVISEUR, … (ProfessionalFunction)
  bool active = false;                      // false ends every authorisation at once
};

struct Professional {
  std::string id = {};
  std::string partij = {};
  std::vector<std::string> hats = {};
  std::vector<std::string> functions = {};
  bool active = false;
};

struct ProfessionalPage {
  std::vector<Professional> professionals = {};
  std::string next_page_token = {};  // empty at the end
};

}  // namespace sluis::client
