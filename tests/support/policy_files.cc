#include "sluis/testing/policy_files.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "sluis/policy/documents.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis::testing {
namespace {

[[noreturn]] void Fail(const std::string& text) {
  static_cast<void>(std::fprintf(stderr, "%s\n", text.c_str()));
  std::abort();
}

template <typename Message>
policy::Document<Message> Load(const std::string& path) {
  auto parsed = policy::ParseDocument<Message>(path, ReadSourceFile(path));
  for (const policy::Issue& issue : parsed.issues) {
    static_cast<void>(std::fprintf(stderr, "%s\n", policy::FormatIssue(issue).c_str()));
  }
  if (!parsed.document) Fail("cannot read " + path);
  return *std::move(parsed.document);
}

}  // namespace

std::string ReadSourceFile(const std::string& path) {
  std::ifstream in(std::string(SLUIS_SOURCE_DIR) + "/" + path, std::ios::binary);
  if (!in) Fail("no such file: " + path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

const policy::Document<policy::v1::Statute>& ReferenceStatute() {
  static const auto document = Load<policy::v1::Statute>("policy/documents/statute.textproto");
  return document;
}

const policy::Document<policy::v1::Convenant>& ReferenceConvenant() {
  static const auto document = Load<policy::v1::Convenant>("policy/documents/ave-twente.textproto");
  return document;
}

std::shared_ptr<const policy::Policy> ReferencePolicy() { return ReferencePolicy({}); }

std::shared_ptr<const policy::Policy> ReferencePolicy(
    const policy::v1::OperatorSwitches& switches) {
  auto result = policy::Compile(
      ReferenceStatute(), ReferenceConvenant(),
      policy::Document<policy::v1::OperatorSwitches>::FromMessage(switches, "switches"));
  if (result.policy == nullptr) {
    for (const policy::Issue& issue : result.issues) {
      static_cast<void>(std::fprintf(stderr, "%s\n", policy::FormatIssue(issue).c_str()));
    }
    Fail("the reference policy does not compile");
  }
  return result.policy;
}

const std::vector<policy::ExpandedStep>& ScenarioSteps() {
  static const auto steps = [] {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(std::string(SLUIS_SOURCE_DIR) +
                                                                 "/tests/scenario/cases")) {
      files.push_back(entry.path().filename().string());
    }
    std::sort(files.begin(), files.end());
    std::vector<policy::ExpandedStep> all;
    for (const std::string& file : files) {
      const auto document = Load<policy::v1::PolicyCases>("tests/scenario/cases/" + file);
      for (const auto& message : document.message().cases()) {
        auto expanded = policy::ExpandCase(message);
        if (!expanded.ok()) Fail(expanded.status().ToString());
        for (auto& step : *expanded) all.push_back(std::move(step));
      }
    }
    return all;
  }();
  return steps;
}

}  // namespace sluis::testing
