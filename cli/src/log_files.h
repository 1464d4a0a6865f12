#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "context.h"
#include "print.h"

#include "sluis/audit/leaf.h"
#include "sluis/audit/log_directory.h"
#include "sluis/audit/log_tree.h"
#include "sluis/audit/merkle.h"
#include "sluis/audit/note.h"

// An exported log and what goes with it, for the commands that write and verify it.
namespace sluis::cli {

// The key of --log-key or --log-key-file.
absl::StatusOr<audit::VerifierKey> LogKey(const Profile& profile);

// The name that the checkpoints of the log must have: --origin, or else the name of the key, with
// TEST_DATA_ONLY behind it when that is what `checkpoint` (a note, not verified) says.
std::string OriginFor(const Profile& profile, const audit::VerifierKey& key,
                      std::string_view checkpoint);

// The public part of an entry, as people and programs read it.
std::vector<std::pair<std::string, std::string>> DescribeLeaf(const audit::Leaf& leaf);
Json LeafToJson(const audit::Leaf& leaf);
std::string KindName(uint8_t kind);

// A tree of entries that come one by one. In memory: about 33 bytes an entry.
class GrowingTree {
 public:
  // INTERNAL for a bug of ours only.
  static absl::StatusOr<GrowingTree> Start();

  void Append(std::string_view entry);
  [[nodiscard]] uint64_t size() const { return batch_->size(); }
  [[nodiscard]] audit::TreeHead head() const { return batch_->head(); }
  // What WriteLogDirectory asks for; as the tree is now.
  [[nodiscard]] std::unique_ptr<audit::TileSource> Tiles() const;

 private:
  GrowingTree() = default;
  std::unique_ptr<audit::LogTree> tree_;
  std::unique_ptr<audit::LogTree::Batch> batch_;
};

// The internal records of a log, one a line beside the folder that holds the log itself: the folder
// may be shown to anybody, the records only to who may read them (docs/formats/records.md).
struct RecordLine {
  uint64_t index = 0;
  std::string salt;    // 32 bytes
  std::string record;  // a sluis.log.v1.Record
};
// Without the line feed.
std::string FormatRecordLine(const RecordLine& line);
// INVALID_ARGUMENT / RECORD_LINE_MALFORMED for any other spelling.
absl::StatusOr<RecordLine> ParseRecordLine(std::string_view text);

// "<directory>.records.jsonl".
std::string RecordsFileFor(const std::string& directory);

// Something wrong with the records, or with what they say.
struct RecordFinding {
  // RECORD_LINE_MALFORMED  a line that is none
  // RECORD_MISSING         an entry has no record
  // RECORD_UNEXPECTED      a record for which there is no entry
  // COMMITMENT_MISMATCH    the record is not the one that was logged
  // RECORD_MALFORMED       it was logged, but is no record
  // SEQUENCE_MISMATCH      the record counts otherwise than the public part
  // SEQUENCE_GAP           the count of a caller is not contiguous
  std::string reason;
  uint64_t line = 0;              // of the file, from 1; 0 when it is about no line
  std::optional<uint64_t> index;  // of the entry
  std::string message;
};

// Holds a file of records against the entries of its log.
class RecordsCheck {
 public:
  // NOT_FOUND / FILE_MISSING.
  static absl::StatusOr<std::unique_ptr<RecordsCheck>> Open(const std::string& path);

  // An entry that was verified; in the order of the log.
  void Check(const audit::LogEntry& entry);
  // After the last entry of a log of `size` entries.
  void Finish(uint64_t size);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::vector<RecordFinding>& findings() const { return findings_; }
  [[nodiscard]] uint64_t finding_count() const { return finding_count_; }
  [[nodiscard]] uint64_t opened() const { return opened_; }
  [[nodiscard]] size_t callers() const { return next_.size(); }

 private:
  RecordsCheck() = default;
  void ReadNext();
  void Find(std::string reason, uint64_t line, std::optional<uint64_t> index, std::string message);
  // Whose count went on is not known from here on.
  void LoseCount();
  void Count(const RecordLine& line, const audit::LogEntry& entry);

  std::string path_;
  std::ifstream in_;
  uint64_t line_ = 0;
  std::optional<RecordLine> next_record_;
  std::optional<uint64_t> last_index_;
  uint64_t expected_entry_ = 0;
  std::vector<RecordFinding> findings_;
  uint64_t finding_count_ = 0;
  uint64_t opened_ = 0;
  // By caller: the number that its next entry must have.
  std::map<std::string, uint64_t> next_;
  bool from_the_start_ = true;
};

}  // namespace sluis::cli
