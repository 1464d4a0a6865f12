// Neither confirm nor deny at the API (invariant 9): whoever asks about a patient and about a
// person of whom the source holds nothing cannot tell the two answers apart: by their bytes, by
// their size, or by how long they take.
//
// The times are compared by a sign test over pairs (sign_test.h) of calls over gRPC and mTLS, one
// after the other on one connection. SLUIS_NCND_GRPC_PAIRS sets how many pairs are asked; 400
// unless told otherwise, which find with probability 0.99 a difference by which the one takes
// longer in 68 of 100 pairs, as 1 ms does; 10,000 find 54 of 100.

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "e2e.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/sign_test.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/sharing.pb.h"

namespace sluis {
namespace {

using testing::IsOk;
using testing::NewRequestId;
using testing::SignTest;
using testing::Stage;
using testing::StepOf;
using testing::World;

constexpr char kRequestFields[] = "/sluis.v1.SharingService/RequestFields";

// The casus of S-02, in which Mediant treats Gerda, with another person of whom it holds nothing.
policy::ExpandedStep StepWithTwoPersons() {
  policy::ExpandedStep step = StepOf("S-02", "a");
  auto facts = std::make_shared<policy::v1::Facts>(*step.facts);
  policy::v1::CasusPerson& other = *facts->mutable_casus()->add_persons();
  other = facts->casus().persons(0);
  other.set_id("rika");
  step.facts = std::move(facts);
  return step;
}

class NcndTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(stage_.Start(), IsOk());
    auto world = stage_.Play(step_);
    ASSERT_THAT(world, IsOk());
    world_ = *std::move(world);
    ASSERT_FALSE(step_.facts->holdings().empty());
  }

  v1::RequestFieldsRequest About(const std::string& person) {
    policy::v1::DecisionRequest request = step_.step->request();
    request.set_person(person);
    return world_->Request(request);
  }
  v1::RequestFieldsResponse Ask(const v1::RequestFieldsRequest& request) {
    const auto answer =
        stage_.transport().Send<v1::RequestFieldsResponse>("P_ALMELO", kRequestFields, request);
    EXPECT_THAT(answer, IsOk());
    return answer.value_or(v1::RequestFieldsResponse());
  }
  // The caller's own view of its newest entry, without what is an id, an instant or a count.
  std::string NewestEvent() {
    v1::SearchEventsRequest search;
    search.set_request_id(NewRequestId());
    search.set_acting_hat("GEM_COLLEGE_WMO");
    search.set_professional("actor");
    search.set_usage_purpose(v1::USAGE_PURPOSE_INTERNAL_CONTROL);
    search.add_kinds("FIELDS_REQUESTED");
    search.set_page_size(1000);
    auto found = stage_.transport().Send<v1::SearchEventsResponse>(
        "P_ALMELO", "/sluis.v1.AuditService/SearchEvents", search);
    EXPECT_THAT(found, IsOk());
    if (!found.ok() || found->answer().events().empty()) return "";
    v1::Event event = *found->answer().events().rbegin();
    event.clear_index();
    event.clear_event_id();
    event.clear_time();
    event.clear_partij_seq();
    event.clear_pseudonym();
    return event.SerializeAsString();
  }

  // Two answers that a caller cannot tell apart: the same bytes; what is random or counts in the
  // receipts has the same size.
  void ExpectAlike(const v1::RequestFieldsResponse& known, const v1::RequestFieldsResponse& other) {
    EXPECT_GT(known.answer().fields_size(), 0);
    EXPECT_EQ(known.answer().SerializeAsString(), other.answer().SerializeAsString())
        << known.answer().DebugString() << other.answer().DebugString();
    EXPECT_EQ(known.values_size(), 0);
    EXPECT_EQ(other.values_size(), 0);
    EXPECT_EQ(known.has_earlier(), other.has_earlier());
    ASSERT_EQ(known.receipts_size(), 1);
    ASSERT_EQ(other.receipts_size(), 1);
    EXPECT_EQ(known.receipts(0).leaf().size(), other.receipts(0).leaf().size());
    EXPECT_EQ(SizeWithoutProof(known), SizeWithoutProof(other));
  }

  // How long a proof is depends on the place in the tree alone.
  static size_t SizeWithoutProof(v1::RequestFieldsResponse response) {
    for (v1::Receipt& receipt : *response.mutable_receipts()) {
      receipt.clear_index();
      receipt.clear_inclusion();
      receipt.clear_consistency_from();
      receipt.clear_consistency();
      receipt.clear_previous_from();
      receipt.clear_previous();
      receipt.clear_checkpoint();
    }
    return response.ByteSizeLong();
  }

