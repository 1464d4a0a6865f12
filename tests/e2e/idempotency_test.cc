// The same request twice over the wire: one logical request. The repeat tells the first decision
// and proves both entries, and gives values only while the decision still holds.

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "e2e.h"
#include "gtest/gtest.h"
#include "log_reader.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/v1/casus.pb.h"
#include "sluis/v1/consent.pb.h"
#include "sluis/v1/sharing.pb.h"

namespace sluis {
namespace {

using log::v1::EventKind;
using testing::IsOk;
using testing::LogReader;
using testing::NewRequestId;
using testing::RecordingTransport;
using testing::Stage;
using testing::StepOf;
using testing::World;

constexpr char kRequestFields[] = "/sluis.v1.SharingService/RequestFields";
constexpr char kAddPerson[] = "/sluis.v1.CasusService/AddPerson";

class IdempotencyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(stage_.Start(), IsOk());
    RecordingTransport recorded(stage_.transport());
    auto world = stage_.Play(step_, recorded);
    ASSERT_THAT(world, IsOk());
    world_ = *std::move(world);
    for (const auto& exchange : recorded.exchanges()) {
      v1::RecordConsentResponse response;
      if (exchange.method == "/sluis.v1.ConsentService/RecordConsent" &&
          response.ParseFromString(exchange.answer.value_or("")))
        consent_id_ = response.answer().consent_id();
    }
    ASSERT_FALSE(consent_id_.empty());
    ASSERT_THAT(log_.Prepare(), IsOk());
  }

  v1::RequestFieldsRequest Good() { return world_->Request(step_.step->request()); }

  v1::RequestFieldsResponse Ask(const v1::RequestFieldsRequest& request) {
    const auto answer =
        stage_.transport().Send<v1::RequestFieldsResponse>("P_ALMELO", kRequestFields, request);
    EXPECT_THAT(answer, IsOk());
    return answer.value_or(v1::RequestFieldsResponse());
  }

  void WithdrawConsent() {
    v1::WithdrawConsentRequest request;
    request.set_request_id(NewRequestId());
    request.set_acting_hat("GGZ");
    request.set_professional("actor");
    request.set_consent_id(consent_id_);
    ASSERT_THAT(stage_.transport().Call("P_MEDIANT", "/sluis.v1.ConsentService/WithdrawConsent",
                                        request.SerializeAsString()),
                IsOk());
  }

  static std::string ValuesOf(const v1::RequestFieldsResponse& response) {
    std::string bytes;
    for (const auto& value : response.values()) bytes += value.SerializeAsString();
    return bytes;
  }

  // That `repeat` tells of `first` what it was, with proof of the same entry.
  void ExpectTellsOf(const v1::RequestFieldsResponse& first,
                     const v1::RequestFieldsResponse& repeat) {
    EXPECT_FALSE(first.has_earlier());
    ASSERT_TRUE(repeat.has_earlier());
    EXPECT_EQ(repeat.earlier().answer().SerializeAsString(), first.answer().SerializeAsString());
    ASSERT_EQ(first.receipts_size(), 1);
    ASSERT_EQ(repeat.receipts_size(), 1);
    EXPECT_EQ(repeat.earlier().receipt().index(), first.receipts(0).index());
    EXPECT_EQ(repeat.earlier().receipt().leaf(), first.receipts(0).leaf());
    EXPECT_GT(repeat.receipts(0).index(), first.receipts(0).index());
    // The log says so too.
    const auto entries = log_.Read(repeat.receipts(0).index(), 1);
    ASSERT_THAT(entries, IsOk());
    ASSERT_EQ(entries->size(), 1U);
    EXPECT_EQ(entries->front().kind, EventKind::FIELDS_REQUESTED);
    EXPECT_EQ(entries->front().record.repeats(), first.receipts(0).index() + 1);
  }

