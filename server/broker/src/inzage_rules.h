#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core.h"

#include "sluis/facts/facts_reader.h"
#include "sluis/policy/vocabulary.h"

// What a person, or who stands for it, may know of what is held and shared about it. The policy
// decides, as for a request at the channel for the rights of persons. Internal to the room.
namespace sluis::broker {

// Who asks.
struct Asker {
  std::string partij;
  std::string hat;
  std::string professional;
  Uuid person;
  policy::RightsRole role = policy::RightsRole::kNone;
  bool identity_established = false;
  // The asker acts under a mandate: never more than who gave it may know.
  bool by_mandate = false;
};

// Whether the side holds a mandate of the person that is in force.
absl::StatusOr<bool> IsMandated(state::StateReader& state, const Uuid& person,
                                const policy::v1::PartijHat& side, CivilDate today);

class InzageRules {
 public:
  // Reads through `reader`, as long as it is asked for verdicts.
  InzageRules(Core& core, ActivePolicy active, store::Reader& reader, absl::Time now,
              CivilDate today, Asker asker);

  struct Verdict {
    Outcome outcome = Outcome::kRefuse;
    Code code = Code::kNoGrant;
  };
  // One verdict for each field that `source` holds, or held, about the person.
  absl::StatusOr<std::vector<Verdict>> Judge(const Uuid& casus, const policy::v1::PartijHat& source,
                                             const std::vector<std::string>& fields);
  // Of the fields, those that the asker may be told were shared. That a source holds fields 39 and
  // 40 is told by nobody but the source itself (R-A-21), so none of those.
  absl::StatusOr<std::vector<bool>> MayBeTold(const Uuid& casus,
                                              const policy::v1::PartijHat& source,
                                              const std::vector<std::string>& fields);

  // Whether every verdict would be the same now, as `reader` sees the facts.
  absl::StatusOr<bool> StillHolds(store::Reader& reader, const ActivePolicy& active,
                                  const ledger::Moment& moment) const;

 private:
  // The channel for the rights of persons, and its purpose: the one that stays open after closing.
  struct Channel {
    std::string tafel;
    std::string purpose;
  };
  absl::StatusOr<const facts::View*> ViewFor(const std::string& acting, const Uuid& casus,
                                             const std::string& source);
  absl::Status Decide(const std::string& partij, const std::string& hat, policy::RightsRole role,
                      bool stands_in, const Uuid& casus, const policy::v1::PartijHat& source,
                      const std::vector<std::string>& fields, std::vector<Verdict>& verdicts);
  absl::Status NarrowToGivers(const Uuid& casus, const policy::v1::PartijHat& source,
                              const std::vector<std::string>& fields,
                              std::vector<Verdict>& verdicts);

  Core& core_;
  const ActivePolicy active_;
  store::Reader& reader_;
  const absl::Time now_;
  const CivilDate today_;
  const Asker asker_;
  Channel channel_;
  // A side for whom inzage is asked by the person itself; empty when the convenant has none.
  policy::v1::PartijHat desk_;
  absl::Time until_ = absl::InfiniteFuture();
  // By acting partij, casus and source partij.
  std::map<std::tuple<std::string, Uuid, std::string>, facts::View> views_;
};

}  // namespace sluis::broker
