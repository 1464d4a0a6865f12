#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sluis {

// A key or another secret: has no printer, compares in constant time, is wiped at the end, and is
// readable only through Reveal(), a name that is easy to search for.
//
// A moved-from value is empty. Not copyable by accident: Clone() says so.
class SecretBytes {
 public:
  SecretBytes() = default;
  // Takes the bytes over and wipes the string that brought them.
  static SecretBytes Take(std::string&& bytes);
  explicit SecretBytes(std::string_view bytes) : bytes_(bytes) {}
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes();

  [[nodiscard]] SecretBytes Clone() const { return SecretBytes(std::string_view(bytes_)); }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  // Valid until this object changes or ends.
  [[nodiscard]] std::string_view Reveal() const { return bytes_; }

  // Constant time for equal lengths.
  friend bool operator==(const SecretBytes& a, const SecretBytes& b);

 private:
  std::string bytes_;
};

// Overwrites the bytes in a way that the compiler keeps, then empties the string.
void Wipe(std::string& bytes);

}  // namespace sluis
