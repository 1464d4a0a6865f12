#include <filesystem>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "log_files.h"
#include "print.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/proof_file.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/textproto/file.h"

namespace sluis::cli {
namespace {

namespace fs = std::filesystem;

struct VerifyOptions {
  std::string directory;
  std::string records;
  bool no_records = false;
  std::vector<std::string> known_checkpoints;
};

// A checkpoint that somebody kept: the log must begin with its tree.
struct KnownCheckpoint {
  std::string file;
  audit::TreeHead head;
  enum class Found { kNotReached, kYes, kForked } found = Found::kNotReached;
};

absl::StatusOr<std::vector<KnownCheckpoint>> ReadKnown(const std::vector<std::string>& files,
                                                       const std::string& origin,
                                                       const audit::VerifierKey& key) {
  std::vector<KnownCheckpoint> out;
  for (const std::string& file : files) {
    SLUIS_ASSIGN_OR_RETURN(const std::string note, textproto::ReadTextFile(file));
    auto head = audit::OpenCheckpoint(note, origin, {&key, 1});
    if (!head.ok()) return WithMetadata(head.status(), "file", file);
    KnownCheckpoint known;
    known.file = file;
    known.head = *head;
    if (head->size == 0) known.found = KnownCheckpoint::Found::kYes;
    out.push_back(std::move(known));
  }
  return out;
}

Json FindingToJson(const audit::LogFinding& finding) {
  Json out = {{"reason", finding.reason}, {"file", finding.file}};
  if (finding.index) out["index"] = *finding.index;
  out["message"] = finding.message;
  return out;
}

// "TIME_BACKWARDS  tile/entries/000: entry 3 is older …".
void PrintFinding(const std::string& reason, const std::string& text, Ink ink) {
  std::cout << "  " << Coloured(Printable(reason), ink) << "  " << Printable(text) << "\n";
}

class Verification {
 public:
  Verification(const VerifyOptions& options, std::string origin, audit::VerifierKey key)
      : options_(options), origin_(std::move(origin)), key_(std::move(key)) {}

  absl::Status Run() {
    SLUIS_ASSIGN_OR_RETURN(known_, ReadKnown(options_.known_checkpoints, origin_, key_));
    SLUIS_RETURN_IF_ERROR(OpenRecords());
    SLUIS_ASSIGN_OR_RETURN(GrowingTree tree, GrowingTree::Start());
    audit::LogVerifyOptions verify;
    verify.check_entry = [&](const audit::LogEntry& entry) {
      if (records_ != nullptr) records_->Check(entry);
      if (entry.index == tree.size()) {
        tree.Append(entry.bytes);
        CompareKnown(tree);
      }
      return absl::OkStatus();
    };
    report_ = audit::VerifyLogDirectory(options_.directory, origin_, {&key_, 1}, verify);
    if (records_ != nullptr && report_.head) records_->Finish(report_.head->size);
    return absl::OkStatus();
  }

  [[nodiscard]] bool good() const {
    if (!report_.ok() || (records_ != nullptr && records_->finding_count() > 0)) return false;
    for (const KnownCheckpoint& known : known_) {
      if (known.found != KnownCheckpoint::Found::kYes) return false;
    }
    return true;
  }

  void Print() const {
    PrintPairs(std::cout,
               {{"log", origin_},
                {"key", key_.ToString()},
                {"checkpoint",
                 report_.head ? absl::StrCat(Counted(report_.head->size, "entry", "entries"),
                                             ", root ", Base64Encode(report_.head->root.bytes()))
                              : "not to be believed: nothing was checked"},
                {"verified", absl::StrCat(Counted(report_.entries_verified, "entry", "entries"),
                                          ", ", Counted(report_.tiles_read, "tile", "tiles"), ", ",
                                          Counted(report_.bundles_read, "bundle", "bundles"))},
                {"records", RecordsText()}});
    for (const KnownCheckpoint& known : known_)
      std::cout << "known checkpoint  " << Printable(KnownText(known)) << "\n";
    if (report_.defect_count > 0 || (records_ != nullptr && records_->finding_count() > 0)) {
      std::cout << "\nWrong:\n";
      for (const audit::LogFinding& finding : report_.defects)
        PrintFinding(finding.reason, finding.ToString(), Ink::kRed);
      PrintRest(report_.defect_count, report_.defects.size());
      if (records_ != nullptr) {
        for (const RecordFinding& finding : records_->findings())
          PrintFinding(finding.reason, absl::StrCat(Place(finding), ": ", finding.message),
                       Ink::kRed);
        PrintRest(records_->finding_count(), records_->findings().size());
      }
    }
    if (report_.warning_count > 0) {
      std::cout << "\nNoteworthy:\n";
      for (const audit::LogFinding& finding : report_.warnings)
        PrintFinding(finding.reason, finding.ToString(), Ink::kYellow);
      PrintRest(report_.warning_count, report_.warnings.size());
    }
    std::cout << "\n"
              << (good() ? Coloured("GOOD", Ink::kGreen) + ": the log is what was signed"
                         : Coloured("NOT GOOD", Ink::kRed) + ": do not rely on this log")
              << "\n";
  }

