#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "deposit.h"

#include "sluis/base/bsn.h"
#include "sluis/intake/value_form.h"

namespace sluis::broker {
namespace {

using WordList = std::vector<std::string>;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The words of a text in lower case. What is not ASCII belongs to words: names have accents.
WordList WordsOf(std::string_view text) {
  WordList words(1);
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        (static_cast<unsigned char>(c) & 0x80U) != 0) {
      words.back().push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

bool HoldsBsn(std::string_view digits) {
  for (size_t at = 0; at + 9 <= digits.size(); ++at) {
    if (IsWellFormedBsn(digits.substr(at, 9))) return true;
  }
  return false;
}

// Whether a BSN stands in it: nine digits somewhere in a row, or nine in groups with one point,
// space or hyphen between them and nothing more. Longer rows of groups are dates and amounts.
bool HasBsn(std::string_view text) {
  std::string group;  // digits without anything between them
  std::string row;    // groups
  char last = 0;
  const auto end_row = [&] {
    const bool found = HoldsBsn(group) || (row.size() == 9 && HoldsBsn(row));
    group.clear();
    row.clear();
    return found;
  };
  for (const char c : text) {
    if (IsDigit(c)) {
      group.push_back(c);
      row.push_back(c);
    } else if ((c == ' ' || c == '.' || c == '-') && IsDigit(last)) {
      if (HoldsBsn(group)) return true;
      group.clear();
    } else if (end_row()) {
      return true;
    }
    last = c;
  }
  return end_row();
}

// "7601AB". In two words it cannot be told from "2026 in"; a postcode of somebody in the casus can,
// below.
bool IsPostcode(std::string_view word) {
  return word.size() == 6 && word[0] != '0' &&
         std::all_of(word.begin(), word.begin() + 4, &IsDigit) &&
         std::all_of(word.begin() + 4, word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

// Whether the words of `part` stand in `words` in a row.
bool Holds(const WordList& words, const WordList& part) {
  return !part.empty() &&
         std::search(words.begin(), words.end(), part.begin(), part.end()) != words.end();
}

constexpr std::array kMonths = {"januari",   "februari", "maart",    "april",
                                "mei",       "juni",     "juli",     "augustus",
                                "september", "oktober",  "november", "december"};
// Those that are no first three letters.
constexpr std::string_view ShortMonth(int month) {
  return month == 3 ? "mrt" : month == 9 ? "sept" : "";
}

// The ways in which a day is written.
std::vector<WordList> WaysToWrite(CivilDate date) {
  const absl::CivilDay day = date.day();
  const std::string year = absl::StrCat(day.year());
  const auto padded = [](int number) { return absl::StrCat(number < 10 ? "0" : "", number); };
  const std::string month(kMonths[static_cast<size_t>(day.month() - 1)]);
  std::vector<WordList> ways = {
      {absl::StrCat(year, padded(day.month()), padded(day.day()))},
      {absl::StrCat(padded(day.day()), padded(day.month()), year)},
  };
  const std::string abbreviated(ShortMonth(day.month()));
  for (const std::string& d : {absl::StrCat(day.day()), padded(day.day())}) {
    for (const std::string& m :
         {absl::StrCat(day.month()), padded(day.month()), month, month.substr(0, 3), abbreviated}) {
      if (m.empty()) continue;
      ways.push_back({d, m, year});
      ways.push_back({year, m, d});
    }
  }
  return ways;
}

bool NamesPerson(const WordList& words, const store::v1::Person& person) {
  // Each first name, and the surname as a whole. A single letter is no name.
  for (const std::string& name : WordsOf(person.voornamen())) {
    if (name.size() > 1 && Holds(words, {name})) return true;
  }
  if (Holds(words, WordsOf(person.geslachtsnaam()))) return true;
  const WordList postcode = WordsOf(person.postcode());
  if (Holds(words, postcode)) return true;
  if (postcode.size() == 1 && IsPostcode(postcode[0]) &&
      Holds(words, {postcode[0].substr(0, 4), postcode[0].substr(4)})) {
    return true;
  }
  const auto birth = CivilDate::Parse(person.geboortedatum());
  if (!birth.ok()) return false;
  const std::vector<WordList> ways = WaysToWrite(*birth);
  return std::any_of(ways.begin(), ways.end(),
                     [&](const WordList& way) { return Holds(words, way); });
}

}  // namespace

absl::Status CheckPseudonymised(CommandContext& context, const store::v1::Casus& casus,
                                std::string_view path, const v1::ValueContent& content) {
  bool recognisable = false;
  std::vector<WordList> texts;
  for (const std::string& text : intake::TextsOf(content.value())) {
    texts.push_back(WordsOf(text));
    recognisable = recognisable || HasBsn(text) ||
                   std::any_of(texts.back().begin(), texts.back().end(), &IsPostcode);
  }
  for (const auto& in_casus : casus.facts().persons()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid id, Uuid::Parse(in_casus.id()));
    SLUIS_ASSIGN_OR_RETURN(const auto person, UnlessDestroyed(context.state.Person(id)));
    if (!person) continue;
    recognisable = recognisable ||
                   std::any_of(texts.begin(), texts.end(),
                               [&](const WordList& words) { return NamesPerson(words, *person); });
  }
  if (!recognisable) return absl::OkStatus();
  return WithMetadata(
      FailedPrecondition("CATEGORY_EXCLUDED",
                         "a pseudonymised text holds no name, birth date, address or BSN"),
      kFieldKey, path);
}

}  // namespace sluis::broker
