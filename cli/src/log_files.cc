#include "log_files.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/log/v1/record.pb.h"

namespace sluis::cli {
namespace {

constexpr size_t kMaxFindings = 1000;
constexpr std::string_view kTestSuffix = " TEST_DATA_ONLY";

// Tiles that are all in memory.
class TilesInMemory final : public audit::TileSource {
 public:
  explicit TilesInMemory(std::vector<audit::Tile> tiles) {
    for (audit::Tile& tile : tiles) tiles_[{tile.level, tile.index}] = std::move(tile.hashes);
  }
  [[nodiscard]] absl::StatusOr<std::string> ReadTile(int level, uint64_t index) const override {
    const auto found = tiles_.find({level, index});
    if (found == tiles_.end())
      return Internal("TILE_MISSING", absl::StrCat("no tile ", index, " of level ", level));
    return found->second;
  }

 private:
  std::map<std::pair<int, uint64_t>, std::string> tiles_;
};

std::string TimeText(int64_t time_us) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(time_us),
                          absl::UTCTimeZone());
}

std::string HashText(const audit::Digest& digest) {
  return digest == audit::Digest() ? "none" : HexEncode(digest.bytes());
}

}  // namespace

absl::StatusOr<audit::VerifierKey> LogKey(const Profile& profile) {
  SLUIS_ASSIGN_OR_RETURN(const std::string text, LogKeyText(profile));
  return audit::VerifierKey::Parse(text);
}

std::string OriginFor(const Profile& profile, const audit::VerifierKey& key,
                      std::string_view checkpoint) {
  if (!profile.origin.empty()) return profile.origin;
  const std::string test_origin = absl::StrCat(key.name(), ToAbsl(kTestSuffix));
  return checkpoint.substr(0, checkpoint.find('\n')) == test_origin ? test_origin : key.name();
}

std::string KindName(uint8_t kind) {
  if (!log::v1::EventKind::Id_IsValid(kind)) return absl::StrCat("kind ", kind);
  return log::v1::EventKind::Id_Name(static_cast<log::v1::EventKind::Id>(kind));
}

std::vector<std::pair<std::string, std::string>> DescribeLeaf(const audit::Leaf& leaf) {
  return {{"event", leaf.event_id.ToString()},
          {"kind", KindName(leaf.kind)},
          {"time", TimeText(leaf.time_us)},
          {"caller's number", leaf.partij_seq == 0 ? "none" : absl::StrCat(leaf.partij_seq)},
          {"request hash", HashText(leaf.request)},
          {"answer hash", HashText(leaf.answer)},
          {"commitment", HashText(leaf.commitment)}};
}

Json LeafToJson(const audit::Leaf& leaf) {
  return {{"event_id", leaf.event_id.ToString()},
          {"kind", KindName(leaf.kind)},
          {"time", TimeText(leaf.time_us)},
          {"partij_seq", leaf.partij_seq},
          {"request_hash", HexEncode(leaf.request.bytes())},
          {"answer_hash", HexEncode(leaf.answer.bytes())},
          {"commitment", HexEncode(leaf.commitment.bytes())}};
}

absl::StatusOr<GrowingTree> GrowingTree::Start() {
  GrowingTree out;
  SLUIS_ASSIGN_OR_RETURN(
      audit::LogTree tree,
      audit::LogTree::Open(std::make_shared<TilesInMemory>(std::vector<audit::Tile>()), 0));
  out.tree_ = std::make_unique<audit::LogTree>(std::move(tree));
  out.batch_ = std::make_unique<audit::LogTree::Batch>(*out.tree_);
  return out;
}

void GrowingTree::Append(std::string_view entry) { batch_->Append(audit::LeafHash(entry)); }

std::unique_ptr<audit::TileSource> GrowingTree::Tiles() const {
  return std::make_unique<TilesInMemory>(batch_->ChangedTiles());
}

std::string FormatRecordLine(const RecordLine& line) {
  return absl::StrCat(R"({"index":)", line.index, R"(,"salt":")", Base64Encode(line.salt),
                      R"(","record":")", Base64Encode(line.record), R"("})");
}

absl::StatusOr<RecordLine> ParseRecordLine(std::string_view text) {
  const auto malformed = [] {
    return InvalidArgument("RECORD_LINE_MALFORMED", "not a line of a records file");
  };
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return malformed();
  const auto index = json.find("index");
  const auto salt = json.find("salt");
  const auto record = json.find("record");
  if (index == json.end() || !index->is_number_unsigned() || salt == json.end() ||
      !salt->is_string() || record == json.end() || !record->is_string()) {
    return malformed();
  }
  auto salt_bytes = Base64Decode(salt->get_ref<const std::string&>());
  auto record_bytes = Base64Decode(record->get_ref<const std::string&>());
  if (!salt_bytes.ok() || !record_bytes.ok()) return malformed();
  RecordLine line{index->get<uint64_t>(), *std::move(salt_bytes), *std::move(record_bytes)};
  // One spelling: what else stands in the line was not written by us.
  if (FormatRecordLine(line) != text) return malformed();
  return line;
}

