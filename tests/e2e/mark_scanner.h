#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluis::testing {

// Looks for texts that must not be there, in every form in which a text may lie in a file: as it
// is, as hexadecimal digits, and inside base64 at each of its three alignments.
class MarkScanner {
 public:
  // A text of at least six bytes. One of digits alone is not looked for inside UUIDs and other long
  // hexadecimal numbers.
  void Add(std::string_view mark);
  [[nodiscard]] size_t marks() const { return marks_; }

  // The marks in `bytes`, each once, with the form in which it was found.
  [[nodiscard]] std::vector<std::string> Scan(std::string_view bytes) const;
  // The marks in every file below `directory`, with the file's name.
  [[nodiscard]] std::vector<std::string> ScanFiles(const std::filesystem::path& directory) const;

 private:
  struct Form {
    std::string bytes;
    std::string what;
    bool number;  // a mark of digits alone, as text
  };
  void AddForm(std::string bytes, std::string what, bool number = false);

  static constexpr size_t kKey = 6;
  size_t marks_ = 0;
  std::bitset<65536> starts_;                                 // by the first two bytes
  std::unordered_map<std::string, std::vector<Form>> forms_;  // by the first kKey bytes
};

// The characters of base64 that `text` alone decides when `offset` (0-2) bytes precede it.
std::string InsideBase64(std::string_view text, size_t offset);

}  // namespace sluis::testing