  // How long the caller waits for an answer about this person.
  absl::Duration Time(const std::string& person) {
    v1::RequestFieldsRequest request = About(person);
    const absl::Time begun = absl::Now();
    const auto response = Ask(request);
    const absl::Duration took = absl::Now() - begun;
    EXPECT_EQ(response.values_size(), 0);
    return took;
  }
  SignTest::Result Compare(size_t pairs, const std::function<void()>& leak = {}) {
    // What is read the first time is remembered then, of both.
    for (int i = 0; i < 20; ++i) {
      Time("gerda");
      Time("rika");
    }
    const auto result = SignTest::Run(
        pairs,
        [&] {
          const absl::Time begun = absl::Now();
          if (leak) leak();
          const absl::Duration leaked = absl::Now() - begun;
          return Time("gerda") + (leak ? leaked : absl::ZeroDuration());
        },
        [&] { return Time("rika"); });
    std::cout << result << "\n";
    return result;
  }

  Stage stage_;
  const policy::ExpandedStep step_ = StepWithTwoPersons();
  std::unique_ptr<World> world_;
};

TEST_F(NcndTest, APatientAndAStrangerGetTheSameBytes) {
  for (const char* language : {"", "nl", "en"}) {
    for (const bool dry_run : {false, true}) {
      SCOPED_TRACE(language);
      auto about_known = About("gerda");
      auto about_other = About("rika");
      for (auto* request : {&about_known, &about_other}) {
        request->set_language(language);
        request->set_validate_only(dry_run);
      }
      const auto known = Ask(about_known);
      const std::string seen_of_known = NewestEvent();
      const auto other = Ask(about_other);
      ExpectAlike(known, other);
      EXPECT_EQ(policy::v1::FieldOutcome::Id_Name(known.answer().fields(0).outcome()), "NCND");
      // The log that the caller may read says no more.
      if (!dry_run) {
        EXPECT_FALSE(seen_of_known.empty());
        EXPECT_EQ(seen_of_known, NewestEvent());
      }
    }
  }
}

TEST_F(NcndTest, EachFieldAloneGetsTheSameBytes) {
  for (const policy::v1::Field& field : testing::ReferenceConvenant().message().fields()) {
    SCOPED_TRACE(field.name());
    auto about_known = About("gerda");
    auto about_other = About("rika");
    for (auto* request : {&about_known, &about_other}) {
      request->clear_fields();
      request->add_fields()->set_field(field.name());
      request->mutable_fields(0)->set_motivation("nodig");
    }
    ExpectAlike(Ask(about_known), Ask(about_other));
  }
}

TEST_F(NcndTest, APatientTakesNoLongerThanAStranger) {
  ASSERT_EQ(policy::v1::FieldOutcome::Id_Name(Ask(About("gerda")).answer().fields(0).outcome()),
            "NCND");
  const auto result = Compare(testing::PairsOf("SLUIS_NCND_GRPC_PAIRS", 400));
  EXPECT_FALSE(SignTest::IsLeak(result.z)) << result;
}

// That the measurement above would have found it, with all the noise of a machine that runs other
// tests beside it: on a quiet one a millisecond gives z = 14.
TEST_F(NcndTest, FiveMillisecondsMoreAreFound) {
  const auto result = Compare(400, [] { absl::SleepFor(absl::Milliseconds(5)); });
  EXPECT_GT(result.z, SignTest::kLimit) << result;
}

// Outside the casus it makes no difference whether the broker knows the person elsewhere, also when
// the caller itself brought that person in.
TEST_F(NcndTest, APersonOfAnotherCasusIsAsUnknownAsAnyId) {
  const auto elsewhere = stage_.Play(StepOf("S-02", "a"));
  ASSERT_THAT(elsewhere, IsOk());
  auto about_known = About("gerda");
  about_known.set_person_id((*elsewhere)->PersonId("P_ALMELO", "gerda"));
  ASSERT_FALSE(about_known.person_id().empty());
  auto about_other = About("gerda");
  about_other.set_person_id(NewRequestId());
  const auto known = Ask(about_known);
  const auto other = Ask(about_other);
  ExpectAlike(known, other);
  for (const auto& field : known.answer().fields())
    EXPECT_EQ(policy::v1::ReasonCode::Id_Name(field.code()), "NOT_IN_CASUS");

  // Nor whether the casus exists in which the caller takes no part.
  about_known = About("gerda");
  about_known.set_casus_id(NewRequestId());
  ExpectAlike(Ask(about_known), other);
}

}  // namespace
}  // namespace sluis
