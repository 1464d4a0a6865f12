#include <algorithm>
#include <array>
#include <set>

#include "core.h"
#include "inbox.h"
#include "names.h"
#include "notify.h"
#include "persons.h"

#include "sluis/policy/v1/statute.pb.h"
#include "sluis/state/duties.h"
#include "sluis/v1/wams.pb.h"

// The Wams track of a casus. The stages are those of the bill; which hat makes a step is in the
// convenant, what an outcome has to hold in the statute.
namespace sluis::broker {
namespace {

using policy::v1::Informed;
using policy::v1::WamsTrack;
using store::v1::Casus;
using store::v1::WamsFile;
using store::v1::WamsInforming;

constexpr char kMelding[] = "MELDING";
constexpr char kTriage[] = "TRIAGE";
constexpr char kOnderzoek[] = "ONDERZOEK";
constexpr char kPlan[] = "AANPAK_PLAN";
constexpr char kUitvoering[] = "AANPAK_UITVOERING";
constexpr char kAfsluiting[] = "AFSLUITING";

constexpr size_t kMaxName = 200;
constexpr int kMaxReports = 50;
constexpr int kMaxList = 20;

const std::string& StageOf(const Casus& casus) { return casus.facts().wams_track().stage(); }

absl::Status CheckRegime(const CommandContext& context) {
  if (context.policy.RegimeOpen(policy::Regime::kWams, context.moment.today))
    return absl::OkStatus();
  return FailedPrecondition("NO_BASIS", "the Wams is not in force here");
}

// Whether the acting partij is the college of the casus.
bool IsOfMunicipality(const CommandContext& context, const std::string& municipality) {
  const auto partij = context.policy.FindPartij(context.partij);
  return context.policy.convenant().parties(partij->index()).municipality() == municipality;
}

absl::Status CheckCompetence(const CommandContext& context, const std::string& competence) {
  if (IsCompetent(context.policy, competence, context.hat)) return absl::OkStatus();
  return WithMetadata(NotAuthorised("this hat does not make this step"), "competence", competence);
}

absl::Status CheckCollege(const CommandContext& context, const Casus& casus) {
  SLUIS_RETURN_IF_ERROR(CheckCompetence(context, "wams_track"));
  return IsOfMunicipality(context, casus.facts().municipality())
             ? absl::OkStatus()
             : NotAuthorised("another gemeente's college makes this step");
}

absl::Status WrongStage(const Casus& casus) {
  if (StageOf(casus) == kAfsluiting)
    return FailedPrecondition("CASE_CLOSED", "the track has ended; reopening is a new ONDERZOEK");
  return FailedPrecondition("WRONG_PHASE", "this step does not follow the stage of the casus");
}

// The entry says which step, and the stages before and after.
void Describe(CommandContext& context, std::string_view step, const std::string& from) {
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_kind(std::string(step));
  change.set_phase_from(from);
}

struct Loaded {
  Uuid id;
  Casus casus;
};

// An open casus with a track, for a step of its college.
absl::StatusOr<Loaded> CollegesCasus(CommandContext& context, const std::string& casus_id,
                                     std::string_view step) {
  SLUIS_RETURN_IF_ERROR(CheckRegime(context));
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("casus_id", casus_id));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, id));
  Describe(context, step, StageOf(casus));
  SLUIS_RETURN_IF_ERROR(CheckCollege(context, casus));
  if (StageOf(casus).empty())
    return FailedPrecondition("WRONG_PHASE", "nothing was reported in this casus");
  return Loaded{id, std::move(casus)};
}

