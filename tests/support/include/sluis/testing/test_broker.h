#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/assembly/assembly.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"
#include "sluis/testing/transport.h"

namespace sluis::testing {

// A directory that is removed with its content.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string File(std::string_view name) const;

 private:
  std::filesystem::path path_;
};

// The texts of the reference documents.
const policy::Texts& ReferenceTexts();

inline constexpr std::string_view kTestOrigin = "sluis.test/log TEST_DATA_ONLY";

// A whole broker without gRPC, on real files in `directory`, with a clock that the test sets.
// Opening another one on the same directory after the first is gone is a restart.
class TestBroker final : public Transport {
 public:
  TestBroker(const std::filesystem::path& directory, std::shared_ptr<const policy::Policy> policy,
             absl::Time now);
  ~TestBroker() override;

  absl::StatusOr<std::string> Call(std::string_view partij, std::string_view method,
                                   std::string_view request) override;
  absl::Status SetClock(absl::Time now) override;

  [[nodiscard]] assembly::Assembly& assembly() { return *assembly_; }

 private:
  std::unique_ptr<assembly::Assembly> assembly_;
};

}  // namespace sluis::testing
