// What professionals and bestuurders do with `sluis decision`, `escalate`, `priority-list` and
// `notices`, against a real broker: what is printed, what programs read, and the exit codes.

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "cli_broker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sluis/base_testing/status_matchers.h"

namespace sluis::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kGiven[] = "signaleringsplan_bejegening";
constexpr char kOther[] = "crisisafspraken_24_7";
constexpr char kLijst[] = "T_ZVH_LIJST";

Json Parsed(const std::string& text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  EXPECT_FALSE(json.is_discarded()) << text;
  return json;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (const auto& line : absl::StrSplit(text, '\n', absl::SkipEmpty())) lines.emplace_back(line);
  return lines;
}

class CliCaseworkTest : public CliBrokerTest {
 protected:
  static void SetUpTestSuite() {
    ASSERT_THAT(StartBroker(), IsOk());
    for (const auto& [who, partij, hat, professional] :
         {std::tuple{"wijkteam", "P_ALMELO", "GEM_COLLEGE_WMO", "wijkteam-01"},
          {"regie", "P_ALMELO", "GEM_PROCESREGIE", "regie-03"},
          {"bestuur", "P_ALMELO", "GEM_BESTUURDER", "wethouder-04"},
          {"mediant", "P_MEDIANT", "GGZ", "verpleegkundige-3"},
          {"politie", "P_POLITIE_ON", "POLITIE", "agent-07"},
          {"enschede", "P_ENSCHEDE", "GEM_COLLEGE_WMO", "wijkteam-09"}}) {
      MakeProfile(who, partij, hat, professional);
      Must(who, {"professional", "put", professional, "--may-act-as", hat});
    }
    Must("regie", {"admin", "clock", "2026-11-23T10:00:00+01:00"});
  }

  // A casus of Almelo with Mediant, about somebody whom both know.
  struct Opened {
    std::string casus;
    std::string person;  // as Almelo knows it
    std::string theirs;  // as Mediant does
  };
  static Opened Open(const std::string& bsn) {
    Opened out;
    out.casus = Must("regie", {"-q", "casus", "open", "--tafel", "T_WIJKTEAM_MDO", "--phase",
                               "AVE_2", "--municipality", "Almelo", "--domain", "ZORG",
                               "--first-processed", "2026-11-21"});
    out.person = Must(
        "regie",
        {"-q", "casus", "add-person", "--casus", out.casus, "--bsn-file", "-", "--bsn-verified",
         "--geslachtsnaam", "Oosterveld", "--voornamen", "Harm", "--geboortedatum", "1968-03-14"},
        bsn + "\n");
    for (const char* const deelnemer : {"P_ALMELO/GEM_COLLEGE_WMO", "P_MEDIANT/GGZ"}) {
      Must("regie", {"casus", "add-deelnemer", "--casus", out.casus, "--tafel", "T_WIJKTEAM_MDO",
                     "--deelnemer", deelnemer, "--from", "2026-11-23"});
    }
    out.theirs = Must("mediant", {"-q", "casus", "get", out.casus});
    return out;
  }

