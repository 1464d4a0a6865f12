// Two persons put a policy in force, on record, and never backwards.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/broker/broker.h"
#include "sluis/facts/facts_reader.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/test_broker.h"

namespace sluis::broker {
namespace {

using log::v1::EventKind;
using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::sluis::testing::ReferenceConvenant;
using ::sluis::testing::ReferencePolicy;
using ::sluis::testing::ReferenceStatute;
using ::sluis::testing::TempDir;
using ::sluis::testing::TestBroker;
using ::testing::ElementsAre;

CivilDate Day(const std::string& text) { return *CivilDate::Parse(text); }

absl::Time Instant(const std::string& text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
  return time;
}

// The reference convenant under another version.
std::shared_ptr<const policy::Policy> Version(const std::string& version) {
  policy::v1::Convenant convenant = ReferenceConvenant().message();
  convenant.set_version(version);
  return policy::Compile(
             ReferenceStatute(),
             policy::Document<policy::v1::Convenant>::FromMessage(std::move(convenant),
                                                                  "convenant"),
             policy::Document<policy::v1::OperatorSwitches>::FromMessage({}, "switches"))
      .policy;
}

class PolicyVersionsTest : public ::testing::Test {
 protected:
  Broker& broker() { return broker_.assembly().broker(); }
  store::Store& store() { return broker_.assembly().store(); }
  std::string InForce(const std::string& day) {
    const auto hash = PolicyHashInForce(store(), Day(day));
    EXPECT_THAT(hash.status(), IsOk());
    return hash.value_or("");
  }
  // "kind operator version" of every entry about policies.
  std::vector<std::string> Events() {
    std::vector<std::string> lines;
    const auto reader = store().Read();
    if (!reader.ok()) return {"no reader"};
    const auto entries = (*reader)->Entries(0, 1000);
    if (!entries.ok()) return {"no entries"};
    for (const auto& entry : *entries) {
      log::v1::Record record;
      EXPECT_TRUE(record.ParseFromString(entry.record));
      lines.push_back(EventKind::Id_Name(static_cast<EventKind::Id>(entry.kind)) + " " +
                      record.professional() + " " + record.convenant_version());
    }
    return lines;
  }

