#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "core.h"
#include "operators.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/broker/broker.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/store/v1/state.pb.h"

// Which policy is in force, and who put it there: two persons, on record, and never backwards.
namespace sluis::broker {
namespace {

using log::v1::EventKind;
using store::Table;
using store::v1::PolicyVersion;

constexpr size_t kMaxVersions = 10000;

PolicyVersion VersionOf(const policy::Policy& policy, CivilDate from) {
  PolicyVersion version;
  version.set_policy_hash(PolicyHash(policy));
  policy.statute().SerializeToString(version.mutable_statute());
  policy.convenant().SerializeToString(version.mutable_convenant());
  policy.switches().SerializeToString(version.mutable_switches());
  version.set_from(from.days());
  return version;
}

absl::Status Unreadable() {
  return DataLoss("POLICY_UNREADABLE", "what is kept is not the policy that was approved");
}

absl::StatusOr<PolicyVersion> Parse(const std::string& bytes) {
  PolicyVersion version;
  if (!version.ParseFromString(bytes)) return Unreadable();
  return version;
}

absl::StatusOr<std::shared_ptr<const policy::Policy>> CompileVersion(const PolicyVersion& version) {
  policy::v1::Statute statute;
  policy::v1::Convenant convenant;
  policy::v1::OperatorSwitches switches;
  if (!statute.ParseFromString(version.statute()) ||
      !convenant.ParseFromString(version.convenant()) ||
      !switches.ParseFromString(version.switches())) {
    return Unreadable();
  }
  policy::CompileResult compiled = policy::Compile(
      policy::Document<policy::v1::Statute>::FromMessage(std::move(statute), "kept statute"),
      policy::Document<policy::v1::Convenant>::FromMessage(std::move(convenant), "kept convenant"),
      policy::Document<policy::v1::OperatorSwitches>::FromMessage(std::move(switches),
                                                                  "kept switches"));
  if (compiled.policy == nullptr || PolicyHash(*compiled.policy) != version.policy_hash())
    return Unreadable();
  return compiled.policy;
}

absl::Status PutVersion(store::Transaction& transaction, const PolicyVersion& version) {
  return transaction.Put(Table::kPolicy, version.policy_hash(), version.SerializeAsString());
}

ledger::Draft DraftOf(EventKind::Id kind, const PolicyVersion& version, const std::string& who) {
  ledger::Draft draft;
  draft.kind = kind;
  draft.record = std::make_unique<log::v1::Record>();
  draft.record->set_caller("sluisd");
  draft.record->set_professional(who);
  draft.record->set_policy_hash(version.policy_hash());
  policy::v1::Convenant convenant;
  if (convenant.ParseFromString(version.convenant()))
    draft.record->set_convenant_version(convenant.version());
  policy::v1::Statute statute;
  if (statute.ParseFromString(version.statute()))
    draft.record->set_statute_version(statute.version());
  return draft;
}

absl::Status CheckDay(const PolicyVersion& version, const ledger::Moment& moment) {
  if (version.from() >= moment.today.days()) return absl::OkStatus();
  return FailedPrecondition("POLICY_DATE_PAST",
                            "the day of the policy is over; propose it for another day");
}

absl::Status NoSuchPolicy() {
  return NotFound("POLICY_NOT_PROPOSED", "nobody proposed a policy with this hash");
}

}  // namespace

bool IsOperatorName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

bool IsSameOperator(std::string_view one, std::string_view other) {
  return absl::EqualsIgnoreCase(ToAbsl(one), ToAbsl(other));
}

absl::Status Broker::ProposePolicy(const policy::Policy& policy, CivilDate from,
                                   const std::string& operator_id) {
  if (!IsOperatorName(operator_id))
    return Malformed("operator_id", "1-64 characters of [A-Za-z0-9._-]");
  PolicyVersion version = VersionOf(policy, from);
  version.set_proposed_by(operator_id);
  return core_->SubmitOwn([version](store::Transaction& transaction,
                                    const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
    SLUIS_RETURN_IF_ERROR(CheckDay(version, moment));
    SLUIS_ASSIGN_OR_RETURN(const auto kept, transaction.Get(Table::kPolicy, version.policy_hash()));
    if (kept) {
      SLUIS_ASSIGN_OR_RETURN(const PolicyVersion before, Parse(*kept));
      if (!before.approved_by().empty())
        return AlreadyExists("POLICY_APPROVED", "this policy was approved before");
    }
    SLUIS_RETURN_IF_ERROR(PutVersion(transaction, version));
    return DraftOf(EventKind::POLICY_PROPOSED, version, version.proposed_by());
  });
}

absl::Status Broker::ApprovePolicy(const std::string& policy_hash, const std::string& operator_id) {
  if (!IsOperatorName(operator_id))
    return Malformed("operator_id", "1-64 characters of [A-Za-z0-9._-]");
  return core_->SubmitOwn([policy_hash, operator_id](
                              store::Transaction& transaction,
                              const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
    SLUIS_ASSIGN_OR_RETURN(const auto kept, transaction.Get(Table::kPolicy, policy_hash));
    if (!kept) return NoSuchPolicy();
    SLUIS_ASSIGN_OR_RETURN(PolicyVersion version, Parse(*kept));
    if (!version.approved_by().empty())
      return AlreadyExists("POLICY_APPROVED", "this policy was approved before");
    if (IsSameOperator(version.proposed_by(), operator_id)) {
      return PermissionDenied("SAME_OPERATOR", "who proposed the policy cannot approve it as well");
    }
    SLUIS_RETURN_IF_ERROR(CheckDay(version, moment));
    version.set_approved_by(operator_id);
    version.set_approved_at(absl::ToUnixMicros(moment.now));
    SLUIS_RETURN_IF_ERROR(PutVersion(transaction, version));
    return DraftOf(EventKind::POLICY_APPROVED, version, operator_id);
  });
}

absl::Status Broker::KeepFirstPolicy(const policy::Policy& policy) {
  const PolicyVersion first = VersionOf(policy, CivilDate());
  return core_->SubmitOwn([first](store::Transaction& transaction,
                                  const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
    SLUIS_ASSIGN_OR_RETURN(const auto kept, transaction.Scan(Table::kPolicy, "", "", 1));
    if (!kept.empty()) return AlreadyExists("POLICY_APPROVED", "a policy is kept already");
    PolicyVersion version = first;
    version.set_from(moment.today.days());
    version.set_approved_by("sluisd");
    version.set_approved_at(absl::ToUnixMicros(moment.now));
    SLUIS_RETURN_IF_ERROR(PutVersion(transaction, version));
    return DraftOf(EventKind::POLICY_APPROVED, version, "");
  });
}

absl::StatusOr<std::string> PolicyHashInForce(store::Store& store, CivilDate day) {
  SLUIS_ASSIGN_OR_RETURN(const auto reader, store.Read());
  SLUIS_ASSIGN_OR_RETURN(const auto documents, reader->Scan(Table::kPolicy, "", "", kMaxVersions));
  PolicyVersion newest;
  for (const store::Document& document : documents) {
    SLUIS_ASSIGN_OR_RETURN(PolicyVersion version, Parse(document.value));
    if (version.approved_by().empty() || version.from() > day.days()) continue;
    if (newest.approved_by().empty() || std::pair(version.from(), version.approved_at()) >
                                            std::pair(newest.from(), newest.approved_at())) {
      newest = std::move(version);
    }
  }
  return newest.policy_hash();
}

absl::StatusOr<KeptPolicy> FindPolicy(store::Store& store, const std::string& policy_hash) {
  SLUIS_ASSIGN_OR_RETURN(const auto reader, store.Read());
  SLUIS_ASSIGN_OR_RETURN(const auto kept, reader->Get(Table::kPolicy, policy_hash));
  if (!kept) return NoSuchPolicy();
  SLUIS_ASSIGN_OR_RETURN(const PolicyVersion version, Parse(*kept));
  SLUIS_ASSIGN_OR_RETURN(auto policy, CompileVersion(version));
  return KeptPolicy{std::move(policy), CivilDate::FromDays(version.from())};
}

}  // namespace sluis::broker
