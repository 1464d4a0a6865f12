#pragma once

#include <cstddef>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

// What people and programs read. Everything from outside passes through Printable() on its way to a
// terminal, so that no answer can move the cursor, hide itself or run backwards.
namespace sluis::cli {

using Json = nlohmann::ordered_json;

// `text` with what is no visible character spelled out: control characters, broken UTF-8, and marks
// that change the direction or visibility of what follows. Line feeds stay with `multiline`.
std::string Printable(std::string_view text, bool multiline = false);

// The columns that printable text takes on a terminal.
size_t Columns(std::string_view printable);

// How wide to write: the terminal's width, or 110 when it is none.
size_t LineWidth();

// Bold and colours, for a terminal whose user did not set NO_COLOR; otherwise text as it is.
enum class Ink { kPlain, kBold, kDim, kGreen, kYellow, kRed };
std::string Coloured(std::string_view printable, Ink ink);

// Rows below a line of headings, in columns as wide as they need to be.
//
//   Table table({"FIELD", "OUTCOME", "WHY"});
//   table.Add({"voornamen", "RELEASE", ""});
//   table.Print(std::cout);
//
// Cells go through Printable(). When a line would be too long the widest column but the
// first gives way: its cells go on in the next line.
class Table {
 public:
  struct Cell {
    std::string text;
    Ink ink = Ink::kPlain;
    Cell(std::string cell_text, Ink cell_ink = Ink::kPlain)  // NOLINT(google-explicit-constructor)
        : text(std::move(cell_text)), ink(cell_ink) {}
    Cell(const char* cell_text) : text(cell_text) {}  // NOLINT(google-explicit-constructor)
  };

  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

  // As many cells as there are headings.
  void Add(std::vector<Cell> row);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  void Print(std::ostream& out) const;
  // The sentence instead, when there are no rows.
  void PrintOr(std::ostream& out, std::string_view when_empty) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
};

// How to get the next page, when there is one.
void PrintMore(std::ostream& out, std::string_view next_page_token);

// Words broken into lines of LineWidth(), each after `indent` spaces.
void PrintParagraph(std::ostream& out, std::string_view text, size_t indent = 0);

// "name  value" lines with the values below each other. Empty values are left out.
void PrintPairs(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& pairs);

// On standard output, indented.
void PrintJson(const Json& json);

// "1 entry", "2 entries".
std::string Counted(uint64_t count, std::string_view one, std::string_view many);

}  // namespace sluis::cli
