// The annex of a convenant: complete, true, the same each time, and safe to open.

#include "sluis/policy/matrix.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "brute_force.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/texts.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Texts& ReferenceTexts() {
  static const auto texts = [] {
    const auto parsed = ParseDocument<v1::Texts>(
        "texts.textproto", testing::ReadSourceFile("policy/documents/texts.textproto"));
    return Texts::Make(*parsed.document).texts;
  }();
  return *texts;
}

std::vector<MatrixRow> MatrixOf(const Policy& policy, const MatrixFilter& filter = {}) {
  auto rows = Matrix(policy, filter);
  EXPECT_TRUE(rows.ok()) << rows.status();
  return rows.ok() ? *std::move(rows) : std::vector<MatrixRow>();
}

template <typename List, typename Item>
bool Has(const List& list, const Item& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

TEST(MatrixTest, ShowsAGrantOfTheReference) {
  const auto policy = testing::ReferencePolicy();
  std::vector<MatrixRow> rows;
  for (const MatrixRow& row : MatrixOf(*policy)) {
    if (row.grant == "M02") rows.push_back(row);
  }
  ASSERT_FALSE(rows.empty());
  for (const MatrixRow& row : rows) {
    EXPECT_THAT(row.recipient_hats, ElementsAre("WONINGCORPORATIE"));
    EXPECT_TRUE(row.row == "G_CONVENANT_PROCES" || row.row == "G_WGS_2_31_9") << row.row;
    EXPECT_FALSE(row.citation.empty());
    EXPECT_NE(row.way.conditions & Bit(Condition::kBetrokkeneGeinformeerd), 0U);
    EXPECT_NE(row.way.obligations & Bit(Obligation::kAlleenWoonacties), 0U);
    // At the ZVH it is a guest.
    EXPECT_EQ(Has(row.tafels, "T_ZVH_CASUS"),
              (row.way.circumstances & Bit(Circumstance::kActingInvited)) != 0);
  }
}

TEST(MatrixTest, RowsThatAreOffAreThereAndNotInForce) {
  const auto policy = testing::ReferencePolicy();
  bool off = false;
  for (const MatrixRow& row : MatrixOf(*policy)) {
    if (Has(row.tafels, "T_WAMS_ONDERZOEK")) {
      EXPECT_THAT(row.days, IsEmpty());
      EXPECT_FALSE(row.stages.empty());
      off = true;
    } else {
      EXPECT_TRUE(row.stages.empty() || row.days.empty());
    }
  }
  EXPECT_TRUE(off);
}

TEST(MatrixTest, NothingThatAnExclusionBarsIsInIt) {
  const auto policy = testing::ReferencePolicy();
  for (const MatrixRow& row : MatrixOf(*policy)) {
    for (const std::string& field : row.fields)
      EXPECT_FALSE(policy->BarredFor(*policy->FindField(field))) << field;
  }
}

TEST(MatrixTest, FiltersByPhaseAndPartij) {
  const auto policy = testing::ReferencePolicy();
  const auto by_phase = MatrixOf(*policy, {.phase = "AVE_1", .partij = ""});
  ASSERT_FALSE(by_phase.empty());
  for (const MatrixRow& row : by_phase) EXPECT_THAT(row.phases, ElementsAre("AVE_1"));
  const auto by_partij = MatrixOf(*policy, {.phase = "", .partij = "P_POLITIE_ON"});
  ASSERT_FALSE(by_partij.empty());
  for (const MatrixRow& row : by_partij)
    EXPECT_TRUE(Has(row.recipient_hats, "POLITIE") || Has(row.source_hats, "POLITIE"));
  EXPECT_EQ(Matrix(*policy, {.phase = "AVE_9", .partij = ""}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Matrix(*policy, {.phase = "", .partij = "P_NOBODY"}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(MatrixTest, RendersTheSameEachTimeInBothLanguages) {
  const auto policy = testing::ReferencePolicy();
  const auto rows = MatrixOf(*policy);
  for (const MatrixFormat format :
       {MatrixFormat::kMarkdown, MatrixFormat::kHtml, MatrixFormat::kCsv}) {
    const std::string dutch =
        RenderMatrix(rows, *policy, ReferenceTexts(), Language::kDutch, format);
    EXPECT_EQ(dutch,
              RenderMatrix(MatrixOf(*policy), *policy, ReferenceTexts(), Language::kDutch, format));
    EXPECT_THAT(dutch, HasSubstr("Ontvanger"));
    const std::string english =
        RenderMatrix(rows, *policy, ReferenceTexts(), Language::kEnglish, format);
    EXPECT_THAT(english, HasSubstr("Recipient"));
    EXPECT_THAT(english, Not(HasSubstr("Ontvanger")));
  }
}

TEST(MatrixTest, HtmlStandsAlone) {
  const auto policy = testing::ReferencePolicy();
  const std::string html = RenderMatrix(MatrixOf(*policy), *policy, ReferenceTexts(),
                                        Language::kDutch, MatrixFormat::kHtml);
  EXPECT_THAT(html, HasSubstr("<html lang=\"nl\">"));
  EXPECT_THAT(html, HasSubstr("<caption>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"col\">"));
  EXPECT_THAT(html, HasSubstr("@media print"));
  for (const char* outside : {"http://", "https://", "<script", "src=", "url("})
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  // Every element that is opened is closed, in order.
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const std::string tag = html.substr(at + 1, html.find('>', at) - at - 1);
    const std::string name = tag.substr(0, tag.find(' '));
    if (name == "!DOCTYPE" || name == "meta") continue;
    if (name[0] != '/') {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty());
    ASSERT_EQ(open.back(), name.substr(1));
    open.pop_back();
  }
  EXPECT_THAT(open, IsEmpty());
}

TEST(MatrixTest, TextsOfADocumentStayTexts) {
  Documents documents = policy_oracle::ReferencePolicy();
  const std::string evil = "<script>alert(\"1\")</script> | a \"b\", c";
  for (v1::StatuteRow& row : *documents.statute.mutable_rows()) row.set_citation(evil);
  for (v1::Hat& hat : *documents.convenant.mutable_hats()) hat.set_nl(evil);
  const auto policy = CompileOrDie(documents);
  const auto rows = MatrixOf(*policy);
  const auto render = [&](MatrixFormat format) {
    return RenderMatrix(rows, *policy, ReferenceTexts(), Language::kDutch, format);
  };
  EXPECT_THAT(render(MatrixFormat::kHtml), Not(HasSubstr("<script")));
  const std::string markdown = render(MatrixFormat::kMarkdown);
  EXPECT_THAT(markdown, Not(HasSubstr("<script")));
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(markdown, '\n'))) {
    if (line.empty() || line[0] != '|') continue;
    size_t bars = 0;
    for (size_t i = 0; i < line.size(); ++i)
      bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    EXPECT_EQ(bars, 13U) << line.substr(0, 200);
  }
  const std::string csv = render(MatrixFormat::kCsv);
  size_t quotes = 0;
  for (const char c : csv) quotes += c == '"';
  EXPECT_EQ(quotes % 2, 0U);
  EXPECT_THAT(csv, HasSubstr("a \"\"b\"\", c"));
}

// What is released is in the matrix, and what is in the matrix is released.
TEST(MatrixPropertyTest, SaysWhatAskingEverythingSays) {
  int released = 0;
  int confirmed = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed + 300);
    const Documents documents = policy_oracle::RandomPolicy(rng, 1 + static_cast<int>(seed % 3));
    const auto policy = CompileOrDie(documents);
    const auto rows = MatrixOf(*policy);
    const auto contains = [&](const MatrixRow& row, const Point& point) {
      return Has(row.recipient_hats, point.acting_hat) && Has(row.source_hats, point.source_hat) &&
             Has(row.fields, point.field) && Has(row.tafels, point.tafel) &&
             Has(row.phases, point.phase) && Has(row.purposes, point.purpose) &&
             (point.stage.empty() ? row.stages.empty() : Has(row.stages, point.stage)) &&
             std::any_of(row.days.begin(), row.days.end(), [&](const auto& days) {
               return days.from <= point.day && point.day <= days.until;
             });
    };
    constexpr ConditionSet general =
        Bit(Condition::kMachtigingGeldig) | Bit(Condition::kAmvbSchuldhulp82);
    int missed = 0;
    ForEachQuestion(
        {policy.get()}, TurningDays({policy.get()}), {.max_conditions = 3, .percent = 60}, rng,
        [&](const Point& point, const Way& holds) {
          const Witness witness = WitnessAt(point, holds);
          const bool is_released = ReleaseAt(*policy, witness, point.day).released;
          bool listed = false;
          for (size_t i = 0; i < rows.size(); ++i) {
            if (!contains(rows[i], point)) continue;
            // General decisions follow from the switches.
            listed = listed || (rows[i].way.conditions & ~holds.conditions & ~general) == 0;
          }
          if (is_released) {
            ++released;
            if (!listed && ++missed < 4)
              ADD_FAILURE() << "not in the matrix: " << point.acting_hat << " " << point.field
                            << " " << point.tafel;
          }
        });
    EXPECT_EQ(missed, 0);
    // Each line holds where every condition of it does: its first combination.
    for (size_t i = 0; i < rows.size(); ++i) {
      const MatrixRow& row = rows[i];
      if (row.days.empty()) continue;
      Way holds = row.way;
      holds.obligations = 0;
      holds.circumstances = (CircumstanceSet{1} << kCircumstanceCount) - 1;
      bool asked = false;
      bool is_released = false;
      for (const auto& a : documents.convenant.parties()) {
        for (const auto& b : documents.convenant.parties()) {
          if (!Has(a.hats(), row.recipient_hats[0]) || !Has(b.hats(), row.source_hats[0])) continue;
          for (const CivilDate day : TurningDays({policy.get()})) {
            const Point point{a.id(),
                              row.recipient_hats[0],
                              b.id(),
                              row.source_hats[0],
                              row.tafels[0],
                              row.phases[0],
                              row.stages.empty() ? "" : row.stages[0],
                              row.purposes[0],
                              row.fields[0],
                              day,
                              policy->HasPersons(*policy->FindTafel(row.tafels[0]))};
            if (!contains(row, point) ||
                !policy->StandingOf(*policy->FindPartij(a.id()), day).acceded ||
                !policy->StandingOf(*policy->FindPartij(b.id()), day).acceded) {
              continue;
            }
            asked = true;
            is_released = is_released || ReleaseAt(*policy, WitnessAt(point, holds), day).released;
          }
        }
      }
      // Municipalities, general decisions and terms of the partijen are no part of the annex.
      const ConditionSet of_partij =
          Bit(Condition::kGemeenteVoorOfNaDetentie) | Bit(Condition::kStriktNoodzakelijkWvggz);
      if (!asked || (row.way.conditions & of_partij) != 0) continue;
      const bool decided =
          std::any_of(documents.convenant.grants().begin(), documents.convenant.grants().end(),
                      [&](const v1::Grant& grant) {
                        return grant.id() == row.grant &&
                               (Has(grant.conditions(), v1::Condition::MACHTIGING_GELDIG) ||
                                Has(grant.conditions(), v1::Condition::AMVB_SCHULDHULP_8_2) ||
                                !grant.one_of().empty());
                      });
      const bool row_decided =
          std::any_of(documents.statute.rows().begin(), documents.statute.rows().end(),
                      [&](const v1::StatuteRow& one) {
                        return one.id() == row.row &&
                               (Has(one.conditions(), v1::Condition::MACHTIGING_GELDIG) ||
                                Has(one.conditions(), v1::Condition::AMVB_SCHULDHULP_8_2) ||
                                !one.one_of().empty());
                      });
      if (decided || row_decided) continue;
      EXPECT_TRUE(is_released) << row.grant << " under " << row.row << " to "
                               << row.recipient_hats[0] << " at " << row.tafels[0];
      ++confirmed;
    }
  }
  EXPECT_GT(released, 1000);
  EXPECT_GT(confirmed, 10);
}

}  // namespace
}  // namespace sluis::policy
