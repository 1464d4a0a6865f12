#include "sluis/policy/cases.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"
#include "sluis/policy/engine.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/request.h"
#include "sluis/policy/v1/case.pb.h"

namespace sluis::policy {
namespace {

absl::Status CaseError(const v1::PolicyCase& message, const v1::CaseStep& step,
                       std::string_view text) {
  return InvalidArgument("CASE_MALFORMED",
                         absl::StrCat(message.id(), " step ", step.id(), ": ", ToAbsl(text)));
}

// Clears `path` ("casus.wams_track") in `facts`; false when there is no such path.
bool ClearPath(google::protobuf::Message& message, std::string_view path) {
  const size_t dot = path.find('.');
  const auto* field = message.GetDescriptor()->FindFieldByName(std::string(path.substr(0, dot)));
  if (field == nullptr) return false;
  if (dot == std::string_view::npos) {
    message.GetReflection()->ClearField(&message, field);
    return true;
  }
  if (field->is_repeated() ||
      field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
    return false;
  }
  return ClearPath(*message.GetReflection()->MutableMessage(&message, field), path.substr(dot + 1));
}

std::set<std::string> Names(ConditionSet set) {
  std::set<std::string> names;
  for (int i = 1; i <= kConditionCount; ++i) {
    if ((set & Bit(static_cast<Condition>(i))) != 0)
      names.emplace(RuleOf(static_cast<Condition>(i)).name);
  }
  return names;
}

std::set<std::string> Names(ObligationSet set) {
  std::set<std::string> names;
  for (int i = 1; i <= kObligationCount; ++i) {
    if ((set & Bit(static_cast<Obligation>(i))) != 0)
      names.emplace(ObligationName(static_cast<Obligation>(i)));
  }
  return names;
}

template <typename List, typename Name>
std::set<std::string> NamesOf(const List& list, Name name) {
  std::set<std::string> names;
  for (const int value : list) names.insert(name(value));
  return names;
}

}  // namespace

absl::StatusOr<std::vector<ExpandedStep>> ExpandCase(const v1::PolicyCase& message) {
  std::vector<ExpandedStep> steps;
  v1::Facts facts = message.facts();
  v1::OperatorSwitches switches = message.switches();
  for (int i = 0; i < message.steps_size(); ++i) {
    const v1::CaseStep& step = message.steps(i);
    for (const std::string& path : step.clear()) {
      if (!ClearPath(facts, path))
        return CaseError(message, step, "no such fact to clear: " + path.substr(0, 80));
    }
    facts.MergeFrom(step.add());
    if (step.has_switches()) switches = step.switches();
    const auto now = ParseInstant(step.now());
    const auto today = CivilDate::Parse(std::string_view(step.now()).substr(0, 10));
    if (!now || !today.ok()) return CaseError(message, step, "now is not RFC 3339");
    steps.push_back({message.id(), i, std::make_shared<v1::CaseStep>(step),
                     std::make_shared<v1::Facts>(facts),
                     std::make_shared<v1::OperatorSwitches>(switches), *now, *today});
  }
  return steps;
}

absl::Status DecideMessages(const Policy& policy, const v1::Facts& facts,
                            const v1::DecisionRequest& request, absl::Time now, CivilDate today,
                            Decision& decision) {
  Request interned;
  const Malformation wrong = InternRequest(policy, request, interned);
  if (wrong.kind != Malformation::Kind::kNone) {
    return WithMetadata(
        InvalidArgument(wrong.kind == Malformation::Kind::kBulk ? "BULK" : "MALFORMED",
                        wrong.message),
        kFieldKey, wrong.element);
  }
  const FactsBundle bundle(policy, facts, today);
  Decide(
      policy, interned,
      bundle.For(request.casus(), request.person(), request.partij(), request.professional(), now),
      decision);
  return absl::OkStatus();
}

std::vector<std::string> Compare(const Policy& policy, const Decision& decision,
                                 const v1::CaseStep& step) {
  std::vector<std::string> differences;
  const auto differ = [&](const std::string& field, std::string_view what,
                          const std::string& expected, const std::string& actual) {
    if (expected != actual) {
      differences.push_back(absl::StrCat(field, ": ", ToAbsl(what), " is ",
                                         actual.empty() ? "none" : actual, ", expected ",
                                         expected.empty() ? "none" : expected));
    }
  };
  const auto join = [](const std::set<std::string>& names) { return absl::StrJoin(names, " "); };
  if (step.expect_size() != decision.count)
    differences.emplace_back("not every asked field has an expectation");
  for (const v1::ExpectedField& expected : step.expect()) {
    const auto field = policy.FindField(expected.field());
    const FieldDecision* actual = nullptr;
    for (uint16_t i = 0; i < decision.count; ++i) {
      if (field && decision.fields[i].field == *field) actual = &decision.fields[i];
    }
    if (actual == nullptr) {
      differences.push_back(absl::StrCat(expected.field(), ": not asked"));
      continue;
    }
    const std::string outcome = v1::FieldOutcome::Id_Name(expected.outcome());
    differ(expected.field(), "outcome", outcome, std::string(OutcomeName(actual->outcome)));
    differ(expected.field(), "code", v1::ReasonCode::Id_Name(expected.code()),
           std::string(CodeName(actual->code)));
    if (actual->outcome == Outcome::kRelease) {
      differ(expected.field(), "grant", expected.grant(),
             actual->grant.valid() ? policy.NameOf(actual->grant) : "");
      differ(expected.field(), "grondslag", expected.grondslag(),
             actual->row.valid() ? policy.NameOf(actual->row) : "");
      differ(expected.field(), "obligations",
             join(NamesOf(expected.obligations(),
                          [](int value) {
                            return v1::Obligation::Id_Name(static_cast<v1::Obligation::Id>(value));
                          })),
             join(Names(actual->obligations)));
    }
    if (actual->outcome == Outcome::kNeedsConsent || actual->outcome == Outcome::kNeedsDecision ||
        (actual->outcome == Outcome::kRefuse && !expected.missing().empty())) {
      differ(expected.field(), "missing",
             join(NamesOf(expected.missing(),
                          [](int value) {
                            return v1::Condition::Id_Name(static_cast<v1::Condition::Id>(value));
                          })),
             join(Names(actual->missing)));
    }
  }
  return differences;
}

}  // namespace sluis::policy
