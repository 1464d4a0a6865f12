#include "sluis/vault/vault.h"

#include <atomic>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base/bytes.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/crypto/crypto.h"
#include "sluis/store/sqlite_db.h"

namespace sluis::vault {
namespace {

using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using ::testing::Not;
using testing::TempDir;

constexpr std::string_view kMaster = "0123456789abcdef0123456789abcdef";

SecretBytes Master(std::string_view bytes = kMaster) { return SecretBytes(bytes); }

Uuid NewId() { return *crypto::RandomUuid(); }

std::string FileBytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(CryptoTest, AMacIsAnHmacHoweverOftenAndByWhomItIsUsed) {
  const SecretBytes key(std::string_view("0123456789abcdef0123456789abcdef"));
  // RFC 4231, case 2.
  EXPECT_EQ(
      HexEncode(
          *crypto::Mac(SecretBytes(std::string_view("Jefe"))).Of("what do ya want for nothing?")),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const crypto::Mac mac(key);
  const auto use = [&] {
    for (int i = 0; i < 200; ++i) {
      const std::string message = "message " + std::to_string(i);
      EXPECT_EQ(*mac.Of(message), *crypto::Hmac(key, message));
    }
  };
  std::thread other(use);
  use();
  other.join();
}

class VaultTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    vault_.reset();
    auto opened = Vault::Open(path_, Master());
    ASSERT_THAT(opened, IsOk());
    vault_ = *std::move(opened);
  }
  Uuid NewOwner() {
    const Uuid owner = NewId();
    EXPECT_THAT(vault_->CreateKey(owner), IsOk());
    return owner;
  }
  // The wrapped key as it stands in the file.
  std::string Wrapped(const Uuid& owner) {
    auto db = store::SqliteDb::Open(path_, store::SqliteDb::Mode::kReadOnly);
    EXPECT_THAT(db, IsOk());
    auto query = (*db)->Prepare("SELECT wrapped FROM owner_key WHERE owner = ?1");
    EXPECT_THAT(query, IsOk());
    EXPECT_TRUE(*query->Bind(1, owner.bytes()).Step());
    return query->Bytes(0);
  }

  TempDir directory_;
  const std::string path_ = directory_.File("keys.db");
  std::unique_ptr<Vault> vault_;
};

TEST_F(VaultTest, WhatIsSealedOpensAlsoAfterReopening) {
  const Uuid owner = NewOwner();
  const auto sealed = vault_->Seal(owner, "use", "GEHEIM");
  ASSERT_THAT(sealed, IsOk());
  EXPECT_THAT(*sealed, Not(HasSubstr("GEHEIM")));
  EXPECT_EQ(*vault_->Open(owner, "use", *sealed), "GEHEIM");
  Reopen();
  EXPECT_EQ(*vault_->Open(owner, "use", *sealed), "GEHEIM");
}

TEST_F(VaultTest, OpensOnlyForItsOwnerAndUse) {
  const Uuid owner = NewOwner();
  const Uuid other = NewOwner();
  const std::string sealed = *vault_->Seal(owner, "use", "GEHEIM");
  const auto broken = IsError(absl::StatusCode::kDataLoss, "SEAL_BROKEN");
  EXPECT_THAT(vault_->Open(other, "use", sealed), broken);
  EXPECT_THAT(vault_->Open(owner, "other use", sealed), broken);
  EXPECT_THAT(vault_->Open(owner, "", sealed), broken);
  EXPECT_THAT(vault_->Open(NewId(), "use", sealed),
              IsError(absl::StatusCode::kNotFound, "KEY_DESTROYED"));
}

TEST_F(VaultTest, SeveralDocumentsOfAnOwnerOpenTogetherOrNotAtAll) {
  const Uuid owner = NewOwner();
  const std::string first = *vault_->Seal(owner, "first", "GEHEIM");
  const std::string second = *vault_->Seal(owner, "second", "");
  const std::string third = *vault_->Seal(owner, "third", std::string(5000, 'g'));
  const auto all = vault_->OpenAll(owner, {{"first", first}, {"second", second}, {"third", third}});
  ASSERT_THAT(all, IsOk());
  EXPECT_EQ(*all, (std::vector<std::string>{"GEHEIM", "", std::string(5000, 'g')}));
  EXPECT_THAT(*vault_->OpenAll(owner, {}), ::testing::IsEmpty());
  const auto broken = IsError(absl::StatusCode::kDataLoss, "SEAL_BROKEN");
  EXPECT_THAT(vault_->OpenAll(owner, {{"first", first}, {"third", second}}), broken);
  EXPECT_THAT(vault_->OpenAll(owner, {{"first", first}, {"second", ""}}), broken);
  EXPECT_THAT(vault_->OpenAll(NewOwner(), {{"first", first}}), broken);
  EXPECT_THAT(vault_->OpenAll(NewId(), {{"first", first}}),
              IsError(absl::StatusCode::kNotFound, "KEY_DESTROYED"));
}

TEST_F(VaultTest, AnyChangedByteIsFound) {
  const Uuid owner = NewOwner();
  const std::string sealed = *vault_->Seal(owner, "use", "GEHEIM");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(vault_->Open(owner, "use", changed),
                IsError(absl::StatusCode::kDataLoss, "SEAL_BROKEN"))
        << i;
  }
  for (const size_t size : {size_t{0}, size_t{27}, sealed.size() - 1}) {
    EXPECT_FALSE(vault_->Open(owner, "use", sealed.substr(0, size)).ok());
  }
  EXPECT_EQ(*vault_->Open(owner, "use", *vault_->Seal(owner, "use", "")), "");
}

