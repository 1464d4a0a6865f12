#include "sluis/policy/check.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "space.h"

#include "sluis/base/text.h"

namespace sluis::policy {
namespace {

using Severity = Issue::Severity;

// What the routes of one grant reach together.
struct Extent {
  HatSet sources{};
  HatSet recipients{};
  std::set<uint16_t> tafels;
  Box box{};
  bool reached = false;

  void Add(TafelId tafel, HatId acting, HatId source, const Box& more) {
    reached = true;
    sources.Insert(source);
    recipients.Insert(acting);
    tafels.insert(tafel.index());
    box.phases |= more.phases;
    box.stages |= more.stages;
    box.purposes |= more.purposes;
    box.fields |= more.fields;
  }
};

class Checker {
 public:
  Checker(const Policy& policy, const Document<v1::Statute>& statute,
          const Document<v1::Convenant>& convenant, std::vector<Issue>& findings)
      : policy_(policy),
        c_(policy.compiled()),
        statute_(statute),
        convenant_(convenant),
        findings_(findings) {}

  void Run() {
    auto names = Vocabulary::Of(c_);
    // One policy always fits: the compiler has the same limits.
    if (!names.ok()) return;
    const Days range{c_.valid_from, c_.valid_until};
    std::vector<Days> periods = PeriodsOf(c_, nullptr, range);
    // Later periods than fit are looked at as one.
    if (periods.size() > kMaxPeriods) {
      periods.resize(kMaxPeriods);
      periods.back().until = range.until;
    }
    const Space actual(policy_, *names, periods);
    Walk(actual, actual_);
    for (size_t t = 0; t < c_.tafel.size(); ++t)
      open_.push_back(actual.OpenAt(TafelId(static_cast<uint16_t>(t))) != 0);
    Walk(Space(policy_, *names, {range}, Space::As::kWouldBe), possible_);
    Rows();
    Purposes();
    Hats();
    Fields();
    Grants();
  }

 private:
  // What a walk over all cells of a space finds.
  struct Walked {
    Trace trace;
    std::vector<Extent> grants;
    FieldSet released{};
    // [purpose]: hats that provide.
    std::vector<HatSet> providers;
    // By grant: where something is released on request alone.
    std::map<uint16_t, std::pair<FieldSet, HatSet>> unconditional;
  };

  void Walk(const Space& space, Walked& walked) const {
    walked.grants.resize(c_.grant.size());
    walked.providers.resize(c_.purposes.names.size());
    for (const CompiledGrant& grant : c_.grant)
      walked.trace.emplace_back(grant.alternatives.size(), uint8_t{0});
    std::vector<Route> routes;
    for (size_t t = 0; t < c_.tafel.size(); ++t) {
      const TafelId tafel(static_cast<uint16_t>(t));
      const HatSet seats = c_.tafel[t].members | c_.tafel[t].guests;
      seats.ForEach([&](HatId acting) {
        seats.ForEach([&](HatId source) {
          space.Routes(tafel, acting, source, routes, &walked.trace);
          for (const Route& route : routes) {
            walked.grants[route.grant.index()].Add(tafel, acting, source, route.box);
            walked.released |= route.box.fields;
            for (size_t p = 0; p < walked.providers.size(); ++p) {
              if (((route.box.purposes >> p) & 1) != 0) walked.providers[p].Insert(source);
            }
            const CompiledGrant& grant = c_.grant[route.grant.index()];
            if (grant.alternatives[route.alternative].needs == 0) {
              auto& [fields, recipients] = walked.unconditional[route.grant.index()];
              fields |= route.box.fields;
              recipients.Insert(acting);
            }
          }
        });
      });
    }
  }

  void Report(Path path, Severity severity, std::string_view code, std::string text) {
    findings_.push_back(convenant_.At(path, severity, code, std::move(text)));
  }
  void Warn(Path path, std::string_view code, std::string text) {
    Report(path, Severity::kWarning, code, std::move(text));
  }
  void WarnRow(int row, std::string_view code, std::string text) {
    findings_.push_back(statute_.At({{"rows", row}}, Severity::kWarning, code, std::move(text)));
  }

