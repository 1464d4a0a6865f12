#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/compiled.h"

#include "sluis/policy/needs.h"
#include "sluis/policy/vocabulary.h"

// What conditions and terms mean under two versions of the documents. Internal to the room.
namespace sluis::policy {

// Something that is recorded, which two versions read otherwise: under one of them it makes true
// what it does not under the other.
struct Meaning {
  bool under_before = false;  // there it is true; else under the version after
  // What it makes true there: one condition, or one circumstance, or that a value is within its
  // term.
  ConditionSet conditions = 0;
  CircumstanceSet circumstances = 0;
  bool value_within_term = false;
  // Whom and what it can be about; empty: all.
  std::set<std::string> fields{};
  std::set<std::string> source_hats{};
  // About how old somebody has to be; -1: about nobody's age.
  int age = -1;
  // What is recorded, for people.
  std::string nl{};
  std::string en{};
};

// The element that a change is about: "AG_KIND" for "statute.age_rules[AG_KIND].to_age" and the
// list "statute.age_rules".
std::optional<std::string> ElementOf(const std::string& where, std::string_view list);

// Records that a change of the element `where` ("statute.terms.police_years") has read otherwise:
// for every direction at least one, if there is any. None for elements that are no meaning.
std::vector<Meaning> MeaningsOf(const std::string& where, const Compiled& before,
                                const Compiled& after);

}  // namespace sluis::policy