  // The wijkteam asks for two fields that a professional of Mediant has to select.
  static CliRun AskMediant(const Opened& about) {
    return As("wijkteam",
              {"request", "--casus", about.casus, "--person", about.person, "--tafel", "K_WMO_525",
               "--purpose", "D02", "--source", "P_MEDIANT/GGZ", "--motivation",
               "nodig voor de begeleiding", "--field", kGiven, "--field", kOther});
  }
  // Everything that such a release asks, but for the decision.
  static Opened ReadyForADecision(const std::string& bsn) {
    Opened opened = Open(bsn);
    Must("mediant", {"deposit", "put", "--person", opened.theirs, "--field", kGiven, "--text",
                     "Rustig aanspreken.", "--value-date", "2026-10-01", "--first-processed",
                     "2026-10-01", "--end", "2027-11-01"});
    Must("mediant", {"consent",     "record",
                     "--person",    opened.theirs,
                     "--source",    "P_MEDIANT/GGZ",
                     "--recipient", "P_ALMELO/GEM_COLLEGE_WMO",
                     "--field",     kGiven,
                     "--field",     kOther,
                     "--purpose",   "D02",
                     "--status",    "GEGEVEN_UITDRUKKELIJK",
                     "--flag",      "DOORBREKING_GEHEIM",
                     "--given-by",  "SELF",
                     "--date",      "2026-11-23",
                     "--from",      "2026-11-23",
                     "--way",       "schriftelijk",
                     "--evidence",  "dossier 2"});
    return opened;
  }
  static CliRun Decide(const std::string& who, const std::string& request,
                       const std::vector<std::string>& what) {
    std::vector<std::string> arguments = {"--json",   "decision", "decide",      request,
                                          "--reason", "besloten", "--reference", "dossier 12"};
    arguments.insert(arguments.end(), what.begin(), what.end());
    return As(who, arguments);
  }
  // The reason in an error that was asked for as JSON.
  static std::string ReasonIn(const CliRun& run) {
    const Json error = Parsed(run.err);
    EXPECT_EQ(error["error"]["exit_code"], run.exit_code);
    return error["error"]["reason"];
  }
};

// ---- decision ----