TEST_F(VaultTest, EverySealIsDifferent) {
  const Uuid owner = NewOwner();
  EXPECT_NE(*vault_->Seal(owner, "use", "GEHEIM"), *vault_->Seal(owner, "use", "GEHEIM"));
}

TEST_F(VaultTest, AKeyIsMadeOnce) {
  const Uuid owner = NewOwner();
  EXPECT_FALSE(vault_->CreateKey(owner).ok());
  EXPECT_TRUE(*vault_->HasKey(owner));
  EXPECT_FALSE(*vault_->HasKey(NewId()));
}

TEST_F(VaultTest, AnotherMasterKeyIsRefused) {
  vault_.reset();
  EXPECT_THAT(Vault::Open(path_, Master("0123456789abcdef0123456789abcdeX")),
              IsError(absl::StatusCode::kDataLoss, "MASTER_KEY_WRONG"));
  EXPECT_THAT(Vault::Open(path_, Master("short")),
              IsError(absl::StatusCode::kInvalidArgument, "MASTER_KEY_WRONG"));
}

TEST_F(VaultTest, ADestroyedKeyOpensNothing) {
  const Uuid owner = NewOwner();
  const std::string sealed = *vault_->Seal(owner, "use", "GEHEIM");
  ASSERT_TRUE(vault_->Remembers(owner));
  ASSERT_THAT(vault_->DestroyKey(owner), IsOk());
  EXPECT_FALSE(vault_->Remembers(owner));
  EXPECT_FALSE(*vault_->HasKey(owner));
  const auto gone = IsError(absl::StatusCode::kNotFound, "KEY_DESTROYED");
  EXPECT_THAT(vault_->Open(owner, "use", sealed), gone);
  EXPECT_THAT(vault_->Seal(owner, "use", "GEHEIM"), gone);
  EXPECT_THAT(vault_->DestroyKey(owner), IsOk());
  Reopen();
  EXPECT_THAT(vault_->Open(owner, "use", sealed), gone);
}

