#include <algorithm>
#include <limits>

#include "core.h"

#include "sluis/audit/leaf.h"
#include "sluis/base/bytes.h"
#include "sluis/v1/audit.pb.h"

namespace sluis::broker {
namespace {

// How much one answer holds, besides its limit in entries.
constexpr size_t kMaxAnswerBytes = size_t{2} << 20;
// How many entries one search looks at before it answers with what it has.
constexpr size_t kMaxLookedAt = 20000;
constexpr size_t kChunk = 500;

// ---- Who may read what ----

struct Reader {
  std::string hat;
  std::string professional;
  v1::UsagePurpose purpose = v1::USAGE_PURPOSE_UNSPECIFIED;
};

bool ReadsAll(const policy::Policy& policy, std::string_view hat) {
  const auto found = policy.FindHat(hat);
  return found && policy.convenant().hats(found->index()).reads_log();
}

// Logs a reading, and answers with what was read once that is durable. What was read is handed over
// ready: nothing leaves when the reader turns out not to be allowed.
void SubmitReading(Core& core, const CallPtr& call, EventKind::Id kind,
                   const audit::Digest& content, const Uuid& request_id, Reader reader,
                   bool everything, std::string answer) {
  core.Submit(
      call,
      [&core, call, kind, content, request_id, reader = std::move(reader), everything,
       answer = std::move(answer)](store::Transaction& transaction,
                                   const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
        const ActivePolicy active = core.Active();
        ledger::Draft draft = NewDraft(*call, active, kind, content);
        draft.record->set_acting_hat(active.policy->FindHat(reader.hat) ? reader.hat
                                                                        : std::string());
        draft.record->set_professional(intake::CheckProfessional("", reader.professional).ok()
                                           ? reader.professional
                                           : std::string());
        draft.record->set_usage_purpose(reader.purpose);
        state::StateWriter state(transaction, *core.options.vault);
        CommandContext context{
            core,          *call,        active,     *active.policy,     moment, state, transaction,
            *draft.record, call->partij, reader.hat, reader.professional};
        absl::Status may = CheckActor(context);
        if (may.ok() && reader.purpose == v1::USAGE_PURPOSE_UNSPECIFIED) {
          may = WithMetadata(NotAuthorised("the log is read for one of the four lawful purposes"),
                             kFieldKey, "usage_purpose");
        }
        if (may.ok() && everything && !ReadsAll(*active.policy, reader.hat)) {
          may = NotAuthorised("this hat does not read the whole log");
        }
        if (!may.ok()) {
          if (!IsRefusal(may)) return may;
          SetError(draft, std::move(may));
          return draft;
        }
        draft.answer_hash = AnswerHash(request_id, answer);
        draft.answer = answer;
        return draft;
      });
}

// ---- SearchEvents ----

std::string FormatTime(int64_t micros) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(micros),
                          absl::UTCTimeZone());
}

absl::StatusOr<std::optional<int64_t>> Instant(std::string_view field, const std::string& text) {
  if (text.empty()) return std::nullopt;
  SLUIS_RETURN_IF_ERROR(intake::CheckInstant(field, text));
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error))
    return Malformed(field, "not an instant as RFC 3339");
  return absl::ToUnixMicros(time);
}

// What is looked for: what the store can select, and what only the records tell.
struct Search {
  store::EntryFilter filter;
  std::string field;
  policy::v1::ReasonCode::Id code = policy::v1::ReasonCode::REASON_CODE_UNSPECIFIED;
  uint64_t start = 0;
  size_t page_size = 0;
  policy::Language language = policy::Language::kDutch;
  bool everything = false;
  std::string partij;
};