  template <typename Id>
  static std::string Names(const NameTable<Id>& table, const std::vector<Id>& ids) {
    std::vector<std::string> names;
    for (const Id id : ids) names.push_back(table.Name(id));
    return absl::StrJoin(names, ", ");
  }
  template <typename Id, size_t kWords>
  static std::string Names(const NameTable<Id>& table, const BitSet<Id, kWords>& set) {
    std::vector<Id> ids;
    set.ForEach([&](Id id) { ids.push_back(id); });
    return Names(table, ids);
  }

  // ---- Rows ----

  void Rows() {
    std::set<uint16_t> cited;
    for (const CompiledGrant& grant : c_.grant) {
      for (const Alternative& alternative : grant.alternatives)
        cited.insert(alternative.row.index());
    }
    const auto day = [](int32_t days) { return CivilDate::FromDays(days).ToString(); };
    for (size_t i = 0; i < c_.row.size(); ++i) {
      const CompiledRow& row = c_.row[i];
      const v1::StatuteRow& text = c_.statute.rows(static_cast<int>(i));
      const auto at = static_cast<int>(i);
      if (cited.count(static_cast<uint16_t>(i)) == 0) {
        WarnRow(at, "ROW_NOT_CITED",
                absl::StrCat(text.id(), " is cited by no grant: nothing is released under it"));
      }
      if (row.fields.empty()) {
        WarnRow(at, "ROW_WITHOUT_FIELDS",
                absl::StrCat(text.id(),
                             " covers no field of the convenant: none has both its category and "
                             "its class"));
      }
      if (row.until < row.from) {
        WarnRow(
            at, "ROW_OFF",
            absl::StrCat(text.id(), " is off until an operator records its dates with a source"));
      } else if (row.until < c_.valid_from) {
        WarnRow(
            at, "ROW_EXPIRED",
            absl::StrCat(text.id(), " ended on ", day(row.until), ", before the convenant starts"));
      } else if (c_.valid_until < row.from) {
        WarnRow(
            at, "ROW_NOT_YET_IN_FORCE",
            absl::StrCat(text.id(), " starts on ", day(row.from), ", after the convenant ends"));
      } else if (c_.valid_from < row.from || row.until < c_.valid_until) {
        std::string part = absl::StrCat(text.id(), " is not in force during the whole convenant:");
        if (c_.valid_from < row.from) absl::StrAppend(&part, " it starts on ", day(row.from));
        if (row.until < c_.valid_until) absl::StrAppend(&part, " it ends on ", day(row.until));
        WarnRow(at, "ROW_IN_FORCE_IN_PART", std::move(part));
      }
    }
  }

  // ---- Purposes and hats ----

  [[nodiscard]] HatSet WithRetention() const {
    HatSet hats;
    for (const CompiledRetention& row : c_.retention) {
      if (row.term > 0) hats |= row.holders;
    }
    return hats;
  }

  void Purposes() {
    const HatSet kept = WithRetention();
    for (size_t i = 0; i < actual_.providers.size(); ++i) {
      const HatSet& providers = actual_.providers[i];
      if (providers.empty() || !(providers & kept).empty()) continue;
      Warn({{"purposes", static_cast<int>(i)}}, "PURPOSE_WITHOUT_RETENTION",
           absl::StrFormat("%s: only %s provide data for it, and no retention row with a term is "
                           "about them: nothing but the end of a deposit ends their keeping",
                           c_.purposes.names[i], Names(c_.hats, providers)));
    }
  }

  void Hats() {
    HatSet providers;
    for (const HatSet& of_purpose : actual_.providers) providers |= of_purpose;
    (providers - WithRetention()).ForEach([&](HatId hat) {
      Warn({{"hats", hat.index()}}, "HAT_WITHOUT_RETENTION",
           absl::StrCat(c_.hats.Name(hat),
                        " provides data and no retention row with a term is about it: its values "
                        "are kept until the end that it gives their deposit"));
    });
  }

  // ---- Fields ----

