#include "e2e.h"

#include <google/protobuf/text_format.h>

#include <cstdlib>
#include <iostream>
#include <utility>

#include "sluis/base/status_macros.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis::testing {

absl::Status Stage::UseSwitches(const policy::v1::OperatorSwitches& switches) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(switches, &text);
  if (text == switches_) return absl::OkStatus();
  daemon_.WriteSwitches(text);
  SLUIS_RETURN_IF_ERROR(transport_.ReloadPolicy());
  switches_ = std::move(text);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<World>> Stage::Play(const policy::ExpandedStep& step,
                                                   Transport& through) {
  SLUIS_RETURN_IF_ERROR(UseSwitches(*step.switches));
  auto world = std::make_unique<World>(through, ReferenceConvenant().message(),
                                       World::kMaxPersons * worlds_++);
  SLUIS_RETURN_IF_ERROR(world->Build(step));
  return world;
}

const policy::ExpandedStep& StepOf(std::string_view case_id, std::string_view id) {
  for (const policy::ExpandedStep& step : ScenarioSteps()) {
    if (step.case_id == case_id && step.step->id() == id) return step;
  }
  std::cerr << "no step " << id << " of " << case_id << "\n";
  std::abort();
}

}  // namespace sluis::testing
