// The decision alone, under a microscope: time, allocations and growth with the number of grants.
//
//   decide_bench [--short] [--out FILE] [--peer FILE]
//
// --out: flat JSON, figures are added to it. --peer: writes the policy and the questions for the
// general engine that script/bench measures beside ours (tests/bench/peer/).
//
// What is decided is the mix of all scenario steps over the reference documents; the larger
// policies hold every tafel and grant ten and a hundred times, as one convenant for many regions
// would.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "count_allocations.h"
#include "measure.h"
#include <nlohmann/json.hpp>

#include "sluis/policy/cases.h"
#include "sluis/policy/diff.h"
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
  std::string phase;
  std::string stage;
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
    question.phase = step.facts->casus().phase();
    question.stage = request.stage();
    questions.push_back(std::move(question));
  }
  return questions;
}

// ---- The same policy for a general engine (tests/bench/peer/) ----

template <typename List, typename ToName>
std::string CedarSet(const List& list, ToName to_name) {
  std::string out = "[";
  for (const auto& each : list) {
    if (out.size() > 1) out += ",";
    out += "\"" + to_name(each) + "\"";
  }
  return out + "]";
}
std::string Name(const std::string& name) { return name; }
std::string ConditionName(int id) {
  return pb::Condition::Id_Name(static_cast<pb::Condition::Id>(id));
}

// Every grant with every row that it cites as a permit, every exclusion of fields as a forbid, over
// the same dimensions and conditions. Not in it: the gates, alternatives in order, explanations,
// obligations and routes.
std::string CedarPolicies(const policy::Policy& policy) {
  std::string out;
  const auto in = [](const char* dimension, const auto& list) {
    return CedarSet(list, Name) + ".contains(context." + dimension + ")";
  };
  for (const pb::Grant& grant : policy.convenant().grants()) {
    for (const std::string& cited : grant.grondslagen()) {
      for (const pb::StatuteRow& row : policy.statute().rows()) {
        if (row.id() != cited) continue;
        std::vector<std::string> fields;
        for (const pb::Field& field : policy.convenant().fields()) {
          const auto holds = [](const auto& list, const auto& value) {
            return std::find(list.begin(), list.end(), value) != list.end();
          };
          if (holds(grant.fields(), field.name()) && holds(row.categories(), field.category()) &&
              (row.classes().empty() || holds(row.classes(), field.data_class())))
            fields.push_back(field.name());
        }
        if (fields.empty()) continue;
        out += "permit(principal, action, resource) when {\n  " + in("tafel", grant.tafels()) +
               " && " + in("phase", grant.phases()) + " && " +
               in("source_hat", grant.source_hats()) + " && " +
               in("acting_hat", grant.recipient_hats()) + " && " + in("field", fields) + " && " +
               in("purpose", grant.purposes()) + " && " + in("source_hat", row.source_hats()) +
               " && " + in("acting_hat", row.recipient_hats()) + " && " +
               in("purpose", row.purposes()) + " && context.rows.contains(\"" + row.id() + "\")";
        for (const auto& conditions : {grant.conditions(), row.conditions()}) {
          if (!conditions.empty())
            out += " && context.holds.containsAll(" + CedarSet(conditions, ConditionName) + ")";
        }
        for (const auto& choices : {grant.one_of(), row.one_of()}) {
          if (!choices.empty())
            out += " && context.holds.containsAny(" + CedarSet(choices, ConditionName) + ")";
        }
        out += "\n};\n";
      }
    }
  }
  for (const pb::Exclusion& exclusion : policy.convenant().exclusions()) {
    if (exclusion.kind() != pb::Exclusion::VELD) continue;
    std::vector<std::string> fields;
    for (const pb::Field& field : policy.convenant().fields()) {
      const auto holds = [](const auto& list, const auto& value) {
        return std::find(list.begin(), list.end(), value) != list.end();
      };
      if (holds(exclusion.fields(), field.name()) ||
          holds(exclusion.categories(), field.category()) ||
          holds(exclusion.classes(), field.data_class()))
        fields.push_back(field.name());
    }
    // X12 has no dimensions: it stands for conditions of the source, which are facts here.
    if (fields.empty() && exclusion.tafels().empty() && exclusion.recipient_hats().empty() &&
        exclusion.purposes().empty() && exclusion.stages().empty())
      continue;
    out += "forbid(principal, action, resource) when {\n  context.field != \"\"";
    if (!fields.empty()) out += " && " + in("field", fields);
    if (!exclusion.tafels().empty()) out += " && " + in("tafel", exclusion.tafels());
    if (!exclusion.recipient_hats().empty())
      out += " && " + in("acting_hat", exclusion.recipient_hats());
    if (!exclusion.purposes().empty()) out += " && " + in("purpose", exclusion.purposes());
    if (!exclusion.stages().empty()) out += " && " + in("stage", exclusion.stages());
    if (!exclusion.unless().empty())
      out += " && !context.holds.containsAny(" + CedarSet(exclusion.unless(), ConditionName) + ")";
    out += "\n};\n";
  }
  return out;
}