  const TempDir directory_;
  TestBroker broker_{directory_.path(), ReferencePolicy(), Instant("2026-11-23T10:00:00+01:00")};
  const std::shared_ptr<const policy::Policy> next_ = Version("2026-2");
  const std::string next_hash_ = PolicyHash(*next_);
};

TEST_F(PolicyVersionsTest, OneProposesAndAnotherApproves) {
  ASSERT_THAT(broker().ProposePolicy(*next_, Day("2026-12-01"), "a.jansen"), IsOk());
  EXPECT_EQ(InForce("2026-12-01"), "");
  ASSERT_THAT(broker().ApprovePolicy(next_hash_, "b.de-wit"), IsOk());
  // From its day on, not before.
  EXPECT_EQ(InForce("2026-11-30"), "");
  EXPECT_EQ(InForce("2026-12-01"), next_hash_);
  EXPECT_EQ(InForce("2027-06-01"), next_hash_);
  const auto kept = FindPolicy(store(), next_hash_);
  ASSERT_THAT(kept.status(), IsOk());
  EXPECT_EQ(kept->from, Day("2026-12-01"));
  EXPECT_EQ(kept->policy->canonical(), next_->canonical());
  EXPECT_THAT(Events(),
              ElementsAre("POLICY_PROPOSED a.jansen 2026-2", "POLICY_APPROVED b.de-wit 2026-2"));
}

TEST_F(PolicyVersionsTest, NobodyApprovesTheirOwnProposal) {
  ASSERT_THAT(broker().ProposePolicy(*next_, Day("2026-12-01"), "a.jansen"), IsOk());
  EXPECT_THAT(broker().ApprovePolicy(next_hash_, "a.jansen"),
              IsError(absl::StatusCode::kPermissionDenied, "SAME_OPERATOR"));
  EXPECT_EQ(InForce("2026-12-01"), "");
  // Proposed anew by the other, it needs somebody else again.
  ASSERT_THAT(broker().ProposePolicy(*next_, Day("2026-12-01"), "b.de-wit"), IsOk());
  EXPECT_THAT(broker().ApprovePolicy(next_hash_, "b.de-wit"),
              IsError(absl::StatusCode::kPermissionDenied, "SAME_OPERATOR"));
  EXPECT_THAT(broker().ApprovePolicy(next_hash_, "a.jansen"), IsOk());
}

TEST_F(PolicyVersionsTest, NothingWorksBackwards) {
  EXPECT_THAT(broker().ProposePolicy(*next_, Day("2026-11-22"), "a.jansen"),
              IsError(absl::StatusCode::kFailedPrecondition, "POLICY_DATE_PAST"));
  ASSERT_THAT(broker().ProposePolicy(*next_, Day("2026-11-23"), "a.jansen"), IsOk());
  // The day is over before it is approved.
  ASSERT_THAT(broker_.SetClock(Instant("2026-11-24T00:00:01+01:00")), IsOk());
  EXPECT_THAT(broker().ApprovePolicy(next_hash_, "b.de-wit"),
              IsError(absl::StatusCode::kFailedPrecondition, "POLICY_DATE_PAST"));
}

TEST_F(PolicyVersionsTest, WhatIsApprovedStands) {
  ASSERT_THAT(broker().ProposePolicy(*next_, Day("2026-12-01"), "a.jansen"), IsOk());
  ASSERT_THAT(broker().ApprovePolicy(next_hash_, "b.de-wit"), IsOk());
  EXPECT_THAT(broker().ProposePolicy(*next_, Day("2027-01-01"), "c.bos"),
              IsError(absl::StatusCode::kAlreadyExists, "POLICY_APPROVED"));
  EXPECT_THAT(broker().ApprovePolicy(next_hash_, "c.bos"),
              IsError(absl::StatusCode::kAlreadyExists, "POLICY_APPROVED"));
}

TEST_F(PolicyVersionsTest, OnlyWhatWasProposedIsApproved) {
  EXPECT_THAT(broker().ApprovePolicy(next_hash_, "b.de-wit"),
              IsError(absl::StatusCode::kNotFound, "POLICY_NOT_PROPOSED"));
  EXPECT_THAT(FindPolicy(store(), next_hash_).status(),
              IsError(absl::StatusCode::kNotFound, "POLICY_NOT_PROPOSED"));
}

TEST_F(PolicyVersionsTest, AnOperatorHasAName) {
  for (const char* name : {"", " ", "a b", "a\n", "\xc3\xa9"}) {
    EXPECT_THAT(broker().ProposePolicy(*next_, Day("2026-12-01"), name),
                IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"))
        << name;
    EXPECT_THAT(broker().ApprovePolicy(next_hash_, name),
                IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"))
        << name;
  }
  EXPECT_THAT(Events(), ElementsAre());
}

TEST_F(PolicyVersionsTest, TheLatestDayThatHasComeCounts) {
  const auto first = ReferencePolicy();
  const auto third = Version("2026-3");
  ASSERT_THAT(broker().KeepFirstPolicy(*first), IsOk());
  EXPECT_THAT(broker().KeepFirstPolicy(*third),
              IsError(absl::StatusCode::kAlreadyExists, "POLICY_APPROVED"));
  ASSERT_THAT(broker().ProposePolicy(*third, Day("2027-02-01"), "a.jansen"), IsOk());
  ASSERT_THAT(broker().ApprovePolicy(PolicyHash(*third), "b.de-wit"), IsOk());
  ASSERT_THAT(broker().ProposePolicy(*next_, Day("2027-01-01"), "a.jansen"), IsOk());
  ASSERT_THAT(broker().ApprovePolicy(next_hash_, "b.de-wit"), IsOk());
  EXPECT_EQ(InForce("2026-11-23"), PolicyHash(*first));
  EXPECT_EQ(InForce("2027-01-31"), next_hash_);
  EXPECT_EQ(InForce("2027-02-01"), PolicyHash(*third));
}

}  // namespace
}  // namespace sluis::broker
