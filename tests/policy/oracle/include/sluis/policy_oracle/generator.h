#pragma once

#include <random>
#include <string>
#include <vector>

#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/facts.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy_oracle/oracle.h"

// Random policies, facts and requests for property tests, and the changes that the metamorphic laws
// are about. Everything is a function of its arguments and of the state of the generator: the same
// seed gives the same inputs.
//
// Inputs keep clear of what docs/decision-procedure.md leaves open, so that a difference between
// two evaluators is a mistake of one of them:
//  - the last day of a condition of a source is never empty or malformed, nor is the day of an

//    attestation, a hit or the consent of a reporter; a consent that is withdrawn has its days;
//  - the day of first processing of a casus is known where no term counts from it;
//  - GESLOTEN_SET and MANDAAT_VAN_KRACHT stand in `conditions`, never in `one_of`;
//  - `unless` holds no condition that is about a row or a signal;
//  - an exclusion before the purpose gate fills `purposes` alone;
//  - a professional, and a person of a casus, has one record; participants hold their hat;
//  - terms of retention in hours count from no day;
//  - operators date only rows that are off, and set only terms that are unset;
//  - a request that is not well-formed has one fault.
namespace sluis::policy_oracle {

using Rng = std::mt19937_64;

struct Policy {
  policy::v1::Statute statute;
  policy::v1::Convenant convenant;
  policy::v1::OperatorSwitches switches;
};

struct Input {
  Instant now;
  policy::v1::Facts facts;
  policy::v1::DecisionRequest request;
};

// `Evaluate` of a policy and an input.
Result Evaluate(const Policy& policy, const Input& input);

// --- Random inputs ------------------------------------------------------------------------------

// The documents below policy/documents/, without switches. Ends the process when they cannot be
// read.
Policy ReferencePolicy();

// The reference policy with its Wams rows dated, its unset terms set and its general decisions
// taken, each in most cases.
Policy RandomlySwitchedReferencePolicy(Rng& rng);

// A small policy that breaks no rule of LoadProblems. `size` from 1 (smallest) to 10.
Policy RandomPolicy(Rng& rng, int size);

// What a loader has to refuse in a policy; empty when it is valid: names that do not exist, ids
// given twice, empty dimensions, seats, stages and the containment of every grant in its rows.
std::vector<std::string> LoadProblems(const Policy& policy);

// Most often one fixed instant; otherwise one around midnight, a leap day or a change of the
// offset.
Instant RandomInstant(Rng& rng);

// Facts that mostly support one provision of the policy, with near misses: another person, partij
// or field, a day too late, an empty element. Dates lie around `now`.
policy::v1::Facts RandomFacts(Rng& rng, const Policy& policy, const Instant& now);
// Around the instant that RandomInstant gives most often.
policy::v1::Facts RandomFacts(Rng& rng, const Policy& policy);

// A request that mostly asks what the facts support, with deviations in one dimension; a small
// share is malformed or bulk.
policy::v1::DecisionRequest RandomRequest(Rng& rng, const Policy& policy,
                                          const policy::v1::Facts& facts);

// All three together.
Input RandomInput(Rng& rng, const Policy& policy);

// --- Changes, by the metamorphic law that they serve ---------------------------------------------
//
// Each returns a changed copy; an unchanged one where there is nothing to change. Changed policies
// break no rule of LoadProblems.

// L01.
Policy RemoveGrant(Rng& rng, Policy policy);
// L02. A consent that is given, counts now and matches the request.
policy::v1::Facts AddConsent(Rng& rng, const Policy& policy, const Input& input);
// L03.
Policy AddExclusion(Rng& rng, Policy policy);
// L04.
Policy PermuteGrants(Rng& rng, Policy policy);
Policy PermuteRows(Rng& rng, Policy policy);
Policy PermuteExclusions(Rng& rng, Policy policy);
// L05.
policy::v1::Facts ChangePhase(Rng& rng, const Policy& policy, const Input& input);
// L06. Hat B is neither asker nor source and no staff of its partij; its seat at the tafel stays as
// it is.
policy::v1::Facts AdmitUnrelatedHat(Rng& rng, const Policy& policy, const Input& input);
policy::v1::Facts RemoveUnrelatedHats(const Policy& policy, const Input& input);
Policy GrantToUnrelatedHat(Rng& rng, Policy policy, const Input& input);
// L08, L18. One request for each field; the fields in another order.
std::vector<policy::v1::DecisionRequest> SplitRequest(const policy::v1::DecisionRequest& request);
policy::v1::DecisionRequest PermuteFields(Rng& rng, policy::v1::DecisionRequest request);
// L09. Only consents that are given are removed or withdrawn.
policy::v1::Facts RemoveGivenConsent(Rng& rng, const Input& input);
policy::v1::Facts WithdrawConsent(Rng& rng, const Input& input);
// L10.
Policy AddPartij(Rng& rng, Policy policy);
// L11. Dates every row that opens the Wams regime, and sets the terms that gate it.
Policy SwitchWamsRowsOn(Policy policy);
Policy SetWamsTerms(Policy policy);
// L12.
policy::v1::Facts AddObjection(Rng& rng, const Policy& policy, const Input& input);
policy::v1::Facts AddSourceCondition(Rng& rng, const Policy& policy, const Input& input);
// L13. Drops a hat, category, class or purpose of a row, or brings its end date closer.
Policy NarrowRow(Rng& rng, Policy policy);
// L14.
Policy AddConditionToGrant(Rng& rng, Policy policy);
Policy AddConditionToRow(Rng& rng, Policy policy);
// L19. A record or an element that can only help a release is taken away. Never an objection, a
// condition, an exception, a refusal or a value, for which absence is no ignorance, nor a record
// that hides an older one.
struct DroppedFact {
  policy::v1::Facts facts;
  std::string dropped;  // "consents[2]", "casus.persons[0].birth_date"
};
DroppedFact DropFact(Rng& rng, const Input& input);

}  // namespace sluis::policy_oracle