TEST_F(CliCaseworkTest, ADecisionFromTheInboxToTheRelease) {
  const Opened opened = ReadyForADecision("999990007");
  EXPECT_EQ(Must("mediant", {"decision", "list"}), "Nothing waits for a decision.");
  const CliRun asked = AskMediant(opened);
  EXPECT_EQ(asked.exit_code, 3) << asked.err;
  EXPECT_THAT(asked.out, ContainsRegex(absl::StrCat(kGiven, " +NEEDS_DECISION")));

  // It is in the inbox of the source, without the motivation, and in no other.
  const std::string request = Must("mediant", {"-q", "decision", "list", "--of-hat", "GGZ"});
  EXPECT_EQ(Must("mediant", {"-q", "decision", "list", "--of-hat", "HUISARTS"}), "");
  EXPECT_EQ(Must("wijkteam", {"-q", "decision", "list", "--all"}), "");
  const std::string table = Must("mediant", {"decision", "list"});
  EXPECT_THAT(table, ContainsRegex("REQUEST +STATE +ASKED BY +PURPOSE +FIELDS +LAST DAY"));
  EXPECT_THAT(table, ContainsRegex(request + " +OPEN .* D02 .* 2026-12-23"));
  EXPECT_THAT(table, Not(HasSubstr("nodig")));
  const Json listed = Parsed(Must("mediant", {"--json", "decision", "list"}));
  ASSERT_EQ(listed["requests"].size(), 1U);
  EXPECT_EQ(listed["requests"][0]["decision_request_id"], request);
  EXPECT_EQ(listed["requests"][0]["recipient"]["partij"], "P_ALMELO");
  EXPECT_EQ(listed["requests"][0]["expires_on"], "2026-12-23");
  EXPECT_EQ(listed["requests"][0]["fields"][0]["motivation"], "");

  // Who decides sees it, and who asks does not.
  const std::string shown = Must("mediant", {"decision", "show", request});
  EXPECT_THAT(shown, ContainsRegex("asked by +P_ALMELO/GEM_COLLEGE_WMO, wijkteam-01"));
  EXPECT_THAT(shown, ContainsRegex("last day +2026-12-23"));
  EXPECT_THAT(shown, ContainsRegex(absl::StrCat(kOther, " +OPEN +SELECTIE .*nodig voor")));
  const Json whole = Parsed(Must("mediant", {"--json", "decision", "show", request}));
  EXPECT_EQ(whole["person_id"], opened.theirs);
  EXPECT_EQ(whole["fields"][1]["field"], kOther);
  EXPECT_EQ(whole["fields"][1]["kinds"], Json::array({"SELECTIE"}));
  EXPECT_EQ(whole["fields"][1]["motivation"], "nodig voor de begeleiding");
  const CliRun others = As("wijkteam", {"--json", "decision", "show", request});
  EXPECT_EQ(others.exit_code, 4);
  EXPECT_EQ(ReasonIn(others), "DECISION_REQUEST_UNKNOWN");
  const CliRun nobody =
      As("mediant", {"--json", "--professional", "nobody", "decision", "show", request});
  EXPECT_EQ(nobody.exit_code, 4);
  EXPECT_EQ(ReasonIn(nobody), "NOT_AUTHORISED_PERSON");
  EXPECT_EQ(As("mediant", {"decision", "show", "x"}).exit_code, 2);

  const CliRun decided = Decide("mediant", request,
                                {"--kind", "SELECTIE", "--give", kGiven, "--until", "2027-03-01",
                                 "--condition", "NIET_DOOR"});
  ASSERT_EQ(decided.exit_code, 0) << decided.err;
  const Json answer = Parsed(decided.out);
  EXPECT_FALSE(answer["given_fact_id"].get<std::string>().empty());
  EXPECT_FALSE(answer["refused_fact_id"].get<std::string>().empty()) << "the rest is refused";
  EXPECT_EQ(answer["condition_fact_ids"].size(), 1U);
  EXPECT_EQ(answer["open_fields"], Json::array());
  EXPECT_EQ(answer["proof"]["verified"], true);

  const CliRun twice = Decide("mediant", request, {"--kind", "SELECTIE", "--refuse"});
  EXPECT_EQ(twice.exit_code, 4);
  EXPECT_EQ(ReasonIn(twice), "DECISION_CLOSED");
  EXPECT_EQ(Must("mediant", {"-q", "decision", "list"}), "");
  EXPECT_EQ(Must("mediant", {"-q", "decision", "list", "--all"}), request);

  const CliRun again = AskMediant(opened);
  EXPECT_EQ(again.exit_code, 3);
  EXPECT_THAT(again.out, ContainsRegex(absl::StrCat(kGiven, " +RELEASE +Rustig aanspreken")));
  EXPECT_THAT(again.out, HasSubstr("NIET_DOOR"));
  EXPECT_THAT(again.out, ContainsRegex(absl::StrCat(kOther, " +REFUSE +SOURCE_OBJECTS")));

  // Both sides were told, and the asker not why.
  const auto types = [](const std::string& who) {
    std::vector<std::string> out;
    for (const std::string& line :
         Lines(Must(who, {"--json", "notices", "--type", "nl.sluis.decision-asked", "--type",
                          "nl.sluis.decision-taken"}))) {
      const Json event = Parsed(line);
      out.push_back(
          absl::StrCat(event["type"].get<std::string>(), " ", event["data"].value("result", "")));
      EXPECT_THAT(line, Not(HasSubstr("besloten")));
      EXPECT_THAT(line, Not(HasSubstr("nodig")));
    }
    return out;
  };
  EXPECT_THAT(types("mediant"), ElementsAre("nl.sluis.decision-asked "));
  EXPECT_THAT(types("wijkteam"),
              ElementsAre("nl.sluis.decision-taken GIVEN", "nl.sluis.decision-taken REFUSED"));
}