// Keeps the casus, whose version moves, and tells who takes part under the Wams when the stage did.
absl::StatusOr<v1::WamsAnswer> Keep(CommandContext& context, const Uuid& id, const Casus& casus,
                                    const std::string& stage_before) {
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(id, casus));
  const std::string& stage = StageOf(casus);
  context.record.mutable_change()->set_phase_to(stage);
  if (stage != stage_before) {
    std::set<std::string> told;
    for (const auto* list : {&casus.facts().participants(), &casus.facts().guests()}) {
      for (const policy::v1::Participation& each : *list) {
        const auto tafel = context.policy.FindTafel(each.tafel());
        const bool here = each.tafel().empty() ||
                          (tafel && context.policy.RegimeOf(*tafel) == policy::Regime::kWams);
        if (here && IsNotOver(each, context.moment.today)) told.insert(each.participant().partij());
      }
    }
    told.erase(context.partij);
    Notice notice = NoticeOf(NoticeType::WAMS_STAGE_CHANGED, id);
    notice.set_stage(stage);
    SLUIS_RETURN_IF_ERROR(NotifyAll(context, told, notice));
  }
  v1::WamsAnswer answer;
  answer.set_stage(stage);
  answer.set_task(casus.facts().wams_track().task());
  return answer;
}

// ---- Report ----

absl::Status CheckReport(const v1::ReportRequest& request) {
  if (request.casus_id().empty()) {
    SLUIS_RETURN_IF_ERROR(intake::CheckText("municipality", request.municipality(), kMaxName));
    SLUIS_RETURN_IF_ERROR(
        CheckElements(request.elements(), request.bsn().empty() && !request.urgent()));
  } else {
    SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
    for (const auto& [field, given] : std::initializer_list<std::pair<const char*, bool>>{
             {"municipality", !request.municipality().empty()},
             {"bsn", !request.bsn().empty()},
             {"elements", request.has_elements()},
             {"urgent", request.urgent()}}) {
      if (given) return Malformed(field, "given with a casus");
    }
  }
  if (request.kind() == v1::WAMS_REPORT_KIND_UNSPECIFIED) return Malformed("kind", "missing");
  SLUIS_RETURN_IF_ERROR(intake::CheckText("text", request.text()));
  return intake::CheckText("reference", request.reference(), kMaxName);
}

// The side that does the Wams for a gemeente.
std::optional<policy::v1::PartijHat> CollegeOf(const policy::Policy& policy,
                                               const std::string& municipality) {
  for (const auto& partij : policy.convenant().parties()) {
    if (partij.municipality() != municipality) continue;
    for (const std::string& hat : partij.hats()) {
      if (!IsCompetent(policy, "wams_track", hat)) continue;
      policy::v1::PartijHat side;
      side.set_partij(partij.id());
      side.set_hat(hat);
      return side;
    }
  }
  return std::nullopt;
}

// The first phase in which a tafel for MELDING is used.
std::optional<std::string> FirstPhase(const policy::Policy& policy) {
  for (const auto& tafel : policy.convenant().tafels()) {
    if (ListsHat(tafel.stages(), kMelding) && tafel.phases_size() > 0) return tafel.phases(0);
  }
  return std::nullopt;
}

absl::StatusOr<Loaded> CasusOfReport(CommandContext& context, const v1::ReportRequest& request) {
  if (!request.casus_id().empty()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("casus_id", request.casus_id()));
    SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, id));
    return Loaded{id, std::move(casus)};
  }
  const auto college = CollegeOf(context.policy, request.municipality());
  if (!college)
    return Malformed("municipality", "no gemeente with a Wams college in the convenant");
  const auto phase = FirstPhase(context.policy);
  if (!phase) return FailedPrecondition("WRONG_PHASE", "the convenant has no tafel for a melding");
  store::v1::Person told = IdentityIn(request.elements());
  told.set_bsn(request.bsn());
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, KeepPerson(context, told));
  SLUIS_RETURN_IF_ERROR(SetPseudonym(context, person));
  SLUIS_ASSIGN_OR_RETURN(auto opened,
                         OpenCasusAbout(context, {*college, *phase, request.municipality(),
                                                  context.moment.today.ToString(), person}));
  if (college->partij() != context.partij) {
    Notice notice = NoticeOf(NoticeType::WAMS_STAGE_CHANGED, opened.first);
    notice.set_hat(college->hat());
    notice.set_stage(kMelding);
    SLUIS_RETURN_IF_ERROR(Notify(context, college->partij(), std::move(notice)));
  }
  return Loaded{opened.first, std::move(opened.second)};
}