  void Fields() {
    for (size_t i = 0; i < c_.fields.names.size(); ++i) {
      const FieldId field(static_cast<uint16_t>(i));
      const auto at = static_cast<int>(i);
      if (actual_.released.Contains(field)) continue;
      if (possible_.released.Contains(field)) {
        Warn({{"fields", at}}, "FIELD_NOT_RELEASED_NOW",
             absl::StrCat(c_.fields.Name(field),
                          " can be received by nobody while the rows in force, the switches and "
                          "the partijen are as they are"));
        continue;
      }
      std::string why = "no grant names it";
      for (const v1::Grant& grant : c_.convenant.grants()) {
        if (std::find(grant.fields().begin(), grant.fields().end(), c_.fields.Name(field)) !=
            grant.fields().end()) {
          why = "no grant that names it can ever release it";
          break;
        }
      }
      for (const CompiledExclusion& exclusion : c_.exclusion) {
        if (policy_.BarredFor(field) && exclusion.fields.Contains(field) &&
            exclusion.tafels.empty() && exclusion.unless == 0 && exclusion.stages == 0 &&
            exclusion.purposes == ~Mask{0}) {
          why = absl::StrCat("exclusion ", c_.exclusions.Name(exclusion.id),
                             " bars it for everybody");
          break;
        }
      }
      Warn({{"fields", at}}, "FIELD_NEVER_RELEASED",
           absl::StrCat(c_.fields.Name(field), " can never be received by anybody: ", why));
    }
  }

  // ---- Grants ----

  void Grants() {
    for (size_t i = 0; i < c_.grant.size(); ++i) {
      Citations(i);
      uint8_t progress = 0;
      for (const uint8_t bits : actual_.trace[i]) progress = static_cast<uint8_t>(progress | bits);
      uint8_t would_be = 0;
      for (const uint8_t bits : possible_.trace[i])
        would_be = static_cast<uint8_t>(would_be | bits);
      const auto at = static_cast<int>(i);
      const std::string& id = c_.convenant.grants(at).id();
      if ((would_be & kFits) == 0) {
        Report({{"grants", at}}, Severity::kError, "GRANT_NEVER_MATCHES",
               absl::StrCat(id, " can never match: ", WhyNoMatch(i)));
        continue;
      }
      if ((would_be & kHolds) == 0) {
        Report({{"grants", at}, {"conditions"}}, Severity::kError, "CONDITIONS_CONTRADICT",
               absl::StrCat(id, " can never release: ", WhyContradicts(i)));
        continue;
      }
      if ((would_be & kReleases) == 0) {
        Report({{"grants", at}}, Severity::kError, "GRANT_SHADOWED",
               absl::StrCat(id, " can never release: ", Shadows(i), " win over it everywhere"));
        continue;
      }
      if ((progress & kReleases) == 0) NotInForce(i);
      Parts(i);
      Alternatives(i);
      const auto unconditional = possible_.unconditional.find(static_cast<uint16_t>(i));
      if (unconditional != possible_.unconditional.end()) {
        Warn({{"grants", at}}, "UNCONDITIONAL_RELEASE",
             absl::StrFormat("%s releases %s to %s on request alone: neither grant nor row asks "
                             "anything",
                             id, Names(c_.fields, unconditional->second.first),
                             Names(c_.hats, unconditional->second.second)));
      }
    }
  }

  // The first dimension that leaves nothing.
  std::string WhyNoMatch(size_t index) const {
    const CompiledGrant& grant = c_.grant[index];
    bool seats = false;
    bool phases = false;
    bool stages = false;
    bool purposes = false;
    bool owner = false;
    for (const TafelId id : grant.tafels) {
      const CompiledTafel& tafel = c_.tafel[id.index()];
      const HatSet sources = grant.sources & (tafel.members | tafel.guests);
      if (sources.empty() || (grant.recipients & (tafel.members | tafel.guests)).empty()) continue;
      seats = true;
      if ((grant.phases & tafel.phases) == 0) continue;
      phases = true;
      if (tafel.regime == Regime::kWams && grant.stages != 0 &&
          (grant.stages & tafel.stages &
           (tafel.person_data && !tafel.open_after_closing ? ~c_.closing_stages : ~Mask{0})) == 0) {
        continue;
      }
      stages = true;
      Mask prohibited = 0;
      for (const CompiledExclusion& exclusion : c_.exclusion) {
        if (exclusion.before_purpose_gate) prohibited |= exclusion.purposes;
      }
      if ((grant.purposes & tafel.purposes & ~prohibited) == 0) continue;
      purposes = true;
      sources.ForEach([&](HatId source) {
        owner = owner || !(grant.fields & c_.hat[source.index()].owns).empty();
      });
    }
    if (!seats) return "at none of its tafels do both a source and a recipient of it have a seat";
    if (!phases) return "its phases are not those of its tafels";
    if (!stages) return "its stages are not those of its tafels, or close the casus";
    if (!purposes) return "its purposes are not those of its tafels, or are prohibited";
    if (!owner) return "none of its sources with a seat owns one of its fields";
    return "no row that it cites covers a source, recipient, field and purpose that come together";
  }

