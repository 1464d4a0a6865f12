#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/field.pb.h"
#include "sluis/v1/sharing.pb.h"
#include "sluis/wire/message.h"
#include "sluis/wire/status.h"

namespace sluis::wire {
namespace {

using testing::IsError;
using testing::IsOk;

// A length-delimited field, whatever is in it.
std::string Field(int number, const std::string& bytes) {
  EXPECT_LT(number, 16);
  EXPECT_LT(bytes.size(), 128U);
  std::string out(1, static_cast<char>((number << 3) | 2));
  out.push_back(static_cast<char>(bytes.size()));
  return out + bytes;
}

template <typename Message>
void ExpectMalformed(const std::string& bytes, const std::string& path) {
  Message message;
  const absl::Status status = ParseStrict(bytes, message);
  EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED")) << path;
  EXPECT_EQ(MetadataOf(status)["field"], path);
  EXPECT_EQ(status.message().find("GEHEIM"), absl::string_view::npos);
  // Nothing of it may be used by accident.
  EXPECT_EQ(message.ByteSizeLong(), 0U);
}

TEST(ParseStrictTest, ReadsWhatIsGood) {
  v1::RequestFieldsRequest sent;
  sent.set_casus_id("c");
  sent.add_fields()->set_motivation("één reden");
  sent.mutable_source()->set_partij("P_A");
  v1::RequestFieldsRequest got;
  ASSERT_THAT(ParseStrict(Canonical(sent), got), IsOk());
  EXPECT_EQ(got.SerializeAsString(), sent.SerializeAsString());
  EXPECT_THAT(ParseStrict("", got), IsOk());
}

TEST(ParseStrictTest, NamesTheElementAtFault) {
  using Request = v1::RequestFieldsRequest;
  const int fields = Request::kFieldsFieldNumber;
  const int motivation = v1::AskedField::kMotivationFieldNumber;
  ExpectMalformed<Request>("\xff", "message");
  ExpectMalformed<Request>("\x07GEHEIM", "message");
  // Not UTF-8, and control characters.
  ExpectMalformed<Request>(Field(Request::kCasusIdFieldNumber, "GEHEIM\xff"), "casus_id");
  ExpectMalformed<Request>(Field(Request::kCasusIdFieldNumber, std::string("a\0b", 3)), "casus_id");
  ExpectMalformed<Request>(Field(Request::kCasusIdFieldNumber, "a\nb"), "casus_id");
  ExpectMalformed<Request>(Field(fields, "") + Field(fields, Field(motivation, "GEHEIM\xc0\x80")),
                           "fields[1].motivation");
  ExpectMalformed<Request>(Field(fields, Field(motivation, "GEHEIM\x07")), "fields[0].motivation");
  ExpectMalformed<Request>(Field(fields, "\x0a\x7f"), "fields[0].field");
  // Cut off.
  std::string cut = Field(Request::kCasusIdFieldNumber, "GEHEIM");
  cut.pop_back();
  ExpectMalformed<Request>(cut, "casus_id");
  // A length beyond any message.
  ExpectMalformed<Request>(std::string("\x0a\xff\xff\xff\xff\x0f", 6), "request_id");
}

TEST(ParseStrictTest, LeavesNothingOutThatACallerMeant) {
  using Request = v1::RequestFieldsRequest;
  // A field number of a later version: 1000, wire type varint.
  ExpectMalformed<Request>(std::string("\xc0\x3e\x01", 3), "message");
  ExpectMalformed<Request>(Field(Request::kFieldsFieldNumber, std::string("\xc0\x3e\x01", 3)),
                           "fields[0]");
  // A value of a list that this version does not have.
  v1::SearchEventsRequest search;
  search.set_usage_purpose(static_cast<v1::UsagePurpose>(77));
  ExpectMalformed<v1::SearchEventsRequest>(search.SerializeAsString(), "usage_purpose");
}

TEST(ParseStrictTest, OnlyValuesHaveLines) {
  v1::DepositFieldRequest request;
  request.mutable_content()->mutable_value()->set_text("een\ntwee\tdrie");
  v1::DepositFieldRequest got;
  EXPECT_THAT(ParseStrict(request.SerializeAsString(), got), IsOk());
  request.set_field("a\nb");
  ExpectMalformed<v1::DepositFieldRequest>(request.SerializeAsString(), "field");
}

TEST(ParseStrictTest, DepthAndSizeHaveALimit) {
  v1::Value value;
  v1::Value* inner = &value;
  for (int i = 0; i < 100; ++i) inner = inner->mutable_list()->add_values();
  inner->set_boolean(true);
  v1::DepositFieldRequest request;
  *request.mutable_content()->mutable_value() = value;
  v1::DepositFieldRequest got;
  EXPECT_THAT(ParseStrict(request.SerializeAsString(), got),
              IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));
  EXPECT_THAT(ParseStrict(std::string(kMaxMessageBytes + 1, 'x'), got),
              IsError(absl::StatusCode::kResourceExhausted, "TOO_LARGE"));
}

// No bytes may crash it, nor be read as something whose canonical form is not read again.
TEST(ParseStrictTest, SurvivesChangedBytes) {
  v1::RequestFieldsRequest sent;
  sent.set_request_id("0b5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8b");
  sent.add_fields()->set_motivation("reden");
  sent.mutable_source()->set_partij("P_A");
  const std::string good = Canonical(sent);
  for (size_t i = 0; i < good.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = good;
      bytes[i] = static_cast<char>(value);
      v1::RequestFieldsRequest got;
      if (!ParseStrict(bytes, got).ok()) continue;
      v1::RequestFieldsRequest again;
      ASSERT_THAT(ParseStrict(Canonical(got), again), IsOk());
      ASSERT_EQ(Canonical(again), Canonical(got));
    }
  }
}

TEST(WireStatusTest, AReasonedErrorSurvivesTheRoundTrip) {
  absl::Status sent = WithMetadata(Malformed("fields[3].motivation", "missing"), "limit", "7");
  AttachReceipt(sent, std::string("\x0a\0receipt", 9));
  const WireStatus wire = ToWire(sent);
  EXPECT_EQ(wire.code, 3);
  const absl::Status got = FromWire(wire);
  EXPECT_THAT(got, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(got.message(), sent.message());
  EXPECT_EQ(MetadataOf(got), MetadataOf(sent));
  EXPECT_EQ(AttachedReceipt(got), std::string("\x0a\0receipt", 9));
}

TEST(WireStatusTest, OkIsOk) {
  EXPECT_EQ(ToWire(absl::OkStatus()).code, 0);
  EXPECT_THAT(FromWire(ToWire(absl::OkStatus())), IsOk());
}

TEST(WireStatusTest, AnUnreasonedErrorLeaksNothing) {
  const WireStatus wire = ToWire(absl::InvalidArgumentError("SELECT GEHEIM -- disk full"));
  EXPECT_EQ(wire.code, static_cast<int>(absl::StatusCode::kInternal));
  EXPECT_EQ(wire.message, "internal error");
  EXPECT_EQ(wire.details.find("GEHEIM"), std::string::npos);
  EXPECT_THAT(FromWire(wire), IsError(absl::StatusCode::kInternal, "UNEXPECTED"));
}

TEST(WireStatusTest, AForeignStatusIsATransportError) {
  EXPECT_THAT(FromWire({14, "Socket closed", ""}),
              IsError(absl::StatusCode::kUnavailable, "TRANSPORT"));
  EXPECT_THAT(FromWire({14, "Socket closed", "\xff not a status"}),
              IsError(absl::StatusCode::kUnavailable, "TRANSPORT"));
}

}  // namespace
}  // namespace sluis::wire
