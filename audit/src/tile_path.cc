// The pure part of log_directory.h: names of files and the form of bundles.

#include <string>

#include "absl/strings/str_format.h"
#include "decimal.h"

#include "sluis/audit/log_directory.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"

namespace sluis::audit {
namespace {

constexpr std::string_view kTiles = "tile/";
constexpr std::string_view kEntries = "entries";
constexpr std::string_view kPartial = ".p/";
constexpr uint64_t kGroup = 1000;
constexpr size_t kMaxEntryBytes = 0xffff;
constexpr size_t kLengthBytes = 2;

std::string FormatIndex(uint64_t index) {
  std::string text = absl::StrFormat("%03d", index % kGroup);
  for (index /= kGroup; index > 0; index /= kGroup) {
    text.insert(0, absl::StrFormat("x%03d/", index % kGroup));
  }
  return text;
}

// Reads groups of three digits and lets the caller check the spelling; absent for other characters.
std::optional<uint64_t> ParseIndex(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c == 'x' || c == '/') continue;
    if (!digits.empty() || c != '0') digits.push_back(c);
  }
  return ParseDecimal(digits.empty() ? "0" : std::string_view(digits));
}

}  // namespace

std::string FormatTilePath(const TilePath& path) {
  std::string text(kTiles);
  text.append(path.level.has_value() ? std::to_string(*path.level) : std::string(kEntries));
  text.append("/").append(FormatIndex(path.index));
  if (path.width < kTileWidth) text.append(kPartial).append(std::to_string(path.width));
  return text;
}

absl::StatusOr<TilePath> ParseTilePath(std::string_view text) {
  const auto malformed = [] {
    return InvalidArgument("TILE_PATH_MALFORMED", "not the path of a tile or a bundle");
  };
  const std::string_view whole = text;
  if (!text.starts_with(kTiles)) return malformed();
  text.remove_prefix(kTiles.size());
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return malformed();
  TilePath path;
  if (text.substr(0, slash) != kEntries) {
    const std::optional<uint64_t> level = ParseDecimal(text.substr(0, slash));
    if (!level.has_value() || *level >= kTileLevels) return malformed();
    path.level = static_cast<int>(*level);
  }
  text.remove_prefix(slash + 1);
  if (const size_t partial = text.find(kPartial); partial != std::string_view::npos) {
    const std::optional<uint64_t> width = ParseDecimal(text.substr(partial + kPartial.size()));
    if (!width.has_value() || *width == 0 || *width >= kTileWidth) return malformed();
    path.width = static_cast<size_t>(*width);
    text = text.substr(0, partial);
  }
  const std::optional<uint64_t> index = ParseIndex(text);
  if (!index.has_value()) return malformed();
  path.index = *index;
  if (FormatTilePath(path) != whole) return malformed();  // one tile, one spelling
  return path;
}

absl::Status AppendToBundle(std::string& bundle, std::string_view entry) {
  if (entry.size() > kMaxEntryBytes) {
    return InvalidArgument("ENTRY_TOO_LONG", "an entry has at most 65,535 bytes");
  }
  AppendU16(bundle, static_cast<uint16_t>(entry.size()));
  bundle.append(entry);
  return absl::OkStatus();
}

std::optional<std::string_view> BundleReader::Next() {
  if (rest_.size() < kLengthBytes) return std::nullopt;
  const size_t length = ReadU16(rest_);
  if (rest_.size() - kLengthBytes < length) return std::nullopt;
  const std::string_view entry = rest_.substr(kLengthBytes, length);
  rest_.remove_prefix(kLengthBytes + length);
  return entry;
}

absl::StatusOr<std::vector<std::string_view>> DecodeBundle(std::string_view bundle) {
  BundleReader reader(bundle);
  std::vector<std::string_view> entries;
  for (auto entry = reader.Next(); entry.has_value(); entry = reader.Next()) {
    if (entries.size() == kTileWidth) {
      return InvalidArgument("BUNDLE_MALFORMED", "more than 256 entries");
    }
    entries.push_back(*entry);
  }
  if (!reader.rest().empty()) return InvalidArgument("BUNDLE_MALFORMED", "an entry is cut off");
  return entries;
}

}  // namespace sluis::audit
