#include "tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

#include <ctime>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "state_file.h"

#include "sluis/base/errors.h"
#include "sluis/base/oin.h"
#include "sluis/base/status_macros.h"

namespace sluis::client::internal {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;

// sk_X509_free is a macro.
struct StackDeleter {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

// OpenSSL keeps what went wrong per thread; it is nobody's business later.
struct QuietErrors {
  QuietErrors() { ERR_set_mark(); }
  ~QuietErrors() { ERR_pop_to_mark(); }
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
};

Bio Reader(std::string_view bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::vector<Certificate> ReadCertificates(std::string_view pem) {
  std::vector<Certificate> out;
  const Bio in = Reader(pem);
  while (Certificate next{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)})
    out.push_back(std::move(next));
  return out;
}

// Never asks for a password: there is nobody to give it.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return 0; }

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return absl::InfinitePast();
  return absl::FromTM(fields, absl::UTCTimeZone());
}

std::string Written(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

absl::Status About(absl::Status status, const std::string& file) {
  return WithMetadata(std::move(status), "file", file);
}

// Of the first serialNumber of the subject, as it is written; absent without one.
std::optional<std::string> SerialNumberOf(X509& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  const int first = X509_NAME_get_index_by_NID(subject, NID_serialNumber, -1);
  if (first < 0) return std::nullopt;
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first));
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

absl::Status CheckOin(X509& certificate, const std::string& file) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  const int first = X509_NAME_get_index_by_NID(subject, NID_serialNumber, -1);
  if (first < 0) {
    return About(
        Unauthenticated("OIN_MISSING",
                        file + " has no serialNumber in its subject, so that the broker "
                               "cannot know which organisation we are: it is no certificate "
                               "with an OIN (PKIoverheid)"),
        file);
  }
  if (X509_NAME_get_index_by_NID(subject, NID_serialNumber, first) >= 0) {
    return About(
        Unauthenticated("OIN_AMBIGUOUS", file + " has more than one serialNumber in its "
                                                "subject, and the broker takes none of them"),
        file);
  }
  if (!Oin::Parse(SerialNumberOf(certificate).value_or("")).ok()) {
    return About(Unauthenticated("OIN_MALFORMED", "the serialNumber in the subject of " + file +
                                                      " is no OIN (20 positions, as in "
                                                      "00000099000000001000)"),
                 file);
  }
  return absl::OkStatus();
}

// Whether our certificate, with those after it, leads to the CAs of the file. Only a hint: the
// broker may have other CAs for its clients.
bool IsBelow(const std::vector<Certificate>& chain, const std::vector<Certificate>& cas) {
  const std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>> store(X509_STORE_new());
  for (const Certificate& ca : cas) X509_STORE_add_cert(store.get(), ca.get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  const std::unique_ptr<STACK_OF(X509), StackDeleter> others(sk_X509_new_null());
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(others.get(), chain[i].get());
  const std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  return X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), others.get()) == 1 &&
         X509_verify_cert(context.get()) == 1;
}

absl::StatusOr<std::string> ReadPem(const std::string& path, std::string_view option,
                                    std::string_view what) {
  SLUIS_ASSIGN_OR_RETURN(auto content, ReadWholeFile(path));
  if (!content) {
    return WithMetadata(
        About(NotFound("FILE_MISSING",
                       "there is no file " + path + ", which should hold " + std::string(what)),
              path),
        "option", option);
  }
  return *std::move(content);
}

