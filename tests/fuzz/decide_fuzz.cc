#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "side_by_side.h"

#include "sluis/base/check.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/facts.pb.h"
#include "sluis/testing/policy_files.h"

// A step of a scenario, changed in up to 32 places by the bytes of the input; anything may become
// anything. Whatever the facts, the engine releases no more than the slow evaluator, and its
// decision can be made again from the evidence.
namespace sluis::policy {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool empty() const { return size_ == 0; }
  uint8_t Next() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  size_t Index(size_t count) {
    const size_t number = size_t{Next()} << 8 | Next();
    return count == 0 ? 0 : number % count;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

// Texts that mean something somewhere.
const std::vector<std::string>& Words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> out = {"",
                                    " ",
                                    "*",
                                    "1-80",
                                    "anders",
                                    "2026-11-22",
                                    "2026-11-23",
                                    "2026-11-24",
                                    "2021-11-23",
                                    "2025-11-23",
                                    "2028-02-29",
                                    "2027-02-29",
                                    "0001-01-01",
                                    "9999-12-31",
                                    "2026-11-23T10:00:00+01:00",
                                    "2026-11-20T10:00:00+01:00",
                                    "2027-03-28T02:30:00+01:00",
                                    "infinite-past"};
    const v1::Convenant& convenant = sluis::testing::ReferenceConvenant().message();
    for (const auto& element : convenant.phases()) out.push_back(element.id());
    for (const auto& element : convenant.stages()) out.push_back(element.id());
    for (const auto& element : convenant.purposes()) out.push_back(element.id());
    for (const auto& element : convenant.categories()) out.push_back(element.id());
    for (const auto& element : convenant.hats()) out.push_back(element.id());
    for (const auto& element : convenant.fields()) out.push_back(element.name());
    for (const auto& element : convenant.tafels()) out.push_back(element.id());
    for (const auto& element : convenant.parties()) out.push_back(element.id());
    for (const auto& step : sluis::testing::ScenarioSteps()) {
      out.push_back(step.step->request().casus());
      out.push_back(step.step->request().person());
      out.push_back(step.step->request().professional());
      out.push_back(step.step->request().task());
    }
    return out;
  }();
  return words;
}

void SetValue(Bytes& bytes, Message& message, const FieldDescriptor* field, int index) {
  const auto* reflection = message.GetReflection();
  const auto number = static_cast<int8_t>(bytes.Next());
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string& word = Words()[bytes.Index(Words().size())];
      index < 0 ? reflection->SetString(&message, field, word)
                : reflection->SetRepeatedString(&message, field, index, word);
      break;
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      // Also numbers without a name, and ones that a byte would cut.
      index < 0 ? reflection->SetEnumValue(&message, field, number + (number > 100 ? 200 : 0))
                : reflection->SetRepeatedEnumValue(&message, field, index, number);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      index < 0 ? reflection->SetBool(&message, field, number % 2 != 0)
                : reflection->SetRepeatedBool(&message, field, index, number % 2 != 0);
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      index < 0 ? reflection->SetInt32(&message, field, number)
                : reflection->SetRepeatedInt32(&message, field, index, number);
      break;
    default:
      break;
  }
}

void AddElement(Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  const int count = reflection->FieldSize(message, field);
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      Message* added = reflection->AddMessage(&message, field);
      // Most often like the last one: something in it is changed next.
      if (count > 0) added->CopyFrom(reflection->GetRepeatedMessage(message, field, count - 1));
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING:
      reflection->AddString(&message, field, "");
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      reflection->AddEnumValue(&message, field, 0);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      reflection->AddBool(&message, field, false);
      break;
    default:
      break;
  }
}

// Changes one place in `message`.
void Change(Bytes& bytes, Message& message) {
  const auto* descriptor = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  const FieldDescriptor* field = descriptor->field(bytes.Next() % descriptor->field_count());
  const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (!field->is_repeated()) {
    if (bytes.Next() % 8 == 0) {
      reflection->ClearField(&message, field);
    } else if (is_message) {
      Change(bytes, *reflection->MutableMessage(&message, field));
    } else {
      SetValue(bytes, message, field, -1);
    }
    return;
  }
  const uint8_t how = bytes.Next() % 8;
  int count = reflection->FieldSize(message, field);
  if (how == 0 && count > 0) {
    reflection->SwapElements(&message, field,
                             static_cast<int>(bytes.Index(static_cast<size_t>(count))), count - 1);
    reflection->RemoveLast(&message, field);
    return;
  }
  if ((how == 1 || count == 0) && count < 40) {
    AddElement(message, field);
    count = reflection->FieldSize(message, field);
  }
  if (count == 0) return;
  const auto index = static_cast<int>(bytes.Index(static_cast<size_t>(count)));
  if (is_message) {
    Change(bytes, *reflection->MutableRepeatedMessage(&message, field, index));
  } else {
    SetValue(bytes, message, field, index);
  }
}

void TryQuestion(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  const auto& steps = sluis::testing::ScenarioSteps();
  const ExpandedStep& step = steps[bytes.Index(steps.size())];
  static std::map<std::string, std::shared_ptr<const Policy>> policies;
  auto& policy = policies[step.switches->SerializeAsString()];
  if (policy == nullptr) policy = sluis::testing::ReferencePolicy(*step.switches);

  Input input;
  input.now = {step.now, step.today};
  input.facts = *step.facts;
  input.request = step.step->request();
  for (int i = 0; i < 32 && !bytes.empty(); ++i) {
    if (bytes.Next() % 4 == 0) {
      Change(bytes, input.request);
    } else {
      Change(bytes, input.facts);
    }
  }

  static EngineRun run;
  RunEngine(*policy, input, run);
  std::string problem = ReplayDifferences(*policy, input, run);
  const policy_oracle::Result engine = InWords(*policy, run);
  static const Documents documents = policy_oracle::ReferencePolicy();
  Documents switched = documents;
  switched.switches = *step.switches;
  const policy_oracle::Result oracle = OracleResult(switched, input);
  for (const auto& [name, field] : engine.fields) {
    const auto slow = oracle.fields.find(name);
    if (field.outcome == Outcome::kRelease &&
        (slow == oracle.fields.end() || slow->second.outcome != Outcome::kRelease)) {
      problem += "a release that the slow evaluator does not give\n" + Differences(engine, oracle);
      break;
    }
  }
  if (problem.empty()) return;
  static_cast<void>(std::fprintf(stderr, "%s\n%s\n%s\n", problem.c_str(),
                                 input.facts.DebugString().c_str(),
                                 input.request.DebugString().c_str()));
  SLUIS_CHECK(problem.empty());
}

}  // namespace
}  // namespace sluis::policy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluis::policy::TryQuestion(data, size);
  return 0;
}
