#include "mark_scanner.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "sluis/base/bytes.h"
#include "sluis/base/text.h"

namespace sluis::testing {
namespace {

size_t Start(std::string_view bytes) {
  return static_cast<size_t>(static_cast<uint8_t>(bytes[0])) << 8 | static_cast<uint8_t>(bytes[1]);
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsDigits(std::string_view text) { return std::all_of(text.begin(), text.end(), &IsDigit); }

// Whether a number that was found is a part of a longer hexadecimal one: the thousands of UUIDs in
// a log hold some nine digits in a row now and then.
bool IsInsideHex(std::string_view bytes, size_t at, size_t size) {
  const auto belongs = [&](size_t i) {
    return IsDigit(bytes[i]) || (bytes[i] >= 'a' && bytes[i] <= 'f') || bytes[i] == '-';
  };
  return at > 0 && at + size < bytes.size() && belongs(at - 1) && belongs(at + size);
}

}  // namespace

std::string InsideBase64(std::string_view text, size_t offset) {
  const std::string shifted = std::string(offset, '\0') + std::string(text);
  const std::string encoded = absl::Base64Escape(shifted);
  // A character holds six bits: the first that is all ours, and the end of the last that is.
  const size_t first = (offset * 8 + 5) / 6;
  const size_t end = shifted.size() * 8 / 6;
  return encoded.substr(first, end - first);
}

void MarkScanner::AddForm(std::string bytes, std::string what, bool number) {
  if (bytes.size() < kKey) std::abort();
  starts_.set(Start(bytes));
  const std::string key = bytes.substr(0, kKey);
  forms_[key].push_back({std::move(bytes), std::move(what), number});
}

void MarkScanner::Add(std::string_view mark) {
  ++marks_;
  AddForm(std::string(mark), absl::StrCat(ToAbsl(mark), " as text"), IsDigits(mark));
  const std::string hex = HexEncode(mark);
  AddForm(hex, absl::StrCat(ToAbsl(mark), " as hex"));
  const std::string upper = absl::AsciiStrToUpper(hex);
  if (upper != hex) AddForm(upper, absl::StrCat(ToAbsl(mark), " as hex"));
  for (const size_t offset : {size_t{0}, size_t{1}, size_t{2}})
    AddForm(InsideBase64(mark, offset), absl::StrCat(ToAbsl(mark), " as base64"));
}

std::vector<std::string> MarkScanner::Scan(std::string_view bytes) const {
  std::set<std::string> found;
  for (size_t at = 0; at + kKey <= bytes.size(); ++at) {
    const std::string_view rest = bytes.substr(at);
    if (!starts_.test(Start(rest))) continue;
    const auto forms = forms_.find(std::string(rest.substr(0, kKey)));
    if (forms == forms_.end()) continue;
    for (const Form& form : forms->second) {
      if (rest.substr(0, form.bytes.size()) == form.bytes &&
          !(form.number && IsInsideHex(bytes, at, form.bytes.size())))
        found.insert(form.what);
    }
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> MarkScanner::ScanFiles(const std::filesystem::path& directory) const {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::ostringstream content;
    content << in.rdbuf();
    for (const std::string& what : Scan(content.str()))
      found.push_back(absl::StrCat(entry.path().filename().string(), ": ", what));
  }
  return found;
}

}  // namespace sluis::testing
