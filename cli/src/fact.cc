#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "call.h"
#include "commands.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"

namespace sluis::cli {
namespace {

using client::Client;

// One kind of fact with a body to start from. tests/cli holds the list against the library's: every
// kind is here, and every body is one.
struct KindExample {
  std::string_view kind;
  std::string_view about;
  bool needs_casus;  // counts in one casus only
  std::string_view body;
};

constexpr std::array kKinds = {
    KindExample{"attestation", "the four steps before a debt signal, attested by the source", true,
                R"({"attestation": {"person": "<person>", "date": "2026-11-20",
    "preconditions": [true, true, true, true]}})"},
    KindExample{"besluit",
                "a decision of the gezag on police data (Wpg 19, or Wpg 20 for a verband)", true,
                R"({"besluit": {"kind": "WPG19", "person": "<person>", "purposes": ["D06"],
    "fields": ["politie_incidenten_art8_12mnd"],
    "recipients": [{"partij": "P_ALMELO", "hat": "GEM_BURGEMEESTER"}],
    "gezag": "burgemeester van Almelo", "date": "2026-11-20", "until": "2027-05-20"}})"},
    KindExample{"decision", "a professional of the source decides: GHV, CVP, WAMS, ACUUT, …", true,
                R"({"decision": {"kind": "GHV", "person": "<person>",
    "fields": ["behandelaar_contact"], "recipient_hats": ["GEM_COLLEGE_WMO"],
    "recipient_parties": ["P_ALMELO"], "result": "GIVEN",
    "reason": "without this contact the care stops", "date": "2026-11-20"}})"},
    KindExample{"detention", "the gemeenten before and after detention (Pbw 18a)", false,
                R"({"detention": {"person": "<person>", "municipality_before": "Almelo",
    "municipality_after": "Hengelo"}})"},
    KindExample{"flag_18b", "a concrete risk of a serious violent or sexual offence (Pbw 18b)",
                true, R"({"flag_18b": {"person": "<person>"}})"},
    KindExample{"hit", "a hit with another Zorg- en Veiligheidshuis", true,
                R"({"hit": {"person": "<person>", "partij": "P_ZVH_IJSSELLAND",
    "date": "2026-11-20"}})"},
    KindExample{"informed", "the person was informed, or why not yet (AVG 13, 14)", true,
                R"({"informed": {"person": "<person>", "status": "GEINFORMEERD",
    "date": "2026-11-20"}})"},
    KindExample{"maatregel", "a measure: child protection, youth probation, restraining order",
                false,
                R"({"maatregel": {"person": "<person>", "kind": "HUISVERBOD",
    "from": "2026-11-20", "until": "2026-11-30"}})"},
    KindExample{"mandate", "a written mandate of a cliëntondersteuner", false,
                R"({"mandate": {"person": "<person>", "fields": ["voornamen"],
    "holder": {"partij": "P_IXTANOA", "hat": "ZELFREGIE"},
    "given_by": [{"capacity": "SELF"}], "flag": "AVG_GRONDSLAG", "written": true,
    "from": "2026-11-20"}})"},
    KindExample{"melder_consent", "a reporter consents to being named, or not", false,
                R"({"melder_consent": {"person": "<person>", "given": true,
    "date": "2026-11-20"}})"},
    KindExample{"objection", "weighty reasons of the source not to provide", true,
                R"({"objection": {"person": "<person>", "fields": ["behandelaar_contact"],
    "reason": "the treatment would end", "from": "2026-11-20"}})"},
    KindExample{"ots", "a supervision order (Jeugdwet 7.3.11)", false,
                R"({"ots": {"person": "<person>", "gi_party": "P_JBOV",
    "from": "2026-11-20", "until": "2027-11-19"}})"},
    KindExample{"perpetrator_side", "a partij on the perpetrator's side sits at a tafel", true,
                R"({"perpetrator_side": {"tafel": "K_SLACHTOFFER"}})"},
    KindExample{"radicalisation", "a suspicion of radicalisation: the WGS flow stops", true,
                R"({"radicalisation": {"flagged": true}})"},
    KindExample{"report", "a report (melding) at the meldpunt or at Veilig Thuis", true,
                R"({"report": {"person": "<person>", "kind": "ZORG_ZONDER_HULPVRAAG",
    "status": "OPEN", "date": "2026-11-21"}})"},
    KindExample{"rights_exception", "an exception to inzage (UAVG 41)", false,
                R"({"rights_exception": {"person": "<person>", "fields": ["voornamen"],
    "reason": "the safety of somebody else", "from": "2026-11-20"}})"},
    KindExample{"source_condition", "a condition of the source on one of its fields", false,
                R"({"source_condition": {"person": "<person>", "field": "voornamen",
    "kind": "EINDDATUM", "until": "2027-05-20"}})"},
    KindExample{"timebox", "the 72 hours of a crisis", true,
                R"({"timebox": {"opened_at": "2026-11-20T22:15:00+01:00"}})"},
    KindExample{"treatment", "direct involvement in the treatment (BW 7:457)", true,
                R"({"treatment": {"person": "<person>", "from": "2026-01-01"}})"},
};

