// The first lawful release, from an empty broker to a verified export, by nothing but the command
// line and a real broker: scenarios S-01 and S-02.

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli_broker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sluis/audit/note.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"

namespace sluis::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNow[] = "2026-11-23T10:00:00+01:00";

class CliE2eTest : public CliBrokerTest {
 protected:
  static void SetUpTestSuite() {
    ASSERT_THAT(
        StartBroker(
            "rows { row: \"G_WPG_18_2_MELDPUNT\" from: \"2021-12-01\" until: \"2027-11-30\" "
            "source: \"test data\" }\n"
            "decisions { condition: MACHTIGING_GELDIG from: \"2021-12-01\" until: \"2027-11-30\" "
            "source: \"test data\" }\n"
            "rows { row: \"G_WAMS_HERGEBRUIK\" from: \"2027-01-01\" until: \"2099-12-31\" "
            "source: \"test data\" }\n"
            "terms { id: \"RT_WAMS\" term: 5 unit: JAAR source: \"test data\" }\n"),
        IsOk());
    MakeProfile("almelo", "P_ALMELO", "GEM_COLLEGE_WMO", "wijkteam-01");
    MakeProfile("wams", "P_ALMELO", "GEM_WAMS", "coordinator-02");
    MakeProfile("politie", "P_POLITIE_ON", "POLITIE", "agent-07");
    MakeProfile("mediant", "P_MEDIANT", "GGZ", "verpleegkundige-3");
    MakeProfile("toezicht", "P_TOEZICHT", "AUDITOR", "auditor-01");
    ASSERT_EQ(As("almelo", {"admin", "clock", kNow}).exit_code, 0);
    for (const auto& [who, professional, hat] :
         {std::tuple{"almelo", "wijkteam-01", "GEM_COLLEGE_WMO"},
          {"almelo", "coordinator-02", "GEM_WAMS"},
          {"politie", "agent-07", "POLITIE"},
          {"mediant", "verpleegkundige-3", "GGZ"},
          {"toezicht", "auditor-01", "AUDITOR"}}) {
      Must(who, {"professional", "put", professional, "--may-act-as", hat});
    }
  }

  // A casus of Almelo with one person, whom `source` knows too.
  struct Opened {
    std::string casus;
    std::string person;  // as Almelo knows it
    std::string theirs;  // as the source does
  };
  static Opened Open(const std::string& tafel, const std::string& bsn, const std::string& source,
                     const std::string& partij) {
    Opened out;
    out.casus = Must("almelo", {"-q", "casus", "open", "--tafel", tafel, "--phase", "AVE_2",
                                "--municipality", "Almelo", "--domain", "ZORG", "--domain",
                                "GEMEENTE", "--first-processed", "2026-11-21"});
    out.person = Must(
        "almelo",
        {"-q", "casus", "add-person", "--casus", out.casus, "--bsn-file", "-", "--bsn-verified",
         "--geslachtsnaam", "Oosterveld", "--voornamen", "Harm", "--geboortedatum", "1968-03-14"},
        bsn + "\n");
    Must("almelo",
         {"casus", "introduce", "--casus", out.casus, "--person", out.person, "--partij", partij});
    out.theirs = Must(source, {"-q", "casus", "get", out.casus});
    EXPECT_NE(out.theirs, out.person);
    return out;
  }
};

