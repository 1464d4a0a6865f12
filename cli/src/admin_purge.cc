#include "admin_purge.h"

#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "print.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::cli {
namespace {

std::string PartsOf(const client::PurgePlan::Destruction& each) {
  std::vector<std::string> lines;
  for (const auto& part : each.parts)
    lines.push_back(absl::StrCat(part.term, ", over since ", part.due));
  return absl::StrJoin(lines, "\n");
}

std::string CountsOf(const client::PurgePlan::Destruction& each) {
  std::vector<std::string> lines;
  for (const auto& part : each.parts) {
    lines.push_back(
        absl::StrCat(Counted(static_cast<uint64_t>(part.values), "value", "values"), ", ",
                     Counted(static_cast<uint64_t>(part.records), "record", "records")));
  }
  return absl::StrJoin(lines, "\n");
}

std::string WhatOf(const client::PurgePlan::Destruction& each) {
  if (each.kind == "CASUS") return "casus with its key";
  if (each.kind == "PERSON") return "person with its key";
  return "single values and records";
}

void PrintPlan(const client::PurgePlan& plan) {
  Table table({"WHAT", "OF", "WHY", "HOW MUCH"});
  for (const auto& each : plan.destructions) {
    table.Add({WhatOf(each), each.casus_id.empty() ? each.pseudonym : each.casus_id, PartsOf(each),
               CountsOf(each)});
  }
  table.Print(std::cout);
  if (plan.more > 0) std::cout << "… and " << plan.more << " more\n";
  if (!table.empty()) std::cout << "\n";
  std::cout << "On " << Printable(plan.day) << ": "
            << Counted(static_cast<uint64_t>(plan.casussen), "casus", "casussen") << ", "
            << Counted(static_cast<uint64_t>(plan.persons), "person", "persons") << ", "
            << Counted(static_cast<uint64_t>(plan.values), "value", "values") << ", "
            << Counted(static_cast<uint64_t>(plan.records), "consent or fact", "consents and facts")
            << ".\n";
  if (plan.unfinished > 0) {
    std::cout << "Yet to be destroyed after an interruption: "
              << Counted(static_cast<uint64_t>(plan.unfinished), "key", "keys") << ".\n";
  }
  for (const auto& each : plan.erasures) {
    std::cout << "Waits for a second operator: " << Printable(each.pseudonym) << ", "
              << Printable(each.ground) << " " << Printable(each.reference) << ", asked by "
              << Printable(each.asked_by) << " on " << Printable(each.asked_on)
              << "; not later than " << Printable(each.until) << ".\n";
  }
  for (const auto& each : plan.unreadable) {
    std::cout << "Cannot be read, so it stays: " << Printable(each.kind) << " "
              << Printable(each.id) << ".\n";
  }
}

Json ToJson(const client::PurgePlan& plan) {
  Json destructions = Json::array();
  for (const auto& each : plan.destructions) {
    Json parts = Json::array();
    for (const auto& part : each.parts) {
      parts.push_back({{"term", part.term},
                       {"due", part.due},
                       {"values", part.values},
                       {"records", part.records}});
    }
    destructions.push_back({{"kind", each.kind},
                            {"casus_id", each.casus_id},
                            {"pseudonym", each.pseudonym},
                            {"parts", parts},
                            {"handles", each.handles}});
  }
  Json erasures = Json::array();
  for (const auto& each : plan.erasures) {
    erasures.push_back({{"pseudonym", each.pseudonym},
                        {"ground", each.ground},
                        {"reference", each.reference},
                        {"asked_by", each.asked_by},
                        {"asked_on", each.asked_on},
                        {"until", each.until}});
  }
  Json unreadable = Json::array();
  for (const auto& each : plan.unreadable)
    unreadable.push_back({{"kind", each.kind}, {"id", each.id}});
  return {{"unreadable", unreadable},     {"day", plan.day},       {"casussen", plan.casussen},
          {"persons", plan.persons},      {"values", plan.values}, {"records", plan.records},
          {"destructions", destructions}, {"more", plan.more},     {"unfinished", plan.unfinished},
          {"erasures", erasures}};
}

}  // namespace

