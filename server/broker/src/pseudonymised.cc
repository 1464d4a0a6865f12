#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "deposit.h"

#include "sluis/base/bsn.h"
#include "sluis/intake/value_form.h"

namespace sluis::broker {
namespace {

using WordList = std::vector<std::string>;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// ---- Letters ----

// Letters with accents, by the last of a row of neighbours that are the same letter: those of
// Latin-1 and Latin Extended-A. In lower case; none: not a letter.
struct Letters {
  char32_t last;
  std::string_view plain;
};
constexpr std::array kLetters = std::to_array<Letters>({
    {0xbf, ""},    {0xc5, "a"},  {0xc6, "ae"}, {0xc7, "c"},  {0xcb, "e"},  {0xcf, "i"},
    {0xd0, "d"},   {0xd1, "n"},  {0xd6, "o"},  {0xd7, ""},   {0xd8, "o"},  {0xdc, "u"},
    {0xdd, "y"},   {0xde, "th"}, {0xdf, "ss"}, {0xe5, "a"},  {0xe6, "ae"}, {0xe7, "c"},
    {0xeb, "e"},   {0xef, "i"},  {0xf0, "d"},  {0xf1, "n"},  {0xf6, "o"},  {0xf7, ""},
    {0xf8, "o"},   {0xfc, "u"},  {0xfd, "y"},  {0xfe, "th"}, {0xff, "y"},  {0x105, "a"},
    {0x10d, "c"},  {0x111, "d"}, {0x11b, "e"}, {0x123, "g"}, {0x127, "h"}, {0x131, "i"},
    {0x133, "ij"}, {0x135, "j"}, {0x138, "k"}, {0x142, "l"}, {0x14b, "n"}, {0x151, "o"},
    {0x153, "oe"}, {0x159, "r"}, {0x161, "s"}, {0x167, "t"}, {0x173, "u"}, {0x175, "w"},
    {0x178, "y"},  {0x17e, "z"}, {0x17f, "s"},
});

// Further rows of such letters, which are not beside each other: of names from Romania, Vietnam and
// elsewhere.
struct LetterRow {
  char32_t first;
  char32_t last;
  char plain;
};
constexpr std::array kLetterRows = std::to_array<LetterRow>({
    {0x1a0, 0x1a1, 'o'},   {0x1af, 0x1b0, 'u'},   {0x1cd, 0x1ce, 'a'},   {0x1cf, 0x1d0, 'i'},
    {0x1d1, 0x1d2, 'o'},   {0x1d3, 0x1dc, 'u'},   {0x1de, 0x1e1, 'a'},   {0x1e6, 0x1e7, 'g'},
    {0x1e8, 0x1e9, 'k'},   {0x1ea, 0x1ed, 'o'},   {0x1f0, 0x1f0, 'j'},   {0x1f4, 0x1f5, 'g'},
    {0x1f8, 0x1f9, 'n'},   {0x1fa, 0x1fb, 'a'},   {0x200, 0x203, 'a'},   {0x204, 0x207, 'e'},
    {0x208, 0x20b, 'i'},   {0x20c, 0x20f, 'o'},   {0x210, 0x213, 'r'},   {0x214, 0x217, 'u'},
    {0x218, 0x219, 's'},   {0x21a, 0x21b, 't'},   {0x21e, 0x21f, 'h'},   {0x226, 0x227, 'a'},
    {0x228, 0x229, 'e'},   {0x22a, 0x231, 'o'},   {0x232, 0x233, 'y'},   {0x1e00, 0x1e01, 'a'},
    {0x1e02, 0x1e07, 'b'}, {0x1e08, 0x1e09, 'c'}, {0x1e0a, 0x1e13, 'd'}, {0x1e14, 0x1e1d, 'e'},
    {0x1e1e, 0x1e1f, 'f'}, {0x1e20, 0x1e21, 'g'}, {0x1e22, 0x1e2b, 'h'}, {0x1e2c, 0x1e2f, 'i'},
    {0x1e30, 0x1e35, 'k'}, {0x1e36, 0x1e3d, 'l'}, {0x1e3e, 0x1e43, 'm'}, {0x1e44, 0x1e4b, 'n'},
    {0x1e4c, 0x1e53, 'o'}, {0x1e54, 0x1e57, 'p'}, {0x1e58, 0x1e5f, 'r'}, {0x1e60, 0x1e69, 's'},
    {0x1e6a, 0x1e71, 't'}, {0x1e72, 0x1e7b, 'u'}, {0x1e7c, 0x1e7f, 'v'}, {0x1e80, 0x1e89, 'w'},
    {0x1e8a, 0x1e8d, 'x'}, {0x1e8e, 0x1e8f, 'y'}, {0x1e90, 0x1e95, 'z'}, {0x1ea0, 0x1eb7, 'a'},
    {0x1eb8, 0x1ec7, 'e'}, {0x1ec8, 0x1ecb, 'i'}, {0x1ecc, 0x1ee3, 'o'}, {0x1ee4, 0x1ef1, 'u'},
    {0x1ef2, 0x1ef9, 'y'},
});

// Without looks of their own: what joins, splits, accents or turns the letters beside it.
constexpr bool IsInvisible(char32_t c) {
  return c == 0xad || (c >= 0x300 && c <= 0x36f) || c == 0x61c || (c >= 0x180b && c <= 0x180f) ||
         (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
         (c >= 0xe0000 && c <= 0xe0fff);
}
constexpr bool IsHyphen(char32_t c) { return (c >= 0x2010 && c <= 0x2015) || c == 0x2212; }
// Punctuation and signs beyond Latin-1, roughly; letters that look like quotes among them.
constexpr bool IsSign(char32_t c) {
  return (c >= 0x2b9 && c <= 0x2bf) || c == 0x1680 || (c >= 0x2000 && c <= 0x2bff) ||
         (c >= 0x3000 && c <= 0x303f) || c >= 0x1f000;
}

// One code point of valid UTF-8, from `at`; moves past it.
char32_t Next(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(i < text.size() ? text[i] : 0));
  };
  const char32_t first = byte(at);
  const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t c = length == 1 ? first : first & (0xffU >> (length + 1));
  for (size_t i = 1; i < length; ++i) c = (c << 6U) | (byte(at + i) & 0x3fU);
  at += length;
  return c;
}

// The text with letters as they would be without accents, and nothing but spaces and hyphens of
// what is between words. Letters of other scripts stay as they are.
std::string Plain(std::string_view text) {
  std::string plain;
  for (size_t at = 0; at < text.size();) {
    const size_t from = at;
    char32_t c = Next(text, at);
    // Full-width forms of ASCII.
    if (c >= 0xff01 && c <= 0xff5e) c -= 0xfee0;
    if (c < 0x80) {
      plain.push_back(static_cast<char>(c));
    } else if (IsInvisible(c)) {
      continue;
    } else if (c <= kLetters.back().last) {
      const auto* row = std::find_if(kLetters.begin(), kLetters.end(),
                                     [&](const Letters& each) { return c <= each.last; });
      // Whether it is a capital is known of Latin-1; of the others it is taken to be one.
      const bool capital = c < 0xdf || c > 0xff;
      plain.append(row->plain.empty() ? " " : row->plain);
      if (capital && !row->plain.empty()) {
        char& letter = plain[plain.size() - row->plain.size()];
        letter = absl::ascii_toupper(static_cast<unsigned char>(letter));
      }
    } else if (IsHyphen(c)) {
      plain.push_back('-');
    } else if (IsSign(c)) {
      plain.push_back(' ');
    } else {
      const auto row =
          std::find_if(kLetterRows.begin(), kLetterRows.end(),
                       [&](const LetterRow& each) { return each.first <= c && c <= each.last; });
      if (row == kLetterRows.end()) {
        plain.append(text.substr(from, at - from));
      } else {
        plain.push_back(absl::ascii_toupper(static_cast<unsigned char>(row->plain)));
      }
    }
  }
  return plain;
}

// Words in lower case, and which of them begin with a capital.
struct Words {
  WordList list;
  std::vector<bool> capital;
};

Words SplitPlain(std::string_view plain) {
  Words words;
  bool inside = false;
  for (const char c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    const bool belongs = absl::ascii_isalnum(byte) || (byte & 0x80U) != 0;
    if (belongs && !inside) {
      words.list.emplace_back();
      words.capital.push_back(absl::ascii_isupper(byte) || (byte & 0x80U) != 0);
    }
    if (belongs) words.list.back().push_back(absl::ascii_tolower(byte));
    inside = belongs;
  }
  return words;
}

WordList WordsOf(std::string_view text) { return SplitPlain(Plain(text)).list; }

// ---- Numbers ----

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

// ---- Days ----

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

// ---- Addresses ----

bool EndsWith(std::string_view word, std::string_view end) {
  return word.size() > end.size() && word.substr(word.size() - end.size()) == end;
}
bool StartsWith(std::string_view word, std::string_view start) {
  return word.substr(0, start.size()) == start;
}

// "12", "12a", "12bis". Not a year.
bool IsHouseNumber(std::string_view word) {
  size_t digits = 0;
  while (digits < word.size() && IsDigit(word[digits])) ++digits;
  if (digits == 0 || digits > 4 || word.size() > digits + 3) return false;
  const bool year =
      word.size() == 4 && digits == 4 && (StartsWith(word, "19") || StartsWith(word, "20"));
  return !year;
}

// How the names of most streets end. What ends so without being one, and may well stand before a
// number.
constexpr std::array<std::string_view, 17> kStreets = {
    "straat", "str",  "laan", "gracht", "plein",     "kade",      "singel", "steeg", "dreef",
    "weg",    "dijk", "hof",  "pad",    "plantsoen", "boulevard", "allee",  "hofje"};
constexpr std::array<std::string_view, 8> kNoStreets = {
    "onderweg", "halverweg", "uitweg", "omweg", "snelweg", "gerechtshof", "rijweg", "binnenweg"};
// Of these the name alone says where, written as a name.
constexpr std::array<std::string_view, 8> kSurely = {"straat", "laan",   "gracht", "plein",
                                                     "kade",   "singel", "steeg",  "plantsoen"};

template <size_t kSize>
bool Lists(const std::array<std::string_view, kSize>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}
template <size_t kSize>
bool EndsWithAny(const std::array<std::string_view, kSize>& list, std::string_view word) {
  return std::any_of(list.begin(), list.end(),
                     [&](std::string_view end) { return EndsWith(word, end); });
}

// Whoever lives there: held against the addresses on record it would tell who guesses one.
bool HasAddress(const Words& words) {
  constexpr std::array<std::string_view, 4> kNumber = {"nr", "nummer", "huisnummer", "huisnr"};
  for (size_t i = 0; i < words.list.size(); ++i) {
    const std::string& word = words.list[i];
    if (IsPostcode(word)) return true;
    size_t next = i + 1;
    if (word == "huisnummer" || word == "huisnr") {
      if (next < words.list.size() && IsHouseNumber(words.list[next])) return true;
      continue;
    }
    const bool capital = words.capital[i];
    const bool street = !Lists(kNoStreets, word) &&
                        (EndsWithAny(kStreets, word) || (capital && Lists(kStreets, word)));
    if (!street) continue;
    if (capital && EndsWithAny(kSurely, word)) return true;
    if (next < words.list.size() && Lists(kNumber, words.list[next])) ++next;
    if (next < words.list.size() && IsHouseNumber(words.list[next])) return true;
  }
  return false;
}

// ---- Names ----

// Between a first name and the rest of a surname.
constexpr std::array<std::string_view, 32> kParticles = {
    "van", "de", "der", "den", "het", "t",   "ten", "ter", "te", "in", "op",
    "von", "zu", "el",  "al",  "la",  "le",  "du",  "da",  "do", "di", "dos",
    "d",   "l",  "s",   "bin", "ben", "ibn", "st",  "san", "e",  "en"};
// Words that begin a sentence more often than a name is cut off so.
constexpr std::array<std::string_view, 8> kSentences = {"het", "die", "van", "den",
                                                        "der", "dan", "met", "een"};
constexpr std::array<std::string_view, 10> kDiminutives = {"tje", "je",  "pje", "etje", "ie",
                                                           "ke",  "eke", "y",   "i",    "a"};

// Also in the genitive.
bool IsName(std::string_view word, std::string_view name) {
  return word == name || (StartsWith(word, name) && word.substr(name.size()) == "s");
}

// "Willem": Wil, Will, Willempje. "Albert": Bert. Not Wim: that stands nowhere.
bool IsShortFor(std::string_view word, std::string_view name) {
  if (word.size() < 3 || name.size() < 3 || Lists(kSentences, word)) return false;
  if (StartsWith(name, word) || (word.size() > 3 && EndsWith(name, word))) return true;
  return StartsWith(word, name) && Lists(kDiminutives, word.substr(name.size()));
}

bool HasName(const Words& words, const store::v1::Person& person) {
  const WordList first_names = WordsOf(person.voornamen());
  const WordList surname = WordsOf(person.geslachtsnaam());
  // The surname as a whole, in any case.
  if (Holds(words.list, surname)) return true;
  for (size_t i = 0; i < words.list.size(); ++i) {
    const std::string& word = words.list[i];
    const bool capital = words.capital[i];
    for (const std::string& name : first_names) {
      // A single letter is no name.
      if (name.size() > 1 && (IsName(word, name) || (capital && IsShortFor(word, name))))
        return true;
    }
    for (const std::string& name : surname) {
      // "Geheim" of "van der Geheim". In lower case "groot" is no De Groot.
      if (surname.size() == 1
              ? IsName(word, name)
              : capital && name.size() > 2 && !Lists(kParticles, name) && IsName(word, name)) {
        return true;
      }
    }
  }
  return false;
}

bool NamesPerson(const Words& words, const store::v1::Person& person) {
  if (HasName(words, person)) return true;
  const WordList postcode = WordsOf(person.postcode());
  if (Holds(words.list, postcode)) return true;
  if (postcode.size() == 1 && IsPostcode(postcode[0]) &&
      Holds(words.list, {postcode[0].substr(0, 4), postcode[0].substr(4)})) {
    return true;
  }
  const auto birth = CivilDate::Parse(person.geboortedatum());
  if (!birth.ok()) return false;
  const std::vector<WordList> ways = WaysToWrite(*birth);
  return std::any_of(ways.begin(), ways.end(),
                     [&](const WordList& way) { return Holds(words.list, way); });
}

}  // namespace

absl::Status CheckPseudonymised(CommandContext& context, const store::v1::Casus& casus,
                                std::string_view path, const v1::ValueContent& content) {
  bool recognisable = false;
  std::vector<Words> texts;
  for (const std::string& text : intake::TextsOf(content.value())) {
    const std::string plain = Plain(text);
    texts.push_back(SplitPlain(plain));
    recognisable = recognisable || HasBsn(plain) || HasAddress(texts.back());
  }
  for (const auto& in_casus : casus.facts().persons()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid id, Uuid::Parse(in_casus.id()));
    SLUIS_ASSIGN_OR_RETURN(const auto person, UnlessDestroyed(context.state.Person(id)));
    if (!person) continue;
    recognisable = recognisable || std::any_of(texts.begin(), texts.end(), [&](const Words& words) {
                     return NamesPerson(words, *person);
                   });
  }
  if (!recognisable) return absl::OkStatus();
  return WithMetadata(
      FailedPrecondition("CATEGORY_EXCLUDED",
                         "a pseudonymised text holds no name, birth date, address or BSN"),
      kFieldKey, path);
}

}  // namespace sluis::broker
