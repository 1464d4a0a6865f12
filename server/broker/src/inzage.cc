#include <algorithm>
#include <map>
#include <set>

#include "core.h"
#include "inzage_rules.h"
#include "log_scan.h"
#include "names.h"

#include "sluis/base/bytes.h"
#include "sluis/v1/delivery.pb.h"
#include "sluis/v1/person.pb.h"

// The inzage report (R-A-49, R-A-50): what was shared about a person, read from the log by its
// pseudonym. Each line is there because the policy would let the asker know that field of that
// source; nothing tells of what is withheld.
namespace sluis::broker {
namespace {

constexpr size_t kChunk = 500;
// How many entries one page looks at.
constexpr size_t kMaxLookedAt = 20000;

// A question whose form is right.
struct Question {
  v1::GetInzageReportRequest request;
  size_t page_size = 0;
  uint64_t start = 0;
  std::optional<CivilDate> from;
  std::optional<CivilDate> until;
};

struct Report {
  v1::GetInzageReportAnswer answer;
  Uuid person;
  std::unique_ptr<InzageRules> rules;
};

absl::StatusOr<Question> ReadQuestion(Core& core, const CallState& call,
                                      v1::GetInzageReportRequest request) {
  Question question;
  SLUIS_RETURN_IF_ERROR(intake::CheckId("person_id", request.person_id()).status());
  if (request.rights_role() < v1::RIGHTS_ROLE_UNSPECIFIED ||
      request.rights_role() > v1::RIGHTS_ROLE_REPRESENTATIVE) {
    return Malformed("rights_role", "not a role");
  }
  if (!request.from().empty()) {
    SLUIS_ASSIGN_OR_RETURN(question.from, intake::CheckDay("from", request.from()));
  }
  if (!request.until().empty()) {
    SLUIS_ASSIGN_OR_RETURN(question.until, intake::CheckDay("until", request.until()));
  }
  if (question.from && question.until && *question.until < *question.from)
    return Malformed("until", "before from");
  if (!request.language().empty() && request.language() != "nl" && request.language() != "en")
    return Malformed("language", "nl or en");
  SLUIS_ASSIGN_OR_RETURN(question.page_size, PageSize(request.page_size(), 100, 200));
  SLUIS_ASSIGN_OR_RETURN(const std::string position,
                         OpenPageToken(core, call, request.page_token()));
  if (!position.empty() && position.size() != 8)
    return Malformed("page_token", "not one that this broker gave");
  if (!position.empty()) question.start = ReadU64(position);
  question.request = std::move(request);
  return question;
}

bool NeedsMandate(const policy::Policy& policy, std::string_view hat) {
  return !IsCompetent(policy, "inzage", hat) && IsCompetent(policy, "inzage_by_mandate", hat);
}

// Released values that did not arrive, by the index of the decision: those fields, or (empty) all.
absl::StatusOr<std::map<uint64_t, std::set<std::string>>> NotDelivered(
    store::Reader& reader, const std::string& pseudonym) {
  std::map<uint64_t, std::set<std::string>> missing;
  store::EntryFilter filter;
  filter.kinds = {EventKind::DELIVERED, EventKind::NOT_DELIVERED};
  filter.pseudonym = pseudonym;
  for (uint64_t next = 0;;) {
    SLUIS_ASSIGN_OR_RETURN(const auto rows, reader.Search(filter, next, kChunk));
    for (const store::EntryRow& row : rows) {
      next = row.index + 1;
      log::v1::Record record;
      if (!record.ParseFromString(row.record))
        return DataLoss("STORE_SYNC_FAILED", "a stored record cannot be read");
      if (record.decided_in() == 0) continue;
      std::set<std::string> fields;
      for (const log::v1::Delivery& delivery : record.deliveries()) {
        if (delivery.outcome() != v1::DeliveryOutcome::DELIVERED) fields.insert(delivery.field());
      }
      const bool nothing = row.kind == EventKind::NOT_DELIVERED && record.deliveries().empty();
      if (nothing || !fields.empty()) missing[record.decided_in() - 1] = std::move(fields);
    }
    if (rows.size() < kChunk) return missing;
  }
}

// Whether the report is about this day.
bool IsAsked(const Question& question, const log::v1::Record& record) {
  const CivilDate day = CivilDate::FromDays(record.local_date());
  return !(question.from && day < *question.from) && !(question.until && *question.until < day);
}

// A repeat delivers what the first decision released as well, and shares nothing new where the
// report has that already. Where the first did not arrive or is of another day it does: what it may
// have delivered then stays in `repeat`.
absl::StatusOr<bool> SharesAnew(const Question& question, store::Reader& reader, uint64_t first,
                                const std::map<uint64_t, std::set<std::string>>& missing,
                                log::v1::Record& repeat) {
  SLUIS_ASSIGN_OR_RETURN(const auto rows, reader.Entries(first, 1));
  log::v1::Record record;
  if (rows.empty() || rows.front().index != first || !record.ParseFromString(rows.front().record))
    return DataLoss("STORE_SYNC_FAILED", "a stored record cannot be read");
  const auto lost = missing.find(first);
  const bool told = IsAsked(question, record);
  if (told && lost == missing.end()) return false;
  std::set<std::string> shared;
  for (const log::v1::FieldDecision& field : record.decision().fields()) {
    const bool arrived =
        lost == missing.end() || (!lost->second.empty() && lost->second.count(field.field()) == 0);
    if (field.outcome() == policy::v1::FieldOutcome::RELEASE && !(told && arrived))
      shared.insert(field.field());
  }
  for (log::v1::FieldDecision& field : *repeat.mutable_decision()->mutable_fields()) {
    if (shared.count(field.field()) == 0) field.set_outcome(policy::v1::FieldOutcome::REFUSE);
  }
  return !shared.empty();
}

std::string PurposeText(const policy::Policy& policy, const std::string& id, bool english) {
  for (const policy::v1::Purpose& purpose : policy.convenant().purposes()) {
    if (purpose.id() == id) return english ? purpose.en() : purpose.nl();
  }
  return {};
}

// What goes by another regime, whoever asks and whatever there is.
void AddElsewhere(const policy::Policy& policy, const std::string& hat,
                  v1::GetInzageReportAnswer& answer) {
  for (const policy::v1::Exclusion& exclusion : policy.convenant().exclusions()) {
    if (exclusion.kind() == policy::v1::Exclusion::VELD &&
        exclusion.code() == policy::v1::ReasonCode::RIGHTS_RESTRICTED &&
        ListsHat(exclusion.recipient_hats(), hat)) {
      answer.add_elsewhere(exclusion.nl());
    }
  }
}

// A release of a report: its source may be, or lead to, who made it.
bool TellsOfReporter(const log::v1::FieldDecision& field) {
  return std::any_of(field.obligations().begin(), field.obligations().end(), [](int obligation) {
    return obligation == policy::v1::Obligation::MASKEER_MELDER ||
           obligation == policy::v1::Obligation::INFORMEER_GEMELDE_EN_MELDER;
  });
}

absl::Status AddLines(const policy::Policy& policy, const Question& question, InzageRules& rules,
                      const store::EntryRow& row, const log::v1::Record& record,
                      const std::set<std::string>* not_delivered,
                      v1::GetInzageReportAnswer& answer) {
  const log::v1::Decision& decision = record.decision();
  std::vector<const log::v1::FieldDecision*> released;
  std::vector<std::string> names;
  for (const log::v1::FieldDecision& field : decision.fields()) {
    if (field.outcome() != policy::v1::FieldOutcome::RELEASE) continue;
    if (not_delivered != nullptr &&
        (not_delivered->empty() || not_delivered->count(field.field()) != 0)) {
      continue;
    }
    released.push_back(&field);
    names.push_back(field.field());
  }
  if (released.empty()) return absl::OkStatus();
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(record.casus_id()));
  policy::v1::PartijHat source;
  source.set_partij(decision.source_partij());
  source.set_hat(decision.source_hat());
  SLUIS_ASSIGN_OR_RETURN(const auto told, rules.MayBeTold(casus, source, names));
  for (size_t i = 0; i < released.size(); ++i) {
    if (!told[i]) continue;
    v1::InzageLine& line = *answer.add_lines();
    line.set_entry(row.index);
    line.set_time(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMicros(record.decided_at()),
                                   absl::UTCTimeZone()));
    line.set_field(names[i]);
    line.mutable_recipient()->set_partij(record.caller());
    line.mutable_recipient()->set_hat(record.acting_hat());
    if (!TellsOfReporter(*released[i])) *line.mutable_source() = source;
    line.set_tafel(decision.tafel());
    line.set_purpose(decision.purpose());
    line.set_purpose_text(
        PurposeText(policy, decision.purpose(), question.request.language() == "en"));
    if (const auto article = policy.FindRow(released[i]->row()))
      line.set_article(policy.CitationOf(*article));
  }
  return absl::OkStatus();
}