bool Says(std::string_view text, std::initializer_list<std::string_view> any) {
  for (const std::string_view words : any) {
    if (text.find(words) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<TlsFiles> ReadTlsFiles(const ClientOptions& options, absl::Time now) {
  const auto missing = [](std::string_view reason, std::string_view option, std::string_view why) {
    return WithMetadata(InvalidArgument(reason, why), "option", option);
  };
  if (options.certificate_file.empty()) {
    return missing("CERTIFICATE_MISSING", "certificate_file",
                   "no certificate is given: a broker talks to organisations only, and knows them "
                   "by the OIN in their certificate (certificate_file, key_file)");
  }
  if (options.key_file.empty())
    return missing("OPTION_MISSING", "key_file", "the certificate's private key is not given");
  if (options.ca_file.empty()) {
    return missing("OPTION_MISSING", "ca_file",
                   "the CAs by which the broker's certificate is verified are not given");
  }
  TlsFiles files;
  files.certificate_file = options.certificate_file;
  files.key_file = options.key_file;
  files.ca_file = options.ca_file;
  SLUIS_ASSIGN_OR_RETURN(files.certificate,
                         ReadPem(options.certificate_file, "certificate_file", "our certificate"));
  SLUIS_ASSIGN_OR_RETURN(std::string key, ReadPem(options.key_file, "key_file", "its private key"));
  files.key = SecretBytes::Take(std::move(key));
  SLUIS_ASSIGN_OR_RETURN(files.ca, ReadPem(options.ca_file, "ca_file", "the broker's CAs"));
  SLUIS_RETURN_IF_ERROR(CheckTlsFiles(files, now));
  return files;
}

std::string OinOf(const TlsFiles& files) {
  const QuietErrors quiet;
  const auto certificates = ReadCertificates(files.certificate);
  return certificates.empty() ? "" : SerialNumberOf(*certificates.front()).value_or("");
}

std::optional<std::string> StampOf(const ClientOptions& options) {
  std::string stamp;
  for (const std::string& path : {options.certificate_file, options.key_file, options.ca_file}) {
    struct stat file {};
    if (::stat(path.c_str(), &file) != 0) return std::nullopt;
    for (const int64_t part :
         {static_cast<int64_t>(file.st_ino), static_cast<int64_t>(file.st_size),
          static_cast<int64_t>(file.st_mtim.tv_sec), static_cast<int64_t>(file.st_mtim.tv_nsec)})
      stamp += std::to_string(part) + " ";
  }
  return stamp;
}

absl::Status CheckTlsFiles(const TlsFiles& files, absl::Time now) {
  const QuietErrors quiet;
  const auto certificates = ReadCertificates(files.certificate);
  if (certificates.empty()) {
    return About(InvalidArgument("CERTIFICATE_MALFORMED",
                                 files.certificate_file + " holds no certificate in PEM"),
                 files.certificate_file);
  }
  const Bio in = Reader(files.key.Reveal());
  const Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) {
    return About(InvalidArgument("KEY_MALFORMED", files.key_file +
                                                      " holds no private key in PEM, or one that "
                                                      "is protected by a password"),
                 files.key_file);
  }
  X509& own = *certificates.front();
  if (X509_check_private_key(&own, key.get()) != 1) {
    return About(InvalidArgument("KEY_MISMATCH", "the key in " + files.key_file +
                                                     " is not the one of the certificate in " +
                                                     files.certificate_file),
                 files.key_file);
  }
  if (ReadCertificates(files.ca).empty()) {
    return About(InvalidArgument("CA_MALFORMED", files.ca_file + " holds no certificate in PEM"),
                 files.ca_file);
  }
  const absl::Time not_after = TimeOf(X509_get0_notAfter(&own));
  if (now > not_after) {
    return WithMetadata(About(Unauthenticated("CERTIFICATE_EXPIRED",
                                              "the certificate in " + files.certificate_file +
                                                  " expired on " + Written(not_after)),
                              files.certificate_file),
                        "not_after", Written(not_after));
  }
  const absl::Time not_before = TimeOf(X509_get0_notBefore(&own));
  if (now < not_before) {
    return WithMetadata(
        About(Unauthenticated("CERTIFICATE_NOT_YET_VALID",
                              "the certificate in " + files.certificate_file + " is valid from " +
                                  Written(not_before) + " only: is this machine's clock right?"),
              files.certificate_file),
        "not_before", Written(not_before));
  }
  return CheckOin(own, files.certificate_file);
}

absl::Status Unreachable(std::string_view target, std::string_view transport) {
  return WithMetadata(
      WithMetadata(
          Unavailable("BROKER_UNREACHABLE", "nobody answers at " + std::string(target) +
                                                ": is the address right, and does the broker run?"),
          "target", target),
      "transport", transport);
}

absl::Status ExplainConnection(const TlsFiles& files, std::string_view target,
                               std::string_view server_name, std::string_view transport,
                               absl::Time now) {
  const auto explained = [&](absl::Status status) {
    return WithMetadata(WithMetadata(std::move(status), "target", target), "transport", transport);
  };
  const std::string at(target);
  if (Says(transport, {"certificate verify failed", "CERTIFICATE_VERIFY_FAILED"})) {
    return explained(Unavailable(
        "BROKER_UNTRUSTED",
        "the certificate of the broker at " + at + " is not below a CA in " + files.ca_file +
            ", or is not valid now: is it the right CA file, is this machine's clock right, and "
            "is it the broker that answers there?"));
  }
  if (Says(transport, {"is not in peer certificate", "Hostname Verification Check failed"})) {
    return explained(
        Unavailable("BROKER_NAME_MISMATCH",
                    "the certificate at " + at + " is not for the name " +
                        std::string(server_name.empty() ? target : server_name) +
                        ": connect by the name that it has, or give that as server_name"));
  }
  if (Says(transport,
           {"Connection refused", "Name or service not known", "nodename nor servname",
            "DNS resolution failed", "Domain name not found", "C-ares status", "No route to host",
            "Network is unreachable", "Connection timed out", "Timeout occurred",
            "failed to connect to all addresses; last error: UNKNOWN: Failed to connect",
            "Host is unreachable"})) {
    return Unreachable(target, transport);
  }
  // Closed on us. The broker said why to its own log only.
  if (absl::Status local = CheckTlsFiles(files, now); !local.ok()) return explained(local);
  const QuietErrors quiet;
  if (!IsBelow(ReadCertificates(files.certificate), ReadCertificates(files.ca))) {
    return explained(Unavailable(
        "CERTIFICATE_UNTRUSTED",
        "the broker at " + at + " closed the connection. The certificate in " +
            files.certificate_file + " is not below a CA in " + files.ca_file +
            "; if the broker has no other CAs for its clients, that is why. Put the issuing "
            "certificates after your own in the file"));
  }
  return explained(Unavailable(
      "BROKER_REFUSED",
      "the broker at " + at +
          " closed the connection, and nothing is wrong with our files. Likely it does not accept "
          "this certificate: it was revoked, the broker's list of revoked certificates is missing "
          "or too old, or the broker does not trust the CA. Its operator finds the reason in its "
          "log (handshake_refused). Otherwise it was stopping: try again"));
}

}  // namespace sluis::client::internal
