#include "sluis/policy/matrix.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "regions.h"
#include "space.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"

namespace sluis::policy {
namespace {

constexpr CircumstanceSet kShown = Bit(Circumstance::kActingInvited) |
                                   Bit(Circumstance::kSourceInvited) | Bit(Circumstance::kPlaced);

template <typename Id, typename Set>
std::vector<std::string> NamesOf(const NameTable<Id>& table, const Set& set) {
  std::vector<std::string> names;
  for (size_t i = 0; i < table.names.size(); ++i) {
    if (set.Contains(Id(static_cast<uint16_t>(i)))) names.push_back(table.names[i]);
  }
  return names;
}
template <typename Id>
std::vector<std::string> NamesOf(const NameTable<Id>& table, Mask mask) {
  std::vector<std::string> names;
  for (size_t i = 0; i < table.names.size(); ++i) {
    if (((mask >> i) & 1) != 0) names.push_back(table.names[i]);
  }
  return names;
}

// One line of the matrix but for its places.
struct Line {
  uint16_t grant = 0;
  uint16_t citation = 0;  // the how-manieth row that the grant cites
  uint16_t row = 0;
  Mask periods = 0;
  ConditionSet conditions = 0;
  CircumstanceSet circumstances = 0;
  friend auto operator<=>(const Line&, const Line&) = default;
};
struct Places {
  std::vector<Region> regions;
  std::set<uint16_t> tasks;
  std::set<uint16_t> powers;
  ObligationSet obligations = 0;
};

}  // namespace

absl::StatusOr<std::vector<MatrixRow>> Matrix(const Policy& policy, const MatrixFilter& filter) {
  const Compiled& c = policy.compiled();
  Mask phases = ~Mask{0};
  if (!filter.phase.empty()) {
    const auto phase = c.phases.Find(filter.phase);
    if (!phase) return NotFound("NAME_UNKNOWN", "not a phase of the convenant");
    phases = MaskBit(*phase);
  }
  HatSet of_partij;
  if (!filter.partij.empty()) {
    const auto partij = c.partijen.Find(filter.partij);
    if (!partij) return NotFound("NAME_UNKNOWN", "not a partij of the convenant");
    of_partij = c.partij[partij->index()].hats;
  }
  auto names = Vocabulary::Of(c);
  if (!names.ok()) return names.status();
  const std::vector<Days> periods = PeriodsOf(c, nullptr, {c.valid_from, c.valid_until});
  if (periods.size() > kMaxPeriods) return Vocabulary::LimitReached();
  const Space real(policy, *names, periods);
  const Space space(policy, *names, periods, Space::As::kWouldBe);

  std::map<Line, Places> lines;
  std::vector<Route> routes;
  for (size_t t = 0; t < c.tafel.size(); ++t) {
    const TafelId tafel(static_cast<uint16_t>(t));
    const HatSet seats = c.tafel[t].members | c.tafel[t].guests;
    seats.ForEach([&](HatId acting) {
      seats.ForEach([&](HatId source) {
        if (!filter.partij.empty() && !of_partij.Contains(acting) && !of_partij.Contains(source))
          return;
        space.Routes(tafel, acting, source, routes);
        for (const Route& route : routes) {
          Box box = route.box;
          box.phases &= phases;
          if (box.phases == 0) continue;
          box.periods = 1;
          const auto& cited = c.convenant.grants(route.grant.index()).grondslagen();
          const auto citation = std::find(cited.begin(), cited.end(), c.rows.Name(route.row));
          Places& places =
              lines[{route.grant.index(), static_cast<uint16_t>(citation - cited.begin()),
                     route.row.index(), real.InForce(route.row) & real.OpenAt(tafel),
                     route.needs.conditions, route.needs.circumstances & kShown}];
          places.obligations = route.obligations;
          if (route.needs.task.valid()) places.tasks.insert(route.needs.task.index());
          if (route.needs.power.valid()) places.powers.insert(route.needs.power.index());
          Region region;
          region.tafels = {tafel.index()};
          region.recipients.Insert(acting);
          region.sources.Insert(source);
          region.box = box;
          places.regions.push_back(std::move(region));
        }
      });
    });
  }

  std::vector<MatrixRow> rows;
  for (auto& [line, places] : lines) {
    MergeRegions(places.regions);
    for (const Region& region : places.regions) {
      MatrixRow row;
      row.recipient_hats = NamesOf(c.hats, region.recipients);
      row.source_hats = NamesOf(c.hats, region.sources);
      row.fields = NamesOf(c.fields, region.box.fields);
      for (const uint16_t tafel : region.tafels) row.tafels.push_back(c.tafels.names[tafel]);
      row.phases = NamesOf(c.phases, region.box.phases);
      row.stages = NamesOf(c.stages, region.box.stages);
      row.purposes = NamesOf(c.purposes, region.box.purposes);
      row.way.conditions = line.conditions;
      row.way.circumstances = line.circumstances;
      for (const uint16_t task : places.tasks) row.way.tasks.push_back(c.powers.names[task]);
      for (const uint16_t power : places.powers) row.way.powers.push_back(c.powers.names[power]);
      row.way.obligations = places.obligations;
      row.grant = c.grants.names[line.grant];
      row.row = c.rows.names[line.row];
      row.citation = policy.CitationOf(RowId(line.row));
      for (size_t i = 0; i < periods.size(); ++i) {
        if (((line.periods >> i) & 1) == 0) continue;
        if (!row.days.empty() && row.days.back().until.AddDays(1).days() == periods[i].from) {
          row.days.back().until = CivilDate::FromDays(periods[i].until);
        } else {
          row.days.push_back(
              {CivilDate::FromDays(periods[i].from), CivilDate::FromDays(periods[i].until)});
        }
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

// ---- Rendering ----

namespace {

// What every column says, in both languages.
struct Column {
  std::string_view nl;
  std::string_view en;
};
constexpr Column kColumns[] = {{"Ontvanger", "Recipient"}, {"Bron", "Source"},
                               {"Velden", "Fields"},       {"Tafels", "Tafels"},
                               {"Fasen", "Phases"},        {"Stadia", "Stages"},
                               {"Doelen", "Purposes"},     {"Voorwaarden", "Conditions"},
                               {"Grondslag", "Basis"},     {"Verplichtingen", "Obligations"},
                               {"Van kracht", "In force"}, {"Grant", "Grant"}};

class Renderer {
 public:
  Renderer(const std::vector<MatrixRow>& rows, const Policy& policy, const Texts& texts,
           Language language)
      : rows_(rows), policy_(policy), texts_(texts), language_(language) {}

  std::string Markdown() const {
    std::string out = absl::StrCat("# ", Plain(Title()), "\n\n", Plain(Version()), "\n\n|");
    for (const Column& column : kColumns) absl::StrAppend(&out, " ", Say(column), " |");
    out += "\n|";
    for (size_t i = 0; i < std::size(kColumns); ++i) out += "---|";
    out += "\n";
    for (const MatrixRow& row : rows_) {
      out += "|";
      for (const std::string& cell : Cells(row, ", "))
        absl::StrAppend(&out, " ", Plain(cell), " |");
      out += "\n";
    }
    for (const auto& [heading, entries] : Legend()) {
      if (entries.empty()) continue;
      absl::StrAppend(&out, "\n## ", heading, "\n\n");
      for (const auto& [name, text] : entries)
        absl::StrAppend(&out, "- **", Plain(name), "**: ", Plain(text), "\n");
    }
    return out;
  }

  std::string Html() const {
    const bool dutch = language_ == Language::kDutch;
    std::string out = absl::StrCat("<!DOCTYPE html>\n<html lang=\"", dutch ? "nl" : "en",
                                   "\">\n<head>\n<meta charset=\"utf-8\">\n<title>",
                                   Escaped(Title()), "</title>\n");
    out += kStyle;
    absl::StrAppend(&out, "</head>\n<body>\n<a class=\"skip\" href=\"#legenda\">",
                    dutch ? "Naar de legenda" : "To the legend", "</a>\n<main>\n<h1>",
                    Escaped(Title()), "</h1>\n<p>", Escaped(Version()), "</p>\n");
    absl::StrAppend(&out, "<table>\n<caption>",
                    dutch ? "Wie wat van wie mag ontvangen. Elke regel geldt voor alle combinaties "
                            "van wat er in staat."
                          : "Who may receive what from whom. Each line holds for all combinations "
                            "of what it lists.",
                    "</caption>\n<thead>\n<tr>");
    for (const Column& column : kColumns)
      absl::StrAppend(&out, "<th scope=\"col\">", Escaped(Say(column)), "</th>");
    out += "</tr>\n</thead>\n<tbody>\n";
    for (const MatrixRow& row : rows_) {
      out += row.days.empty() ? "<tr class=\"off\">" : "<tr>";
      for (const std::string& cell : Cells(row, ", "))
        absl::StrAppend(&out, "<td>", Escaped(cell), "</td>");
      out += "</tr>\n";
    }
    out += "</tbody>\n</table>\n</main>\n<section id=\"legenda\">\n";
    absl::StrAppend(&out, "<h2>", dutch ? "Legenda" : "Legend", "</h2>\n");
    for (const auto& [heading, entries] : Legend()) {
      if (entries.empty()) continue;
      absl::StrAppend(&out, "<h3>", Escaped(heading), "</h3>\n<dl>\n");
      for (const auto& [name, text] : entries) {
        absl::StrAppend(&out, "<dt>", Escaped(name), "</dt><dd>", Escaped(text), "</dd>\n");
      }
      out += "</dl>\n";
    }
    out += "</section>\n</body>\n</html>\n";
    return out;
  }

  std::string Csv() const {
    std::string out;
    const auto line = [&](const std::vector<std::string>& cells) {
      for (size_t i = 0; i < cells.size(); ++i) {
        // Quoted as a whole, so that nothing in it can end the cell.
        absl::StrAppend(&out, i == 0 ? "" : ",", "\"",
                        absl::StrReplaceAll(cells[i], {{"\"", "\"\""}}), "\"");
      }
      out += "\r\n";
    };
    std::vector<std::string> headings;
    for (const Column& column : kColumns) headings.push_back(Say(column));
    line(headings);
    for (const MatrixRow& row : rows_) line(Cells(row, " "));
    return out;
  }

 private:
  using Entries = std::vector<std::pair<std::string, std::string>>;

  static constexpr const char* kStyle =
      "<style>\n"
      "body{font-family:system-ui,sans-serif;line-height:1.4;margin:1.5rem;color:#111;"
      "background:#fff}\n"
      "table{border-collapse:collapse;width:100%;font-size:.8rem}\n"
      "caption{text-align:left;padding:.5rem 0;font-weight:600}\n"
      "th,td{border:1px solid #767676;padding:.3rem .4rem;vertical-align:top;text-align:left;"
      "overflow-wrap:anywhere}\n"
      "thead th{background:#e8eef7}\n"
      "tr.off td{color:#595959;font-style:italic}\n"
      "dt{font-weight:600}\ndd{margin:0 0 .4rem 1rem}\n"
      ".skip{position:absolute;left:-999rem}\n.skip:focus{position:static}\n"
      "@media print{@page{size:A3 landscape;margin:10mm}body{margin:0}"
      "thead{display:table-header-group}tr{break-inside:avoid}.skip{display:none}"
      "table{font-size:.6rem}}\n"
      "</style>\n";

  [[nodiscard]] std::string Say(const Column& column) const {
    return std::string(language_ == Language::kDutch ? column.nl : column.en);
  }
  [[nodiscard]] std::string In(const std::string& nl, const std::string& en) const {
    return language_ == Language::kDutch || en.empty() ? nl : en;
  }
  [[nodiscard]] std::string Title() const {
    return absl::StrCat(In("Verstrekkingsmatrix van convenant ", "Release matrix of convenant "),
                        policy_.convenant_id());
  }
  [[nodiscard]] std::string Version() const {
    return absl::StrCat(In("Convenantversie ", "Convenant version "), policy_.convenant_version(),
                        ", ", policy_.convenant().valid_from(), In(" tot en met ", " to "),
                        policy_.convenant().valid_until(),
                        In("; statuutversie ", "; statute version "), policy_.statute_version());
  }

  [[nodiscard]] std::vector<std::string> Cells(const MatrixRow& row,
                                               std::string_view between) const {
    const auto join = [&](const std::vector<std::string>& names) {
      return absl::StrJoin(names, ToAbsl(between));
    };
    std::vector<std::string> days;
    for (const auto& range : row.days) {
      days.push_back(
          absl::StrCat(range.from.ToString(), In(" t/m ", " to "), range.until.ToString()));
    }
    return {join(row.recipient_hats),
            join(row.source_hats),
            join(row.fields),
            join(row.tafels),
            join(row.phases),
            join(row.stages),
            join(row.purposes),
            WayText(row.way, language_, kShown),
            absl::StrCat(row.citation, " (", row.row, ")"),
            join(ObligationNames(row.way.obligations)),
            days.empty() ? In("niet van kracht", "not in force") : absl::StrJoin(days, "; "),
            row.grant};
  }

  // Nothing in a document may end a cell or start markup.
  static std::string Plain(const std::string& text) {
    return absl::StrReplaceAll(text, {{"\\", "\\\\"},
                                      {"|", "\\|"},
                                      {"<", "&lt;"},
                                      {">", "&gt;"},
                                      {"&", "&amp;"},
                                      {"_", "\\_"},
                                      {"*", "\\*"},
                                      {"`", "\\`"},
                                      {"[", "\\["},
                                      {"\n", " "},
                                      {"\r", " "}});
  }
  static std::string Escaped(const std::string& text) {
    return absl::StrReplaceAll(
        text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
  }

  // Every name in the rows, with what the documents call it; in the order of the documents.
  [[nodiscard]] std::vector<std::pair<std::string, Entries>> Legend() const {
    const v1::Convenant& convenant = policy_.convenant();
    const auto used = [&](auto... lists) {
      std::set<std::string> names;
      for (const MatrixRow& row : rows_) {
        (names.insert((row.*lists).begin(), (row.*lists).end()), ...);
      }
      return names;
    };
    const auto entries = [](const auto& list, const std::set<std::string>& names, auto text) {
      Entries out;
      for (const auto& element : list) {
        if (names.count(element.id()) != 0) out.emplace_back(element.id(), text(element));
      }
      return out;
    };
    const auto both = [&](const auto& element) { return In(element.nl(), element.en()); };
    const auto dutch = [&](const auto& element) { return element.nl(); };
    std::vector<std::pair<std::string, Entries>> legend;
    legend.emplace_back(
        In("Petten", "Hats"),
        entries(convenant.hats(), used(&MatrixRow::recipient_hats, &MatrixRow::source_hats), both));
    Entries fields;
    const auto used_fields = used(&MatrixRow::fields);
    for (const v1::Field& field : convenant.fields()) {
      if (used_fields.count(field.name()) == 0) continue;
      std::string category = field.category();
      for (const v1::Category& candidate : convenant.categories()) {
        if (candidate.id() == field.category()) absl::StrAppend(&category, " ", both(candidate));
      }
      fields.emplace_back(field.name(), absl::StrCat(field.nr(), ", ", category));
    }
    legend.emplace_back(In("Velden", "Fields"), std::move(fields));
    legend.emplace_back("Tafels", entries(convenant.tafels(), used(&MatrixRow::tafels), dutch));
    legend.emplace_back(In("Fasen", "Phases"),
                        entries(convenant.phases(), used(&MatrixRow::phases), both));
    legend.emplace_back(In("Stadia", "Stages"),
                        entries(convenant.stages(), used(&MatrixRow::stages), dutch));
    legend.emplace_back(In("Doelen", "Purposes"),
                        entries(convenant.purposes(), used(&MatrixRow::purposes), both));
    ConditionSet conditions = 0;
    ObligationSet obligations = 0;
    for (const MatrixRow& row : rows_) {
      conditions |= row.way.conditions;
      obligations |= row.way.obligations;
    }
    Entries of_conditions;
    for (int i = 1; i <= kConditionCount; ++i) {
      const auto condition = static_cast<Condition>(i);
      if ((conditions & Bit(condition)) == 0) continue;
      of_conditions.emplace_back(std::string(RuleOf(condition).name),
                                 texts_.RouteInGeneral(condition, language_));
    }
    legend.emplace_back(In("Voorwaarden", "Conditions"), std::move(of_conditions));
    Entries of_obligations;
    for (int i = 1; i <= kObligationCount; ++i) {
      const auto obligation = static_cast<Obligation>(i);
      if ((obligations & Bit(obligation)) == 0) continue;
      of_obligations.emplace_back(std::string(ObligationName(obligation)),
                                  texts_.ObligationText(obligation, language_));
    }
    legend.emplace_back(In("Verplichtingen", "Obligations"), std::move(of_obligations));
    return legend;
  }

  const std::vector<MatrixRow>& rows_;
  const Policy& policy_;
  const Texts& texts_;
  Language language_;
};

}  // namespace

std::string RenderMatrix(const std::vector<MatrixRow>& rows, const Policy& policy,
                         const Texts& texts, Language language, MatrixFormat format) {
  const Renderer renderer(rows, policy, texts, language);
  switch (format) {
    case MatrixFormat::kMarkdown:
      return renderer.Markdown();
    case MatrixFormat::kHtml:
      return renderer.Html();
    case MatrixFormat::kCsv:
      return renderer.Csv();
  }
  return "";
}

}  // namespace sluis::policy
