#include "sluis/audit/log_tree.h"

#include <algorithm>
#include <bit>
#include <list>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"

#include "sluis/base/check.h"
#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"

namespace sluis::audit {
namespace {

constexpr size_t kCachedTiles = 64;
constexpr int kHeights = 64;

// value >> shift, for shift up to and including 64.
uint64_t ShiftRight(uint64_t value, int shift) { return shift >= 64 ? 0 : value >> shift; }

// The number of nodes that a full tile has at `row` heights above its own hashes.
constexpr size_t RowWidth(int row) { return kTileWidth >> row; }

absl::Status OutOfRange() {
  return InvalidArgument("TREE_RANGE", "the tree has no such leaf or size");
}

absl::Status TileError(std::string_view reason, std::string_view message, int level,
                       uint64_t index) {
  return WithMetadata(DataLoss(reason, message), "tile",
                      absl::StrFormat("level %d, index %d", level, index));
}

// The first `width` hashes of a stored tile.
absl::StatusOr<std::vector<Digest>> ReadHashes(const TileSource& source, int level, uint64_t index,
                                               size_t width) {
  SLUIS_ASSIGN_OR_RETURN(const std::string bytes, source.ReadTile(level, index));
  if (bytes.size() % Digest::kSize != 0 || bytes.size() > kTileWidth * Digest::kSize ||
      bytes.size() < width * Digest::kSize) {
    return TileError("TILE_MALFORMED", "a stored tile has the wrong length", level, index);
  }
  std::vector<Digest> hashes;
  hashes.reserve(width);
  for (size_t i = 0; i < width; ++i) {
    hashes.push_back(
        *Digest::FromBytes(std::string_view(bytes).substr(i * Digest::kSize, Digest::kSize)));
  }
  return hashes;
}

// The hashes of the pairs; a last one without a partner has no parent yet.
std::vector<Digest> Parents(const std::vector<Digest>& children) {
  std::vector<Digest> parents;
  parents.reserve(children.size() / 2);
  for (size_t i = 0; i + 1 < children.size(); i += 2) {
    parents.push_back(NodeHash(children[i], children[i + 1]));
  }
  return parents;
}

// In the three functions below `node(height, index)` gives the hash of complete subtree `index` of
// 2^height leaves.

// The hash over leaves `begin` to `end`, where `begin` is a multiple of a power of two that is at
// least their number. They fall apart into one complete subtree for each bit of that number.
template <typename NodeAt>
absl::StatusOr<Digest> HashOfRange(uint64_t begin, uint64_t end, const NodeAt& node) {
  uint64_t rest = end - begin;
  int height = std::countr_zero(rest);
  SLUIS_ASSIGN_OR_RETURN(Digest hash, node(height, (end >> height) - 1));
  for (rest &= rest - 1; rest != 0; rest &= rest - 1) {
    height = std::countr_zero(rest);
    SLUIS_ASSIGN_OR_RETURN(const Digest left, node(height, (end >> height) - 1));
    hash = NodeHash(left, hash);
  }
  return hash;
}

// Appends the siblings that lie between node (height, index) and the root of a tree of `size`.
template <typename NodeAt>
absl::Status AppendSiblings(int height, uint64_t index, uint64_t size, const NodeAt& node,
                            std::vector<Digest>& path) {
  for (uint64_t last = (size - 1) >> height; last > 0; ++height, index >>= 1, last >>= 1) {
    const uint64_t sibling = index ^ 1;
    if (sibling > last) continue;
    if (sibling < last) {
      SLUIS_ASSIGN_OR_RETURN(const Digest hash, node(height, sibling));
      path.push_back(hash);
    } else {  // The right edge of the tree, which may be incomplete.
      SLUIS_ASSIGN_OR_RETURN(const Digest hash, HashOfRange(sibling << height, size, node));
      path.push_back(hash);
    }
  }
  return absl::OkStatus();
}

template <typename NodeAt>
absl::StatusOr<std::vector<Digest>> MakeInclusionProof(uint64_t index, uint64_t size,
                                                       const NodeAt& node) {
  if (index >= size) return OutOfRange();
  std::vector<Digest> path;
  path.reserve(static_cast<size_t>(std::bit_width(size)));
  SLUIS_RETURN_IF_ERROR(AppendSiblings(0, index, size, node, path));
  return path;
}

template <typename NodeAt>
absl::StatusOr<std::vector<Digest>> MakeConsistencyProof(uint64_t old_size, uint64_t new_size,
                                                         const NodeAt& node) {
  if (old_size > new_size) return OutOfRange();
  std::vector<Digest> path;
  if (old_size == 0 || old_size == new_size) return path;
  path.reserve(static_cast<size_t>(std::bit_width(new_size)) + 1);
  // From the last complete subtree of the old tree; see VerifyConsistency.
  const int height = std::countr_zero(old_size);
  const uint64_t index = (old_size - 1) >> height;
  if (!std::has_single_bit(old_size)) {
    SLUIS_ASSIGN_OR_RETURN(const Digest hash, node(height, index));
    path.push_back(hash);
  }
  SLUIS_RETURN_IF_ERROR(AppendSiblings(height, index, new_size, node, path));
  return path;
}

}  // namespace

size_t TileWidthAt(int level, uint64_t index, uint64_t size) {
  const uint64_t hashes = ShiftRight(size, level * kTileHeight);
  if (index > hashes / kTileWidth) return 0;
  return static_cast<size_t>(std::min<uint64_t>(hashes - index * kTileWidth, kTileWidth));
}

// A full tile with everything between it and the level above: 256 hashes, 128 of pairs, and so on
// down to its root.
struct LogTree::FullTile {
  std::vector<Digest> nodes;

