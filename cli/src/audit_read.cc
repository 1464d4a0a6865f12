#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "call.h"
#include "commands.h"
#include "log_files.h"
#include "usage_purpose.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/proof_file.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/text.h"
#include "sluis/base/uuid.h"
#include "sluis/log/v1/record.pb.h"

namespace sluis::cli {
namespace {

void AddInstant(CLI::App& command, const std::string& name, std::optional<absl::Time>& target,
                const std::string& help) {
  command
      .add_option_function<std::string>(
          name,
          [name, &target](const std::string& text) {
            absl::Time parsed;
            std::string error;
            if (!absl::ParseTime(absl::RFC3339_full, text, &parsed, &error))
              throw CLI::ValidationError(name, "not an instant such as 2026-11-23T10:00:00+01:00");
            target = parsed;
          },
          help)
      ->type_name("INSTANT");
}

Json EventToJson(const client::Event& event) {
  Json fields = Json::array();
  for (const client::EventField& field : event.fields) {
    fields.push_back({{"field", field.field},
                      {"outcome", std::string(OutcomeName(field.outcome))},
                      {"code", field.code},
                      {"grant", field.grant},
                      {"grondslag", field.grondslag},
                      {"exclusion", field.exclusion},
                      {"obligations", field.obligations},
                      {"missing", field.missing},
                      {"officer_text", field.officer_text},
                      {"delivery", field.delivery},
                      {"objection_ground", field.objection_ground}});
  }
  Json out = {{"index", event.index},
              {"event_id", event.event_id},
              {"time", event.time},
              {"kind", event.kind},
              {"caller", event.caller},
              {"partij_seq", event.partij_seq},
              {"acting_hat", event.acting_hat},
              {"professional", event.professional},
              {"source_partij", event.source_partij},
              {"source_hat", event.source_hat},
              {"casus_id", event.casus_id},
              {"tafel", event.tafel},
              {"stage", event.stage},
              {"phase", event.phase},
              {"purpose", event.purpose},
              {"pseudonym", event.pseudonym},
              {"fields", std::move(fields)},
              {"error_reason", event.error_reason},
              {"convenant_version", event.convenant_version},
              {"statute_version", event.statute_version},
              {"policy_hash", event.policy_hash},
              {"subject_kind", event.subject_kind},
              {"usage_purpose", event.usage_purpose}};
  out["repeats"] = event.repeats ? Json(*event.repeats) : Json(nullptr);
  out["decided_in"] = event.decided_in ? Json(*event.decided_in) : Json(nullptr);
  return out;
}

// "7 RELEASE, 2 REFUSE", an error's reason, or what a change was about.
std::string WhatCame(const client::Event& event) {
  std::map<std::string, int> outcomes;
  for (const client::EventField& field : event.fields) {
    // Of a delivery that is what it is about.
    ++outcomes[field.delivery.empty() ? std::string(OutcomeName(field.outcome)) : field.delivery];
  }
  std::vector<std::string> parts;
  for (const auto& [outcome, count] : outcomes) parts.push_back(absl::StrCat(count, " ", outcome));
  if (!event.error_reason.empty()) parts.push_back(event.error_reason);
  if (!event.subject_kind.empty()) parts.push_back(event.subject_kind);
  if (!event.usage_purpose.empty()) parts.push_back(event.usage_purpose);
  if (event.repeats) parts.push_back(absl::StrCat("repeats ", *event.repeats));
  if (event.decided_in) parts.push_back(absl::StrCat("of ", *event.decided_in));
  return absl::StrJoin(parts, ", ");
}

void PrintFields(const client::Event& event) {
  for (const client::EventField& field : event.fields) {
    std::vector<std::string> details;
    for (const auto& [name, value] : {std::pair<std::string, std::string>{"grant", field.grant},
                                      {"grondslag", field.grondslag},
                                      {"exclusion", field.exclusion},
                                      {"delivery", field.delivery},
                                      {"ground", field.objection_ground},
                                      {"missing", absl::StrJoin(field.missing, ", ")},
                                      {"obligations", absl::StrJoin(field.obligations, ", ")}}) {
      if (!value.empty()) details.push_back(absl::StrCat(name, " ", value));
    }
    PrintParagraph(
        std::cout,
        absl::StrCat(field.field, ": ", ToAbsl(OutcomeName(field.outcome)), " ", field.code,
                     details.empty() ? "" : "; ", absl::StrJoin(details, "; ")),
        6);
    if (!field.officer_text.empty()) PrintParagraph(std::cout, field.officer_text, 8);
  }
}

struct SearchOptions {
  client::SearchEventsRequest request;
  bool fields = false;
};

absl::StatusOr<Exit> Search(const SearchOptions& options, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
  client::SearchEventsRequest request = options.request;
  request.language = context.profile.language;
  const auto found = session.client().SearchEvents(session.call(), request);
  if (!found.ok()) return session.Failed(found.status());
  if (context.json) {
    Json events = Json::array();
    for (const client::Event& event : found->events) events.push_back(EventToJson(event));
    PrintJson({{"events", std::move(events)},
               {"next_page_token", found->next_page_token},
               {"proof", ProofToJson(found->proof)}});
  } else {
    Table table({"ENTRY", "TIME (UTC)", "KIND", "CALLER", "SOURCE", "TAFEL", "WHAT CAME OF IT"});
    const auto lines = [](const std::string& first, const std::string& second) {
      return absl::StrCat(first, first.empty() || second.empty() ? "" : "\n", second);
    };
    const auto row = [&](const client::Event& event) -> std::vector<Table::Cell> {
      // "2026-11-23T10:00:00.000000Z"
      const size_t t = std::min(event.time.find('T'), event.time.size());
      return {
          absl::StrCat(event.index),
          lines(event.time.substr(0, t), event.time.substr(std::min(t + 1, event.time.size()), 8)),
          event.kind,
          lines(event.caller, event.acting_hat),
          lines(event.source_partij, event.source_hat),
          lines(event.tafel, event.purpose),
          WhatCame(event)};
    };
    for (const client::Event& event : found->events) table.Add(row(event));
    table.PrintOr(std::cout, "No entry.");
    if (options.fields) {
      for (const client::Event& event : found->events) {
        if (event.fields.empty()) continue;
        std::cout << "\nEntry " << event.index << "\n";
        PrintFields(event);
      }
    }
    PrintMore(std::cout, found->next_page_token);
    std::cout << "\n";
    PrintPairs(std::cout, {{"receipt", ProofText(found->proof)}});
  }
  SLUIS_RETURN_IF_ERROR(session.Keep(found->proof));
  return Exit::kDone;
}

// Ids and hashes as they are written elsewhere: a record's JSON has them in base64.
void SpellBytes(Json& json) {
  static const std::set<std::string> kHashes = {"policy_hash", "pseudonym", "texts_hash"};
  static const std::set<std::string> kIds = {"casus_id", "subject_id"};
  for (auto& [name, value] : json.items()) {
    if (value.is_structured()) SpellBytes(value);
    if (!value.is_string() || (!kHashes.contains(name) && !kIds.contains(name))) continue;
    const auto bytes = Base64Decode(value.get_ref<const std::string&>());
    if (!bytes.ok()) continue;
    const auto id = Uuid::FromBytes(*bytes);
    value = kIds.contains(name) && id.ok() ? id->ToString() : HexEncode(*bytes);
  }
}

// The internal record, readable. Sets of fields in its evidence stay base64.
Json RecordToJson(const std::string& bytes) {
  log::v1::Record record;
  if (!record.ParseFromString(bytes)) return nullptr;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(record, &text, options).ok()) return nullptr;
  Json json = Json::parse(text, nullptr, false);
  SpellBytes(json);
  return json;
}

absl::StatusOr<Exit> Read(const client::ReadEntriesRequest& request, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
  const auto answer = session.client().ReadEntries(session.call(), request);
  if (!answer.ok()) return session.Failed(answer.status());
  Json entries = Json::array();
  uint64_t index = request.start;
  for (const client::LogEntry& entry : answer->entries) {
    SLUIS_ASSIGN_OR_RETURN(const audit::Leaf leaf, audit::DecodeLeaf(entry.leaf));
    const auto salt = audit::Salt::FromBytes(entry.salt);
    const bool opens = salt.ok() && audit::CommitRecord(*salt, entry.record) == leaf.commitment;
    if (!opens) {
      return DataLoss("COMMITMENT_MISMATCH",
                      absl::StrCat("the record of entry ", index, " is not the one in the log"));
    }
    if (context.json) {
      entries.push_back({{"index", index},
                         {"leaf", LeafToJson(leaf)},
                         {"leaf_bytes", Base64Encode(entry.leaf)},
                         {"salt", Base64Encode(entry.salt)},
                         {"record_bytes", Base64Encode(entry.record)},
                         {"record", RecordToJson(entry.record)}});
    } else {
      std::cout << Coloured(absl::StrCat("Entry ", index), Ink::kBold) << "\n";
      PrintPairs(std::cout, DescribeLeaf(leaf));
      std::cout
          << Printable(
                 RecordToJson(entry.record).dump(2, ' ', false, Json::error_handler_t::replace),
                 true)
          << "\n\n";
    }
    ++index;
  }
  if (context.json) {
    PrintJson({{"entries", std::move(entries)}, {"proof", ProofToJson(answer->proof)}});
  } else {
    PrintPairs(std::cout, {{"receipt", ProofText(answer->proof)}});
  }
  SLUIS_RETURN_IF_ERROR(session.Keep(answer->proof));
  return Exit::kDone;
}

struct ProofOptions {
  std::string entry;
  std::string output;
};

absl::StatusOr<Exit> Proof(const ProofOptions& options, const Context& context) {
  client::InclusionProofRequest request;
  uint64_t index = 0;
  if (absl::SimpleAtoi(options.entry, &index)) {
    request.index = index;
  } else {
    request.event_id = options.entry;
  }
  SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
  SLUIS_ASSIGN_OR_RETURN(const client::InclusionProof proof,
                         session.client().GetInclusionProof(request));
  if (!proof.verified)
    return DataLoss("PROOF_MISMATCH", "the proof does not lead to the tree of its checkpoint");
  const std::string file =
      options.output.empty() ? absl::StrCat(proof.index, ".tlog-proof") : options.output;
  SLUIS_RETURN_IF_ERROR(WriteOutput(file,
                                    audit::EncodeProofFile({.extra = proof.leaf,
                                                            .index = proof.index,
                                                            .path = proof.hashes,
                                                            .checkpoint = proof.checkpoint}),
                                    Access::kShared));
  SLUIS_RETURN_IF_ERROR(session.Keep());
  if (context.json) {
    PrintJson({{"index", proof.index}, {"tree_size", proof.tree_size}, {"file", file}});
  } else if (context.quiet) {
    std::cout << Printable(file) << "\n";
  } else {
    PrintPairs(std::cout,
               {{"entry", absl::StrCat(proof.index, " of ", proof.tree_size)}, {"proof", file}});
  }
  return Exit::kDone;
}

absl::StatusOr<Exit> Checkpoint(const std::string& output, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
  SLUIS_ASSIGN_OR_RETURN(const client::Checkpoint checkpoint, session.client().GetCheckpoint());
  if (!output.empty()) SLUIS_RETURN_IF_ERROR(WriteOutput(output, checkpoint.note, Access::kShared));
  SLUIS_RETURN_IF_ERROR(session.Keep());
  const bool same_key = checkpoint.log_key == session.client().log_key();
  if (context.json) {
    PrintJson({{"origin", session.client().log_origin()},
               {"size", checkpoint.head.size},
               {"root", Base64Encode(checkpoint.head.root.bytes())},
               {"log_key", session.client().log_key()},
               {"broker_presents", checkpoint.log_key},
               {"note", checkpoint.note}});
    return Exit::kDone;
  }
  PrintPairs(std::cout, {{"log", session.client().log_origin()},
                         {"entries", absl::StrCat(checkpoint.head.size)},
                         {"root", Base64Encode(checkpoint.head.root.bytes())},
                         {"key", session.client().log_key()},
                         {"the broker presents", same_key ? "the same key" : checkpoint.log_key},
                         {"written to", output}});
  if (output.empty()) std::cout << "\n" << Printable(checkpoint.note, true);
  return Exit::kDone;
}

}  // namespace

