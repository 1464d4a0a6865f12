#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "commands.h"
#include "policy_files.h"
#include "print.h"

#include "sluis/audit/digest.h"
#include "sluis/audit/note.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/secret_bytes.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/policy/sign.h"
#include "sluis/textproto/file.h"

namespace sluis::cli {
namespace {

struct SignOptions {
  PolicyFiles documents;
  std::string partij;
  std::string key;
  std::string signatures;
};

struct VerifyOptions {
  PolicyFiles documents;
  std::string signatures;
  std::string keys;
  std::string date;
};

// Where brokers look for the signature of a partij.
std::string SignatureFile(const std::string& signatures, const std::string& agreement_hash,
                          const std::string& partij) {
  return (std::filesystem::path(signatures) / HexEncode(agreement_hash) / (partij + ".sig"))
      .string();
}

std::string AgreementHash(const policy::Policy& policy) {
  return std::string(audit::Sha256({policy::CanonicalAgreement(policy)}).bytes());
}

absl::StatusOr<std::shared_ptr<const policy::Policy>> CompileOrTell(const PolicyFiles& documents) {
  SLUIS_ASSIGN_OR_RETURN(const CompiledFiles compiled, CompileFiles(documents));
  if (compiled.policy == nullptr) PrintIssues(std::cerr, compiled);
  return compiled.policy;
}

absl::StatusOr<Exit> Sign(const SignOptions& options, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(const auto policy, CompileOrTell(options.documents));
  if (policy == nullptr) return Exit::kDocumentErrors;
  const auto partij = policy->FindPartij(options.partij);
  if (!partij) return NotFound("PARTIJ_UNKNOWN", "the convenant has no partij " + options.partij);
  SLUIS_ASSIGN_OR_RETURN(std::string pem, textproto::ReadTextFile(options.key));
  SLUIS_ASSIGN_OR_RETURN(
      const audit::SigningKey key,
      audit::SigningKey::FromPem(options.partij, SecretBytes::Take(std::move(pem))));
  const std::string hash = AgreementHash(*policy);
  const std::string statement = policy::SigningStatement(*policy, *partij, hash);
  SLUIS_ASSIGN_OR_RETURN(const std::string note, audit::SignNote(statement, key));
  const std::string file = SignatureFile(options.signatures, hash, options.partij);
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
  if (error) return Unavailable("FILE_WRITE", "cannot make the folder of " + file);
  SLUIS_RETURN_IF_ERROR(WriteOutput(file, note, Access::kShared));
  if (context.json) {
    PrintJson({{"statement", statement},
               {"written_to", file},
               {"verifier_key", key.verifier().ToString()}});
  } else if (!context.quiet) {
    std::cout << Printable(statement, true);
    PrintPairs(std::cout, {{"written to", file}, {"verifier key", key.verifier().ToString()}});
  }
  return Exit::kDone;
}

// The keys of the partijen: a verifier key a line, named after its partij; '#' starts a comment.
absl::StatusOr<std::map<std::string, audit::VerifierKey>> ReadPartijKeys(const std::string& path) {
  SLUIS_ASSIGN_OR_RETURN(const std::string text, textproto::ReadTextFile(path));
  std::map<std::string, audit::VerifierKey> keys;
  size_t number = 0;
  for (const auto line : absl::StrSplit(text, '\n')) {
    ++number;
    const auto stripped = absl::StripAsciiWhitespace(line);
    if (stripped.empty() || stripped[0] == '#') continue;
    auto key = audit::VerifierKey::Parse(FromAbsl(stripped));
    if (!key.ok()) {
      return InvalidArgument("VERIFIER_KEY_MALFORMED",
                             absl::StrCat(path, ":", number, " is no verifier key"));
    }
    const std::string name = key->name();
    if (!keys.emplace(name, *std::move(key)).second) {
      return InvalidArgument("VERIFIER_KEY_TWICE",
                             absl::StrCat(path, ":", number, " is a second key of ", name));
    }
  }
  return keys;
}

absl::StatusOr<Exit> Verify(const VerifyOptions& options, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(const auto policy, CompileOrTell(options.documents));
  if (policy == nullptr) return Exit::kDocumentErrors;
  SLUIS_ASSIGN_OR_RETURN(const auto keys, ReadPartijKeys(options.keys));
  CivilDate day;
  if (options.date.empty()) {
    absl::TimeZone zone;
    if (!absl::LoadTimeZone("Europe/Amsterdam", &zone))
      return FailedPrecondition("TIME_ZONE_MISSING", "no time zone Europe/Amsterdam; give --date");
    day = CivilDate::From(absl::ToCivilDay(absl::Now(), zone));
  } else {
    SLUIS_ASSIGN_OR_RETURN(day, CivilDate::Parse(options.date));
  }
  const auto problems = policy::CheckSignatures(
      *policy, day, AgreementHash(*policy),
      [&](const std::string& partij) -> absl::StatusOr<std::string> {
        SLUIS_ASSIGN_OR_RETURN(const std::string note,
                               textproto::ReadTextFile(SignatureFile(
                                   options.signatures, AgreementHash(*policy), partij)));
        const auto key = keys.find(partij);
        if (key == keys.end())
          return FailedPrecondition("NOTE_UNKNOWN_KEY", "no key of this partij is known");
        SLUIS_ASSIGN_OR_RETURN(const audit::VerifiedNote verified,
                               audit::VerifyNote(note, {&key->second, 1}));
        return verified.text;
      });
  const size_t bound = policy::MustSign(*policy, day).size() - problems.size();
  if (context.json) {
    Json list = Json::array();
    for (const auto& problem : problems) {
      list.push_back(
          {{"reason", problem.reason}, {"partij", problem.partij}, {"message", problem.message}});
    }
    PrintJson({{"good", problems.empty()},
               {"date", day.ToString()},
               {"bound", bound},
               {"agreement", HexEncode(AgreementHash(*policy))},
               {"problems", std::move(list)}});
  } else {
    for (const auto& problem : problems) {
      std::cout << Coloured(problem.reason, Ink::kRed) << " " << Printable(problem.message) << "\n";
    }
    PrintPairs(std::cout, {{"on", day.ToString()},
                           {"signed by", Counted(bound, "partij", "partijen")},
                           {"not by", Counted(problems.size(), "partij", "partijen")},
                           {"agreement", HexEncode(AgreementHash(*policy))}});
  }
  return problems.empty() ? Exit::kDone : Exit::kNotVerified;
}

void AddDocuments(CLI::App& command, PolicyFiles& documents) {
  command.add_option("STATUTE", documents.statute, "The statute document")->required();
  command.add_option("CONVENANT", documents.convenant, "The convenant document")->required();
}

}  // namespace

void AddPolicySign(CLI::App& policy, Context& context) {
  CLI::App* command =
      policy.add_subcommand("sign", "Sign a convenant with the statute it rests on, for a partij");
  auto options = std::make_shared<SignOptions>();
  AddDocuments(*command, options->documents);
  command->add_option("--partij", options->partij, "The partij that signs, e.g. P_MEDIANT")
      ->required();
  // Not --key: that one is the key of the certificate.
  command
      ->add_option("--signing-key", options->key,
                   "Its key: Ed25519, PKCS #8, PEM (`openssl genpkey -algorithm ed25519`)")
      ->required();
  command
      ->add_option("--signatures", options->signatures,
                   "The folder of all signatures; this one goes to <agreement hash>/<partij>.sig")
      ->required();
  command->footer(
      "What is signed are the meaning of both documents and the partij; comments and the "
      "operator's\n"
      "switches do not count. Give the verifier key that is printed to the operators, by another "
      "way\n"
      "than the signature.\n"
      "\n"
      "Example:\n"
      "  sluis policy sign statute.textproto ave-twente.textproto --partij P_MEDIANT \\\n"
      "    --signing-key mediant.pem --signatures signatures");
  context.OnRun(*command, [options, &context] { return Sign(*options, context); });
}

void AddPolicyVerify(CLI::App& policy, Context& context) {
  CLI::App* command =
      policy.add_subcommand("verify", "Check that every partij has signed a convenant");
  auto options = std::make_shared<VerifyOptions>();
  AddDocuments(*command, options->documents);
  command->add_option("--signatures", options->signatures, "The folder of all signatures")
      ->required();
  command
      ->add_option("--partij-keys", options->keys, "The verifier keys of the partijen, one a line")
      ->required();
  command->add_option("--date", options->date,
                      "The day on which it has to bind, YYYY-MM-DD (default: today)");
  command->footer(
      "Asked of every partij that has acceded by that day and not left. Ends with 0 when all are\n"
      "bound, 6 when one is not.\n"
      "\n"
      "Example:\n"
      "  sluis policy verify statute.textproto ave-twente.textproto --signatures signatures \\\n"
      "    --partij-keys partij-keys");
  context.OnRun(*command, [options, &context] { return Verify(*options, context); });
}

}  // namespace sluis::cli
