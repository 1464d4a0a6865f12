#include "sluis/identity/trust_store.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "openssl_ptr.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"

namespace sluis::identity {
namespace {

constexpr size_t kRememberedCertificates = 10000;
constexpr uintmax_t kMaxCrlBytes = uintmax_t{64} << 20;

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm fields{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) return absl::InfinitePast();
  return absl::FromTM(fields, absl::UTCTimeZone());
}

std::string CommonName(const X509_NAME* name) {
  std::array<char, 128> text{};
  if (X509_NAME_get_text_by_NID(name, NID_commonName, text.data(), static_cast<int>(text.size())) <
      0) {
    return "(no name)";
  }
  return text.data();
}

// Why nobody below some CA is trusted at present.
struct Problem {
  std::string_view reason;
  std::string words;
};

// One reading of the CRL directory. Immutable once made; the X509_STORE locks itself.
struct Snapshot {
  StorePtr store;
  std::vector<X509Ptr> authorities;
  // When the first of the CRLs in use ends.
  absl::Time next_update = absl::InfiniteFuture();
  // When the first of those that have not begun does.
  absl::Time next_begin = absl::InfiniteFuture();
  std::vector<Problem> problems;
  // What an operator should know, and what stops nobody.
  std::vector<std::string> remarks;
  std::string signature;  // of the files it was read from
};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

CrlPtr ParseCrl(const std::string& bytes) {
  if (bytes.find("-----BEGIN") != std::string::npos) {
    const BioPtr bio = BioOf(bytes);
    return CrlPtr(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
  }
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  return CrlPtr(d2i_X509_CRL(nullptr, &data, static_cast<long>(bytes.size())));
}

std::vector<std::filesystem::path> CrlFiles(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string extension = entry.path().extension();
    if ((extension == ".crl" || extension == ".pem") && entry.is_regular_file(error))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Changes when a file is added, removed, replaced or rewritten.
std::string SignatureOf(const std::vector<std::filesystem::path>& files) {
  std::string signature;
  for (const auto& file : files) {
    std::error_code error;
    const auto written = std::filesystem::last_write_time(file, error).time_since_epoch().count();
    absl::StrAppend(&signature, file.filename().string(), ":", written, ":",
                    std::filesystem::file_size(file, error), ";");
  }
  return signature;
}

bool IsDelta(const X509_CRL* crl) { return X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0; }

// Which of two CRLs of one CA is the newer. Times have whole seconds, so the number helps.
bool IsNewer(const X509_CRL* one, const X509_CRL* other) {
  const absl::Time one_begin = TimeOf(X509_CRL_get0_lastUpdate(one));
  const absl::Time other_begin = TimeOf(X509_CRL_get0_lastUpdate(other));
  if (one_begin != other_begin) return one_begin > other_begin;
  const auto number = [](const X509_CRL* crl) {
    return NumberPtr(
        static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, nullptr, nullptr)));
  };
  const NumberPtr one_number = number(one);
  const NumberPtr other_number = number(other);
  return one_number != nullptr && other_number != nullptr &&
         ASN1_INTEGER_cmp(one_number.get(), other_number.get()) > 0;
}

absl::Status Refused(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Unauthenticated("CERTIFICATE_EXPIRED",
                             "the client certificate, or one above it, has expired");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Unauthenticated("CERTIFICATE_NOT_YET_VALID",
                             "the client certificate, or one above it, is not valid yet");
    case X509_V_ERR_CERT_REVOKED:
      return Unauthenticated("CERTIFICATE_REVOKED",
                             "the client certificate, or one above it, has been revoked");
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
      return Unauthenticated("CRL_MISSING",
                             "there is no CRL for a CA in the chain of the client certificate");
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return Unauthenticated(
          "CRL_STALE", "a CRL for the chain of the client certificate is past its next update");
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_INVALID_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
      return Unauthenticated("CRL_INVALID",
                             "a CRL for the chain of the client certificate is not valid");
    default:
      return Unauthenticated("CERTIFICATE_UNTRUSTED",
                             absl::StrCat("the client certificate is not trusted: ",
                                          X509_verify_cert_error_string(error)));
  }
}

}  // namespace

struct TrustStore::State {
  TrustOptions options;
  mutable Mutex mutex;
  CondVar stopped;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  std::shared_ptr<const Snapshot> snapshot ABSL_GUARDED_BY(mutex);
  // Certificates that were verified under this snapshot, by their PEM, and until when that holds.
  mutable absl::flat_hash_map<std::string, absl::Time> good ABSL_GUARDED_BY(mutex);
  std::thread refresher;

