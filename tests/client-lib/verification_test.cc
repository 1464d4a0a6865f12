// What a client believes, against a real broker in this process and everything that may stand
// between the two.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <vector>

#include "fake_transport.h"
#include "small_world.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/audit/merkle.h"
#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/client/client.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/test_broker.h"
#include "sluis/v1/sharing.pb.h"
#include "sluis/wire/status.h"

namespace sluis::client {
namespace {

using ::sluis::log::v1::EventKind;
using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::sluis::testing::TempDir;
using ::sluis::testing::TestBroker;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kAlmelo = "P_ALMELO";
constexpr std::string_view kRequestFields = "/sluis.v1.SharingService/RequestFields";
constexpr std::string_view kConsistency = "/sluis.v1.AuditService/GetConsistencyProof";

// The two in-process brokers of these tests sign with the same key, as one that lies would.
struct World {
  World() {
    built = broker.SetClock(broker::TestNow());
    built.Update(small.PutActors());
    built.Update(small.Build());
    built.Update(small.Consent().status());
  }

  TempDir directory;
  TestBroker broker{directory.path(), testing::ReferencePolicy(), broker::TestNow()};
  broker::SmallWorld small{broker};
  absl::Status built;
};

class VerificationTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(world_.built, IsOk()); }

  [[nodiscard]] static internal::SessionOptions Options() {
    return {std::string(testing::kTestOrigin), broker::TestLogKey().verifier()};
  }
  Client Make(internal::SessionOptions options = Options()) {
    auto client = MakeClient(wire_, std::move(options));
    EXPECT_THAT(client.status(), IsOk());
    return *std::move(client);
  }

  [[nodiscard]] static Context Us() {
    Context context;
    context.acting_hat = broker::kWijkteam.hat;
    context.professional = broker::kActor;
    return context;
  }
  [[nodiscard]] RequestFieldsRequest Question() const {
    RequestFieldsRequest request;
    request.casus_id = world_.small.casus_id();
    request.tafel = broker::kTafel;
    request.source = {std::string(broker::kGgz.partij), std::string(broker::kGgz.hat)};
    request.purpose = "D02";
    request.person_id = world_.small.wijkteam_person();
    request.fields = {{std::string(broker::kField), "nodig voor deze vraag"}};
    request.language = "nl";
    return request;
  }
  absl::StatusOr<RequestFieldsAnswer> Ask(Client& client) {
    return client.RequestFields(Us(), Question());
  }

  // Changes the next answer to RequestFields as a message.
  void Alter(std::function<void(v1::RequestFieldsResponse&)> change) {
    wire_.alter = [change = std::move(change)](std::string_view method,
                                               absl::StatusOr<std::string>& answer) {
      if (method != kRequestFields || !answer.ok()) return;
      v1::RequestFieldsResponse response;
      ASSERT_TRUE(response.ParseFromString(*answer));
      change(response);
      answer = response.SerializeAsString();
    };
  }
  // The error of a call whose answer was changed; and that nothing of it came through.
  absl::Status ErrorOf(std::function<void(v1::RequestFieldsResponse&)> change) {
    Client client = Make();
    Alter(std::move(change));
    const auto answer = Ask(client);
    wire_.alter = nullptr;
    EXPECT_TRUE(IsVerificationFailure(ReasonOf(answer.status()))) << answer.status();
    return answer.status();
  }

  World world_;
  Wire wire_{world_.broker, std::string(kAlmelo)};
};

TEST_F(VerificationTest, AReleaseComesWithItsValueAndItsEntry) {
  Client client = Make();
  const auto answer = Ask(client);
  ASSERT_THAT(answer.status(), IsOk());
  ASSERT_EQ(answer->decision.fields.size(), 1U);
  const FieldAnswer& field = answer->decision.fields[0];
  EXPECT_EQ(field.outcome, Outcome::kRelease);
  EXPECT_EQ(field.code, "RELEASED");
  EXPECT_THAT(field.grondslag, Not(IsEmpty()));
  EXPECT_THAT(field.text, Not(IsEmpty()));
  ASSERT_TRUE(field.value.has_value());
  EXPECT_NE(FormOf(field.value->value), "");
  ASSERT_EQ(answer->proof.entries.size(), 1U);
  const Entry& entry = answer->proof.entries[0];
  EXPECT_LT(entry.index, entry.tree_size);
  EXPECT_GT(entry.partij_seq, 0U);
  EXPECT_THAT(answer->proof.problem, IsOk());
  EXPECT_EQ(client.sequence().newest, entry.partij_seq);
  ASSERT_TRUE(client.trusted_checkpoint().has_value());
  EXPECT_THAT(*client.trusted_checkpoint(), HasSubstr("TEST_DATA_ONLY"));
}

TEST_F(VerificationTest, LaterCallsContinueTheTree) {
  Client client = Make();
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Ask(client).status(), IsOk());
  EXPECT_THAT(wire_.methods, Not(Contains(kConsistency))) << "the receipts carry the proof";
}

TEST_F(VerificationTest, AnAnswerThatWasChangedIsWithheld) {
  EXPECT_THAT(
      ErrorOf([](auto& response) {
        response.mutable_answer()->mutable_fields(0)->set_code(policy::v1::ReasonCode::NO_CONSENT);
      }),
      IsError(absl::StatusCode::kDataLoss, "RECEIPT_ANSWER"));
}

