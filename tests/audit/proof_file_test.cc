#include "sluis/audit/proof_file.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "naive_tree.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/base/bytes.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::audit {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;

const auto kMalformed = IsError(absl::StatusCode::kInvalidArgument, "PROOF_FILE_MALFORMED");
constexpr std::string_view kOrigin = "log.example/a";

SigningKey Key() {
  return *SigningKey::FromSeed("log.example/a", SecretBytes(std::string(32, 'k')));
}

std::string Entry(uint64_t i) { return "leaf " + std::to_string(i); }

ProofFile ProofOf(uint64_t index, uint64_t size) {
  NaiveTree tree;
  for (uint64_t i = 0; i < size; ++i) tree.Append(LeafHash(Entry(i)));
  return {.extra = std::nullopt,
          .index = index,
          .path = tree.Inclusion(index, size),
          .checkpoint = *SignCheckpoint(kOrigin, tree.Head(size), Key())};
}

TEST(ProofFileTest, IsTheDocumentedText) {
  ProofFile proof = ProofOf(2, 3);
  const std::string hash = Base64Encode(proof.path[0].bytes());
  EXPECT_EQ(EncodeProofFile(proof),
            "c2sp.org/tlog-proof@v1\nindex 2\n" + hash + "\n\n" + proof.checkpoint);
  proof.extra = "extra";
  EXPECT_EQ(EncodeProofFile(proof),
            "c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 2\n" + hash + "\n\n" + proof.checkpoint);
}

TEST(ProofFileTest, RoundTripsAndVerifies) {
  for (const uint64_t size : Sizes{1, 2, 3, 50}) {
    for (uint64_t index = 0; index < size; ++index) {
      ProofFile proof = ProofOf(index, size);
      for (const auto& extra : {std::optional<std::string>(), std::optional<std::string>(""),
                                std::optional<std::string>("bytes\n\xff")}) {
        proof.extra = extra;
        const std::string text = EncodeProofFile(proof);
        EXPECT_EQ(*DecodeProofFile(text), proof);
        const auto head = VerifyProofFile(text, Entry(index), kOrigin, {{Key().verifier()}});
        ASSERT_THAT(head, IsOk());
        EXPECT_EQ(head->size, size);
      }
    }
  }
}

TEST(ProofFileTest, AFlippedBitAnywhereIsRefused) {
  const std::string text = EncodeProofFile(ProofOf(3, 13));
  const std::vector<VerifierKey> keys = {Key().verifier()};
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    ASSERT_FALSE(VerifyProofFile(FlipBit(text, bit), Entry(3), kOrigin, keys).ok()) << bit;
  }
  const std::string entry = Entry(3);
  for (size_t bit = 0; bit < entry.size() * 8; ++bit) {
    ASSERT_THAT(VerifyProofFile(text, FlipBit(entry, bit), kOrigin, keys),
                IsError(absl::StatusCode::kDataLoss, "PROOF_MISMATCH"));
  }
}

TEST(ProofFileTest, OtherFormsAreRefused) {
  const ProofFile proof = ProofOf(2, 3);
  const std::string hash = Base64Encode(proof.path[0].bytes());
  const std::string rest = hash + "\n\n" + proof.checkpoint;
  const std::string start = "c2sp.org/tlog-proof@v1\n";
  ASSERT_THAT(DecodeProofFile(start + "index 2\n" + rest), IsOk());
  const std::vector<std::string> texts = {
      "",
      "c2sp.org/tlog-proof@v1",
      "c2sp.org/tlog-proof@v2\nindex 2\n" + rest,
      start,
      start + "\n",
      start + "index\n" + rest,
      start + "index 02\n" + rest,
      start + "index -2\n" + rest,
      start + "index 18446744073709551616\n" + rest,
      start + "index 2\nextra ZXh0cmE=\n" + rest,
      start + "extra ZXh0cmE=\nextra ZXh0cmE=\nindex 2\n" + rest,
      start + "extra ZXh0cmE\nindex 2\n" + rest,
      start + "extra\nindex 2\n" + rest,
      start + "index 2\nAAAA\n" + rest,
      start + "index 2\n*\n" + rest,
      start + "index 2\n" + hash + "\n",
      start + "index 2\n" + hash,
      start + "index 2\r\n" + rest,
  };
  for (const std::string& text : texts) EXPECT_THAT(DecodeProofFile(text), kMalformed) << text;
  std::string longest = start + "index 2\n";
  for (int i = 0; i < 64; ++i) longest += hash + "\n";
  EXPECT_THAT(DecodeProofFile(longest + "\n"), IsOk());
  EXPECT_THAT(DecodeProofFile(longest + hash + "\n\n"), kMalformed);
}

TEST(ProofFileTest, EachPartIsJudgedByItsOwnRules) {
  ProofFile proof = ProofOf(3, 13);
  const std::vector<VerifierKey> keys = {Key().verifier()};
  EXPECT_THAT(VerifyProofFile(EncodeProofFile(proof), Entry(3), "log.example/b", keys),
              IsError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_ORIGIN"));
  EXPECT_THAT(VerifyProofFile(EncodeProofFile(proof), Entry(3), kOrigin, {}),
              IsError(absl::StatusCode::kFailedPrecondition, "NOTE_UNKNOWN_KEY"));
  proof.path.pop_back();
  EXPECT_THAT(VerifyProofFile(EncodeProofFile(proof), Entry(3), kOrigin, keys),
              IsError(absl::StatusCode::kInvalidArgument, "PROOF_SHAPE"));
}

}  // namespace
}  // namespace sluis::audit