void AddPurge(CLI::App& admin, Context& context, AdminConnect connect) {
  CLI::App* command =
      admin.add_subcommand("purge", "Show or destroy what may be kept no longer (--plan, --run)");
  struct Options {
    bool plan = false;
    bool run = false;
    std::string day;
    std::string operator_id;
  };
  auto options = std::make_shared<Options>();
  CLI::Option* plan = command->add_flag("--plan", options->plan, "Show what would be destroyed");
  CLI::Option* run = command->add_flag("--run", options->run, "Destroy it, for good");
  plan->excludes(run);
  command->add_option("--day", options->day, "Plan for another day than today, YYYY-MM-DD")
      ->excludes(run);
  command->add_option("--operator", options->operator_id, "Who runs it; stands in the log")
      ->excludes(plan);
  command->footer(
      "The broker does the same by itself every night. What is destroyed cannot be brought back;\n"
      "an older backup of the keys would undo it (docs/operate.md).\n"
      "\n"
      "Examples:\n"
      "  sluis admin purge --plan --admin 127.0.0.1:8444\n"
      "  sluis admin purge --plan --day 2030-04-01 --admin 127.0.0.1:8444\n"
      "  sluis admin purge --run --operator a.jansen --admin 127.0.0.1:8444");
  context.OnRun(*command, [options, connect, &context]() -> absl::StatusOr<Exit> {
    if (options->plan == options->run || (options->run && options->operator_id.empty())) {
      return WithMetadata(InvalidArgument("OPTION_MISSING", "show it, or destroy it?"), "option",
                          "--plan, or --run with --operator");
    }
    SLUIS_ASSIGN_OR_RETURN(client::AdminClient client, connect(context.profile));
    if (options->plan) {
      SLUIS_ASSIGN_OR_RETURN(const client::PurgePlan answer, client.PlanPurge(options->day));
      if (context.json) {
        PrintJson(ToJson(answer));
      } else {
        PrintPlan(answer);
      }
      return Exit::kDone;
    }
    SLUIS_ASSIGN_OR_RETURN(const client::PurgeTotals totals, client.RunPurge(options->operator_id));
    if (context.json) {
      PrintJson({{"casussen", totals.casussen},
                 {"persons", totals.persons},
                 {"values", totals.values},
                 {"records", totals.records},
                 {"completed", totals.completed}});
    } else if (!context.quiet) {
      std::cout << "Destroyed: "
                << Counted(static_cast<uint64_t>(totals.casussen), "casus", "casussen") << ", "
                << Counted(static_cast<uint64_t>(totals.persons), "person", "persons") << ", "
                << Counted(static_cast<uint64_t>(totals.values), "value", "values") << ", "
                << Counted(static_cast<uint64_t>(totals.records), "consent or fact",
                           "consents and facts")
                << ".\n";
      if (totals.completed > 0) {
        std::cout << "Of an interrupted purge: "
                  << Counted(static_cast<uint64_t>(totals.completed), "key", "keys") << ".\n";
      }
    }
    return Exit::kDone;
  });
}

void AddErase(CLI::App& admin, Context& context, AdminConnect connect) {
  CLI::App* command = admin.add_subcommand(
      "erase", "Erase a person on a written request: one operator asks, another one approves");
  auto params = std::make_shared<client::ErasePersonParams>();
  command->add_option("--operator", params->operator_id, "Who asks or approves; stands in the log")
      ->required();
  command->add_option("--partij", params->partij, "The partij that got the request")->required();
  command->add_option("--person", params->person_id, "The person, by the id of that partij")
      ->required();
  command->add_option("--ground", params->ground, "WMO_5_3_5, JEUGDWET_7_3_9, BW_7_455 or AVG_17")
      ->required();
  command
      ->add_option("--reference", params->reference,
                   "Of the request in the partij's file; stands in the log, so nothing personal")
      ->required();
  command->footer(
      "Both call it with the same ground and reference. Everything about the person goes, of "
      "every\n"
      "partij; see docs/operate.md for when that is right.\n"
      "\n"
      "Example:\n"
      "  sluis admin erase --operator a.jansen --partij P_ALMELO --person 7a1c… \\\n"
      "    --ground WMO_5_3_5 --reference Z-2026-0117 --admin 127.0.0.1:8444");
  context.OnRun(*command, [params, connect, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(client::AdminClient client, connect(context.profile));
    SLUIS_ASSIGN_OR_RETURN(const bool erased, client.ErasePerson(*params));
    if (context.json) {
      PrintJson({{"erased", erased}});
    } else if (!context.quiet) {
      std::cout << (erased ? "Erased: everything about the person is destroyed.\n"
                           : "Asked. Another operator has to call the same.\n");
    }
    return Exit::kDone;
  });
}

void AddJobs(CLI::App& admin, Context& context, AdminConnect connect) {
  CLI::App* command =
      admin.add_subcommand("jobs", "Show what the broker does by itself, and how that went");
  command->footer(
      "Example:\n"
      "  sluis admin jobs --admin 127.0.0.1:8444");
  context.OnRun(*command, [connect, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(client::AdminClient client, connect(context.profile));
    SLUIS_ASSIGN_OR_RETURN(const std::vector<client::JobView> jobs, client.ListJobs());
    if (context.json) {
      Json list = Json::array();
      for (const client::JobView& job : jobs) {
        list.push_back({{"name", job.name},
                        {"interval_seconds", absl::ToInt64Seconds(job.interval)},
                        {"last_run", job.last_run},
                        {"last_success", job.last_success},
                        {"failures", job.failures},
                        {"reason", job.reason},
                        {"retry_at", job.retry_at},
                        {"running", job.running}});
      }
      PrintJson({{"jobs", list}});
      return Exit::kDone;
    }
    Table table({"JOB", "EVERY", "LAST SUCCESS", "NOW"});
    for (const client::JobView& job : jobs) {
      std::string now = job.running ? "runs" : "";
      if (job.failures > 0) {
        now = absl::StrCat("failed ", Counted(static_cast<uint64_t>(job.failures), "time", "times"),
                           ": ", job.reason, "; again at ", job.retry_at);
      }
      table.Add({job.name,
                 absl::FormatDuration(job.interval),
                 job.last_success.empty() ? "never" : job.last_success,
                 {std::move(now), job.failures > 0 ? Ink::kRed : Ink::kPlain}});
    }
    table.Print(std::cout);
    return Exit::kDone;
  });
}

}  // namespace sluis::cli
