#include "call.h"

#include <iostream>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "sluis/audit/proof_file.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/text.h"

namespace sluis::cli {
namespace {

Json HashesToJson(const std::vector<audit::Digest>& hashes) {
  Json out = Json::array();
  for (const audit::Digest& hash : hashes) out.push_back(Base64Encode(hash.bytes()));
  return out;
}

// The library names its own options.
absl::Status InOurWords(const absl::Status& status) {
  static const std::map<std::string, std::string> kOptions = {
      {"target", "--server"},
      {"server_name", "--server-name"},
      {"certificate_file", "--certificate"},
      {"key_file", "--key"},
      {"ca_file", "--ca"},
      {"log_key", "--log-key or --log-key-file"},
      {"log_key_file", "--log-key-file"},
      {"state_file", "--state"}};
  const auto metadata = MetadataOf(status);
  const auto named = metadata.find("option");
  if (named == metadata.end()) return status;
  const auto ours = kOptions.find(named->second);
  return ours == kOptions.end() ? status : WithMetadata(status, "option", ours->second);
}

}  // namespace

absl::StatusOr<Session> Session::Open(const Context& context) {
  const Profile& profile = context.profile;
  client::ClientOptions options;
  options.target = profile.server;
  options.certificate_file = profile.certificate_file;
  options.key_file = profile.key_file;
  options.ca_file = profile.ca_file;
  options.server_name = profile.server_name;
  options.log_key = profile.log_key;
  // The command line names a key, the profile a file: what is said last counts.
  options.log_key_file = profile.log_key.empty() ? profile.log_key_file : "";
  options.test_data_only = profile.test_data_only;
  options.log_origin = profile.origin;
  options.trust_log_key_on_first_use = profile.trust_log_key_on_first_use;
  options.state_file = profile.state_file;
  // A colleague may call at the same moment with the same certificate.
  options.sequence = client::Sequence::kSharedByMore;
  options.timeout = absl::Seconds(profile.timeout_seconds);
  absl::StatusOr<client::Client> connected = client::Client::Connect(std::move(options));
  if (!connected.ok()) return InOurWords(connected.status());
  client::Client client = *std::move(connected);
  Session session(context, std::move(client));
  session.call_.acting_hat = profile.hat;
  session.call_.professional = profile.professional;
  session.call_.request_id = context.request_id;
  if (session.call_.request_id.empty()) SLUIS_RETURN_IF_ERROR(session.NextCall());
  return session;
}

absl::Status Session::NextCall() {
  SLUIS_ASSIGN_OR_RETURN(call_.request_id, client::NewRequestId());
  return absl::OkStatus();
}

absl::Status Session::Failed(const absl::Status& status) const {
  const bool unknown = status.code() == absl::StatusCode::kDeadlineExceeded ||
                       status.code() == absl::StatusCode::kCancelled ||
                       status.code() == absl::StatusCode::kUnavailable ||
                       status.code() == absl::StatusCode::kDataLoss;
  if (!unknown) return status;
  return WithMetadata(status, "repeat_with", absl::StrCat("--request-id ", call_.request_id));
}

absl::Status Session::Keep(const client::Proof& proof) {
  if (!context_->proof_file.empty() && !proof.entries.empty()) {
    const audit::Receipt& receipt = proof.entries.front().receipt;
    SLUIS_RETURN_IF_ERROR(WriteOutput(context_->proof_file,
                                      audit::EncodeProofFile({.extra = receipt.leaf,
                                                              .index = receipt.index,
                                                              .path = receipt.inclusion,
                                                              .checkpoint = receipt.checkpoint}),
                                      Access::kShared));
  }
  return client_.Flush();
}

std::string ProofText(const client::Proof& proof) {
  std::string out;
  for (const client::Entry& entry : proof.entries) {
    absl::StrAppend(&out, out.empty() ? "" : "; ", "entry ", entry.index,
                    " of the log, verified under a checkpoint of ",
                    Counted(entry.tree_size, "entry", "entries"), ", number ", entry.partij_seq,
                    " of ours");
  }
  if (!proof.problem.ok()) absl::StrAppend(&out, " NOT VERIFIED: ", ReasonOf(proof.problem));
  return out;
}

Json ProofToJson(const client::Proof& proof) {
  Json entries = Json::array();
  for (const client::Entry& entry : proof.entries) {
    entries.push_back(
        {{"index", entry.index},
         {"event_id", entry.event_id.ToString()},
         {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", entry.time, absl::UTCTimeZone())},
         {"partij_seq", entry.partij_seq},
         {"tree_size", entry.tree_size},
         {"request_hash", HexEncode(entry.request.bytes())},
         {"answer_hash", HexEncode(entry.answer.bytes())},
         {"receipt",
          {{"leaf", Base64Encode(entry.receipt.leaf)},
           {"inclusion", HashesToJson(entry.receipt.inclusion)},
           {"checkpoint", entry.receipt.checkpoint}}}});
  }
  return {{"request_id", proof.request_id},
          {"verified", proof.problem.ok()},
          {"entries", std::move(entries)}};
}

namespace {

// For people: "a, b", and of objects what they hold, "voornamen 0190…, …".
std::string ToWords(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (!value.is_structured()) return value.dump();
  std::vector<std::string> parts;
  for (const Json& part : value) parts.push_back(ToWords(part));
  return absl::StrJoin(parts, value.is_array() ? ", " : " ");
}

}  // namespace

void PrintChange(const Context& context, const Json& members, const client::Proof& proof) {
  if (context.json) {
    Json out = members;
    out["proof"] = ProofToJson(proof);
    PrintJson(out);
    return;
  }
  if (context.quiet) {
    if (!members.empty()) {
      const Json& id = *members.begin();
      std::cout << (id.is_string() ? Printable(id.get_ref<const std::string&>()) : id.dump())
                << "\n";
    }
    return;
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : members.items()) {
    pairs.emplace_back(absl::StrReplaceAll(name, {{"_", " "}}), ToWords(value));
  }
  if (pairs.empty()) pairs.emplace_back("done", "yes");
  pairs.emplace_back("receipt", ProofText(proof));
  PrintPairs(std::cout, pairs);
}

CLI::Option* AddDate(CLI::App& command, const std::string& name, std::optional<CivilDate>& target,
                     const std::string& help) {
  return command
      .add_option_function<std::string>(
          name,
          [name, &target](const std::string& text) {
            const auto date = CivilDate::Parse(text);
            if (!date.ok()) throw CLI::ValidationError(name, "not a day as YYYY-MM-DD");
            target = *date;
          },
          help)
      ->type_name("DATE");
}

CLI::Option* AddPartijHat(CLI::App& command, const std::string& name, client::PartijHat& target,
                          const std::string& help) {
  return command
      .add_option_function<std::string>(
          name,
          [name, &target](const std::string& text) {
            const size_t slash = text.find('/');
            if (slash == 0 || slash == std::string::npos || slash + 1 == text.size())
              throw CLI::ValidationError(name, "not of the form PARTIJ/HAT");
            target = {text.substr(0, slash), text.substr(slash + 1)};
          },
          help)
      ->type_name("PARTIJ/HAT");
}

CLI::Option* AddList(CLI::App& command, const std::string& name, std::vector<std::string>& target,
                     const std::string& help) {
  return command.add_option(name, target, help + " (repeatable)")
      ->allow_extra_args(false)
      ->type_name("TEXT");
}

CLI::Option* AddPage(CLI::App& command, client::Page& page) {
  command.add_option("--page-size", page.size, "How many at a time (default: the broker's)");
  return command.add_option("--page-token", page.token, "Go on from the page before");
}

std::string ToText(const client::PartijHat& who) {
  return who.partij.empty() && who.hat.empty() ? "" : absl::StrCat(who.partij, "/", who.hat);
}

Json ToJson(const client::PartijHat& who) { return {{"partij", who.partij}, {"hat", who.hat}}; }

Json ToJson(const std::optional<CivilDate>& date) {
  return date ? Json(date->ToString()) : Json(nullptr);
}

std::string ToText(const std::optional<CivilDate>& date) { return date ? date->ToString() : ""; }

void BsnOptions::AddTo(CLI::App& command) {
  CLI::Option* option = command.add_option("--bsn", bsn,
                                           "The BSN (others on this machine can "
                                           "see it: rather use --bsn-file)");
  command.add_option("--bsn-file", file, "A file with the BSN; - for standard input")
      ->excludes(option);
}

absl::StatusOr<std::string> BsnOptions::Read() const {
  if (file.empty()) return bsn;
  SLUIS_ASSIGN_OR_RETURN(const std::string text, ReadInput(file));
  return std::string(FromAbsl(absl::StripAsciiWhitespace(text)));
}

}  // namespace sluis::cli
