#pragma once

#include <cstddef>
#include <string>

#include "absl/time/time.h"

namespace sluis::client {

// What happens to an answer that cannot be verified.
enum class UnverifiedAnswer {
  kWithhold,  // the call fails with the reason
  kDeliver,   // the answer comes, and says so in Proof::problem: for finding out what is wrong
};

// Who else makes entries under the OIN of our certificate. The log numbers the entries of each
// partij without gaps; a number that nobody can explain is an entry that somebody else made, or
// that was shown to somebody else only.
enum class Sequence {
  kOnlyClient,   // nobody: a number that this client did not cause is an error (SEQUENCE_GAP)
  kSharedByMore  // other programs of the same partij: gaps are normal. A number that comes twice
                 // is an error all the same.
};

struct ClientOptions {
  // Where the broker is: "host:port".
  std::string target = {};

  // PEM files: our certificate (with the issuing CAs after it), its key without password, and the
  // roots by which the broker's own certificate is verified. When they are renewed, what begins a
  // second later goes over a connection with the new ones; while they do not fit together, or if
  // the certificate is one of another OIN, over that with the old ones. Best put in place by
  // renaming, the certificate last.
  std::string certificate_file = {};
  std::string key_file = {};
  std::string ca_file = {};
  // The name that the broker's certificate must have, when it is not the host of `target`.
  std::string server_name = {};

  // The key by which the broker signs its log, "name+hash+key": either itself or a file that holds
  // it. Get it from the broker's operator over another way than the broker, once.
  std::string log_key = {};
  std::string log_key_file = {};
  // The broker must be one of environment TEST_DATA_ONLY. Without it, none of those is believed.
  bool test_data_only = false;
  // The name of the log in its checkpoints. Empty: the key's name, followed by " TEST_DATA_ONLY"
  // where test_data_only is set.
  std::string log_origin = {};
  // Instead of a key: believe the one that the broker itself presents at the first connection.
  // Whoever answers then is believed for ever; for development. With `log_key_file` naming a file
  // that does not exist yet, the key is written there and used from then on.
  bool trust_log_key_on_first_use = false;

  // Keeps the newest verified checkpoint, so that the log cannot show us another history after a
  // restart. Empty: every start believes the first checkpoint again. The file holds the checkpoint
  // as it is. Two programs may share one.
  // Beside it, in a file of that name with "." and our OIN behind it, is the number of our newest
  // entry, so that one under our identity that came while no client ran is noticed too. If the
  // program was killed, or had not heard the end of a call, entries that are missing then may be
  // its own: they are in SequenceReport::missing, and no error.
  std::string state_file = {};

  UnverifiedAnswer unverified_answer = UnverifiedAnswer::kWithhold;
  Sequence sequence = Sequence::kOnlyClient;

  // For a call whose Context gives none.
  absl::Duration timeout = absl::Seconds(30);
  size_t max_answer_bytes = size_t{4} << 20;
};

// The operator's door, on the loopback of the broker's machine: no certificate.
struct AdminOptions {
  std::string target = {};  // "127.0.0.1:port"
  absl::Duration timeout = absl::Seconds(30);
};

}  // namespace sluis::client