TEST_F(VerificationTest, AValueThatWasChangedIsWithheld) {
  const absl::Status status = ErrorOf([](auto& response) {
    response.mutable_values(0)->mutable_content()->mutable_value()->set_text("iets anders");
  });
  EXPECT_THAT(status, IsError(absl::StatusCode::kDataLoss, "VALUE_COMMITMENT"));
  EXPECT_EQ(MetadataOf(status)["field"], broker::kField);
}

TEST_F(VerificationTest, AValueThatDoesNotComeIsMissed) {
  EXPECT_THAT(ErrorOf([](auto& response) { response.clear_values(); }),
              IsError(absl::StatusCode::kDataLoss, "VALUE_MISSING"));
}

TEST_F(VerificationTest, AValueThatWasNotReleasedIsRefused) {
  EXPECT_THAT(ErrorOf([](auto& response) {
                *response.add_values() = response.values(0);
                response.mutable_values(1)->set_field("iets_anders");
              }),
              IsError(absl::StatusCode::kDataLoss, "VALUE_UNEXPECTED"));
}

TEST_F(VerificationTest, AValueMayNotComeTwice) {
  EXPECT_THAT(ErrorOf([](auto& response) { *response.add_values() = response.values(0); }),
              IsError(absl::StatusCode::kDataLoss, "VALUE_UNEXPECTED"));
}

TEST_F(VerificationTest, WithoutProofThereIsNoAnswer) {
  EXPECT_THAT(ErrorOf([](auto& response) { response.clear_receipts(); }),
              IsError(absl::StatusCode::kDataLoss, "RECEIPT_MISSING"));
}

TEST_F(VerificationTest, ProofOfAnotherCallIsNone) {
  v1::Receipt other;
  {
    Client client = Make();
    Alter([&](auto& response) { other = response.receipts(0); });
    ASSERT_THAT(Ask(client).status(), IsOk());
  }
  EXPECT_THAT(ErrorOf([&](auto& response) { *response.mutable_receipts(0) = other; }),
              IsError(absl::StatusCode::kDataLoss, "RECEIPT_REQUEST"));
}

TEST_F(VerificationTest, ProofThatCannotBeReadIsNone) {
  EXPECT_THAT(ErrorOf([](auto& response) { response.mutable_receipts(0)->set_inclusion(0, "x"); }),
              IsError(absl::StatusCode::kDataLoss, "RECEIPT_MALFORMED"));
}

TEST_F(VerificationTest, AnEntryThatIsNotInTheTreeIsNoProof) {
  const absl::Status status = ErrorOf([](auto& response) {
    std::string& hash = *response.mutable_receipts(0)->mutable_inclusion(0);
    hash[0] = static_cast<char>(hash[0] ^ 1);
  });
  EXPECT_THAT(status, IsError(absl::StatusCode::kDataLoss, "PROOF_MISMATCH"));
  EXPECT_EQ(MetadataOf(status)["proof"], "inclusion");
}

TEST_F(VerificationTest, ACheckpointWithABadSignatureIsNoProof) {
  EXPECT_THAT(ErrorOf([](auto& response) {
                std::string& note = *response.mutable_receipts(0)->mutable_checkpoint();
                char& c = note[note.size() - 10];
                c = c == 'A' ? 'B' : 'A';
              }),
              IsError(absl::StatusCode::kDataLoss, "NOTE_SIGNATURE"));
}

TEST_F(VerificationTest, ACheckpointOfAnotherKeyIsNoProof) {
  auto other = audit::SigningKey::Generate("sluis.test/log");
  ASSERT_THAT(other.status(), IsOk());
  Client client = Make({std::string(testing::kTestOrigin), other->verifier()});
  EXPECT_THAT(Ask(client).status(),
              IsError(absl::StatusCode::kFailedPrecondition, "NOTE_UNKNOWN_KEY"));
}

TEST_F(VerificationTest, ATestBrokerIsNotTakenForARealOne) {
  Client client = Make({"sluis.test/log", broker::TestLogKey().verifier()});
  const absl::Status status = Ask(client).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_ORIGIN"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("test_data_only"));
}

TEST_F(VerificationTest, NothingThatIsSentTwiceIsRead) {
  // Protobuf would merge two answers into one that was never hashed.
  Client client = Make();
  wire_.alter = [](std::string_view method, absl::StatusOr<std::string>& answer) {
    if (method != kRequestFields) return;
    v1::RequestFieldsResponse more;
    more.mutable_answer()->add_fields()->set_field("erbij");
    *answer += more.SerializeAsString();
  };
  EXPECT_THAT(Ask(client).status(), IsError(absl::StatusCode::kDataLoss, "ANSWER_MALFORMED"));
}