  std::string WhyContradicts(size_t index) const {
    const CompiledGrant& grant = c_.grant[index];
    std::set<std::string> reasons;
    for (size_t k = 0; k < grant.alternatives.size(); ++k) {
      if ((possible_.trace[index][k] & kFits) != 0) reasons.insert(Reason(index, k));
    }
    return absl::StrJoin(reasons, "; ");
  }

  // Why what an alternative needs cannot hold at any tafel of the grant.
  std::string Reason(size_t index, size_t alternative) const {
    const CompiledGrant& grant = c_.grant[index];
    const ConditionSet needs = grant.alternatives[alternative].needs;
    const CompiledRow& row = c_.row[grant.alternatives[alternative].row.index()];
    std::vector<std::string> reasons;
    for (const Contradiction& contradiction : Contradictions()) {
      const ConditionSet hit = needs & contradiction.conditions;
      const bool all = contradiction.where == Contradiction::Where::kAlways;
      if (all ? hit != contradiction.conditions : hit == 0) continue;
      reasons.push_back(absl::StrCat(absl::StrJoin(ConditionNames(hit), ", "), " (",
                                     ToAbsl(contradiction.reason), ")"));
    }
    constexpr ConditionSet kNamed = Bit(Condition::kWettelijkeTaakBenoemd) |
                                    Bit(Condition::kGezagOfOpenbareOrde) |
                                    Bit(Condition::kEigenBevoegdheidBenoemd);
    if ((needs & kNamed) != 0 && row.powers == 0) {
      reasons.push_back(absl::StrCat(absl::StrJoin(ConditionNames(needs & kNamed), ", "),
                                     " (the row lists no task or power to name)"));
    }
    if ((needs & Bit(Condition::kBsnGerechtigd)) != 0)
      reasons.emplace_back("BSN_GERECHTIGD (one of the two hats is not entitled to the BSN)");
    if (AboutAge(needs) != 0)
      reasons.emplace_back("the age rules leave no age at which all of it can hold");
    if (reasons.empty()) {
      reasons.push_back(
          absl::StrCat(absl::StrJoin(ConditionNames(needs), ", "), " can never hold together"));
    }
    return absl::StrJoin(reasons, "; ");
  }

  std::string Shadows(size_t index) const {
    const CompiledGrant& grant = c_.grant[index];
    std::vector<std::string> names;
    for (const CompiledExclusion& exclusion : c_.exclusion) {
      if ((exclusion.fields & grant.fields).empty() ||
          (exclusion.recipients & grant.recipients).empty() ||
          (exclusion.purposes & grant.purposes) == 0) {
        continue;
      }
      const bool there = exclusion.tafels.empty() ||
                         std::any_of(grant.tafels.begin(), grant.tafels.end(),
                                     [&](TafelId id) { return exclusion.tafels[id.index()]; });
      if (there) names.push_back(c_.exclusions.Name(exclusion.id));
    }
    return absl::StrCat("the exclusions ", absl::StrJoin(names, ", "));
  }

