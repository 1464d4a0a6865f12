#include "content.h"

#include "absl/strings/str_cat.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/intake/checks.h"
#include "sluis/intake/value_form.h"
#include "sluis/policy/v1/convenant.pb.h"

namespace sluis::broker {

using policy::v1::SourceCondition;

absl::Status CheckCompanions(const std::string& path, const v1::ValueContent& content) {
  SLUIS_RETURN_IF_ERROR(intake::CheckDay(path + "value_date", content.value_date()).status());
  if (content.conditions_size() > 10) return Malformed(path + "conditions", "more than 10");
  for (int i = 0; i < content.conditions_size(); ++i) {
    const SourceCondition& condition = content.conditions(i);
    const std::string at = absl::StrCat(path, "conditions[", i, "]");
    if (condition.kind() == SourceCondition::KIND_UNSPECIFIED)
      return Malformed(at + ".kind", "missing");
    if (condition.kind() == SourceCondition::EINDDATUM) {
      SLUIS_RETURN_IF_ERROR(intake::CheckDay(at + ".until", condition.until()).status());
    }
    if (condition.kind() == SourceCondition::ALLEEN_TAFEL && condition.tafel().empty()) {
      return Malformed(at + ".tafel", "missing");
    }
    if (!condition.person().empty() || !condition.field().empty() || condition.has_origin()) {
      return Malformed(at, "person, field and origin follow from the deposit");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCompanions(const FieldRules& rules, const std::string& path,
                             const v1::ValueContent& content, CivilDate today) {
  const policy::v1::Convenant& convenant = rules.policy.convenant();
  // Everything the police give keeps its labels, identity data included (Wpg 4 lid 3, 6b).
  const bool police =
      convenant.fields(rules.field.index()).data_class() == policy::v1::DataClass::POLITIEGEGEVEN ||
      convenant.hats(rules.hat.index()).police();
  if (police && (content.labels().nature() == v1::PoliceLabels::NATURE_UNSPECIFIED ||
                 content.labels().subject() == v1::PoliceLabels::SUBJECT_UNSPECIFIED)) {
    return Malformed(path + "labels", "missing: police data keep their labels");
  }
  for (int i = 0; i < content.conditions_size(); ++i) {
    const std::string& tafel = content.conditions(i).tafel();
    if (!tafel.empty() && !rules.policy.FindTafel(tafel)) {
      return Malformed(absl::StrCat(path, "conditions[", i, "].tafel"),
                       "not a tafel of the convenant");
    }
  }
  const auto value_date = CivilDate::Parse(content.value_date());
  if (!value_date.ok() || today < *value_date)
    return Malformed(path + "value_date", "in the future");
  return absl::OkStatus();
}

absl::Status CheckFieldValue(const FieldRules& rules, std::string_view path,
                             const v1::Value& value) {
  if (rules.min_cell > 0) return intake::CheckAggregate(path, value, rules.min_cell);
  const policy::v1::Convenant& convenant = rules.policy.convenant();
  return intake::CheckValue(path, value, convenant.fields(rules.field.index()), convenant);
}

}  // namespace sluis::broker
