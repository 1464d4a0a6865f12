#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sluis/base/civil_date.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/v1/facts.pb.h"

// Until when data may be kept, by the retention rows of the convenant. Pure. What cannot be judged
// has no end here: a day that cannot be read, a term that is not set, a term in hours. (For a
// release the same counts as over: neither is ever the better for it.)
namespace sluis::policy {

struct RetentionEnd {
  // The row, "RT_WGS"; "DEPOSIT_END" for the source's own choice and "WPG_8_6" for the term of the
  // police where the convenant has no row for them.
  std::string term;
  // The first day on which it is over.
  CivilDate day;

  friend bool operator==(const RetentionEnd&, const RetentionEnd&) = default;
};

// Whether a casus of the WGS within its term keeps the value: its tafels count from the first
// processing of the casus, and not by the terms of holders.
enum class KeptByWgs { kNo, kYes };

// The first day on which no tafel releases the value any more and the broker has nothing left to
// keep it for: the earliest of the end that the source chose with the days that the convenant adds
// to it, and the terms of its holder.
std::optional<RetentionEnd> EndOfValue(const Policy& policy, const v1::Holding& holding,
                                       KeptByWgs kept);

// The end of a casus. One that was placed at a tafel of the WGS: the term from its first
// processing, open or closed. Any other: none while it is open; from the day of closing, or on
// which a track came to the stage that closes it, the shortest term of those who took part or
// opened it, or that of the log where they have none.
std::optional<RetentionEnd> EndOfCasus(const Policy& policy, const v1::CasusFacts& casus,
                                       std::string_view closed_on, std::string_view opener_hat);
// Whether it was placed at a tafel of the WGS.
bool IsWgsCasus(const Policy& policy, const v1::CasusFacts& casus);

// The end of a consent or fact whose last day was `last`: as long as an entry of the log may rest
// on it.
std::optional<RetentionEnd> EndOfRecord(const Policy& policy, CivilDate last);

// The end of a signal to this hat that was done with on `handled`, and had no follow-up.
std::optional<RetentionEnd> EndOfHandled(const Policy& policy, std::string_view receiver_hat,
                                         CivilDate handled);

// The end of a person of whom there is nothing but ids, who was last spoken of on `last`.
std::optional<RetentionEnd> EndOfIdle(const Policy& policy, CivilDate last);

}  // namespace sluis::policy