// A zorgmelding as one message, what the receiver does with it, and what the sender hears.
TEST_F(CliE2eTest, AZorgmeldingComesWholeAndIsAnswered) {
  const auto fields = [](const std::string& more) {
    const std::string rest =
        R"("value_date": "2026-11-21", "labels": {"nature": "FACT", "subject": "NONE"}})";
    return absl::StrCat(
        R"([{"field": "voornamen", "value": {"text": "Riet"}, )", rest,
        R"(, {"field": "zorgmelding_soort", "value": {"token": "NAZ"}, )", rest,
        R"(, {"field": "zorgmelding_samenvatting", "value": {"text": "Verward op straat."}, )",
        rest, more, "]");
  };
  WriteFile(Home() / "bsn.txt", "999990032\n");
  const auto send = [&](const std::string& content) {
    return As("politie",
              {"--json",
               "signal",
               "send",
               "--tafel",
               "K_MELDPUNT",
               "--purpose",
               "D02",
               "--receiver",
               "P_ALMELO/GEM_COLLEGE_WMO",
               "--bsn-file",
               "bsn.txt",
               "--bsn-verified",
               "--fields",
               "-",
               "--first-processed",
               "2026-11-21",
               "--end",
               "2027-05-21",
               "--reference",
               "PL0500-2026-9"},
              content);
  };
  const CliRun refused = send(fields(
      R"(, {"field": "strafzaak_status", "value": {"token": "GEEN"}, "value_date": "2026-11-21"})"));
  EXPECT_EQ(refused.exit_code, 4) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("SIGNAL_REJECTED"));
  EXPECT_THAT(refused.err, HasSubstr("fields[3].field"));
  EXPECT_EQ(Must("almelo", {"-q", "signal", "list"}), "");

  const CliRun sent = send(fields(""));
  ASSERT_EQ(sent.exit_code, 0) << sent.out << sent.err;
  const auto answer = nlohmann::json::parse(sent.out, nullptr, false);
  ASSERT_TRUE(answer.is_object()) << sent.out;
  const std::string signal = answer["signal_id"];
  EXPECT_EQ(answer["deposits"].size(), 3U);

  EXPECT_EQ(Must("almelo", {"-q", "signal", "list", "--open"}), signal);
  const auto received =
      nlohmann::json::parse(Must("almelo", {"--json", "signal", "get", signal}), nullptr, false);
  ASSERT_TRUE(received.is_object());
  const CliRun asked =
      As("almelo", {"request", "--casus", received["casus_id"].get<std::string>(), "--person",
                    received["person_id"].get<std::string>(), "--tafel", "K_MELDPUNT", "--purpose",
                    "D03", "--source", "P_POLITIE_ON/POLITIE", "--motivation", "to judge it",
                    "--field", "voornamen", "--field", "zorgmelding_samenvatting"});
  EXPECT_EQ(asked.exit_code, 0) << asked.out << asked.err;
  EXPECT_THAT(asked.out, HasSubstr("Verward op straat."));

  Must("almelo", {"signal", "answer", "--signal", signal, "--outcome", "NO_CONTACT"});
  EXPECT_EQ(Must("politie", {"-q", "signal", "get", signal}), "NO_CONTACT");
  EXPECT_EQ(
      As("almelo", {"signal", "answer", "--signal", signal, "--outcome", "HANDLED"}).exit_code, 4);
  EXPECT_EQ(As("mediant", {"signal", "get", signal}).exit_code, 4);

  // The Wams is not in force here.
  const CliRun wams =
      As("almelo", {"wams", "report", "--casus", received["casus_id"].get<std::string>(), "--kind",
                    "HULPVRAAG", "--text", "help", "--reference", "W-1"});
  EXPECT_EQ(wams.exit_code, 4) << wams.out << wams.err;
  EXPECT_THAT(wams.err, HasSubstr("NO_BASIS"));
}

