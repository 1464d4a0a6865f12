#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"

#include "sluis/policy/decision.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/request.h"
#include "sluis/policy_oracle/generator.h"
#include "sluis/policy_oracle/oracle.h"

// The engine and the slow evaluator of tests/policy/oracle/ on the same question, in one form of
// answer. Pure.
namespace sluis::policy {

// Sanitizers make the two evaluators some fifteen times slower: random tests then draw less.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

using Documents = policy_oracle::Policy;
using policy_oracle::Input;
using policy_oracle::Rng;

// Compiled; null when the documents have an error.
std::shared_ptr<const Policy> CompileDocuments(const Documents& documents);
// Compiled; ends the test program with the issues when there is an error.
std::shared_ptr<const Policy> CompileOrDie(const Documents& documents);
// What is wrong with them, a line each.
std::string CompileErrors(const Documents& documents);

// What the engine makes of it, in the oracle's words. `needs` stays empty: no answer tells it.
policy_oracle::Result EngineResult(const Policy& policy, const Input& input);
// The oracle's answer, without `needs`.
policy_oracle::Result OracleResult(const Documents& documents, const Input& input);

// A decision with what it was made from, as the broker has it.
struct EngineRun {
  bool well_formed = false;
  Malformation wrong{};
  Request request{};
  Decision decision{};
};
void RunEngine(const Policy& policy, const Input& input, EngineRun& run);
policy_oracle::Result InWords(const Policy& policy, const EngineRun& run);

// What differs between two results, a line each; empty when nothing does.
std::string Differences(const policy_oracle::Result& engine, const policy_oracle::Result& oracle);

// Decides again from the evidence, at once and through the form in which the log keeps it. Says
// what differs from the decision; empty when nothing does.
std::string ReplayDifferences(const Policy& policy, const Input& input, const EngineRun& run);

// The smallest documents and input found for which `fails` still holds, in text format, for a
// report. Takes away one element at a time; documents that do not compile are not looked at.
std::string MinimalReproduction(Documents documents, Input input,
                                const std::function<bool(const Documents&, const Input&)>& fails);

}  // namespace sluis::policy
