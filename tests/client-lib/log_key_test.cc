#include "log_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state_file.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"

namespace sluis::client::internal {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::sluis::testing::TempDir;
using ::testing::HasSubstr;

std::string NewKey() {
  auto key = audit::SigningKey::Generate("sluis.test/log");
  return key.ok() ? key->verifier().ToString() : std::string();
}

absl::StatusOr<std::string> NobodyAsks() {
  ADD_FAILURE() << "the broker is asked for its key";
  return absl::InternalError("");
}

TEST(LogKeyTest, WithoutOneTheErrorSaysWhereToGetIt) {
  const absl::Status status = FindLogKey({}, NobodyAsks).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "LOG_KEY_MISSING"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("operator"));
}

TEST(LogKeyTest, FromTheOptionOrAFile) {
  const TempDir directory;
  const std::string text = NewKey();
  ASSERT_THAT(ReplaceFile(directory.File("key"), text + "\n"), IsOk());
  ClientOptions options;
  options.log_key = text;
  ASSERT_THAT(FindLogKey(options, NobodyAsks).status(), IsOk());
  EXPECT_EQ(FindLogKey(options, NobodyAsks)->ToString(), text);
  options.log_key.clear();
  options.log_key_file = directory.File("key");
  ASSERT_THAT(FindLogKey(options, NobodyAsks).status(), IsOk());
  EXPECT_EQ(FindLogKey(options, NobodyAsks)->ToString(), text);
}

TEST(LogKeyTest, WhatIsNoKeyIsRefused) {
  ClientOptions options;
  options.log_key = NewKey();
  options.log_key[options.log_key.size() - 3] ^= 1;
  EXPECT_THAT(FindLogKey(options, NobodyAsks).status(),
              IsError(absl::StatusCode::kInvalidArgument, "LOG_KEY_INVALID"));
}

TEST(LogKeyTest, AFileThatIsNotThere) {
  const TempDir directory;
  ClientOptions options;
  options.log_key_file = directory.File("key");
  EXPECT_THAT(FindLogKey(options, NobodyAsks).status(),
              IsError(absl::StatusCode::kNotFound, "FILE_MISSING"));
}

TEST(LogKeyTest, OnFirstUseItIsKeptAndNeverAskedForAgain) {
  const TempDir directory;
  const std::string text = NewKey();
  ClientOptions options;
  options.log_key_file = directory.File("key");
  options.trust_log_key_on_first_use = true;
  const auto first = FindLogKey(options, [&]() -> absl::StatusOr<std::string> { return text; });
  ASSERT_THAT(first.status(), IsOk());
  EXPECT_EQ(first->ToString(), text);
  const auto second = FindLogKey(options, NobodyAsks);
  ASSERT_THAT(second.status(), IsOk());
  EXPECT_EQ(second->ToString(), text);
}

TEST(LogKeyTest, AKeyAndTrustOnFirstUseContradictEachOther) {
  ClientOptions options;
  options.log_key = NewKey();
  options.trust_log_key_on_first_use = true;
  EXPECT_THAT(FindLogKey(options, NobodyAsks).status(),
              IsError(absl::StatusCode::kInvalidArgument, "OPTION_INVALID"));
}

TEST(LogKeyTest, TheOriginIsTheKeysNameUnlessSaidOtherwise) {
  const auto key = audit::VerifierKey::Parse(NewKey());
  ASSERT_THAT(key.status(), IsOk());
  ClientOptions options;
  EXPECT_EQ(OriginOf(options, *key), "sluis.test/log");
  options.test_data_only = true;
  EXPECT_EQ(OriginOf(options, *key), "sluis.test/log TEST_DATA_ONLY");
  options.log_origin = "another";
  EXPECT_EQ(OriginOf(options, *key), "another");
}

}  // namespace
}  // namespace sluis::client::internal