TEST_F(VerificationTest, NoBitOfAnAnswerCanBeChangedUnseen) {
  Context context = Us();
  context.request_id = testing::NewRequestId();
  std::string sent;
  wire_.alter = [&](std::string_view method, absl::StatusOr<std::string>& answer) {
    if (method == kRequestFields) sent = *answer;
  };
  Client first = Make();
  const auto expected = first.RequestFields(context, Question());
  ASSERT_THAT(expected.status(), IsOk());

  // The proof from the previous checkpoint stands at the end, and nobody needs it for the first.
  v1::RequestFieldsResponse response;
  ASSERT_TRUE(response.ParseFromString(sent));
  v1::Receipt unneeded;
  unneeded.set_previous_from(response.receipts(0).previous_from());
  *unneeded.mutable_previous() = response.receipts(0).previous();
  const size_t needed = sent.size() - unneeded.ByteSizeLong();

  size_t refused = 0;
  std::string played;
  wire_.alter = [&](std::string_view, absl::StatusOr<std::string>& answer) { answer = played; };
  for (size_t at = 0; at < sent.size(); ++at) {
    played = sent;
    played[at] = static_cast<char>(played[at] ^ (1 << (at % 8)));
    Client client = Make();
    const auto answer = client.RequestFields(context, Question());
    if (!answer.ok()) {
      if (at < needed) ++refused;
      continue;
    }
    // What does not change what is proven: a consistency proof that this client does not need.
    ASSERT_EQ(answer->decision.fields.size(), expected->decision.fields.size()) << at;
    EXPECT_EQ(answer->decision.fields[0].code, expected->decision.fields[0].code) << at;
    EXPECT_EQ(answer->decision.fields[0].value, expected->decision.fields[0].value) << at;
    EXPECT_EQ(answer->proof.entries[0].receipt.leaf, expected->proof.entries[0].receipt.leaf) << at;
  }
  EXPECT_GT(refused, needed * 98 / 100);
}

// ---- Errors ----

TEST_F(VerificationTest, AnErrorOfTheBrokerComesWithItsEntry) {
  Client client = Make();
  RequestFieldsRequest request = Question();
  request.purpose = "";
  const absl::Status status = client.RequestFields(Us(), request).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(MetadataOf(status)["field"], "purpose");
  EXPECT_THAT(MetadataOf(status)["log_index"], Not(IsEmpty()));
  // It has a number like every other.
  EXPECT_THAT(Ask(client).status(), IsOk());
  EXPECT_THAT(client.sequence().missing, IsEmpty());
}

TEST_F(VerificationTest, AnErrorWithAFalseProofIsAFalseError) {
  Client client = Make();
  wire_.alter = [](std::string_view, absl::StatusOr<std::string>& answer) {
    if (answer.ok()) return;
    v1::Receipt receipt;
    ASSERT_TRUE(receipt.ParseFromString(wire::AttachedReceipt(answer.status())));
    receipt.mutable_leaf()->back() = static_cast<char>(receipt.leaf().back() ^ 1);
    absl::Status changed = answer.status();
    wire::AttachReceipt(changed, receipt.SerializeAsString());
    answer = changed;
  };
  RequestFieldsRequest request = Question();
  request.purpose = "";
  const absl::Status status = client.RequestFields(Us(), request).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kDataLoss, "PROOF_MISMATCH"));
  EXPECT_EQ(MetadataOf(status)["broker_reason"], "MALFORMED");
}

// A broker that means ill may attach the proof of any entry of the log to an error.
class ForgedErrorTest : public VerificationTest {
 protected:
  // The proof of an entry in a log that holds nothing else.
  static v1::Receipt ReceiptOf(const audit::Leaf& leaf) {
    v1::Receipt receipt;
    receipt.set_leaf(audit::EncodeLeaf(leaf));
    const auto checkpoint = audit::SignCheckpoint(
        testing::kTestOrigin, {1, audit::LeafHash(receipt.leaf())}, broker::TestLogKey());
    EXPECT_THAT(checkpoint.status(), IsOk());
    if (checkpoint.ok()) receipt.set_checkpoint(*checkpoint);
    return receipt;
  }
  // What the client says of this error with an entry that, but for `change`, is one of a call that
  // was refused.
  absl::Status Told(std::string_view reason, const std::function<void(audit::Leaf&)>& change) {
    Client client = Make();
    wire_.alter = [&](std::string_view, absl::StatusOr<std::string>& answer) {
      v1::RequestFieldsResponse response;
      ASSERT_THAT(answer.status(), IsOk());
      ASSERT_TRUE(response.ParseFromString(*answer));
      auto leaf = audit::DecodeLeaf(response.receipts(0).leaf());
      ASSERT_THAT(leaf.status(), IsOk());
      leaf->kind = EventKind::CALL_REJECTED;
      leaf->answer = audit::Digest();
      change(*leaf);
      absl::Status error = MakeError(absl::StatusCode::kPermissionDenied, reason, "no");
      wire::AttachReceipt(error, ReceiptOf(*leaf).SerializeAsString());
      answer = error;
    };
    absl::Status told = Ask(client).status();
    wire_.alter = nullptr;
    EXPECT_EQ(MetadataOf(told).contains("log_index"), ReasonOf(told) == reason) << told;
    return told;
  }
  void ExpectTaken(std::string_view reason, const std::function<void(audit::Leaf&)>& change) {
    EXPECT_EQ(ReasonOf(Told(reason, change)), reason);
  }
  void ExpectRefused(std::string_view reason, std::string_view because,
                     const std::function<void(audit::Leaf&)>& change) {
    const absl::Status told = Told(reason, change);
    EXPECT_THAT(told, IsError(absl::StatusCode::kDataLoss, because));
    EXPECT_EQ(MetadataOf(told)["broker_reason"], reason);
  }
  static void Unread(audit::Leaf& leaf) { leaf.request = audit::Digest(); }
  static void Uncounted(audit::Leaf& leaf) { leaf.partij_seq = 0; }
};

