// What a client believes of values that come from their source, by a second entry: against a real
// broker in this process, and everything that may stand between the two.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "fake_source.h"
#include "fake_transport.h"
#include "small_world.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/client/client.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/test_broker.h"
#include "sluis/v1/sharing.pb.h"

namespace sluis::client {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;

constexpr std::string_view kRequestFields = "/sluis.v1.SharingService/RequestFields";

// Mediant keeps the value itself; its system answers what `reply` says.
class DeliveryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(world_.PutActors(), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
    ASSERT_THAT(world_.Consent(), IsOk());
    v1::KeepAtSourceRequest keep;
    keep.set_person_id(world_.ggz_person());
    keep.set_field(std::string(broker::kField));
    keep.set_value_date("2026-10-01");
    keep.set_first_processed("2026-10-01");
    keep.set_deposit_end("2099-12-31");
    ASSERT_THAT(
        world_.Send<v1::KeepAtSourceResponse>(broker::kGgz, "FieldService/KeepAtSource", keep),
        IsOk());
    source_ = std::make_unique<broker::FakeSource>(broker_.assembly(), broker::kGgz.partij,
                                                   std::vector<std::string>{"GGZ"});
    ASSERT_TRUE(source_->is_ready());
    system_ = std::thread([this] {
      while (!over_) {
        const auto question = source_->TakeQuestion(absl::Milliseconds(20));
        if (question)
          source_->Say(broker::TextAnswer(question->question_id(), broker::kField, "rustig"));
      }
    });
  }
  void TearDown() override {
    over_ = true;
    if (system_.joinable()) system_.join();
  }

  Client Make(UnverifiedAnswer unverified = UnverifiedAnswer::kWithhold) {
    internal::SessionOptions options{std::string(testing::kTestOrigin),
                                     broker::TestLogKey().verifier()};
    options.unverified_answer = unverified;
    auto client = MakeClient(wire_, std::move(options));
    EXPECT_THAT(client.status(), IsOk());
    return *std::move(client);
  }
  absl::StatusOr<RequestFieldsAnswer> Ask(Client& client, const std::string& request_id = "") {
    Context context;
    context.acting_hat = broker::kWijkteam.hat;
    context.professional = broker::kActor;
    context.request_id = request_id;
    RequestFieldsRequest request;
    request.casus_id = world_.casus_id();
    request.tafel = broker::kTafel;
    request.source = {std::string(broker::kGgz.partij), std::string(broker::kGgz.hat)};
    request.purpose = "D02";
    request.person_id = world_.wijkteam_person();
    request.fields = {{std::string(broker::kField), "nodig voor deze vraag"}};
    return client.RequestFields(context, request);
  }
  // The error of a call whose answer was changed.
  absl::Status ErrorOf(const std::function<void(v1::RequestFieldsResponse&)>& change) {
    Client client = Make();
    wire_.alter = [&](std::string_view method, absl::StatusOr<std::string>& answer) {
      if (method != kRequestFields || !answer.ok()) return;
      v1::RequestFieldsResponse response;
      ASSERT_TRUE(response.ParseFromString(*answer));
      change(response);
      answer = response.SerializeAsString();
    };
    const auto answer = Ask(client);
    wire_.alter = nullptr;
    EXPECT_TRUE(IsVerificationFailure(ReasonOf(answer.status()))) << answer.status();
    return answer.status();
  }

  testing::TempDir directory_;
  testing::TestBroker broker_{directory_.path(), testing::ReferencePolicy(), broker::TestNow()};
  broker::SmallWorld world_{broker_};
  Wire wire_{broker_, std::string(broker::kWijkteam.partij)};
  std::unique_ptr<broker::FakeSource> source_;
  std::atomic<bool> over_ = false;
  std::thread system_;
};

TEST_F(DeliveryTest, TheValueComesWithTwoVerifiedEntries) {
  Client client = Make();
  for (int i = 0; i < 3; ++i) {
    const auto answer = Ask(client);
    ASSERT_THAT(answer.status(), IsOk());
    const FieldAnswer& field = answer->decision.fields.at(0);
    EXPECT_EQ(field.outcome, Outcome::kRelease);
    EXPECT_EQ(field.delivery, "DELIVERED");
    EXPECT_FALSE(field.none_held);
    ASSERT_TRUE(field.value);
    EXPECT_EQ(std::get<Text>(field.value->value.form).text, "rustig");
    EXPECT_EQ(field.value->value_date->ToString(), "2026-10-01");
    ASSERT_EQ(answer->proof.entries.size(), 2U);
    EXPECT_LT(answer->proof.entries[0].index, answer->proof.entries[1].index);
    EXPECT_EQ(answer->proof.entries[0].partij_seq + 1, answer->proof.entries[1].partij_seq);
    EXPECT_EQ(answer->proof.entries[0].request, answer->proof.entries[1].request);
    EXPECT_NE(answer->proof.entries[0].answer, answer->proof.entries[1].answer);
    EXPECT_THAT(answer->proof.problem, IsOk());
  }
  // No proof had to be fetched: the two receipts lead on from what the client knew.
  for (const std::string& method : wire_.methods) EXPECT_EQ(method, kRequestFields);
}

TEST_F(DeliveryTest, WhatDoesNotComeIsTold) {
  source_->Leave();
  Client client = Make();
  const auto answer = Ask(client);
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_EQ(answer->decision.fields.at(0).outcome, Outcome::kRelease);
  EXPECT_EQ(answer->decision.fields.at(0).delivery, "SOURCE_UNREACHABLE");
  EXPECT_FALSE(answer->decision.fields.at(0).value);
  EXPECT_EQ(answer->proof.entries.size(), 2U);
}

