#pragma once

#include <string>
#include <vector>

#include "sluis/policy_oracle/generator.h"

// Which provisions a grant can reach, and whether its rows contain them.
namespace sluis::policy_oracle {

// A source hat and a recipient hat with a seat at the tafel, and a field that the source hat owns.
struct Reach {
  const policy::v1::Tafel* tafel;
  std::string source_hat;
  std::string recipient_hat;
  const policy::v1::Field* field;
};

bool HasSeatAt(const policy::v1::Tafel& tafel, const std::string& hat);
bool OwnsField(const policy::v1::Field& field, const std::string& hat);

const policy::v1::Tafel* TafelOf(const policy::v1::Convenant& convenant, const std::string& id);
const policy::v1::Field* FieldOf(const policy::v1::Convenant& convenant, const std::string& name);
const policy::v1::StatuteRow* RowOf(const policy::v1::Statute& statute, const std::string& id);

// The purposes that both the grant and the tafel have.
std::vector<std::string> CommonPurposes(const policy::v1::Grant& grant,
                                        const policy::v1::Tafel& tafel);

std::vector<Reach> ReachOf(const policy::v1::Convenant& convenant, const policy::v1::Grant& grant);

// The row contains it, whatever the date.
bool RowContains(const policy::v1::StatuteRow& row, const Reach& reach, const std::string& purpose);

}  // namespace sluis::policy_oracle