void AddAuditSearch(CLI::App& audit, Context& context) {
  CLI::App* command = audit.add_subcommand("search", "Find entries of the log");
  auto options = std::make_shared<SearchOptions>();
  client::SearchEventsRequest& request = options->request;
  AddUsagePurpose(*command, request.usage_purpose);
  AddInstant(*command, "--from", request.from, "From this instant");
  AddInstant(*command, "--until", request.until, "Before this instant");
  AddList(*command, "--kind", request.kinds, "A kind, e.g. FIELDS_REQUESTED");
  command->add_option("--caller", request.caller, "The calling partij");
  command->add_option("--source", request.source, "The asked partij");
  command->add_option("--casus", request.casus_id, "The casus");
  command->add_option("--pseudonym", request.pseudonym, "The person, by the pseudonym of the log");
  command->add_option("--field", request.field, "A field that was asked");
  command->add_option("--code", request.code, "A code that was given, e.g. NO_BASIS");
  command->add_option("--page-size", request.page_size, "How many at a time: 1-1000");
  command->add_option("--page-token", request.page_token, "Go on from the page before");
  command->add_flag("--fields", options->fields, "Show every field of every entry");
  command->footer(
      "All that is given has to hold. Hats that supervise see everything; a partij sees the "
      "entries\n"
      "in which it is caller or source. The search is an entry of the log itself.\n"
      "\n"
      "Example:\n"
      "  sluis audit search --hat AUDITOR --usage LAWFULNESS_CONTROL --caller P_ALMELO \\\n"
      "    --from 2026-11-01T00:00:00+01:00 --kind FIELDS_REQUESTED --fields");
  context.OnRun(*command, [options, &context] { return Search(*options, context); });
}