std::string RecordsFileFor(const std::string& directory) {
  std::string name = std::filesystem::path(directory).lexically_normal().string();
  while (name.size() > 1 && name.back() == '/') name.pop_back();
  return name + ".records.jsonl";
}

absl::StatusOr<std::unique_ptr<RecordsCheck>> RecordsCheck::Open(const std::string& path) {
  std::unique_ptr<RecordsCheck> check(new RecordsCheck);
  check->path_ = path;
  check->in_.open(path, std::ios::binary);
  if (!check->in_) return NotFound("FILE_MISSING", absl::StrCat("cannot read ", path));
  check->ReadNext();
  return check;
}

void RecordsCheck::Find(std::string reason, uint64_t line, std::optional<uint64_t> index,
                        std::string message) {
  if (finding_count_++ < kMaxFindings)
    findings_.push_back({std::move(reason), line, index, std::move(message)});
}

void RecordsCheck::ReadNext() {
  next_record_.reset();
  std::string text;
  while (std::getline(in_, text)) {
    ++line_;
    auto line = ParseRecordLine(text);
    if (!line.ok() || in_.eof()) {
      Find("RECORD_LINE_MALFORMED", line_, std::nullopt,
           line.ok() ? "the last line does not end" : "is no line of a records file");
      continue;
    }
    if (last_index_ && line->index <= *last_index_) {
      Find("RECORD_LINE_MALFORMED", line_, line->index,
           absl::StrCat("the record of entry ", line->index, " comes after that of entry ",
                        *last_index_));
      continue;
    }
    last_index_ = line->index;
    next_record_ = *std::move(line);
    return;
  }
}

void RecordsCheck::LoseCount() {
  next_.clear();
  from_the_start_ = false;
}

void RecordsCheck::Check(const audit::LogEntry& entry) {
  // Entries in between were not verified, which the log's own findings say.
  if (entry.index != expected_entry_) LoseCount();
  expected_entry_ = entry.index + 1;
  while (next_record_ && next_record_->index < entry.index) ReadNext();
  if (!next_record_ || next_record_->index != entry.index) {
    Find("RECORD_MISSING", 0, entry.index, absl::StrCat("entry ", entry.index, " has no record"));
    LoseCount();
    return;
  }
  const RecordLine line = *std::move(next_record_);
  const uint64_t at = line_;
  const auto salt = audit::Salt::FromBytes(line.salt);
  if (!salt.ok() || audit::CommitRecord(*salt, line.record) != entry.leaf.commitment) {
    Find("COMMITMENT_MISMATCH", at, entry.index,
         absl::StrCat("is not the record that entry ", entry.index, " commits to"));
    LoseCount();
  } else {
    ++opened_;
    Count(line, entry);
  }
  ReadNext();
}

void RecordsCheck::Count(const RecordLine& line, const audit::LogEntry& entry) {
  const uint64_t at = line_;
  log::v1::Record record;
  if (!record.ParseFromString(line.record)) {
    Find("RECORD_MALFORMED", at, entry.index,
         absl::StrCat("what entry ", entry.index, " commits to is no record"));
    LoseCount();
    return;
  }
  if (record.partij_seq() != entry.leaf.partij_seq) {
    Find("SEQUENCE_MISMATCH", at, entry.index,
         absl::StrCat("entry ", entry.index, " is number ", entry.leaf.partij_seq,
                      " of its caller, its record says ", record.partij_seq()));
  }
  if (entry.leaf.partij_seq == 0) return;
  const auto known = next_.find(record.caller());
  const uint64_t found = entry.leaf.partij_seq;
  const uint64_t expected = known != next_.end() ? known->second : from_the_start_ ? 1 : found;
  if (found != expected) {
    Find("SEQUENCE_GAP", at, entry.index,
         absl::StrCat("entry ", entry.index, " is number ", found, " of ", record.caller(),
                      ", number ", expected, " was expected"));
  }
  next_[record.caller()] = found + 1;
}

void RecordsCheck::Finish(uint64_t size) {
  while (next_record_) {
    if (next_record_->index >= size) {
      Find("RECORD_UNEXPECTED", line_, next_record_->index,
           absl::StrCat("there is no entry ", next_record_->index));
    }
    ReadNext();
  }
}

}  // namespace sluis::cli
