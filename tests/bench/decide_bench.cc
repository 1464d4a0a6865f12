// The decision alone, under a microscope: time, allocations and growth with the number of grants.
//
//   decide_bench [--short] [--out FILE]     FILE: flat JSON, figures are added to it
//
// What is decided is the mix of all scenario steps over the reference documents; the larger
// policies hold every tafel and grant ten and a hundred times, as one convenant for many regions
// would.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "measure.h"

#include "sluis/policy/cases.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/engine.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/record.h"
#include "sluis/policy/request.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/testing/policy_files.h"

namespace {
std::atomic<uint64_t> g_allocations{0};
}  // namespace

// Counts, and otherwise does what the standard one does.
void* operator new(size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }

namespace sluis::bench {
namespace {

namespace pb = policy::v1;

// The reference convenant with every tafel, and every grant at it, `times` times.
pb::Convenant Multiply(const pb::Convenant& original, int times) {
  pb::Convenant out = original;
  for (int copy = 1; copy < times; ++copy) {
    const std::string suffix = "_" + std::to_string(copy);
    for (const pb::Tafel& tafel : original.tafels()) {
      pb::Tafel& twin = *out.add_tafels();
      twin = tafel;
      twin.set_id(tafel.id() + suffix);
    }
    for (const pb::Grant& grant : original.grants()) {
      pb::Grant& twin = *out.add_grants();
      twin = grant;
      // "M12A" becomes "M10012A": digits and perhaps a letter.
      size_t digits = 0;
      while (digits < grant.id().size() && (grant.id()[digits] < '0' || grant.id()[digits] > '9'))
        ++digits;
      twin.set_id(grant.id().substr(0, digits) + std::to_string(1000 + copy) +
                  grant.id().substr(digits));
      for (std::string& tafel : *twin.mutable_tafels()) tafel += suffix;
    }
  }
  return out;
}

policy::CompileResult CompileDocuments(const policy::Document<pb::Statute>& statute,
                                       const policy::Document<pb::Convenant>& convenant,
                                       const pb::OperatorSwitches& switches) {
  return policy::Compile(statute, convenant,
                         policy::Document<pb::OperatorSwitches>::FromMessage(switches, "switches"));
}

// A question that is ready to be decided.
struct Question {
  std::shared_ptr<const policy::Policy> policy;
  std::unique_ptr<policy::FactsBundle> bundle;
  policy::Facts facts;
  policy::Request request;
};

// Every scenario step, with at most `fields` of its fields, or filled up to that number with fields
// that its source owns.
std::vector<Question> Questions(
    const std::function<std::shared_ptr<const policy::Policy>(const pb::OperatorSwitches&)>& policy,
    int fields) {
  std::vector<Question> questions;
  for (const policy::ExpandedStep& step : testing::ScenarioSteps()) {
    Question question;
    question.policy = policy(*step.switches);
    pb::DecisionRequest request = step.step->request();
    while (request.fields_size() > fields) request.mutable_fields()->RemoveLast();
    for (const pb::Field& field : question.policy->convenant().fields()) {
      if (request.fields_size() >= fields) break;
      const bool asked =
          std::any_of(request.fields().begin(), request.fields().end(),
                      [&](const auto& each) { return each.field() == field.name(); });
      const bool owned =
          std::any_of(field.owner_hats().begin(), field.owner_hats().end(),
                      [&](const auto& hat) { return hat == request.source().hat(); });
      if (asked || !owned) continue;
      auto& added = *request.add_fields();
      added.set_field(field.name());
      added.set_motivation("nodig");
    }
    for (const pb::Field& field : question.policy->convenant().fields()) {
      if (request.fields_size() >= fields) break;
      if (std::any_of(request.fields().begin(), request.fields().end(),
                      [&](const auto& each) { return each.field() == field.name(); })) {
        continue;
      }
      auto& added = *request.add_fields();
      added.set_field(field.name());
      added.set_motivation("nodig");
    }
    if (policy::InternRequest(*question.policy, request, question.request).kind !=
        policy::Malformation::Kind::kNone) {
      continue;
    }
    question.bundle =
        std::make_unique<policy::FactsBundle>(*question.policy, *step.facts, step.today);
    question.facts = question.bundle->For(request.casus(), request.person(), request.partij(),
                                          request.professional(), step.now);
    questions.push_back(std::move(question));
  }
  return questions;
}

struct Timing {
  double p50 = 0;
  double p99 = 0;
};

// Each decision timed alone, in random order, the clock's own cost taken off.
Timing TimeEach(const std::vector<Question>& questions, int rounds) {
  std::mt19937 random(7);
  policy::Decision decision;
  std::vector<double> clock;
  for (int i = 0; i < 20000; ++i) {
    const int64_t start = NowNs();
    clock.push_back(static_cast<double>(NowNs() - start));
  }
  const double own = Quantile(clock, 0.5);
  std::vector<double> samples;
  samples.reserve(static_cast<size_t>(rounds));
  for (int i = 0; i < rounds + rounds / 4; ++i) {
    const Question& question = questions[random() % questions.size()];
    const int64_t start = NowNs();
    policy::Decide(*question.policy, question.request, question.facts, decision);
    const int64_t end = NowNs();
    if (i >= rounds / 4) samples.push_back(std::max(0.0, static_cast<double>(end - start) - own));
  }
  Timing timing;
  timing.p50 = Quantile(samples, 0.5);
  timing.p99 = Quantile(samples, 0.99);
  return timing;
}

// Nanoseconds of one decision when many are made one after the other.
double TimeMany(const std::vector<Question>& questions, int rounds) {
  policy::Decision decision;
  size_t next = 0;
  const int64_t start = NowNs();
  for (int i = 0; i < rounds; ++i) {
    const Question& question = questions[next];
    if (++next == questions.size()) next = 0;
    policy::Decide(*question.policy, question.request, question.facts, decision);
  }
  return static_cast<double>(NowNs() - start) / rounds;
}

double Median(std::vector<double> samples) { return Quantile(samples, 0.5); }

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
      static_cast<void>(std::fprintf(stderr, "usage: decide_bench [--short] [--out FILE]\n"));
      return 2;
    }
  }
  const int rounds = quick ? 20000 : 1000000;
  Figures figures;
  const double unit = UnitNs();
  figures.Add("unit_ns", unit, "U: one SHA-256 over 1 KiB");

  const auto reference = [](const pb::OperatorSwitches& switches) {
    static std::map<std::string, std::shared_ptr<const policy::Policy>> compiled;
    auto& policy = compiled[switches.SerializeAsString()];
    if (policy == nullptr) policy = testing::ReferencePolicy(switches);
    return policy;
  };
  const std::vector<Question> one = Questions(reference, 1);
  const std::vector<Question> twenty = Questions(reference, 20);

  // Growth is a ratio of medians of runs that alternate: the machine is noisy.
  std::vector<double> one_p50;
  std::vector<double> one_p99;
  std::vector<double> twenty_over_one;
  std::vector<double> per_second;
  for (int run = 0; run < (quick ? 1 : 5); ++run) {
    const Timing timing = TimeEach(one, rounds / 4);
    const Timing wide = TimeEach(twenty, rounds / 4);
    one_p50.push_back(timing.p50 / unit);
    one_p99.push_back(timing.p99 / unit);
    twenty_over_one.push_back(wide.p50 / timing.p50);
    per_second.push_back(1e9 / TimeMany(one, rounds));
  }
  figures.Add("decide1_p50_u", Median(one_p50), "one field decided, median, in U (goal 0.3)");
  figures.Add("decide1_p99_u", Median(one_p99), "the same, 99th percentile, in U (goal 1.5)");
  figures.Add("decide20_over_decide1", Median(twenty_over_one), "20 fields over 1 field (goal 2)");
  figures.Add("decide_per_s", Median(per_second),
              "one-field decisions a second on one core (goal 3 M)");

  const uint64_t before = g_allocations.load();
  static_cast<void>(TimeMany(one, 20000));
  static_cast<void>(TimeMany(twenty, 5000));
  const uint64_t allocations = g_allocations.load() - before;
  figures.Add("decide_allocs", static_cast<double>(allocations),
              "heap allocations in 25,000 decisions (goal 0)");

  // Compile and validate, from the text that people write.
  const std::string statute_text = testing::ReadSourceFile("policy/documents/statute.textproto");
  const std::string convenant_text =
      testing::ReadSourceFile("policy/documents/ave-twente.textproto");
  std::vector<double> compile;
  for (int run = 0; run < (quick ? 1 : 15); ++run) {
    const int64_t start = NowNs();
    const auto result =
        CompileDocuments(testing::ReferenceStatute(), testing::ReferenceConvenant(), {});
    compile.push_back(static_cast<double>(NowNs() - start) / 1e6);
    if (result.policy == nullptr) return 1;
  }
  figures.Add("compile_ms", Median(compile),
              "compile and validate the reference policy, ms (goal 5)");
  std::vector<double> parse;
  for (int run = 0; run < (quick ? 1 : 15); ++run) {
    const int64_t start = NowNs();
    const auto statute = policy::ParseDocument<pb::Statute>("statute", statute_text);
    const auto convenant = policy::ParseDocument<pb::Convenant>("convenant", convenant_text);
    parse.push_back(static_cast<double>(NowNs() - start) / 1e6);
    if (!statute.document || !convenant.document) return 1;
  }
  figures.Add("parse_ms", Median(parse), "read both documents with their places, ms");

  const int times = quick ? 10 : 100;
  const auto hundred = policy::Document<pb::Convenant>::FromMessage(
      Multiply(testing::ReferenceConvenant().message(), times), "many");
  std::vector<double> compile_many;
  for (int run = 0; run < (quick ? 1 : 5); ++run) {
    const int64_t start = NowNs();
    const auto result = CompileDocuments(testing::ReferenceStatute(), hundred, {});
    compile_many.push_back(static_cast<double>(NowNs() - start) / 1e6);
    if (result.policy == nullptr) {
      for (size_t i = 0; i < std::min<size_t>(5, result.issues.size()); ++i)
        static_cast<void>(
            std::fprintf(stderr, "%s\n", policy::FormatIssue(result.issues[i]).c_str()));
      return 1;
    }
  }
  if (!quick) {
    figures.Add("compile_100x_ms", Median(compile_many),
                "compile and validate 100 times the grants, ms (goal 200)");
  }
  const auto many = [&](const pb::OperatorSwitches& switches) {
    static std::map<std::string, std::shared_ptr<const policy::Policy>> compiled;
    auto& policy = compiled[switches.SerializeAsString()];
    if (policy == nullptr)
      policy = CompileDocuments(testing::ReferenceStatute(), hundred, switches).policy;
    return policy;
  };
  const std::vector<Question> one_of_many = Questions(many, 1);
  std::vector<double> growth;
  for (int run = 0; run < (quick ? 1 : 5); ++run) {
    const Timing small = TimeEach(one, rounds / 4);
    const Timing large = TimeEach(one_of_many, rounds / 4);
    growth.push_back(large.p50 / small.p50);
  }
  if (!quick) {
    figures.Add("decide_growth_100x", Median(growth), "with 100 times the grants over 1 (goal 2)");
  }
  if (!out.empty()) figures.Save(out);
  return allocations == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sluis::bench

int main(int argc, char** argv) { return sluis::bench::Main(argc, argv); }