TEST_F(ForgedErrorTest, WhatARefusalMayCarryIsTaken) {
  ExpectTaken("NOT_AUTHORISED_PERSON", [](audit::Leaf&) {});
  ExpectTaken("NOT_AUTHORISED_PERSON",
              [](audit::Leaf& leaf) { leaf.kind = EventKind::FIELDS_REQUESTED; });
  ExpectTaken("NOT_DELIVERED", [](audit::Leaf& leaf) { leaf.kind = EventKind::NOT_DELIVERED; });
  ExpectTaken("MALFORMED", Unread);
  ExpectTaken("TOO_LARGE", Unread);
  ExpectTaken("NOT_A_PARTIJ", [](audit::Leaf& leaf) {
    Unread(leaf);
    Uncounted(leaf);
  });
}

TEST_F(ForgedErrorTest, AnEntryOfTheBrokersOwnProvesNoRefusal) {
  for (const EventKind::Id kind : {EventKind::POLICY_ACTIVATED, EventKind::CLOCK_SET}) {
    const auto own = [kind](audit::Leaf& leaf) {
      leaf.kind = static_cast<uint8_t>(kind);
      Unread(leaf);
      Uncounted(leaf);
    };
    ExpectRefused("NOT_AUTHORISED_PERSON", "RECEIPT_REQUEST", own);
    ExpectRefused("MALFORMED", "RECEIPT_KIND", own);
    ExpectRefused("NOT_A_PARTIJ", "RECEIPT_KIND", own);
  }
}

TEST_F(ForgedErrorTest, AStrangersEntryProvesNothingOfUs) {
  const auto strangers = [](audit::Leaf& leaf) {
    Unread(leaf);
    Uncounted(leaf);
  };
  ExpectRefused("MALFORMED", "RECEIPT_KIND", strangers);
  ExpectRefused("TOO_LARGE", "RECEIPT_KIND", strangers);
  ExpectRefused("NOT_IN_CASUS", "RECEIPT_REQUEST", strangers);
  // Nor does one of ours prove that we are a stranger.
  ExpectRefused("NOT_A_PARTIJ", "RECEIPT_KIND", Unread);
}

TEST_F(ForgedErrorTest, WhatWasReadIsProvenByTheRequest) {
  ExpectRefused("NOT_IN_CASUS", "RECEIPT_REQUEST", Unread);
  ExpectRefused("NOT_IN_CASUS", "RECEIPT_REQUEST",
                [](audit::Leaf& leaf) { leaf.request = audit::HashRequest("another"); });
  ExpectRefused("NOT_IN_CASUS", "RECEIPT_KIND", Uncounted);
}

TEST_F(ForgedErrorTest, OnlyADeliveryThatFailedIsOne) {
  ExpectRefused("NOT_DELIVERED", "RECEIPT_KIND", [](audit::Leaf&) {});
  for (const EventKind::Id kind :
       {EventKind::NOT_DELIVERED, EventKind::DELIVERED, EventKind::CALL_REPEATED}) {
    ExpectRefused("NOT_IN_CASUS", "RECEIPT_KIND",
                  [kind](audit::Leaf& leaf) { leaf.kind = static_cast<uint8_t>(kind); });
  }
}

TEST_F(ForgedErrorTest, AnAnswerIsCountedAndIsNoRefusal) {
  const auto answered_with = [&](const std::function<void(audit::Leaf&)>& change) {
    return ErrorOf([&](v1::RequestFieldsResponse& response) {
      auto leaf = audit::DecodeLeaf(response.receipts(0).leaf());
      ASSERT_THAT(leaf.status(), IsOk());
      change(*leaf);
      *response.mutable_receipts(0) = ReceiptOf(*leaf);
    });
  };
  EXPECT_THAT(answered_with(Uncounted), IsError(absl::StatusCode::kDataLoss, "RECEIPT_KIND"));
  EXPECT_THAT(answered_with([](audit::Leaf& leaf) { leaf.kind = EventKind::CALL_REJECTED; }),
              IsError(absl::StatusCode::kDataLoss, "RECEIPT_KIND"));
}

TEST_F(VerificationTest, ABadRequestIdIsSeenHere) {
  Client client = Make();
  Context context = Us();
  context.request_id = "een";
  const absl::Status status = client.RequestFields(context, Question()).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(MetadataOf(status)["field"], "request_id");
  EXPECT_THAT(wire_.methods, IsEmpty());
}

TEST_F(VerificationTest, WhatCannotBeVerifiedCanBeSeenOnDemand) {
  internal::SessionOptions options = Options();
  options.unverified_answer = UnverifiedAnswer::kDeliver;
  Client client = Make(std::move(options));
  Alter([](auto& response) { response.clear_receipts(); });
  const auto answer = Ask(client);
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_THAT(answer->proof.problem, IsError(absl::StatusCode::kDataLoss, "RECEIPT_MISSING"));
  EXPECT_EQ(answer->decision.fields.size(), 1U);
}

// ---- Repeats ----

TEST_F(VerificationTest, ARepeatBringsTheFirstAnswerAndItsProof) {
  Client client = Make();
  Context context = Us();
  context.request_id = testing::NewRequestId();
  const auto first = client.RequestFields(context, Question());
  ASSERT_THAT(first.status(), IsOk());
  const auto second = client.RequestFields(context, Question());
  ASSERT_THAT(second.status(), IsOk());
  ASSERT_TRUE(second->earlier.has_value());
  EXPECT_EQ(second->earlier->entry.index, first->proof.entries[0].index);
  EXPECT_EQ(second->earlier->decision.fields[0].code, "RELEASED");
  EXPECT_TRUE(second->decision.fields[0].value.has_value());
  EXPECT_NE(second->proof.entries[0].index, first->proof.entries[0].index);

  Alter([](auto& response) {
    response.mutable_earlier()->mutable_answer()->mutable_fields(0)->set_code(
        policy::v1::ReasonCode::NO_CONSENT);
  });
  EXPECT_THAT(client.RequestFields(context, Question()).status(),
              IsError(absl::StatusCode::kDataLoss, "RECEIPT_ANSWER"));
}

