#include <algorithm>
#include <iostream>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "call.h"
#include "commands.h"
#include "content.h"

#include "sluis/base/bytes.h"
#include "sluis/base/outcome.h"
#include "sluis/base/text.h"

namespace sluis::cli {
namespace {

struct Options {
  client::RequestFieldsRequest request;
  std::vector<std::string> fields;
  std::string motivation;
  std::string rights_role;
};

client::RequestFieldsRequest ToRequest(const Options& options, const Profile& profile) {
  client::RequestFieldsRequest request = options.request;
  for (const std::string& text : options.fields) {
    const size_t equals = text.find('=');
    request.fields.push_back({text.substr(0, equals), equals == std::string::npos
                                                          ? options.motivation
                                                          : text.substr(equals + 1)});
  }
  if (options.rights_role == "self") request.rights_role = client::RightsRole::kSelf;
  if (options.rights_role == "representative")
    request.rights_role = client::RightsRole::kRepresentative;
  request.language = profile.language;
  return request;
}

Json DecisionToJson(const client::Decision& decision) {
  Json fields = Json::array();
  for (const client::FieldAnswer& field : decision.fields) {
    Json one = {{"field", field.field},
                {"outcome", std::string(OutcomeName(field.outcome))},
                {"code", field.code},
                {"article", field.article},
                {"grondslag", field.grondslag},
                {"grant", field.grant},
                {"obligations", field.obligations},
                {"missing", field.missing},
                {"text", field.text},
                {"none_held", field.none_held},
                {"delivery", field.delivery}};
    one["content"] = field.value ? ContentToJson(*field.value) : Json(nullptr);
    fields.push_back(std::move(one));
  }
  return {{"fields", std::move(fields)},
          {"convenant_version", decision.convenant_version},
          {"statute_version", decision.statute_version},
          {"policy_hash", HexEncode(decision.policy_hash.bytes())},
          {"validate_only", decision.validate_only}};
}

// Released, and delivered where the source was asked for it.
bool AllReleased(const client::Decision& decision) {
  return std::all_of(decision.fields.begin(), decision.fields.end(),
                     [](const client::FieldAnswer& field) {
                       return field.outcome == Outcome::kRelease &&
                              (field.delivery.empty() || field.delivery == "DELIVERED" ||
                               field.delivery == "NONE_HELD");
                     });
}

// What became of a released value that its source keeps.
std::string DeliveryText(const std::string& delivery) {
  if (delivery == "SOURCE_OBJECTS") return "released; the source does not provide it";
  if (delivery == "SOURCE_UNREACHABLE") return "released; the source cannot be reached now";
  if (delivery == "SOURCE_SILENT") return "released; the source did not answer in time";
  if (delivery == "SOURCE_ANSWER_REFUSED") return "released; the source's answer is no value";
  if (delivery == "NO_LONGER_RELEASED") return "no longer released: ask anew";
  return absl::StrCat("released; not delivered: ", delivery);
}

Ink InkOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kRelease:
      return Ink::kGreen;
    case Outcome::kRefuse:
      return Ink::kRed;
    case Outcome::kNcnd:
    case Outcome::kNeedsConsent:
    case Outcome::kNeedsDecision:
      return Ink::kYellow;
  }
  return Ink::kRed;
}

// What stands in the column that a reader looks at first.
std::string ValueOrWhy(const client::FieldAnswer& field, const client::Decision& decision) {
  if (field.outcome != Outcome::kRelease) return field.code;
  if (field.value) return ValueText(field.value->value);
  if (decision.validate_only) return "would be released";
  if (!field.delivery.empty() && !field.none_held) return DeliveryText(field.delivery);
  return field.none_held ? "the source holds no value" : "released; no value with this answer";
}

// What releases rest on. Many fields of one answer rest on the same, which is then told once.
struct Basis {
  std::string article;
  std::string grondslag;
  std::string grant;
  std::vector<std::string> obligations;
  friend bool operator==(const Basis&, const Basis&) = default;
};

void PrintDecision(const client::Decision& decision) {
  std::vector<Basis> bases;
  Table table({"FIELD", "OUTCOME", "VALUE OR WHY", "OF, WITH", "BASIS"});
  for (const client::FieldAnswer& field : decision.fields) {
    std::string mark;
    if (!field.article.empty() || !field.grant.empty() || !field.obligations.empty()) {
      const Basis basis{field.article, field.grondslag, field.grant, field.obligations};
      const auto known = std::find(bases.begin(), bases.end(), basis);
      mark = absl::StrCat("[", known - bases.begin() + 1, "]");
      if (known == bases.end()) bases.push_back(basis);
    }
    table.Add({{field.field, Ink::kBold},
               {std::string(OutcomeName(field.outcome)), InkOf(field.outcome)},
               ValueOrWhy(field, decision),
               field.value ? CompanionText(*field.value) : "",
               mark});
  }
  table.Print(std::cout);
  if (bases.empty()) return;
  std::cout << "\n" << Coloured("Basis", Ink::kBold) << "\n";
  for (size_t i = 0; i < bases.size(); ++i) {
    const Basis& basis = bases[i];
    PrintParagraph(
        std::cout,
        absl::StrCat("[", i + 1, "] ", basis.article.empty() ? "no article" : basis.article, " (",
                     basis.grondslag, ", grant ", basis.grant, ")"),
        2);
    if (!basis.obligations.empty()) {
      PrintParagraph(std::cout,
                     absl::StrCat("obligations: ", absl::StrJoin(basis.obligations, ", ")), 6);
    }
  }
}