bool InForce(const policy::Policy& policy, const pb::StatuteRow& row, CivilDate today) {
  std::string from = row.valid_from();
  std::string until = row.valid_until();
  if (row.off_until_dated()) from.clear();
  for (const auto& dated : policy.switches().rows()) {
    if (dated.row() != row.id() || !row.off_until_dated()) continue;
    from = dated.from();
    until = dated.until();
  }
  const auto first = CivilDate::Parse(from);
  const auto last = CivilDate::Parse(until);
  return first.ok() && *first <= today && (until.empty() || (last.ok() && today <= *last));
}

void ExportPeer(const std::vector<Question>& questions, const std::string& file) {
  nlohmann::json out;
  out["policies"] = CedarPolicies(*questions.front().policy);
  policy::Decision decision;
  for (const Question& question : questions) {
    const policy::Policy& policy = *question.policy;
    policy::Decide(policy, question.request, question.facts, decision);
    const policy::FieldDecision& decided = decision.fields[0];
    // What a gate decides is no question for the grants.
    if (decision.evidence.evaluated == 0) continue;
    nlohmann::json context;
    context["tafel"] = policy.NameOf(question.request.tafel);
    context["phase"] = question.phase;
    context["stage"] = question.stage;
    context["source_hat"] = policy.NameOf(question.request.source.hat);
    context["acting_hat"] = policy.NameOf(question.request.acting.hat);
    context["field"] = policy.NameOf(decided.field);
    context["purpose"] = policy.NameOf(question.request.purpose);
    // What held: as the facts said and, for what follows from the request itself, as the release
    // shows.
    std::set<std::string> holds;
    for (int id = 1; id <= policy::kConditionCount; ++id) {
      if ((decision.evidence.evaluated >> id & 1) != 0 &&
          decision.evidence.truth[static_cast<size_t>(id)].yes.Contains(decided.field))
        holds.insert(ConditionName(id));
    }
    if (decided.outcome == Outcome::kRelease) {
      for (const pb::Grant& grant : policy.convenant().grants()) {
        if (grant.id() != policy.NameOf(decided.grant)) continue;
        for (const int id : grant.conditions()) holds.insert(ConditionName(id));
      }
      for (const pb::StatuteRow& row : policy.statute().rows()) {
        if (row.id() != policy.NameOf(decided.row)) continue;
        for (const int id : row.conditions()) holds.insert(ConditionName(id));
        if (row.one_of_size() > 0) holds.insert(ConditionName(row.one_of(0)));
      }
    }
    context["holds"] = holds;
    context["rows"] = nlohmann::json::array();
    for (const pb::StatuteRow& row : policy.statute().rows()) {
      if (InForce(policy, row, question.facts.today)) context["rows"].push_back(row.id());
    }
    out["requests"].push_back(
        {{"context", context}, {"release", decided.outcome == Outcome::kRelease}});
  }
  std::ofstream(file) << out.dump();
}

struct Timing {
  double p50 = 0;
  double p99 = 0;
  double unit = 0;
};

