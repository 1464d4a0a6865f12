#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "small_world.h"

#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/state/notices.h"
#include "sluis/testing/policy_files.h"

// What the tests of casework share.
namespace sluis::broker {

inline constexpr Side kCollege{"P_ALMELO", "GEM_WAMS"};

// A working day on which the Wams of the scenarios is in force.
inline absl::Time WamsNow() {
  return absl::FromCivil(absl::CivilSecond(2027, 3, 15, 9, 0, 0), absl::UTCTimeZone());
}

// The switches of a scenario.
inline const policy::v1::OperatorSwitches& SwitchesOf(std::string_view case_id) {
  for (const policy::ExpandedStep& step : testing::ScenarioSteps()) {
    if (step.case_id == case_id) return *step.switches;
  }
  std::abort();
}

// Everything that a partij was told, in order.
inline std::vector<store::v1::Notice> NoticesOf(testing::TestBroker& broker,
                                                std::string_view partij) {
  std::vector<store::v1::Notice> notices;
  const auto reader = broker.assembly().store().Read();
  if (!reader.ok()) std::abort();
  const auto read = state::ReadNotices(**reader, broker.assembly().vault(), partij,
                                       state::NoticeCursor::Start(), 1000);
  if (!read.ok()) std::abort();
  for (const state::StoredNotice& each : *read) notices.push_back(each.notice);
  return notices;
}

}  // namespace sluis::broker
