#include "sluis/client/source.h"

#include <csignal>
#include <ctime>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "call.h"
#include "commands.h"
#include "content.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"

// Being a source: announcing what we keep ourselves, and answering for it.
namespace sluis::cli {
namespace {

using client::Client;

void AddKeep(CLI::App& source, Context& context) {
  CLI::App* command =
      source.add_subcommand("keep", "Announce a value that you keep yourself, without the value");
  struct Options {
    client::KeepAtSourceRequest request;
    ContentOptions content;
    client::PartijHat origin;
  };
  auto options = std::make_shared<Options>();
  client::KeepAtSourceRequest& request = options->request;
  AddHoldingOptions(*command, request, options->origin,
                    "Last day on which the broker may ask for it");
  options->content.AddCompanionsTo(*command);
  command->footer(
      "It takes the place of a deposit of the same field; `sluis deposit withdraw` takes it away.\n"
      "\n"
      "Example:\n"
      "  sluis source keep --person $person --field signaleringsplan_bejegening \\\n"
      "    --value-date 2026-10-01 --first-processed 2026-10-01 --end 2027-09-30");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    client::KeepAtSourceRequest filled = options->request;
    SLUIS_ASSIGN_OR_RETURN(const client::ValueContent announced, options->content.ReadCompanions());
    filled.value_date = announced.value_date;
    filled.labels = announced.labels;
    filled.conditions = announced.conditions;
    if (!options->origin.partij.empty()) filled.origin = options->origin;
    return Change<client::KeepAtSourceRequest, client::DepositFieldAnswer>(
        context, &Client::KeepAtSource, filled, [](const auto& answer) {
          return Json{{"deposit_id", answer.deposit_id}};
        });
  });
}

// ---- Answering ----

client::SourceReply ReplyFrom(const std::string& field, const Json& said) {
  client::SourceReply reply{field, client::NoneHeld{}};
  if (said.is_object() && said.contains("objection")) {
    reply.result = client::SourceObjection{
        said["objection"].is_string() ? said["objection"].get<std::string>() : ""};
    return reply;
  }
  if (said.is_object() && said.contains("none_held")) return reply;
  // What cannot be read is sent as no value at all: the broker refuses it, and says so.
  auto value = ValueFromJson(said);
  reply.result = client::ValueContent{value.ok() ? *std::move(value) : client::Value(), {}, {}, {}};
  return reply;
}

// What the file says now: it is read for every question, so that no value is kept here.
std::vector<client::SourceReply> RepliesFrom(const std::string& file,
                                             const client::SourceQuestion& question) {
  Json of_subject = Json::object();
  const auto text = ReadInput(file);
  if (text.ok()) {
    const Json all = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    const std::string& subject =
        question.person_id.empty() ? question.casus_id : question.person_id;
    if (all.is_object() && all.contains(subject)) of_subject = all[subject];
  }
  std::vector<client::SourceReply> replies;
  for (const std::string& field : question.fields) {
    if (!of_subject.is_object() || !of_subject.contains(field)) {
      replies.push_back({field, client::NoneHeld{}});
    } else if (!of_subject[field].is_null()) {
      replies.push_back(ReplyFrom(field, of_subject[field]));
    }  // null: silence, to see what comes of it
  }
  return replies;
}

// One line for people or programs, at once.
class Teller {
 public:
  explicit Teller(bool json) : json_(json) {}
  void Tell(const Json& event, const std::string& text) {
    const MutexLock lock(mutex_);
    std::cout << (json_ ? event.dump() : text) << std::endl;
  }

 private:
  const bool json_;
  Mutex mutex_;
};

// Whether opening the stream again would end in the same way.
bool IsFinal(const absl::Status& end) {
  return absl::IsPermissionDenied(end) || absl::IsUnauthenticated(end) ||
         absl::IsUnimplemented(end);
}