absl::StatusOr<v1::ReportAnswer> Report(CommandContext& context, const v1::ReportRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckRegime(context));
  SLUIS_RETURN_IF_ERROR(CheckCompetence(context, "wams_report"));
  SLUIS_ASSIGN_OR_RETURN(Loaded loaded, CasusOfReport(context, request));
  Casus& casus = loaded.casus;
  const std::string before = StageOf(casus);
  Describe(context, "wams_report", before);
  if (!before.empty() && before != kMelding && before != kTriage) return WrongStage(casus);
  if (casus.wams().reports_size() >= kMaxReports)
    return FailedPrecondition("WRONG_PHASE", "there are too many reports for one triage");
  WamsTrack& track = *casus.mutable_facts()->mutable_wams_track();
  if (before.empty()) {
    track.set_stage(kMelding);
    track.set_task(WamsTrack::T4);
  }
  WamsFile& file = *casus.mutable_wams();
  auto& report = *file.add_reports();
  report.set_kind(request.kind());
  report.set_day(context.moment.today.ToString());
  *report.mutable_by() = context.self();
  report.set_text(request.text());
  report.set_reference(request.reference());
  // Whoever was informed was so of the reports before this one.
  file.clear_reported();
  file.clear_reporter();
  v1::ReportAnswer answer;
  SLUIS_ASSIGN_OR_RETURN(*answer.mutable_track(), Keep(context, loaded.id, casus, before));
  if (IsInvolved(casus, context.partij)) answer.set_casus_id(loaded.id.ToString());
  return answer;
}

// ---- RecordInforming ----

absl::Status CheckInforming(const v1::RecordInformingRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  if (request.whom() == v1::RecordInformingRequest::WHOM_UNSPECIFIED)
    return Malformed("whom", "missing");
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("date", request.date()).status());
  switch (request.status()) {
    case Informed::GEINFORMEERD:
      for (const auto& [field, text] :
           std::initializer_list<std::pair<const char*, const std::string&>>{
               {"reason", request.reason()},
               {"owner", request.owner()},
               {"review_date", request.review_date()}}) {
        if (!text.empty()) return Malformed(field, "given without a delay");
      }
      return absl::OkStatus();
    case Informed::UITGESTELD:
      SLUIS_RETURN_IF_ERROR(intake::CheckText("reason", request.reason()));
      SLUIS_RETURN_IF_ERROR(intake::CheckProfessional("owner", request.owner()));
      return intake::CheckDay("review_date", request.review_date()).status();
    default:
      return Malformed("status", "missing");
  }
}

absl::StatusOr<v1::WamsAnswer> RecordInforming(CommandContext& context,
                                               const v1::RecordInformingRequest& request) {
  const bool reported = request.whom() == v1::RecordInformingRequest::REPORTED;
  SLUIS_ASSIGN_OR_RETURN(Loaded loaded, CollegesCasus(context, request.casus_id(),
                                                      reported ? "wams_informing_reported"
                                                               : "wams_informing_reporter"));
  if (StageOf(loaded.casus) == kAfsluiting) return WrongStage(loaded.casus);
  const CivilDate today = context.moment.today;
  if (today < *CivilDate::Parse(request.date())) return Malformed("date", "in the future");
  if (!request.review_date().empty() && *CivilDate::Parse(request.review_date()) < today)
    return Malformed("review_date", "in the past");
  WamsFile& file = *loaded.casus.mutable_wams();
  WamsInforming& informing = reported ? *file.mutable_reported() : *file.mutable_reporter();
  informing.Clear();
  informing.set_status(request.status());
  informing.set_date(request.date());
  informing.set_reason(request.reason());
  informing.set_owner(request.owner());
  informing.set_review_date(request.review_date());
  return Keep(context, loaded.id, loaded.casus, StageOf(loaded.casus));
}