TEST_F(VaultTest, ADestroyedKeyIsOverwrittenInTheFiles) {
  const Uuid owner = NewOwner();
  for (int i = 0; i < 20; ++i) NewOwner();
  const std::string wrapped = Wrapped(owner);
  const auto on_disk = [&] {
    return FileBytes(path_).find(wrapped) != std::string::npos ||
           FileBytes(path_ + "-wal").find(wrapped) != std::string::npos;
  };
  ASSERT_TRUE(on_disk());
  ASSERT_THAT(vault_->DestroyKey(owner), IsOk());
  EXPECT_FALSE(on_disk());
  EXPECT_EQ(FileBytes(path_ + "-wal").size(), 0U);
}

// Pages that were split and joined again hold no copy either.
TEST_F(VaultTest, DestroyedKeysLeaveNothingHoweverManyComeAndGo) {
  std::mt19937_64 random(20261126);
  std::vector<Uuid> living;
  std::vector<std::string> destroyed;
  for (int i = 0; i < 700; ++i) {
    if (i < 200 || random() % 5 < 2) {
      living.push_back(NewOwner());
      continue;
    }
    const size_t at = random() % living.size();
    destroyed.push_back(Wrapped(living[at]));
    ASSERT_THAT(vault_->DestroyKey(living[at]), IsOk());
    living.erase(living.begin() + static_cast<std::ptrdiff_t>(at));
  }
  ASSERT_GT(destroyed.size(), 100U);
  const std::string bytes = FileBytes(path_) + FileBytes(path_ + "-wal");
  for (const std::string& wrapped : destroyed) EXPECT_EQ(bytes.find(wrapped), std::string::npos);
  // They would have been found.
  EXPECT_NE(bytes.find(Wrapped(living.front())), std::string::npos);
}

// Somebody who reads the file keeps the old page in the write-ahead log; that must not be silent.
TEST_F(VaultTest, ADestructionThatIsNotOverwrittenYetSaysSo) {
  const Uuid owner = NewOwner();
  const std::string wrapped = Wrapped(owner);
  {
    auto backup = store::SqliteDb::Open(path_, store::SqliteDb::Mode::kReadOnly);
    ASSERT_THAT(backup, IsOk());
    ASSERT_THAT((*backup)->Execute("BEGIN; SELECT count(*) FROM owner_key"), IsOk());
    EXPECT_THAT(vault_->DestroyKey(owner), IsError(absl::StatusCode::kUnavailable, "STORE_LOCKED"));
    EXPECT_FALSE(*vault_->HasKey(owner));
  }
  ASSERT_THAT(vault_->DestroyKey(owner), IsOk());
  EXPECT_EQ(FileBytes(path_).find(wrapped), std::string::npos);
  EXPECT_EQ(FileBytes(path_ + "-wal").find(wrapped), std::string::npos);
}

TEST_F(VaultTest, TheSameBsnIsTheSamePersonUntilDestroyed) {
  const Uuid first = *vault_->PersonWithBsn("900000007");
  EXPECT_EQ(*vault_->PersonWithBsn("900000007"), first);
  EXPECT_NE(*vault_->PersonWithBsn("900000019"), first);
  Reopen();
  EXPECT_EQ(*vault_->PersonWithBsn("900000007"), first);
  EXPECT_EQ(FileBytes(path_).find("900000007"), std::string::npos);
  EXPECT_EQ(FileBytes(path_ + "-wal").find("900000007"), std::string::npos);
  ASSERT_THAT(vault_->DestroyKey(first), IsOk());
  EXPECT_NE(*vault_->PersonWithBsn("900000007"), first);
}