// Each decision timed alone, in random order, and between them the unit: both see the machine as it
// is at that moment. The clock's own cost is taken off both. The first blocks only warm up.
Timing TimeEach(const std::vector<Question>& questions, int rounds) {
  constexpr int kBlocks = 100;
  constexpr int kWarming = 25;
  constexpr int kUnitsInBlock = 100;
  const double own = ClockNs();
  const auto without_clock = [&](int64_t taken) {
    return std::max(0.0, static_cast<double>(taken) - own);
  };
  std::mt19937 random(7);
  policy::Decision decision;
  std::vector<double> samples;
  std::vector<double> units;
  samples.reserve(static_cast<size_t>(rounds));
  units.reserve(size_t{kBlocks} * kUnitsInBlock);
  for (int block = -kWarming; block < kBlocks; ++block) {
    for (int i = 0; i < kUnitsInBlock; ++i) {
      const int64_t taken = TimeUnit();
      if (block >= 0) units.push_back(without_clock(taken));
    }
    for (int i = 0; i < rounds / kBlocks; ++i) {
      const Question& question = questions[random() % questions.size()];
      const int64_t start = NowNs();
      policy::Decide(*question.policy, question.request, question.facts, decision);
      const int64_t end = NowNs();
      if (block >= 0) samples.push_back(without_clock(end - start));
    }
  }
  Timing timing;
  timing.p50 = Quantile(samples, 0.5);
  timing.p99 = Quantile(samples, 0.99);
  timing.unit = Quantile(units, 0.5);
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
  std::string peer;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--short") {
      quick = true;
    } else if (argument == "--out" && i + 1 < argc) {
      out = argv[++i];
    } else if (argument == "--peer" && i + 1 < argc) {
      peer = argv[++i];
    } else {
      static_cast<void>(
          std::fprintf(stderr, "usage: decide_bench [--short] [--out FILE] [--peer FILE]\n"));
      return 2;
    }
  }
  const int rounds = quick ? 20000 : 1000000;
  Figures figures;
  const auto reference = [](const pb::OperatorSwitches& switches) {
    static std::map<std::string, std::shared_ptr<const policy::Policy>> compiled;
    auto& policy = compiled[switches.SerializeAsString()];
    if (policy == nullptr) policy = testing::ReferencePolicy(switches);
    return policy;
  };
  const std::vector<Question> one = Questions(reference, 1);
  const std::vector<Question> twenty = Questions(reference, 20);

  if (!peer.empty()) ExportPeer(one, peer);

  // Every ratio is of what one run measured, and runs alternate: the machine is noisy.
  std::vector<double> unit;
  std::vector<double> one_p50;
  std::vector<double> one_p99;
  std::vector<double> twenty_over_one;
  std::vector<double> per_second;
  for (int run = 0; run < (quick ? 1 : 5); ++run) {
    const Timing timing = TimeEach(one, rounds / 4);
    const Timing wide = TimeEach(twenty, rounds / 4);
    unit.push_back(timing.unit);
    one_p50.push_back(timing.p50 / timing.unit);
    one_p99.push_back(timing.p99 / timing.unit);
    twenty_over_one.push_back(wide.p50 / timing.p50);
    per_second.push_back(1e9 / TimeMany(one, rounds));
  }
  figures.Add("unit_ns", Median(unit), "U: one SHA-256 over 1 KiB");
  figures.Add("decide1_p50_u", Median(one_p50), "one field decided, median, in U (goal 0.3)");
  figures.Add("decide1_p99_u", Median(one_p99), "the same, 99th percentile, in U (goal 1.5)");
  figures.Add("decide20_over_decide1", Median(twenty_over_one), "20 fields over 1 field (goal 2)");
  figures.Add("decide_per_s", Median(per_second),
              "one-field decisions a second on one core (goal 3 M)");

  const uint64_t before = Allocations();
  static_cast<void>(TimeMany(one, 20000));
  static_cast<void>(TimeMany(twenty, 5000));
  const uint64_t allocations = Allocations() - before;
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

  // Two convenants that differ in every grant.
  pb::Convenant changed = testing::ReferenceConvenant().message();
  for (pb::Grant& grant : *changed.mutable_grants())
    grant.add_conditions(pb::Condition::GEEN_DERDE_PERSOON);
  const auto reference_policy = testing::ReferencePolicy();
  const auto after =
      CompileDocuments(testing::ReferenceStatute(),
                       policy::Document<pb::Convenant>::FromMessage(changed, "new"), {});
  if (after.policy == nullptr) return 1;
  std::vector<double> diff;
  for (int run = 0; run < (quick ? 1 : 7); ++run) {
    const int64_t start = NowNs();
    const auto found = policy::Diff(*reference_policy, *after.policy);
    diff.push_back(static_cast<double>(NowNs() - start) / 1e6);
    if (!found.ok() || found->releases.empty()) return 1;
  }
  figures.Add("diff_ms", Median(diff),
              "exact difference of two convenants, every grant changed, ms (goal 100)");

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