absl::StatusOr<Exit> Serve(const Context& context, const std::vector<std::string>& hats,
                           const std::string& file) {
  // Waited for below, by nobody else.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  SLUIS_RETURN_IF_ERROR(ReadInput(file).status());
  SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
  Teller teller(context.json);
  Mutex mutex;
  absl::Status final_end;
  client::SourceOptions options;
  options.hats = hats;
  options.on_change = [&](const absl::Status& change) {
    if (change.ok()) {
      teller.Tell({{"event", "connected"}, {"hats", hats}},
                  absl::StrCat("answering for ", absl::StrJoin(hats, ", ")));
      return;
    }
    teller.Tell({{"event", "ended"}, {"reason", ReasonOf(change)}},
                absl::StrCat("the stream ended: ", ReasonOf(change)));
    if (!IsFinal(change)) return;
    const MutexLock lock(mutex);
    final_end = change;
  };
  options.on_refused = [&](const client::RefusedReply& refused) {
    teller.Tell(
        {{"event", "refused"},
         {"question_id", refused.question_id},
         {"field", refused.field},
         {"reason", refused.reason},
         {"element", refused.element}},
        absl::StrCat("not taken: ", refused.field, " ", refused.reason, " ", refused.element));
  };
  SLUIS_ASSIGN_OR_RETURN(
      const auto answers,
      session.client().AnswerQuestions(options, [&](const client::SourceQuestion& question) {
        teller.Tell(
            {{"event", "question"},
             {"question_id", question.question_id},
             {"casus_id", question.casus_id},
             {"person_id", question.person_id},
             {"hat", question.hat},
             {"fields", question.fields},
             {"purpose", question.purpose},
             {"recipient", ToJson(question.recipient)},
             {"decision_index", question.decision_index}},
            absl::StrCat(ToText(question.recipient), " may know, for ", question.purpose, ", of ",
                         question.person_id, ": ", absl::StrJoin(question.fields, ", "), " (entry ",
                         question.decision_index, ")"));
        return RepliesFrom(file, question);
      }));
  while (true) {
    const timespec second{1, 0};
    if (sigtimedwait(&signals, nullptr, &second) > 0) return Exit::kDone;
    const MutexLock lock(mutex);
    if (!final_end.ok()) return session.Failed(final_end);
  }
}

void AddServe(CLI::App& source, Context& context) {
  CLI::App* command = source.add_subcommand(
      "serve", "Answer the broker's questions from a file, until interrupted; to try things out");
  struct Options {
    std::vector<std::string> hats;
    std::string file;
  };
  auto options = std::make_shared<Options>();
  AddList(*command, "--for", options->hats, "A hat for which you answer (default: --hat)");
  command->add_option("--values", options->file, "What is answered; read anew for every question")
      ->required()
      ->type_name("FILE");
  command->footer(
      "The file is JSON: your own id of a person (or the id of a casus), then fields.\n"
      "\n"
      "  {\"2f1c…\": {\"signaleringsplan_bejegening\": {\"text\": \"Rustig spreken.\"},\n"
      "             \"in_zorg_indicatie\": {\"boolean\": true},\n"
      "             \"behandelaar_contact\": {\"objection\": \"SAFETY\"}}}\n"
      "\n"
      "A field that is not there is answered with \"none held\"; one that is null is not "
      "answered.\n"
      "Questions are shown, values never.\n"
      "\n"
      "Example:\n"
      "  sluis source serve --for GGZ --values values.json");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    std::vector<std::string> hats = options->hats;
    if (hats.empty() && !context.profile.hat.empty()) hats.push_back(context.profile.hat);
    return Serve(context, hats, options->file);
  });
}

}  // namespace

void AddSource(CLI::App& parent, Context& context) {
  CLI::App* source = parent.add_subcommand(
      "source", "Keep your own data yourself, and answer when it is released");
  source->require_subcommand(1);
  AddKeep(*source, context);
  AddServe(*source, context);
}

}  // namespace sluis::cli