TEST_F(CliE2eTest, TheWamsTrackFromReportToClosing) {
  ASSERT_EQ(As("almelo", {"admin", "clock", "2027-03-15T10:00:00+01:00"}).exit_code, 0);
  const Opened opened = Open("T_WIJKTEAM_MDO", "999990044", "mediant", "P_MEDIANT");
  const std::string& casus = opened.casus;
  Must("mediant", {"wams", "report", "--casus", casus, "--kind", "PROFESSIONAL", "--text", "debts",
                   "--reference", "M-1"});
  Must("wams", {"wams", "report", "--casus", casus, "--kind", "HULPVRAAG", "--text", "help",
                "--reference", "W-1"});
  Must("wams", {"wams", "stage", "--casus", casus, "--to", "TRIAGE"});
  const CliRun early = As("wams", {"wams", "inquire", "--casus", casus, "--task", "T1", "--date",
                                   "2027-03-01", "--with", "betrokkene", "--reason", "debts"});
  EXPECT_EQ(early.exit_code, 4);
  EXPECT_THAT(early.err, HasSubstr("NOT_INFORMED"));
  Must("wams", {"wams", "inform", "--casus", casus, "--whom", "REPORTED", "--date", "2027-03-14"});
  Must("wams",
       {"wams", "inform", "--casus", casus, "--whom", "REPORTER", "--date", "2027-03-14",
        "--postpone", "danger", "--owner", "coordinator-02", "--review-date", "2027-04-01"});
  Must("wams", {"wams", "inquire", "--casus", casus, "--task", "T1", "--date", "2027-03-01",
                "--with", "betrokkene", "--reason", "debts"});
  Must("wams", {"wams", "record", "samenspraak", "--casus", casus, "--date", "2027-03-02", "--with",
                "betrokkene"});
  Must("wams", {"wams", "record", "outcome", "--casus", casus, "--date", "2027-03-10", "--name",
                "J. Nijhof", "--domain", "WONEN", "--domain", "SCHULDEN", "--act", "WMO",
                "--coordination-useful"});
  Must("wams", {"wams", "record", "agreement", "--casus", casus, "--date", "2027-03-12"});
  Must("wams", {"wams", "stage", "--casus", casus, "--to", "AANPAK_PLAN"});
  const auto track =
      nlohmann::json::parse(Must("wams", {"--json", "wams", "show", casus}), nullptr, false);
  ASSERT_TRUE(track.is_object());
  EXPECT_EQ(track["stage"], "AANPAK_PLAN");
  EXPECT_EQ(track["task"], "T3");
  EXPECT_EQ(track["reports"], 2);
  EXPECT_EQ(track["reported_informed"], "GEINFORMEERD");
  EXPECT_EQ(track["reporter_informed"], "UITGESTELD");
  EXPECT_EQ(track["outcome"], true);
  EXPECT_EQ(As("almelo", {"wams", "show", casus}).exit_code, 4);
  Must("wams", {"wams", "take-back", "--casus", casus, "--part", "OUTCOME"});
  const CliRun stopped =
      As("wams", {"wams", "stage", "--casus", casus, "--to", "AANPAK_UITVOERING"});
  EXPECT_EQ(stopped.exit_code, 4);
  EXPECT_THAT(stopped.err, HasSubstr("NO_WAMS_OUTCOME"));
  Must("wams", {"wams", "stage", "--casus", casus, "--to", "AFSLUITING", "--reason", "moved away"});
  EXPECT_EQ(Must("wams", {"-q", "wams", "show", casus}), "AFSLUITING");
  ASSERT_EQ(As("almelo", {"admin", "clock", kNow}).exit_code, 0);
}