  void NotInForce(size_t index) {
    const CompiledGrant& grant = c_.grant[index];
    const auto at = static_cast<int>(index);
    const std::string& id = c_.convenant.grants(at).id();
    const auto acceded = [&](const HatSet& hats) {
      return std::any_of(c_.partij.begin(), c_.partij.end(), [&](const CompiledPartij& partij) {
        return !(partij.hats & hats).empty() && partij.acceded <= c_.valid_until &&
               c_.valid_from <= partij.left;
      });
    };
    if (!acceded(grant.sources) || !acceded(grant.recipients)) {
      Warn({{"grants", at}}, "GRANT_WITHOUT_PARTIJ",
           absl::StrCat(id, " cannot release: no partij that acceded has a ",
                        acceded(grant.sources) ? "recipient" : "source", " hat of it"));
      return;
    }
    // Rows that would do, and what keeps each from it.
    std::set<std::string> reasons;
    for (size_t k = 0; k < grant.alternatives.size(); ++k) {
      if ((possible_.trace[index][k] & kReleases) == 0) continue;
      const CompiledRow& row = c_.row[grant.alternatives[k].row.index()];
      const std::string& name = c_.rows.Name(grant.alternatives[k].row);
      if (row.until < row.from) {
        reasons.insert(name + " is off");
      } else if (row.until < c_.valid_from || c_.valid_until < row.from) {
        reasons.insert(name + " is not in force during the convenant");
      }
      for (const Condition general : {Condition::kMachtigingGeldig, Condition::kAmvbSchuldhulp82}) {
        const bool asked = (grant.alternatives[k].needs & Bit(general)) != 0;
        const bool taken = std::any_of(c_.general_decisions.begin(), c_.general_decisions.end(),
                                       [&](const GeneralDecisionPeriod& decision) {
                                         return decision.condition == general &&
                                                decision.from <= c_.valid_until &&
                                                c_.valid_from <= decision.until;
                                       });
        if (asked && !taken)
          reasons.insert(absl::StrCat("no ", ToAbsl(RuleOf(general).name), " is recorded"));
      }
    }
    for (const TafelId tafel : grant.tafels) {
      if (!open_[tafel.index()])
        reasons.insert(absl::StrCat("the regime of ", c_.tafels.Name(tafel), " is closed"));
    }
    if (reasons.empty()) {
      reasons.insert("no two partijen that acceded, rows and decisions come together on one day");
    }
    Warn({{"grants", at}, {"grondslagen"}}, "GRANT_NOT_IN_FORCE",
         absl::StrCat(id, " cannot release as things stand: ", absl::StrJoin(reasons, "; ")));
  }

  // Rows that a grant cites, and hats that none of them knows.
  void Citations(size_t index) {
    const CompiledGrant& grant = c_.grant[index];
    const auto at = static_cast<int>(index);
    const v1::Grant& text = c_.convenant.grants(at);
    HatSet known;
    for (int k = 0; k < text.grondslagen_size(); ++k) {
      const auto row = c_.rows.Find(text.grondslagen(k));
      known |= c_.row[row->index()].recipients;
      bool fits = false;
      bool any = false;
      for (size_t a = 0; a < grant.alternatives.size(); ++a) {
        any = any || (possible_.trace[index][a] & kFits) != 0;
        if (grant.alternatives[a].row == *row)
          fits = fits || (possible_.trace[index][a] & kFits) != 0;
      }
      if (!fits && any) {
        Warn({{"grants", at}, {"grondslagen", k}}, "CITATION_WITHOUT_EFFECT",
             absl::StrCat(text.id(), " cites ", text.grondslagen(k),
                          ", which covers nothing of what it gives"));
      }
    }
    for (int k = 0; k < text.recipient_hats_size(); ++k) {
      if (!known.Contains(*c_.hats.Find(text.recipient_hats(k)))) {
        Warn({{"grants", at}, {"recipient_hats", k}}, "RECIPIENT_OUTSIDE_STATUTE",
             absl::StrCat(text.id(), " lists ", text.recipient_hats(k),
                          ", which no row that it cites knows as a recipient: it never receives "
                          "under this grant"));
      }
    }
  }

