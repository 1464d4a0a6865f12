#include "sluis/base/secret_bytes.h"

#include <string.h>  // NOLINT(modernize-deprecated-headers): explicit_bzero

namespace sluis {

void Wipe(std::string& bytes) {
  explicit_bzero(bytes.data(), bytes.size());
  bytes.clear();
}

SecretBytes SecretBytes::Take(std::string&& bytes) {
  SecretBytes secret{std::string_view(bytes)};
  Wipe(bytes);
  return secret;
}

// A short string lives inside the object, so moving it copies: the source is wiped.
SecretBytes::SecretBytes(SecretBytes&& other) noexcept : bytes_(other.bytes_) {
  Wipe(other.bytes_);
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    Wipe(bytes_);
    bytes_ = other.bytes_;
    Wipe(other.bytes_);
  }
  return *this;
}

SecretBytes::~SecretBytes() { Wipe(bytes_); }

bool operator==(const SecretBytes& a, const SecretBytes& b) {
  if (a.bytes_.size() != b.bytes_.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.bytes_.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a.bytes_[i] ^ b.bytes_[i]));
  }
  return difference == 0;
}

}  // namespace sluis
