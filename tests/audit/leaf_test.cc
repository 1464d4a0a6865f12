#include "sluis/audit/leaf.h"

#include <limits>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "naive_tree.h"

#include "sluis/audit/merkle.h"
#include "sluis/base/bytes.h"
#include "sluis/base/uuid.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::audit {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;

const auto kMalformed = IsError(absl::StatusCode::kInvalidArgument, "LEAF_MALFORMED");

Leaf SomeLeaf() {
  return {.event_id = *Uuid::Parse("0190c0de-0000-7000-8000-0123456789ab"),
          .kind = 3,
          .time_us = 1772323200000001,
          .partij_seq = 42,
          .request = HashRequest("request"),
          .answer = HashAnswer("answer"),
          .commitment = CommitRecord(*Salt::FromBytes(std::string(32, 's')), "record")};
}

// docs/formats/log.md shows these bytes: they never change.
TEST(LeafTest, HasTheDocumentedLayout) {
  EXPECT_EQ(HexEncode(EncodeLeaf(SomeLeaf())),
            "534c5549534c4601"
            "0190c0de0000700080000123456789ab"
            "03"
            "00064beb26c36001"
            "000000000000002a"
            "8081dd38c3362e3f672f64bb66661a068d280fae53f0aa5d4baa85c6d24fa201"
            "112662cd792a7dca2473f309dcc4f6dd9e56f089881e8df007c0282106d25ad0"
            "27982d14ca1911ca8e5bc635b6efd68fe35092cec32439bfe863208674485b26");
  EXPECT_EQ(HexEncode(LeafHash(EncodeLeaf(SomeLeaf())).bytes()),
            "114756b58b2c75aa5a541aed1c971d51822fe904bd9911f536a3848f9411ddd3");
}

TEST(LeafTest, RoundTrips) {
  Leaf leaf = SomeLeaf();
  EXPECT_EQ(*DecodeLeaf(EncodeLeaf(leaf)), leaf);
  for (const int64_t time : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
                             std::numeric_limits<int64_t>::max()}) {
    leaf.time_us = time;
    leaf.kind = 255;
    leaf.partij_seq = std::numeric_limits<uint64_t>::max();
    EXPECT_EQ(*DecodeLeaf(EncodeLeaf(leaf)), leaf);
  }
  EXPECT_EQ(*DecodeLeaf(EncodeLeaf(Leaf())), Leaf());
}

TEST(LeafTest, EveryBitCounts) {
  const std::string bytes = EncodeLeaf(SomeLeaf());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::string flipped = FlipBit(bytes, bit);
    const auto leaf = DecodeLeaf(flipped);
    if (bit < 64) {
      ASSERT_THAT(leaf, kMalformed) << bit;  // magic and version
    } else {
      ASSERT_THAT(leaf, IsOk());
      ASSERT_NE(*leaf, SomeLeaf()) << bit;
      ASSERT_EQ(EncodeLeaf(*leaf), flipped);
    }
  }
}

TEST(LeafTest, OtherLengthsAreRefused) {
  const std::string bytes = EncodeLeaf(SomeLeaf());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodeLeaf(bytes.substr(0, size)), kMalformed);
  }
  EXPECT_THAT(DecodeLeaf(bytes + '\0'), kMalformed);
}

TEST(LeafTest, TheHashesStandForDifferentThings) {
  const Salt salt = *Salt::FromBytes(std::string(32, 's'));
  EXPECT_EQ(CommitRecord(salt, "record"),
            Sha256({"sluis/audit/record/v1\n", std::string(32, 's'), "record"}));
  EXPECT_EQ(HashRequest("x"), Sha256({"sluis/audit/request/v1\n", "x"}));
  EXPECT_EQ(HashAnswer("x"), Sha256({"sluis/audit/answer/v1\n", "x"}));
  EXPECT_EQ(CommitValue(salt, "x"), Sha256({"sluis/audit/value/v1\n", std::string(32, 's'), "x"}));
  EXPECT_EQ(CommitTexts(salt, "x"), Sha256({"sluis/audit/texts/v1\n", std::string(32, 's'), "x"}));
  EXPECT_NE(HashRequest("x"), HashAnswer("x"));
  EXPECT_NE(CommitRecord(salt, "record"),
            CommitRecord(*Salt::FromBytes(std::string(32, 't')), "record"));
}

TEST(SaltTest, IsRandomOrGiven) {
  const auto a = Salt::Generate();
  const auto b = Salt::Generate();
  ASSERT_THAT(a, IsOk());
  EXPECT_NE(a->bytes(), b->bytes());
  EXPECT_EQ(*Salt::FromBytes(a->bytes()), *a);
  EXPECT_THAT(Salt::FromBytes("short"),
              IsError(absl::StatusCode::kInvalidArgument, "SALT_MALFORMED"));
}

}  // namespace
}  // namespace sluis::audit
