#include "side_by_side.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"

#include "sluis/base/check.h"
#include "sluis/base/text.h"
#include "sluis/log/v1/decision.pb.h"
#include "sluis/policy/engine.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/record.h"

namespace sluis::policy {
namespace {

using policy_oracle::FieldResult;
using policy_oracle::Result;

CompileResult TryCompile(const Documents& documents) {
  return Compile(Document<v1::Statute>::FromMessage(documents.statute, "statute"),
                 Document<v1::Convenant>::FromMessage(documents.convenant, "convenant"),
                 Document<v1::OperatorSwitches>::FromMessage(documents.switches, "switches"));
}

std::string Line(const FieldResult& result) {
  return absl::StrCat(ToAbsl(OutcomeName(result.outcome)), " ", ToAbsl(CodeName(result.code)),
                      " grant=", result.grant, " row=", result.grondslag,
                      " exclusion=", result.exclusion, " held=", result.value_held,
                      " obligations=[", absl::StrJoin(result.obligations, " "), "] missing=[",
                      absl::StrJoin(result.missing, " "), "]");
}

std::string Text(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  return text;
}

}  // namespace

std::shared_ptr<const Policy> CompileDocuments(const Documents& documents) {
  return TryCompile(documents).policy;
}

std::string CompileErrors(const Documents& documents) {
  std::string text;
  for (const Issue& issue : TryCompile(documents).issues) {
    if (issue.severity == Issue::Severity::kError) absl::StrAppend(&text, FormatIssue(issue), "\n");
  }
  return text;
}

std::shared_ptr<const Policy> CompileOrDie(const Documents& documents) {
  auto policy = CompileDocuments(documents);
  if (policy == nullptr) {
    static_cast<void>(std::fputs(CompileErrors(documents).c_str(), stderr));
    std::abort();
  }
  return policy;
}

void RunEngine(const Policy& policy, const Input& input, EngineRun& run) {
  run.wrong = InternRequest(policy, input.request, run.request);
  run.well_formed = run.wrong.kind == Malformation::Kind::kNone;
  if (!run.well_formed) return;
  const FactsBundle bundle(policy, input.facts, input.now.today);
  Decide(policy, run.request,
         bundle.For(input.request.casus(), input.request.person(), input.request.partij(),
                    input.request.professional(), input.now.time),
         run.decision);
}

Result InWords(const Policy& policy, const EngineRun& run) {
  Result result;
  if (!run.well_formed) {
    result.malformed = run.wrong.kind == Malformation::Kind::kMalformed;
    result.bulk = run.wrong.kind == Malformation::Kind::kBulk;
    result.malformed_element = run.wrong.element;
    return result;
  }
  for (uint16_t i = 0; i < run.decision.count; ++i) {
    const FieldDecision& field = run.decision.fields[i];
    FieldResult& out = result.fields[policy.NameOf(field.field)];
    out.outcome = field.outcome;
    out.code = field.code;
    if (field.grant.valid()) out.grant = policy.NameOf(field.grant);
    if (field.row.valid()) out.grondslag = policy.NameOf(field.row);
    if (field.exclusion.valid()) out.exclusion = policy.NameOf(field.exclusion);
    out.value_held = field.value_held;
    for (int j = 1; j <= kObligationCount; ++j) {
      const auto obligation = static_cast<Obligation>(j);
      if ((field.obligations & Bit(obligation)) != 0)
        out.obligations.emplace(ObligationName(obligation));
    }
    for (int j = 1; j <= kConditionCount; ++j) {
      const auto condition = static_cast<Condition>(j);
      if ((field.missing & Bit(condition)) != 0) out.missing.emplace(RuleOf(condition).name);
    }
  }
  return result;
}

Result EngineResult(const Policy& policy, const Input& input) {
  EngineRun run;
  RunEngine(policy, input, run);
  return InWords(policy, run);
}

Result OracleResult(const Documents& documents, const Input& input) {
  Result result = Evaluate(documents, input);
  for (auto& [name, field] : result.fields) field.needs.clear();
  return result;
}

std::string Differences(const Result& engine, const Result& oracle) {
  if (engine == oracle) return "";
  if (engine.malformed != oracle.malformed || engine.bulk != oracle.bulk ||
      engine.malformed_element != oracle.malformed_element) {
    const auto form = [](const Result& result) {
      if (result.malformed) return absl::StrCat("MALFORMED at ", result.malformed_element);
      return result.bulk ? absl::StrCat("BULK at ", result.malformed_element)
                         : std::string("well-formed");
    };
    return absl::StrCat("engine: ", form(engine), "\noracle: ", form(oracle), "\n");
  }
  std::string text;
  for (const auto& [name, expected] : oracle.fields) {
    const auto found = engine.fields.find(name);
    if (found == engine.fields.end()) {
      absl::StrAppend(&text, name, ": the engine says nothing\n");
    } else if (!(found->second == expected)) {
      absl::StrAppend(&text, name, "\n  engine: ", Line(found->second),
                      "\n  oracle: ", Line(expected), "\n");
    }
  }
  if (engine.fields.size() != oracle.fields.size())
    absl::StrAppend(&text, "not the same number of fields\n");
  return text;
}

std::string ReplayDifferences(const Policy& policy, const Input& input, const EngineRun& run) {
  if (!run.well_formed) return "";
  const Result original = InWords(policy, run);
  const auto differs = [&](const char* how, const EngineRun& replayed,
                           bool complete) -> std::string {
    if (!complete) return absl::StrCat(how, ": the evidence is not complete\n");
    const std::string difference = Differences(InWords(policy, replayed), original);
    return difference.empty() ? "" : absl::StrCat(how, " (as \"engine\"):\n", difference);
  };

  EngineRun at_once = run;
  for (FieldDecision& field : at_once.decision.fields) field = FieldDecision();
  const bool complete =
      DecideFromEvidence(policy, at_once.request, input.now.today, at_once.decision);
  std::string text = differs("replay", at_once, complete);
  if (!text.empty()) return text;

  log::v1::Decision record;
  WriteDecision(policy, run.request, run.decision, /*validate_only=*/false, record);
  EngineRun read;
  read.well_formed = true;
  const absl::Status status =
      ReadDecision(policy, input.request.partij(), input.request.acting_hat(), record, read.request,
                   read.decision);
  if (!status.ok()) return absl::StrCat("record: ", status.ToString(), "\n");
  text = differs("record", read, true);
  if (!text.empty()) return text;
  for (FieldDecision& field : read.decision.fields) field = FieldDecision();
  const bool record_complete =
      DecideFromEvidence(policy, read.request, input.now.today, read.decision);
  return differs("replay of the record", read, record_complete);
}

namespace {

// Every way to take one element out of `message`, as a path of (field, index); index -1 clears a
// single field.
using ElementPath = std::vector<std::pair<const google::protobuf::FieldDescriptor*, int>>;

void ElementsOf(const google::protobuf::Message& message, const ElementPath& prefix,
                std::vector<ElementPath>& out) {
  using google::protobuf::FieldDescriptor;
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = count - 1; i >= 0; --i) {
      ElementPath path = prefix;
      path.emplace_back(field, field->is_repeated() ? i : -1);
      out.push_back(path);
      if (!is_message) continue;
      ElementsOf(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                      : reflection->GetMessage(message, field),
                 path, out);
    }
  }
}

