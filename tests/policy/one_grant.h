#pragma once

#include <string>
#include <string_view>

#include "side_by_side.h"

#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/facts.pb.h"
#include "sluis/policy/v1/statute.pb.h"

// A policy of one grant and one row that asks nothing but what a test adds, and questions to it of
// which a test says only what is special.
namespace sluis::policy {

// The facts and the request of one side of a case; what is not said is ordinary.
struct Given {
  std::string_view facts{};
  std::string_view request{};
  std::string_view switches{};
};

// The question at `now` (RFC 3339, as it is written in Amsterdam). What is not said: VRAGER of
// P_VRAGER asks BRON of P_BRON at K_KANAAL for "veld" of Anna, born in 1990, with a reason.
Input Complete(const Given& given, std::string_view now);

// The documents with a row that asks `condition`, under the switches of the case.
Documents PolicyWith(v1::Condition::Id condition, const Given& given);

// What engine and slow evaluator both say about the first field asked; a failure where they differ.
policy_oracle::FieldResult Decided(const Documents& documents, const Input& input);

// Reads text format; a failure when it cannot be read.
template <typename Message>
Message Parse(std::string_view text);

// A decision of the source about "veld", but for the part that a case adds.
#define SLUIS_DECISION(kind, rest)                                                         \
  "decisions { kind: " kind                                                                \
  " casus: 'C-1' person: 'anna' source { partij: 'P_BRON' hat: 'BRON' } fields: ['veld'] " \
  "recipient_hats: ['VRAGER'] recipient_parties: ['P_VRAGER'] date: '2026-11-20' " rest " }"
// Consent of Anna for the provision of "veld".
#define SLUIS_CONSENT(rest)                                                                        \
  "consents { person: 'anna' given_by { capacity: SELF } source { partij: 'P_BRON' hat: 'BRON' } " \
  "recipient { partij: 'P_VRAGER' hat: 'VRAGER' } purpose: 'D01' " rest " }"
// The value that the source holds.
#define SLUIS_HOLDING(rest)                                                          \
  "holdings { person: 'anna' field: 'veld' source { partij: 'P_BRON' hat: 'BRON' } " \
  "recorded_on: '2026-10-01' " rest " }"
#define SLUIS_WAMS "tafel: 'K_WAMS' stage: 'ONDERZOEK'"

}  // namespace sluis::policy
