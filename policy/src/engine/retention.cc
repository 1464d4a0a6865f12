#include "sluis/policy/retention.h"

#include <algorithm>
#include <utility>

#include "compiled.h"

namespace sluis::policy {
namespace {

using Anchor = v1::Retention::Anchor;

// The first day after a term that counts from `day`: its anniversary.
std::optional<CivilDate> AfterTerm(CivilDate day, int32_t term, v1::Retention::Unit unit) {
  if (term <= 0) return std::nullopt;
  switch (unit) {
    case v1::Retention::JAAR:
      return day.AddYears(term);
    case v1::Retention::MAAND:
      return day.AddMonths(term);
    case v1::Retention::DAG:
      return day.AddDays(term);
    default:
      return std::nullopt;
  }
}

std::optional<CivilDate> Day(std::string_view text) {
  const auto day = CivilDate::Parse(text);
  if (!day.ok()) return std::nullopt;
  return *day;
}

// The earliest end; of equal ones the first.
void Take(std::optional<RetentionEnd>& earliest, std::string_view term,
          std::optional<CivilDate> day) {
  if (day && (!earliest || *day < earliest->day)) earliest = {std::string(term), *day};
}

// Ends of the rows with this anchor that `concerns` names, counted from `from`.
template <typename Concerns>
void TakeRows(const Policy& policy, Anchor anchor, std::optional<CivilDate> from,
              std::optional<RetentionEnd>& earliest, Concerns concerns) {
  if (!from) return;
  const auto& rows = policy.compiled().retention;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].anchor != anchor || !concerns(rows[i])) continue;
    Take(earliest, policy.convenant().retention(static_cast<int>(i)).id(),
         AfterTerm(*from, rows[i].term, rows[i].unit));
  }
}
void TakeRows(const Policy& policy, Anchor anchor, std::optional<CivilDate> from,
              std::optional<RetentionEnd>& earliest) {
  TakeRows(policy, anchor, from, earliest, [](const CompiledRetention&) { return true; });
}

bool HasRow(const Policy& policy, Anchor anchor) {
  const auto& rows = policy.compiled().retention;
  return std::any_of(rows.begin(), rows.end(),
                     [anchor](const CompiledRetention& row) { return row.anchor == anchor; });
}

}  // namespace

std::optional<RetentionEnd> EndOfValue(const Policy& policy, const v1::Holding& holding,
                                       KeptByWgs kept) {
  std::optional<RetentionEnd> earliest;
  const auto deposit_end = Day(holding.deposit_end());
  if (HasRow(policy, v1::Retention::EINDE_DEPOT)) {
    TakeRows(policy, v1::Retention::EINDE_DEPOT, deposit_end, earliest);
  } else if (deposit_end) {
    Take(earliest, "DEPOSIT_END", deposit_end->AddDays(1));
  }
  const auto hat = policy.FindHat(holding.source().hat());
  if (kept == KeptByWgs::kYes || !hat) return earliest;
  const auto held = [&](const CompiledRetention& row) { return row.holders.Contains(*hat); };
  const auto first_processed = Day(holding.first_processed());
  TakeRows(policy, v1::Retention::LAATSTE_WIJZIGING, Day(holding.recorded_on()), earliest, held);
  TakeRows(policy, v1::Retention::EERSTE_VERWERKING, first_processed, earliest, held);
  const Compiled& compiled = policy.compiled();
  if (compiled.hat[hat->index()].police && first_processed) {
    Take(earliest, "WPG_8_6",
         AfterTerm(*first_processed, compiled.terms.police_years(), v1::Retention::JAAR));
  }
  return earliest;
}

bool IsWgsCasus(const Policy& policy, const v1::CasusFacts& casus) {
  return std::any_of(casus.tafels().begin(), casus.tafels().end(), [&](const std::string& name) {
    const auto tafel = policy.FindTafel(name);
    return tafel && policy.RegimeOf(*tafel) == Regime::kWgsSamenwerking;
  });
}

std::optional<RetentionEnd> EndOfCasus(const Policy& policy, const v1::CasusFacts& casus,
                                       std::string_view closed_on, std::string_view opener_hat) {
  std::optional<RetentionEnd> earliest;
  if (IsWgsCasus(policy, casus)) {
    TakeRows(policy, v1::Retention::EERSTE_VERWERKING_CASUS, Day(casus.first_processed()),
             earliest);
    return earliest;
  }
  // A stage that refuses every request is as good as closed (R-W-40).
  const auto stage = policy.FindStage(casus.wams_track().stage());
  const bool ended = stage && (policy.compiled().closing_stages & MaskBit(*stage)) != 0;
  if (casus.status() != v1::CasusFacts::CLOSED && !ended) return std::nullopt;
  const auto closed = Day(closed_on);
  HatSet hats{};
  const auto add = [&](std::string_view name) {
    if (const auto hat = policy.FindHat(name)) hats.Insert(*hat);
  };
  add(opener_hat);
  for (const auto& participation : casus.participants()) add(participation.participant().hat());
  TakeRows(policy, v1::Retention::LAATSTE_WIJZIGING, closed, earliest,
           [&](const CompiledRetention& row) { return row.holders - hats != row.holders; });
  if (!earliest) TakeRows(policy, v1::Retention::BESLISSING, closed, earliest);
  return earliest;
}

std::optional<RetentionEnd> EndOfRecord(const Policy& policy, CivilDate last) {
  std::optional<RetentionEnd> earliest;
  TakeRows(policy, v1::Retention::BESLISSING, last, earliest);
  return earliest;
}

std::optional<RetentionEnd> EndOfHandled(const Policy& policy, std::string_view receiver_hat,
                                         CivilDate handled) {
  std::optional<RetentionEnd> earliest;
  const auto hat = policy.FindHat(receiver_hat);
  if (!hat) return earliest;
  TakeRows(policy, v1::Retention::AFHANDELING, handled, earliest,
           [&](const CompiledRetention& row) { return row.holders.Contains(*hat); });
  return earliest;
}

std::optional<RetentionEnd> EndOfIdle(const Policy& policy, CivilDate last) {
  std::optional<RetentionEnd> earliest;
  TakeRows(policy, v1::Retention::EINDE_DEPOT, last, earliest);
  return earliest;
}

}  // namespace sluis::policy