TEST_F(VaultTest, PseudonymsAreStableKeyedAndDifferent) {
  const Uuid person = NewId();
  const std::string name = *vault_->Pseudonym(person);
  EXPECT_EQ(name.size(), 16U);
  EXPECT_EQ(*vault_->Pseudonym(person), name);
  EXPECT_NE(*vault_->Pseudonym(NewId()), name);
  // They outlive the key: the log keeps its meaning.
  ASSERT_THAT(vault_->CreateKey(person), IsOk());
  ASSERT_THAT(vault_->HasKey(person), IsOk());  // remembers both
  EXPECT_EQ(*vault_->Pseudonym(person), name);
  ASSERT_THAT(vault_->DestroyKey(person), IsOk());
  EXPECT_EQ(*vault_->Pseudonym(person), name);
  const TempDir elsewhere;
  const auto other =
      Vault::Open(elsewhere.File("keys.db"), Master("0123456789abcdef0123456789abcdeX"));
  ASSERT_THAT(other, IsOk());
  EXPECT_NE(*(*other)->Pseudonym(person), name);
}

TEST_F(VaultTest, ARequestNameIsOfOnePartijAndId) {
  const Uuid id = NewId();
  const std::string name = *vault_->RequestName("P_A", id);
  EXPECT_EQ(name.size(), 16U);
  EXPECT_EQ(*vault_->RequestName("P_A", id), name);
  EXPECT_NE(*vault_->RequestName("P_B", id), name);
  EXPECT_NE(*vault_->RequestName("P_A", NewId()), name);
  EXPECT_EQ(name.find(id.bytes()), std::string::npos);
}

TEST_F(VaultTest, RequestNamesOfTimeUuidsSortByTimeAndKeepTheRandomPartToThemselves) {
  const Uuid early = *crypto::TimeUuid(1'764'000'000'000);
  const Uuid late = *crypto::TimeUuid(1'764'000'000'001);
  const std::string name = *vault_->RequestName("P_A", early);
  EXPECT_EQ(name.size(), 22U);
  EXPECT_LT(name, *vault_->RequestName("P_A", late));
  EXPECT_LT(name, *vault_->RequestName("P_B", late));
  EXPECT_NE(name, *vault_->RequestName("P_B", early));
  EXPECT_NE(name, *vault_->RequestName("P_A", *crypto::TimeUuid(1'764'000'000'000)));
  EXPECT_EQ(name.find(early.bytes().substr(8)), std::string::npos);
}

TEST_F(VaultTest, AnAnswerOpensForItsRequestAlone) {
  const Uuid owner = NewOwner();
  const Uuid request = NewId();
  const std::string sealed = *vault_->SealAnswer(owner, request, "GEHEIM");
  EXPECT_EQ(*vault_->OpenAnswer(owner, request, sealed), "GEHEIM");
  const auto broken = IsError(absl::StatusCode::kDataLoss, "SEAL_BROKEN");
  EXPECT_THAT(vault_->OpenAnswer(owner, NewId(), sealed), broken);
  EXPECT_THAT(vault_->OpenAnswer(NewOwner(), request, sealed), broken);
  // A key of its own, not the owner's.
  EXPECT_THAT(vault_->Open(owner, "answer", sealed), broken);
}

TEST_F(VaultTest, ThreadsMaySealWhileKeysAreDestroyed) {
  std::vector<Uuid> owners;
  for (int i = 0; i < 8; ++i) owners.push_back(NewOwner());
  std::atomic<bool> ending{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = static_cast<size_t>(t); !ending; ++i) {
        const Uuid& owner = owners[i % owners.size()];
        const auto sealed = vault_->Seal(owner, "use", "GEHEIM");
        if (!sealed.ok()) {
          ASSERT_THAT(sealed, IsError(absl::StatusCode::kNotFound, "KEY_DESTROYED"));
          continue;
        }
        const auto opened = vault_->Open(owner, "use", *sealed);
        if (opened.ok()) {
          ASSERT_EQ(*opened, "GEHEIM");
        }
      }
    });
  }
  for (size_t i = 0; i < owners.size(); i += 2) EXPECT_THAT(vault_->DestroyKey(owners[i]), IsOk());
  ending = true;
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < owners.size(); ++i) EXPECT_EQ(*vault_->HasKey(owners[i]), i % 2 == 1);
}

}  // namespace
}  // namespace sluis::vault
