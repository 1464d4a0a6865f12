#pragma once

#include <string>
#include <vector>

#include "dice.h"
#include "google/protobuf/message.h"

#include "sluis/policy_oracle/generator.h"

// Near misses: one element of a record is changed to another of its kind.
namespace sluis::policy_oracle {

// Names that records can hold.
struct World {
  std::vector<std::string> parties;
  std::vector<std::string> hats;
  std::vector<std::string> fields;
  std::vector<std::string> categories;
  std::vector<std::string> purposes;
  std::vector<std::string> tafels;
  std::vector<std::string> phases;
  std::vector<std::string> stages;
  std::vector<std::string> municipalities;
  std::vector<std::string> persons;
  std::vector<std::string> casussen;
  std::vector<std::string> professionals;
  Instant now;
};

World WorldOf(const Policy& policy, const Instant& now);

// RFC 3339 with the offset of Europe/Amsterdam.
std::string WriteInstant(absl::Time time);
std::string WriteDay(CivilDate day);

// Changes one element of the record. Never an enumeration to its unspecified value, and no date
// that the header of the generator leaves alone to nothing.
void Perturb(Dice& dice, const World& world, google::protobuf::Message& record);

}  // namespace sluis::policy_oracle