TEST_F(DeliveryTest, ARepeatIsVerifiedToo) {
  Client client = Make();
  const std::string id = *NewRequestId();
  const auto first = Ask(client, id);
  ASSERT_THAT(first.status(), IsOk());
  const auto again = Ask(client, id);
  ASSERT_THAT(again.status(), IsOk());
  ASSERT_TRUE(again->earlier);
  EXPECT_EQ(again->earlier->entry.index, first->proof.entries[0].index);
  EXPECT_TRUE(again->decision.fields.at(0).value);
  EXPECT_EQ(again->proof.entries.size(), 2U);
}

TEST_F(DeliveryTest, AnAlteredDeliveryIsNotBelieved) {
  const auto data_loss = [](std::string_view reason) {
    return IsError(absl::StatusCode::kDataLoss, std::string(reason));
  };
  EXPECT_THAT(
      ErrorOf([](auto& r) {
        r.mutable_delivery()->mutable_fields(0)->set_outcome(v1::DeliveryOutcome::SOURCE_OBJECTS);
        r.clear_values();
      }),
      data_loss("RECEIPT_ANSWER"));
  EXPECT_THAT(ErrorOf([](auto& r) { r.mutable_delivery()->clear_fields(); }),
              data_loss("RECEIPT_ANSWER"));
  EXPECT_THAT(ErrorOf([](auto& r) { r.mutable_delivery()->set_decision_index(0); }),
              data_loss("RECEIPT_ANSWER"));
  // Without the second answer, its receipt is one of another answer; without that, it is missing.
  EXPECT_THAT(ErrorOf([](auto& r) { r.clear_delivery(); }), data_loss("RECEIPT_ANSWER"));
  EXPECT_THAT(ErrorOf([](auto& r) {
                r.clear_delivery();
                r.mutable_receipts()->RemoveLast();
              }),
              data_loss("DELIVERY_MISSING"));
  EXPECT_THAT(ErrorOf([](auto& r) { r.mutable_receipts()->RemoveLast(); }),
              data_loss("RECEIPT_MISSING"));
  EXPECT_THAT(ErrorOf([](auto& r) { r.mutable_receipts()->SwapElements(0, 1); }),
              data_loss("RECEIPT_ANSWER"));
  EXPECT_THAT(ErrorOf([](auto& r) { *r.mutable_receipts(1) = r.receipts(0); }),
              data_loss("RECEIPT_ANSWER"));
  EXPECT_THAT(ErrorOf([](auto& r) { *r.add_receipts() = r.receipts(1); }),
              data_loss("RECEIPT_MISSING"));
}

TEST_F(DeliveryTest, AnAlteredValueIsNotBelieved) {
  const auto error = ErrorOf(
      [](auto& r) { r.mutable_values(0)->mutable_content()->mutable_value()->set_text("ruw"); });
  EXPECT_THAT(error, IsError(absl::StatusCode::kDataLoss, "VALUE_COMMITMENT"));
  EXPECT_THAT(ErrorOf([](auto& r) { r.clear_values(); }),
              IsError(absl::StatusCode::kDataLoss, "VALUE_MISSING"));
  EXPECT_THAT(ErrorOf([](auto& r) { *r.add_values() = r.values(0); }),
              IsError(absl::StatusCode::kDataLoss, "VALUE_UNEXPECTED"));
}

TEST_F(DeliveryTest, ADeliveryOfAnEarlierCallIsNotBelieved) {
  v1::RequestFieldsResponse earlier;
  {
    Client client = Make();
    wire_.alter = [&](std::string_view, absl::StatusOr<std::string>& answer) {
      ASSERT_THAT(answer.status(), IsOk());
      ASSERT_TRUE(earlier.ParseFromString(*answer));
    };
    ASSERT_THAT(Ask(client).status(), IsOk());
    wire_.alter = nullptr;
  }
  EXPECT_THAT(ErrorOf([&](auto& r) {
                *r.mutable_delivery() = earlier.delivery();
                *r.mutable_receipts(1) = earlier.receipts(1);
                *r.mutable_values() = earlier.values();
              }),
              IsError(absl::StatusCode::kDataLoss, "RECEIPT_REQUEST"));
}

TEST_F(DeliveryTest, ADecisionIsNotTakenForADelivery) {
  // The answer of a decision, offered as the delivery with the decision's own receipt: hashes,
  // inclusion and signature are all right, only the kind of the entry is not.
  v1::RequestFieldsResponse response;
  Client client = Make();
  wire_.alter = [&](std::string_view method, absl::StatusOr<std::string>& answer) {
    if (method != kRequestFields || !answer.ok()) return;
    ASSERT_TRUE(response.ParseFromString(*answer));
    const std::string decision = response.answer().SerializeAsString();
    ASSERT_LT(decision.size(), 16384U);
    // Field 4 with the bytes of field 1.
    std::string forged(1, '\x22');
    forged += static_cast<char>((decision.size() & 0x7f) | 0x80);
    forged += static_cast<char>(decision.size() >> 7);
    forged += decision;
    response.clear_delivery();
    response.clear_values();
    *response.mutable_receipts(1) = response.receipts(0);
    answer = response.SerializeAsString() + forged;
  };
  EXPECT_THAT(Ask(client).status(), IsError(absl::StatusCode::kDataLoss, "RECEIPT_KIND"));
}

}  // namespace
}  // namespace sluis::client
