#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluis/base/civil_date.h"
#include "sluis/client/call.h"

// Lists of prioritised casussen (proto/sluis/v1/priority_list.proto).
namespace sluis::client {

struct PutCriteriaRequest {
  std::string tafel = {};
  std::string text = {};
};

struct PutOnListRequest {
  std::string tafel = {};
  std::string casus_id = {};
  std::string reason = {};
};

struct TakeOffListRequest {
  std::string tafel = {};
  std::string casus_id = {};
};

struct PriorityCasus {
  std::string casus_id = {};
  std::string reason = {};
  std::optional<CivilDate> since = {};
};
// A page. The criteria are on each.
struct PriorityList {
  std::string criteria = {};
  std::optional<CivilDate> criteria_since = {};
  std::vector<PriorityCasus> casussen = {};
  std::string next_page_token = {};
};

}  // namespace sluis::client
