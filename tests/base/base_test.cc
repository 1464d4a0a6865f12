#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base/bsn.h"
#include "sluis/base/bytes.h"
#include "sluis/base/civil_date.h"
#include "sluis/base/errors.h"
#include "sluis/base/oin.h"
#include "sluis/base/outcome.h"
#include "sluis/base/secret_bytes.h"
#include "sluis/base/text.h"
#include "sluis/base/uuid.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;

CivilDate Day(std::string_view text) { return *CivilDate::Parse(text); }

TEST(OinTest, HasTwentyPositionsThatMayBeLetters) {
  EXPECT_THAT(Oin::Parse("00000099000000001000"), IsOk());
  EXPECT_THAT(Oin::Parse("0000000700AB12CD0000"), IsOk());  // BRIN: letters
  EXPECT_TRUE(Oin::Parse("00000099000000001000")->is_test());
  EXPECT_FALSE(Oin::Parse("00000001001234567000")->is_test());
}

TEST(OinTest, EverythingElseIsRefused) {
  for (const char* text :
       {"", "0000009900000000100", "000000990000000010000", "0000000700ab12cd0000",
        " 0000009900000000100", "00000098000000001000", "10000099000000001000",
        "0000000300AB12340000", "00000003123456780001", "00000099000000001\xc3\xa9"}) {
    EXPECT_THAT(Oin::Parse(text), IsError(absl::StatusCode::kInvalidArgument, "OIN_MALFORMED"))
        << text;
  }
}

TEST(BsnTest, SatisfiesTheElevenTest) {
  for (const char* good : {"999990007", "999990019", "999990020", "999990226"}) {
    EXPECT_TRUE(IsWellFormedBsn(good)) << good;
  }
  for (const char* bad : {"999990008", "99999000", "9999900077", "99999000x", "000000000", ""}) {
    EXPECT_FALSE(IsWellFormedBsn(bad)) << bad;
  }
}

TEST(CivilDateTest, ParsesExistingDaysOnly) {
  EXPECT_EQ(Day("1970-01-01").days(), 0);
  EXPECT_EQ(Day("2024-02-29").ToString(), "2024-02-29");
  for (const char* bad : {"2023-02-29", "2026-13-01", "2026-1-1", "2026/01/01", "2026-01-32", "",
                          "0000-01-01", "2026-01-01T"}) {
    EXPECT_THAT(CivilDate::Parse(bad),
                IsError(absl::StatusCode::kInvalidArgument, "DATE_MALFORMED"))
        << bad;
  }
}

TEST(CivilDateTest, AnAnniversaryOf29FebruaryIs1MarchInOtherYears) {
  EXPECT_EQ(Day("2024-02-29").AddYears(1), Day("2025-03-01"));
  EXPECT_EQ(Day("2024-02-29").AddYears(4), Day("2028-02-29"));
  EXPECT_EQ(Day("2025-11-30").AddMonths(3), Day("2026-03-01"));
  EXPECT_EQ(Day("2025-11-15").AddMonths(12), Day("2026-11-15"));
}

TEST(CivilDateTest, AgeTurnsOnTheBirthday) {
  EXPECT_EQ(AgeOn(Day("2010-05-20"), Day("2026-05-19")), 15);
  EXPECT_EQ(AgeOn(Day("2010-05-20"), Day("2026-05-20")), 16);
  EXPECT_EQ(AgeOn(Day("2008-02-29"), Day("2024-02-28")), 15);
  EXPECT_EQ(AgeOn(Day("2008-02-29"), Day("2026-02-28")), 17);
  EXPECT_EQ(AgeOn(Day("2008-02-29"), Day("2026-03-01")), 18);
}

TEST(PeriodTest, IncludesItsFirstAndLastDayAndNeedsAFirst) {
  const Period period{Day("2026-03-01"), Day("2027-02-28")};
  EXPECT_FALSE(period.Contains(Day("2026-02-28")));
  EXPECT_TRUE(period.Contains(Day("2026-03-01")));
  EXPECT_TRUE(period.Contains(Day("2027-02-28")));
  EXPECT_FALSE(period.Contains(Day("2027-03-01")));
  EXPECT_TRUE((Period{Day("2026-03-01"), std::nullopt}).Contains(Day("2099-01-01")));
  EXPECT_FALSE((Period{std::nullopt, Day("2027-02-28")}).Contains(Day("2026-03-01")));
}

