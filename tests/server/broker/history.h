#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

// What was done to one casus, and whether it could have happened in one order: the log's.
namespace sluis::broker {

// What a release rests on. Each can be taken away and, but for kOpen, given back.
enum class Ground {
  kConsent,
  kNoObjection,
  kParticipation,
  kPhase,
  kOpen,
  kValue,        // there is a value to deliver
  kMandate,      // of a supporter
  kNoException,  // to inzage
};
inline constexpr std::array kGrounds = {
    Ground::kConsent, Ground::kNoObjection, Ground::kParticipation, Ground::kPhase,
    Ground::kOpen,    Ground::kValue,       Ground::kMandate,       Ground::kNoException};

struct Operation {
  enum class Kind { kGrant, kRevoke, kRequest };
  Kind kind = Kind::kRequest;
  Ground ground = Ground::kConsent;  // of a grant or revocation
  bool released = false;             // of a request
  // When it was sent and answered, on one counter for all threads.
  uint64_t begun = 0;
  uint64_t ended = 0;
  // Its entry in the log.
  uint64_t index = 0;
  // Of a request: a value came with it. A release without one is none of a value.
  bool delivered = false;

  // Whether a request took what rests on the ground.
  [[nodiscard]] bool Took(Ground what) const {
    return what == Ground::kValue ? delivered : released;
  }
};

// What is wrong with a history of operations that were all answered; empty when nothing is.
//
//   - the log is in real order: what was answered before something else was sent, stands before it;
//   - no request was released that was sent after a revocation was answered, and answered before
//     the ground was given back;
//   - in the order of the log, every release stands where all grounds were there: none was decided
//     on an older version.
inline std::vector<std::string> CheckHistory(std::vector<Operation> history) {
  std::vector<std::string> problems;
  const auto problem = [&](const Operation& operation, std::string_view text) {
    if (problems.size() < 20) {
      problems.push_back(absl::StrCat("entry ", operation.index, ": ", std::string(text)));
    }
  };

  // The log is in real order: the highest index among what had ended before this began.
  std::vector<const Operation*> by_begin;
  std::vector<const Operation*> by_end;
  for (const Operation& operation : history) {
    by_begin.push_back(&operation);
    by_end.push_back(&operation);
  }
  std::sort(by_begin.begin(), by_begin.end(),
            [](const auto* a, const auto* b) { return a->begun < b->begun; });
  std::sort(by_end.begin(), by_end.end(),
            [](const auto* a, const auto* b) { return a->ended < b->ended; });
  size_t finished = 0;
  std::optional<uint64_t> highest;
  for (const Operation* operation : by_begin) {
    for (; finished < by_end.size() && by_end[finished]->ended < operation->begun; ++finished)
      highest = std::max(highest.value_or(0), by_end[finished]->index);
    if (highest && operation->index <= *highest)
      problem(*operation, "stands before what was answered earlier");
  }

  // Windows in which a ground was gone for certain. Each ground has one writer, so its operations
  // do not overlap.
  for (const Ground ground : kGrounds) {
    std::vector<const Operation*> changes;
    for (const Operation* operation : by_begin) {
      if (operation->kind != Operation::Kind::kRequest && operation->ground == ground)
        changes.push_back(operation);
    }
    for (size_t i = 0; i < changes.size(); ++i) {
      if (changes[i]->kind != Operation::Kind::kRevoke) continue;
      const uint64_t from = changes[i]->ended;
      const uint64_t until = i + 1 < changes.size() ? changes[i + 1]->begun : UINT64_MAX;
      const auto first = std::upper_bound(
          by_begin.begin(), by_begin.end(), from,
          [](uint64_t value, const Operation* operation) { return value < operation->begun; });
      for (auto at = first; at != by_begin.end() && (*at)->begun < until; ++at) {
        if ((*at)->kind == Operation::Kind::kRequest && (*at)->Took(ground) && (*at)->ended < until)
          problem(**at, "released after an acknowledged revocation");
      }
    }
  }

  // The log as one order.
  std::sort(history.begin(), history.end(),
            [](const Operation& a, const Operation& b) { return a.index < b.index; });
  std::array<bool, kGrounds.size()> there{};
  there.fill(true);
  // What is granted first was not there before.
  std::array<bool, kGrounds.size()> seen{};
  for (const Operation& operation : history) {
    const auto at = static_cast<size_t>(operation.ground);
    if (operation.kind != Operation::Kind::kRequest && !seen[at]) {
      seen[at] = true;
      there[at] = operation.kind == Operation::Kind::kRevoke;
    }
  }
  for (const Operation& operation : history) {
    if (operation.kind == Operation::Kind::kRequest) {
      const bool wrong = std::any_of(kGrounds.begin(), kGrounds.end(), [&](Ground ground) {
        return operation.Took(ground) && !there[static_cast<size_t>(ground)];
      });
      if (wrong) problem(operation, "released on facts that were no longer so");
      continue;
    }
    there[static_cast<size_t>(operation.ground)] = operation.kind == Operation::Kind::kGrant;
  }
  for (size_t i = 1; i < history.size(); ++i) {
    if (history[i].index == history[i - 1].index) problem(history[i], "two operations");
  }
  return problems;
}

}  // namespace sluis::broker
