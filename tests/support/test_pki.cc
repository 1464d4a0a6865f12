#include "sluis/testing/test_pki.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace sluis::testing {
namespace {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;
using RevokedPtr = std::unique_ptr<X509_REVOKED, Freer<X509_REVOKED_free>>;
using NamePtr = std::unique_ptr<X509_NAME, Freer<X509_NAME_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Freer<ASN1_INTEGER_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;

void Must(bool good, const char* what) {
  if (good) return;
  static_cast<void>(std::fprintf(stderr, "test PKI: cannot %s\n", what));
  std::abort();
}

BioPtr BioOf(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string Take(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

std::string PemOf(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
  return Take(bio.get());
}

std::string PemOf(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
       "write a key");
  return Take(bio.get());
}

std::string PemOf(X509_CRL* crl) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_X509_CRL(bio.get(), crl) == 1, "write a CRL");
  return Take(bio.get());
}

KeyPtr NewKey() {
  KeyPtr key(EVP_EC_gen("P-256"));
  Must(key != nullptr, "make a key");
  return key;
}

TimePtr TimeOf(absl::Time time) {
  TimePtr made(ASN1_TIME_set(nullptr, absl::ToTimeT(time)));
  Must(made != nullptr, "make a time");
  return made;
}

NamePtr NameOf(const std::vector<std::pair<std::string, std::string>>& attributes) {
  NamePtr name(X509_NAME_new());
  for (const auto& [attribute, value] : attributes) {
    Must(X509_NAME_add_entry_by_txt(name.get(), attribute.c_str(), MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1,
         "make a name");
  }
  return name;
}

void Add(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  Must(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
       "add an extension");
}

// What every certificate has: a random serial number, names, validity and key.
X509Ptr Begin(const X509_NAME* subject, const X509_NAME* issuer, EVP_PKEY* key,
              absl::Time not_before, absl::Time not_after) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  uint64_t serial = 0;
  Must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1, "draw a number");
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_set_subject_name(certificate.get(), subject);
  X509_set_issuer_name(certificate.get(), issuer);
  X509_set1_notBefore(certificate.get(), TimeOf(not_before).get());
  X509_set1_notAfter(certificate.get(), TimeOf(not_after).get());
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

void MakeEndEntity(X509* certificate, X509* issuer, Usage usage) {
  Add(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  Add(certificate, issuer, NID_key_usage, "critical,digitalSignature");
  Add(certificate, issuer, NID_ext_key_usage,
      usage == Usage::kClient   ? "clientAuth"
      : usage == Usage::kServer ? "serverAuth"
                                : "codeSigning");
  if (usage == Usage::kServer)
    Add(certificate, issuer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  Add(certificate, issuer, NID_subject_key_identifier, "hash");
}

void Sign(X509* certificate, EVP_PKEY* key) {
  Must(X509_sign(certificate, key, EVP_sha256()) > 0, "sign a certificate");
}

}  // namespace

struct TestCa::State {
  X509Ptr certificate;
  KeyPtr key;
  std::string pem;
  std::vector<IntegerPtr> revoked;
  // Above what a CA that was loaded has used.
  int64_t crl_number = 1000000;

  [[nodiscard]] std::string Crl(const CrlSpec& spec, EVP_PKEY* signer) {
    const CrlPtr crl(X509_CRL_new());
    X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(certificate.get()));
    X509_CRL_set1_lastUpdate(crl.get(), TimeOf(spec.this_update).get());
    if (spec.next_update != absl::InfiniteFuture())
      X509_CRL_set1_nextUpdate(crl.get(), TimeOf(spec.next_update).get());
    for (const IntegerPtr& serial : revoked) {
      RevokedPtr entry(X509_REVOKED_new());
      X509_REVOKED_set_serialNumber(entry.get(), serial.get());
      X509_REVOKED_set_revocationDate(entry.get(), TimeOf(spec.this_update).get());
      Must(X509_CRL_add0_revoked(crl.get(), entry.release()) == 1, "add a revocation");
    }
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate.get(), nullptr, nullptr, crl.get(), 0);
    const ExtensionPtr identifier(
        X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid"));
    X509_CRL_add_ext(crl.get(), identifier.get(), -1);
    const IntegerPtr number(ASN1_INTEGER_new());
    ASN1_INTEGER_set_int64(number.get(), ++crl_number);
    X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, number.get(), 0, 0);
    X509_CRL_sort(crl.get());
    Must(X509_CRL_sign(crl.get(), signer, EVP_sha256()) > 0, "sign a CRL");
    return PemOf(crl.get());
  }
};

TestCa::TestCa(std::unique_ptr<State> state) : state_(std::move(state)) {}
TestCa::~TestCa() = default;