  v1::AddPersonRequest NewPerson() {
    v1::AddPersonRequest request;
    request.set_request_id(NewRequestId());
    request.set_acting_hat("GEM_COLLEGE_WMO");
    request.set_professional("actor");
    request.set_casus_id(world_->casus_id());
    request.set_urgent(true);
    request.set_role(policy::v1::PersonRole::BETROKKENE);
    return request;
  }

  size_t PersonsInCasus() {
    v1::GetCasusRequest get;
    get.set_casus_id(world_->casus_id());
    const auto view = stage_.transport().Send<v1::GetCasusResponse>(
        "P_ALMELO", "/sluis.v1.CasusService/GetCasus", get);
    EXPECT_THAT(view, IsOk());
    return view.ok() ? static_cast<size_t>(view->casus().person_ids_size()) : 0;
  }

  Stage stage_;
  LogReader log_{stage_.transport()};
  const policy::ExpandedStep& step_ = StepOf("S-02", "c");
  std::unique_ptr<World> world_;
  std::string consent_id_;
};

TEST_F(IdempotencyTest, ARepeatGivesTheFirstDecisionAndProofOfBoth) {
  auto request = Good();
  const auto first = Ask(request);
  EXPECT_EQ(first.values_size(), 3);
  const auto repeat = Ask(request);
  ExpectTellsOf(first, repeat);
  EXPECT_EQ(repeat.answer().SerializeAsString(), first.answer().SerializeAsString());
  EXPECT_EQ(ValuesOf(repeat), ValuesOf(first));

  // What only steers the proof is no part of the content.
  request.set_known_tree_size(1);
  const auto third = Ask(request);
  ExpectTellsOf(first, third);
  EXPECT_EQ(ValuesOf(third), ValuesOf(first));
}

TEST_F(IdempotencyTest, AfterAWithdrawalTheRepeatGivesNoValues) {
  const auto request = Good();
  const auto first = Ask(request);
  EXPECT_EQ(first.values_size(), 3);
  WithdrawConsent();
  const auto repeat = Ask(request);
  ExpectTellsOf(first, repeat);
  EXPECT_EQ(repeat.values_size(), 0);
  for (const auto& field : repeat.answer().fields())
    EXPECT_NE(policy::v1::FieldOutcome::Id_Name(field.outcome()), "RELEASE") << field.field();
}

// The other way round: what was refused first stays without values, though it would be released
// now. A new request gets them.
TEST_F(IdempotencyTest, WhatWasRefusedFirstComesWithANewRequestOnly) {
  policy::v1::DecisionRequest asked = step_.step->request();
  auto request = world_->Request(asked);
  ASSERT_THAT(stage_.transport().SetClock(step_.now - absl::Hours(24 * 5)), IsOk());
  const auto first = Ask(request);
  EXPECT_EQ(first.values_size(), 0);
  ASSERT_THAT(stage_.transport().SetClock(step_.now), IsOk());
  const auto repeat = Ask(request);
  ExpectTellsOf(first, repeat);
  EXPECT_EQ(repeat.values_size(), 0);
  request.set_request_id(NewRequestId());
  EXPECT_EQ(Ask(request).values_size(), 3);
}

TEST_F(IdempotencyTest, ARepeatAfterACrashIsStillARepeat) {
  const auto request = Good();
  const auto first = Ask(request);
  const auto person = NewPerson();
  const auto added = stage_.transport().Send<v1::AddPersonResponse>("P_ALMELO", kAddPerson, person);
  ASSERT_THAT(added, IsOk());
  stage_.daemon().Kill();
  ASSERT_THAT(stage_.Start(), IsOk());
  ASSERT_THAT(stage_.transport().SetClock(step_.now), IsOk());
  const auto repeat = Ask(request);
  ExpectTellsOf(first, repeat);
  EXPECT_EQ(ValuesOf(repeat), ValuesOf(first));
  const auto again = stage_.transport().Send<v1::AddPersonResponse>("P_ALMELO", kAddPerson, person);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->answer().person_id(), added->answer().person_id());
  EXPECT_EQ(PersonsInCasus(), 2U);
}