struct RecordOptions {
  client::RecordFactRequest request;
  std::string file;
};

absl::StatusOr<Exit> Record(const RecordOptions& options, const Context& context) {
  client::RecordFactRequest request = options.request;
  if (request.fact_json.empty()) {
    if (options.file.empty()) {
      return WithMetadata(InvalidArgument("OPTION_MISSING", "the fact is needed"), "option",
                          "--json-body or --file");
    }
    SLUIS_ASSIGN_OR_RETURN(request.fact_json, ReadInput(options.file));
  }
  // Said before anybody is called.
  SLUIS_RETURN_IF_ERROR(client::CheckFact(request.fact_json));
  return Change<client::RecordFactRequest, client::RecordFactAnswer>(
      context, &Client::RecordFact, request, [](const auto& answer) {
        return Json{{"fact_id", answer.fact_id}};
      });
}

void AddRecord(CLI::App& fact, Context& context) {
  CLI::App* command = fact.add_subcommand("record", "Record a fact");
  auto options = std::make_shared<RecordOptions>();
  command->add_option(
      "--casus", options->request.casus_id,
      "The casus; mandatory for what counts in one casus only (`sluis fact kinds`)");
  command->add_option("--reference", options->request.reference, "Reference in your own file")
      ->required();
  CLI::Option* body =
      command->add_option("--json-body", options->request.fact_json, "The fact")->type_name("JSON");
  command->add_option("--file", options->file, "A file with the fact; - for standard input")
      ->excludes(body);
  command->footer(
      "A fact is a JSON object with one member, named after its kind; `sluis fact kinds` shows "
      "them\n"
      "all. Only competent hats record it; it counts until it is withdrawn.\n"
      "\n"
      "Example:\n"
      "  sluis fact record --casus $casus --reference PL0500-2026-1121 --json-body \\\n"
      "    '{\"report\": {\"person\": \"'$person'\", \"kind\": \"ZORG_ZONDER_HULPVRAAG\",\n"
      "      \"status\": \"OPEN\", \"date\": \"2026-11-21\"}}'");
  context.OnRun(*command, [options, &context] { return Record(*options, context); });
}

void AddWithdraw(CLI::App& fact, Context& context) {
  CLI::App* command = fact.add_subcommand("withdraw", "Withdraw a fact that you recorded, at once");
  auto request = std::make_shared<client::WithdrawFactRequest>();
  command->add_option("--fact", request->fact_id, "The fact, by its id")->required();
  command->footer(
      "Example:\n"
      "  sluis fact withdraw --fact $fact");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::WithdrawFact, *request); });
}

absl::StatusOr<Exit> Kinds(const std::string& kind, bool json) {
  const auto* const found = std::find_if(kKinds.begin(), kKinds.end(),
                                         [&](const KindExample& one) { return one.kind == kind; });
  if (!kind.empty() && found == kKinds.end())
    return Malformed("KIND", "there is no such kind of fact: see `sluis fact kinds`");
  Json all = Json::array();
  for (const KindExample& one : kKinds) {
    if (!kind.empty() && one.kind != kind) continue;
    if (json) {
      all.push_back({{"kind", std::string(one.kind)},
                     {"about", std::string(one.about)},
                     {"needs_casus", one.needs_casus},
                     {"example", Json::parse(one.body)}});
      continue;
    }
    std::cout << Coloured(one.kind, Ink::kBold) << "  " << one.about
              << (one.needs_casus ? "  (--casus)" : "") << "\n  " << one.body << "\n\n";
  }
  if (json) {
    PrintJson(all);
  } else {
    std::cout
        << "<person> is your own id of the person. Every element stands in docs/facts.md and\n"
           "proto/sluis/policy/v1/facts.proto.\n";
  }
  return Exit::kDone;
}

void AddKinds(CLI::App& fact, Context& context) {
  CLI::App* command = fact.add_subcommand("kinds", "The kinds of fact, each with an example");
  auto kind = std::make_shared<std::string>();
  command->add_option("KIND", *kind, "Only this kind");
  command->footer(
      "Needs no broker. (--casus) behind a kind: it counts in one casus only. A Wpg 20 besluit is\n"
      "about a verband: it names no person and needs no casus.\n"
      "\n"
      "Example:\n"
      "  sluis fact kinds report");
  context.OnRun(*command, [kind, &context] { return Kinds(*kind, context.json); });
}

}  // namespace

void AddFact(CLI::App& parent, Context& context) {
  CLI::App* fact =
      parent.add_subcommand("fact", "Record and withdraw the facts on which decisions rest");
  fact->require_subcommand(1);
  AddRecord(*fact, context);
  AddWithdraw(*fact, context);
  AddKinds(*fact, context);
}

}  // namespace sluis::cli