absl::StatusOr<Search> ReadSearch(Core& core, const v1::SearchEventsRequest& request,
                                  const CallState& call, const policy::Policy& policy) {
  Search search;
  SLUIS_ASSIGN_OR_RETURN(search.filter.from, Instant("from", request.from()));
  SLUIS_ASSIGN_OR_RETURN(search.filter.until, Instant("until", request.until()));
  for (int i = 0; i < request.kinds_size(); ++i) {
    EventKind::Id kind = EventKind::EVENT_KIND_UNSPECIFIED;
    if (!EventKind::Id_Parse(request.kinds(i), &kind) ||
        kind == EventKind::EVENT_KIND_UNSPECIFIED) {
      return Malformed(absl::StrCat("kinds[", i, "]"), "not a kind of entry");
    }
    search.filter.kinds.push_back(kind);
  }
  search.filter.caller = request.caller();
  search.filter.source = request.source();
  if (!request.casus_id().empty()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid casus, intake::CheckId("casus_id", request.casus_id()));
    search.filter.casus_id = std::string(casus.bytes());
  }
  if (!request.pseudonym().empty()) {
    auto pseudonym = HexDecode(request.pseudonym());
    if (!pseudonym.ok() || pseudonym->size() != 16)
      return Malformed("pseudonym", "not 32 hexadecimal digits");
    search.filter.pseudonym = *std::move(pseudonym);
  }
  search.field = request.field();
  search.code = request.code();
  SLUIS_ASSIGN_OR_RETURN(search.page_size, PageSize(request.page_size(), 100, 1000));
  SLUIS_ASSIGN_OR_RETURN(const std::string position,
                         OpenPageToken(core, call, request.page_token()));
  if (!position.empty() && position.size() != 8)
    return Malformed("page_token", "not one that this broker gave");
  if (!position.empty()) search.start = ReadU64(position);
  if (!request.language().empty() && request.language() != "nl" && request.language() != "en") {
    return Malformed("language", "nl or en");
  }
  search.language =
      request.language() == "en" ? policy::Language::kEnglish : policy::Language::kDutch;
  search.everything = ReadsAll(policy, request.acting_hat());
  search.partij = call.partij;
  if (!search.everything) search.filter.party_view = call.partij;
  if (!search.everything && !request.pseudonym().empty())
    return NotAuthorised("persons are looked for by hats that supervise");
  return search;
}

bool Matches(const Search& search, const log::v1::Record& record) {
  if (search.field.empty() && search.code == policy::v1::ReasonCode::REASON_CODE_UNSPECIFIED)
    return true;
  const auto& fields = record.decision().fields();
  if (search.code == policy::v1::ReasonCode::REASON_CODE_UNSPECIFIED &&
      std::any_of(record.deliveries().begin(), record.deliveries().end(),
                  [&](const log::v1::Delivery& each) { return each.field() == search.field; })) {
    return true;
  }
  return std::any_of(fields.begin(), fields.end(), [&](const log::v1::FieldDecision& field) {
    return (search.field.empty() || field.field() == search.field) &&
           (search.code == policy::v1::ReasonCode::REASON_CODE_UNSPECIFIED ||
            field.code() == search.code);
  });
}

v1::Event ToEvent(const Core& core, const Search& search, const store::EntryRow& row,
                  const log::v1::Record& record) {
  v1::Event event;
  event.set_index(row.index);
  if (const auto leaf = audit::DecodeLeaf(row.leaf); leaf.ok())
    event.set_event_id(leaf->event_id.ToString());
  event.set_time(FormatTime(row.time));
  event.set_kind(EventKind::Id_Name(row.kind));
  event.set_caller(record.caller());
  event.set_partij_seq(record.partij_seq());
  event.set_acting_hat(record.acting_hat());
  // Whom a partij lets act is its own affair and the supervisor's.
  if (search.everything || record.caller() == search.partij)
    event.set_professional(record.professional());
  const log::v1::Decision& decision = record.decision();
  event.set_source_partij(decision.source_partij());
  event.set_source_hat(decision.source_hat());
  if (const auto casus = Uuid::FromBytes(record.casus_id()); casus.ok())
    event.set_casus_id(casus->ToString());
  event.set_tafel(record.has_decision() ? decision.tafel() : record.change().tafel());
  event.set_stage(decision.stage());
  // The phase of the casus goes to deelnemers through RequestFields alone; a refusal tells it to
  // nobody. What a partij changed itself it knows.
  if (!record.has_decision()) {
    event.set_phase(record.change().phase_to());
  } else if (search.everything) {
    event.set_phase(decision.evidence().phase());
  }
  event.set_purpose(decision.purpose());
  // One name for a person in the whole log: partijen could compare it and learn whom they share.
  if (search.everything) event.set_pseudonym(HexEncode(record.pseudonym()));
  for (const log::v1::FieldDecision& field : decision.fields()) {
    v1::EventField& out = *event.add_fields();
    out.set_field(field.field());
    out.set_outcome(field.outcome());
    out.set_code(field.code());
    out.set_grant(field.grant());
    out.set_grondslag(field.row());
    *out.mutable_obligations() = field.obligations();
    *out.mutable_missing() = field.missing();
    if (!search.everything) continue;
    out.set_exclusion(field.exclusion());
    if (const auto code = CodeFromName(policy::v1::ReasonCode::Id_Name(field.code()))) {
      out.set_officer_text(core.options.texts->Officer(*code, search.language));
    }
  }
  for (const log::v1::Delivery& delivery : record.deliveries()) {
    auto* const fields = event.mutable_fields();
    auto found = std::find_if(fields->begin(), fields->end(), [&](const v1::EventField& field) {
      return field.field() == delivery.field();
    });
    v1::EventField& out = found == fields->end() ? *fields->Add() : *found;
    out.set_field(delivery.field());
    out.set_delivery(v1::DeliveryOutcome::Id_Name(delivery.outcome()));
    // What the requester learns is that the source objects.
    if (delivery.ground() != v1::ObjectionGround::OBJECTION_GROUND_UNSPECIFIED &&
        (search.everything || row.source == search.partij)) {
      out.set_objection_ground(v1::ObjectionGround::Id_Name(delivery.ground()));
    }
  }
  event.set_decided_in(record.decided_in());
  for (const std::string& field : record.change().fields()) event.add_fields()->set_field(field);
  event.set_error_reason(record.error_reason());
  event.set_convenant_version(record.convenant_version());
  event.set_statute_version(record.statute_version());
  event.set_policy_hash(HexEncode(record.policy_hash()));
  event.set_subject_kind(record.change().subject_kind());
  event.set_repeats(record.repeats());
  if (record.usage_purpose() != v1::USAGE_PURPOSE_UNSPECIFIED) {
    event.set_usage_purpose(
        v1::UsagePurpose_Name(static_cast<v1::UsagePurpose>(record.usage_purpose())));
  }
  return event;
}