  static size_t RowStart(int row) { return 2 * kTileWidth - 2 * RowWidth(row); }
  [[nodiscard]] const Digest& At(int row, uint64_t position) const {
    return nodes[RowStart(row) + static_cast<size_t>(position)];
  }
  [[nodiscard]] const Digest& root() const { return nodes.back(); }
};

// Thread-safe; forgets the tile that was not asked for longest.
class LogTree::TileCache {
 public:
  using Key = std::pair<int, uint64_t>;

  std::shared_ptr<const FullTile> Find(const Key& key) {
    const MutexLock lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    tiles_.splice(tiles_.begin(), tiles_, found->second);
    return found->second->second;
  }

  void Insert(const Key& key, std::shared_ptr<const FullTile> tile) {
    const MutexLock lock(mutex_);
    if (places_.contains(key)) return;  // another thread read it at the same time
    tiles_.emplace_front(key, std::move(tile));
    places_[key] = tiles_.begin();
    if (tiles_.size() > kCachedTiles) {
      places_.erase(tiles_.back().first);
      tiles_.pop_back();
    }
  }

 private:
  using Tiles = std::list<std::pair<Key, std::shared_ptr<const FullTile>>>;
  Mutex mutex_;
  Tiles tiles_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, Tiles::iterator> places_ ABSL_GUARDED_BY(mutex_);
};

LogTree::LogTree(std::shared_ptr<const TileSource> source, uint64_t size)
    : source_(std::move(source)), cache_(std::make_unique<TileCache>()) {
  head_.size = size;
}
LogTree::LogTree(LogTree&&) noexcept = default;
LogTree& LogTree::operator=(LogTree&&) noexcept = default;
LogTree::~LogTree() = default;

absl::StatusOr<LogTree> LogTree::Open(std::shared_ptr<const TileSource> source, uint64_t size) {
  LogTree tree(std::move(source), size);
  for (int level = 0; level < kTileLevels; ++level) {
    const uint64_t hashes = size >> (level * kTileHeight);
    const size_t width = hashes % kTileWidth;
    if (width == 0) continue;
    SLUIS_ASSIGN_OR_RETURN(std::vector<Digest> row,
                           ReadHashes(*tree.source_, level, hashes / kTileWidth, width));
    for (int height = level * kTileHeight; height < (level + 1) * kTileHeight; ++height) {
      std::vector<Digest> parents = Parents(row);
      tree.edge_.at(static_cast<size_t>(height)) = std::move(row);
      row = std::move(parents);
    }
  }
  SLUIS_ASSIGN_OR_RETURN(tree.head_, tree.HeadAt(size));
  return tree;
}

absl::StatusOr<Digest> LogTree::Node(int height, uint64_t index) const {
  const int level = height / kTileHeight;
  const int row = height % kTileHeight;
  const uint64_t tile = index >> (kTileHeight - row);
  const uint64_t position = index % RowWidth(row);
  if (tile == ShiftRight(head_.size, (level + 1) * kTileHeight)) {
    const std::vector<Digest>& nodes = edge_.at(static_cast<size_t>(height));
    SLUIS_CHECK(position < nodes.size());
    return nodes[static_cast<size_t>(position)];
  }
  SLUIS_ASSIGN_OR_RETURN(const std::shared_ptr<const FullTile> full, Load(level, tile));
  return full->At(row, position);
}

absl::StatusOr<std::shared_ptr<const LogTree::FullTile>> LogTree::Load(int level,
                                                                       uint64_t index) const {
  const uint64_t growing = ShiftRight(head_.size, (level + 1) * kTileHeight);
  SLUIS_CHECK(index < growing);
  const std::shared_ptr<const FullTile>& previous = previous_.at(static_cast<size_t>(level));
  if (previous != nullptr && index + 1 == growing) return previous;
  const TileCache::Key key(level, index);
  if (std::shared_ptr<const FullTile> cached = cache_->Find(key); cached != nullptr) return cached;

  SLUIS_ASSIGN_OR_RETURN(std::vector<Digest> row, ReadHashes(*source_, level, index, kTileWidth));
  auto tile = std::make_shared<FullTile>();
  tile->nodes.reserve(2 * kTileWidth - 1);
  for (; row.size() > 1; row = Parents(row)) {
    tile->nodes.insert(tile->nodes.end(), row.begin(), row.end());
  }
  tile->nodes.push_back(row.front());
  // The levels above lead to the right edge, which the head was computed from.
  SLUIS_ASSIGN_OR_RETURN(const Digest expected, Node((level + 1) * kTileHeight, index));
  if (tile->root() != expected) {
    return TileError("TILE_MISMATCH", "a stored tile does not belong to the tree", level, index);
  }
  cache_->Insert(key, tile);
  return tile;
}

absl::StatusOr<TreeHead> LogTree::HeadAt(uint64_t size) const {
  if (size > head_.size) return OutOfRange();
  if (size == 0) return TreeHead{0, EmptyRoot()};
  SLUIS_ASSIGN_OR_RETURN(const Digest root,
                         HashOfRange(0, size, [this](int h, uint64_t i) { return Node(h, i); }));
  return TreeHead{size, root};
}

absl::StatusOr<std::vector<Digest>> LogTree::InclusionProof(uint64_t index) const {
  return InclusionProofAt(index, head_.size);
}

absl::StatusOr<std::vector<Digest>> LogTree::InclusionProofAt(uint64_t index, uint64_t size) const {
  if (size > head_.size) return OutOfRange();
  return MakeInclusionProof(index, size, [this](int h, uint64_t i) { return Node(h, i); });
}

absl::StatusOr<std::vector<Digest>> LogTree::ConsistencyProof(uint64_t old_size) const {
  return ConsistencyProofBetween(old_size, head_.size);
}

absl::StatusOr<std::vector<Digest>> LogTree::ConsistencyProofBetween(uint64_t old_size,
                                                                     uint64_t new_size) const {
  if (new_size > head_.size) return OutOfRange();
  return MakeConsistencyProof(old_size, new_size, [this](int h, uint64_t i) { return Node(h, i); });
}

void LogTree::Commit(Batch&& batch) {
  const Batch taken = std::move(batch);
  SLUIS_CHECK(taken.tree_ == this && taken.base_ == head_.size);
  const TreeHead head = taken.head();
  for (int level = 0; level < kTileLevels; ++level) {
    const size_t bottom = static_cast<size_t>(level) * kTileHeight;
    if (taken.added_.at(bottom).empty()) break;
    for (size_t height = bottom; height < bottom + kTileHeight; ++height) {
      const std::vector<Digest>& added = taken.added_.at(height);
      edge_.at(height).insert(edge_.at(height).end(), added.begin(), added.end());
    }
    // Full tiles leave the edge. What they add to the level above is in the batch already.
    const uint64_t first = ShiftRight(taken.base_, (level + 1) * kTileHeight);
    const uint64_t growing = ShiftRight(head.size, (level + 1) * kTileHeight);
    const auto full = static_cast<size_t>(growing - first);
    for (size_t t = 0; t < full; ++t) {
      auto tile = std::make_shared<FullTile>();
      tile->nodes.reserve(2 * kTileWidth - 1);
      for (int row = 0; row < kTileHeight; ++row) {
        const std::vector<Digest>& nodes = edge_.at(bottom + static_cast<size_t>(row));
        const auto begin = nodes.begin() + static_cast<std::ptrdiff_t>(t * RowWidth(row));
        tile->nodes.insert(tile->nodes.end(), begin,
                           begin + static_cast<std::ptrdiff_t>(RowWidth(row)));
      }
      tile->nodes.push_back(NodeHash(tile->At(kTileHeight - 1, 0), tile->At(kTileHeight - 1, 1)));
      auto& previous = previous_.at(static_cast<size_t>(level));
      if (previous != nullptr) cache_->Insert({level, first + t - 1}, std::move(previous));
      previous = std::move(tile);
    }
    for (int row = 0; row < kTileHeight; ++row) {
      std::vector<Digest>& nodes = edge_.at(bottom + static_cast<size_t>(row));
      nodes.erase(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(full * RowWidth(row)));
    }
  }
  head_ = head;
}

LogTree::Batch::Batch(const LogTree& tree)
    : tree_(&tree), base_(tree.head_.size), size_(tree.head_.size) {}

absl::StatusOr<Digest> LogTree::Batch::Node(int height, uint64_t index) const {
  const uint64_t first_added = base_ >> height;
  if (index < first_added) return tree_->Node(height, index);
  return added_.at(static_cast<size_t>(height)).at(static_cast<size_t>(index - first_added));
}

uint64_t LogTree::Batch::Append(const Digest& leaf_hash) {
  SLUIS_CHECK(tree_->head_.size == base_);
  const uint64_t leaf = size_++;
  Digest hash = leaf_hash;
  added_[0].push_back(hash);
  // Each subtree that this leaf completes. The left half of the first one that reaches below the
  // batch stands in the right edge of the tree, never in the source.
  for (int height = 0; height + 1 < kHeights && (size_ >> height) % 2 == 0; ++height) {
    const absl::StatusOr<Digest> left = Node(height, (leaf >> height) - 1);
    SLUIS_CHECK(left.ok());
    hash = NodeHash(*left, hash);
    added_.at(static_cast<size_t>(height) + 1).push_back(hash);
  }
  return leaf;
}

TreeHead LogTree::Batch::head() const {
  SLUIS_CHECK(tree_->head_.size == base_);
  if (size_ == base_) return tree_->head_;
  const absl::StatusOr<Digest> root =
      HashOfRange(0, size_, [this](int h, uint64_t i) { return Node(h, i); });
  SLUIS_CHECK(root.ok());  // the right edge is in memory
  return {size_, *root};
}

std::vector<Tile> LogTree::Batch::ChangedTiles() const {
  SLUIS_CHECK(tree_->head_.size == base_);
  std::vector<Tile> tiles;
  for (int level = 0; level < kTileLevels; ++level) {
    const int height = level * kTileHeight;
    const uint64_t before = base_ >> height;
    const uint64_t after = size_ >> height;
    if (before == after) break;  // nor is there anything new above
    for (uint64_t index = before / kTileWidth; index <= (after - 1) / kTileWidth; ++index) {
      Tile tile{.level = level, .index = index, .hashes = {}};
      const size_t width = TileWidthAt(level, index, size_);
      tile.hashes.reserve(width * Digest::kSize);
      for (uint64_t i = index * kTileWidth; i < index * kTileWidth + width; ++i) {
        const absl::StatusOr<Digest> hash = Node(height, i);
        SLUIS_CHECK(hash.ok());  // of the growing tile or added
        tile.hashes.append(hash->bytes());
      }
      tiles.push_back(std::move(tile));
    }
  }
  return tiles;
}

absl::StatusOr<std::vector<Digest>> LogTree::Batch::InclusionProof(uint64_t index) const {
  SLUIS_CHECK(tree_->head_.size == base_);
  return MakeInclusionProof(index, size_, [this](int h, uint64_t i) { return Node(h, i); });
}

absl::StatusOr<std::vector<Digest>> LogTree::Batch::ConsistencyProof(uint64_t old_size) const {
  SLUIS_CHECK(tree_->head_.size == base_);
  return MakeConsistencyProof(old_size, size_, [this](int h, uint64_t i) { return Node(h, i); });
}

}  // namespace sluis::audit
