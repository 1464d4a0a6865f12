#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "side_by_side.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/needs.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/witness.h"

// Every request of one field of a small policy, with every set of conditions that its documents let
// matter: what the analyses are held against. Slow, and written from the documents alone.
namespace sluis::policy {

// A request without what holds.
struct Point {
  std::string acting_partij, acting_hat, source_partij, source_hat;
  std::string tafel, phase, stage, purpose, field;
  CivilDate day;
  bool person = false;
};

// What became of one field.
struct Release {
  bool released = false;
  Code code = Code::kMalformed;
  ObligationSet obligations = 0;
};

// The witness for a point where exactly `holds` does.
Witness WitnessAt(const Point& point, const Way& holds);
Release ReleaseAt(const Policy& policy, const Witness& witness, CivilDate day);

// Calls `visit` for every point that a grant of some of `policies` may concern, and for each set of
// conditions of these grants, their rows and the exclusions, with all circumstances and without
// each one, on each of `days`.
struct Reach {
  // With more conditions, a sample of 2^max_conditions sets and every pair.
  int max_conditions = 5;
  // Of the points, at random.
  int percent = 100;
};
void ForEachQuestion(const std::vector<const Policy*>& policies, const std::vector<CivilDate>& days,
                     const Reach& reach, Rng& rng,
                     const std::function<void(const Point&, const Way&)>& visit);

// The days on which anything of the policies starts, and the day after it ends, within all of them.
std::vector<CivilDate> TurningDays(const std::vector<const Policy*>& policies);

}  // namespace sluis::policy