  // Reads the bundle and every CRL. Never fails: what is wrong is among the problems, and refuses.
  [[nodiscard]] std::shared_ptr<const Snapshot> Read() const {
    auto made = std::make_shared<Snapshot>();
    made->store.reset(X509_STORE_new());
    const BioPtr bundle = BioOf(options.ca_bundle_pem);
    for (X509Ptr authority = ReadCertificate(bundle.get()); authority != nullptr;
         authority = ReadCertificate(bundle.get())) {
      // Reads its extensions here, once, and not in whichever check comes first.
      X509_check_purpose(authority.get(), -1, 0);
      X509_STORE_add_cert(made->store.get(), authority.get());
      made->authorities.push_back(std::move(authority));
    }
    ERR_clear_error();
    X509_STORE_set_flags(made->store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
                                                X509_V_FLAG_X509_STRICT);
    X509_STORE_set_purpose(made->store.get(), X509_PURPOSE_SSL_CLIENT);
    const auto files = CrlFiles(options.crl_directory);
    made->signature = SignatureOf(files);
    std::vector<CrlPtr> crls;
    for (const auto& file : files) {
      std::error_code error;
      CrlPtr crl;
      if (std::filesystem::file_size(file, error) <= kMaxCrlBytes) crl = ParseCrl(ReadFile(file));
      ERR_clear_error();
      if (crl == nullptr) {
        made->remarks.push_back(absl::StrCat(file.filename().string(), " is not a CRL"));
      } else if (IsDelta(crl.get())) {
        made->remarks.push_back(
            absl::StrCat(file.filename().string(), " is a delta CRL, which is not used"));
      } else {
        crls.push_back(std::move(crl));
      }
    }
    for (const X509Ptr& authority : made->authorities) UseNewest(*made, crls, authority.get());
    for (const CrlPtr& crl : crls) {
      // Of a CA that clients may bring along; whether it signed this OpenSSL checks.
      if (!IsOfAuthority(*made, crl.get())) X509_STORE_add_crl(made->store.get(), crl.get());
    }
    return made;
  }

  static bool IsOfAuthority(const Snapshot& made, const X509_CRL* crl) {
    return std::any_of(
        made.authorities.begin(), made.authorities.end(), [crl](const X509Ptr& each) {
          return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(each.get())) == 0;
        });
  }

  // Gives OpenSSL one CRL of each CA, the newest that has begun. Left to choose, it would go back
  // to an older one with a longer life once the newest has ended, and forget what was revoked
  // between.
  static void UseNewest(Snapshot& made, const std::vector<CrlPtr>& crls, X509* authority) {
    const X509_NAME* name = X509_get_subject_name(authority);
    const absl::Time now = absl::Now();
    X509_CRL* newest = nullptr;
    X509_CRL* forged = nullptr;
    absl::Time begins = absl::InfiniteFuture();
    for (const CrlPtr& crl : crls) {
      if (X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), name) != 0) continue;
      if (X509_CRL_verify(crl.get(), X509_get0_pubkey(authority)) != 1) {
        ERR_clear_error();
        forged = crl.get();
        made.remarks.push_back(
            absl::StrCat("a CRL named after ", CommonName(name), " is not signed by it"));
        continue;
      }
      const absl::Time begin = TimeOf(X509_CRL_get0_lastUpdate(crl.get()));
      if (begin > now) {
        begins = std::min(begins, begin);
        made.next_begin = std::min(made.next_begin, begin);
      } else if (newest == nullptr || IsNewer(crl.get(), newest)) {
        newest = crl.get();
      }
    }
    if (newest != nullptr) {
      // Without an end it would be good for ever; TimeOf makes that "ended long ago".
      const absl::Time end = TimeOf(X509_CRL_get0_nextUpdate(newest));
      made.next_update = std::min(made.next_update, end);
      if (end > now) {
        X509_STORE_add_crl(made.store.get(), newest);
      } else if (end == absl::InfinitePast()) {
        made.problems.push_back(
            {"CRL_INVALID", absl::StrCat("the CRL of ", CommonName(name), " has no end")});
      } else {
        X509_STORE_add_crl(made.store.get(), newest);
        made.problems.push_back({"CRL_STALE", absl::StrCat("the CRL of ", CommonName(name),
                                                           " ended at ", absl::FormatTime(end))});
      }
      return;
    }
    made.next_update = absl::InfinitePast();
    if (begins != absl::InfiniteFuture()) {
      made.problems.push_back({"CRL_STALE", absl::StrCat("the CRL of ", CommonName(name),
                                                         " begins at ", absl::FormatTime(begins))});
    } else if (forged != nullptr) {
      // So that callers learn that it is not good, rather than not there.
      X509_STORE_add_crl(made.store.get(), forged);
      made.problems.push_back(
          {"CRL_INVALID", absl::StrCat("no CRL that ", CommonName(name), " signed is there")});
    } else {
      made.problems.push_back(
          {"CRL_MISSING", absl::StrCat("there is no CRL of ", CommonName(name))});
    }
  }

  void Publish(std::shared_ptr<const Snapshot> made) {
    std::vector<std::string> words;
    for (const Problem& problem : made->problems) words.push_back(problem.words);
    if (words.empty()) {
      words.push_back(absl::StrCat("CRLs read; good until ", absl::FormatTime(made->next_update)));
    }
    words.insert(words.end(), made->remarks.begin(), made->remarks.end());
    {
      const MutexLock lock(mutex);
      snapshot = std::move(made);
      good.clear();
    }
    if (options.on_reload) options.on_reload(absl::StrJoin(words, "; "));
  }

  void RefreshUntilStopped() {
    for (;;) {
      std::string before;
      absl::Time again;
      {
        const MutexLock lock(mutex);
        if (!stopping) stopped.WaitFor(mutex, options.refresh);
        if (stopping) return;
        before = snapshot->signature;
        again = snapshot->next_begin;
      }
      if (absl::Now() >= again || SignatureOf(CrlFiles(options.crl_directory)) != before)
        Publish(Read());
    }
  }
};

