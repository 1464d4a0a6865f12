#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "call.h"
#include "commands.h"
#include "log_files.h"
#include "usage_purpose.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/base/errors.h"

namespace sluis::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kPageSize = 1000;

struct Options {
  std::string directory;
  std::string records;
  bool no_records = false;
  client::UsagePurpose usage_purpose = client::UsagePurpose::kNone;
};

// Entries as the broker hands them out, one page at a time.
struct Exported {
  std::vector<std::string> leaves;
  std::string records;  // the lines of the records file
};

absl::StatusOr<Exported> ReadAll(Session& session, uint64_t size, const Options& options,
                                 GrowingTree& tree) {
  Exported out;
  out.leaves.reserve(size);
  while (out.leaves.size() < size) {
    client::ReadEntriesRequest request;
    request.usage_purpose = options.usage_purpose;
    request.start = out.leaves.size();
    request.count = static_cast<int32_t>(std::min(kPageSize, size - out.leaves.size()));
    const auto page = session.client().ReadEntries(session.call(), request);
    if (!page.ok()) return session.Failed(page.status());
    if (page->entries.empty()) {
      return DataLoss("ENTRIES_MISSING", absl::StrCat("the broker gives no entry ", request.start,
                                                      ", but signed ", size));
    }
    for (const client::LogEntry& entry : page->entries) {
      if (out.leaves.size() == size) break;
      if (!options.no_records) {
        absl::StrAppend(&out.records,
                        FormatRecordLine({out.leaves.size(), entry.salt, entry.record}), "\n");
      }
      tree.Append(entry.leaf);
      out.leaves.push_back(entry.leaf);
    }
    SLUIS_RETURN_IF_ERROR(session.NextCall());
  }
  return out;
}

absl::StatusOr<Exit> Export(const Options& options, const Context& context) {
  std::error_code error;
  if (fs::exists(options.directory, error) && !fs::is_empty(options.directory, error))
    return FailedPrecondition("DIRECTORY_NOT_EMPTY", options.directory + " has something in it");
  const std::string records =
      options.records.empty() ? RecordsFileFor(options.directory) : options.records;
  SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
  // First the checkpoint: reading makes entries of its own, which are not part of this export.
  SLUIS_ASSIGN_OR_RETURN(const client::Checkpoint checkpoint, session.client().GetCheckpoint());
  SLUIS_ASSIGN_OR_RETURN(GrowingTree tree, GrowingTree::Start());
  SLUIS_ASSIGN_OR_RETURN(const Exported exported,
                         ReadAll(session, checkpoint.head.size, options, tree));
  if (tree.head() != checkpoint.head) {
    return DataLoss("CHECKPOINT_MISMATCH",
                    "the entries that the broker gives are not those that it signed");
  }
  const audit::EntryProvider entries =
      [&](uint64_t first, size_t count) -> absl::StatusOr<std::vector<std::string>> {
    const auto begin = exported.leaves.begin() + static_cast<ptrdiff_t>(first);
    return std::vector<std::string>(begin, begin + static_cast<ptrdiff_t>(count));
  };
  if (!options.no_records)
    SLUIS_RETURN_IF_ERROR(WriteOutput(records, exported.records, Access::kOwner));
  SLUIS_RETURN_IF_ERROR(
      audit::WriteLogDirectory(options.directory, entries, *tree.Tiles(), checkpoint.note));
  SLUIS_RETURN_IF_ERROR(session.Keep());
  if (context.json) {
    Json out = {{"directory", options.directory},
                {"size", checkpoint.head.size},
                {"origin", session.client().log_origin()},
                {"log_key", session.client().log_key()}};
    if (!options.no_records) out["records"] = records;
    PrintJson(out);
  } else if (!context.quiet) {
    PrintPairs(std::cout,
               {{"log", session.client().log_origin()},
                {"entries", absl::StrCat(checkpoint.head.size)},
                {"written to", options.directory},
                {"records", options.no_records ? "" : records + " (keep them to yourself)"},
                {"verify with", absl::StrCat("sluis audit verify ", options.directory,
                                             " --log-key '", session.client().log_key(), "'")}});
  }
  return Exit::kDone;
}

}  // namespace

void AddAuditExport(CLI::App& audit, Context& context) {
  CLI::App* command =
      audit.add_subcommand("export", "Take the whole log home as files (hats that supervise)");
  auto options = std::make_shared<Options>();
  command->add_option("DIR", options->directory, "An empty or new directory")->required();
  command->add_option("--records", options->records,
                      "Where the internal records go (default: DIR.records.jsonl)");
  command->add_flag("--no-records", options->no_records, "Keep no internal records");
  AddUsagePurpose(*command, options->usage_purpose);
  command->footer(
      "DIR holds the log in the form of C2SP tlog-tiles: hashes only, it may be shown to anybody. "
      "The\n"
      "records say what the entries are about; the file is readable by you alone.\n"
      "Every page that is read is an entry of the log itself, after the exported part.\n"
      "\n"
      "Example:\n"
      "  sluis audit export export-2026-11 --hat AUDITOR --usage LAWFULNESS_CONTROL\n"
      "  sluis audit verify export-2026-11");
  context.OnRun(*command, [options, &context] { return Export(*options, context); });
}

}  // namespace sluis::cli
