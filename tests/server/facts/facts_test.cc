#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/crypto/crypto.h"
#include "sluis/facts/facts_reader.h"
#include "sluis/policy/v1/facts.pb.h"
#include "sluis/state/state.h"
#include "sluis/store/sqlite_store.h"
#include "sluis/testing/policy_files.h"

namespace sluis::facts {
namespace {

using testing::IsOk;
using testing::TempDir;

absl::Time Utc(int year, int month, int day, int hour, int minute, int second = 0) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second),
                         absl::UTCTimeZone());
}

TEST(LocalDateTest, TheDayBeginsAtMidnightInAmsterdam) {
  // Winter: one hour ahead of UTC. Summer: two. The clocks change at 01:00 UTC.
  const std::vector<std::pair<absl::Time, std::string>> cases = {
      {Utc(2026, 1, 31, 22, 59, 59), "2026-01-31"},  {Utc(2026, 1, 31, 23, 0), "2026-02-01"},
      {Utc(2026, 3, 28, 22, 59, 59), "2026-03-28"},  {Utc(2026, 3, 28, 23, 0), "2026-03-29"},
      {Utc(2026, 3, 29, 0, 59, 59), "2026-03-29"},   {Utc(2026, 3, 29, 1, 0), "2026-03-29"},
      {Utc(2026, 3, 29, 21, 59, 59), "2026-03-29"},  {Utc(2026, 3, 29, 22, 0), "2026-03-30"},
      {Utc(2026, 10, 24, 21, 59, 59), "2026-10-24"}, {Utc(2026, 10, 24, 22, 0), "2026-10-25"},
      {Utc(2026, 10, 25, 0, 30), "2026-10-25"},      {Utc(2026, 10, 25, 1, 30), "2026-10-25"},
      {Utc(2026, 10, 25, 22, 59, 59), "2026-10-25"}, {Utc(2026, 10, 25, 23, 0), "2026-10-26"},
      {Utc(2028, 2, 28, 23, 0), "2028-02-29"},       {Utc(2026, 12, 31, 23, 0), "2027-01-01"}};
  for (const auto& [time, day] : cases) EXPECT_EQ(LocalDate(time).ToString(), day) << time;
}

class FactsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = store::OpenSqliteStore(directory_.File("store.db"));
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
    auto vault = vault::Vault::Open(directory_.File("keys.db"),
                                    SecretBytes("0123456789abcdef0123456789abcdef"));
    ASSERT_THAT(vault, IsOk());
    vault_ = *std::move(vault);
    reader_ = std::make_unique<FactsReader>(*vault_);
    for (const Uuid& owner : {state::kBrokerOwner, casus_, person_})
      ASSERT_THAT(vault_->CreateKey(owner), IsOk());
    query_.casus = casus_;
    query_.person = person_;
    query_.acting_partij = "P_ALMELO";
    query_.professional = "actor";
    query_.source_partij = "P_MEDIANT";
    auto& facts = *stored_casus_.mutable_facts();
    facts.set_id(casus_.ToString());
    facts.set_status(policy::v1::CasusFacts::OPEN);
    facts.set_phase("AVE_2");
    auto& in_casus = *facts.add_persons();
    in_casus.set_id(person_.ToString());
    in_casus.set_role(policy::v1::PersonRole::BETROKKENE);
    Write([&](state::StateWriter& state) {
      ASSERT_THAT(state.PutCasus(casus_, stored_casus_), IsOk());
      ASSERT_THAT(state.PutPerson(person_, Born("1981-07-02")), IsOk());
    });
  }

  static store::v1::Person Born(const std::string& day) {
    store::v1::Person person;
    person.set_geboortedatum(day);
    return person;
  }
  template <typename Change>
  void Write(Change change) {
    auto transaction = store_->Begin();
    ASSERT_THAT(transaction, IsOk());
    state::StateWriter state(**transaction, *vault_);
    change(state);
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }
  View Load(const Query& query, absl::Time now = Now()) {
    auto reader = store_->Read();
    EXPECT_THAT(reader, IsOk());
    auto view = reader_->Load(**reader, policy_, query, now, LocalDate(now));
    EXPECT_THAT(view, IsOk());
    return *std::move(view);
  }
  std::optional<View> Peek(const Query& query, absl::Time now = Now()) {
    return reader_->Peek(policy_, query, now, LocalDate(now));
  }
  bool IsCurrent(const View& view) {
    auto reader = store_->Read();
    EXPECT_THAT(reader, IsOk());
    const auto current = FactsReader::IsCurrent(**reader, view);
    EXPECT_THAT(current, IsOk());
    return *current;
  }
  static absl::Time Now() { return Utc(2026, 11, 30, 9, 0); }

  const TempDir directory_;
  const std::shared_ptr<const policy::Policy> policy_ = testing::ReferencePolicy();
  const Uuid casus_ = *crypto::RandomUuid();
  const Uuid person_ = *crypto::RandomUuid();
  const Uuid handle_ = *crypto::RandomUuid();
  store::v1::Casus stored_casus_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<vault::Vault> vault_;
  std::unique_ptr<FactsReader> reader_;
  Query query_;
};

