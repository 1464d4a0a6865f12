#pragma once

#include <memory>
#include <vector>

#include "sluis/policy/documents.h"
#include "sluis/policy/policy.h"

// What is wrong, or worth a second look, in documents that compile (docs/policy-tools.md).
namespace sluis::policy {

struct CheckResult {
  // Absent when the documents do not compile; then the findings are those of Compile().
  std::shared_ptr<const Policy> policy;
  // The issues of Compile() and what follows, in the order of the documents.
  std::vector<Issue> findings;
};

// Compiles and looks at the whole request space. Every finding is exact: what it says holds for
// every request, every day of the convenant and all facts. Deterministic. Codes, of grants:
//   GRANT_NEVER_MATCHES (error)   no request matches it: seats, phases, purposes, owners and the
//                                 rows that it cites leave nothing
//   GRANT_SHADOWED (error)        exclusions win over it everywhere
//   CONDITIONS_CONTRADICT (error) what it needs can never hold together
//   GRANT_NOT_IN_FORCE            none of its rows is in force while the convenant is, or their
//                                 regime is closed
//   GRANT_WITHOUT_PARTIJ          no acceded partijen have the hats
//   ALTERNATIVE_NEVER_HOLDS       one of its rows or choices needs what can never hold together
//   CITATION_WITHOUT_EFFECT       a row that it cites covers nothing of it
//   GRANT_PART_WITHOUT_EFFECT     a name that it lists never makes a difference
//   UNCONDITIONAL_RELEASE         released on request, without any condition
//   RECIPIENT_OUTSIDE_STATUTE     a hat that it lists and no row that it cites knows as a recipient
// of fields, purposes and hats:
//   FIELD_NEVER_RELEASED          nobody can ever receive it, whatever is put in force
//   FIELD_NOT_RELEASED_NOW        nobody can while the switches are as they are
//   PURPOSE_WITHOUT_RETENTION     data go round for it, and none of the hats that provide them has
//                                 a retention row
//   HAT_WITHOUT_RETENTION         a hat that provides data has none
// of rows:
//   ROW_NOT_CITED, ROW_WITHOUT_FIELDS, ROW_OFF, ROW_EXPIRED, ROW_NOT_YET_IN_FORCE,
//   ROW_IN_FORCE_IN_PART
// Warnings but for the three.
CheckResult Check(const Document<v1::Statute>& statute, const Document<v1::Convenant>& convenant,
                  const Document<v1::OperatorSwitches>& switches);

}  // namespace sluis::policy
