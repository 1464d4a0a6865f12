#pragma once

#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include "sluis/client/audit_log.h"

namespace sluis::cli {

// --usage: for what the log is read. There are no other purposes (WGS_SAMENWERKING 1.8 lid 4).
inline void AddUsagePurpose(CLI::App& command, client::UsagePurpose& target) {
  static const std::map<std::string, client::UsagePurpose> kPurposes = {
      {"LAWFULNESS_CONTROL", client::UsagePurpose::kLawfulnessControl},
      {"INTERNAL_CONTROL", client::UsagePurpose::kInternalControl},
      {"INTEGRITY_SECURITY", client::UsagePurpose::kIntegritySecurity},
      {"COURT_PROCEEDINGS", client::UsagePurpose::kCourtProceedings}};
  command
      .add_option_function<std::string>(
          "--usage", [&target](const std::string& name) { target = kPurposes.at(name); },
          "For what the log is read: LAWFULNESS_CONTROL, INTERNAL_CONTROL, INTEGRITY_SECURITY or "
          "COURT_PROCEEDINGS; the reading is recorded with it")
      ->required()
      ->type_name("PURPOSE")
      ->check([](const std::string& name) {
        return kPurposes.contains(name) ? ""
                                        : name + " is no purpose for which the log may be read";
      });
}

}  // namespace sluis::cli
