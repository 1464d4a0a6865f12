// The engine decides as the slow evaluator does, on random questions over random small policies and
// over the reference policy; and a decision can be made again from its evidence.
//
// SLUIS_DIFFERENTIAL_DECISIONS: how many field decisions (script/nightly: 5000000).
// SLUIS_DIFFERENTIAL_SEED: the seed of the run; fixed otherwise, so that a build is repeatable.
// SLUIS_DIFFERENTIAL_WORLD: run this one world only, as a failure prints it.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "side_by_side.h"

#include "sluis/base/text.h"

namespace sluis::policy {
namespace {

constexpr uint64_t kDefaultSeed = 20261125;
// Fewer say nothing about what is rare.
constexpr uint64_t kEnoughDecisions = 200000;
constexpr uint64_t kDefaultDecisions = kSanitized ? kEnoughDecisions / 20 : kEnoughDecisions;

std::optional<uint64_t> FromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  uint64_t value = 0;
  if (text == nullptr || !absl::SimpleAtoi(text, &value)) return std::nullopt;
  return value;
}

// How often what occurred, over a whole run.
struct Tally {
  uint64_t decisions = 0;
  uint64_t requests = 0;
  std::map<std::string, uint64_t> outcomes;
  std::map<std::string, uint64_t> codes;
  std::map<std::string, uint64_t> malformed;
  // Of every condition that was looked at, or that the reported alternative needs.
  std::map<std::string, uint64_t> is_true;
  std::map<std::string, uint64_t> absent;
  std::map<std::string, uint64_t> refused;
  uint64_t held = 0;
  uint64_t none_held = 0;
  uint64_t signals = 0;
};

void Count(const policy_oracle::Result& result, const EngineRun& run, Tally& tally) {
  ++tally.requests;
  if (!run.well_formed) {
    ++tally.codes[result.bulk ? "BULK" : "MALFORMED"];
    ++tally.malformed[result.malformed_element.substr(0, 7)];
    return;
  }
  for (const auto& [name, field] : result.fields) {
    ++tally.decisions;
    ++tally.outcomes[std::string(OutcomeName(field.outcome))];
    ++tally.codes[std::string(CodeName(field.code))];
    for (const std::string& need : field.needs)
      ++(field.missing.count(need) == 0 ? tally.is_true : tally.absent)[need];
    if (field.outcome == Outcome::kRelease) ++(field.value_held ? tally.held : tally.none_held);
    if (field.missing.count("GESLOTEN_SET") != 0) ++tally.signals;
  }
  for (int i = 1; i <= kConditionCount; ++i) {
    const auto condition = static_cast<Condition>(i);
    if ((run.decision.evidence.evaluated & Bit(condition)) == 0) continue;
    const Truth& truth = run.decision.evidence.truth[static_cast<size_t>(i)];
    const std::string name(RuleOf(condition).name);
    if (!truth.yes.empty()) ++tally.is_true[name];
    if (!truth.refused.empty()) ++tally.refused[name];
    if (!(run.request.fields - truth.yes - truth.refused).empty()) ++tally.absent[name];
  }
}

// The first difference of several: three lines.
std::string FirstOf(const std::string& differences) {
  size_t end = 0;
  for (int line = 0; line < 3 && end != std::string::npos; ++line)
    end = differences.find('\n', end + 1);
  return differences.substr(0, end);
}

// Runs one world: a policy, a few sets of facts, a few requests about each. False when it failed.
bool RunWorld(uint64_t world, Tally& tally) {
  Rng rng(world);
  const bool small = rng() % 2 == 0;
  const Documents documents =
      small ? policy_oracle::RandomPolicy(rng, 1 + static_cast<int>(rng() % 10))
            : policy_oracle::RandomlySwitchedReferencePolicy(rng);
  const std::shared_ptr<const Policy> policy = CompileDocuments(documents);
  if (policy == nullptr) {
    ADD_FAILURE() << "SLUIS_DIFFERENTIAL_WORLD=" << world << ": the policy does not compile\n"
                  << CompileErrors(documents);
    return false;
  }
  static EngineRun run;  // large, and meant to be reused
  const int sets = small ? 12 : 60;
  for (int i = 0; i < sets; ++i) {
    Input input;
    input.now = policy_oracle::RandomInstant(rng);
    input.facts = policy_oracle::RandomFacts(rng, documents, input.now);
    for (int j = 0; j < 3; ++j) {
      input.request = policy_oracle::RandomRequest(rng, documents, input.facts);
      policy_oracle::Result expected = Evaluate(documents, input);
      RunEngine(*policy, input, run);
      Count(expected, run, tally);
      for (auto& [name, field] : expected.fields) field.needs.clear();
      std::string difference = Differences(InWords(*policy, run), expected);
      const bool replay = difference.empty();
      if (difference.empty() && run.well_formed)
        difference = ReplayDifferences(*policy, input, run);
      if (difference.empty()) continue;
      ADD_FAILURE() << "SLUIS_DIFFERENTIAL_WORLD=" << world << "\n"
                    << difference
                    << MinimalReproduction(
                           documents, input, [&](const Documents& d, const Input& in) {
                             // The same field is to differ in the same way.
                             const auto compiled = CompileDocuments(d);
                             if (compiled == nullptr) return false;
                             EngineRun again;
                             RunEngine(*compiled, in, again);
                             const std::string now =
                                 replay
                                     ? ReplayDifferences(*compiled, in, again)
                                     : Differences(InWords(*compiled, again), OracleResult(d, in));
                             return !now.empty() && FirstOf(now) == FirstOf(difference);
                           });
      return false;
    }
  }
  return true;
}

TEST(DifferentialTest, TheEngineDecidesAsTheSlowEvaluatorDoes) {
  Tally tally;
  if (const auto world = FromEnvironment("SLUIS_DIFFERENTIAL_WORLD")) {
    RunWorld(*world, tally);
    return;
  }
  const uint64_t seed = FromEnvironment("SLUIS_DIFFERENTIAL_SEED").value_or(kDefaultSeed);
  const uint64_t wanted =
      FromEnvironment("SLUIS_DIFFERENTIAL_DECISIONS").value_or(kDefaultDecisions);
  Rng worlds(seed);
  int failures = 0;
  while (tally.decisions < wanted && failures < 5) {
    if (!RunWorld(worlds(), tally)) ++failures;
  }
  const auto print = [](const char* what, const std::map<std::string, uint64_t>& counts) {
    std::string text = absl::StrCat(what, ":");
    for (const auto& [name, count] : counts) absl::StrAppend(&text, " ", name, "=", count);
    std::puts(text.c_str());
  };
  std::printf(
      "seed %llu: %llu decisions in %llu requests; released with a value %llu, without %llu\n",
      static_cast<unsigned long long>(seed), static_cast<unsigned long long>(tally.decisions),
      static_cast<unsigned long long>(tally.requests), static_cast<unsigned long long>(tally.held),
      static_cast<unsigned long long>(tally.none_held));
  print("outcomes", tally.outcomes);
  print("codes", tally.codes);
  print("malformed", tally.malformed);
  print("true", tally.is_true);
  print("absent", tally.absent);
  print("refused", tally.refused);
  if (wanted < kEnoughDecisions) return;

  // A run in which something hardly happens says nothing about it.
  for (const Outcome outcome : {Outcome::kRefuse, Outcome::kNcnd, Outcome::kNeedsDecision,
                                Outcome::kNeedsConsent, Outcome::kRelease}) {
    EXPECT_GE(tally.outcomes[std::string(OutcomeName(outcome))], 1000U) << OutcomeName(outcome);
  }
  for (int i = 0; i < kCodeCount; ++i) {
    const std::string code(CodeName(static_cast<Code>(i)));
    EXPECT_GE(tally.codes[code], 50U) << code;
  }
  for (int i = 1; i <= kConditionCount; ++i) {
    const ConditionRule& rule = RuleOf(static_cast<Condition>(i));
    const std::string name(rule.name);
    EXPECT_GE(tally.is_true[name], 100U) << name;
    // Who has no seat does not get past the gates.
    const bool stopped_before = static_cast<Condition>(i) == Condition::kLidVanTafel;
    EXPECT_GE(tally.absent[name], stopped_before ? 0U : 10U) << name;
    EXPECT_GE(tally.refused[name], rule.refused_code ? 10U : 0U) << name;
  }
  EXPECT_GE(tally.held, 10000U);
  EXPECT_GE(tally.none_held, 2000U);
  EXPECT_GE(tally.signals, 100U);
  for (const char* element : {"acting_", "casus_i", "fields", "fields[", "partij", "person_",
                              "purpose", "source.", "stage", "tafel"}) {
    EXPECT_GE(tally.malformed[element], 50U) << element;
  }
}

}  // namespace
}  // namespace sluis::policy
