#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/needs.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"

// The annex of a convenant: who may receive what from whom (docs/policy-tools.md).
namespace sluis::policy {

// One line: for every combination of the names in it.
struct MatrixRow {
  std::vector<std::string> recipient_hats;
  std::vector<std::string> source_hats;
  std::vector<std::string> fields;
  std::vector<std::string> tafels;
  std::vector<std::string> phases;
  std::vector<std::string> stages;  // empty at tafels without stages
  std::vector<std::string> purposes;
  // The conditions and obligations of grant and row together, and whether one of the hats is there
  // as an invited guest or the casus has to be placed on the tafel.
  Way way;
  std::string grant;
  std::string row;
  std::string citation;
  // When: from the first to the last day on which it counts during the convenant, for each stretch.
  // Empty: not in force.
  struct DayRange {
    CivilDate from{};
    CivilDate until{};
    friend bool operator==(const DayRange&, const DayRange&) = default;
  };
  std::vector<DayRange> days;
};

struct MatrixFilter {
  // Names of the convenant; empty: all.
  std::string phase;
  // As recipient or as source, with any of its hats.
  std::string partij;
};

// What the grants really give: each within the seats, owners, phases and purposes that come
// together, without what an exclusion bars, with the conditions under which one does not.
// Conditions that always hold at a place are left out, and rows that are off are there, not in
// force. In the order of the documents. NOT_FOUND / NAME_UNKNOWN for a filter that the convenant
// does not have.
absl::StatusOr<std::vector<MatrixRow>> Matrix(const Policy& policy,
                                              const MatrixFilter& filter = {});

enum class MatrixFormat { kMarkdown, kHtml, kCsv };

// The rows with a legend of every name in them. HTML is one page without anything from outside, for
// the screen, for readers and for print. CSV is RFC 4180 without a legend.
std::string RenderMatrix(const std::vector<MatrixRow>& rows, const Policy& policy,
                         const Texts& texts, Language language, MatrixFormat format);

}  // namespace sluis::policy
