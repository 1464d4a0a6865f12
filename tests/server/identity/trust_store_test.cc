#include "sluis/identity/trust_store.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

#include "sluis/base/mutex.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/testing/test_pki.h"

namespace sluis::identity {
namespace {

using absl::StatusCode;
using testing::CertificateSpec;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using testing::Issued;
using testing::SelfSigned;
using testing::SubjectOf;
using testing::TempDir;
using testing::TestCa;
using testing::Usage;
using testing::WriteFile;

constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr std::string_view kOin = "00000099000000001000";

// What the store said about its CRLs, in order.
class Words {
 public:
  void Say(const std::string& text) {
    const MutexLock lock(mutex_);
    said_.push_back(text);
    changed_.NotifyAll();
  }
  [[nodiscard]] std::string last() const {
    const MutexLock lock(mutex_);
    return said_.empty() ? std::string() : said_.back();
  }
  [[nodiscard]] size_t count() const {
    const MutexLock lock(mutex_);
    return said_.size();
  }
  // Waits until more than `seen` were said.
  [[nodiscard]] bool WaitPast(size_t seen) const {
    const absl::Time until = absl::Now() + kPatience;
    const MutexLock lock(mutex_);
    while (said_.size() <= seen) {
      if (absl::Now() >= until) return false;
      changed_.WaitFor(mutex_, absl::Seconds(1));
    }
    return true;
  }

 private:
  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::vector<std::string> said_ ABSL_GUARDED_BY(mutex_);
};

class TrustStoreTest : public ::testing::Test {
 protected:
  TrustStoreTest()
      : root_(TestCa::MakeRoot("Test root")), issuing_(root_->MakeIssuing("Test issuing CA")) {
    WriteCrls();
    spec_.subject = SubjectOf(kOin);
  }

  void WriteCrls() {
    WriteFile(directory_.File("root.crl"), root_->Crl());
    WriteFile(directory_.File("issuing.crl"), issuing_->Crl());
  }

  std::unique_ptr<TrustStore> Open(absl::Duration refresh = absl::Hours(1)) {
    TrustOptions options;
    options.ca_bundle_pem = issuing_->certificate_pem() + root_->certificate_pem();
    options.crl_directory = directory_.path().string();
    options.refresh = refresh;
    options.on_reload = [this](const std::string& text) { words_.Say(text); };
    auto made = TrustStore::Create(std::move(options));
    EXPECT_THAT(made, IsOk());
    return *std::move(made);
  }

  // What a client with a good certificate meets, and what health says: both have to be bad.
  void ExpectRefused(std::string_view reason, std::string_view health_reason,
                     const std::string& words) {
    const auto store = Open();
    EXPECT_THAT(store->Check(issuing_->Issue(spec_).certificate_pem),
                IsError(StatusCode::kUnauthenticated, reason));
    EXPECT_THAT(store->Health(), IsError(StatusCode::kUnavailable, health_reason));
    EXPECT_THAT(std::string(store->Health().message()), HasSubstr(words));
  }

