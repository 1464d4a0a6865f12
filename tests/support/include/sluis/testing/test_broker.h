#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/assembly/assembly.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"
#include "sluis/testing/transport.h"

namespace sluis::testing {

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