absl::Status NotInformed(std::string_view field, std::string_view text) {
  return WithMetadata(FailedPrecondition("NOT_INFORMED", text), kFieldKey, field);
}

// R-W-39.
absl::Status CheckInformed(const Casus& casus) {
  if (casus.wams().reported().status() == Informed::STATUS_UNSPECIFIED)
    return NotInformed("reported", "the person reported is neither informed nor is it postponed");
  if (casus.wams().reporter().status() == Informed::STATUS_UNSPECIFIED)
    return NotInformed("reporter", "the reporter is neither informed nor is it postponed");
  return absl::OkStatus();
}

bool IsOverdue(Informed::Status status, const std::string& review_date, CivilDate today) {
  if (status != Informed::UITGESTELD) return false;
  const auto review = CivilDate::Parse(review_date);
  return !review.ok() || *review < today;
}

// R-W-38: whether informing somebody in the casus was postponed to a day that is over.
absl::Status CheckNotOverdue(CommandContext& context, const Uuid& id, const Casus& casus) {
  const CivilDate today = context.moment.today;
  SLUIS_ASSIGN_OR_RETURN(bool overdue, state::HasOverdueDuty(context.transaction, id, today));
  for (const WamsInforming* each : {&casus.wams().reported(), &casus.wams().reporter()})
    overdue = overdue || IsOverdue(each->status(), each->review_date(), today);
  const std::string casus_id = id.ToString();
  for (const auto& in_casus : casus.facts().persons()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(in_casus.id()));
    SLUIS_ASSIGN_OR_RETURN(const auto records,
                           context.state.Records(state::Subject::Person(person)));
    // The record made last tells how things stand.
    const Informed* last = nullptr;
    for (const auto& stored : records) {
      if (stored.record.casus_id() == casus_id && stored.record.fact().has_informed())
        last = &stored.record.fact().informed();
    }
    overdue = overdue || (last != nullptr && IsOverdue(last->status(), last->review_date(), today));
  }
  return overdue ? NotInformed("informed", "a postponed duty to inform is overdue in this casus")
                 : absl::OkStatus();
}

// ---- OpenInquiry ----

absl::Status NoSamenspraak(std::string_view field, std::string_view text) {
  return WithMetadata(FailedPrecondition("NO_SAMENSPRAAK", text), kFieldKey, field);
}

absl::Status CheckSamenspraak(const policy::v1::Samenspraak& samenspraak) {
  SLUIS_RETURN_IF_ERROR(intake::CheckOptionalDay("samenspraak.date", samenspraak.date()));
  SLUIS_RETURN_IF_ERROR(
      intake::CheckOptionalText("samenspraak.with", samenspraak.with(), kMaxName));
  return intake::CheckOptionalText("samenspraak.reason_without", samenspraak.reason_without());
}

// What a task asks of the samenspraak (R-W-12).
absl::Status CheckSamenspraakFor(const CommandContext& context, WamsTrack::Task task,
                                 const policy::v1::Samenspraak& samenspraak) {
  if (!samenspraak.date().empty() && context.moment.today < *CivilDate::Parse(samenspraak.date())) {
    return Malformed("samenspraak.date", "in the future");
  }
  if (task == WamsTrack::T2) {
    return IsBlank(samenspraak.reason_without())
               ? NoSamenspraak("samenspraak.reason_without", "T2 says why there was no or little")
               : absl::OkStatus();
  }
  if (samenspraak.date().empty()) return NoSamenspraak("samenspraak.date", "T1 has its day");
  if (IsBlank(samenspraak.with())) return NoSamenspraak("samenspraak.with", "T1 says with whom");
  return absl::OkStatus();
}

