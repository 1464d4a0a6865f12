// `sluis policy test|explain|replay|sign|verify` as their users run them.

#include <filesystem>
#include <string>
#include <vector>

#include "cli.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sluis/audit/digest.h"
#include "sluis/audit/note.h"
#include "sluis/base/bytes.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/policy/cases.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/record.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kStatute = SLUIS_SOURCE_DIR "/policy/documents/statute.textproto";
const std::string kConvenant = SLUIS_SOURCE_DIR "/policy/documents/ave-twente.textproto";
const std::string kTexts = SLUIS_SOURCE_DIR "/policy/documents/texts.textproto";
const std::string kCases = SLUIS_SOURCE_DIR "/tests/policy/cases";
const std::string kDebts = kCases + "/schuldhulp.textproto";

class PolicyToolsTest : public ::testing::Test {
 protected:
  // A copy of the cases on debts with one text replaced by another.
  std::string Changed(const std::string& from, const std::string& to) {
    std::string text = ReadFile(kDebts);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    WriteFile(directory_.File("changed.textproto"), text);
    return directory_.File("changed.textproto");
  }

  TempDir directory_;
};

TEST_F(PolicyToolsTest, TestRunsTheCasesAndCountsGaps) {
  const CliRun run = RunCli({"policy", "test", kStatute, kConvenant, kDebts});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("of which 0 decide otherwise than written"),
                    HasSubstr("grant M10: no case permits"), Not(HasSubstr("grant M70:"))));
  // Gaps count when asked for.
  EXPECT_EQ(
      RunCli({"policy", "test", kStatute, kConvenant, kDebts, "--require-coverage"}).exit_code, 9);
}

TEST_F(PolicyToolsTest, TestShowsWhatDiffersAndWhere) {
  const std::string file =
      Changed("outcome: RELEASE code: RELEASED", "outcome: REFUSE code: NO_GRANT");
  const CliRun run = RunCli({"policy", "test", kStatute, kConvenant, file});
  EXPECT_EQ(run.exit_code, 9);
  EXPECT_THAT(run.out, AllOf(HasSubstr("FAIL"), HasSubstr("changed.textproto:"),
                             HasSubstr("outcome is RELEASE, expected REFUSE")));
  const CliRun broken =
      RunCli({"policy", "test", kStatute, kConvenant, Changed("cases {", "case {")});
  EXPECT_EQ(broken.exit_code, 7);
  EXPECT_THAT(broken.out, HasSubstr("SYNTAX"));
}

TEST_F(PolicyToolsTest, TheIndexLeadsFromARuleToItsTests) {
  const CliRun run = RunCli({"policy", "test", kStatute, kConvenant, kCases, "--index"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("R-A-15"), HasSubstr("politie.textproto:")));
  const auto json = nlohmann::json::parse(
      RunCli({"--json", "policy", "test", kStatute, kConvenant, kCases, "--index"}).out);
  EXPECT_TRUE(json["good"].get<bool>());
  EXPECT_FALSE(json["index"]["rules"]["R-A-15"]["permits"].empty());
  EXPECT_FALSE(json["index"]["grants"]["M10"]["denies"].empty());
}

TEST_F(PolicyToolsTest, ExplainShowsTheSteps) {
  const std::vector<std::string> command{"policy", "explain", kStatute,  kConvenant, kDebts,
                                         "--case", "M75",     "--texts", kTexts};
  std::vector<std::string> permit = command;
  permit.insert(permit.end(), {"--step", "permit"});
  const CliRun officer = RunCli(permit);
  EXPECT_EQ(officer.exit_code, 0) << officer.err;
  EXPECT_THAT(officer.out, AllOf(HasSubstr("Gates"), HasSubstr("* M75 / G_WGSH_8D")));
  permit.emplace_back("--requester");
  EXPECT_THAT(RunCli(permit).out, Not(HasSubstr("Gates")));
  std::vector<std::string> deny = command;
  deny.insert(deny.end(), {"--step", "deny-no-reason"});
  EXPECT_EQ(RunCli(deny).exit_code, 3);
  // Which of the steps?
  EXPECT_EQ(RunCli(command).exit_code, 2);
}

