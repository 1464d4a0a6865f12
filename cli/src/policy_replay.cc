#include <fstream>
#include <iostream>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "log_files.h"
#include "policy_files.h"
#include "print.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/policy/replay.h"

namespace sluis::cli {
namespace {

struct Options {
  PolicyFiles documents;
  std::string records;
  bool what_if = false;
};

struct Counts {
  uint64_t decisions = 0;
  uint64_t same = 0;
  uint64_t different = 0;
  uint64_t incomplete = 0;  // of those that differ: the record cannot tell for sure
  uint64_t unreadable = 0;
  std::map<std::string, uint64_t> other_policies;  // by hash
};

absl::StatusOr<Exit> ReplayAll(const Options& options, bool json) {
  SLUIS_ASSIGN_OR_RETURN(const CompiledFiles compiled, CompileFiles(options.documents));
  if (compiled.policy == nullptr) {
    PrintIssues(std::cerr, compiled);
    return Exit::kDocumentErrors;
  }
  const policy::Policy& policy = *compiled.policy;
  const std::string hash = PolicyHashHex(policy);
  std::ifstream in(options.records, std::ios::binary);
  if (!in) return NotFound("FILE_MISSING", "no such file: " + options.records);
  Counts counts;
  Json changes = Json::array();
  const auto comparison = std::make_unique<policy::Comparison>();
  log::v1::Record record;
  uint64_t line_number = 0;
  for (std::string line; std::getline(in, line);) {
    ++line_number;
    const auto parsed = ParseRecordLine(line);
    if (!parsed.ok() || !record.ParseFromString(parsed->record)) {
      return InvalidArgument("RECORD_LINE_MALFORMED",
                             absl::StrCat(options.records, ":", line_number, " holds no record"));
    }
    if (!record.has_decision()) continue;
    ++counts.decisions;
    const std::string decided_under = HexEncode(record.policy_hash());
    if (decided_under != hash && !options.what_if) {
      ++counts.other_policies[decided_under];
      continue;
    }
    const policy::RecordedDecision recorded{record.caller(), record.acting_hat(),
                                            CivilDate::FromDays(record.local_date()),
                                            &record.decision()};
    std::vector<std::string> differences;
    const absl::Status status = policy::Replay(policy, recorded, *comparison);
    if (!status.ok()) {
      ++counts.unreadable;
      differences.emplace_back(status.message());
    } else if (comparison->differences.empty()) {
      ++counts.same;
      continue;
    } else {
      ++counts.different;
      if (!comparison->complete) ++counts.incomplete;
      differences = policy::DescribeDifferences(policy, recorded, *comparison);
    }
    const bool certain = status.ok() && comparison->complete;
    if (json) {
      changes.push_back({{"index", parsed->index},
                         {"certain", certain},
                         {"unreadable", !status.ok()},
                         {"differences", differences}});
    } else {
      std::cout << "entry " << parsed->index
                << (status.ok() && !certain ? " (not certain: the record does not tell)" : "")
                << "\n";
      for (const std::string& difference : differences)
        std::cout << "  " << Printable(difference) << "\n";
    }
  }
  const bool agrees = counts.different == 0 && counts.unreadable == 0;
  if (json) {
    Json others = Json::object();
    for (const auto& [other, count] : counts.other_policies) others[other] = count;
    PrintJson({{"policy_hash", hash},
               {"decisions", counts.decisions},
               {"same", counts.same},
               {"different", counts.different},
               {"not_certain", counts.incomplete},
               {"unreadable", counts.unreadable},
               {"under_another_policy", others},
               {"changes", std::move(changes)}});
  } else {
    PrintPairs(std::cout, {{"policy hash", hash},
                           {"decisions", absl::StrCat(counts.decisions)},
                           {"the same", absl::StrCat(counts.same)},
                           {"different", absl::StrCat(counts.different)},
                           {"not certain", absl::StrCat(counts.incomplete)},
                           {"unreadable", absl::StrCat(counts.unreadable)}});
    for (const auto& [other, count] : counts.other_policies) {
      std::cout << "skipped " << Counted(count, "decision", "decisions") << " under policy "
                << other << "\n";
    }
  }
  // What another policy would change is what was asked; under its own it is a fault.
  if (options.what_if || agrees) return Exit::kDone;
  return Exit::kDecidesOtherwise;
}

}  // namespace

void AddPolicyReplay(CLI::App& policy, Context& context) {
  CLI::App* command = policy.add_subcommand(
      "replay", "Decide logged decisions again, under the policy that decided them or another one");
  auto options = std::make_shared<Options>();
  AddPolicyFiles(*command, options->documents);
  command
      ->add_option("RECORDS", options->records,
                   "Internal records, as `sluis audit export` writes them")
      ->required();
  command->add_flag("--what-if", options->what_if,
                    "Decide every record under these documents, whatever decided it then");
  command->footer(
      "Without --what-if only decisions under exactly this policy (by hash) are replayed, and have "
      "to\n"
      "come out the same: ends with 9 when one does not. With it, the changes are the answer.\n"
      "\n"
      "Example:\n"
      "  sluis policy replay statute.textproto ave-2027.textproto export.records.jsonl --what-if");
  context.OnRun(*command, [options, &context] { return ReplayAll(*options, context.json); });
}

}  // namespace sluis::cli
