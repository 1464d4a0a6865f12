#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "context.h"
#include "print.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/status_macros.h"
#include "sluis/client/call.h"
#include "sluis/client/client.h"

// What the commands that call a broker have in common.
namespace sluis::cli {

// One call of a command: the connection of the profile, and the id under which to repeat it.
class Session {
 public:
  // Errors of client::Client::Connect.
  static absl::StatusOr<Session> Open(const Context& context);

  client::Client& client() { return client_; }
  [[nodiscard]] const client::Context& call() const { return call_; }
  // Another call of the same command.
  absl::Status NextCall();

  // The status of a call that failed; when it is not known whether it was done, with the request_id
  // that repeats it.
  [[nodiscard]] absl::Status Failed(const absl::Status& status) const;

  // Keeps what the call proved: the proof file, if one was asked for, and the state.
  absl::Status Keep(const client::Proof& proof);
  absl::Status Keep() { return client_.Flush(); }

 private:
  Session(const Context& context, client::Client client)
      : context_(&context), client_(std::move(client)) {}

  const Context* context_;
  client::Client client_;
  client::Context call_;
};

// "entry 17 of the log, verified under a checkpoint of 18 entries; our number 5".
std::string ProofText(const client::Proof& proof);
Json ProofToJson(const client::Proof& proof);

// Says what came of a change: `members` and the proof. With --quiet only the first member, which
// then is the id that the call gave.
void PrintChange(const Context& context, const Json& members, const client::Proof& proof);

// Makes a call that changes something and says what came of it. `describe` gives the members of
// the answer, by their wire names.
template <typename Request, typename Answer>
absl::StatusOr<Exit> Change(const Context& context,
                            absl::StatusOr<Answer> (client::Client::*method)(const client::Context&,
                                                                             const Request&),
                            const Request& request,
                            const std::function<Json(const Answer&)>& describe) {
  SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
  const absl::StatusOr<Answer> answer = (session.client().*method)(session.call(), request);
  if (!answer.ok()) return session.Failed(answer.status());
  PrintChange(context, describe(*answer), answer->proof);
  SLUIS_RETURN_IF_ERROR(session.Keep(answer->proof));
  return Exit::kDone;
}

// The same for a call that gives nothing but its entry.
template <typename Request>
absl::StatusOr<Exit> Change(
    const Context& context,
    absl::StatusOr<client::Done> (client::Client::*method)(const client::Context&, const Request&),
    const Request& request) {
  return Change<Request, client::Done>(context, method, request,
                                       [](const client::Done&) { return Json::object(); });
}

// ---- Options that several commands have ----

// A day, YYYY-MM-DD.
CLI::Option* AddDate(CLI::App& command, const std::string& name, std::optional<CivilDate>& target,
                     const std::string& help);
// PARTIJ/HAT.
CLI::Option* AddPartijHat(CLI::App& command, const std::string& name, client::PartijHat& target,
                          const std::string& help);
// A BSN. On the command line it shows in the list of processes and in the shell's history, so it
// may come from a file.
struct BsnOptions {
  std::string bsn;
  std::string file;

  void AddTo(CLI::App& command);
  [[nodiscard]] absl::StatusOr<std::string> Read() const;
};
// Repeatable, one value each.
CLI::Option* AddList(CLI::App& command, const std::string& name, std::vector<std::string>& target,
                     const std::string& help);
CLI::Option* AddPage(CLI::App& command, client::Page& page);

std::string ToText(const client::PartijHat& who);
Json ToJson(const client::PartijHat& who);
Json ToJson(const std::optional<CivilDate>& date);
std::string ToText(const std::optional<CivilDate>& date);

}  // namespace sluis::cli
