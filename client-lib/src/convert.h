#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/errors.h"
#include "sluis/base/outcome.h"
#include "sluis/client/audit_log.h"
#include "sluis/client/casus.h"
#include "sluis/client/consent.h"
#include "sluis/client/field.h"
#include "sluis/client/sharing.h"
#include "sluis/policy/v1/facts.pb.h"
#include "sluis/policy/v1/vocabulary.pb.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/casus.pb.h"
#include "sluis/v1/sharing.pb.h"
#include "sluis/v1/value.pb.h"

// Our structs and the messages. Into messages: MALFORMED with the element for a name that is not in
// a closed list. Out of messages: what this version does not know becomes its name, or nothing.
namespace sluis::client::internal {

absl::Status ReadFact(std::string_view json, policy::v1::Fact& fact);

void Write(const PartijHat& in, policy::v1::PartijHat& out);
absl::Status Write(const AddPersonRequest& in, v1::AddPersonRequest& out);
void Write(const Value& in, v1::Value& out);
absl::Status Write(const ValueContent& in, v1::ValueContent& out);
absl::Status Write(const Consent& in, policy::v1::Consent& out);
void Write(const RequestFieldsRequest& in, v1::RequestFieldsRequest& out);
absl::Status Write(const SearchEventsRequest& in, v1::SearchEventsRequest& out);
v1::UsagePurpose WritePurpose(UsagePurpose purpose);
absl::Status WriteFunction(const std::string& name, policy::v1::ProfessionalFunction::Id& out);
std::string WriteDay(const std::optional<CivilDate>& day);
std::optional<CivilDate> ReadDay(const std::string& text);
void Write(const IdentifyingElements& in, v1::IdentifyingElements& out);

// Sets an enum by its name, by the parser that protobuf made for it. Empty: left as it is.
template <typename Enum, typename Parse>
absl::Status SetEnum(std::string_view field, const std::string& name, Parse parse, Enum& out) {
  if (name.empty() || parse(name, &out)) return absl::OkStatus();
  return Malformed(field, "not a name that the contract has here");
}
// The name of a value of an enum whose values all begin with `prefix`; empty for an empty one.
inline std::string Prefixed(std::string_view prefix, const std::string& name) {
  return name.empty() ? name : std::string(prefix) + name;
}

Value Read(const v1::Value& in);
ValueContent Read(const v1::ValueContent& in);
CasusView Read(const v1::CasusView& in);
Decision Read(const v1::RequestFieldsAnswer& in);
Event Read(const v1::Event& in);

}  // namespace sluis::client::internal