TEST_F(CliE2eTest, TheFirstLawfulRelease) {
  const Opened harm = Open("K_MELDPUNT", "999990007", "politie", "P_POLITIE_ON");
  Must("politie",
       {"fact", "record", "--casus", harm.casus, "--reference", "PL0500-2026-1121", "--file", "-"},
       R"({"report": {"person": ")" + harm.theirs +
           R"(", "kind": "ZORG_ZONDER_HULPVRAAG", "status": "OPEN", "date": "2026-11-21"}})");
  const auto deposit = [&](std::vector<std::string> value) {
    std::vector<std::string> arguments = {
        "-q",         "deposit",   "put",          "--person",   harm.theirs,
        "--labels",   "FACT/NONE", "--value-date", "2026-11-21", "--first-processed",
        "2026-11-21", "--end",     "2027-10-31"};
    arguments.insert(arguments.end(), value.begin(), value.end());
    return Must("politie", arguments);
  };
  deposit({"--field", "voornamen", "--text", "Harm"});
  deposit({"--field", "geboortedatum", "--date", "1968-03-14"});
  deposit({"--field", "zorgmelding_soort", "--token", "NAZ"});
  const std::string summary =
      deposit({"--field", "zorgmelding_samenvatting", "--text", "Roept 's nachts op straat."});
  deposit({"--field", "politie_incidenten_art8_12mnd", "--list", "--json-value",
           R"({"datum": "2026-09-20", "soort": "overlast"})"});

  const std::vector<std::string> ask = {"request",
                                        "--casus",
                                        harm.casus,
                                        "--person",
                                        harm.person,
                                        "--tafel",
                                        "K_MELDPUNT",
                                        "--purpose",
                                        "D03",
                                        "--source",
                                        "P_POLITIE_ON/POLITIE",
                                        "--motivation",
                                        "to judge which help is needed"};
  const auto asking = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = ask;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };

  const CliRun all = As("almelo", asking({"--field", "voornamen", "--field", "zorgmelding_soort"}));
  EXPECT_EQ(all.exit_code, 0) << all.out << all.err;
  EXPECT_THAT(all.out, ::testing::ContainsRegex("voornamen +RELEASE +Harm +2026-11-21, FACT/NONE"));
  EXPECT_THAT(all.out, HasSubstr("Wpg 18 lid 2"));
  EXPECT_THAT(all.out, HasSubstr("LABELS_MEE"));
  EXPECT_THAT(all.out, ::testing::ContainsRegex("receipt +entry [0-9]+ of the log, verified"));

  const CliRun some = As(
      "almelo",
      asking({"--proof-file", "mixed.tlog-proof", "--field", "geboortedatum", "--field",
              "politie_incidenten_art8_12mnd", "--field", "telefoonnummer", "--field",
              "verdenking_lopend_onderzoek_art9", "--field", "strafzaak_status=is there a case"}));
  EXPECT_EQ(some.exit_code, 3) << some.out << some.err;
  EXPECT_THAT(some.out, HasSubstr("1968-03-14"));
  EXPECT_THAT(some.out, HasSubstr("overlast"));
  EXPECT_THAT(some.out, HasSubstr("the source holds no value"));
  EXPECT_THAT(some.out, HasSubstr("POLICE_ARTICLE_EXCLUDED"));
  EXPECT_THAT(some.out, HasSubstr("NO_GRANT"));
  EXPECT_EQ(RunCli({"audit", "verify-proof", "mixed.tlog-proof", "--log-key-file", "log.vkey"},
                   {.directory = Home()})
                .exit_code,
            0);

  const CliRun dry = As("almelo", asking({"--dry-run", "--json", "--field", "voornamen"}));
  EXPECT_EQ(dry.exit_code, 0) << dry.out << dry.err;
  const auto answer = nlohmann::json::parse(dry.out, nullptr, false);
  ASSERT_TRUE(answer.is_object()) << dry.out;
  EXPECT_EQ(answer["validate_only"], true);
  EXPECT_EQ(answer["fields"][0]["outcome"], "RELEASE");
  EXPECT_TRUE(answer["fields"][0]["content"].is_null());
  EXPECT_EQ(answer["proof"]["verified"], true);
  EXPECT_THAT(dry.out, Not(HasSubstr("Harm")));

  // A value that was taken away, and one that was corrected.
  Must("politie", {"deposit", "withdraw", "--deposit", summary});
  EXPECT_THAT(Must("almelo", asking({"--field", "zorgmelding_samenvatting"})),
              HasSubstr("the source holds no value"));

  // The same request again is done once, and says so.
  const std::vector<std::string> again =
      asking({"--request-id", "0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d", "--field", "voornamen"});
  Must("almelo", again);
  EXPECT_THAT(Must("almelo", again), HasSubstr("repeats"));
}