TEST_F(IdempotencyTest, ACommandTakesEffectOnce) {
  const auto person = NewPerson();
  const auto first = stage_.transport().Send<v1::AddPersonResponse>("P_ALMELO", kAddPerson, person);
  ASSERT_THAT(first, IsOk());
  const auto repeat =
      stage_.transport().Send<v1::AddPersonResponse>("P_ALMELO", kAddPerson, person);
  ASSERT_THAT(repeat, IsOk());
  EXPECT_EQ(repeat->answer().person_id(), first->answer().person_id());
  EXPECT_EQ(PersonsInCasus(), 2U);
  const auto entries = log_.Read(repeat->receipts(0).index(), 1);
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().kind, EventKind::CALL_REPEATED);
  EXPECT_EQ(entries->front().record.repeats(), first->receipts(0).index() + 1);

  auto other = person;
  other.set_wilsonbekwaam(true);
  EXPECT_THAT(stage_.transport().Call("P_ALMELO", kAddPerson, other.SerializeAsString()),
              testing::IsError(absl::StatusCode::kAlreadyExists, "MALFORMED"));
}

// A request_id is its caller's: another partij cannot learn of it, nor block it.
TEST_F(IdempotencyTest, AnotherPartijMayUseTheSameId) {
  const auto request = Good();
  Ask(request);
  auto others = request;
  others.set_acting_hat("GGZ");
  others.set_professional("actor");
  others.mutable_source()->set_partij("P_ALMELO");
  others.mutable_source()->set_hat("GEM_COLLEGE_WMO");
  const auto answer =
      stage_.transport().Send<v1::RequestFieldsResponse>("P_MEDIANT", kRequestFields, others);
  ASSERT_THAT(answer, IsOk());
  EXPECT_FALSE(answer->has_earlier());
}

TEST_F(IdempotencyTest, OfManyAtOnceOneIsTheFirst) {
  constexpr size_t kCalls = 32;
  const auto request = Good();
  const auto person = NewPerson();
  std::mutex mutex;
  std::condition_variable arrived;
  std::vector<absl::StatusOr<std::string>> fields;
  std::vector<absl::StatusOr<std::string>> persons;
  const auto connection = stage_.transport().ConnectionOf("P_ALMELO");
  const auto into = [&](std::vector<absl::StatusOr<std::string>>& answers) {
    return [&](absl::StatusOr<std::string> answer) {
      const std::lock_guard lock(mutex);
      answers.push_back(std::move(answer));
      arrived.notify_one();
    };
  };
  for (size_t i = 0; i < kCalls; ++i) {
    connection->CallAsync(kRequestFields, request.SerializeAsString(), absl::Seconds(30),
                          into(fields));
    connection->CallAsync(kAddPerson, person.SerializeAsString(), absl::Seconds(30), into(persons));
  }
  std::unique_lock lock(mutex);
  arrived.wait(lock, [&] { return fields.size() + persons.size() == 2 * kCalls; });

  std::optional<v1::RequestFieldsResponse> first;
  std::vector<v1::RequestFieldsResponse> repeats;
  for (const auto& bytes : fields) {
    v1::RequestFieldsResponse response;
    ASSERT_THAT(bytes, IsOk());
    ASSERT_TRUE(response.ParseFromString(*bytes));
    EXPECT_EQ(response.values_size(), 3);
    if (response.has_earlier()) {
      repeats.push_back(std::move(response));
    } else {
      EXPECT_FALSE(first.has_value());
      first = std::move(response);
    }
  }
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(repeats.size(), kCalls - 1);
  for (const auto& repeat : repeats) ExpectTellsOf(*first, repeat);

  std::string id;
  for (const auto& bytes : persons) {
    v1::AddPersonResponse response;
    ASSERT_THAT(bytes, IsOk());
    ASSERT_TRUE(response.ParseFromString(*bytes));
    if (id.empty()) id = response.answer().person_id();
    EXPECT_EQ(response.answer().person_id(), id);
  }
  EXPECT_EQ(PersonsInCasus(), 2U);
}

}  // namespace
}  // namespace sluis
