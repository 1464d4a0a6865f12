#include "sequence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::client::internal {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::Status End(SequenceTracker& tracker, SequenceTracker::Ticket ticket,
                 std::vector<uint64_t> numbers, uint64_t unheard = 0, bool tell = true) {
  return tracker.End(ticket, {numbers, unheard, tell});
}

absl::Status Call(SequenceTracker& tracker, uint64_t number) {
  return End(tracker, tracker.Begin(), {number});
}

class SequenceTest : public ::testing::Test {
 protected:
  SequenceTracker tracker_{Sequence::kOnlyClient};
};

TEST_F(SequenceTest, NumbersThatFollowAreFine) {
  EXPECT_THAT(Call(tracker_, 40), IsOk());
  EXPECT_THAT(Call(tracker_, 41), IsOk());
  EXPECT_THAT(Call(tracker_, 42), IsOk());
  EXPECT_EQ(tracker_.Report().first, 40U);
  EXPECT_EQ(tracker_.Report().newest, 42U);
  EXPECT_THAT(tracker_.Report().missing, IsEmpty());
}

TEST_F(SequenceTest, AGapNamesTheNumbersOnce) {
  EXPECT_THAT(Call(tracker_, 40), IsOk());
  const absl::Status gap = Call(tracker_, 43);
  EXPECT_THAT(gap, IsError(absl::StatusCode::kDataLoss, "SEQUENCE_GAP"));
  EXPECT_EQ(MetadataOf(gap)["missing"], "41-42");
  EXPECT_THAT(Call(tracker_, 44), IsOk());
  EXPECT_THAT(tracker_.Report().missing, ElementsAre(41, 42));
}

TEST_F(SequenceTest, AnswersInAnyOrderAreFine) {
  EXPECT_THAT(Call(tracker_, 1), IsOk());
  const auto a = tracker_.Begin();
  const auto b = tracker_.Begin();
  const auto c = tracker_.Begin();
  EXPECT_THAT(End(tracker_, c, {4}), IsOk());
  EXPECT_THAT(End(tracker_, a, {2}), IsOk());
  EXPECT_THAT(End(tracker_, b, {3}), IsOk());
  EXPECT_THAT(tracker_.Report().missing, IsEmpty());
}

TEST_F(SequenceTest, TheFirstAnswersToComeMayBeOutOfOrder) {
  const auto a = tracker_.Begin();
  const auto b = tracker_.Begin();
  EXPECT_THAT(End(tracker_, b, {8}), IsOk());
  EXPECT_THAT(End(tracker_, a, {7}), IsOk());
  EXPECT_EQ(tracker_.Report().first, 7U);
}

TEST_F(SequenceTest, AGapIsCertainOnceNoCallCanFillIt) {
  EXPECT_THAT(Call(tracker_, 1), IsOk());
  const auto early = tracker_.Begin();
  EXPECT_THAT(Call(tracker_, 3), IsOk());  // 2 may be that of the early one
  EXPECT_THAT(Call(tracker_, 4), IsOk());
  const absl::Status gap = End(tracker_, early, {5});
  EXPECT_THAT(gap, IsError(absl::StatusCode::kDataLoss, "SEQUENCE_GAP"));
  EXPECT_EQ(MetadataOf(gap)["missing"], "2");
}

TEST_F(SequenceTest, ACallThatBeganLaterCannotFillAGap) {
  EXPECT_THAT(Call(tracker_, 1), IsOk());
  const auto early = tracker_.Begin();
  EXPECT_THAT(Call(tracker_, 4), IsOk());
  // Whoever begins after 4 was seen gets more than 4.
  EXPECT_THAT(Call(tracker_, 2), IsError(absl::StatusCode::kDataLoss, "SEQUENCE_REPEATED"));
  EXPECT_THAT(End(tracker_, early, {2}), IsError(absl::StatusCode::kDataLoss, "SEQUENCE_GAP"));
}

TEST_F(SequenceTest, ANumberThatComesTwiceIsAnError) {
  EXPECT_THAT(Call(tracker_, 1), IsOk());
  const auto a = tracker_.Begin();
  const auto b = tracker_.Begin();
  EXPECT_THAT(End(tracker_, a, {2}), IsOk());
  const absl::Status repeated = End(tracker_, b, {2});
  EXPECT_THAT(repeated, IsError(absl::StatusCode::kDataLoss, "SEQUENCE_REPEATED"));
  EXPECT_EQ(MetadataOf(repeated)["number"], "2");
}

TEST_F(SequenceTest, ACallWithoutEndExcusesOneNumber) {
  EXPECT_THAT(Call(tracker_, 1), IsOk());
  EXPECT_THAT(End(tracker_, tracker_.Begin(), {}, 1, false), IsOk());
  EXPECT_THAT(Call(tracker_, 3), IsOk());
  EXPECT_THAT(tracker_.Report().missing, ElementsAre(2));
  EXPECT_THAT(Call(tracker_, 5), IsError(absl::StatusCode::kDataLoss, "SEQUENCE_GAP"));
}