absl::Status CheckInquiry(const v1::OpenInquiryRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  if (request.task() != WamsTrack::T1 && request.task() != WamsTrack::T2)
    return Malformed("task", "an inquiry is T1 or T2");
  SLUIS_RETURN_IF_ERROR(CheckSamenspraak(request.samenspraak()));
  return intake::CheckText("reason", request.reason());
}

absl::StatusOr<v1::WamsAnswer> OpenInquiry(CommandContext& context,
                                           const v1::OpenInquiryRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckRegime(context));
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, id));
  const std::string before = StageOf(casus);
  const bool t2 = request.task() == WamsTrack::T2;
  Describe(context, t2 ? "wams_inquiry_t2" : "wams_inquiry_t1", before);
  SLUIS_RETURN_IF_ERROR(t2 ? CheckCompetence(context, "wams_inquiry_t2")
                           : CheckCollege(context, casus));
  WamsFile& file = *casus.mutable_wams();
  if (before == kTriage) {
    SLUIS_RETURN_IF_ERROR(CheckInformed(casus));
  } else if (before == kAfsluiting) {
    if (ListsHat(file.reasons(), request.reason()))
      return Malformed("reason", "reopening needs a reason that was not given before");
  } else {
    return FailedPrecondition("WRONG_PHASE", "an inquiry follows the triage");
  }
  if (t2) {
    SLUIS_RETURN_IF_ERROR(CheckNotOverdue(context, id, casus));
  } else if (std::none_of(file.reports().begin(), file.reports().end(), [](const auto& report) {
               return report.kind() == v1::WAMS_REPORT_KIND_HULPVRAAG;
             })) {
    return WithMetadata(FailedPrecondition("WRONG_PHASE", "T1 follows a hulpvraag"), kFieldKey,
                        "task");
  }
  SLUIS_RETURN_IF_ERROR(CheckSamenspraakFor(context, request.task(), request.samenspraak()));
  WamsTrack track;
  track.set_stage(kOnderzoek);
  track.set_task(request.task());
  *track.mutable_samenspraak() = request.samenspraak();
  if (t2) *track.mutable_opened_by() = context.self();
  *casus.mutable_facts()->mutable_wams_track() = track;
  file.add_reasons(request.reason());
  file.clear_closed_on();
  return Keep(context, id, casus, before);
}

// ---- RecordPart, TakeBackPart ----

absl::Status CheckTokens(std::string_view path,
                         const google::protobuf::RepeatedPtrField<std::string>& tokens) {
  if (tokens.size() > kMaxList) return Malformed(path, "more than 20");
  for (int i = 0; i < tokens.size(); ++i) {
    const std::string& token = tokens[i];
    const bool good =
        !token.empty() && token.size() <= 64 && std::all_of(token.begin(), token.end(), [](char c) {
          return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        });
    if (!good)
      return Malformed(absl::StrCat(ToAbsl(path), "[", i, "]"), "not a token of [A-Z0-9_]");
  }
  return absl::OkStatus();
}

absl::Status CheckPart(const v1::RecordPartRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  switch (request.part_case()) {
    case v1::RecordPartRequest::kSamenspraak:
      return CheckSamenspraak(request.samenspraak());
    case v1::RecordPartRequest::kOutcome:
      SLUIS_RETURN_IF_ERROR(intake::CheckDay("outcome.date", request.outcome().date()).status());
      SLUIS_RETURN_IF_ERROR(intake::CheckText("outcome.name", request.outcome().name(), kMaxName));
      SLUIS_RETURN_IF_ERROR(CheckTokens("outcome.domains", request.outcome().domains()));
      return CheckTokens("outcome.acts", request.outcome().acts());
    case v1::RecordPartRequest::kAgreement:
      SLUIS_RETURN_IF_ERROR(intake::CheckOptionalDay("agreement.date", request.agreement().date()));
      SLUIS_RETURN_IF_ERROR(intake::CheckOptionalText("agreement.reason_without",
                                                      request.agreement().reason_without()));
      if (request.agreement().date().empty() && IsBlank(request.agreement().reason_without()))
        return Malformed("agreement", "neither a day nor the reason without");
      return absl::OkStatus();
    case v1::RecordPartRequest::PART_NOT_SET:
      return Malformed("part", "missing");
  }
  return Malformed("part", "missing");
}

