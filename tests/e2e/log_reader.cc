#include "log_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include "sluis/base/status_macros.h"
#include "sluis/testing/transport.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/professional.pb.h"

namespace sluis::testing {
namespace {

constexpr char kAuditor[] = "P_TOEZICHT";

}  // namespace

absl::Status LogReader::Prepare() {
  v1::PutProfessionalRequest request;
  request.set_request_id(NewRequestId());
  request.set_professional("auditor");
  request.add_hats("AUDITOR");
  request.set_active(true);
  return transport_
      .Send<v1::PutProfessionalResponse>(kAuditor, "/sluis.v1.ProfessionalService/PutProfessional",
                                         request)
      .status();
}

absl::StatusOr<uint64_t> LogReader::Size() {
  const auto answer = transport_.Send<v1::GetCheckpointResponse>(
      kAuditor, "/sluis.v1.AuditService/GetCheckpoint", v1::GetCheckpointRequest());
  if (!answer.ok()) return answer.status();
  const std::vector<std::string> lines = absl::StrSplit(answer->checkpoint(), '\n');
  uint64_t size = 0;
  if (lines.size() < 3 || !absl::SimpleAtoi(lines[1], &size))
    return absl::InternalError("an unreadable checkpoint");
  return size;
}

absl::StatusOr<std::vector<ReadLogEntry>> LogReader::Read(uint64_t start, uint64_t count) {
  std::vector<ReadLogEntry> entries;
  while (entries.size() < count) {
    v1::ReadEntriesRequest request;
    request.set_request_id(NewRequestId());
    request.set_acting_hat("AUDITOR");
    request.set_professional("auditor");
    request.set_usage_purpose(v1::USAGE_PURPOSE_INTEGRITY_SECURITY);
    request.set_start(start + entries.size());
    request.set_count(static_cast<int>(std::min<uint64_t>(count - entries.size(), 1000)));
    auto answer = transport_.Send<v1::ReadEntriesResponse>(
        kAuditor, "/sluis.v1.AuditService/ReadEntries", request);
    if (!answer.ok()) return answer.status();
    if (answer->answer().entries().empty()) break;
    for (const v1::LogEntry& each : answer->answer().entries()) {
      ReadLogEntry entry;
      entry.index = start + entries.size();
      entry.bytes = each.SerializeAsString();
      entry.leaf_bytes = each.leaf();
      SLUIS_ASSIGN_OR_RETURN(entry.leaf, audit::DecodeLeaf(each.leaf()));
      SLUIS_ASSIGN_OR_RETURN(const auto salt, audit::Salt::FromBytes(each.salt()));
      if (audit::CommitRecord(salt, each.record()) != entry.leaf.commitment ||
          !entry.record.ParseFromString(each.record())) {
        return absl::DataLossError("an entry is not what its leaf commits to");
      }
      entry.kind = static_cast<log::v1::EventKind::Id>(entry.leaf.kind);
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

}  // namespace sluis::testing