// ---- Our own numbers ----

TEST_F(VerificationTest, AnEntryThatWeDidNotMakeIsSeen) {
  Client client = Make();
  const auto first = Ask(client);
  ASSERT_THAT(first.status(), IsOk());
  // Somebody else with our certificate.
  ASSERT_THAT(world_.small.Ask().status(), IsOk());
  const absl::Status gap = Ask(client).status();
  EXPECT_THAT(gap, IsError(absl::StatusCode::kDataLoss, "SEQUENCE_GAP"));
  EXPECT_EQ(MetadataOf(gap)["missing"], std::to_string(first->proof.entries[0].partij_seq + 1));
  EXPECT_THAT(Ask(client).status(), IsOk()) << "said once";
  EXPECT_THAT(client.sequence().missing, ElementsAre(first->proof.entries[0].partij_seq + 1));
}

TEST_F(VerificationTest, WithMoreProgramsThatIsNormal) {
  internal::SessionOptions options = Options();
  options.sequence = Sequence::kSharedByMore;
  Client client = Make(std::move(options));
  ASSERT_THAT(Ask(client).status(), IsOk());
  ASSERT_THAT(world_.small.Ask().status(), IsOk());
  EXPECT_THAT(Ask(client).status(), IsOk());
}

TEST_F(VerificationTest, ACallOfWhichWeHeardNoEndExplainsANumber) {
  Client client = Make();
  Context context = Us();
  context.request_id = testing::NewRequestId();
  ASSERT_THAT(Ask(client).status(), IsOk());
  wire_.alter = [](std::string_view, absl::StatusOr<std::string>& answer) {
    answer = MakeError(absl::StatusCode::kDeadlineExceeded, "TIMEOUT", "");
  };
  EXPECT_THAT(client.RequestFields(context, Question()).status(),
              IsError(absl::StatusCode::kDeadlineExceeded, "TIMEOUT"));
  wire_.alter = nullptr;
  ASSERT_THAT(Ask(client).status(), IsOk());
  EXPECT_EQ(client.sequence().missing.size(), 1U);
  // Repeating it tells that it was done, and finds its number.
  const auto again = client.RequestFields(context, Question());
  ASSERT_THAT(again.status(), IsOk());
  EXPECT_TRUE(again->earlier.has_value());
  EXPECT_THAT(client.sequence().missing, IsEmpty());
}

TEST_F(VerificationTest, AnswersMayOvertakeEachOther) {
  Client client = Make();
  ASSERT_THAT(Ask(client).status(), IsOk());
  wire_.hold = true;
  std::vector<absl::Status> ended;
  for (int i = 0; i < 4; ++i) {
    client.RequestFieldsAsync(Us(), Question(),
                              [&](const absl::StatusOr<RequestFieldsAnswer>& answer) {
                                ended.push_back(answer.status());
                              });
  }
  ASSERT_EQ(wire_.held(), 4U);
  wire_.hold = false;
  while (wire_.held() > 0) wire_.Release(wire_.held() - 1);
  ASSERT_EQ(ended.size(), 4U);
  for (const absl::Status& status : ended) EXPECT_THAT(status, IsOk());
  EXPECT_THAT(client.sequence().missing, IsEmpty());
  EXPECT_THAT(wire_.methods, Not(Contains(kConsistency))) << "each proves the one before it";
}

// Calls whose answers are kept, to be let go in any order.
class OvertakingTest : public VerificationTest {
 protected:
  void SetUp() override {
    VerificationTest::SetUp();
    options_.sequence = Sequence::kSharedByMore;
    client_.emplace(Make(options_));
    ASSERT_THAT(Ask(*client_).status(), IsOk());
    wire_.hold = true;
  }
  // Another call of ours, whose answer is kept.
  void Start() {
    const size_t i = ended_.size();
    ended_.emplace_back();
    client_->RequestFieldsAsync(Us(), Question(),
                                [this, i](const absl::StatusOr<RequestFieldsAnswer>& answer) {
                                  EXPECT_FALSE(ended_[i].has_value()) << "told twice";
                                  ended_[i] = answer.status();
                                });
    ASSERT_EQ(wire_.methods.back(), kRequestFields);
  }
  // A checkpoint that this client is not shown.
  void SomebodyElse() { ASSERT_THAT(world_.small.Ask().status(), IsOk()); }
  [[nodiscard]] std::vector<bool> Ended() const {
    std::vector<bool> ended;
    for (const auto& status : ended_) ended.push_back(status.has_value());
    return ended;
  }
  void ExpectAllIsWell() {
    for (const auto& status : ended_) {
      ASSERT_TRUE(status.has_value());
      EXPECT_THAT(*status, IsOk());
    }
    EXPECT_EQ(wire_.held(), 0U);
  }
  [[nodiscard]] long Fetches() const {
    return std::count(wire_.methods.begin(), wire_.methods.end(), kConsistency);
  }

  internal::SessionOptions options_ = Options();
  std::vector<std::optional<absl::Status>> ended_;
  std::optional<Client> client_;
};

