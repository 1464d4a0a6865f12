#include "sluis/audit/checkpoint.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "naive_tree.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::audit {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;

const auto kMalformed = IsError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_MALFORMED");
constexpr std::string_view kOrigin = "sluis.example/ave-twente";

SigningKey Key() {
  return *SigningKey::FromSeed("sluis.example/ave-twente", SecretBytes(std::string(32, 'k')));
}

TEST(CheckpointTest, IsThreeLinesAndASignature) {
  const TreeHead head{20852163, Sha256({"root"})};
  const auto note = SignCheckpoint(kOrigin, head, Key());
  ASSERT_THAT(note, IsOk());
  EXPECT_TRUE(note->starts_with("sluis.example/ave-twente\n20852163\n" +
                                Base64Encode(head.root.bytes()) +
                                "\n\n— sluis.example/ave-twente "));
  EXPECT_EQ(*OpenCheckpoint(*note, kOrigin, {{Key().verifier()}}), head);
  EXPECT_EQ(*ReadCheckpointUnverified(*note, kOrigin), head);
}

TEST(CheckpointTest, SizesFromNothingToTheLargest) {
  for (const TreeHead& head : {TreeHead{0, EmptyRoot()}, TreeHead{1, Digest()},
                               TreeHead{std::numeric_limits<uint64_t>::max(), Sha256({"root"})}}) {
    const auto note = SignCheckpoint(kOrigin, head, Key());
    ASSERT_THAT(note, IsOk());
    EXPECT_EQ(*OpenCheckpoint(*note, kOrigin, {{Key().verifier()}}), head);
  }
}

TEST(CheckpointTest, ThatOfAnotherLogIsRefused) {
  const auto note = SignCheckpoint("sluis.example/other", {1, Digest()}, Key());
  const auto head = OpenCheckpoint(*note, kOrigin, {{Key().verifier()}});
  EXPECT_THAT(head, IsError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_ORIGIN"));
  EXPECT_EQ(MetadataOf(head.status()).at("origin"), "sluis.example/other");
}

TEST(CheckpointTest, TheSignatureIsJudgedBeforeTheText) {
  const auto stranger = SigningKey::FromSeed("stranger", SecretBytes(std::string(32, 's')));
  const auto note = SignNote("no checkpoint\n", *stranger);
  EXPECT_THAT(OpenCheckpoint(*note, kOrigin, {{Key().verifier()}}),
              IsError(absl::StatusCode::kFailedPrecondition, "NOTE_UNKNOWN_KEY"));
  EXPECT_THAT(OpenCheckpoint(*note, kOrigin, {{stranger->verifier()}}), kMalformed);
  EXPECT_THAT(OpenCheckpoint("no note", kOrigin, {{Key().verifier()}}),
              IsError(absl::StatusCode::kInvalidArgument, "NOTE_MALFORMED"));
}

TEST(CheckpointTest, OtherTextsAreRefused) {
  const std::string root = Base64Encode(Sha256({"root"}).bytes());
  ASSERT_THAT(ParseCheckpointBody("log\n7\n" + root + "\n"), IsOk());
  const std::vector<std::string> texts = {
      "",
      "\n\n\n",
      "log\n7\n" + root,                    // no newline
      "log\n7\n" + root + "\nextension\n",  // an extension line
      "log\n7\n" + root + "\n\n",
      "\n7\n" + root + "\n",  // no origin
      " \n7\n" + root + "\n",
      "lo\tg\n7\n" + root + "\n",
      "log\n\n" + root + "\n",  // no size
      "log\n07\n" + root + "\n",
      "log\n-7\n" + root + "\n",
      "log\n+7\n" + root + "\n",
      "log\n7 \n" + root + "\n",
      "log\n0x7\n" + root + "\n",
      "log\n18446744073709551616\n" + root + "\n",
      "log\n7\n" + root.substr(0, 40) + "\n",  // a shorter root
      "log\n7\n" + root + "AAAA\n",
      "log\n7\n*" + root.substr(1) + "\n",
      "log\n7\n\n",
      "log\n0\n" + root + "\n",  // the empty tree has one root only
  };
  for (const std::string& text : texts) EXPECT_THAT(ParseCheckpointBody(text), kMalformed) << text;
  for (const char* origin : {"", " ", "two\nlines", "a\tb", "\xff"}) {
    EXPECT_THAT(SignCheckpoint(origin, {0, EmptyRoot()}, Key()), kMalformed);
  }
}

TEST(CheckpointTest, AFlippedBitAnywhereIsRefused) {
  const auto note = SignCheckpoint(kOrigin, {1234, Sha256({"root"})}, Key());
  for (size_t bit = 0; bit < note->size() * 8; ++bit) {
    ASSERT_FALSE(OpenCheckpoint(FlipBit(*note, bit), kOrigin, {{Key().verifier()}}).ok()) << bit;
  }
}

}  // namespace
}  // namespace sluis::audit
