#include "core.h"
#include "names.h"

#include "sluis/base/bytes.h"
#include "sluis/state/duties.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/person.pb.h"

// Releases that supervisors look at afterwards (R-A-47), and alerts (R-A-41). The items are made by
// a job that follows the log (duty_job.cc).
namespace sluis::broker {
namespace {

absl::Status CheckReviewer(const CommandContext& context) {
  return IsCompetent(context.policy, "review", context.hat)
             ? absl::OkStatus()
             : NotAuthorised("this hat does not review releases");
}

absl::Status CheckList(const v1::ListReviewsRequest& request) {
  return PageSize(request.page_size(), 50, 200).status();
}

// What the reviewer wrote, as long as the person's key is there.
absl::StatusOr<std::string> TextOf(CommandContext& context, const store::v1::Review& review) {
  if (review.sealed_text().empty() || review.person().empty()) return std::string();
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(review.person()));
  auto text = context.core.options.vault->Open(person, state::ReviewTextUse(review.entry()),
                                               review.sealed_text());
  if (ReasonOf(text.status()) == "KEY_DESTROYED") return std::string();
  return text;
}

absl::StatusOr<v1::ListReviewsAnswer> List(CommandContext& context,
                                           const v1::ListReviewsRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckReviewer(context));
  if (request.usage_purpose() == v1::USAGE_PURPOSE_UNSPECIFIED) {
    return WithMetadata(NotAuthorised("the log is read for one of the four lawful purposes"),
                        kFieldKey, "usage_purpose");
  }
  context.record.set_usage_purpose(request.usage_purpose());
  context.record.mutable_change()->set_subject_kind("reviews");
  SLUIS_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size(), 50, 200));
  SLUIS_ASSIGN_OR_RETURN(const std::string position,
                         OpenPageToken(context.core, context.call, request.page_token()));
  if (!position.empty() && position.size() != 8)
    return Malformed("page_token", "not one that this broker gave");
  const uint64_t from = position.empty() ? 0 : ReadU64(position);
  SLUIS_ASSIGN_OR_RETURN(const auto reviews,
                         state::ReadReviews(context.transaction, *context.core.options.vault,
                                            request.closed(), from, size + 1));
  v1::ListReviewsAnswer answer;
  for (const store::v1::Review& review : reviews) {
    if (static_cast<size_t>(answer.reviews_size()) == size) {
      std::string next;
      AppendU64(next, review.entry());
      SLUIS_ASSIGN_OR_RETURN(*answer.mutable_next_page_token(),
                             MakePageToken(context.core, context.call, next));
      break;
    }
    v1::Review& out = *answer.add_reviews();
    SLUIS_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(review.event_id()));
    SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(review.casus()));
    out.set_review_id(id.ToString());
    out.set_entry(review.entry());
    out.set_time(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMicros(review.decided_at()),
                                  absl::UTCTimeZone()));
    out.set_casus_id(casus.ToString());
    out.set_pseudonym(HexEncode(review.pseudonym()));
    *out.mutable_recipient() = review.recipient();
    *out.mutable_source() = review.source();
    out.set_tafel(review.tafel());
    out.set_purpose(review.purpose());
    *out.mutable_fields() = review.fields();
    out.set_finding(static_cast<v1::ReviewFinding::Id>(review.finding()));
    SLUIS_ASSIGN_OR_RETURN(*out.mutable_text(), TextOf(context, review));
    if (review.has_closed_by()) *out.mutable_closed_by() = review.closed_by();
    out.set_closed_on(review.closed_on());
    out.set_refusals(review.refusals());
  }
  return answer;
}

absl::Status CheckClose(const v1::CloseReviewRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("review_id", request.review_id()).status());
  if (request.finding() == v1::ReviewFinding::REVIEW_FINDING_UNSPECIFIED ||
      !v1::ReviewFinding::Id_IsValid(request.finding())) {
    return Malformed("finding", "not a finding");
  }
  return intake::CheckText("text", request.text());
}

absl::StatusOr<v1::CloseReviewAnswer> Close(CommandContext& context,
                                            const v1::CloseReviewRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckReviewer(context));
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("review_id", request.review_id()));
  vault::Vault& vault = *context.core.options.vault;
  SLUIS_ASSIGN_OR_RETURN(const auto entry, context.transaction.FindEvent(id.bytes()));
  std::optional<store::v1::Review> review;
  if (entry) {
    SLUIS_ASSIGN_OR_RETURN(review, state::FindReview(context.transaction, vault, *entry));
  }
  if (!review) return NotFound("REVIEW_UNKNOWN", "no such review");
  if (review->finding() != 0)
    return FailedPrecondition("REVIEW_CLOSED", "this review was closed already");
  review->set_finding(request.finding());
  *review->mutable_closed_by() = context.self();
  review->set_professional(context.professional);
  review->set_closed_on(context.moment.today.ToString());
  if (!review->person().empty()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(review->person()));
    auto sealed = vault.Seal(person, state::ReviewTextUse(review->entry()), request.text());
    if (!sealed.ok() && ReasonOf(sealed.status()) != "KEY_DESTROYED") return sealed.status();
    if (sealed.ok()) review->set_sealed_text(*std::move(sealed));
  }
  SLUIS_RETURN_IF_ERROR(state::PutReview(context.transaction, vault, *review));
  context.record.set_casus_id(review->casus());
  context.record.set_pseudonym(review->pseudonym());
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_kind(v1::ReviewFinding::Id_Name(request.finding()));
  change.set_subject_id(review->event_id());
  change.set_partij(review->recipient().partij());
  change.set_hat(review->recipient().hat());
  *change.mutable_fields() = review->fields();
  return v1::CloseReviewAnswer();
}

}  // namespace

void AddReview(Handlers& handlers) {
  handlers["/sluis.v1.PersonService/ListReviews"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::ListReviewsRequest, v1::ListReviewsAnswer>(
        core, call, {EventKind::LOG_SEARCHED, &CheckList, &List, Repeat::kAnew});
  };
  handlers["/sluis.v1.PersonService/CloseReview"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::CloseReviewRequest, v1::CloseReviewAnswer>(
        core, call, {EventKind::REVIEW_CLOSED, &CheckClose, &Close});
  };
}

}  // namespace sluis::broker