void TakeAway(const ElementPath& path, google::protobuf::Message& root) {
  google::protobuf::Message* message = &root;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const auto& [field, index] = path[i];
    message = index < 0 ? message->GetReflection()->MutableMessage(message, field)
                        : message->GetReflection()->MutableRepeatedMessage(message, field, index);
  }
  const auto& [field, index] = path.back();
  const auto* reflection = message->GetReflection();
  if (index < 0) {
    reflection->ClearField(message, field);
    return;
  }
  for (int i = index; i + 1 < reflection->FieldSize(*message, field); ++i)
    reflection->SwapElements(message, field, i, i + 1);
  reflection->RemoveLast(message, field);
}

// Takes elements out of `message`, a part of what `still_fails` looks at, as long as it holds.
void Shrink(google::protobuf::Message& message, const std::function<bool()>& still_fails,
            int& budget) {
  for (bool smaller = true; smaller && budget > 0;) {
    smaller = false;
    std::vector<ElementPath> elements;
    ElementsOf(message, {}, elements);
    for (const ElementPath& element : elements) {
      if (--budget <= 0) break;
      const std::unique_ptr<google::protobuf::Message> before(message.New());
      before->CopyFrom(message);
      TakeAway(element, message);
      if (still_fails()) {
        smaller = true;
        break;  // the other paths may be stale
      }
      message.CopyFrom(*before);
    }
  }
}

}  // namespace

std::string MinimalReproduction(Documents documents, Input input,
                                const std::function<bool(const Documents&, const Input&)>& fails) {
  const auto still_fails = [&] { return fails(documents, input); };
  int budget = 20000;
  Shrink(input.request, still_fails, budget);
  Shrink(input.facts, still_fails, budget);
  Shrink(documents.switches, still_fails, budget);
  // The reference documents are too large to take apart; they are at hand.
  const bool is_small = documents.convenant.grants_size() < 60;
  if (is_small) {
    Shrink(documents.convenant, still_fails, budget);
    Shrink(documents.statute, still_fails, budget);
    Shrink(input.facts, still_fails, budget);
  }
  std::string text =
      absl::StrCat("--- now ", absl::FormatTime(input.now.time), ", today ",
                   input.now.today.ToString(), "\n--- request\n", Text(input.request),
                   "--- facts\n", Text(input.facts), "--- switches\n", Text(documents.switches));
  if (is_small) {
    absl::StrAppend(&text, "--- convenant\n", Text(documents.convenant), "--- statute\n",
                    Text(documents.statute));
  } else {
    absl::StrAppend(&text, "--- convenant and statute: policy/documents/\n");
  }
  return text;
}

}  // namespace sluis::policy
