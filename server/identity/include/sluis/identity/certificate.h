#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/oin.h"

namespace sluis::identity {

// Reads the OIN from `subject.serialNumber` (2.5.4.5) of one certificate in PEM: never from the CN,
// a SAN or a header. Whether the certificate is to be trusted is the business of TrustStore.
//   UNAUTHENTICATED  CERTIFICATE_MALFORMED  not a certificate;
//                    OIN_MISSING            no serialNumber in the subject;
//                    OIN_AMBIGUOUS          more than one;
//                    OIN_MALFORMED          not an OIN (20 positions, capitals);
//                    OIN_TEST_ONLY          a test OIN, and `allow_test_oins` is false.
absl::StatusOr<Oin> ReadPeerOin(std::string_view pem, bool allow_test_oins);

// Whether a certificate (the first of `certificate_pem`) and a private key in PEM belong together.
// INVALID_ARGUMENT / TLS_FILES, with what is wrong in words.
absl::Status CheckKeyPair(std::string_view certificate_pem, std::string_view key_pem);

}  // namespace sluis::identity