  void Alternatives(size_t index) {
    const CompiledGrant& grant = c_.grant[index];
    const auto at = static_cast<int>(index);
    const v1::Grant& text = c_.convenant.grants(at);
    for (size_t k = 0; k < grant.alternatives.size(); ++k) {
      const uint8_t bits = possible_.trace[index][k];
      if ((bits & kFits) == 0 || (bits & kHolds) != 0) continue;
      const std::string& row = c_.rows.Name(grant.alternatives[k].row);
      int citation = 0;
      while (text.grondslagen(citation) != row) ++citation;
      Warn({{"grants", at}, {"grondslagen", citation}}, "ALTERNATIVE_NEVER_HOLDS",
           absl::StrCat(text.id(), " under ", row, " can never release with ",
                        absl::StrJoin(ConditionNames(grant.alternatives[k].needs), ", "), ": ",
                        Reason(index, k)));
    }
  }

  // Names in the lists of a grant that no route uses, even with everything in force.
  void Parts(size_t index) {
    const Extent& extent = possible_.grants[index];
    const auto at = static_cast<int>(index);
    const v1::Grant& grant = c_.convenant.grants(at);
    const auto look = [&](std::string_view list, const auto& names, std::string_view why,
                          auto used) {
      std::vector<std::string> unused;
      int first = -1;
      for (int k = 0; k < names.size(); ++k) {
        if (used(names[k])) continue;
        if (first < 0) first = k;
        unused.push_back(names[k]);
      }
      if (unused.empty()) return;
      Warn({{"grants", at}, {list, first}}, "GRANT_PART_WITHOUT_EFFECT",
           absl::StrFormat("%s lists in %s, without any effect: %s (%s)", grant.id(), list,
                           absl::StrJoin(unused, ", "), why));
    };
    look("source_hats", grant.source_hats(),
         "no seat at these tafels, owner of none of the fields, or covered by no row",
         [&](const auto& name) { return extent.sources.Contains(*c_.hats.Find(name)); });
    look("recipient_hats", grant.recipient_hats(),
         "no seat at these tafels, covered by no row, or excluded",
         [&](const auto& name) { return extent.recipients.Contains(*c_.hats.Find(name)); });
    look("fields", grant.fields(), "no source with a seat owns it, covered by no row, or excluded",
         [&](const auto& name) { return extent.box.fields.Contains(*c_.fields.Find(name)); });
    look("tafels", grant.tafels(), "hats, owners, phases and purposes do not come together there",
         [&](const auto& name) { return extent.tafels.count(c_.tafels.Find(name)->index()) != 0; });
    look("phases", grant.phases(), "none of the tafels is used in it", [&](const auto& name) {
      return (extent.box.phases & MaskBit(*c_.phases.Find(name))) != 0;
    });
    look("stages", grant.stages(), "none of the tafels is used in it",
         [&](const auto& name) { return extent.box.stages.Contains(*c_.stages.Find(name)); });
    look("purposes", grant.purposes(), "none of the tafels and rows serves it",
         [&](const auto& name) {
           return (extent.box.purposes & MaskBit(*c_.purposes.Find(name))) != 0;
         });
  }

  const Policy& policy_;
  const Compiled& c_;
  const Document<v1::Statute>& statute_;
  const Document<v1::Convenant>& convenant_;
  std::vector<Issue>& findings_;
  std::vector<bool> open_;  // [tafel]: its regime, on some day
  Walked actual_;
  Walked possible_;
};

}  // namespace

CheckResult Check(const Document<v1::Statute>& statute, const Document<v1::Convenant>& convenant,
                  const Document<v1::OperatorSwitches>& switches) {
  CompileResult compiled = Compile(statute, convenant, switches);
  CheckResult result{std::move(compiled.policy), std::move(compiled.issues)};
  if (result.policy == nullptr) return result;
  Checker(*result.policy, statute, convenant, result.findings).Run();
  const auto document = [&](const Issue& issue) {
    return issue.file == statute.file() ? 0 : issue.file == convenant.file() ? 1 : 2;
  };
  std::stable_sort(result.findings.begin(), result.findings.end(),
                   [&](const Issue& a, const Issue& b) {
                     return std::pair(document(a), a.line) < std::pair(document(b), b.line);
                   });
  return result;
}

}  // namespace sluis::policy