TEST_F(OvertakingTest, InOrderNothingIsFetched) {
  for (int i = 0; i < 6; ++i) Start();
  while (wire_.held() > 0) wire_.Release(0);
  ExpectAllIsWell();
  EXPECT_EQ(Fetches(), 0);
}

TEST_F(OvertakingTest, WhoComesTooEarlyIsHeldBackUntilTheLinkComes) {
  for (int i = 0; i < 4; ++i) Start();
  wire_.Release(0);
  wire_.Release(2);  // the last one, and it does not continue what is trusted
  EXPECT_THAT(Ended(), ElementsAre(true, false, false, false));
  EXPECT_EQ(Fetches(), 1);
  wire_.Release(1);
  EXPECT_THAT(Ended(), ElementsAre(true, false, false, false));
  wire_.Release(0);
  EXPECT_THAT(Ended(), ElementsAre(true, true, true, true));
  wire_.Release(0);  // the proof, which nobody needs any more
  ExpectAllIsWell();
  EXPECT_EQ(Fetches(), 1);
}

TEST_F(OvertakingTest, ALinkThatNeverComesIsFetched) {
  Start();
  SomebodyElse();
  Start();
  Start();
  wire_.Release(0);
  wire_.Release(1);
  wire_.Release(0);
  EXPECT_THAT(Ended(), ElementsAre(true, false, false));
  wire_.Release(0);
  ExpectAllIsWell();
  EXPECT_EQ(Fetches(), 1);
}

TEST_F(OvertakingTest, AProofThatCameTooLateIsFetchedAgainWhileOthersWait) {
  Start();
  Start();
  SomebodyElse();
  Start();
  Start();
  wire_.Release(0);
  wire_.Release(1);  // the third: a proof from the first is fetched
  EXPECT_EQ(Fetches(), 1);
  wire_.Release(0);  // the second moves the head
  EXPECT_THAT(Ended(), ElementsAre(true, true, false, false));
  ASSERT_EQ(wire_.held(), 2U);
  wire_.Release(1);  // the proof, which is of no use now
  EXPECT_EQ(Fetches(), 2);
  Start();
  Start();
  ASSERT_EQ(wire_.held(), 4U);
  wire_.Release(0);
  wire_.Release(1);
  EXPECT_THAT(Ended(), ElementsAre(true, true, false, false, false, false));
  wire_.Release(0);  // the proof
  EXPECT_THAT(Ended(), ElementsAre(true, true, true, true, true, false));
  wire_.Release(0);
  ExpectAllIsWell();
  EXPECT_EQ(Fetches(), 2);
}

TEST_F(OvertakingTest, WhoeverCannotFetchLeavesItToTheNext) {
  Start();
  SomebodyElse();
  Start();
  SomebodyElse();
  Start();
  wire_.alter = [](std::string_view method, absl::StatusOr<std::string>& answer) {
    if (method == kConsistency) answer = MakeError(absl::StatusCode::kUnavailable, "GONE", "");
  };
  wire_.Release(0);
  wire_.Release(0);
  wire_.alter = nullptr;
  wire_.Release(0);
  EXPECT_THAT(Ended(), ElementsAre(true, false, false));
  wire_.Release(0);
  ASSERT_THAT(Ended(), ElementsAre(true, true, false));
  EXPECT_THAT(*ended_[1], IsError(absl::StatusCode::kFailedPrecondition, "CONSISTENCY_NEEDED"));
  wire_.Release(0);
  ASSERT_THAT(Ended(), ElementsAre(true, true, true));
  EXPECT_THAT(*ended_[2], IsOk());
}

TEST_F(OvertakingTest, AFalseLinkIsSeen) {
  Start();
  Alter([](auto& response) {
    std::string& hash = *response.mutable_receipts(0)->mutable_previous(0);
    hash[0] = static_cast<char>(hash[0] ^ 1);
  });
  Start();
  wire_.alter = nullptr;
  wire_.Release(0);
  const std::string trusted = *client_->trusted_checkpoint();
  wire_.Release(0);
  ASSERT_THAT(Ended(), ElementsAre(true, true));
  EXPECT_THAT(*ended_[1], IsError(absl::StatusCode::kDataLoss, "PROOF_MISMATCH"));
  EXPECT_EQ(MetadataOf(*ended_[1])["proof"], "previous");
  EXPECT_EQ(*client_->trusted_checkpoint(), trusted);
}

TEST_F(OvertakingTest, AForkIsSeenWhileAnswersAreUnderWay) {
  World other;
  ASSERT_THAT(other.built, IsOk());
  Start();
  Start();
  // As many entries as ours has now, and one more.
  for (int i = 0; i < 3; ++i) ASSERT_THAT(other.small.Ask().status(), IsOk());
  wire_.Release(0);
  wire_.Release(0);
  const std::string trusted = *client_->trusted_checkpoint();
  wire_.hold = false;
  wire_.broker = &other.broker;
  RequestFieldsRequest question = Question();
  question.casus_id = other.small.casus_id();
  question.person_id = other.small.wijkteam_person();
  const absl::Status status = client_->RequestFields(Us(), question).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kDataLoss, "PROOF_MISMATCH"));
  EXPECT_EQ(MetadataOf(status)["proof"], "previous");
  EXPECT_EQ(*client_->trusted_checkpoint(), trusted);
}

// ---- One history ----