absl::Status NoOutcome(std::string_view field, std::string_view text) {
  return WithMetadata(FailedPrecondition("NO_WAMS_OUTCOME", text), kFieldKey, field);
}

// R-W-10: what the statute asks of an outcome.
absl::Status CheckOutcome(const CommandContext& context, const policy::v1::WamsOutcome& outcome) {
  const auto& terms = context.policy.statute().terms();
  const std::set<std::string> domains(outcome.domains().begin(), outcome.domains().end());
  if (static_cast<int>(domains.size()) < terms.wams_min_domains())
    return NoOutcome("outcome.domains", "too few problem domains");
  if (std::none_of(outcome.acts().begin(), outcome.acts().end(), [&](const std::string& act) {
        return ListsHat(terms.wams_social_acts(), act);
      })) {
    return NoOutcome("outcome.acts", "no act of the social domain");
  }
  if (!outcome.coordination_useful())
    return NoOutcome("outcome.coordination_useful", "coordination is not useful");
  return absl::OkStatus();
}

bool IsAfterTriage(const std::string& stage) {
  return stage == kOnderzoek || stage == kPlan || stage == kUitvoering;
}

absl::StatusOr<v1::WamsAnswer> RecordPart(CommandContext& context,
                                          const v1::RecordPartRequest& request) {
  const auto part = request.part_case();
  SLUIS_ASSIGN_OR_RETURN(
      Loaded loaded, CollegesCasus(context, request.casus_id(),
                                   part == v1::RecordPartRequest::kSamenspraak ? "wams_samenspraak"
                                   : part == v1::RecordPartRequest::kOutcome   ? "wams_outcome"
                                                                               : "wams_agreement"));
  Casus& casus = loaded.casus;
  const std::string stage = StageOf(casus);
  if (!IsAfterTriage(stage)) return WrongStage(casus);
  WamsTrack& track = *casus.mutable_facts()->mutable_wams_track();
  const auto in_future = [&](const std::string& day) {
    return !day.empty() && context.moment.today < *CivilDate::Parse(day);
  };
  switch (part) {
    case v1::RecordPartRequest::kSamenspraak:
      if (stage != kOnderzoek) return WrongStage(casus);
      SLUIS_RETURN_IF_ERROR(CheckSamenspraakFor(context, track.task(), request.samenspraak()));
      *track.mutable_samenspraak() = request.samenspraak();
      break;
    case v1::RecordPartRequest::kOutcome:
      if (in_future(request.outcome().date())) return Malformed("outcome.date", "in the future");
      SLUIS_RETURN_IF_ERROR(CheckOutcome(context, request.outcome()));
      *track.mutable_outcome() = request.outcome();
      break;
    default:
      if (in_future(request.agreement().date()))
        return Malformed("agreement.date", "in the future");
      *track.mutable_agreement() = request.agreement();
      break;
  }
  return Keep(context, loaded.id, casus, stage);
}

absl::Status CheckTakeBack(const v1::TakeBackPartRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  return request.part() == v1::TakeBackPartRequest::PART_UNSPECIFIED ? Malformed("part", "missing")
                                                                     : absl::OkStatus();
}

absl::StatusOr<v1::WamsAnswer> TakeBackPart(CommandContext& context,
                                            const v1::TakeBackPartRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(Loaded loaded,
                         CollegesCasus(context, request.casus_id(), "wams_part_taken_back"));
  Casus& casus = loaded.casus;
  const std::string stage = StageOf(casus);
  if (!IsAfterTriage(stage)) return WrongStage(casus);
  WamsTrack& track = *casus.mutable_facts()->mutable_wams_track();
  switch (request.part()) {
    case v1::TakeBackPartRequest::SAMENSPRAAK:
      track.clear_samenspraak();
      break;
    case v1::TakeBackPartRequest::OUTCOME:
      track.clear_outcome();
      break;
    default:
      track.clear_agreement();
      break;
  }
  return Keep(context, loaded.id, casus, stage);
}