  TempDir directory_;
  std::unique_ptr<TestCa> root_;
  std::unique_ptr<TestCa> issuing_;
  CertificateSpec spec_;
  Words words_;
};

TEST_F(TrustStoreTest, AGoodCertificateUnderGoodCrlsIsTrusted) {
  const auto store = Open();
  const Issued client = issuing_->Issue(spec_);
  EXPECT_THAT(store->Check(client.certificate_pem), IsOk());
  EXPECT_THAT(store->Check(client.certificate_pem), IsOk());  // remembered
  EXPECT_THAT(store->Health(), IsOk());
  EXPECT_THAT(words_.last(), HasSubstr("good until"));
}

TEST_F(TrustStoreTest, CrlsMayBeDer) {
  WriteFile(directory_.File("root.crl"), testing::DerOfPem(root_->Crl()));
  WriteFile(directory_.File("issuing.crl"), testing::DerOfPem(issuing_->Crl()));
  const auto store = Open();
  EXPECT_THAT(store->Check(issuing_->Issue(spec_).certificate_pem), IsOk());
  EXPECT_THAT(store->Health(), IsOk());
}

TEST_F(TrustStoreTest, ABundleWithoutCertificateIsRefused) {
  TrustOptions options;
  options.ca_bundle_pem = "nothing";
  options.crl_directory = directory_.path().string();
  EXPECT_THAT(TrustStore::Create(std::move(options)),
              IsError(StatusCode::kInvalidArgument, "CA_BUNDLE_MALFORMED"));
}

// ---- Certificates ----

TEST_F(TrustStoreTest, AnExpiredCertificateIsRefused) {
  spec_.not_after = absl::Now() - absl::Minutes(1);
  EXPECT_THAT(Open()->Check(issuing_->Issue(spec_).certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_EXPIRED"));
}

TEST_F(TrustStoreTest, ACertificateOfTheFutureIsRefused) {
  spec_.not_before = absl::Now() + absl::Minutes(10);
  EXPECT_THAT(Open()->Check(issuing_->Issue(spec_).certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_NOT_YET_VALID"));
}

TEST_F(TrustStoreTest, ARememberedCertificateIsRefusedOnceItExpires) {
  // Certificates have whole seconds: this is one to two of them.
  spec_.not_after = absl::Now() + absl::Seconds(2);
  const auto store = Open();
  const Issued client = issuing_->Issue(spec_);
  ASSERT_THAT(store->Check(client.certificate_pem), IsOk());
  const absl::Time until = absl::Now() + kPatience;
  while (store->Check(client.certificate_pem).ok() && absl::Now() < until)
    absl::SleepFor(absl::Milliseconds(50));
  EXPECT_THAT(store->Check(client.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_EXPIRED"));
}

TEST_F(TrustStoreTest, ACertificateOfAnotherPkiIsRefusedEvenWithTheSameNames) {
  const auto other_root = TestCa::MakeRoot("Test root");
  const auto other_issuing = other_root->MakeIssuing("Test issuing CA");
  const Issued client = other_issuing->Issue(spec_);
  const auto store = Open();
  const auto refused = IsError(StatusCode::kUnauthenticated, "CERTIFICATE_UNTRUSTED");
  EXPECT_THAT(store->Check(client.certificate_pem), refused);
  // Bringing one's own chain does not help.
  EXPECT_THAT(store->Check(client.certificate_pem, client.certificate_pem +
                                                       other_issuing->certificate_pem() +
                                                       other_root->certificate_pem()),
              refused);
}

TEST_F(TrustStoreTest, ASelfSignedCertificateIsRefused) {
  EXPECT_THAT(Open()->Check(SelfSigned(spec_).certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_UNTRUSTED"));
}

TEST_F(TrustStoreTest, ACertificateForAnotherPurposeIsRefused) {
  const auto store = Open();
  for (const Usage usage : {Usage::kServer, Usage::kCodeSigning}) {
    spec_.usage = usage;
    EXPECT_THAT(store->Check(issuing_->Issue(spec_).certificate_pem),
                IsError(StatusCode::kUnauthenticated, "CERTIFICATE_UNTRUSTED"));
  }
}

TEST_F(TrustStoreTest, AnEndEntityCannotIssue) {
  const Issued client = issuing_->Issue(spec_);
  const auto pretender = TestCa::Load(client.certificate_pem, client.key_pem);
  const Issued below = pretender->Issue(spec_);
  EXPECT_THAT(Open()->Check(below.certificate_pem, client.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_UNTRUSTED"));
}

TEST_F(TrustStoreTest, WhatIsNoCertificateIsRefused) {
  const auto store = Open();
  for (const std::string& text : {std::string(), std::string("garbage"), root_->Crl()}) {
    EXPECT_THAT(store->Check(text), IsError(StatusCode::kUnauthenticated, "CERTIFICATE_MALFORMED"));
  }
}

// ---- Revocation ----

TEST_F(TrustStoreTest, ARevokedCertificateIsRefusedAndItsNeighbourIsNot) {
  const Issued revoked = issuing_->Issue(spec_);
  const Issued neighbour = issuing_->Issue(spec_);
  issuing_->Revoke(revoked.certificate_pem);
  WriteCrls();
  const auto store = Open();
  EXPECT_THAT(store->Check(revoked.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
  EXPECT_THAT(store->Check(neighbour.certificate_pem), IsOk());
}

TEST_F(TrustStoreTest, BelowARevokedCaNobodyIsTrusted) {
  root_->Revoke(issuing_->certificate_pem());
  WriteCrls();
  EXPECT_THAT(Open()->Check(issuing_->Issue(spec_).certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
}

TEST_F(TrustStoreTest, ARevocationIsSeenWhileRunning) {
  const auto store = Open(absl::Milliseconds(50));
  const Issued client = issuing_->Issue(spec_);
  ASSERT_THAT(store->Check(client.certificate_pem), IsOk());
  const size_t seen = words_.count();
  issuing_->Revoke(client.certificate_pem);
  WriteFile(directory_.File("issuing.crl"), issuing_->Crl());
  ASSERT_TRUE(words_.WaitPast(seen));
  EXPECT_THAT(store->Check(client.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
}

TEST_F(TrustStoreTest, TheNewerOfTwoCrlsOfOneCaCounts) {
  const Issued client = issuing_->Issue(spec_);
  const std::string old_crl = issuing_->Crl({.this_update = absl::Now() - absl::Hours(3)});
  issuing_->Revoke(client.certificate_pem);
  // Whatever the order in which the files are read.
  for (const char* name : {"0-older.crl", "z-older.crl"}) {
    WriteCrls();
    WriteFile(directory_.File(name), old_crl);
    EXPECT_THAT(Open()->Check(client.certificate_pem),
                IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"))
        << name;
    std::filesystem::remove(directory_.File(name));
  }
}

TEST_F(TrustStoreTest, AnOlderCrlDoesNotTakeOverWhenTheNewestHasEnded) {
  const Issued client = issuing_->Issue(spec_);
  WriteFile(directory_.File("older.crl"),
            issuing_->Crl({.this_update = absl::Now() - absl::Hours(3)}));
  issuing_->Revoke(client.certificate_pem);
  WriteFile(directory_.File("issuing.crl"),
            issuing_->Crl({.this_update = absl::Now() - absl::Hours(2),
                           .next_update = absl::Now() - absl::Hours(1)}));
  const auto store = Open();
  EXPECT_THAT(store->Check(client.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CRL_STALE"));
  EXPECT_THAT(store->Health(), IsError(StatusCode::kUnavailable, "CRL_STALE"));
}

TEST_F(TrustStoreTest, OfTwoCrlsOfOneSecondTheHigherNumberCounts) {
  const Issued client = issuing_->Issue(spec_);
  const absl::Time moment = absl::Now() - absl::Minutes(5);
  const std::string before = issuing_->Crl({.this_update = moment});
  issuing_->Revoke(client.certificate_pem);
  const std::string after = issuing_->Crl({.this_update = moment});
  for (const bool first : {true, false}) {
    WriteFile(directory_.File("issuing.crl"), first ? before : after);
    WriteFile(directory_.File("other.crl"), first ? after : before);
    EXPECT_THAT(Open()->Check(client.certificate_pem),
                IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
  }
}

TEST_F(TrustStoreTest, ACrlIsUsedFromWhenItBegins) {
  const Issued client = issuing_->Issue(spec_);
  issuing_->Revoke(client.certificate_pem);
  const std::string coming = issuing_->Crl({.this_update = absl::Now() + absl::Seconds(2)});
  WriteFile(directory_.File("coming.crl"), coming);
  const auto store = Open(absl::Milliseconds(50));
  EXPECT_THAT(store->Check(client.certificate_pem), IsOk());
  EXPECT_THAT(store->Health(), IsOk());
  const absl::Time until = absl::Now() + kPatience;
  while (store->Check(client.certificate_pem).ok() && absl::Now() < until)
    absl::SleepFor(absl::Milliseconds(50));
  EXPECT_THAT(store->Check(client.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
}

// ---- CRLs that are not good ----

TEST_F(TrustStoreTest, AnEmptyDirectoryRefusesEverybody) {
  std::filesystem::remove(directory_.File("root.crl"));
  std::filesystem::remove(directory_.File("issuing.crl"));
  ExpectRefused("CRL_MISSING", "CRL_MISSING", "there is no CRL of Test issuing CA");
}

TEST_F(TrustStoreTest, ADirectoryThatIsGoneRefusesEverybody) {
  std::filesystem::remove_all(directory_.path());
  ExpectRefused("CRL_MISSING", "CRL_MISSING", "there is no CRL of Test root");
}

TEST_F(TrustStoreTest, EveryCaOfTheChainNeedsItsCrl) {
  std::filesystem::remove(directory_.File("root.crl"));
  ExpectRefused("CRL_MISSING", "CRL_MISSING", "there is no CRL of Test root");
  WriteCrls();
  std::filesystem::remove(directory_.File("issuing.crl"));
  ExpectRefused("CRL_MISSING", "CRL_MISSING", "there is no CRL of Test issuing CA");
}

TEST_F(TrustStoreTest, AStaleCrlRefusesEverybody) {
  WriteFile(directory_.File("issuing.crl"),
            issuing_->Crl({.this_update = absl::Now() - absl::Hours(2),
                           .next_update = absl::Now() - absl::Hours(1)}));
  ExpectRefused("CRL_STALE", "CRL_STALE", "the CRL of Test issuing CA ended at");
}

TEST_F(TrustStoreTest, ACrlThatRunsOutWhileNobodyTouchesItRefusesEverybody) {
  WriteFile(directory_.File("root.crl"),
            root_->Crl({.next_update = absl::Now() + absl::Seconds(2)}));
  const auto store = Open();
  const Issued client = issuing_->Issue(spec_);
  ASSERT_THAT(store->Check(client.certificate_pem), IsOk());
  ASSERT_THAT(store->Health(), IsOk());
  const absl::Time until = absl::Now() + kPatience;
  while (store->Check(client.certificate_pem).ok() && absl::Now() < until)
    absl::SleepFor(absl::Milliseconds(50));
  EXPECT_THAT(store->Check(client.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CRL_STALE"));
  EXPECT_THAT(store->Health(), IsError(StatusCode::kUnavailable, "CRL_STALE"));
}

TEST_F(TrustStoreTest, ACrlOfTheFutureRefusesEverybody) {
  WriteFile(directory_.File("issuing.crl"),
            issuing_->Crl({.this_update = absl::Now() + absl::Hours(1)}));
  ExpectRefused("CRL_MISSING", "CRL_STALE", "the CRL of Test issuing CA begins at");
}

TEST_F(TrustStoreTest, ACrlWithoutEndIsNotGood) {
  WriteFile(directory_.File("issuing.crl"), issuing_->Crl({.next_update = absl::InfiniteFuture()}));
  ExpectRefused("CRL_MISSING", "CRL_INVALID", "the CRL of Test issuing CA has no end");
}

TEST_F(TrustStoreTest, ACrlThatAnotherCaSignedRefusesEverybody) {
  const auto stranger = TestCa::MakeRoot("Test issuing CA");
  WriteFile(directory_.File("issuing.crl"), issuing_->ForgedCrl(*stranger));
  ExpectRefused("CRL_INVALID", "CRL_INVALID", "no CRL that Test issuing CA signed is there");
}

TEST_F(TrustStoreTest, AForgedCrlCannotHideARevocation) {
  const Issued client = issuing_->Issue(spec_);
  const auto stranger = TestCa::MakeRoot("Test issuing CA");
  const std::string forged = issuing_->ForgedCrl(*stranger);
  issuing_->Revoke(client.certificate_pem);
  for (const char* name : {"0.crl", "z.crl"}) {
    WriteFile(directory_.File("issuing.crl"),
              issuing_->Crl({.this_update = absl::Now() - absl::Hours(1)}));
    WriteFile(directory_.File(name), forged);
    const auto store = Open();
    EXPECT_THAT(store->Check(client.certificate_pem),
                IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"))
        << name;
    std::filesystem::remove(directory_.File(name));
  }
}

TEST_F(TrustStoreTest, AForgedCrlBesideAGoodOneStopsNobody) {
  // Who can write one file must not be able to stop the broker by it: a list that its CA did not
  // sign says nothing.
  const auto stranger = TestCa::MakeRoot("Test issuing CA");
  WriteFile(directory_.File("z.crl"), issuing_->ForgedCrl(*stranger));
  const auto store = Open();
  EXPECT_THAT(store->Check(issuing_->Issue(spec_).certificate_pem), IsOk());
  EXPECT_THAT(store->Health(), IsOk());
  EXPECT_THAT(words_.last(), HasSubstr("is not signed by it"));
}

TEST_F(TrustStoreTest, AGarbageFileInPlaceOfACrlRefusesEverybody) {
  for (const std::string& garbage : {std::string("garbage"), std::string(), std::string(9, '\0'),
                                     std::string("-----BEGIN X509 CRL-----\nAAAA\n"),
                                     issuing_->Crl().substr(0, 200), issuing_->certificate_pem()}) {
    WriteFile(directory_.File("issuing.crl"), garbage);
    ExpectRefused("CRL_MISSING", "CRL_MISSING", "there is no CRL of Test issuing CA");
    EXPECT_THAT(words_.last(), HasSubstr("issuing.crl is not a CRL"));
  }
}

TEST_F(TrustStoreTest, AGarbageFileBesideGoodCrlsIsNamedAndStopsNobody) {
  WriteFile(directory_.File("notes.pem"), "garbage");
  const auto store = Open();
  EXPECT_THAT(store->Check(issuing_->Issue(spec_).certificate_pem), IsOk());
  EXPECT_THAT(store->Health(), IsOk());
  EXPECT_THAT(words_.last(), HasSubstr("notes.pem is not a CRL"));
}

TEST_F(TrustStoreTest, AFlippedBitInACrlRefusesEverybody) {
  std::string der = testing::DerOfPem(issuing_->Crl());
  der[der.size() - 4] = static_cast<char>(der[der.size() - 4] ^ 1);
  WriteFile(directory_.File("issuing.crl"), der);
  const auto store = Open();
  const absl::Status status = store->Check(issuing_->Issue(spec_).certificate_pem);
  EXPECT_THAT(status, IsError(StatusCode::kUnauthenticated, "CRL_INVALID"));
  EXPECT_FALSE(store->Health().ok());
}

TEST_F(TrustStoreTest, ReloadFailsClosedAndRecovers) {
  const auto store = Open(absl::Milliseconds(50));
  const Issued client = issuing_->Issue(spec_);
  const auto wait_for = [&](const absl::Status& wanted) {
    const absl::Time until = absl::Now() + kPatience;
    while (store->Check(client.certificate_pem) != wanted && absl::Now() < until)
      absl::SleepFor(absl::Milliseconds(20));
    return store->Check(client.certificate_pem);
  };
  ASSERT_THAT(store->Check(client.certificate_pem), IsOk());

  std::filesystem::remove(directory_.File("issuing.crl"));
  size_t seen = words_.count();
  ASSERT_TRUE(words_.count() > 1 || words_.WaitPast(seen));
  EXPECT_THAT(store->Check(client.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CRL_MISSING"));
  EXPECT_THAT(store->Health(), IsError(StatusCode::kUnavailable, "CRL_MISSING"));

  WriteFile(directory_.File("issuing.crl"), issuing_->Crl());
  EXPECT_THAT(wait_for(absl::OkStatus()), IsOk());
  EXPECT_THAT(store->Health(), IsOk());
}

TEST_F(TrustStoreTest, ReloadLooksAtOnce) {
  const auto store = Open();
  const Issued client = issuing_->Issue(spec_);
  ASSERT_THAT(store->Check(client.certificate_pem), IsOk());
  issuing_->Revoke(client.certificate_pem);
  WriteCrls();
  store->Reload();
  EXPECT_THAT(store->Check(client.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
}

// For sanitizers: checks, reloads and health from many threads; a revocation once seen stays.
TEST_F(TrustStoreTest, ManyThreadsCheckWhileCrlsChange) {
  const auto store = Open(absl::Milliseconds(1));
  const Issued good = issuing_->Issue(spec_);
  const Issued bad = issuing_->Issue(spec_);
  std::atomic<bool> stop{false};
  std::atomic<int> good_refused{0};
  std::atomic<int> revocation_forgotten{0};
  std::atomic<int> unhealthy{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      bool was_revoked = false;
      while (!stop) {
        if (!store->Check(good.certificate_pem).ok()) ++good_refused;
        const bool revoked = !store->Check(bad.certificate_pem).ok();
        if (was_revoked && !revoked) ++revocation_forgotten;
        was_revoked = revoked;
        if (!store->Health().ok()) ++unhealthy;
      }
    });
  }
  for (int round = 0; round < 40; ++round) {
    if (round == 20) issuing_->Revoke(bad.certificate_pem);
    const size_t seen = words_.count();
    WriteFile(directory_.File("issuing.crl"), issuing_->Crl());
    if (round % 2 == 0) store->Reload();
    EXPECT_TRUE(words_.WaitPast(seen));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good_refused, 0);
  EXPECT_EQ(revocation_forgotten, 0);
  EXPECT_EQ(unhealthy, 0);
  EXPECT_THAT(store->Check(bad.certificate_pem),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
}

}  // namespace
}  // namespace sluis::identity