TEST_F(VerificationTest, TwoTreesOfOneSizeAreAForkAndTheEvidenceIsKept) {
  World other;
  ASSERT_THAT(other.built, IsOk());
  Client client = Make();
  ASSERT_THAT(Ask(client).status(), IsOk());
  const std::string remembered = *client.trusted_checkpoint();
  // The other log has as many entries as ours after the next call.
  wire_.broker = &other.broker;
  RequestFieldsRequest question = Question();
  question.casus_id = other.small.casus_id();
  question.person_id = other.small.wijkteam_person();
  const absl::Status status = client.RequestFields(Us(), question).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kDataLoss, "LOG_FORKED"));
  EXPECT_EQ(MetadataOf(status)["remembered"], remembered);
  EXPECT_THAT(MetadataOf(status)["conflicting"], Not(remembered));
  EXPECT_EQ(*client.trusted_checkpoint(), remembered);
}

TEST_F(VerificationTest, ALogThatLostEntriesIsNotBelieved) {
  World other;
  ASSERT_THAT(other.built, IsOk());
  Client client = Make();
  for (int i = 0; i < 5; ++i) ASSERT_THAT(Ask(client).status(), IsOk());
  wire_.broker = &other.broker;
  RequestFieldsRequest question = Question();
  question.casus_id = other.small.casus_id();
  question.person_id = other.small.wijkteam_person();
  const absl::Status status = client.RequestFields(Us(), question).status();
  EXPECT_TRUE(IsVerificationFailure(ReasonOf(status))) << status;
}

TEST_F(VerificationTest, ALogWithAnotherPastIsNotBelieved) {
  World other;
  ASSERT_THAT(other.built, IsOk());
  Client client = Make();
  ASSERT_THAT(Ask(client).status(), IsOk());
  for (int i = 0; i < 5; ++i) ASSERT_THAT(other.small.Ask().status(), IsOk());
  wire_.broker = &other.broker;
  RequestFieldsRequest question = Question();
  question.casus_id = other.small.casus_id();
  question.person_id = other.small.wijkteam_person();
  EXPECT_THAT(client.RequestFields(Us(), question).status(),
              IsError(absl::StatusCode::kDataLoss, "PROOF_MISMATCH"));
}

TEST_F(VerificationTest, AForkIsSeenAfterARestartToo) {
  const TempDir directory;
  const std::string state = directory.File("state");
  {
    auto client = MakeClient(wire_, Options(), state);
    ASSERT_THAT(client.status(), IsOk());
    ASSERT_THAT(Ask(*client).status(), IsOk());
  }
  {
    // The same log goes on.
    auto client = MakeClient(wire_, Options(), state);
    ASSERT_THAT(client.status(), IsOk());
    ASSERT_THAT(Ask(*client).status(), IsOk());
  }
  World other;
  ASSERT_THAT(other.built, IsOk());
  wire_.broker = &other.broker;
  auto client = MakeClient(wire_, Options(), state);
  ASSERT_THAT(client.status(), IsOk());
  RequestFieldsRequest question = Question();
  question.casus_id = other.small.casus_id();
  question.person_id = other.small.wijkteam_person();
  const absl::Status status = client->RequestFields(Us(), question).status();
  EXPECT_TRUE(IsVerificationFailure(ReasonOf(status))) << status;
}

TEST_F(VerificationTest, TheStateFileHoldsTheNewestCheckpointAsItIs) {
  const TempDir directory;
  const std::string state = directory.File("state");
  std::string newest;
  {
    auto client = MakeClient(wire_, Options(), state);
    ASSERT_THAT(client.status(), IsOk());
    for (int i = 0; i < 10; ++i) ASSERT_THAT(Ask(*client).status(), IsOk());
    newest = *client->trusted_checkpoint();
  }
  std::ifstream file(state);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(content, newest);
  EXPECT_THAT(audit::OpenCheckpoint(content, testing::kTestOrigin,
                                    std::vector{broker::TestLogKey().verifier()})
                  .status(),
              IsOk());
}

// ---- Our own numbers, after a restart ----

