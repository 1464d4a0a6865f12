#include "sluis/identity/certificate.h"

#include <openssl/evp.h>

#include <string>

#include "openssl_ptr.h"

#include "sluis/base/errors.h"

namespace sluis::identity {

absl::StatusOr<Oin> ReadPeerOin(std::string_view pem, bool allow_test_oins) {
  const BioPtr bio = BioOf(pem);
  const X509Ptr certificate = ReadCertificate(bio.get());
  if (certificate == nullptr) {
    return Unauthenticated("CERTIFICATE_MALFORMED", "the client certificate cannot be read");
  }
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  const int first = X509_NAME_get_index_by_NID(subject, NID_serialNumber, -1);
  if (first < 0) {
    return Unauthenticated("OIN_MISSING",
                           "the client certificate has no serialNumber in its subject");
  }
  if (X509_NAME_get_index_by_NID(subject, NID_serialNumber, first) >= 0) {
    return Unauthenticated("OIN_AMBIGUOUS",
                           "the client certificate has more than one serialNumber in its subject");
  }
  const ASN1_STRING* data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first));
  const std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(data)),
                         static_cast<size_t>(ASN1_STRING_length(data)));
  const auto oin = Oin::Parse(text);
  if (!oin.ok()) {
    return Unauthenticated("OIN_MALFORMED",
                           "the serialNumber of the client certificate is not an OIN");
  }
  if (oin->is_test() && !allow_test_oins) {
    return Unauthenticated("OIN_TEST_ONLY", "a test OIN is not accepted in this environment");
  }
  return *oin;
}

absl::Status CheckKeyPair(std::string_view certificate_pem, std::string_view key_pem) {
  const BioPtr certificate_bio = BioOf(certificate_pem);
  const X509Ptr certificate = ReadCertificate(certificate_bio.get());
  if (certificate == nullptr)
    return InvalidArgument("TLS_FILES", "the certificate is no PEM certificate");
  const BioPtr key_bio = BioOf(key_pem);
  const KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr) return InvalidArgument("TLS_FILES", "the key is no unencrypted PEM key");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return InvalidArgument("TLS_FILES", "the key is not the one of the certificate");
  }
  return absl::OkStatus();
}

}  // namespace sluis::identity
