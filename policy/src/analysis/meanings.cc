#include "meanings.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/text.h"

namespace sluis::policy {
namespace {

// ---- Numbers that the law gives to conditions ----

struct TermMeaning {
  absl::string_view name;
  int32_t (v1::LegalTerms::*value)() const;
  Condition condition;
  // Whether the condition is easier to meet when the number grows.
  bool larger_is_wider;
  // The record at the smaller of two numbers; "$" stands for it.
  absl::string_view nl;
  absl::string_view en;
};

constexpr std::array<TermMeaning, 7> kTerms = {{
    {"police_years", &v1::LegalTerms::police_years, Condition::kPolitieTermijn5j, true,
     "politiegegevens, vandaag $ jaar geleden voor het eerst verwerkt",
     "police data, first processed $ years ago today"},
    {"recent_months", &v1::LegalTerms::recent_months, Condition::kMax12MaandenOud, true,
     "een gegeven dat vandaag $ maanden oud is", "a value that is $ months old today"},
    {"timebox_hours", &v1::LegalTerms::timebox_hours, Condition::kTijdslot72u, true,
     "een tijdslot dat $ uur geleden is geopend", "a time box opened $ hours ago"},
    {"acute_hours", &v1::LegalTerms::acute_hours, Condition::kBesluitAcuutGevaar, true,
     "een besluit van $ uur en een seconde geleden", "a decision taken $ hours and a second ago"},
    {"min_cell", &v1::LegalTerms::min_cell, Condition::kCelMinimaal10, false,
     "cijfers waarvan de kleinste cel $ is", "figures whose smallest cell is $"},
    {"age_of_majority", &v1::LegalTerms::age_of_majority, Condition::kMinderjarig, true,
     "iemand van $ jaar", "somebody of $ years"},
    {"wams_min_domains", &v1::LegalTerms::wams_min_domains, Condition::kWamsUitkomstMeervoudig,
     false, "een uitkomst met $ domeinen", "an outcome with $ domains"},
}};

void AddTerm(absl::string_view name, const Compiled& before, const Compiled& after,
             std::vector<Meaning>& out) {
  for (const TermMeaning& term : kTerms) {
    if (term.name != name) continue;
    const int32_t old_value = (before.terms.*term.value)();
    const int32_t new_value = (after.terms.*term.value)();
    const int32_t smaller = std::min(old_value, new_value);
    Meaning meaning;
    meaning.under_before = (old_value > new_value) == term.larger_is_wider;
    meaning.conditions = Bit(term.condition);
    if (term.condition == Condition::kMinderjarig) meaning.age = smaller;
    const std::string number = absl::StrCat(smaller);
    for (const auto& [text, to] : {std::pair(term.nl, &meaning.nl), {term.en, &meaning.en}}) {
      const size_t at = text.find('$');
      *to = absl::StrCat(text.substr(0, at), number, text.substr(at + 1));
    }
    out.push_back(std::move(meaning));
  }
  if (name != "wams_social_acts") return;
  for (const bool under_before : {true, false}) {
    const auto& here = under_before ? before.wams_social_acts : after.wams_social_acts;
    const auto& there = under_before ? after.wams_social_acts : before.wams_social_acts;
    for (const std::string& act : here) {
      if (std::find(there.begin(), there.end(), act) != there.end()) continue;
      Meaning meaning;
      meaning.under_before = under_before;
      meaning.conditions = Bit(Condition::kWamsUitkomstMeervoudig);
      meaning.nl = absl::StrCat("een uitkomst die van de wetten van het sociaal domein alleen ",
                                act, " noemt");
      meaning.en =
          absl::StrCat("an outcome that names of the acts of the sociaal domein only ", act);
      out.push_back(std::move(meaning));
      break;
    }
  }
}

// ---- Who decides about somebody's data, and under which secrecy ----

// What is recorded about one consent, mandate or asking.
struct Say {
  int age = 0;
  bool capable = true;
  uint8_t capacities = 0;  // a bit per Capacity
  bool lifts_secrecy = true;
};

// Whether it counts for a field. What docs/decision-procedure.md says of consent, mandate and
// inzage, but for what both versions read alike.
bool Counts(const Compiled& c, Condition condition, FieldId field, const Say& say) {
  const bool inzage = condition == Condition::kInzageToegestaan;
  const FieldSet& needs_flag = condition == Condition::kToestemmingUitdrukkelijk
                                   ? c.consent_needs_flag
                                   : c.mandate_needs_flag;
  if (!inzage && !say.lifts_secrecy && needs_flag.Contains(field)) return false;
  const auto& boundaries = c.ages.boundaries;
  const auto bracket = static_cast<size_t>(
      std::upper_bound(boundaries.begin(), boundaries.end(), say.age) - boundaries.begin() - 1);
  for (size_t law = 1; law <= kSourceLawCount; ++law) {
    if (!c.fields_of_law[law].Contains(field)) continue;
    const CompiledAgeRule& rule = (inzage ? c.ages.inzage : c.ages.consent)[law][bracket];
    const auto& groups = say.capable ? rule.capable : rule.incapable;
    const auto in_group = [&](uint8_t group) { return (group & say.capacities) != 0; };
    if (groups.empty()) return false;
    return inzage ? std::any_of(groups.begin(), groups.end(), in_group)
                  : std::all_of(groups.begin(), groups.end(), in_group);
  }
  return false;
}

void Describe(Condition condition, const Say& say, Meaning& meaning) {
  std::vector<std::string> who;
  for (int i = 1; i <= 5; ++i) {
    if (((say.capacities >> i) & 1) != 0)
      who.push_back(v1::Capacity::Id_Name(static_cast<v1::Capacity::Id>(i)));
  }
  const std::string by = absl::StrJoin(who, ", ");
  meaning.nl =
      absl::StrCat("iemand van ", say.age, " jaar, ", say.capable ? "" : "niet ", "wilsbekwaam; ");
  meaning.en = absl::StrCat("somebody of ", say.age, " years, ", say.capable ? "" : "not ",
                            "able to judge the own interests; ");
  const bool consent = condition == Condition::kToestemmingUitdrukkelijk;
  if (condition == Condition::kInzageToegestaan) {
    absl::StrAppend(&meaning.nl, "inzage gevraagd door ", by);
    absl::StrAppend(&meaning.en, "inzage asked by ", by);
    return;
  }
  absl::StrAppend(&meaning.nl, consent ? "toestemming" : "mandaat", " van ", by,
                  say.lifts_secrecy ? ", met" : ", zonder", " DOORBREKING_GEHEIM");
  absl::StrAppend(&meaning.en, consent ? "consent" : "mandate", " of ", by,
                  say.lifts_secrecy ? ", with" : ", without", " DOORBREKING_GEHEIM");
}

// Of everything that can be recorded about one field, what is read otherwise: for every condition,
// direction and side of majority the first.
void AddSays(const std::string& name, const Compiled& before, const Compiled& after,
             std::vector<Meaning>& out) {
  const auto old_field = before.fields.Find(name);
  const auto new_field = after.fields.Find(name);
  if (!old_field || !new_field) return;
  std::set<int> ages;
  for (const Compiled* c : {&before, &after})
    ages.insert(c->ages.boundaries.begin(), c->ages.boundaries.end());
  const int majority = std::min(before.terms.age_of_majority(), after.terms.age_of_majority());
  for (const Condition condition : {Condition::kToestemmingUitdrukkelijk,
                                    Condition::kMandaatVanKracht, Condition::kInzageToegestaan}) {
    std::set<std::pair<bool, bool>> found;
    for (int wanted = 1; wanted <= 4; ++wanted) {  // few givers before many
      for (const int age : ages) {
        for (const bool capable : {true, false}) {
          for (const bool lifts : {true, false}) {
            for (uint8_t capacities = 2; capacities < 64; capacities += 2) {
              const Say say{age, capable, capacities, lifts};
              if (std::popcount(capacities) != wanted) continue;
              const bool old_counts = Counts(before, condition, *old_field, say);
              if (old_counts == Counts(after, condition, *new_field, say)) continue;
              // A request of a witness for inzage is that of the person.
              if (condition == Condition::kInzageToegestaan &&
                  capacities != 1 << static_cast<int>(Capacity::kSelf)) {
                continue;
              }
              if (!found.emplace(old_counts, age < majority).second) continue;
              Meaning meaning;
              meaning.under_before = old_counts;
              meaning.conditions = Bit(condition);
              meaning.fields = {name};
              meaning.age = age;
              Describe(condition, say, meaning);
              out.push_back(std::move(meaning));
            }
          }
        }
      }
    }
  }
}

// The fields for which `concerns` is true in either version, each with what is read otherwise.
void AddSaysOfFields(const std::function<bool(const v1::Field&)>& concerns, const Compiled& before,
                     const Compiled& after, std::vector<Meaning>& out) {
  std::set<std::string> names;
  for (const Compiled* c : {&before, &after}) {
    for (const v1::Field& field : c->convenant.fields()) {
      if (concerns(field)) names.insert(field.name());
    }
  }
  // What is read in the same way of several fields is told once.
  std::map<std::string, size_t> told;
  for (const std::string& name : names) {
    std::vector<Meaning> of_field;
    AddSays(name, before, after, of_field);
    for (Meaning& meaning : of_field) {
      const auto [at, fresh] =
          told.emplace(absl::StrCat(meaning.under_before, meaning.en), out.size());
      if (fresh) {
        out.push_back(std::move(meaning));
      } else {
        out[at->second].fields.insert(name);
      }
    }
  }
}

// ---- How long a value or a casus is kept ----

CivilDate Earlier(CivilDate day, int32_t term, v1::Retention::Unit unit) {
  switch (unit) {
    case v1::Retention::JAAR:
      return day.AddYears(-term);
    case v1::Retention::MAAND:
      return day.AddMonths(-term);
    default:
      return day.AddDays(-term);
  }
}

bool CountsDays(const CompiledRetention& row) {
  return row.term > 0 && (row.unit == v1::Retention::JAAR || row.unit == v1::Retention::MAAND ||
                          row.unit == v1::Retention::DAG);
}

bool IsOver(const CompiledRetention& row, CivilDate first, CivilDate today) {
  switch (row.unit) {
    case v1::Retention::JAAR:
      return first.AddYears(row.term) <= today;
    case v1::Retention::MAAND:
      return first.AddMonths(row.term) <= today;
    default:
      return first.AddDays(row.term) <= today;
  }
}

std::string AgeText(const CompiledRetention& row, bool dutch) {
  switch (row.unit) {
    case v1::Retention::JAAR:
      return absl::StrCat(row.term, dutch ? " jaar" : " years");
    case v1::Retention::MAAND:
      return absl::StrCat(row.term, dutch ? " maanden" : " months");
    default:
      return absl::StrCat(row.term, dutch ? " dagen" : " days");
  }
}

// Rows of an anchor, and for values of a hat.
std::vector<CompiledRetention> RowsOf(const Compiled& c, v1::Retention::Anchor anchor,
                                      const std::string* hat) {
  std::vector<CompiledRetention> rows;
  for (const CompiledRetention& row : c.retention) {
    if (row.anchor != anchor) continue;
    if (hat != nullptr) {
      const auto id = c.hats.Find(*hat);
      if (!id || !row.holders.Contains(*id)) continue;
    }
    if (CountsDays(row)) rows.push_back(row);
  }
  return rows;
}

// Something that is as old as one of the terms, where that is over in one version only. A day
// without a leap day near stands for today.
void AddAges(v1::Retention::Anchor anchor, const std::string* hat, const Compiled& before,
             const Compiled& after, std::vector<Meaning>& out) {
  const CivilDate today = *CivilDate::Parse("2026-06-15");
  const auto old_rows = RowsOf(before, anchor, hat);
  const auto new_rows = RowsOf(after, anchor, hat);
  for (const auto* rows : {&old_rows, &new_rows}) {
    for (const CompiledRetention& row : *rows) {
      const CivilDate first = Earlier(today, row.term, row.unit);
      const auto over = [&](const CompiledRetention& each) { return IsOver(each, first, today); };
      const bool old_over = std::any_of(old_rows.begin(), old_rows.end(), over);
      if (old_over == std::any_of(new_rows.begin(), new_rows.end(), over)) continue;
      Meaning meaning;
      meaning.under_before = !old_over;
      if (hat != nullptr) {
        meaning.value_within_term = true;
        meaning.source_hats = {*hat};
      } else {
        meaning.circumstances = Bit(Circumstance::kWithinCasusTerm);
      }
      const bool changed = anchor == v1::Retention::LAATSTE_WIJZIGING;
      meaning.nl = absl::StrCat(hat != nullptr ? "een gegeven" : "een casus", ", vandaag ",
                                AgeText(row, true), " geleden ",
                                changed ? "voor het laatst gewijzigd" : "voor het eerst verwerkt");
      meaning.en = absl::StrCat(hat != nullptr ? "a value" : "a casus", ", ",
                                changed ? "last changed " : "first processed ", AgeText(row, false),
                                " ago today");
      out.push_back(std::move(meaning));
    }
  }
}

void AddRetention(const std::string& id, const Compiled& before, const Compiled& after,
                  std::vector<Meaning>& out) {
  std::set<std::string> hats;
  std::set<v1::Retention::Anchor> anchors;
  for (const Compiled* c : {&before, &after}) {
    for (const v1::Retention& row : c->convenant.retention()) {
      if (row.id() != id) continue;
      hats.insert(row.holder_hats().begin(), row.holder_hats().end());
      anchors.insert(row.anchor());
    }
  }
  for (const v1::Retention::Anchor anchor : anchors) {
    if (anchor == v1::Retention::EERSTE_VERWERKING_CASUS)
      AddAges(anchor, nullptr, before, after, out);
    if (anchor != v1::Retention::LAATSTE_WIJZIGING && anchor != v1::Retention::EERSTE_VERWERKING)
      continue;
    for (const std::string& hat : hats) AddAges(anchor, &hat, before, after, out);
  }
}

}  // namespace

std::optional<std::string> ElementOf(const std::string& where, std::string_view list) {
  const std::string prefix = absl::StrCat(ToAbsl(list), "[");
  if (!absl::StartsWith(where, prefix)) return std::nullopt;
  return where.substr(prefix.size(), where.find(']') - prefix.size());
}

std::vector<Meaning> MeaningsOf(const std::string& where, const Compiled& before,
                                const Compiled& after) {
  std::vector<Meaning> out;
  constexpr absl::string_view kTermsPrefix = "statute.terms.";
  if (absl::StartsWith(where, kTermsPrefix)) {
    AddTerm(absl::string_view(where).substr(kTermsPrefix.size()), before, after, out);
  } else if (const auto rule_id = ElementOf(where, "statute.age_rules")) {
    std::set<v1::SourceLaw::Id> laws;
    for (const Compiled* c : {&before, &after}) {
      for (const v1::AgeRule& rule : c->statute.age_rules()) {
        if (rule.id() == *rule_id) laws.insert(rule.source_law());
      }
    }
    AddSaysOfFields([&](const v1::Field& field) { return laws.count(field.source_law()) != 0; },
                    before, after, out);
  } else if (const auto secrecy = ElementOf(where, "statute.secrecies")) {
    AddSaysOfFields([&](const v1::Field& field) { return field.secrecy() == *secrecy; }, before,
                    after, out);
  } else if (const auto name = ElementOf(where, "convenant.fields")) {
    if (absl::EndsWith(where, ".secrecy") || absl::EndsWith(where, ".source_law"))
      AddSaysOfFields([&](const v1::Field& field) { return field.name() == *name; }, before, after,
                      out);
  } else if (const auto row = ElementOf(where, "convenant.retention")) {
    AddRetention(*row, before, after, out);
  } else if (const auto term = ElementOf(where, "switches.terms")) {
    AddRetention(*term, before, after, out);
  }
  return out;
}

}  // namespace sluis::policy
