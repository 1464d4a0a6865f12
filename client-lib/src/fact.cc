#include "sluis/client/fact.h"

#include "convert.h"

#include "sluis/base/errors.h"
#include "sluis/policy/v1/facts.pb.h"

namespace sluis::client {

absl::Status CheckFact(std::string_view fact_json) {
  policy::v1::Fact fact;
  return internal::ReadFact(fact_json, fact);
}

std::vector<std::string> FactKinds() {
  std::vector<std::string> kinds;
  const auto* descriptor = policy::v1::Fact::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) kinds.push_back(descriptor->field(i)->name());
  return kinds;
}

}  // namespace sluis::client
