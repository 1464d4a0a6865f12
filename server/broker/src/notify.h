#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "core.h"

#include "sluis/state/notices.h"

// Telling partijen what happened, from within the transaction in which it does. A notice never
// tells more than its receiver knows or may know: not that a person exists, not who else takes
// part.
namespace sluis::broker {

using store::v1::Notice;
using store::v1::NoticeType;

// Tells the partij once this commits, and wakes its streams. The time is filled in.
absl::Status Notify(Core& core, store::Transaction& transaction, const ledger::Moment& moment,
                    std::string_view partij, Notice notice);
inline absl::Status Notify(CommandContext& context, std::string_view partij, Notice notice) {
  return Notify(context.core, context.transaction, context.moment, partij, std::move(notice));
}
// Tells each of them.
absl::Status NotifyAll(CommandContext& context, const std::set<std::string>& partijen,
                       const Notice& notice);

// A notice about a casus.
Notice NoticeOf(NoticeType::Id type, const Uuid& casus);

// The opener, and whose participation (guests included) is not over.
std::set<std::string> MembersOf(const store::v1::Casus& casus, CivilDate today);

// Who got something of a person, or of a casus where it is about nobody, from a source.
struct Recipient {
  policy::v1::PartijHat side;
  Uuid casus;
};
enum class Got {
  kAnswer,  // RELEASE, with or without a value
  kValue,   // a value
};
// Those who got one of the fields (empty: any field) of the source, each once per casus: found in
// the log, where every release stands. May end the attempt of the command (log_scan.h).
absl::StatusOr<std::vector<Recipient>> RecipientsOf(CommandContext& context,
                                                    const state::Subject& subject,
                                                    const policy::v1::PartijHat& source,
                                                    const std::set<std::string>& fields, Got got);

// Tells who got a value that it was corrected or withdrawn (Wpg 4; AVG 19).
absl::Status NotifyValueChanged(CommandContext& context, NoticeType::Id type,
                                const state::Subject& subject, const std::string& field);
// Tells a side of a consent that it was withdrawn: those that knew of it.
absl::Status NotifyConsentWithdrawn(CommandContext& context, const state::Subject& person,
                                    const state::StoredRecord& stored);
// Tells those that knew of a fact that it was withdrawn.
absl::Status NotifyFactWithdrawn(CommandContext& context, const state::Subject& subject,
                                 const state::StoredRecord& stored);
// The authorities to which a casus goes when radicalisation is suspected (the convenant's
// competence "radicalisation_redirect"), of the gemeente of the casus.
std::set<std::string> RedirectedTo(const policy::Policy& policy, const store::v1::Casus& casus);
// Tells the authorities that the casus goes on with them, outside the convenant (R-A-45).
absl::Status NotifyRedirected(CommandContext& context, const Uuid& casus_id,
                              const store::v1::Casus& casus);

// Tells all partijen, those of before included, that another policy is in force.
absl::Status NotifyPolicyChanged(Core& core, store::Transaction& transaction,
                                 const ledger::Moment& moment, const policy::Policy& before,
                                 const policy::Policy& after);

}  // namespace sluis::broker
