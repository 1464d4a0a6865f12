#include "sluis/intake/checks.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::intake {
namespace {

using testing::IsError;
using testing::IsOk;

// MALFORMED that names `field` and quotes nothing of what was written.
void ExpectMalformed(const absl::Status& status, const std::string& field,
                     const std::string& written) {
  EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED")) << written;
  EXPECT_EQ(MetadataOf(status)["field"], field) << written;
  if (written.size() > 3) {
    EXPECT_EQ(status.message().find(written), absl::string_view::npos);
  }
}

TEST(ChecksTest, Ids) {
  EXPECT_THAT(CheckId("casus_id", "0b5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8b"), IsOk());
  for (const std::string bad :
       {"", "0B5F7A3E-1C9D-4E2F-8A6B-3C4D5E6F7A8B", "0b5f7a3e1c9d4e2f8a6b3c4d5e6f7a8b",
        "0b5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8", "0b5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8bb",
        "gb5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8b", "{b5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8b}",
        " 0b5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8b"}) {
    ExpectMalformed(CheckId("casus_id", bad).status(), "casus_id", bad);
  }
}

TEST(ChecksTest, RequestIds) {
  EXPECT_THAT(CheckRequestId("0b5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8b"), IsOk());
  EXPECT_THAT(CheckRequestId("0b5f7a3e-1c9d-7e2f-8a6b-3c4d5e6f7a8b"), IsOk());
  for (const std::string bad :
       {"", "0b5f7a3e-1c9d-1e2f-8a6b-3c4d5e6f7a8b", "00000000-0000-0000-0000-000000000000"}) {
    ExpectMalformed(CheckRequestId(bad).status(), "request_id", bad);
  }
}

TEST(ChecksTest, Days) {
  EXPECT_EQ(CheckDay("from", "2026-02-28")->ToString(), "2026-02-28");
  EXPECT_EQ(CheckDay("from", "2028-02-29")->ToString(), "2028-02-29");
  for (const std::string bad : {"", "2026-02-29", "2026-2-28", "28-02-2026", "2026-02-28T00:00:00Z",
                                "2026-13-01", "2026-00-01", "20260228", " 2026-02-28"}) {
    ExpectMalformed(CheckDay("from", bad).status(), "from", bad);
  }
  EXPECT_THAT(CheckOptionalDay("from", ""), IsOk());
  ExpectMalformed(CheckOptionalDay("from", "never"), "from", "never");
}

TEST(ChecksTest, Periods) {
  EXPECT_THAT(CheckPeriod("from", "2026-01-01", "until", "2026-01-01"), IsOk());
  EXPECT_THAT(CheckPeriod("from", "2026-01-01", "until", ""), IsOk());
  ExpectMalformed(CheckPeriod("from", "", "until", "2026-01-01"), "from", "");
  ExpectMalformed(CheckPeriod("from", "2026-01-02", "until", "2026-01-01"), "until", "2026-01-01");
  ExpectMalformed(CheckPeriod("from", "2026-01-02", "until", "later"), "until", "later");
}

TEST(ChecksTest, Instants) {
  for (const char* good : {"2026-03-29T02:30:00+01:00", "2026-03-29T00:30:00Z",
                           "2026-03-29T00:30:00.123456Z", "2026-03-29T00:30:00-05:00"}) {
    EXPECT_THAT(CheckInstant("at", good), IsOk()) << good;
  }
  for (const std::string bad : {"", "2026-03-29", "2026-03-29T00:30:00", "infinite-future",
                                "infinite-past", "2026-03-29T25:00:00Z"}) {
    ExpectMalformed(CheckInstant("at", bad), "at", bad);
  }
}

TEST(ChecksTest, Texts) {
  EXPECT_THAT(CheckText("reason", "x"), IsOk());
  EXPECT_THAT(CheckText("reason", std::string(2000, 'x')), IsOk());
  // Characters count, not bytes.
  std::string accents;
  for (int i = 0; i < 2000; ++i) accents += "é";
  EXPECT_THAT(CheckText("reason", accents), IsOk());
  for (const std::string& bad : {std::string(), std::string("  \t\n"), std::string(2001, 'x')})
    ExpectMalformed(CheckText("reason", bad), "reason", bad);
  EXPECT_THAT(CheckOptionalText("reason", ""), IsOk());
  EXPECT_THAT(CheckOptionalText("reason", " "), IsOk());
  ExpectMalformed(CheckOptionalText("reason", "abc", 2), "reason", "");
}

TEST(ChecksTest, Professionals) {
  EXPECT_THAT(CheckProfessional("professional", "Jan.de_Vries-1"), IsOk());
  EXPECT_THAT(CheckProfessional("professional", std::string(64, 'x')), IsOk());
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("é"),
                                 std::string(65, 'x'), std::string("a\0b", 3), std::string("a@b")})
    ExpectMalformed(CheckProfessional("professional", bad), "professional", bad);
}

}  // namespace
}  // namespace sluis::intake
