#include "containment.h"

#include "dice.h"

namespace sluis::policy_oracle {

bool HasSeatAt(const v1::Tafel& tafel, const std::string& hat) {
  return tafel.all_hats() || Has(tafel.member_hats(), hat) || Has(tafel.guest_hats(), hat);
}

bool OwnsField(const v1::Field& field, const std::string& hat) {
  return field.each_holder_owns() || Has(field.owner_hats(), hat);
}

const v1::Tafel* TafelOf(const v1::Convenant& convenant, const std::string& id) {
  for (const v1::Tafel& tafel : convenant.tafels()) {
    if (tafel.id() == id) return &tafel;
  }
  return nullptr;
}

const v1::Field* FieldOf(const v1::Convenant& convenant, const std::string& name) {
  for (const v1::Field& field : convenant.fields()) {
    if (field.name() == name) return &field;
  }
  return nullptr;
}

const v1::StatuteRow* RowOf(const v1::Statute& statute, const std::string& id) {
  for (const v1::StatuteRow& row : statute.rows()) {
    if (row.id() == id) return &row;
  }
  return nullptr;
}

std::vector<std::string> CommonPurposes(const v1::Grant& grant, const v1::Tafel& tafel) {
  std::vector<std::string> purposes;
  for (const std::string& purpose : grant.purposes()) {
    if (Has(tafel.purposes(), purpose)) purposes.push_back(purpose);
  }
  return purposes;
}

std::vector<Reach> ReachOf(const v1::Convenant& convenant, const v1::Grant& grant) {
  std::vector<Reach> reach;
  for (const std::string& tafel_id : grant.tafels()) {
    const v1::Tafel* tafel = TafelOf(convenant, tafel_id);
    if (tafel == nullptr) continue;
    for (const std::string& source : grant.source_hats()) {
      if (!HasSeatAt(*tafel, source)) continue;
      for (const std::string& recipient : grant.recipient_hats()) {
        if (!HasSeatAt(*tafel, recipient)) continue;
        for (const std::string& field_name : grant.fields()) {
          const v1::Field* field = FieldOf(convenant, field_name);
          if (field != nullptr && OwnsField(*field, source)) {
            reach.push_back({tafel, source, recipient, field});
          }
        }
      }
    }
  }
  return reach;
}

bool RowContains(const v1::StatuteRow& row, const Reach& reach, const std::string& purpose) {
  return Has(row.regimes(), static_cast<int>(reach.tafel->regime())) &&
         Has(row.source_hats(), reach.source_hat) &&
         Has(row.recipient_hats(), reach.recipient_hat) &&
         Has(row.categories(), reach.field->category()) &&
         (row.classes().empty() ||
          Has(row.classes(), static_cast<int>(reach.field->data_class()))) &&
         Has(row.purposes(), purpose);
}

}  // namespace sluis::policy_oracle
