#include "sluis/testing/test_broker.h"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "sluis/crypto/crypto.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/texts.pb.h"
#include "sluis/store/sqlite_store.h"
#include "sluis/testing/policy_files.h"

namespace sluis::testing {
namespace {

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    static_cast<void>(std::fprintf(stderr, "%s\n", value.status().ToString().c_str()));
    std::abort();
  }
  return *std::move(value);
}

constexpr std::string_view kKey = "0123456789abcdef0123456789abcdef";

}  // namespace

std::string NewRequestId() { return Must(crypto::RandomUuid()).ToString(); }

const policy::Texts& ReferenceTexts() {
  static const auto texts = [] {
    auto parsed = policy::ParseDocument<policy::v1::Texts>(
        "texts", ReadSourceFile("policy/documents/texts.textproto"));
    auto made = policy::Texts::Make(*parsed.document);
    for (const policy::Issue& issue : made.issues) {
      static_cast<void>(std::fprintf(stderr, "%s\n", policy::FormatIssue(issue).c_str()));
    }
    if (made.texts == nullptr) std::abort();
    return std::move(made.texts);
  }();
  return *texts;
}

TestBroker::TestBroker(const std::filesystem::path& directory,
                       std::shared_ptr<const policy::Policy> policy, absl::Time now) {
  assembly::AssemblyOptions options;
  options.store = Must(store::OpenSqliteStore((directory / "sluis.db").string()));
  options.vault = Must(
      vault::Vault::Open((directory / "keys.db").string(), SecretBytes::Take(std::string(kKey))));
  options.policy = std::move(policy);
  options.texts = &ReferenceTexts();
  options.origin = std::string(kTestOrigin);
  options.machine_clock = &SystemClock();
  options.threads = 2;
  auto key =
      Must(audit::SigningKey::FromSeed("sluis.test/log", SecretBytes::Take(std::string(kKey))));
  assembly_ = Must(assembly::Assembly::Open(std::move(options), std::move(key)));
  assembly_->clock().Set(now);
}

TestBroker::~TestBroker() = default;

absl::StatusOr<std::string> TestBroker::Call(std::string_view partij, std::string_view method,
                                             std::string_view request) {
  std::string oin(partij);
  const auto policy = assembly_->broker().policy();
  for (const auto& each : policy->convenant().parties()) {
    if (each.id() == partij) oin = each.oin();
  }
  std::mutex mutex;
  std::condition_variable finished;
  std::optional<absl::StatusOr<std::string>> result;
  assembly_->broker().Call(method, Must(Oin::Parse(oin)), std::string(request),
                           absl::InfiniteFuture(), [&](absl::StatusOr<std::string> answer) {
                             const std::lock_guard lock(mutex);
                             result = std::move(answer);
                             finished.notify_one();
                           });
  std::unique_lock lock(mutex);
  finished.wait(lock, [&] { return result.has_value(); });
  return *std::move(result);
}

absl::Status TestBroker::SetClock(absl::Time now) {
  assembly_->clock().Set(now);
  return assembly_->broker().RecordClockSet();
}

}  // namespace sluis::testing