class NumbersTest : public VerificationTest {
 protected:
  Client Start(Sequence sequence = Sequence::kOnlyClient) {
    internal::SessionOptions options = Options();
    options.sequence = sequence;
    auto client = MakeClient(wire_, std::move(options), state_, numbers_);
    EXPECT_THAT(client.status(), IsOk());
    return *std::move(client);
  }
  [[nodiscard]] std::string Kept() const {
    std::ifstream file(numbers_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TempDir directory_;
  const std::string state_ = directory_.File("state");
  const std::string numbers_ = directory_.File("state.oin");
};

TEST_F(NumbersTest, AnEntryWhileNoClientRanIsSeen) {
  uint64_t last = 0;
  {
    Client client = Start();
    const auto answer = Ask(client);
    ASSERT_THAT(answer.status(), IsOk());
    last = answer->proof.entries[0].partij_seq;
  }
  EXPECT_EQ(Kept(), std::to_string(last) + " complete\n");
  // Nothing happened.
  { EXPECT_THAT(Ask(*std::make_unique<Client>(Start())).status(), IsOk()); }
  // Somebody else with our certificate.
  ASSERT_THAT(world_.small.Ask().status(), IsOk());
  Client client = Start();
  const absl::Status gap = Ask(client).status();
  EXPECT_THAT(gap, IsError(absl::StatusCode::kDataLoss, "SEQUENCE_GAP"));
  EXPECT_EQ(MetadataOf(gap)["missing"], std::to_string(last + 2));
}

TEST_F(NumbersTest, AProgramThatWasKilledMayHaveMadeWhatIsMissing) {
  std::string killed;
  {
    Client client = Start();
    ASSERT_THAT(Ask(client).status(), IsOk());
    ASSERT_THAT(client.Flush(), IsOk());
    killed = Kept();
    EXPECT_THAT(killed, HasSubstr(" open"));
    ASSERT_THAT(Ask(client).status(), IsOk());
  }
  ASSERT_THAT(internal::ReplaceFile(numbers_, killed), IsOk());
  Client client = Start();
  EXPECT_THAT(Ask(client).status(), IsOk());
  EXPECT_EQ(client.sequence().missing.size(), 1U);
}

TEST_F(NumbersTest, AnEndIsOneOnlyUntilTheNextStart) {
  {
    Client client = Start();
    ASSERT_THAT(Ask(client).status(), IsOk());
  }
  ASSERT_THAT(Kept(), HasSubstr(" complete"));
  Client client = Start();
  EXPECT_THAT(Kept(), HasSubstr(" open"));
}

TEST_F(NumbersTest, ACallWithoutAnEndLeavesItOpen) {
  {
    Client client = Start();
    ASSERT_THAT(Ask(client).status(), IsOk());
    wire_.alter = [](std::string_view, absl::StatusOr<std::string>& answer) {
      answer = MakeError(absl::StatusCode::kCancelled, "CANCELLED", "");
    };
    EXPECT_THAT(Ask(client).status(), IsError(absl::StatusCode::kCancelled, "CANCELLED"));
    wire_.alter = nullptr;
  }
  EXPECT_THAT(Kept(), HasSubstr(" open"));
  Client client = Start();
  EXPECT_THAT(Ask(client).status(), IsOk());
}

TEST_F(NumbersTest, WithMoreProgramsOnlyARepeatIsSeen) {
  std::string before;
  {
    Client client = Start(Sequence::kSharedByMore);
    ASSERT_THAT(Ask(client).status(), IsOk());
  }
  EXPECT_THAT(Kept(), HasSubstr(" open"));
  ASSERT_THAT(world_.small.Ask().status(), IsOk());
  EXPECT_THAT(Ask(*std::make_unique<Client>(Start(Sequence::kSharedByMore))).status(), IsOk());
  ASSERT_THAT(internal::ReplaceFile(numbers_, "1000 open\n"), IsOk());
  EXPECT_THAT(Ask(*std::make_unique<Client>(Start(Sequence::kSharedByMore))).status(),
              IsError(absl::StatusCode::kDataLoss, "SEQUENCE_REPEATED"));
}

TEST_F(NumbersTest, TheNumbersAreThoseOfTheLogThatIsKnown) {
  ASSERT_THAT(internal::ReplaceFile(numbers_, "1000 complete\n"), IsOk());
  {
    Client client = Start();
    EXPECT_THAT(Ask(client).status(), IsOk()) << "there is no checkpoint beside it";
  }
  EXPECT_THAT(Kept(), Not(HasSubstr("1000")));
  for (const char* damaged : {"", "x open\n", "12", "12 shut\n", "12 open", "-1 open\n"}) {
    ASSERT_THAT(internal::ReplaceFile(numbers_, damaged), IsOk());
    const absl::Status status = MakeClient(wire_, Options(), state_, numbers_).status();
    EXPECT_THAT(status, IsError(absl::StatusCode::kDataLoss, "STATE_FILE_INVALID")) << damaged;
    EXPECT_EQ(MetadataOf(status)["file"], numbers_);
  }
}

TEST_F(NumbersTest, AFileThatCannotBeWrittenIsToldAndKeepsNobodyFromCalling) {
  const std::string below = directory_.File("below");
  auto made = MakeClient(wire_, Options(), state_, below + "/numbers");
  ASSERT_THAT(made.status(), IsOk());
  EXPECT_THAT(made->Flush(), IsError(absl::StatusCode::kUnavailable, "STATE_FILE_UNWRITABLE"));
  EXPECT_THAT(Ask(*made).status(), IsOk());
  EXPECT_THAT(made->Flush(), IsError(absl::StatusCode::kUnavailable, "STATE_FILE_UNWRITABLE"));
  std::filesystem::create_directory(below);
  EXPECT_THAT(Ask(*made).status(), IsOk());
  EXPECT_THAT(made->Flush(), IsOk());
}

TEST_F(VerificationTest, ADamagedStateFileStopsTheStart) {
  const TempDir directory;
  const std::string state = directory.File("state");
  ASSERT_THAT(internal::ReplaceFile(state, "rubbish"), IsOk());
  const absl::Status status = MakeClient(wire_, Options(), state).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kDataLoss, "STATE_FILE_INVALID"));
  EXPECT_EQ(MetadataOf(status)["file"], state);
}

TEST_F(VerificationTest, ACheckpointThatComesAloneIsVerifiedToo) {
  Client client = Make();
  ASSERT_THAT(Ask(client).status(), IsOk());
  ASSERT_THAT(client.GetCheckpoint().status(), IsOk());
  World other;
  ASSERT_THAT(other.built, IsOk());
  ASSERT_THAT(other.small.Ask().status(), IsOk());
  wire_.broker = &other.broker;
  const absl::Status status = client.GetCheckpoint().status();
  EXPECT_TRUE(IsVerificationFailure(ReasonOf(status))) << status;
}

}  // namespace
}  // namespace sluis::client