// ---- MoveStage ----

absl::Status CheckMove(const v1::MoveStageRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  if (request.stage().empty()) return Malformed("stage", "missing");
  if (request.stage() == kAfsluiting) return intake::CheckText("reason", request.reason());
  return request.reason().empty() ? absl::OkStatus()
                                  : Malformed("reason", "only closing has a reason");
}

// The purposes that only tafels of the Wams serve.
std::set<std::string> WamsPurposes(const policy::Policy& policy) {
  std::set<std::string> wams;
  std::set<std::string> others;
  for (const auto& tafel : policy.convenant().tafels()) {
    auto& served = tafel.regime() == policy::v1::Regime::WAMS ? wams : others;
    served.insert(tafel.purposes().begin(), tafel.purposes().end());
  }
  for (const std::string& other : others) wams.erase(other);
  return wams;
}

// R-W-40: what was given for the track ends with it. Consents for its purposes between sides that
// have to do with the casus no longer count, and neither do weighings in it.
absl::Status EndConsents(CommandContext& context, const Uuid& id, const Casus& casus) {
  const std::set<std::string> purposes = WamsPurposes(context.policy);
  const std::string casus_id = id.ToString();
  for (const auto& in_casus : casus.facts().persons()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(in_casus.id()));
    const auto subject = state::Subject::Person(person);
    SLUIS_ASSIGN_OR_RETURN(const auto records, context.state.Records(subject));
    for (const state::StoredRecord& stored : records) {
      const auto& record = stored.record;
      if (!record.casus_id().empty() && record.casus_id() != casus_id) continue;
      if (record.has_consent() && purposes.count(record.consent().purpose()) != 0 &&
          IsInvolved(casus, record.consent().source().partij()) &&
          IsInvolved(casus, record.consent().recipient().partij())) {
        store::v1::FactRecord ended = record;
        ended.mutable_consent()->set_status(policy::v1::Consent::VERLOPEN);
        ended.set_needs_confirmation(false);
        SLUIS_RETURN_IF_ERROR(context.state.PutRecord(subject, stored.id, ended));
      } else if (record.casus_id() == casus_id && record.fact().has_decision() &&
                 record.fact().decision().kind() == policy::v1::ProfessionalDecision::WAMS) {
        SLUIS_RETURN_IF_ERROR(context.state.DeleteRecord(subject, stored.id));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::WamsAnswer> MoveStage(CommandContext& context,
                                         const v1::MoveStageRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(Loaded loaded, CollegesCasus(context, request.casus_id(), "wams_stage"));
  if (!context.policy.FindStage(request.stage()))
    return Malformed("stage", "not a stage of the convenant");
  Casus& casus = loaded.casus;
  const std::string before = StageOf(casus);
  WamsTrack& track = *casus.mutable_facts()->mutable_wams_track();
  const std::string& to = request.stage();
  if (before == kAfsluiting) return WrongStage(casus);
  if (to == kTriage && before == kMelding) {
    track.set_stage(kTriage);
  } else if (to == kPlan && before == kOnderzoek) {
    if (!track.has_outcome()) return NoOutcome("outcome", "the college recorded no outcome");
    SLUIS_RETURN_IF_ERROR(CheckOutcome(context, track.outcome()));
    if (!track.has_agreement())
      return NoSamenspraak("agreement", "neither the agreement nor the reason without is recorded");
    track.set_stage(kPlan);
    track.set_task(WamsTrack::T3);
  } else if (to == kUitvoering && before == kPlan) {
    if (!track.has_outcome()) return NoOutcome("outcome", "the outcome was taken back");
    if (!track.has_agreement()) return NoSamenspraak("agreement", "the agreement was taken back");
    track.set_stage(kUitvoering);
  } else if (to == kAfsluiting && before != kMelding) {
    if (before == kTriage) SLUIS_RETURN_IF_ERROR(CheckInformed(casus));
    SLUIS_RETURN_IF_ERROR(EndConsents(context, loaded.id, casus));
    SLUIS_RETURN_IF_ERROR(EndItems(context, loaded.id, casus));
    track.set_stage(kAfsluiting);
    casus.mutable_wams()->set_closed_on(context.moment.today.ToString());
    casus.mutable_wams()->add_closing_reasons(request.reason());
  } else {
    return WrongStage(casus);
  }
  return Keep(context, loaded.id, casus, before);
}

// ---- GetTrack ----

void GetTrack(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::GetTrackRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      state::StateReader state(*reader, *core.options.vault);
      const ActivePolicy active = core.Active();
      const policy::Policy& policy = *active.policy;
      SLUIS_RETURN_IF_ERROR(CheckReader(policy, state, call->partij, request.acting_hat(),
                                        request.professional(),
                                        facts::LocalDate(core.options.clock->Now())));
      SLUIS_ASSIGN_OR_RETURN(const auto casus, UnlessDestroyed(state.Casus(casus_id)));
      const auto& partij = policy.convenant().parties(policy.FindPartij(call->partij)->index());
      if (!casus || !casus->facts().has_wams_track() || !IsInvolved(*casus, call->partij) ||
          !IsCompetent(policy, "wams_track", request.acting_hat()) ||
          partij.municipality() != casus->facts().municipality()) {
        return NotFound("NOT_IN_CASUS", "no such track for the caller");
      }
      const WamsTrack& track = casus->facts().wams_track();
      v1::GetTrackResponse response;
      v1::WamsTrackView& view = *response.mutable_track();
      view.set_stage(track.stage());
      view.set_task(track.task());
      if (track.has_opened_by()) *view.mutable_opened_by() = track.opened_by();
      view.set_reports(casus->wams().reports_size());
      view.set_reported_informed(casus->wams().reported().status());
      view.set_reporter_informed(casus->wams().reporter().status());
      view.set_samenspraak(track.has_samenspraak());
      view.set_outcome(track.has_outcome());
      view.set_agreement(track.has_agreement());
      view.set_closed_on(casus->wams().closed_on());
      return wire::Canonical(response);
    }());
  });
}

}  // namespace

