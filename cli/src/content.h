#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "call.h"
#include <CLI/CLI.hpp>

#include "sluis/client/field.h"
#include "sluis/client/value.h"

// Values of fields, as options and as output.
namespace sluis::cli {

// A value and what travels with it, as options.
class ContentOptions {
 public:
  // Adds --text … --condition. The object must outlive the command line.
  void AddTo(CLI::App& command);
  // Without those of the value.
  void AddCompanionsTo(CLI::App& command);
  // INVALID_ARGUMENT / OPTION_MISSING without a value, and the errors of client::ParseValue.
  [[nodiscard]] absl::StatusOr<client::ValueContent> Read() const;
  // Date, labels and conditions, without a value.
  [[nodiscard]] absl::StatusOr<client::ValueContent> ReadCompanions() const;

 private:
  // In the order given; more than one is a list.
  struct Given {
    std::string form;
    std::string text;
    bool is_file = false;
  };
  [[nodiscard]] static absl::StatusOr<client::Value> ReadOne(const Given& given);

  std::vector<Given> given_;
  bool list_ = false;
  std::optional<CivilDate> value_date_;
  std::string labels_;
  std::vector<std::string> conditions_;
};

// What is said of a value that the broker keeps, or asks for: a DepositFieldRequest or a
// KeepAtSourceRequest. Both must outlive the command line.
template <typename Request>
void AddHoldingOptions(CLI::App& command, Request& request, client::PartijHat& origin,
                       const std::string& end) {
  command.add_option("--field", request.field, "The field")->required();
  command.add_option("--person", request.person_id, "The person, by your own id");
  command.add_option("--casus", request.casus_id, "The casus; only for data without a person");
  AddDate(command, "--first-processed", request.first_processed,
          "Day on which you first processed the datum")
      ->required();
  AddDate(command, "--end", request.deposit_end, end)->required();
  command.add_flag("--third-person", request.third_person, "It also tells about somebody else");
  command.add_flag("--visible-to-present", request.visible_to_present,
                   "Parents and a child of 12 or older who are present may see it");
  command.add_flag("--pseudonym-k-safe", request.pseudonym_k_safe,
                   "Without a person: a pseudonymised dilemma, k-safe");
  command.add_option("--min-cell", request.min_cell, "Smallest cell of an aggregate");
  AddPartijHat(command, "--origin", origin, "From whom you got it, when it is not your own");
}

// What people read: euros with their cents, lists one value a line.
std::string ValueText(const client::Value& value);
// {"text": …}, {"integer": …}, …: the form as the wire names it.
Json ValueToJson(const client::Value& value);
// The reverse. An object may stand under "json" as itself. MALFORMED, field `value`.
absl::StatusOr<client::Value> ValueFromJson(const Json& json);

// NIET_DOOR, EINDDATUM=YYYY-MM-DD or ALLEEN_TAFEL=TAFEL. MALFORMED, field `conditions`.
absl::StatusOr<client::SourceCondition> ReadCondition(const std::string& text);
// What travels with a value: its day, labels and conditions.
std::string CompanionText(const client::ValueContent& content);
Json ContentToJson(const client::ValueContent& content);

}  // namespace sluis::cli