TEST_F(CliCaseworkTest, ADecisionThatIsNotWholeChangesNothing) {
  const Opened opened = ReadyForADecision("999990019");
  ASSERT_EQ(AskMediant(opened).exit_code, 3);
  const std::string request = Must("mediant", {"-q", "decision", "list"});
  struct Case {
    std::vector<std::string> what;
    std::string names;
  };
  for (const auto& [what, names] : std::vector<Case>{
           {{"--kind", "SELECTIE", "--give", kGiven}, "decision.until"},
           {{"--kind", "SELECTIE", "--until", "2027-03-01"}, "fields"},
           {{"--kind", "WAMS", "--give", kGiven, "--until", "2027-03-01"}, "decision.kind"},
           {{"--kind", "EIGENLIJK", "--refuse"}, "decision.kind"},
           {{"--kind", "SELECTIE", "--give", kGiven, "--until", "2027-03-01", "--condition", "WAT"},
            "condition"}}) {
    const CliRun run = Decide("mediant", request, what);
    EXPECT_EQ(run.exit_code, 2) << run.out;
    EXPECT_EQ(ReasonIn(run), "MALFORMED") << run.err;
    EXPECT_THAT(run.err, HasSubstr(names));
  }
  // Nor does what the program itself does not understand, or somebody else.
  EXPECT_EQ(Decide("mediant", request, {"--refuse"}).exit_code, 2) << "the kind is missing";
  EXPECT_EQ(
      Decide("mediant", request, {"--kind", "SELECTIE", "--refuse", "--give", kGiven}).exit_code,
      2);
  EXPECT_EQ(
      Decide("mediant", request, {"--kind", "SELECTIE", "--refuse", "--until", "morgen"}).exit_code,
      2);
  EXPECT_EQ(As("mediant", {"decision"}).exit_code, 2);
  EXPECT_EQ(As("mediant", {"decision", "show"}).exit_code, 2);
  const CliRun other = Decide("wijkteam", request, {"--kind", "SELECTIE", "--refuse"});
  EXPECT_EQ(other.exit_code, 4);
  EXPECT_EQ(ReasonIn(other), "DECISION_REQUEST_UNKNOWN");
  EXPECT_EQ(Must("mediant", {"-q", "decision", "list"}), request) << "it still waits";

  // Part of it, and the rest later.
  const CliRun part = Decide(
      "mediant", request,
      {"--kind", "SELECTIE", "--give", kGiven, "--until", "2027-03-01", "--leave-rest-open"});
  ASSERT_EQ(part.exit_code, 0) << part.err;
  EXPECT_EQ(Parsed(part.out)["open_fields"], Json::array({kOther}));
  EXPECT_EQ(Must("mediant", {"-q", "decision", "list"}), request);
  const std::string rest =
      Must("mediant", {"decision", "decide", request, "--kind", "SELECTIE", "--refuse", "--reason",
                       "niet nodig", "--reference", "dossier 12"});
  EXPECT_THAT(rest, ContainsRegex("refused fact id +[0-9a-f-]{36}"));
  EXPECT_THAT(rest, ContainsRegex("receipt +entry [0-9]+ of the log, verified"));
  EXPECT_THAT(rest, Not(HasSubstr("[]"))) << "what is empty is left out";
  EXPECT_EQ(Must("mediant", {"-q", "decision", "list"}), "");
}

// ---- escalate ----

