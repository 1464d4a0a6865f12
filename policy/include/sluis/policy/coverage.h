#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluis/policy/decision.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/policy.h"

// Running worked examples (proto/sluis/policy/v1/case.proto), and what they exercise of a policy.
namespace sluis::policy {

namespace v1 {
class CaseStep;
}  // namespace v1
struct ExpandedStep;

// What became of one step.
struct StepResult {
  std::string case_id;
  std::string step_id;
  std::string ask;
  // Where the step stands; line 0 when that is not known.
  std::string file;
  int line = 0;
  // What is not as expected, in words; empty for a step that passes.
  std::vector<std::string> differences;
  // What the step says it proves, and what became of the fields.
  std::vector<std::string> proves;
  bool permits = false;  // some field is released
  bool denies = false;   // some field is not, or the request is malformed
};

// The steps that exercised something, by index into CaseRunner::steps().
struct Exercise {
  std::vector<size_t> permits;
  std::vector<size_t> denials;
};

// What a run exercised. The maps hold every id of the documents, so that an id without steps is a
// gap; `rules` holds what the steps name.
//
//   grant, row  permits where it releases a field, denies where it is reported with one that is not
//               released (or would be, were the field not neither confirmed nor denied);
//   exclusion   denies where it refused a field (one that is a gate, or tested before the purpose
//               gate: where a step that names it has a field refused with its code), permits where
//               a step that names it releases a field: a request that it leaves alone;
//   condition   permits where it was true for a field that was released, or lifted an exclusion;
//               denies where a field was refused for want of it. Only conditions that the documents
//               ask.
struct Coverage {
  std::map<std::string, Exercise> grants;
  std::map<std::string, Exercise> rows;
  std::map<std::string, Exercise> exclusions;
  std::map<std::string, Exercise> conditions;
  std::map<std::string, Exercise> rules;
};

// Runs cases against one statute and convenant, each under its own switches.
class CaseRunner {
 public:
  CaseRunner(Document<v1::Statute> statute, Document<v1::Convenant> convenant);
  ~CaseRunner();

  // Runs every step. Whatever is wrong with a case is a difference of its step (or of its first
  // step): a fact that cannot be cleared, switches that do not compile, two cases or steps of one
  // name, an id in `proves` that did not decide.
  void Run(const Document<v1::PolicyCases>& cases);

  [[nodiscard]] const std::vector<StepResult>& steps() const { return steps_; }
  [[nodiscard]] size_t failures() const;
  [[nodiscard]] const Coverage& coverage() const { return coverage_; }
  // One line for every grant, row and exclusion that no step has exercised both ways, e.g. "row
  // G_WTH (Wet tijdelijk huisverbod …): no case denies".
  [[nodiscard]] std::vector<std::string> Gaps() const;
  // The same for conditions. Some are never missing, because a gate tests them before or another
  // route is always nearer: these are for people to judge.
  [[nodiscard]] std::vector<std::string> ConditionGaps() const;
  // Rows and exclusions that no case can exercise, with the reason: a row that in every grant fits
  // nothing or comes after an alternative that asks no more than it, an exclusion that covers no
  // field. They are no gaps.
  [[nodiscard]] const std::map<std::string, std::string>& unreachable() const {
    return unreachable_;
  }

  // The policy under these switches; null, with the issues, when they do not compile.
  std::shared_ptr<const Policy> PolicyUnder(const v1::OperatorSwitches& switches,
                                            std::vector<Issue>& issues);

 private:
  void RunStep(const Policy& policy, const ExpandedStep& expanded, size_t index,
               Decision& decision);
  void Count(const Policy& policy, const ExpandedStep& expanded, size_t index,
             const Decision& decision);
  void CountHidden(const Policy& policy, const ExpandedStep& expanded, size_t index,
                   uint16_t field);
  void CheckProves(const v1::CaseStep& step, size_t index);
  void FindUnreachable();

  const Document<v1::Statute> statute_;
  const Document<v1::Convenant> convenant_;
  std::map<std::string, std::shared_ptr<const Policy>> policies_;
  std::map<std::string, size_t> names_;
  std::vector<StepResult> steps_;
  Coverage coverage_;
  std::map<std::string, std::string> unreachable_;
};

}  // namespace sluis::policy