TrustStore::TrustStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

TrustStore::~TrustStore() {
  {
    const MutexLock lock(state_->mutex);
    state_->stopping = true;
    state_->stopped.NotifyAll();
  }
  state_->refresher.join();
}

absl::StatusOr<std::unique_ptr<TrustStore>> TrustStore::Create(TrustOptions options) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  auto first = state->Read();
  if (first->authorities.empty()) {
    return InvalidArgument("CA_BUNDLE_MALFORMED", "the bundle of client CAs holds no certificate");
  }
  state->Publish(std::move(first));
  State* const running = state.get();
  state->refresher = std::thread([running] { running->RefreshUntilStopped(); });
  return std::unique_ptr<TrustStore>(new TrustStore(std::move(state)));
}

absl::Status TrustStore::Check(std::string_view leaf_pem, std::string_view chain_pem) const {
  const absl::Time now = absl::Now();
  std::shared_ptr<const Snapshot> snapshot;
  {
    const MutexLock lock(state_->mutex);
    snapshot = state_->snapshot;
    const auto found = state_->good.find(std::string(leaf_pem));
    if (found != state_->good.end() && now < found->second) return absl::OkStatus();
  }
  const BioPtr leaf_bio = BioOf(leaf_pem);
  const X509Ptr leaf = ReadCertificate(leaf_bio.get());
  if (leaf == nullptr) {
    ERR_clear_error();
    return Unauthenticated("CERTIFICATE_MALFORMED", "the client certificate cannot be read");
  }
  STACK_OF(X509)* const between = sk_X509_new_null();
  const BioPtr chain_bio = BioOf(chain_pem);
  for (X509Ptr link = ReadCertificate(chain_bio.get());
       link != nullptr && sk_X509_num(between) < 10; link = ReadCertificate(chain_bio.get())) {
    sk_X509_push(between, link.release());
  }
  ERR_clear_error();
  const StoreContextPtr context(X509_STORE_CTX_new());
  const bool trusted =
      X509_STORE_CTX_init(context.get(), snapshot->store.get(), leaf.get(), between) == 1 &&
      X509_verify_cert(context.get()) == 1;
  absl::Time until = std::min(snapshot->next_update, TimeOf(X509_get0_notAfter(leaf.get())));
  if (trusted) {
    STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 0; i < sk_X509_num(chain); ++i) {
      until = std::min(until, TimeOf(X509_get0_notAfter(sk_X509_value(chain, i))));
    }
  }
  const int error = X509_STORE_CTX_get_error(context.get());
  sk_X509_pop_free(between, X509_free);
  ERR_clear_error();
  if (!trusted) return Refused(error);
  const MutexLock lock(state_->mutex);
  if (state_->snapshot == snapshot) {
    if (state_->good.size() >= kRememberedCertificates) state_->good.clear();
    state_->good[std::string(leaf_pem)] = until;
  }
  return absl::OkStatus();
}

void TrustStore::Reload() { state_->Publish(state_->Read()); }

absl::Status TrustStore::Health() const {
  std::shared_ptr<const Snapshot> snapshot;
  {
    const MutexLock lock(state_->mutex);
    snapshot = state_->snapshot;
  }
  if (!snapshot->problems.empty()) {
    std::vector<std::string> words;
    for (const Problem& problem : snapshot->problems) words.push_back(problem.words);
    return Unavailable(snapshot->problems.front().reason, absl::StrJoin(words, "; "));
  }
  if (snapshot->next_update <= absl::Now()) {
    return Unavailable("CRL_STALE",
                       absl::StrCat("a CRL ended at ", absl::FormatTime(snapshot->next_update)));
  }
  return absl::OkStatus();
}

}  // namespace sluis::identity
