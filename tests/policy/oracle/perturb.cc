#include "perturb.h"

namespace sluis::policy_oracle {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// One element of a record: a field, and a position where it is a list.
struct Place {
  Message* message;
  const FieldDescriptor* field;
  int index;  // -1: not a list
};

bool IsOneOf(const std::string& name, const std::vector<const char*>& names) {
  for (const char* one : names) {
    if (name == one) return true;
  }
  return false;
}

// No condition reads it.
bool IsForPeopleOnly(const FieldDescriptor& field) {
  if (field.name() == "reason") return field.containing_type()->name() != "Informed";
  return IsOneOf(field.name(), {"way", "evidence", "professional"});
}

void AddPlaces(Message& message, std::vector<Place>& places) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (IsForPeopleOnly(*field)) continue;
    if (field->is_repeated()) {
      for (int j = 0; j < reflection.FieldSize(message, field); ++j) {
        if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          AddPlaces(*reflection.MutableRepeatedMessage(&message, field, j), places);
        } else {
          places.push_back({&message, field, j});
        }
      }
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      places.push_back({&message, field, -1});
    } else if (reflection.HasField(message, field)) {
      AddPlaces(*reflection.MutableMessage(&message, field), places);
    }
  }
}

std::string StringAt(const Place& place) {
  const Reflection& reflection = *place.message->GetReflection();
  return place.index < 0 ? reflection.GetString(*place.message, place.field)
                         : reflection.GetRepeatedString(*place.message, place.field, place.index);
}

void SetString(const Place& place, const std::string& value) {
  const Reflection& reflection = *place.message->GetReflection();
  if (place.index < 0) {
    reflection.SetString(place.message, place.field, value);
  } else {
    reflection.SetRepeatedString(place.message, place.field, place.index, value);
  }
}

// Names of this kind; null when the element is no name.
const std::vector<std::string>* NamesFor(const World& world, const Place& place) {
  const std::string& name = place.field->name();
  if (IsOneOf(name, {"partij", "gi_party", "source_party", "recipient_parties"})) {
    return &world.parties;
  }
  if (IsOneOf(name, {"hat", "hats", "recipient_hats"})) return &world.hats;
  if (IsOneOf(name, {"field", "fields"})) return &world.fields;
  if (name == "categories") return &world.categories;
  if (IsOneOf(name, {"purpose", "purposes"})) return &world.purposes;
  if (IsOneOf(name, {"tafel", "verband"})) return &world.tafels;
  if (IsOneOf(name, {"municipality_before", "municipality_after"})) return &world.municipalities;
  if (name == "person") return &world.persons;
  if (name == "casus") return &world.casussen;
  if (name == "approvers") return &world.professionals;
  return nullptr;
}

// Not the last day of a condition of a source, and no date by which the newest record is found.
bool MayBeUnknown(const FieldDescriptor& field) {
  const std::string& record = field.containing_type()->name();
  const std::string& name = field.name();
  if (record == "SourceCondition" && name == "until") return false;
  if (record == "Holding" && name == "recorded_on") return false;
  if (record == "MelderConsent" && name == "date") return false;
  if (record == "SignalAttestation" && name == "date") return false;
  return !(record == "Hit" && name == "date");
}

void PerturbDay(Dice& dice, const World& world, const Place& place) {
  const std::string& name = place.field->name();
  const CivilDate today = world.now.today;
  const bool is_end = IsOneOf(name, {"until", "review_date", "deposit_end"});
  const int kind = dice.Between(1, 100);
  if (kind <= 45) {
    SetString(place, WriteDay(today.AddDays(is_end ? -1 : 1)));
  } else if (kind <= 60) {
    SetString(place, WriteDay(today));
  } else if (kind <= 75) {
    SetString(place, WriteDay(today.AddDays(is_end ? 1 : -1)));
  } else if (kind <= 85) {
    SetString(place, WriteDay(today.AddYears(-dice.Between(1, 6)).AddDays(dice.Between(-1, 1))));
  } else if (MayBeUnknown(*place.field)) {
    SetString(place, dice.Percent(70) ? "" : "2026-02-30");
  }
}

void PerturbInstant(Dice& dice, const World& world, const Place& place) {
  const std::vector<absl::Duration> shifts = {absl::ZeroDuration(),
                                              absl::Seconds(1),
                                              absl::Seconds(-1),
                                              absl::Hours(1),
                                              absl::Hours(-24),
                                              absl::Hours(-72),
                                              absl::Hours(-72) + absl::Seconds(1),
                                              absl::Hours(-72) - absl::Seconds(1),
                                              absl::Hours(-200)};
  const int kind = dice.Between(1, 100);
  SetString(place, kind <= 10   ? ""
                   : kind <= 15 ? "gisteren"
                                : WriteInstant(world.now.time + dice.Pick(shifts)));
}

