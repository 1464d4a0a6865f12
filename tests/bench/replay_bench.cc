// Logged decisions decided again: how many a second on one core, and that it allocates nothing.
//
//   replay_bench [--short] [--out FILE]     FILE: flat JSON, figures are added to it
//
// The records are those of all scenario steps. Measured is Replay() over records in memory, and
// the same with the record parsed from its bytes, as `sluis policy replay` does.

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "count_allocations.h"
#include "measure.h"

#include "sluis/log/v1/decision.pb.h"
#include "sluis/policy/cases.h"
#include "sluis/policy/record.h"
#include "sluis/policy/replay.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::bench {
namespace {

struct Entry {
  std::shared_ptr<const policy::Policy> policy;
  std::string partij;
  std::string hat;
  CivilDate today;
  log::v1::Decision decision;
  std::string bytes;
};

// Every scenario step, with at most `fields` of its fields.
std::vector<Entry> Entries(int fields) {
  std::vector<Entry> entries;
  std::map<std::string, std::shared_ptr<const policy::Policy>> policies;
  const auto decision = std::make_unique<policy::Decision>();
  for (const policy::ExpandedStep& step : testing::ScenarioSteps()) {
    auto& policy = policies[step.switches->SerializeAsString()];
    if (policy == nullptr) policy = testing::ReferencePolicy(*step.switches);
    policy::v1::DecisionRequest asked = step.step->request();
    while (asked.fields_size() > fields) asked.mutable_fields()->RemoveLast();
    policy::Request request;
    if (policy::InternRequest(*policy, asked, request).kind != policy::Malformation::Kind::kNone ||
        !policy::DecideMessages(*policy, *step.facts, asked, step.now, step.today, *decision)
             .ok()) {
      continue;
    }
    Entry& entry = entries.emplace_back();
    entry.policy = policy;
    entry.partij = asked.partij();
    entry.hat = asked.acting_hat();
    entry.today = step.today;
    policy::WriteDecision(*policy, request, *decision, /*validate_only=*/false, entry.decision);
    entry.decision.SerializeToString(&entry.bytes);
  }
  return entries;
}

// Replays a second; 0 when one did not come out the same.
double Rate(const std::vector<Entry>& entries, int rounds, bool parse) {
  const auto comparison = std::make_unique<policy::Comparison>();
  log::v1::Decision parsed;
  size_t next = 0;
  const int64_t start = NowNs();
  for (int i = 0; i < rounds; ++i) {
    const Entry& entry = entries[next];
    if (++next == entries.size()) next = 0;
    if (parse && !policy::ParseDecision(entry.bytes, parsed)) return 0;
    const policy::RecordedDecision recorded{entry.partij, entry.hat, entry.today,
                                            parse ? &parsed : &entry.decision};
    if (!policy::Replay(*entry.policy, recorded, *comparison).ok() ||
        !comparison->differences.empty()) {
      return 0;
    }
  }
  return 1e9 * rounds / static_cast<double>(NowNs() - start);
}

double MedianRate(const std::vector<Entry>& entries, int runs, int rounds, bool parse) {
  std::vector<double> samples;
  for (int i = 0; i < runs; ++i) samples.push_back(Rate(entries, rounds, parse));
  return Quantile(samples, 0.5);
}

int Main(int argc, char** argv) {
  bool quick = false;
  std::string out;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--short") {
      quick = true;
    } else if (argument == "--out" && i + 1 < argc) {
      out = argv[++i];
    } else {
      static_cast<void>(std::fprintf(stderr, "usage: replay_bench [--short] [--out FILE]\n"));
      return 2;
    }
  }
  const int runs = quick ? 1 : 5;
  const int rounds = quick ? 20000 : 1000000;
  Figures figures;
  const std::vector<Entry> one = Entries(1);
  const std::vector<Entry> all = Entries(100);
  // Once around first: what grows has grown.
  if (Rate(all, static_cast<int>(all.size()), false) == 0) return 1;
  const double per_second = MedianRate(one, runs, rounds, false);
  figures.Add("replay_per_s", per_second, "one-field replays a second on one core (goal 1 M)");
  figures.Add("replay_all_fields_per_s", MedianRate(all, runs, rounds / 4, false),
              "replays a second of the steps with all their fields");
  figures.Add("replay_parsed_per_s", MedianRate(one, runs, rounds / 4, true),
              "one-field replays a second, records parsed from their bytes");
  const uint64_t before = Allocations();
  const double counted = Rate(one, 20000, false) * Rate(all, 5000, false);
  // Each call of Rate makes one Comparison.
  const uint64_t allocations = Allocations() - before;
  figures.Add("replay_allocs", static_cast<double>(allocations) - 2,
              "heap allocations in 25,000 replays (goal 0)");
  if (!out.empty()) figures.Save(out);
  return per_second > 0 && counted > 0 && allocations <= 2 ? 0 : 1;
}

}  // namespace
}  // namespace sluis::bench

int main(int argc, char** argv) { return sluis::bench::Main(argc, argv); }
