#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/audit/digest.h"
#include "sluis/audit/merkle.h"

// The growing tree, for whoever writes the log.
//
// It is stored as tiles (C2SP tlog-tiles): tile N of level L holds the hashes of the complete
// subtrees of 256^L leaves number 256·N to 256·N + 255, concatenated; only the last tile of a level
// is narrower. Everything between two levels is computed.
namespace sluis::audit {

inline constexpr int kTileHeight = 8;
inline constexpr size_t kTileWidth = size_t{1} << kTileHeight;
// With 64-bit sizes there are levels 0 to 7.
inline constexpr int kTileLevels = 64 / kTileHeight;

struct Tile {
  int level = 0;
  uint64_t index = 0;
  std::string hashes;  // 1 to 256 of them, 32 bytes each

  [[nodiscard]] size_t width() const { return hashes.size() / Digest::kSize; }

  friend bool operator==(const Tile&, const Tile&) = default;
};

// The number of hashes in tile `index` of `level` in a tree of `size` leaves; 0 when there is none.
size_t TileWidthAt(int level, uint64_t index, uint64_t size);

// Where tiles are kept. Thread-safe.
class TileSource {
 public:
  TileSource() = default;
  TileSource(const TileSource&) = delete;
  TileSource& operator=(const TileSource&) = delete;
  virtual ~TileSource() = default;
  // The hashes of the tile, of the newest width that was stored. A tile that is not there is an
  // error of the source's choice.
  [[nodiscard]] virtual absl::StatusOr<std::string> ReadTile(int level, uint64_t index) const = 0;
};

// The tree of a log at its present size. What grows (the right edge) is in memory, and so is the
// last full tile of each level that was completed here; older tiles are read from the source when a
// proof asks for them, through a cache of 64 tiles (1 MiB). A tile from the source is used only
// after its root was found in the tile above it.
//
// Growing goes in batches: fill a Batch, store its ChangedTiles() and head, and hand it to
// Commit(). A batch that is not committed leaves no trace. When it is unknown whether the store
// committed, drop the tree and Open() it again at the size that the store has.
//
// Threads. Const functions may be called from several threads at once; Commit() and moving may not
//          run beside anything else.
// Errors.  Those of the source, unchanged, and
//          DATA_LOSS TILE_MALFORMED   a tile has too few hashes or broken ones (metadata: tile);
//          DATA_LOSS TILE_MISMATCH    a tile does not belong to this tree (metadata: tile);
//          INVALID_ARGUMENT TREE_RANGE a leaf or size is asked that the tree does not have.
// Cost.    A proof takes O(log n) look-ups and at most O(log n) hashes when all tiles are in
//          memory; a tile from the source costs 255 hashes once.
class LogTree {
 public:
  class Batch;

  // Reads the right edge of the tree of `size` leaves: one tile a level, for the levels whose last
  // tile is not full. Tiles may hold more than this size needs (written by a later batch). Compare
  // head() with the signed checkpoint: only that shows that the tiles are right.
  static absl::StatusOr<LogTree> Open(std::shared_ptr<const TileSource> source, uint64_t size);

  LogTree(const LogTree&) = delete;
  LogTree& operator=(const LogTree&) = delete;
  LogTree(LogTree&&) noexcept;
  LogTree& operator=(LogTree&&) noexcept;
  ~LogTree();

  [[nodiscard]] const TreeHead& head() const { return head_; }

  // The path of leaf `index` in this tree, or in the tree that it was at `size`.
  [[nodiscard]] absl::StatusOr<std::vector<Digest>> InclusionProof(uint64_t index) const;
  [[nodiscard]] absl::StatusOr<std::vector<Digest>> InclusionProofAt(uint64_t index,
                                                                     uint64_t size) const;
  // The path from the tree at `old_size` to this tree, or to the tree that it was at `new_size`.
  [[nodiscard]] absl::StatusOr<std::vector<Digest>> ConsistencyProof(uint64_t old_size) const;
  [[nodiscard]] absl::StatusOr<std::vector<Digest>> ConsistencyProofBetween(
      uint64_t old_size, uint64_t new_size) const;
  // The head that the tree had at `size`.
  [[nodiscard]] absl::StatusOr<TreeHead> HeadAt(uint64_t size) const;

  // Takes over what was appended. The batch was made from this tree and no other batch was
  // committed since.
  void Commit(Batch&& batch);

 private:
  struct FullTile;
  class TileCache;

  LogTree(std::shared_ptr<const TileSource> source, uint64_t size);
  [[nodiscard]] absl::StatusOr<Digest> Node(int height, uint64_t index) const;
  [[nodiscard]] absl::StatusOr<std::shared_ptr<const FullTile>> Load(int level,
                                                                     uint64_t index) const;

  std::shared_ptr<const TileSource> source_;
  TreeHead head_;
  // By height: the hashes of the complete subtrees of 2^height leaves in the growing tile of level
  // height / 8, from the start of that tile.
  std::array<std::vector<Digest>, 64> edge_;
  // By level: the tile before the growing one, once it was completed here.
  std::array<std::shared_ptr<const FullTile>, kTileLevels> previous_;
  std::unique_ptr<TileCache> cache_;
};

// Leaves that are being appended to a tree, which stays as it is until Commit().
//
// The tree must outlive the batch, stay where it is and not change. Const functions may be called
// from several threads at once. Proofs of leaves and sizes within the batch, and of those in the
// tiles that the tree has in memory, never touch the source.
class LogTree::Batch {
 public:
  explicit Batch(const LogTree& tree);

  // Appends a leaf and returns its index.
  uint64_t Append(const Digest& leaf_hash);

  [[nodiscard]] uint64_t size() const { return size_; }
  // Costs O(log n) hashes: call it once a batch.
  [[nodiscard]] TreeHead head() const;

  // The tiles that must be stored so that Open() works at head().size, partial ones with the width
  // that they have now; in order of level and index.
  [[nodiscard]] std::vector<Tile> ChangedTiles() const;

  // Proofs for the tree with head().
  [[nodiscard]] absl::StatusOr<std::vector<Digest>> InclusionProof(uint64_t index) const;
  [[nodiscard]] absl::StatusOr<std::vector<Digest>> ConsistencyProof(uint64_t old_size) const;

 private:
  friend class LogTree;
  [[nodiscard]] absl::StatusOr<Digest> Node(int height, uint64_t index) const;

  const LogTree* tree_;
  uint64_t base_;  // the size of the tree
  uint64_t size_;
  // By height: the complete subtrees that the tree does not have.
  std::array<std::vector<Digest>, 64> added_;
};

}  // namespace sluis::audit