void AddAuditRead(CLI::App& audit, Context& context) {
  CLI::App* command = audit.add_subcommand(
      "read", "Read entries with their internal records (hats that supervise)");
  auto request = std::make_shared<client::ReadEntriesRequest>();
  request->count = 1;
  command->add_option("START", request->start, "The first entry")->required();
  command->add_option("COUNT", request->count, "How many: 1-1000")->capture_default_str();
  AddUsagePurpose(*command, request->usage_purpose);
  command->footer(
      "Every record is held against the commitment in its entry. To take the whole log home, use\n"
      "`sluis audit export`.\n"
      "\n"
      "Example:\n"
      "  sluis audit read 17 3 --hat AUDITOR --usage INTERNAL_CONTROL");
  context.OnRun(*command, [request, &context] { return Read(*request, context); });
}

void AddAuditProof(CLI::App& audit, Context& context) {
  CLI::App* command =
      audit.add_subcommand("proof", "A file that proves that an entry is in the log");
  auto options = std::make_shared<ProofOptions>();
  command->add_option("ENTRY", options->entry, "Its place in the log, or its event id")->required();
  command->add_option("-o,--output", options->output, "The file (default: <place>.tlog-proof)");
  command->footer(
      "Whoever has the verifier key of the log can check it without a broker:\n"
      "`sluis audit verify-proof`.\n"
      "\n"
      "Example:\n"
      "  sluis audit proof 17 -o 17.tlog-proof");
  context.OnRun(*command, [options, &context] { return Proof(*options, context); });
}

void AddAuditCheckpoint(CLI::App& audit, Context& context) {
  CLI::App* command = audit.add_subcommand(
      "checkpoint", "The newest signed checkpoint, and the key by which it is verified");
  auto output = std::make_shared<std::string>();
  command->add_option("-o,--output", *output, "Write the checkpoint to this file");
  command->footer(
      "Keep checkpoints: `sluis audit verify --known-checkpoint` then shows whether a later log "
      "has\n"
      "the same past.\n"
      "\n"
      "Example:\n"
      "  sluis audit checkpoint -o november.checkpoint");
  context.OnRun(*command, [output, &context] { return Checkpoint(*output, context); });
}

}  // namespace sluis::cli