// A records file as `sluis audit export` writes it, of one step.
class PolicyReplayTest : public PolicyToolsTest {
 protected:
  void SetUp() override {
    const auto document =
        *policy::ParseDocument<policy::v1::PolicyCases>(kDebts, ReadFile(kDebts)).document;
    const auto policy = ReferencePolicy();
    const auto decision = std::make_unique<policy::Decision>();
    for (const auto& message : document.message().cases()) {
      if (message.id() != "M75") continue;
      const auto steps = policy::ExpandCase(message);
      ASSERT_TRUE(steps.ok());
      const policy::ExpandedStep& step = steps->front();
      const auto& asked = step.step->request();
      policy::Request request;
      policy::InternRequest(*policy, asked, request);
      ASSERT_TRUE(
          policy::DecideMessages(*policy, *step.facts, asked, step.now, step.today, *decision)
              .ok());
      record_.set_caller(asked.partij());
      record_.set_acting_hat(asked.acting_hat());
      record_.set_local_date(step.today.days());
      record_.set_policy_hash(std::string(audit::Sha256({policy->canonical()}).bytes()));
      policy::WriteDecision(*policy, request, *decision, false, *record_.mutable_decision());
    }
    ASSERT_TRUE(record_.has_decision());
  }
  std::string Records() {
    const std::string line = R"({"index":7,"salt":")" + Base64Encode(std::string(32, 's')) +
                             R"(","record":")" + Base64Encode(record_.SerializeAsString()) +
                             "\"}\n";
    WriteFile(directory_.File("records.jsonl"), line);
    return directory_.File("records.jsonl");
  }
  log::v1::Record record_;
};

TEST_F(PolicyReplayTest, AgreesUnderItsOwnPolicy) {
  const CliRun run = RunCli({"policy", "replay", kStatute, kConvenant, Records()});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  record_.mutable_decision()->mutable_fields(0)->set_outcome(policy::v1::FieldOutcome::REFUSE);
  const CliRun changed = RunCli({"policy", "replay", kStatute, kConvenant, Records()});
  EXPECT_EQ(changed.exit_code, 9);
  EXPECT_THAT(changed.out, AllOf(HasSubstr("entry 7"), HasSubstr("-> RELEASE RELEASED M75")));
}

TEST_F(PolicyReplayTest, AnotherPolicyShowsWhatItWouldChange) {
  std::string convenant = ReadFile(kConvenant);
  const size_t at = convenant.find("id: \"M75\"");
  ASSERT_NE(at, std::string::npos);
  convenant.replace(at, 9, "id: \"M75A\"");
  WriteFile(directory_.File("other.textproto"), convenant);
  const std::string records = Records();
  const CliRun skipped =
      RunCli({"policy", "replay", kStatute, directory_.File("other.textproto"), records});
  EXPECT_EQ(skipped.exit_code, 0);
  EXPECT_THAT(skipped.out, HasSubstr("skipped 1 decision"));
  const CliRun what_if = RunCli(
      {"policy", "replay", kStatute, directory_.File("other.textproto"), records, "--what-if"});
  EXPECT_EQ(what_if.exit_code, 0);
  EXPECT_THAT(what_if.out, HasSubstr("M75A"));
  WriteFile(directory_.File("broken.jsonl"), "{}\n");
  EXPECT_EQ(
      RunCli({"policy", "replay", kStatute, kConvenant, directory_.File("broken.jsonl")}).exit_code,
      2);
}

TEST_F(PolicyToolsTest, SignAndVerify) {
  const auto key = audit::SigningKey::Generate("P_MEDIANT");
  ASSERT_TRUE(key.ok());
  const auto pem = key->ToPem();
  ASSERT_TRUE(pem.ok());
  WriteFile(directory_.File("mediant.pem"), pem->Reveal());
  WriteFile(directory_.File("partij-keys"), "# one so far\n" + key->verifier().ToString() + "\n");
  const std::string signatures = directory_.File("signatures");
  const std::vector<std::string> verify{
      "policy",     "verify",       kStatute,   kConvenant,      "--date",
      "2026-11-23", "--signatures", signatures, "--partij-keys", directory_.File("partij-keys")};
  std::filesystem::create_directory(signatures);
  EXPECT_THAT(RunCli(verify).out, HasSubstr("P_MEDIANT has not signed"));
  const CliRun signed_now =
      RunCli({"policy", "sign", kStatute, kConvenant, "--partij", "P_MEDIANT", "--signing-key",
              directory_.File("mediant.pem"), "--signatures", signatures});
  EXPECT_EQ(signed_now.exit_code, 0) << signed_now.err;
  EXPECT_THAT(signed_now.out,
              AllOf(HasSubstr("partij P_MEDIANT"), HasSubstr(key->verifier().ToString())));
  const CliRun rest = RunCli(verify);
  EXPECT_EQ(rest.exit_code, 6);
  EXPECT_THAT(rest.out, AllOf(Not(HasSubstr("P_MEDIANT has not signed")),
                              HasSubstr("P_TACTUS has not signed"), HasSubstr("1 partij")));
}

}  // namespace
}  // namespace sluis::testing