// One page. A person that the caller was not given is NOT_IN_CASUS.
absl::StatusOr<Report> MakeReport(Core& core, const CallState& call, const ActivePolicy& active,
                                  const Question& question, store::Reader& reader, absl::Time now,
                                  CivilDate today) {
  const v1::GetInzageReportRequest& request = question.request;
  const policy::Policy& policy = *active.policy;
  state::StateReader state(reader, *core.options.vault);
  SLUIS_ASSIGN_OR_RETURN(const Uuid handle, intake::CheckId("person_id", request.person_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto person, state.PersonOf(call.partij, handle));
  if (!person) return NotInCasus();
  SLUIS_ASSIGN_OR_RETURN(const bool known, core.options.vault->HasKey(*person));
  if (!known) return NotInCasus();
  Report report;
  report.person = *person;
  const bool by_mandate = NeedsMandate(policy, request.acting_hat());
  report.rules = std::make_unique<InzageRules>(
      core, active, reader, now, today,
      Asker{call.partij, request.acting_hat(), request.professional(), *person,
            static_cast<policy::RightsRole>(request.rights_role()), request.identity_established(),
            by_mandate});
  AddElsewhere(policy, request.acting_hat(), report.answer);

  store::EntryFilter filter;
  filter.kinds = {EventKind::FIELDS_REQUESTED};
  SLUIS_ASSIGN_OR_RETURN(filter.pseudonym, core.options.vault->Pseudonym(*person));
  SLUIS_ASSIGN_OR_RETURN(const auto missing, NotDelivered(reader, filter.pseudonym));
  const auto end_page = [&](uint64_t next) -> absl::Status {
    std::string position;
    AppendU64(position, next);
    SLUIS_ASSIGN_OR_RETURN(*report.answer.mutable_next_page_token(),
                           MakePageToken(core, call, position));
    return absl::OkStatus();
  };
  uint64_t next = question.start;
  size_t looked_at = 0;
  for (;;) {
    SLUIS_ASSIGN_OR_RETURN(const auto rows, reader.Search(filter, next, kChunk));
    for (const store::EntryRow& row : rows) {
      // An entry is never split over two pages.
      if (static_cast<size_t>(report.answer.lines_size()) >= question.page_size ||
          ++looked_at > kMaxLookedAt) {
        SLUIS_RETURN_IF_ERROR(end_page(row.index));
        return report;
      }
      next = row.index + 1;
      log::v1::Record record;
      if (!record.ParseFromString(row.record))
        return DataLoss("STORE_SYNC_FAILED", "a stored record cannot be read");
      if (!record.error_reason().empty() || !IsAsked(question, record)) continue;
      if (record.repeats() != 0) {
        SLUIS_ASSIGN_OR_RETURN(const bool shares,
                               SharesAnew(question, reader, record.repeats() - 1, missing, record));
        if (!shares) continue;
      }
      const auto lost = missing.find(row.index);
      SLUIS_RETURN_IF_ERROR(AddLines(policy, question, *report.rules, row, record,
                                     lost == missing.end() ? nullptr : &lost->second,
                                     report.answer));
    }
    if (rows.size() < kChunk) return report;
  }
}

// Who may ask, on the committer's thread.
absl::Status CheckAsker(CommandContext& context, const Question& question, const Uuid& person) {
  const v1::GetInzageReportRequest& request = question.request;
  if (IsCompetent(context.policy, "inzage", context.hat)) {
    return request.identity_established()
               ? absl::OkStatus()
               : WithMetadata(NotAuthorised("the identity of who asks was not established"),
                              kFieldKey, "identity_established");
  }
  if (!IsCompetent(context.policy, "inzage_by_mandate", context.hat))
    return NotAuthorised("this hat does not ask inzage for persons");
  SLUIS_ASSIGN_OR_RETURN(const bool mandated,
                         IsMandated(context.state, person, context.self(), context.moment.today));
  if (!mandated)
    return FailedPrecondition("MANDATE_MISSING", "no mandate of the person is in force");
  return absl::OkStatus();
}

void Describe(CommandContext& context, const Question& question) {
  log::v1::Change& change = *context.record.mutable_change();
  if (NeedsMandate(context.policy, context.hat)) {
    change.set_subject_kind("MANDATE");
  } else if (question.request.rights_role() == v1::RIGHTS_ROLE_REPRESENTATIVE) {
    change.set_subject_kind("REPRESENTATIVE");
  } else {
    change.set_subject_kind("SELF");
  }
}

void GetInzageReport(Core& core, const CallPtr& call) {
  v1::GetInzageReportRequest request;
  if (absl::Status read = wire::ParseStrict(call->body, request); !read.ok())
    return core.Reject(call, std::move(read));
  call->known_tree_size = request.known_tree_size();
  const audit::Digest content = RequestHash(call->method, request);
  const auto request_id = intake::CheckRequestId(request.request_id());
  if (!request_id.ok()) return core.Reject(call, request_id.status());
  call->request_hash = content;
  auto read = ReadQuestion(core, *call, std::move(request));
  if (!read.ok() && !IsRefusal(read.status())) return call->done(read.status());
  if (!read.ok()) return core.Reject(call, read.status());
  auto key = MakeRequestKey(core, call->partij, *request_id, content);
  if (!key.ok()) return call->done(key.status());
  auto question = std::make_shared<const Question>(*std::move(read));
  core.Post([&core, call, question, key = *std::move(key)] {
    // Read before the commit, so that nobody waits for it, and again when it is no longer so. Who
    // the caller may be is looked at there too.
    auto report = std::make_shared<absl::StatusOr<Report>>(Report());
    const auto make = [&core, call, question, report]() -> absl::Status {
      const absl::Time now = core.options.clock->Now();
      *report = [&]() -> absl::StatusOr<Report> {
        SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
        return MakeReport(core, *call, core.Active(), *question, *reader, now,
                          facts::LocalDate(now));
      }();
      return report->ok() || IsRefusal(report->status()) ? absl::OkStatus() : report->status();
    };
    if (absl::Status done = make(); !done.ok()) return call->done(std::move(done));
    RunCommandErased(
        core, call, EventKind::INZAGE_GIVEN, key, question->request.acting_hat(),
        question->request.professional(), /*acts=*/true, Repeat::kAnew,
        [question, report, make](CommandContext& context) -> absl::StatusOr<std::string> {
          SLUIS_ASSIGN_OR_RETURN(const Uuid person,
                                 CallersPerson(context, question->request.person_id()));
          Describe(context, *question);
          SLUIS_RETURN_IF_ERROR(CheckAsker(context, *question, person));
          // The second time it is refused it is because it is, not because it was read too early.
          if (!report->ok() && context.attempts->made > 0) return report->status();
          bool holds = report->ok() && (*report)->person == person;
          if (holds) {
            SLUIS_ASSIGN_OR_RETURN(holds, (*report)->rules->StillHolds(
                                              context.transaction, context.active, context.moment));
          }
          if (!holds) return ReadFirst(context, make);
          return wire::Canonical((*report)->answer);
        });
  });
}

}  // namespace

void AddInzage(Handlers& handlers) {
  handlers["/sluis.v1.PersonService/GetInzageReport"] = &GetInzageReport;
}

}  // namespace sluis::broker