TEST_F(CliCaseworkTest, ADilemmaIsPutToTheBestuurderWithoutAName) {
  const Opened opened = Open("999990020");
  const auto escalate = [&](const std::string& who, const std::string& agreement,
                            const std::string& recipient = "P_ALMELO/GEM_BESTUURDER") {
    return As(
        who,
        {"--json", "escalate", "--casus", opened.casus, "--tafel", "T_BESTUURLIJK", "--fields", "-",
         "--first-processed", "2026-11-22", "--end", "2027-02-23", "--recipient", recipient},
        absl::StrCat(R"([{"field": "opschaal_reden", "value_date": "2026-11-22",
                                "value": {"list": [{"token": "IMPASSE"}]}},
                               {"field": "afspraken_interventies", "value_date": "2026-11-22",
                                "value": {"list": [{"json": {"afspraak": ")",
                     agreement, R"("}}]}}])"));
  };
  const CliRun early = escalate("regie", "niemand neemt de casus aan");
  EXPECT_EQ(early.exit_code, 4);
  EXPECT_EQ(ReasonIn(early), "WRONG_PHASE");
  Must("regie",
       {"casus", "scale", "--casus", opened.casus, "--phase", "AVE_3L", "--reason", "impasse"});

  const CliRun named = escalate("regie", "Oosterveld wil niet");
  EXPECT_EQ(named.exit_code, 4);
  EXPECT_EQ(ReasonIn(named), "CATEGORY_EXCLUDED");
  EXPECT_THAT(named.err, HasSubstr("fields[1].content.value"));
  EXPECT_THAT(named.err, Not(HasSubstr("Oosterveld")));
  const CliRun hat = escalate("wijkteam", "niemand neemt de casus aan");
  EXPECT_EQ(hat.exit_code, 4);
  EXPECT_EQ(ReasonIn(hat), "NOT_AUTHORISED_PERSON");
  const CliRun recipient = escalate("regie", "niemand", "P_ALMELO");
  EXPECT_EQ(recipient.exit_code, 2);
  EXPECT_THAT(recipient.err, HasSubstr("PARTIJ/HAT"));
  const CliRun nobody = escalate("regie", "niemand", "P_ALMELO/GEM_NIETS");
  EXPECT_EQ(nobody.exit_code, 2);
  EXPECT_THAT(nobody.err, HasSubstr("recipients[0].hat"));
  for (const char* const file : {"", "{", R"([{"veld": "x"}])", R"([{"field": 1}])",
                                 R"([{"field": "opschaal_reden", "value": {"tekst": "x"}}])"}) {
    const CliRun bad = As("regie",
                          {"--json", "escalate", "--casus", opened.casus, "--tafel",
                           "T_BESTUURLIJK", "--fields", "-", "--first-processed", "2026-11-22",
                           "--end", "2027-02-23", "--recipient", "P_ALMELO/GEM_BESTUURDER"},
                          file);
    EXPECT_EQ(bad.exit_code, 2) << file;
    EXPECT_EQ(ReasonIn(bad), "MALFORMED") << file;
  }
  EXPECT_EQ(As("regie", {"escalate", "--casus", opened.casus}).exit_code, 2);
  const auto escalated = [] {
    return Lines(Must("bestuur", {"-q", "notices", "--type", "nl.sluis.casus-escalated"}));
  };
  EXPECT_THAT(escalated(), IsEmpty()) << "nothing of it was announced";

  const CliRun done = escalate("regie", "niemand neemt de casus aan");
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const Json answer = Parsed(done.out);
  ASSERT_EQ(answer["deposits"].size(), 2U);
  EXPECT_EQ(answer["deposits"][0]["field"], "opschaal_reden");
  EXPECT_EQ(answer["proof"]["verified"], true);
  EXPECT_EQ(escalated().size(), 1U);

  // The bestuurder asks without a person, and gets no name.
  const CliRun asked =
      As("bestuur", {"request", "--casus", opened.casus, "--tafel", "T_BESTUURLIJK", "--purpose",
                     "D07", "--source", "P_ALMELO/GEM_PROCESREGIE", "--motivation", "besluit",
                     "--field", "afspraken_interventies", "--field", "voornamen"});
  EXPECT_EQ(asked.exit_code, 3) << asked.err;
  EXPECT_THAT(asked.out, ContainsRegex("afspraken_interventies +RELEASE .*niemand neemt"));
  EXPECT_THAT(asked.out, ContainsRegex("voornamen +REFUSE"));
  EXPECT_THAT(asked.out, HasSubstr("PSEUDONIMISEER"));
}

// ---- priority-list ----