TEST_F(FactsTest, NothingIsRememberedUntilItIsKept) {
  EXPECT_FALSE(Peek(query_));
  const View view = Load(query_);
  EXPECT_NE(view.facts().casus, nullptr);
  EXPECT_NE(view.facts().subject, nullptr);
  EXPECT_FALSE(Peek(query_));
  reader_->Keep(query_, handle_, view);
  EXPECT_TRUE(Peek(query_));
  EXPECT_EQ(reader_->PeekPerson("P_ALMELO", handle_), person_);
  EXPECT_EQ(reader_->PeekPerson("P_MEDIANT", handle_), std::nullopt);
}

TEST_F(FactsTest, AnotherDayOrPolicyIsReadAgain) {
  reader_->Keep(query_, handle_, Load(query_));
  EXPECT_FALSE(Peek(query_, Now() + absl::Hours(24)));
  EXPECT_FALSE(reader_->Peek(testing::ReferencePolicy(), query_, Now(), LocalDate(Now())));
}

TEST_F(FactsTest, EveryChangeOfWhatWasReadMakesAViewStale) {
  const std::vector<std::function<void(state::StateWriter&)>> changes = {
      [&](auto& state) { ASSERT_THAT(state.PutCasus(casus_, stored_casus_), IsOk()); },
      [&](auto& state) { ASSERT_THAT(state.PutPerson(person_, Born("1990-01-01")), IsOk()); },
      [&](auto& state) {
        ASSERT_THAT(state.PutRecord(state::Subject::Person(person_), *crypto::RandomUuid(), {}),
                    IsOk());
      },
      [&](auto& state) {
        ASSERT_THAT(state.PutRecord(state::Subject::Casus(casus_), *crypto::RandomUuid(), {}),
                    IsOk());
      },
      [&](auto& state) {
        ASSERT_THAT(state.PutRecord(state::Subject::Partij("P_MEDIANT"), *crypto::RandomUuid(), {}),
                    IsOk());
      },
      [&](auto& state) {
        ASSERT_THAT(state.DeleteRecord(state::Subject::Person(person_), *crypto::RandomUuid()),
                    IsOk());
      },
      [&](auto& state) {
        ASSERT_THAT(state.PutDeposit(state::Subject::Person(person_), *crypto::RandomUuid(), {}),
                    IsOk());
      },
      [&](auto& state) {
        ASSERT_THAT(state.DeleteDeposit(state::Subject::Person(person_), *crypto::RandomUuid()),
                    IsOk());
      },
      [&](auto& state) {
        policy::v1::Professional professional;
        professional.set_id("actor");
        professional.set_partij("P_ALMELO");
        ASSERT_THAT(state.PutProfessional(professional), IsOk());
      }};
  for (size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    const View view = Load(query_);
    ASSERT_TRUE(IsCurrent(view));
    Write(changes[i]);
    EXPECT_FALSE(IsCurrent(view));
    EXPECT_TRUE(IsCurrent(Load(query_)));
  }
  // What is about others leaves it as it is.
  const View view = Load(query_);
  Write([&](auto& state) {
    policy::v1::Professional professional;
    professional.set_id("actor");
    professional.set_partij("P_POLITIE_ON");
    ASSERT_THAT(state.PutProfessional(professional), IsOk());
  });
  EXPECT_TRUE(IsCurrent(view));
}

TEST_F(FactsTest, ALaterViewIsNotReplacedByAnEarlier) {
  const View old = Load(query_);
  Write([&](auto& state) { ASSERT_THAT(state.PutCasus(casus_, stored_casus_), IsOk()); });
  reader_->Keep(query_, handle_, Load(query_));
  reader_->Keep(query_, handle_, old);
  ASSERT_TRUE(Peek(query_));
  EXPECT_TRUE(IsCurrent(*Peek(query_)));
}

// What a transaction read that is then rolled back never was.
TEST_F(FactsTest, WhatWasRolledBackIsNotTakenForWhatCameInstead) {
  {
    auto transaction = store_->Begin();
    ASSERT_THAT(transaction, IsOk());
    state::StateWriter state(**transaction, *vault_);
    store::v1::Casus closed = stored_casus_;
    closed.mutable_facts()->set_phase("AVE_4");
    ASSERT_THAT(state.PutCasus(casus_, closed), IsOk());
    const auto view = reader_->Load(**transaction, policy_, query_, Now(), LocalDate(Now()));
    ASSERT_THAT(view, IsOk());
    EXPECT_EQ(view->facts().casus->phase, policy_->FindPhase("AVE_4"));
  }
  Write([&](auto& state) { ASSERT_THAT(state.PutCasus(casus_, stored_casus_), IsOk()); });
  EXPECT_EQ(Load(query_).facts().casus->phase, policy_->FindPhase("AVE_2"));
}

