#include "carve.h"

#include <fstream>
#include <sstream>

#include "sluis/base/secret_bytes.h"
#include "sluis/crypto/crypto.h"

namespace sluis::broker {

std::vector<std::string> LiveFiles(const std::filesystem::path& database) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(database.parent_path())) {
    if (!entry.is_regular_file()) continue;
    if (entry.path().filename().string().find(database.filename().string()) != 0) continue;
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    files.push_back(std::move(bytes).str());
  }
  return files;
}

bool Holds(const std::vector<std::string>& files, std::string_view bytes) {
  for (const std::string& file : files) {
    if (file.find(bytes) != std::string::npos) return true;
  }
  return false;
}

std::vector<std::string> CarveKeys(const std::vector<std::string>& files,
                                   std::string_view master_key, const Uuid& owner) {
  std::vector<std::string> keys;
  const auto wrapping =
      crypto::DeriveKey(SecretBytes::Take(std::string(master_key)), "sluis key wrapping v1");
  if (!wrapping.ok()) return keys;
  // Nonce, key, tag. Wherever the row was, it followed the bytes of its owner, but a page that was
  // overwritten in part may hold the one without the other.
  constexpr size_t kWrapped = 12 + crypto::kKeyBytes + 16;
  for (const std::string& file : files) {
    for (size_t at = 0; at + kWrapped <= file.size(); ++at) {
      const std::string_view candidate = std::string_view(file).substr(at, kWrapped);
      // Empty space is no key.
      if (candidate.substr(0, 8) == std::string_view("\0\0\0\0\0\0\0\0", 8)) continue;
      auto key = crypto::Open(*wrapping, owner.bytes(), candidate);
      if (key.ok()) keys.push_back(*std::move(key));
    }
  }
  return keys;
}

}  // namespace sluis::broker
