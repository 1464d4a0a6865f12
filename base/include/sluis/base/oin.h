#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace sluis {

// Organisatie-identificatienummer (OIN-stelsel, Logius): the identity of a partij.
//
// A value: immutable, ordered, hashable; every Oin that exists is well formed. It has 20
// *positions*, not 20 digits: the main number comes from a source register and may hold capital
// letters. Compared case-sensitively, never trimmed.
class Oin {
 public:
  // INVALID_ARGUMENT / OIN_MALFORMED unless `text` is six zeros, a known prefix number (01 to 10,
  // or 99 for test numbers) and twelve of [0-9A-Z]; prefix 00000003 (KVK) asks eight digits and
  // 0000.
  static absl::StatusOr<Oin> Parse(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  // A test number (prefix 00000099): no real organisation has it.
  [[nodiscard]] bool is_test() const { return text_.compare(0, 8, "00000099") == 0; }

  friend bool operator==(const Oin&, const Oin&) = default;
  friend auto operator<=>(const Oin&, const Oin&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Oin& oin) {
    return H::combine(std::move(h), oin.text_);
  }

 private:
  explicit Oin(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace sluis