// At a tafel without persons the casus itself is the subject. Somebody unknown is nobody, not the
// casus: neither is taken for the other, whichever was read first.
TEST_F(FactsTest, AnUnknownPersonIsNotTheCasus) {
  Query about_casus = query_;
  about_casus.with_person = false;
  Query unknown = query_;
  unknown.person = Uuid();
  for (const bool casus_first : {true, false}) {
    FactsReader fresh(*vault_);
    const auto reader = store_->Read();
    ASSERT_THAT(reader, IsOk());
    const auto load = [&](const Query& query) {
      auto view = fresh.Load(**reader, policy_, query, Now(), LocalDate(Now()));
      EXPECT_THAT(view, IsOk());
      fresh.Keep(query, handle_, *view);
      return *std::move(view);
    };
    if (casus_first) load(about_casus);
    EXPECT_EQ(load(unknown).facts().subject, nullptr);
    EXPECT_NE(load(about_casus).facts().subject, nullptr);
    EXPECT_EQ(fresh.Peek(policy_, unknown, Now(), LocalDate(Now()))->facts().subject, nullptr);
    EXPECT_NE(fresh.Peek(policy_, about_casus, Now(), LocalDate(Now()))->facts().subject, nullptr);
  }
}

TEST_F(FactsTest, SomebodyElseIsNotInTheCasus) {
  Query other = query_;
  other.person = *crypto::RandomUuid();
  ASSERT_THAT(vault_->CreateKey(other.person), IsOk());
  EXPECT_EQ(Load(other).facts().subject, nullptr);
  EXPECT_NE(Load(other).facts().casus, nullptr);
  other.casus = *crypto::RandomUuid();
  EXPECT_EQ(Load(other).facts().casus, nullptr);
}

TEST_F(FactsTest, ADestroyedKeyTakesItsOwnerOutOfTheWorld) {
  reader_->Keep(query_, handle_, Load(query_));
  ASSERT_THAT(vault_->DestroyKey(person_), IsOk());
  EXPECT_EQ(Load(query_).facts().subject, nullptr);
  EXPECT_NE(Load(query_).facts().casus, nullptr);
  ASSERT_THAT(vault_->DestroyKey(casus_), IsOk());
  EXPECT_EQ(Load(query_).facts().casus, nullptr);
}

// A clock may be set back. What was withdrawn stays so.
TEST_F(FactsTest, AWithdrawnConsentIsWithdrawnAtEveryInstant) {
  store::v1::FactRecord record;
  auto& consent = *record.mutable_consent();
  consent.set_person(person_.ToString());
  consent.add_given_by()->set_capacity(policy::v1::Capacity::SELF);
  consent.mutable_source()->set_partij("P_MEDIANT");
  consent.mutable_source()->set_hat("GGZ");
  consent.mutable_recipient()->set_partij("P_ALMELO");
  consent.mutable_recipient()->set_hat("GEM_COLLEGE_WMO");
  consent.add_fields("signaleringsplan_bejegening");
  consent.set_purpose("D02");
  consent.set_status(policy::v1::Consent::GEGEVEN_UITDRUKKELIJK);
  consent.set_flag(policy::v1::Consent::DOORBREKING_GEHEIM);
  consent.set_date("2026-11-29");
  consent.set_from("2026-11-29");
  consent.set_way("schriftelijk");
  consent.set_withdrawn_at("2026-11-30T09:00:00Z");
  Write([&](auto& state) {
    ASSERT_THAT(state.PutRecord(state::Subject::Person(person_), *crypto::RandomUuid(), record),
                IsOk());
  });
  const View view = Load(query_, Now() - absl::Hours(2));
  ASSERT_NE(view.facts().subject, nullptr);
  ASSERT_EQ(view.facts().subject->consents.size(), 1U);
  const auto& withdrawn = view.facts().subject->consents.front().withdrawn_at;
  ASSERT_TRUE(withdrawn.has_value());
  EXPECT_LT(*withdrawn, Now() - absl::Hours(2));
}

TEST_F(FactsTest, AnUnconfirmedConsentAndAFactOfAnotherCasusDoNotCount) {
  store::v1::FactRecord unconfirmed;
  unconfirmed.mutable_consent()->set_person(person_.ToString());
  unconfirmed.set_needs_confirmation(true);
  store::v1::FactRecord elsewhere;
  elsewhere.set_casus_id(crypto::RandomUuid()->ToString());
  elsewhere.mutable_consent()->set_person(person_.ToString());
  Write([&](auto& state) {
    for (const auto& record : {unconfirmed, elsewhere}) {
      ASSERT_THAT(state.PutRecord(state::Subject::Person(person_), *crypto::RandomUuid(), record),
                  IsOk());
    }
  });
  EXPECT_TRUE(Load(query_).facts().subject->consents.empty());
}

}  // namespace
}  // namespace sluis::facts