TEST(UuidTest, HasOneSpelling) {
  const auto id = Uuid::Parse("0190c0de-0000-7000-8000-0123456789ab");
  ASSERT_THAT(id, IsOk());
  EXPECT_EQ(id->ToString(), "0190c0de-0000-7000-8000-0123456789ab");
  EXPECT_EQ(id->version(), 7);
  EXPECT_EQ(*Uuid::FromBytes(id->bytes()), *id);
  for (const char* bad :
       {"0190C0DE-0000-7000-8000-0123456789ab", "0190c0de00007000800001234567 9ab",
        "{0190c0de-0000-7000-8000-0123456789ab}", "", "0190c0de-0000-7000-8000-0123456789a"}) {
    EXPECT_THAT(Uuid::Parse(bad), IsError(absl::StatusCode::kInvalidArgument, "UUID_MALFORMED"));
  }
}

TEST(ErrorsTest, CarryReasonAndMetadata) {
  const absl::Status status = WithMetadata(Malformed("fields[3]", "twice"), "limit", "100");
  EXPECT_EQ(ReasonOf(status), "MALFORMED");
  EXPECT_EQ(MetadataOf(status).at("field"), "fields[3]");
  EXPECT_EQ(MetadataOf(status).at("limit"), "100");
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), "");
  EXPECT_TRUE(WithMetadata(absl::OkStatus(), "a", "b").ok());
}

TEST(SecretBytesTest, MovesWipeTheSourceAndComparisonWorks) {
  std::string key(32, 'k');
  SecretBytes a = SecretBytes::Take(std::move(key));
  SecretBytes b = a.Clone();
  EXPECT_TRUE(a == b);
  const SecretBytes c = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_TRUE(b == c);
  EXPECT_FALSE(b == SecretBytes("other"));
}

TEST(TextTest, RefusesWhatAPeerShouldNotSend) {
  EXPECT_TRUE(IsCleanText("Zoë ter Brake – €640"));
  EXPECT_TRUE(IsCleanText("twee\nregels", true));
  for (const std::string& bad :
       {std::string("a\0b", 3), std::string("a\nb"), std::string("\x7f"), std::string("\xc2\x85"),
        std::string("\xff"), std::string("\xc0\x80"), std::string("\xed\xa0\x80"),
        std::string("\xf5\x80\x80\x80"), std::string("\xe2\x82")}) {
    EXPECT_FALSE(IsCleanText(bad));
  }
  // Eight bytes are looked at together: each byte at each place among them.
  for (size_t at = 0; at < 20; ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(20, 'a');
      text[at] = static_cast<char>(byte);
      EXPECT_EQ(IsCleanText(text), byte >= 0x20 && byte < 0x7f) << at << " " << byte;
      EXPECT_EQ(IsCleanText(text, true), (byte >= 0x20 && byte < 0x7f) || byte == 9 || byte == 10);
    }
  }
  EXPECT_TRUE(IsBlank(" \t\xc2\xa0\xe2\x80\x8b"));
  EXPECT_FALSE(IsBlank(" a "));
  EXPECT_EQ(CodePoints("Zoë"), 3U);
}

TEST(BytesTest, Base64HasOneSpelling) {
  EXPECT_EQ(*Base64Decode(Base64Encode("abcd")), "abcd");
  for (const char* bad : {"YWJjZA", "YWJjZA==\n", "YWJjZB==x", "YWJjZ_=="}) {
    EXPECT_THAT(Base64Decode(bad), IsError(absl::StatusCode::kInvalidArgument, "BASE64_MALFORMED"));
  }
  EXPECT_THAT(HexDecode("0g"), IsError(absl::StatusCode::kInvalidArgument, "HEX_MALFORMED"));
  std::string out;
  AppendU64(out, 0x0102030405060708ULL);
  EXPECT_EQ(HexEncode(out), "0102030405060708");
  EXPECT_EQ(ReadU64(out), 0x0102030405060708ULL);
}

TEST(OutcomeTest, NamesGoBothWays) {
  for (int i = 0; i < kCodeCount; ++i) {
    const auto code = static_cast<Code>(i);
    EXPECT_EQ(CodeFromName(CodeName(code)), code);
  }
  EXPECT_EQ(OutcomeFromName("NCND"), Outcome::kNcnd);
  EXPECT_EQ(OutcomeFromName("MAYBE"), std::nullopt);
  EXPECT_EQ(Outcome{}, Outcome::kRefuse) << "a forgotten outcome must not open a door";
}

}  // namespace
}  // namespace sluis
