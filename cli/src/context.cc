#include "context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <set>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "print.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/client/errors.h"
#include "sluis/textproto/file.h"

namespace sluis::cli {
namespace {

constexpr size_t kMaxInput = size_t{16} << 20;

// Reasons that are about files and options of ours, whatever their code.
bool IsAboutUse(std::string_view reason) {
  static const std::set<std::string_view> kReasons = {
      "CA_MALFORMED",          "CERTIFICATE_MALFORMED", "CERTIFICATE_MISSING",
      "DIRECTORY_NOT_EMPTY",   "FILE_MISSING",          "FILE_UNREADABLE",
      "KEY_MALFORMED",         "KEY_MISMATCH",          "LOG_KEY_INVALID",
      "LOG_KEY_MISSING",       "OIN_AMBIGUOUS",         "OIN_MALFORMED",
      "OIN_MISSING",           "OPTION_INVALID",        "OPTION_MISSING",
      "STATE_FILE_UNWRITABLE", "VERIFIER_KEY_MALFORMED"};
  return kReasons.contains(reason);
}

// What audit::VerifyProofFile and the like say, and what the client withholds.
bool IsAboutProof(std::string_view reason) {
  if (client::IsVerificationFailure(reason)) return true;
  static constexpr std::array<std::string_view, 4> kPrefixes = {"PROOF_", "NOTE_", "CHECKPOINT_",
                                                                "LEAF_"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
    return absl::StartsWith(ToAbsl(reason), ToAbsl(prefix));
  });
}

Exit ExitOf(const absl::Status& status, std::string_view reason) {
  if (IsAboutUse(reason)) return Exit::kUsage;
  if (IsAboutProof(reason)) return Exit::kNotVerified;
  if (reason == "FILE_WRITE") return Exit::kFailure;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return Exit::kUsage;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kResourceExhausted:
      return Exit::kRefused;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnauthenticated:
      return Exit::kUnreachable;
    case absl::StatusCode::kDataLoss:
      return Exit::kNotVerified;
    default:
      return Exit::kFailure;
  }
}

}  // namespace

Exit Complain(const absl::Status& status, bool json) {
  std::string reason = ReasonOf(status);
  const Exit exit = ExitOf(status, reason);
  if (reason.empty()) reason = absl::StatusCodeToString(status.code());
  const auto metadata = MetadataOf(status);
  if (json) {
    Json error = {{"reason", reason},
                  {"code", absl::StatusCodeToString(status.code())},
                  {"message", std::string(FromAbsl(status.message()))},
                  {"exit_code", static_cast<int>(exit)}};
    for (const auto& [key, value] : metadata) error["metadata"][key] = value;
    std::cerr << Json{{"error", error}}.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    return exit;
  }
  std::cerr << "sluis: " << Printable(reason) << ": " << Printable(FromAbsl(status.message()), true)
            << "\n";
  for (const auto& [key, value] : metadata)
    std::cerr << "  " << Printable(key) << ": " << Printable(value, true) << "\n";
  return exit;
}

absl::StatusOr<std::string> LogKeyText(const Profile& profile) {
  if (!profile.log_key.empty()) return profile.log_key;
  if (profile.log_key_file.empty()) {
    return WithMetadata(
        InvalidArgument("OPTION_MISSING",
                        "the verifier key of the log is needed (name+id+base64, no secret)"),
        "option", "--log-key or --log-key-file");
  }
  SLUIS_ASSIGN_OR_RETURN(const std::string text, textproto::ReadTextFile(profile.log_key_file));
  return std::string(FromAbsl(absl::StripAsciiWhitespace(text)));
}

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  if (path != "-") return textproto::ReadTextFile(path);
  std::string text;
  std::array<char, 65536> buffer{};
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), stdin)) {
    text.append(buffer.data(), count);
    if (text.size() > kMaxInput)
      return ResourceExhausted("TOO_LARGE", "standard input has more than 16 MiB");
  }
  return text;
}

absl::Status WriteOutput(const std::string& path, std::string_view bytes, Access access) {
  const std::string temporary = absl::StrCat(path, ".new");
  const auto failed = [&](std::string_view what) {
    const int error = errno;
    unlink(temporary.c_str());
    return Unavailable("FILE_WRITE",
                       absl::StrCat(ToAbsl(what), " ", path, ": ", std::strerror(error)));
  };
  const mode_t mode = access == Access::kOwner ? 0600 : 0666;
  unlink(temporary.c_str());
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return failed("cannot write");
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t written = write(file, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const absl::Status status = failed("cannot write");
      close(file);
      return status;
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (close(file) != 0 || std::rename(temporary.c_str(), path.c_str()) != 0)
    return failed("cannot write");
  return absl::OkStatus();
}

}  // namespace sluis::cli