  [[nodiscard]] Json ToJson() const {
    Json out = {{"good", good()}, {"origin", origin_}, {"log_key", key_.ToString()}};
    if (report_.head) {
      out["size"] = report_.head->size;
      out["root"] = Base64Encode(report_.head->root.bytes());
    }
    out["entries_verified"] = report_.entries_verified;
    out["tiles_read"] = report_.tiles_read;
    out["bundles_read"] = report_.bundles_read;
    out["defect_count"] = report_.defect_count;
    out["defects"] = Json::array();
    for (const audit::LogFinding& finding : report_.defects)
      out["defects"].push_back(FindingToJson(finding));
    out["warning_count"] = report_.warning_count;
    out["warnings"] = Json::array();
    for (const audit::LogFinding& finding : report_.warnings)
      out["warnings"].push_back(FindingToJson(finding));
    if (records_ != nullptr) {
      Json findings = Json::array();
      for (const RecordFinding& finding : records_->findings()) {
        Json one = {{"reason", finding.reason}, {"line", finding.line}};
        if (finding.index) one["index"] = *finding.index;
        one["message"] = finding.message;
        findings.push_back(std::move(one));
      }
      out["records"] = {{"file", records_->path()},
                        {"opened", records_->opened()},
                        {"callers", records_->callers()},
                        {"defect_count", records_->finding_count()},
                        {"defects", std::move(findings)}};
    }
    out["known_checkpoints"] = Json::array();
    for (const KnownCheckpoint& known : known_) {
      out["known_checkpoints"].push_back(
          {{"file", known.file},
           {"size", known.head.size},
           {"part_of_this_log", known.found == KnownCheckpoint::Found::kYes}});
    }
    return out;
  }

 private:
  absl::Status OpenRecords() {
    if (options_.no_records) return absl::OkStatus();
    std::string path = options_.records;
    if (path.empty()) {
      path = RecordsFileFor(options_.directory);
      std::error_code error;
      if (!fs::exists(path, error)) return absl::OkStatus();
    }
    SLUIS_ASSIGN_OR_RETURN(records_, RecordsCheck::Open(path));
    return absl::OkStatus();
  }

  void CompareKnown(const GrowingTree& tree) {
    for (KnownCheckpoint& known : known_) {
      if (known.head.size != tree.size()) continue;
      known.found = tree.head() == known.head ? KnownCheckpoint::Found::kYes
                                              : KnownCheckpoint::Found::kForked;
    }
  }

  [[nodiscard]] std::string RecordsText() const {
    if (records_ == nullptr)
      return "none: what the entries are about, and the callers' numbering, was not checked";
    return absl::StrCat(records_->opened(), " opened, ",
                        Counted(records_->callers(), "caller", "callers"),
                        good() ? " numbered without a gap" : "", " (", records_->path(), ")");
  }

  static std::string KnownText(const KnownCheckpoint& known) {
    const std::string what =
        absl::StrCat(known.file, " of ", Counted(known.head.size, "entry", "entries"));
    switch (known.found) {
      case KnownCheckpoint::Found::kYes:
        return what + ": this log begins with it";
      case KnownCheckpoint::Found::kForked:
        return what + ": LOG_FORKED, this log was signed with another past; keep both as evidence";
      case KnownCheckpoint::Found::kNotReached:
        break;
    }
    return what + ": not part of what could be verified here";
  }

  [[nodiscard]] std::string Place(const RecordFinding& finding) const {
    return finding.line == 0 ? records_->path() : absl::StrCat(records_->path(), ":", finding.line);
  }

  static void PrintRest(uint64_t count, size_t shown) {
    if (count > shown) std::cout << "  … and " << count - shown << " more\n";
  }

