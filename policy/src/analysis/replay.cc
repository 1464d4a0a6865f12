#include "sluis/policy/replay.h"

#include <algorithm>
#include <bit>

#include "../engine/compiled.h"
#include "absl/strings/str_cat.h"

#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/log/v1/decision.pb.h"
#include "sluis/policy/engine.h"
#include "sluis/policy/record.h"

namespace sluis::policy {
namespace {

// A name that the record has and the policy has not differs from everything.
bool Differs(const std::string& name, auto recorded, auto decided) {
  return recorded != decided || recorded.valid() == name.empty();
}

// Nothing of a field, or its outcome with all that explains it.
std::string Describe(const Policy& policy, const FieldDecision& field) {
  std::string text =
      absl::StrCat(ToAbsl(OutcomeName(field.outcome)), " ", ToAbsl(CodeName(field.code)));
  if (field.grant.valid()) absl::StrAppend(&text, " ", policy.NameOf(field.grant));
  if (field.row.valid()) absl::StrAppend(&text, " ", policy.NameOf(field.row));
  if (field.exclusion.valid()) absl::StrAppend(&text, " ", policy.NameOf(field.exclusion));
  for (ConditionSet rest = field.missing; rest != 0; rest &= rest - 1) {
    absl::StrAppend(&text, " -",
                    ToAbsl(RuleOf(static_cast<Condition>(std::countr_zero(rest))).name));
  }
  for (ObligationSet rest = field.obligations; rest != 0; rest &= rest - 1) {
    absl::StrAppend(&text, " +",
                    ToAbsl(ObligationName(static_cast<Obligation>(std::countr_zero(rest)))));
  }
  return text;
}

}  // namespace

absl::Status Replay(const Policy& policy, const RecordedDecision& recorded,
                    Comparison& comparison) {
  comparison.differences.clear();
  comparison.complete = true;
  Decision& decided = comparison.decided;
  SLUIS_RETURN_IF_ERROR(ReadDecision(policy, recorded.acting_partij, recorded.acting_hat,
                                     *recorded.decision, comparison.request, decided,
                                     UnknownDeciders::kDrop));
  std::copy_n(decided.fields.begin(), decided.count, comparison.recorded.begin());
  comparison.complete = DecideFromEvidence(policy, comparison.request, recorded.today, decided);
  for (uint16_t i = 0; i < decided.count; ++i) {
    const FieldDecision& before = comparison.recorded[i];
    const FieldDecision& after = decided.fields[i];
    const auto& names = recorded.decision->fields(i);
    const ReplayDifference difference{i,
                                      before.outcome != after.outcome,
                                      before.code != after.code,
                                      Differs(names.grant(), before.grant, after.grant),
                                      Differs(names.row(), before.row, after.row),
                                      Differs(names.exclusion(), before.exclusion, after.exclusion),
                                      before.obligations != after.obligations,
                                      before.missing != after.missing};
    if (difference.outcome || difference.code || difference.grant || difference.row ||
        difference.exclusion || difference.obligations || difference.missing) {
      comparison.differences.push_back(difference);
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> DescribeDifferences(const Policy& policy, const RecordedDecision& recorded,
                                             const Comparison& comparison) {
  std::vector<std::string> lines;
  for (const ReplayDifference& difference : comparison.differences) {
    const FieldDecision& before = comparison.recorded[difference.field];
    std::string was = Describe(policy, before);
    // Names that this policy does not have stand in the record alone.
    const auto& names = recorded.decision->fields(difference.field);
    const auto add = [&](const std::string& name, bool known) {
      if (!name.empty() && !known) absl::StrAppend(&was, " ", name);
    };
    add(names.grant(), before.grant.valid());
    add(names.row(), before.row.valid());
    add(names.exclusion(), before.exclusion.valid());
    lines.push_back(absl::StrCat(policy.NameOf(before.field), ": ", was, " -> ",
                                 Describe(policy, comparison.decided.fields[difference.field])));
  }
  return lines;
}

}  // namespace sluis::policy