// Whether Mediant knows somebody cannot be seen, on the screen and in the JSON alike.
TEST_F(CliE2eTest, NeitherConfirmedNorDeniedLooksTheSame) {
  const Opened known = Open("T_WIJKTEAM_MDO", "999990019", "mediant", "P_MEDIANT");
  const Opened unknown = Open("T_WIJKTEAM_MDO", "999990020", "mediant", "P_MEDIANT");
  Must("mediant", {"deposit", "put", "--person", known.theirs, "--field", "behandelaar_contact",
                   "--text", "het team, 0546-555000", "--value-date", "2026-10-01",
                   "--first-processed", "2026-10-01", "--end", "2027-05-01"});
  const auto ask = [](const Opened& about, const std::vector<std::string>& more) {
    for (const char* const deelnemer : {"P_ALMELO/GEM_COLLEGE_WMO", "P_MEDIANT/GGZ"}) {
      As("almelo", {"casus", "add-deelnemer", "--casus", about.casus, "--tafel", "T_WIJKTEAM_MDO",
                    "--deelnemer", deelnemer, "--from", "2026-11-23"});
    }
    std::vector<std::string> arguments = {"request",
                                          "--casus",
                                          about.casus,
                                          "--person",
                                          about.person,
                                          "--tafel",
                                          "T_WIJKTEAM_MDO",
                                          "--purpose",
                                          "D02",
                                          "--source",
                                          "P_MEDIANT/GGZ",
                                          "--motivation",
                                          "for guidance to care",
                                          "--field",
                                          "in_zorg_indicatie",
                                          "--field",
                                          "behandelaar_contact"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CliRun run = As("almelo", arguments);
    EXPECT_EQ(run.exit_code, 3) << run.out << run.err;
    return run.out;
  };
  const auto without_receipt = [](const std::string& out) {
    return std::regex_replace(out, std::regex("receipt .*"), "");
  };
  const std::string seen = ask(known, {});
  EXPECT_THAT(seen, ::testing::ContainsRegex("behandelaar_contact +NCND +NCND"));
  EXPECT_THAT(seen, Not(HasSubstr("nearest lawful route")));
  EXPECT_EQ(without_receipt(seen), without_receipt(ask(unknown, {})));
  const auto fields = [&](const Opened& about) {
    return nlohmann::json::parse(ask(about, {"--json"}), nullptr, false)["fields"].dump();
  };
  EXPECT_EQ(fields(known), fields(unknown));
}

TEST_F(CliE2eTest, AnOfficerTakesTheLogHomeAndVerifiesIt) {
  const std::string found = Must("toezicht", {"audit", "search", "--usage", "LAWFULNESS_CONTROL",
                                              "--kind", "PROFESSIONAL_PUT"});
  EXPECT_THAT(found, HasSubstr("P_ALMELO"));
  Must("toezicht", {"audit", "checkpoint", "-o", "kept.checkpoint"});
  Must("toezicht", {"audit", "export", "exported", "--usage", "INTEGRITY_SECURITY"});
  const CliRun good = RunCli({"audit", "verify", "exported", "--log-key-file", "log.vkey",
                              "--known-checkpoint", "kept.checkpoint", "--json"},
                             {.directory = Home()});
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  const auto report = nlohmann::json::parse(good.out, nullptr, false);
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report["records"]["opened"], report["size"]);
  EXPECT_GE(report["records"]["callers"], 4);
  // Nobody but the officer reads the records.
  EXPECT_EQ(std::filesystem::status(Home() / "exported.records.jsonl").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  // Nothing is written over.
  EXPECT_EQ(
      As("toezicht", {"audit", "export", "exported", "--usage", "INTEGRITY_SECURITY"}).exit_code,
      2);

  EXPECT_THAT(Must("toezicht", {"audit", "read", "1", "2", "--usage", "INTERNAL_CONTROL"}),
              HasSubstr("PROFESSIONAL_PUT"));
  EXPECT_EQ(Must("almelo", {"-q", "audit", "proof", "1", "-o", "1.tlog-proof"}), "1.tlog-proof");
  EXPECT_EQ(RunCli({"audit", "verify-proof", "1.tlog-proof", "--log-key-file", "log.vkey"},
                   {.directory = Home()})
                .exit_code,
            0);
  // Who does not supervise reads what concerns it, and not the whole.
  EXPECT_EQ(As("almelo", {"audit", "search", "--usage", "INTERNAL_CONTROL"}).exit_code, 0);
  const CliRun refused = As("almelo", {"audit", "read", "1", "--usage", "INTERNAL_CONTROL"});
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_THAT(refused.err, HasSubstr("NOT_AUTHORISED_PERSON"));
  EXPECT_EQ(As("toezicht", {"audit", "search", "--usage", "CURIOSITY"}).exit_code, 2);
}

TEST_F(CliE2eTest, WhatGoesWrongIsToldByReasonAndCode) {
  // Malformed: the element at fault.
  const CliRun tafel =
      As("almelo", {"casus", "open", "--tafel", "K_NERGENS", "--phase", "AVE_2", "--municipality",
                    "Almelo", "--domain", "ZORG", "--first-processed", "2026-11-21"});
  EXPECT_EQ(tafel.exit_code, 2);
  EXPECT_THAT(tafel.err, HasSubstr("sluis: MALFORMED: "));
  EXPECT_THAT(tafel.err, HasSubstr("field: tafel"));
  EXPECT_EQ(tafel.out, "");
  // Refused.
  const CliRun hat = As("almelo", {"--hat", "OM", "casus", "open", "--tafel", "K_MELDPUNT",
                                   "--phase", "AVE_2", "--municipality", "Almelo", "--domain",
                                   "ZORG", "--first-processed", "2026-11-21"});
  EXPECT_EQ(hat.exit_code, 4);
  EXPECT_THAT(hat.err, HasSubstr("NOT_AUTHORISED_PERSON"));
  const CliRun nothing =
      As("almelo", {"--json", "casus", "get", "00000000-0000-4000-8000-000000000000"});
  EXPECT_EQ(nothing.exit_code, 4);
  EXPECT_EQ(nlohmann::json::parse(nothing.err, nullptr, false)["error"]["reason"], "NOT_IN_CASUS");
  // Nobody there, and somebody else's certificate below other roots.
  const CliRun nobody = As("almelo", {"--server", "127.0.0.1:1", "casus", "list"});
  EXPECT_EQ(nobody.exit_code, 5);
  EXPECT_THAT(nobody.err, HasSubstr("BROKER_UNREACHABLE"));
  EXPECT_EQ(As("almelo", {"--server-name", "other.example", "casus", "list"}).exit_code, 5);
  // The right broker, but not the log that we were told of.
  const auto other_key = audit::SigningKey::Generate("sluis.localhost/log");
  ASSERT_THAT(other_key, IsOk());
  const CliRun other_log =
      As("almelo", {"--state", "other.checkpoint", "--log-key", other_key->verifier().ToString(),
                    "professional", "put", "x", "--may-act-as", "GEM_COLLEGE_WMO"});
  EXPECT_EQ(other_log.exit_code, 6) << other_log.err;
  EXPECT_THAT(other_log.err, HasSubstr("NOTE_UNKNOWN_KEY"));
  EXPECT_EQ(other_log.out, "");
  // No key file of another partij fits.
  const CliRun key = As("almelo", {"--key", "pki/partij/P_MEDIANT/key.pem", "casus", "list"});
  EXPECT_EQ(key.exit_code, 2);
  EXPECT_THAT(key.err, HasSubstr("KEY_MISMATCH"));
  for (const CliRun& run : {tafel, hat, nobody, key})
    EXPECT_THAT(run.err, Not(HasSubstr("PRIVATE KEY")));
}

TEST_F(CliE2eTest, ThePolicyIsReloaded) {
  EXPECT_THAT(Must("almelo", {"admin", "reload"}), HasSubstr("In force: policy "));
  daemon_->WriteSwitches("rows { row: \"G_BESTAAT_NIET\" from: \"2021-12-01\" source: \"x\" }\n");
  const CliRun bad = As("almelo", {"admin", "reload"});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.err, HasSubstr("POLICY_INVALID"));
}

}  // namespace
}  // namespace sluis::testing
