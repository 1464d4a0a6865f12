#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluis/audit/digest.h"
#include "sluis/audit/log_tree.h"
#include "sluis/audit/merkle.h"
#include "sluis/base/errors.h"

namespace sluis::audit {

using Sizes = std::initializer_list<uint64_t>;

// The definitions of RFC 6962 §2.1 as they stand there, by recursion over the whole list.
class NaiveTree {
 public:
  void Append(const Digest& leaf_hash) { leaves_.push_back(leaf_hash); }
  void Truncate(uint64_t size) {
    leaves_.resize(size);
    known_.clear();
  }
  uint64_t size() const { return leaves_.size(); }
  const Digest& leaf(uint64_t index) const { return leaves_[index]; }

  Digest Root(uint64_t size) { return Mth(0, size); }
  TreeHead Head(uint64_t size) { return {size, Root(size)}; }

  std::vector<Digest> Inclusion(uint64_t index, uint64_t size) { return Path(index, 0, size); }

  std::vector<Digest> Consistency(uint64_t old_size, uint64_t new_size) {
    if (old_size == 0 || old_size == new_size) return {};
    return Subproof(old_size, 0, new_size, true);
  }

 private:
  static uint64_t Split(uint64_t n) {
    uint64_t k = 1;
    while (k * 2 < n) k *= 2;
    return k;
  }

  Digest Mth(uint64_t begin, uint64_t end) {
    if (begin == end) return Sha256({});
    if (end - begin == 1) return leaves_[begin];
    const auto key = std::make_pair(begin, end);
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
    const uint64_t k = Split(end - begin);
    const Digest root =
        Sha256({"\x01", Mth(begin, begin + k).bytes(), Mth(begin + k, end).bytes()});
    known_[key] = root;
    return root;
  }

  std::vector<Digest> Path(uint64_t m, uint64_t begin, uint64_t end) {
    if (end - begin == 1) return {};
    const uint64_t k = Split(end - begin);
    std::vector<Digest> path;
    if (m < k) {
      path = Path(m, begin, begin + k);
      path.push_back(Mth(begin + k, end));
    } else {
      path = Path(m - k, begin + k, end);
      path.push_back(Mth(begin, begin + k));
    }
    return path;
  }

  std::vector<Digest> Subproof(uint64_t m, uint64_t begin, uint64_t end, bool whole) {
    if (m == end - begin) {
      if (whole) return {};
      return {Mth(begin, end)};
    }
    const uint64_t k = Split(end - begin);
    std::vector<Digest> path;
    if (m <= k) {
      path = Subproof(m, begin, begin + k, whole);
      path.push_back(Mth(begin + k, end));
    } else {
      path = Subproof(m - k, begin + k, end, false);
      path.push_back(Mth(begin, begin + k));
    }
    return path;
  }

  std::vector<Digest> leaves_;
  std::map<std::pair<uint64_t, uint64_t>, Digest> known_;
};

inline Digest TestLeafHash(uint64_t i) { return LeafHash("leaf " + std::to_string(i)); }

// Tiles in memory, and how often they were read.
class MemoryTiles : public TileSource {
 public:
  absl::StatusOr<std::string> ReadTile(int level, uint64_t index) const override {
    ++reads;
    const auto found = tiles.find({level, index});
    if (found == tiles.end()) return NotFound("TILE_MISSING", "no such tile");
    return found->second;
  }
  void Store(const std::vector<Tile>& changed) {
    for (const Tile& tile : changed) tiles[{tile.level, tile.index}] = tile.hashes;
  }

  std::map<std::pair<int, uint64_t>, std::string> tiles;
  mutable std::atomic<int> reads = 0;
};

inline std::string FlipBit(std::string_view bytes, size_t bit) {
  std::string flipped(bytes);
  flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
  return flipped;
}
inline Digest FlipBit(const Digest& digest, size_t bit) {
  return *Digest::FromBytes(FlipBit(digest.bytes(), bit));
}

}  // namespace sluis::audit
