#include <filesystem>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "call.h"
#include "commands.h"

#include "sluis/base/text.h"

namespace sluis::cli {
namespace {

struct Options {
  std::string cursor;
  std::string cursor_file;
  bool oldest = false;
  bool follow = false;
  std::vector<std::string> types;
};

// Structured mode of CloudEvents: what programs take from one line each.
Json ToJson(const client::NoticeEvent& event) {
  Json data = Json::parse(event.data, nullptr, /*allow_exceptions=*/false);
  Json out = {{"specversion", "1.0"},
              {"id", event.id},
              {"source", event.source},
              {"type", event.type},
              {"time", std::string(FromAbsl(
                           absl::FormatTime(absl::RFC3339_full, event.time, absl::UTCTimeZone())))},
              {"datacontenttype", "application/json"},
              {"data", data.is_discarded() ? Json(event.data) : std::move(data)}};
  if (!event.subject.empty()) out["subject"] = event.subject;
  return out;
}

void Print(const Context& context, const client::NoticeEvent& event) {
  if (context.json) {
    std::cout << ToJson(event).dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    return;
  }
  if (context.quiet) {
    std::cout << Printable(event.id) << std::endl;
    return;
  }
  std::cout << absl::FormatTime("%Y-%m-%d %H:%M:%SZ", event.time, absl::UTCTimeZone()) << "  "
            << Coloured(Printable(event.type), Ink::kBold) << "  " << Printable(event.data)
            << std::endl;
}

absl::Status KeepCursor(const Options& options, const std::string& cursor) {
  if (options.cursor_file.empty()) return absl::OkStatus();
  return WriteOutput(options.cursor_file, absl::StrCat(cursor, "\n"), Access::kOwner);
}

absl::Status ReadCursor(Options& options) {
  std::error_code missing;
  if (options.cursor_file.empty() || !options.cursor.empty() ||
      !std::filesystem::exists(options.cursor_file, missing)) {
    return absl::OkStatus();
  }
  SLUIS_ASSIGN_OR_RETURN(options.cursor, ReadInput(options.cursor_file));
  while (!options.cursor.empty() && options.cursor.back() == '\n') options.cursor.pop_back();
  return absl::OkStatus();
}

absl::StatusOr<Exit> Follow(const Options& options, const Context& context, Session& session) {
  client::SubscribeOptions subscribe;
  subscribe.cursor = options.cursor;
  subscribe.start = options.oldest ? client::NoticeStart::kOldest : client::NoticeStart::kNow;
  subscribe.types = options.types;
  subscribe.on_change = [&context](const absl::Status& status) {
    if (!status.ok() && !context.quiet) Complain(status, context.json);
  };
  SLUIS_ASSIGN_OR_RETURN(
      const auto subscription,
      session.client().Subscribe(subscribe, [&](const client::NoticeEvent& event) {
        Print(context, event);
        // Printed first: after a crash it comes again rather than never.
        if (absl::Status kept = KeepCursor(options, event.cursor); !kept.ok())
          Complain(kept, context.json);
      }));
  for (;;) {
    absl::Status end = subscription->WaitForEnd(absl::Hours(1));
    if (!absl::IsDeadlineExceeded(end)) return end;
  }
}

absl::StatusOr<Exit> List(const Options& options, const Context& context, Session& session) {
  client::ListNoticesRequest request;
  request.cursor = options.cursor;
  // Without a cursor a list from now on is always empty.
  request.start = client::NoticeStart::kOldest;
  request.types = options.types;
  request.size = 500;
  for (;;) {
    SLUIS_ASSIGN_OR_RETURN(const client::NoticePage page, session.client().ListNotices(request));
    for (const client::NoticeEvent& event : page.events) Print(context, event);
    SLUIS_RETURN_IF_ERROR(KeepCursor(options, page.cursor));
    if (page.more) {
      request.cursor = page.cursor;
      continue;
    }
    if (!context.json && !context.quiet && options.cursor_file.empty())
      std::cerr << "Go on with --cursor " << Printable(page.cursor) << "\n";
    return Exit::kDone;
  }
}

}  // namespace

void AddNotices(CLI::App& parent, Context& context) {
  CLI::App* command =
      parent.add_subcommand("notices", "What happened that concerns us, one event a line");
  auto options = std::make_shared<Options>();
  command->add_flag("--follow", options->follow, "Go on with what happens, until interrupted");
  command->add_option("--cursor", options->cursor, "Begin after this cursor");
  command->add_option("--cursor-file", options->cursor_file,
                      "Begin after the cursor in this file, if there is one, and keep it there");
  command->add_flag("--oldest", options->oldest,
                    "With --follow and no cursor: begin with the oldest that is kept");
  AddList(*command, "--type", options->types, "Only this type, e.g. nl.sluis.decision-asked");
  command->footer(
      "Events are kept for 30 days and come at least once, in the order of the log. With --json "
      "each\n"
      "line is a CloudEvent. An event says that something is to be looked at, and where; it holds "
      "no\n"
      "personal data but your own id of a person.\n"
      "\n"
      "Example:\n"
      "  sluis --json notices --follow --cursor-file sluis.cursor | ./handle-event");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    SLUIS_RETURN_IF_ERROR(ReadCursor(*options));
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    return options->follow ? Follow(*options, context, session) : List(*options, context, session);
  });
}

}  // namespace sluis::cli