void PerturbString(Dice& dice, const World& world, const Place& place) {
  const std::string& name = place.field->name();
  if (const std::vector<std::string>* names = NamesFor(world, place)) {
    const bool may_be_empty = place.index < 0 && name != "person" && name != "casus";
    if (may_be_empty && dice.Percent(10)) {
      SetString(place, "");
    } else {
      SetString(place, dice.PickOther(*names, StringAt(place)));
    }
  } else if (IsOneOf(name, {"date", "from", "until", "review_date", "recorded_on",
                            "first_processed", "value_date", "deposit_end"})) {
    PerturbDay(dice, world, place);
  } else if (IsOneOf(name, {"withdrawn_at", "at", "opened_at"})) {
    PerturbInstant(dice, world, place);
  } else if (name == "name") {
    SetString(place, "iemand anders");
  } else if (place.index < 0) {
    SetString(place, "");  // a text
  }
}

void PerturbEnum(Dice& dice, const Place& place) {
  const EnumDescriptor* type = place.field->enum_type();
  // From the second value: the first is the unspecified one. A form may be unspecified.
  const int lowest = type->name() == "Form" ? 0 : 1;
  const int value = type->value(dice.Between(lowest, type->value_count() - 1))->number();
  const Reflection& reflection = *place.message->GetReflection();
  if (place.index < 0) {
    reflection.SetEnumValue(place.message, place.field, value);
  } else {
    reflection.SetRepeatedEnumValue(place.message, place.field, place.index, value);
  }
}

void PerturbBool(const Place& place) {
  const Reflection& reflection = *place.message->GetReflection();
  if (place.index < 0) {
    reflection.SetBool(place.message, place.field,
                       !reflection.GetBool(*place.message, place.field));
  } else {
    reflection.SetRepeatedBool(
        place.message, place.field, place.index,
        !reflection.GetRepeatedBool(*place.message, place.field, place.index));
  }
}

}  // namespace

World WorldOf(const Policy& policy, const Instant& now) {
  World world;
  const v1::Convenant& convenant = policy.convenant;
  for (const auto& partij : convenant.parties()) {
    world.parties.push_back(partij.id());
    if (!Has(world.municipalities, partij.municipality())) {
      world.municipalities.push_back(partij.municipality());
    }
  }
  for (const auto& hat : convenant.hats()) world.hats.push_back(hat.id());
  for (const auto& field : convenant.fields()) world.fields.push_back(field.name());
  for (const auto& category : convenant.categories()) world.categories.push_back(category.id());
  for (const auto& purpose : convenant.purposes()) world.purposes.push_back(purpose.id());
  for (const auto& tafel : convenant.tafels()) world.tafels.push_back(tafel.id());
  for (const auto& phase : convenant.phases()) world.phases.push_back(phase.id());
  for (const auto& stage : convenant.stages()) world.stages.push_back(stage.id());
  world.persons = {"anna", "bert"};
  world.casussen = {"C-001", "C-002"};
  for (const std::string& partij : world.parties) {
    world.professionals.push_back("pro-" + partij + "-1");
    world.professionals.push_back("pro-" + partij + "-2");
  }
  world.now = now;
  return world;
}

std::string WriteInstant(absl::Time time) {
  // The zone's rule, without the zone's database: summer time from the last Sunday of March to that
  // of October, both at 01:00 UTC.
  const auto last_sunday = [](int64_t year, int month) {
    const absl::CivilDay next(year, month + 1, 1);
    return absl::FromCivil(absl::CivilHour(absl::PrevWeekday(next, absl::Weekday::sunday)) + 1,
                           absl::UTCTimeZone());
  };
  const int64_t year = absl::ToCivilYear(time, absl::UTCTimeZone()).year();
  const bool summer = last_sunday(year, 3) <= time && time < last_sunday(year, 10);
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S%Ez", time, absl::FixedTimeZone(summer ? 7200 : 3600));
}

std::string WriteDay(CivilDate day) { return day.ToString(); }

void Perturb(Dice& dice, const World& world, Message& record) {
  std::vector<Place> places;
  AddPlaces(record, places);
  if (places.empty()) return;
  const Place place = dice.Pick(places);
  switch (place.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      PerturbString(dice, world, place);
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      PerturbEnum(dice, place);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      PerturbBool(place);
      break;
    default:
      break;  // numbers are drawn near their limits already
  }
}

}  // namespace sluis::policy_oracle