  const VerifyOptions& options_;
  const std::string origin_;
  const audit::VerifierKey key_;
  std::vector<KnownCheckpoint> known_;
  std::unique_ptr<RecordsCheck> records_;
  audit::LogReport report_;
};

absl::StatusOr<Exit> Verify(const VerifyOptions& options, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(audit::VerifierKey key, LogKey(context.profile));
  std::error_code error;
  if (!fs::is_directory(options.directory, error))
    return NotFound("FILE_MISSING", absl::StrCat(options.directory, " is no directory"));
  const auto checkpoint =
      textproto::ReadTextFile((fs::path(options.directory) / "checkpoint").string());
  const std::string origin =
      OriginFor(context.profile, key, checkpoint.ok() ? std::string_view(*checkpoint) : "");
  Verification verification(options, origin, std::move(key));
  SLUIS_RETURN_IF_ERROR(verification.Run());
  if (context.json) {
    PrintJson(verification.ToJson());
  } else {
    verification.Print();
  }
  return verification.good() ? Exit::kDone : Exit::kNotVerified;
}

struct ProofOptions {
  std::string file;
  std::string leaf_file;
};

absl::StatusOr<Exit> VerifyProof(const ProofOptions& options, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(const audit::VerifierKey key, LogKey(context.profile));
  SLUIS_ASSIGN_OR_RETURN(const std::string text, ReadInput(options.file));
  SLUIS_ASSIGN_OR_RETURN(const audit::ProofFile proof, audit::DecodeProofFile(text));
  std::string bytes;
  if (!options.leaf_file.empty()) {
    SLUIS_ASSIGN_OR_RETURN(bytes, ReadInput(options.leaf_file));
  } else if (proof.extra) {
    // Anybody may have changed it, which the inclusion proof then shows.
    bytes = *proof.extra;
  } else {
    return WithMetadata(InvalidArgument("OPTION_MISSING", "the proof file does not hold the entry"),
                        "option", "--leaf");
  }
  const std::string origin = OriginFor(context.profile, key, proof.checkpoint);
  SLUIS_ASSIGN_OR_RETURN(const audit::TreeHead head,
                         audit::VerifyProofFile(text, bytes, origin, {&key, 1}));
  SLUIS_ASSIGN_OR_RETURN(const audit::Leaf leaf, audit::DecodeLeaf(bytes));
  if (context.json) {
    PrintJson({{"good", true},
               {"origin", origin},
               {"index", proof.index},
               {"tree_size", head.size},
               {"root", Base64Encode(head.root.bytes())},
               {"leaf", LeafToJson(leaf)}});
    return Exit::kDone;
  }
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"log", origin},
      {"entry", absl::StrCat(proof.index, " of ", head.size)},
  };
  const auto described = DescribeLeaf(leaf);
  pairs.insert(pairs.end(), described.begin(), described.end());
  PrintPairs(std::cout, pairs);
  std::cout << "\n" << Coloured("GOOD", Ink::kGreen) << ": the log vouches for this entry\n";
  return Exit::kDone;
}

}  // namespace

void AddAuditVerify(CLI::App& audit, Context& context) {
  CLI::App* command =
      audit.add_subcommand("verify", "Verify an exported log, with nothing but its files");
  auto options = std::make_shared<VerifyOptions>();
  command->add_option("DIR", options->directory, "What `sluis audit export` wrote")->required();
  command->add_option("--records", options->records,
                      "The records to open (default: DIR.records.jsonl, if it is there)");
  command->add_flag("--no-records", options->no_records, "Look at no records");
  command->add_option("--known-checkpoint", options->known_checkpoints,
                      "A checkpoint that you kept: the log must begin with its tree (repeatable)");
  command->footer(
      "Needs the verifier key of the log (--log-key, --log-key-file): one line of text, no "
      "secret.\n"
      "The broker tells it at start and `sluis audit checkpoint` shows it; compare it with what "
      "the\n"
      "operator published elsewhere. Needs no broker and no network.\n"
      "\n"
      "Checked are: the signature of the checkpoint; every hash up to its root; every entry; with\n"
      "records, that each is what its entry commits to and that the entries of every caller are\n"
      "numbered without a gap. Ends with 6 when anything is wrong, and says which file and entry.\n"
      "\n"
      "Examples:\n"
      "  sluis audit verify export-2026-11 --log-key-file log.vkey\n"
      "  sluis audit verify export-2026-11 --log-key-file log.vkey --known-checkpoint october");
  context.OnRun(*command, [options, &context] { return Verify(*options, context); });
}

void AddAuditVerifyProof(CLI::App& audit, Context& context) {
  CLI::App* command = audit.add_subcommand(
      "verify-proof", "Verify a .tlog-proof file: that one entry is in the log");
  auto options = std::make_shared<ProofOptions>();
  command->add_option("FILE", options->file, "The proof; - for standard input")->required();
  command->add_option("--leaf", options->leaf_file, "The entry, when the proof does not hold it");
  command->footer(
      "Needs the verifier key of the log, but no broker and no network. Ends with 6 when the "
      "proof\n"
      "does not hold.\n"
      "\n"
      "Example:\n"
      "  sluis audit verify-proof 17.tlog-proof --log-key-file log.vkey");
  context.OnRun(*command, [options, &context] { return VerifyProof(*options, context); });
}

}  // namespace sluis::cli
