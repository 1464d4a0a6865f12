// A convenant comes into force in PRODUCTION only when all its partijen have signed it.

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/audit/digest.h"
#include "sluis/audit/note.h"
#include "sluis/base/bytes.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/config/config.h"
#include "sluis/policy/sign.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::config {
namespace {

using ::sluis::testing::ReferencePolicy;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SignaturesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_.signatures_directory = (directory_.path() / "signatures").string();
    config_.partij_keys_file = directory_.File("partij-keys");
    std::filesystem::create_directories(Folder());
    std::string lines = "# the keys of the partijen\n\n";
    for (const auto& party : policy_->convenant().parties()) {
      auto key = audit::SigningKey::Generate(party.id());
      ASSERT_TRUE(key.ok());
      lines += key->verifier().ToString() + "\n";
      keys_.emplace(party.id(), *std::move(key));
      Sign(party.id(), party.id());
    }
    std::ofstream(config_.partij_keys_file) << lines;
  }

  // `key_of` signs what `partij` has to sign, and the signature is filed under `partij`.
  void Sign(const std::string& partij, const std::string& key_of) {
    const std::string hash(audit::Sha256({policy::CanonicalAgreement(*policy_)}).bytes());
    const auto note = audit::SignNote(
        policy::SigningStatement(*policy_, *policy_->FindPartij(partij), hash), keys_.at(key_of));
    ASSERT_TRUE(note.ok());
    std::ofstream(File(partij), std::ios::binary) << *note;
  }
  [[nodiscard]] std::string File(const std::string& partij) const {
    return Folder() + "/" + partij + ".sig";
  }
  // Of this agreement.
  [[nodiscard]] std::string Folder() const {
    return config_.signatures_directory + "/" +
           HexEncode(audit::Sha256({policy::CanonicalAgreement(*policy_)}).bytes());
  }
  // "CODE file name" of every issue.
  std::vector<std::string> Issues(const std::string& day) {
    std::vector<std::string> lines;
    for (const auto& issue : CheckSignatures(config_, *policy_, *CivilDate::Parse(day))) {
      EXPECT_EQ(issue.severity, textproto::Issue::Severity::kError);
      lines.push_back(issue.code + " " + std::filesystem::path(issue.file).filename().string());
    }
    return lines;
  }

  const testing::TempDir directory_;
  const std::shared_ptr<const policy::Policy> policy_ = ReferencePolicy();
  std::map<std::string, audit::SigningKey> keys_;
  Config config_;
};

TEST_F(SignaturesTest, AConvenantThatAllHaveSignedBinds) {
  EXPECT_THAT(Issues("2026-11-23"), IsEmpty());
}

TEST_F(SignaturesTest, EachMissingPartijIsNamed) {
  std::filesystem::remove(File("P_MEDIANT"));
  std::filesystem::remove(File("P_TACTUS"));
  EXPECT_THAT(Issues("2026-11-23"),
              ElementsAre("SIGNATURE_MISSING P_TACTUS.sig", "SIGNATURE_MISSING P_MEDIANT.sig"));
  // Nobody has acceded yet.
  EXPECT_THAT(Issues("2025-12-31"), IsEmpty());
  config_.test_data_only = true;
  EXPECT_THAT(Issues("2026-11-23"), IsEmpty());
}

TEST_F(SignaturesTest, NobodySignsForAnother) {
  Sign("P_MEDIANT", "P_TACTUS");
  EXPECT_THAT(Issues("2026-11-23"), ElementsAre("SIGNATURE_INVALID P_MEDIANT.sig"));
  // Nor is a signature of the other's own moved.
  std::filesystem::copy_file(File("P_TACTUS"), File("P_MEDIANT"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(Issues("2026-11-23"), ElementsAre("SIGNATURE_INVALID P_MEDIANT.sig"));
}

TEST_F(SignaturesTest, ASignatureThatWasChangedDoesNotBind) {
  std::ifstream in(File("P_GGD"), std::ios::binary);
  std::string note((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const size_t at = note.find("2026-1");
  ASSERT_NE(at, std::string::npos);
  note.replace(at, 6, "2026-2");
  std::ofstream(File("P_GGD"), std::ios::binary) << note;
  EXPECT_THAT(Issues("2026-11-23"), ElementsAre("SIGNATURE_INVALID P_GGD.sig"));
}

TEST_F(SignaturesTest, ASignatureOfAnotherVersionDoesNotBind) {
  const auto note = audit::SignNote(
      policy::SigningStatement(*policy_, *policy_->FindPartij("P_GGD"), std::string(32, 'x')),
      keys_.at("P_GGD"));
  ASSERT_TRUE(note.ok());
  std::ofstream(File("P_GGD"), std::ios::binary) << *note;
  EXPECT_THAT(Issues("2026-11-23"), ElementsAre("SIGNATURE_OTHER P_GGD.sig"));
}

TEST_F(SignaturesTest, AKeysFileThatCannotBeReadBindsNobody) {
  std::ofstream(config_.partij_keys_file, std::ios::app)
      << "no key\n"
      << keys_.at("P_GGD").verifier().ToString() << "\n";
  EXPECT_THAT(Issues("2026-11-23"), ElementsAre("VERIFIER_KEY_MALFORMED partij-keys",
                                                "VERIFIER_KEY_MALFORMED partij-keys"));
  std::filesystem::remove(config_.partij_keys_file);
  EXPECT_THAT(Issues("2026-11-23"), ElementsAre("FILE_MISSING partij-keys"));
}

}  // namespace
}  // namespace sluis::config
