#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/audit/leaf.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/testing/grpc_transport.h"

// Reads the log of a broker as its auditor does.
namespace sluis::testing {

struct ReadLogEntry {
  uint64_t index = 0;
  std::string leaf_bytes;
  audit::Leaf leaf;
  log::v1::EventKind::Id kind = log::v1::EventKind::EVENT_KIND_UNSPECIFIED;
  log::v1::Record record;
  std::string bytes;  // all that the entry holds, as it was handed out
};

class LogReader {
 public:
  // `transport` outlives this.
  explicit LogReader(GrpcTransport& transport) : transport_(transport) {}

  // Puts the auditor on record; once per broker.
  absl::Status Prepare();
  // Entries in the newest checkpoint. An entry whose call was answered is in it.
  absl::StatusOr<uint64_t> Size();
  // `count` entries from `start`, fewer when the log ends, in as many calls as it takes. DATA_LOSS
  // when an entry does not match the commitment in its leaf.
  absl::StatusOr<std::vector<ReadLogEntry>> Read(uint64_t start, uint64_t count);

 private:
  GrpcTransport& transport_;
};

}  // namespace sluis::testing
