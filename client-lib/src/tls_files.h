#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/base/secret_bytes.h"
#include "sluis/client/options.h"

// What is wrong with a connection, in words. gRPC tells a client whose certificate is not accepted
// no more than "Socket closed": all that can be said is found by looking at our own files.
namespace sluis::client::internal {

// The files, as read.
struct TlsFiles {
  std::string certificate_file;  // their names, for the texts
  std::string key_file;
  std::string ca_file;
  std::string certificate;
  SecretBytes key;
  std::string ca;
};

// Reads the files that the options name and looks at them as CheckTlsFiles does. Also
// OPTION_MISSING, CERTIFICATE_MISSING, FILE_MISSING, FILE_UNREADABLE (errors.h).
absl::StatusOr<TlsFiles> ReadTlsFiles(const ClientOptions& options, absl::Time now);

// The OIN in our certificate, of files that CheckTlsFiles found in order; else empty.
std::string OinOf(const TlsFiles& files);

// Changes when one of the files is written or replaced; absent while one of them is not there.
std::optional<std::string> StampOf(const ClientOptions& options);

// OK, or what is certainly wrong: CERTIFICATE_MALFORMED, KEY_MALFORMED, CA_MALFORMED, KEY_MISMATCH,
// CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, OIN_MISSING, OIN_AMBIGUOUS, OIN_MALFORMED.
absl::Status CheckTlsFiles(const TlsFiles& files, absl::Time now);

// Why a connection was not made or was closed, judged by the files, the time, and what gRPC said
// of it: the errors of CheckTlsFiles, BROKER_UNREACHABLE, BROKER_UNTRUSTED, BROKER_NAME_MISMATCH,
// CERTIFICATE_UNTRUSTED or BROKER_REFUSED, all with metadata `target` and `transport` (gRPC's own
// words).
absl::Status ExplainConnection(const TlsFiles& files, std::string_view target,
                               std::string_view server_name, std::string_view transport,
                               absl::Time now);

// The same for a connection without TLS: BROKER_UNREACHABLE.
absl::Status Unreachable(std::string_view target, std::string_view transport);

}  // namespace sluis::client::internal