absl::StatusOr<v1::SearchEventsAnswer> RunSearch(Core& core, const CallState& call,
                                                 const Search& search) {
  SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
  v1::SearchEventsAnswer answer;
  size_t bytes = 0;
  size_t looked_at = 0;
  uint64_t next = search.start;
  for (;;) {
    SLUIS_ASSIGN_OR_RETURN(const auto rows, reader->Search(search.filter, next, kChunk));
    for (const store::EntryRow& row : rows) {
      if (static_cast<size_t>(answer.events_size()) >= search.page_size ||
          bytes > kMaxAnswerBytes || ++looked_at > kMaxLookedAt) {
        std::string position;
        AppendU64(position, row.index);
        SLUIS_ASSIGN_OR_RETURN(*answer.mutable_next_page_token(),
                               MakePageToken(core, call, position));
        return answer;
      }
      next = row.index + 1;
      log::v1::Record record;
      if (!record.ParseFromString(row.record))
        return DataLoss("STORE_SYNC_FAILED", "a stored record cannot be read");
      if (!Matches(search, record)) continue;
      *answer.add_events() = ToEvent(core, search, row, record);
      bytes += answer.events(answer.events_size() - 1).ByteSizeLong();
    }
    if (rows.size() < kChunk) return answer;
  }
}

void SearchEvents(Core& core, const CallPtr& call) {
  auto request = std::make_shared<v1::SearchEventsRequest>();
  if (absl::Status read = wire::ParseStrict(call->body, *request); !read.ok())
    return core.Reject(call, std::move(read));
  call->known_tree_size = request->known_tree_size();
  const audit::Digest content = RequestHash(call->method, *request);
  const auto request_id = intake::CheckRequestId(request->request_id());
  if (!request_id.ok()) return core.Reject(call, request_id.status());
  call->request_hash = content;
  auto search = ReadSearch(core, *request, *call, *core.Active().policy);
  if (!search.ok() && !IsRefusal(search.status())) return call->done(search.status());
  if (!search.ok()) return core.Reject(call, search.status());
  core.Post([&core, call, request, content, id = *request_id, search = *std::move(search)] {
    auto answer = RunSearch(core, *call, search);
    if (!answer.ok()) return call->done(answer.status());
    SubmitReading(core, call, EventKind::LOG_SEARCHED, content, id,
                  {request->acting_hat(), request->professional(), request->usage_purpose()},
                  search.everything, wire::Canonical(*answer));
  });
}

// ---- ReadEntries ----

absl::StatusOr<v1::ReadEntriesAnswer> RunRead(Core& core, uint64_t start, size_t count) {
  SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
  SLUIS_ASSIGN_OR_RETURN(auto rows, reader->Entries(start, count));
  v1::ReadEntriesAnswer answer;
  size_t bytes = 0;
  for (store::EntryRow& row : rows) {
    bytes += row.leaf.size() + row.salt.size() + row.record.size();
    if (bytes > kMaxAnswerBytes && answer.entries_size() > 0) break;
    v1::LogEntry& entry = *answer.add_entries();
    entry.set_leaf(std::move(row.leaf));
    entry.set_salt(std::move(row.salt));
    entry.set_record(std::move(row.record));
  }
  return answer;
}

