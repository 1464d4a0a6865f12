#include "print.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "sluis/base/check.h"
#include "sluis/base/text.h"

namespace sluis::cli {
namespace {

constexpr size_t kDefaultWidth = 110;
constexpr size_t kMinWidth = 60;
constexpr size_t kMinColumn = 16;
constexpr std::string_view kGap = "  ";

// One character of text; the C library knows which they are (main() has set a UTF-8 locale).
struct Character {
  std::string_view bytes;
  wchar_t code = 0;
  bool valid = false;
};

Character FirstOf(std::string_view text) {
  mbstate_t state{};
  wchar_t code = 0;
  const size_t length = mbrtowc(&code, text.data(), text.size(), &state);
  if (length == 0) return {text.substr(0, 1), 0, true};  // NUL
  if (length > text.size()) return {text.substr(0, 1), 0, false};
  return {text.substr(0, length), code, true};
}

// Marks that are not seen but change what is: zero width, and the direction of writing.
bool IsInvisible(wchar_t code) {
  return (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0x00AD || code == 0x061C || code == 0xFEFF;
}

bool IsControl(wchar_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

// Lines of at most `width` columns: broken at spaces where there are any.
std::vector<std::string> Wrap(std::string_view printable, size_t width) {
  std::vector<std::string> lines;
  for (const absl::string_view paragraph : absl::StrSplit(ToAbsl(printable), '\n')) {
    std::string line;
    size_t used = 0;
    for (const absl::string_view piece : absl::StrSplit(paragraph, ' ')) {
      std::string_view word = FromAbsl(piece);
      size_t columns = Columns(word);
      if (!line.empty() && used + 1 + columns > width) {
        lines.push_back(std::exchange(line, {}));
        used = 0;
      }
      if (!line.empty()) {
        line += ' ';
        ++used;
      }
      while (columns > width) {  // a word that fits nowhere
        std::string head;
        size_t head_columns = 0;
        while (!word.empty()) {
          const Character next = FirstOf(word);
          const size_t more = Columns(next.bytes);
          if (head_columns + more > width && !head.empty()) break;
          head += next.bytes;
          head_columns += more;
          word.remove_prefix(next.bytes.size());
        }
        lines.push_back(line + head);
        line.clear();
        used = 0;
        columns = Columns(word);
      }
      line += word;
      used += columns;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

void WriteSpaces(std::string& out, size_t count) { out.append(count, ' '); }

}  // namespace

std::string Printable(std::string_view text, bool multiline) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character next = FirstOf(text);
    text.remove_prefix(next.bytes.size());
    if (!next.valid) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(next.bytes.front()));
    } else if (multiline && next.code == L'\n') {
      out += '\n';
    } else if (IsControl(next.code) || IsInvisible(next.code)) {
      absl::StrAppendFormat(&out, "\\u{%x}", static_cast<uint32_t>(next.code));
    } else {
      out += next.bytes;
    }
  }
  return out;
}

size_t Columns(std::string_view printable) {
  size_t columns = 0;
  while (!printable.empty()) {
    const Character next = FirstOf(printable);
    const int width = next.valid ? wcwidth(next.code) : 1;
    columns += width < 0 ? 1 : static_cast<size_t>(width);
    printable.remove_prefix(next.bytes.size());
  }
  return columns;
}

size_t LineWidth() {
  winsize size{};
  if (isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::max<size_t>(size.ws_col, kMinWidth);
  return kDefaultWidth;
}

std::string Coloured(std::string_view printable, Ink ink) {
  static const bool wanted = [] {
    const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): one thread
    return isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0');
  }();
  if (!wanted || ink == Ink::kPlain || printable.empty()) return std::string(printable);
  const char* code = "";
  switch (ink) {
    case Ink::kPlain:
      break;
    case Ink::kBold:
      code = "1";
      break;
    case Ink::kDim:
      code = "2";
      break;
    case Ink::kGreen:
      code = "32";
      break;
    case Ink::kYellow:
      code = "33";
      break;
    case Ink::kRed:
      code = "31";
      break;
  }
  return absl::StrFormat("\033[%sm%s\033[0m", code, printable);
}

void Table::Add(std::vector<Cell> row) {
  SLUIS_CHECK(row.size() == headings_.size());
  for (Cell& cell : row) cell.text = Printable(cell.text, true);
  rows_.push_back(std::move(row));
}

void Table::Print(std::ostream& out) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < headings_.size(); ++i) {
    size_t width = Columns(headings_[i]);
    for (const auto& row : rows_) {
      for (const absl::string_view line : absl::StrSplit(row[i].text, '\n'))
        width = std::max(width, Columns(FromAbsl(line)));
    }
    widths.push_back(width);
  }
  const auto total = [&] {
    size_t sum = kGap.size() * (widths.size() - 1);
    for (const size_t width : widths) sum += width;
    return sum;
  };
  const size_t room = LineWidth();
  while (total() > room) {
    size_t& widest =
        *std::max_element(widths.size() > 1 ? widths.begin() + 1 : widths.begin(), widths.end());
    if (widest <= kMinColumn) break;
    --widest;
  }
  const auto print = [&](const std::vector<Cell>& row) {
    std::vector<std::vector<std::string>> cells;
    size_t height = 1;
    for (size_t i = 0; i < row.size(); ++i) {
      cells.push_back(Wrap(row[i].text, widths[i]));
      height = std::max(height, cells.back().size());
    }
    for (size_t line = 0; line < height; ++line) {
      std::string text;
      size_t owed = 0;  // spaces, written only when something follows
      for (size_t i = 0; i < row.size(); ++i) {
        const std::string piece = line < cells[i].size() ? cells[i][line] : std::string();
        if (!piece.empty()) {
          WriteSpaces(text, std::exchange(owed, 0));
          text += Coloured(piece, row[i].ink);
        }
        owed += widths[i] - std::min(widths[i], Columns(piece)) + kGap.size();
      }
      out << text << "\n";
    }
  };
  std::vector<Cell> headings;
  for (const std::string& heading : headings_) headings.emplace_back(heading, Ink::kBold);
  print(headings);
  for (const auto& row : rows_) print(row);
}

void Table::PrintOr(std::ostream& out, std::string_view when_empty) const {
  if (empty()) {
    out << when_empty << "\n";
  } else {
    Print(out);
  }
}

void PrintMore(std::ostream& out, std::string_view next_page_token) {
  if (!next_page_token.empty())
    out << "\nMore: --page-token " << Printable(next_page_token) << "\n";
}

void PrintParagraph(std::ostream& out, std::string_view text, size_t indent) {
  const size_t width = std::max(LineWidth(), indent + kMinColumn) - indent;
  for (const std::string& line : Wrap(Printable(text, true), width))
    out << (line.empty() ? std::string() : std::string(indent, ' ') + line) << "\n";
}

void PrintPairs(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& pairs) {
  size_t width = 0;
  for (const auto& [name, value] : pairs) {
    if (!value.empty()) width = std::max(width, Columns(name));
  }
  for (const auto& [name, value] : pairs) {
    if (value.empty()) continue;
    out << name << std::string(width - Columns(name), ' ') << kGap << Printable(value) << "\n";
  }
}

void PrintJson(const Json& json) {
  // Broken UTF-8 is replaced: whoever asked gets JSON in any case.
  std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

std::string Counted(uint64_t count, std::string_view one, std::string_view many) {
  return absl::StrCat(count, " ", ToAbsl(count == 1 ? one : many));
}

}  // namespace sluis::cli