TEST_F(CliCaseworkTest, APriorityListFromItsCriteriaToTheLastCasus) {
  const Opened opened = Open("999990032");
  Must("regie", {"casus", "scale", "--casus", opened.casus, "--phase", "AVE_3L", "--reason", "x"});
  Must("wijkteam",
       {"casus", "scale", "--casus", opened.casus, "--phase", "AVE_3Z", "--reason", "x"});
  Must("wijkteam", {"casus", "place", "--casus", opened.casus, "--tafel", kLijst, "--domain",
                    "STRAF", "--domain", "GEMEENTE"});
  Must("wijkteam", {"casus", "add-deelnemer", "--casus", opened.casus, "--tafel", kLijst,
                    "--deelnemer", "P_POLITIE_ON/POLITIE", "--from", "2026-11-23"});
  const auto put = [&](const std::string& who, const std::string& casus) {
    return As(who, {"--json", "priority-list", "put", "--tafel", kLijst, "--casus", casus,
                    "--reason", "drie incidenten"});
  };
  const auto take_off = [&](const std::string& who) {
    return As(who,
              {"--json", "priority-list", "take-off", "--tafel", kLijst, "--casus", opened.casus});
  };
  const auto criteria = [&](const std::string& who, const std::string& tafel,
                            const std::string& text) {
    return As(who, {"--json", "priority-list", "criteria", "--tafel", tafel, "--text", text});
  };

  const std::string empty = Must("politie", {"priority-list", "show", kLijst});
  EXPECT_THAT(empty, HasSubstr("This list has no criteria yet."));
  EXPECT_THAT(empty, HasSubstr("No casus in which you take part."));
  const Json none = Parsed(Must("politie", {"--json", "priority-list", "show", kLijst}));
  EXPECT_EQ(none["criteria"], "");
  EXPECT_TRUE(none["criteria_since"].is_null());
  EXPECT_EQ(none["casussen"], Json::array());
  const CliRun early = put("wijkteam", opened.casus);
  EXPECT_EQ(early.exit_code, 4);
  EXPECT_EQ(ReasonIn(early), "NO_CRITERIA");

  const CliRun care = criteria("mediant", kLijst, "drie of meer incidenten per maand");
  EXPECT_EQ(care.exit_code, 4);
  EXPECT_EQ(ReasonIn(care), "NOT_AUTHORISED_PERSON");
  const CliRun elsewhere = criteria("wijkteam", "T_WIJKTEAM_MDO", "x");
  EXPECT_EQ(elsewhere.exit_code, 4);
  EXPECT_EQ(ReasonIn(elsewhere), "WRONG_TABLE");
  EXPECT_EQ(criteria("wijkteam", "T_NERGENS", "x").exit_code, 2);
  EXPECT_EQ(criteria("wijkteam", kLijst, "").exit_code, 2);
  EXPECT_EQ(criteria("wijkteam", kLijst, "drie of meer incidenten per maand").exit_code, 0);

  const CliRun unknown = put("wijkteam", "00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(unknown.exit_code, 4);
  EXPECT_EQ(ReasonIn(unknown), "NOT_IN_CASUS");
  EXPECT_EQ(put("wijkteam", "x").exit_code, 2);
  EXPECT_EQ(take_off("wijkteam").exit_code, 4);
  const CliRun done = put("wijkteam", opened.casus);
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(Parsed(done.out)["proof"]["verified"], true);

  // Who takes part sees it; for others the list is as empty as before, and the criteria are there.
  const std::string shown = Must("politie", {"priority-list", "show", kLijst});
  EXPECT_THAT(shown, HasSubstr("Criteria since 2026-11-23:"));
  EXPECT_THAT(shown, HasSubstr("drie of meer incidenten per maand"));
  EXPECT_THAT(shown, ContainsRegex(opened.casus + " +2026-11-23 +drie incidenten"));
  EXPECT_EQ(Must("politie", {"-q", "priority-list", "show", kLijst}), opened.casus);
  const Json listed = Parsed(Must("politie", {"--json", "priority-list", "show", kLijst}));
  ASSERT_EQ(listed["casussen"].size(), 1U);
  EXPECT_EQ(listed["casussen"][0]["reason"], "drie incidenten");
  EXPECT_EQ(listed["casussen"][0]["since"], "2026-11-23");
  EXPECT_EQ(Must("enschede", {"-q", "priority-list", "show", kLijst}), "");
  EXPECT_THAT(Must("enschede", {"priority-list", "show", kLijst}),
              HasSubstr("drie of meer incidenten per maand"));
  EXPECT_EQ(
      Lines(Must("politie", {"-q", "notices", "--type", "nl.sluis.priority-list-changed"})).size(),
      1U);

  EXPECT_EQ(As("wijkteam", {"priority-list", "show", "T_NERGENS"}).exit_code, 2);
  EXPECT_EQ(As("wijkteam", {"priority-list", "show"}).exit_code, 2);
  EXPECT_EQ(As("wijkteam", {"priority-list"}).exit_code, 2);
  EXPECT_EQ(take_off("mediant").exit_code, 4);
  EXPECT_EQ(take_off("wijkteam").exit_code, 0);
  EXPECT_EQ(Must("politie", {"-q", "priority-list", "show", kLijst}), "");
  const CliRun twice = take_off("wijkteam");
  EXPECT_EQ(twice.exit_code, 4);
  EXPECT_EQ(ReasonIn(twice), "NOT_ON_LIST");
}

// ---- notices ----

TEST_F(CliCaseworkTest, NoticesGoOnWhereTheyStopped) {
  // Enschede has a casus of its own, so nothing else comes between.
  const auto scale = [](const std::string& casus, const std::string& phase) {
    Must("enschede", {"casus", "scale", "--casus", casus, "--phase", phase, "--reason", "x"});
  };
  const std::string casus =
      Must("enschede",
           {"-q", "casus", "open", "--tafel", "T_WIJKTEAM_MDO", "--phase", "AVE_2",
            "--municipality", "Enschede", "--domain", "ZORG", "--first-processed", "2026-11-21"});
  scale(casus, "AVE_1");
  // One line each, to read, for programs, and ids alone.
  const CliRun read = As("enschede", {"notices"});
  ASSERT_EQ(read.exit_code, 0) << read.err;
  EXPECT_THAT(read.out,
              ContainsRegex("2026-11-23 [0-9:]+Z +nl.sluis.phase-changed +\\{.*" + casus));
  EXPECT_THAT(read.err, ContainsRegex("Go on with --cursor [0-9a-f]+"));
  const auto events = Lines(Must("enschede", {"--json", "notices"}));
  ASSERT_EQ(events.size(), 1U);
  const Json event = Parsed(events[0]);
  EXPECT_EQ(event["specversion"], "1.0");
  EXPECT_EQ(event["type"], "nl.sluis.phase-changed");
  EXPECT_EQ(event["subject"], casus);
  EXPECT_EQ(event["data"]["casus_id"], casus);
  EXPECT_EQ(Must("enschede", {"-q", "notices"}), event["id"]);
  EXPECT_EQ(Must("enschede", {"-q", "notices", "--type", "nl.sluis.casus-closed"}), "");

  // What a cursor file has seen does not come again.
  const std::vector<std::string> next = {"-q", "notices", "--cursor-file", "seen.cursor"};
  EXPECT_EQ(Must("enschede", next), event["id"]);
  EXPECT_EQ(Must("enschede", next), "");
  EXPECT_EQ(std::filesystem::status(Home() / "seen.cursor").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);

  // Watching: what is kept since, and then what happens.
  scale(casus, "AVE_2");
  {
    RunningCli watch({"--config", (Home() / "enschede.toml").string(), "--json", "notices",
                      "--follow", "--cursor-file", "seen.cursor"},
                     {.directory = Home()});
    const auto first = watch.NextLine(absl::Seconds(30));
    ASSERT_TRUE(first.has_value());
    EXPECT_NE(Parsed(*first)["id"], event["id"]);
    EXPECT_EQ(Parsed(*first)["type"], "nl.sluis.phase-changed");
    scale(casus, "AVE_1");
    const auto second = watch.NextLine(absl::Seconds(30));
    ASSERT_TRUE(second.has_value());
    EXPECT_NE(Parsed(*second)["id"], Parsed(*first)["id"]);
    EXPECT_EQ(Parsed(*second)["data"]["casus_id"], casus);
  }
  // The first was kept before the second was shown, so at most that one comes again.
  EXPECT_LE(Lines(Must("enschede", next)).size(), 1U);
  EXPECT_EQ(Must("enschede", next), "");

  const CliRun cursor = As("enschede", {"--json", "notices", "--cursor", "x"});
  EXPECT_EQ(cursor.exit_code, 2);
  EXPECT_EQ(ReasonIn(cursor), "MALFORMED");
  const CliRun type = As("enschede", {"--json", "notices", "--type", "nl.sluis.wat"});
  EXPECT_EQ(type.exit_code, 2);
  EXPECT_THAT(type.err, HasSubstr("types[0]"));
  EXPECT_EQ(As("enschede", {"--json", "notices", "--follow", "--cursor", "x"}).exit_code, 2);
  EXPECT_EQ(As("enschede", {"notices", "--since", "yesterday"}).exit_code, 2);
}

}  // namespace
}  // namespace sluis::testing