TEST_F(SequenceTest, WhoCannotBeToldLeavesTheGapToTheNext) {
  EXPECT_THAT(Call(tracker_, 1), IsOk());
  EXPECT_THAT(End(tracker_, tracker_.Begin(), {3}, 0, false), IsOk());
  EXPECT_THAT(Call(tracker_, 4), IsError(absl::StatusCode::kDataLoss, "SEQUENCE_GAP"));
}

TEST_F(SequenceTest, AnEarlierEntryFillsItsPlace) {
  EXPECT_THAT(Call(tracker_, 1), IsOk());
  EXPECT_THAT(End(tracker_, tracker_.Begin(), {}, 1, false), IsOk());
  EXPECT_THAT(Call(tracker_, 3), IsOk());
  tracker_.Seen(2);
  EXPECT_THAT(tracker_.Report().missing, IsEmpty());
  tracker_.Seen(2);  // as often as it is repeated
  EXPECT_THAT(Call(tracker_, 4), IsOk());
}

TEST_F(SequenceTest, WhoIsNoPartijHasNoNumbers) {
  EXPECT_THAT(Call(tracker_, 0), IsOk());
  EXPECT_THAT(Call(tracker_, 0), IsOk());
  EXPECT_EQ(tracker_.Report().newest, 0U);
}

TEST(SharedSequenceTest, GapsAreNormalAndRepeatsAreNot) {
  SequenceTracker tracker(Sequence::kSharedByMore);
  EXPECT_THAT(Call(tracker, 10), IsOk());
  EXPECT_THAT(Call(tracker, 2'000'000'000'000), IsOk());
  EXPECT_EQ(tracker.Report().missing.size(), 1024U);
  EXPECT_THAT(Call(tracker, 9), IsError(absl::StatusCode::kDataLoss, "SEQUENCE_REPEATED"));
}

// ---- Another life ----

TEST_F(SequenceTest, AnEntryWhileNobodyRanIsSeen) {
  tracker_.Restore(42, /*complete=*/true);
  const absl::Status gap = Call(tracker_, 44);
  EXPECT_THAT(gap, IsError(absl::StatusCode::kDataLoss, "SEQUENCE_GAP"));
  EXPECT_EQ(MetadataOf(gap)["missing"], "43");
  EXPECT_THAT(Call(tracker_, 45), IsOk());
}

TEST_F(SequenceTest, WhatFollowsTheLastLifeIsFine) {
  tracker_.Restore(42, /*complete=*/true);
  EXPECT_THAT(Call(tracker_, 43), IsOk());
  EXPECT_THAT(tracker_.Report().missing, IsEmpty());
}

TEST_F(SequenceTest, ANumberOfAnEarlierLifeIsARepeat) {
  for (const bool complete : {true, false}) {
    SequenceTracker tracker(Sequence::kSharedByMore);
    tracker.Restore(42, complete);
    EXPECT_THAT(Call(tracker, 42), IsError(absl::StatusCode::kDataLoss, "SEQUENCE_REPEATED"));
    EXPECT_THAT(Call(tracker, 7), IsError(absl::StatusCode::kDataLoss, "SEQUENCE_REPEATED"));
  }
}

TEST_F(SequenceTest, ALifeThatWasTornOffExplainsTheNextGapOnly) {
  tracker_.Restore(42, /*complete=*/false);
  EXPECT_THAT(Call(tracker_, 45), IsOk());
  EXPECT_THAT(tracker_.Report().missing, ElementsAre(43, 44));
  EXPECT_THAT(Call(tracker_, 47), IsError(absl::StatusCode::kDataLoss, "SEQUENCE_GAP"));
}

TEST_F(SequenceTest, ALifeIsCompleteWhenEveryCallEndedAndWasHeard) {
  EXPECT_EQ(tracker_.standing().newest, 0U);
  EXPECT_THAT(Call(tracker_, 1), IsOk());
  EXPECT_EQ(tracker_.standing().newest, 1U);
  EXPECT_TRUE(tracker_.standing().complete);
  const auto call = tracker_.Begin();
  EXPECT_FALSE(tracker_.standing().complete);
  EXPECT_THAT(End(tracker_, call, {}, 1, false), IsOk());
  EXPECT_FALSE(tracker_.standing().complete) << "it may have made an entry";
  EXPECT_THAT(Call(tracker_, 3), IsOk());
  EXPECT_TRUE(tracker_.standing().complete) << "and it was that one";
  SequenceTracker torn(Sequence::kOnlyClient);
  torn.Restore(42, /*complete=*/false);
  EXPECT_FALSE(torn.standing().complete) << "nothing was learnt since";
}

}  // namespace
}  // namespace sluis::client::internal
