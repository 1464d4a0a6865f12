#include "state_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"

namespace sluis::client::internal {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::sluis::testing::TempDir;

// For these tests a checkpoint of size n is "n".
std::optional<uint64_t> SizeOf(std::string_view checkpoint) {
  if (checkpoint.empty() || checkpoint.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  return std::stoull(std::string(checkpoint));
}

void Put(const std::string& path, std::string_view content) { std::ofstream(path) << content; }

std::string ContentOf(const std::string& path) {
  const auto content = ReadWholeFile(path);
  return content.ok() && *content ? **content : "(nothing)";
}

int FilesIn(const TempDir& directory) {
  const auto files = std::filesystem::directory_iterator(directory.path());
  return static_cast<int>(std::distance(begin(files), end(files)));
}

TEST(StateFileTest, TheNewestIsThereAfterTheEnd) {
  const TempDir directory;
  const std::string path = directory.File("state");
  {
    StateFile file(path, SizeOf);
    for (uint64_t size = 1; size <= 500; ++size) file.Offer(size, std::to_string(size));
  }
  EXPECT_EQ(ContentOf(path), "500");
  EXPECT_EQ(FilesIn(directory), 1) << "nothing is left beside it";
}

TEST(StateFileTest, FlushWaitsForIt) {
  const TempDir directory;
  StateFile file(directory.File("state"), SizeOf);
  file.Offer(7, "7");
  EXPECT_THAT(file.Flush(), IsOk());
  EXPECT_EQ(ContentOf(directory.File("state")), "7");
  file.Offer(6, "6");
  EXPECT_THAT(file.Flush(), IsOk());
  EXPECT_EQ(ContentOf(directory.File("state")), "7");
}

TEST(StateFileTest, NeverGoesBackBehindAnotherProgram) {
  const TempDir directory;
  const std::string path = directory.File("state");
  StateFile file(path, SizeOf);
  Put(path, "100");
  file.Offer(50, "50");
  EXPECT_THAT(file.Flush(), IsOk());
  EXPECT_EQ(ContentOf(path), "100");
  file.Offer(101, "101");
  EXPECT_THAT(file.Flush(), IsOk());
  EXPECT_EQ(ContentOf(path), "101");
}

TEST(StateFileTest, RubbishIsReplacedByWhatIsVerified) {
  const TempDir directory;
  const std::string path = directory.File("state");
  Put(path, "rubbish");
  StateFile file(path, SizeOf);
  file.Offer(1, "1");
  EXPECT_THAT(file.Flush(), IsOk());
  EXPECT_EQ(ContentOf(path), "1");
}

TEST(StateFileTest, AFailureIsToldAndTheNextWriteHealsIt) {
  const TempDir directory;
  const std::string below = directory.File("below");
  StateFile file(below + "/state", SizeOf);
  file.Offer(1, "1");
  const absl::Status failed = file.Flush();
  EXPECT_THAT(failed, IsError(absl::StatusCode::kUnavailable, "STATE_FILE_UNWRITABLE"));
  EXPECT_EQ(MetadataOf(failed)["file"], below + "/state");
  std::filesystem::create_directory(below);
  file.Offer(2, "2");
  EXPECT_THAT(file.Flush(), IsOk());
  EXPECT_EQ(ContentOf(below + "/state"), "2");
}

TEST(ReplaceFileTest, IsForTheOwnerOnlyAndAReaderNeverSeesHalf) {
  const TempDir directory;
  const std::string path = directory.File("state");
  ASSERT_THAT(ReplaceFile(path, std::string(100'000, 'a')), IsOk());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  std::ifstream old(path);
  ASSERT_THAT(ReplaceFile(path, "b"), IsOk());
  // Who had opened the old one reads it to its end.
  const std::string content{std::istreambuf_iterator<char>(old), {}};
  EXPECT_EQ(content, std::string(100'000, 'a'));
  EXPECT_EQ(ContentOf(path), "b");
}

TEST(ReadWholeFileTest, SaysWhatIsWrong) {
  const TempDir directory;
  const auto missing = ReadWholeFile(directory.File("none"));
  ASSERT_THAT(missing.status(), IsOk());
  EXPECT_FALSE(missing->has_value());
  EXPECT_THAT(ReadWholeFile(directory.path().string()).status(),
              IsError(absl::StatusCode::kPermissionDenied, "FILE_UNREADABLE"));
  Put(directory.File("large"), std::string((size_t{1} << 20) + 1, 'x'));
  EXPECT_THAT(ReadWholeFile(directory.File("large")).status(),
              IsError(absl::StatusCode::kPermissionDenied, "FILE_UNREADABLE"));
}

}  // namespace
}  // namespace sluis::client::internal