void ReadEntries(Core& core, const CallPtr& call) {
  auto request = std::make_shared<v1::ReadEntriesRequest>();
  if (absl::Status read = wire::ParseStrict(call->body, *request); !read.ok())
    return core.Reject(call, std::move(read));
  call->known_tree_size = request->known_tree_size();
  const audit::Digest content = RequestHash(call->method, *request);
  const auto request_id = intake::CheckRequestId(request->request_id());
  if (!request_id.ok()) return core.Reject(call, request_id.status());
  call->request_hash = content;
  if (request->count() < 0) return core.Reject(call, Malformed("count", "negative"));
  const size_t count =
      request->count() == 0 ? 256 : std::min(static_cast<size_t>(request->count()), size_t{1000});
  core.Post([&core, call, request, content, id = *request_id, count] {
    auto answer = RunRead(core, request->start(), count);
    if (!answer.ok()) return call->done(answer.status());
    SubmitReading(core, call, EventKind::LOG_READ, content, id,
                  {request->acting_hat(), request->professional(), request->usage_purpose()},
                  /*everything=*/true, wire::Canonical(*answer));
  });
}

// ---- Checkpoint and proofs: no entry, no purpose ----

template <typename Request, typename Run>
void Answer(Core& core, const CallPtr& call, Run run) {
  core.Post([&core, call, run] {
    call->done([&]() -> absl::StatusOr<std::string> {
      Request request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const auto response, run(core, request));
      return wire::Canonical(response);
    }());
  });
}

absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint(
    Core& core, const v1::GetCheckpointRequest& /*request*/) {
  v1::GetCheckpointResponse response;
  response.set_checkpoint(core.options.ledger->published().checkpoint);
  response.set_log_key(core.options.ledger->verifier().ToString());
  return response;
}

absl::StatusOr<v1::GetInclusionProofResponse> GetInclusionProof(
    Core& core, const v1::GetInclusionProofRequest& request) {
  const store::HeadRow head = core.options.ledger->published();
  SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
  uint64_t index = request.index();
  switch (request.entry_case()) {
    case v1::GetInclusionProofRequest::kEventId: {
      SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("event_id", request.event_id()));
      SLUIS_ASSIGN_OR_RETURN(const auto found, reader->FindEvent(id.bytes()));
      if (!found) return NotFound("ENTRY_UNKNOWN", "no such entry");
      index = *found;
      break;
    }
    case v1::GetInclusionProofRequest::kIndex:
      break;
    case v1::GetInclusionProofRequest::ENTRY_NOT_SET:
      return Malformed("index", "missing");
  }
  const uint64_t size = request.tree_size() == 0 ? head.size : request.tree_size();
  if (size > head.size) return Malformed("tree_size", "larger than the log");
  if (index >= size) return NotFound("ENTRY_UNKNOWN", "no such entry in a tree of this size");
  SLUIS_ASSIGN_OR_RETURN(const auto hashes, core.options.ledger->InclusionProof(index, size));
  SLUIS_ASSIGN_OR_RETURN(const auto rows, reader->Entries(index, 1));
  if (rows.empty() || rows.front().index != index)
    return DataLoss("STORE_SYNC_FAILED", "an entry cannot be read");
  v1::GetInclusionProofResponse response;
  response.set_leaf(rows.front().leaf);
  response.set_index(index);
  for (const audit::Digest& hash : hashes) response.add_hashes(std::string(hash.bytes()));
  response.set_tree_size(size);
  response.set_checkpoint(head.checkpoint);
  return response;
}

absl::StatusOr<v1::GetConsistencyProofResponse> GetConsistencyProof(
    Core& core, const v1::GetConsistencyProofRequest& request) {
  const store::HeadRow head = core.options.ledger->published();
  const uint64_t size = request.new_size() == 0 ? head.size : request.new_size();
  if (size > head.size) return Malformed("new_size", "larger than the log");
  if (request.old_size() > size) return Malformed("old_size", "larger than the new size");
  SLUIS_ASSIGN_OR_RETURN(const auto hashes,
                         core.options.ledger->ConsistencyProof(request.old_size(), size));
  v1::GetConsistencyProofResponse response;
  for (const audit::Digest& hash : hashes) response.add_hashes(std::string(hash.bytes()));
  response.set_new_size(size);
  response.set_checkpoint(head.checkpoint);
  return response;
}

}  // namespace

void AddAudit(Handlers& handlers) {
  handlers["/sluis.v1.AuditService/SearchEvents"] = &SearchEvents;
  handlers["/sluis.v1.AuditService/ReadEntries"] = &ReadEntries;
  handlers["/sluis.v1.AuditService/GetCheckpoint"] = [](Core& core, const CallPtr& call) {
    Answer<v1::GetCheckpointRequest>(core, call, &GetCheckpoint);
  };
  handlers["/sluis.v1.AuditService/GetInclusionProof"] = [](Core& core, const CallPtr& call) {
    Answer<v1::GetInclusionProofRequest>(core, call, &GetInclusionProof);
  };
  handlers["/sluis.v1.AuditService/GetConsistencyProof"] = [](Core& core, const CallPtr& call) {
    Answer<v1::GetConsistencyProofRequest>(core, call, &GetConsistencyProof);
  };
}

}  // namespace sluis::broker