void AddWams(Handlers& handlers) {
  handlers["/sluis.v1.WamsService/Report"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::ReportRequest, v1::ReportAnswer>(
        core, call, {EventKind::WAMS_RECORDED, &CheckReport, &Report});
  };
  handlers["/sluis.v1.WamsService/RecordInforming"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::RecordInformingRequest, v1::WamsAnswer>(
        core, call, {EventKind::WAMS_RECORDED, &CheckInforming, &RecordInforming});
  };
  handlers["/sluis.v1.WamsService/OpenInquiry"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::OpenInquiryRequest, v1::WamsAnswer>(
        core, call, {EventKind::WAMS_RECORDED, &CheckInquiry, &OpenInquiry});
  };
  handlers["/sluis.v1.WamsService/RecordPart"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::RecordPartRequest, v1::WamsAnswer>(
        core, call, {EventKind::WAMS_RECORDED, &CheckPart, &RecordPart});
  };
  handlers["/sluis.v1.WamsService/TakeBackPart"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::TakeBackPartRequest, v1::WamsAnswer>(
        core, call, {EventKind::WAMS_RECORDED, &CheckTakeBack, &TakeBackPart});
  };
  handlers["/sluis.v1.WamsService/MoveStage"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::MoveStageRequest, v1::WamsAnswer>(
        core, call, {EventKind::WAMS_RECORDED, &CheckMove, &MoveStage});
  };
  handlers["/sluis.v1.WamsService/GetTrack"] = &GetTrack;
}

}  // namespace sluis::broker