const std::string& TestCa::certificate_pem() const { return state_->pem; }

std::vector<std::pair<std::string, std::string>> SubjectOf(std::string_view oin) {
  return {
      {"serialNumber", std::string(oin)}, {"C", "NL"}, {"O", "Test"}, {"CN", "test.sluis.test"}};
}

std::unique_ptr<TestCa> TestCa::MakeRoot(std::string_view common_name) {
  auto state = std::make_unique<State>();
  state->key = NewKey();
  const NamePtr name = NameOf({{"C", "NL"}, {"CN", std::string(common_name)}});
  state->certificate = Begin(name.get(), name.get(), state->key.get(),
                             absl::Now() - absl::Hours(24), absl::Now() + absl::Hours(24 * 365));
  X509* const certificate = state->certificate.get();
  Add(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  Add(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  Add(certificate, certificate, NID_subject_key_identifier, "hash");
  Sign(certificate, state->key.get());
  state->pem = PemOf(certificate);
  return std::unique_ptr<TestCa>(new TestCa(std::move(state)));
}

std::unique_ptr<TestCa> TestCa::Load(std::string_view certificate_pem, std::string_view key_pem) {
  auto state = std::make_unique<State>();
  const BioPtr certificate = BioOf(certificate_pem);
  state->certificate.reset(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
  const BioPtr key = BioOf(key_pem);
  state->key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  Must(state->certificate != nullptr && state->key != nullptr, "read a CA");
  state->pem = PemOf(state->certificate.get());
  return std::unique_ptr<TestCa>(new TestCa(std::move(state)));
}

std::unique_ptr<TestCa> TestCa::MakeIssuing(std::string_view common_name) {
  auto state = std::make_unique<State>();
  state->key = NewKey();
  const NamePtr name = NameOf({{"C", "NL"}, {"CN", std::string(common_name)}});
  X509* const issuer = state_->certificate.get();
  state->certificate = Begin(name.get(), X509_get_subject_name(issuer), state->key.get(),
                             absl::Now() - absl::Hours(24), absl::Now() + absl::Hours(24 * 365));
  X509* const certificate = state->certificate.get();
  Add(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  Add(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  Add(certificate, issuer, NID_subject_key_identifier, "hash");
  Add(certificate, issuer, NID_authority_key_identifier, "keyid");
  Sign(certificate, state_->key.get());
  state->pem = PemOf(certificate);
  return std::unique_ptr<TestCa>(new TestCa(std::move(state)));
}

Issued TestCa::Issue(const CertificateSpec& spec) {
  const KeyPtr key = NewKey();
  X509* const issuer = state_->certificate.get();
  const NamePtr name = NameOf(spec.subject);
  const X509Ptr certificate =
      Begin(name.get(), X509_get_subject_name(issuer), key.get(), spec.not_before, spec.not_after);
  MakeEndEntity(certificate.get(), issuer, spec.usage);
  Add(certificate.get(), issuer, NID_authority_key_identifier, "keyid");
  Sign(certificate.get(), state_->key.get());
  return {PemOf(certificate.get()), PemOf(key.get())};
}

void TestCa::Revoke(std::string_view certificate_pem) {
  const BioPtr bio = BioOf(certificate_pem);
  const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  Must(certificate != nullptr, "read a certificate");
  state_->revoked.emplace_back(ASN1_INTEGER_dup(X509_get0_serialNumber(certificate.get())));
}

std::string TestCa::Crl(const CrlSpec& spec) { return state_->Crl(spec, state_->key.get()); }

std::string TestCa::ForgedCrl(const TestCa& signer) {
  return state_->Crl({}, signer.state_->key.get());
}

Issued SelfSigned(const CertificateSpec& spec) {
  const KeyPtr key = NewKey();
  const NamePtr name = NameOf(spec.subject);
  const X509Ptr certificate =
      Begin(name.get(), name.get(), key.get(), spec.not_before, spec.not_after);
  MakeEndEntity(certificate.get(), certificate.get(), spec.usage);
  Sign(certificate.get(), key.get());
  return {PemOf(certificate.get()), PemOf(key.get())};
}

std::string DerOfPem(std::string_view pem) {
  const BioPtr bio = BioOf(pem);
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  Must(PEM_read_bio(bio.get(), &name, &header, &data, &size) == 1, "read PEM");
  std::string der(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(data);
  return der;
}

void WriteFile(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path temporary = path.string() + ".new";
  {
    std::ofstream out(temporary, std::ios::binary);
    out << content;
    Must(out.flush().good(), "write a file");
  }
  std::filesystem::rename(temporary, path);
}

}  // namespace sluis::testing