// The refusals in words. Fields that are refused with the same words stand together; what the
// broker says is printed as it is, so that an NCND shows exactly what every other NCND shows.
void PrintRefusals(const client::Decision& decision) {
  struct Refusal {
    std::vector<std::string> fields;
    const client::FieldAnswer* first = nullptr;
  };
  std::vector<Refusal> refusals;
  for (const client::FieldAnswer& field : decision.fields) {
    if (field.outcome == Outcome::kRelease) continue;
    const auto same = std::find_if(refusals.begin(), refusals.end(), [&](const Refusal& other) {
      return other.first->code == field.code && other.first->text == field.text &&
             other.first->missing == field.missing;
    });
    Refusal& refusal = same == refusals.end() ? refusals.emplace_back() : *same;
    if (refusal.first == nullptr) refusal.first = &field;
    refusal.fields.push_back(field.field);
  }
  if (refusals.empty()) return;
  std::cout << "\n" << Coloured("Not released", Ink::kBold) << "\n";
  for (const Refusal& refusal : refusals) {
    PrintParagraph(
        std::cout,
        absl::StrCat(absl::StrJoin(refusal.fields, ", "), " (", refusal.first->code, ")"), 2);
    if (!refusal.first->text.empty()) PrintParagraph(std::cout, refusal.first->text, 4);
    if (!refusal.first->missing.empty()) {
      PrintParagraph(
          std::cout,
          absl::StrCat("nearest lawful route: ", absl::StrJoin(refusal.first->missing, ", ")), 4);
    }
  }
}

void Print(const client::RequestFieldsAnswer& answer) {
  const client::Decision& decision = answer.decision;
  if (decision.validate_only)
    std::cout << "DRY RUN: decided and recorded as usual, nothing was delivered.\n\n";
  PrintDecision(decision);
  PrintRefusals(decision);
  std::cout << "\n";
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"receipt", ProofText(answer.proof)},
      {"decided by", absl::StrCat("convenant ", decision.convenant_version, ", statute ",
                                  decision.statute_version)}};
  if (answer.earlier) {
    pairs.emplace_back(
        "repeats",
        absl::StrCat("entry ", answer.earlier->entry.index, " of the log; then ",
                     std::count_if(answer.earlier->decision.fields.begin(),
                                   answer.earlier->decision.fields.end(),
                                   [](const client::FieldAnswer& field) {
                                     return field.outcome == Outcome::kRelease;
                                   }),
                     " of ", answer.earlier->decision.fields.size(), " fields were released"));
  }
  PrintPairs(std::cout, pairs);
}

absl::StatusOr<Exit> Request(const Options& options, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
  const auto answer =
      session.client().RequestFields(session.call(), ToRequest(options, context.profile));
  if (!answer.ok()) return session.Failed(answer.status());
  if (context.json) {
    Json out = DecisionToJson(answer->decision);
    if (answer->earlier)
      out["earlier"] = {{"decision", DecisionToJson(answer->earlier->decision)},
                        {"index", answer->earlier->entry.index}};
    out["proof"] = ProofToJson(answer->proof);
    PrintJson(out);
  } else {
    Print(*answer);
  }
  SLUIS_RETURN_IF_ERROR(session.Keep(answer->proof));
  return AllReleased(answer->decision) ? Exit::kDone : Exit::kNotReleased;
}

}  // namespace

void AddRequest(CLI::App& parent, Context& context) {
  CLI::App* command = parent.add_subcommand("request", "Ask a partij for fields of a person");
  auto options = std::make_shared<Options>();
  client::RequestFieldsRequest& request = options->request;
  command->add_option("--casus", request.casus_id, "The casus, by its id")->required();
  command->add_option("--tafel", request.tafel, "The tafel, by its convenant id")->required();
  command->add_option("--purpose", request.purpose, "The purpose, by its convenant id")->required();
  command->add_option("--person", request.person_id,
                      "The person, by your own id; none at tafels without persons");
  AddPartijHat(*command, "--source", request.source, "Who is asked")->required();
  command
      ->add_option("--field", options->fields,
                   "A field, and why it is necessary (repeatable; 1-100)")
      ->required()
      ->allow_extra_args(false)
      ->type_name("NAME[=MOTIVATION]");
  command->add_option("--motivation", options->motivation,
                      "Why the fields are necessary that say it not themselves");
  command->add_option("--stage", request.stage, "The stage; at tafels of regime WAMS");
  command->add_option("--task", request.task,
                      "The task for which it is asked, where the law lists them");
  command->add_option("--power", request.power, "The power that is used, where the law lists them");
  command->add_option("--wvggz-ernstig-nadeel", request.wvggz_ernstig_nadeel,
                      "The serious harm to prevent (Wvggz 8:29)");
  command->add_flag("--identity-established", request.identity_established,
                    "The identity of the person or proxy has been established (AVG 12 lid 6)");
  command
      ->add_option("--rights-role", options->rights_role,
                   "Inzage is asked by: self, representative")
      ->check(CLI::IsMember({"self", "representative"}));
  command->add_flag("--dry-run", request.validate_only,
                    "Decide and record as usual, but deliver nothing");
  command->footer(
      "Every field is decided on its own. A refusal is an answer: it says why, and what would "
      "have\n"
      "to be true (the nearest lawful route). NCND means: neither confirmed nor denied.\n"
      "Ends with 0 when every field was released, 3 when at least one was not.\n"
      "\n"
      "Examples:\n"
      "  sluis request --casus $casus --person $person --tafel K_MELDPUNT --purpose D03 \\\n"
      "    --source P_POLITIE_ON/POLITIE --motivation 'to judge which help is needed' \\\n"
      "    --field zorgmelding_soort --field 'telefoonnummer=to make an appointment'\n"
      "  sluis request … --dry-run --json");
  context.OnRun(*command, [options, &context] { return Request(*options, context); });
}

}  // namespace sluis::cli
