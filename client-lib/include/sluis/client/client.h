#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/client/audit_log.h"
#include "sluis/client/call.h"
#include "sluis/client/casus.h"
#include "sluis/client/consent.h"
#include "sluis/client/decision.h"
#include "sluis/client/errors.h"
#include "sluis/client/escalation.h"
#include "sluis/client/fact.h"
#include "sluis/client/field.h"
#include "sluis/client/notification.h"
#include "sluis/client/options.h"
#include "sluis/client/person.h"
#include "sluis/client/priority_list.h"
#include "sluis/client/professional.h"
#include "sluis/client/sharing.h"
#include "sluis/client/signal.h"
#include "sluis/client/source.h"
#include "sluis/client/value.h"
#include "sluis/client/wams.h"

namespace sluis::client {

namespace internal {
class Session;
}  // namespace internal

// What is known of the numbers that the log gave to our entries.
struct SequenceReport {
  // Of this client's life, or the last one of an earlier life that it knows of (state_file); 0
  // before the first.
  uint64_t first = 0;
  uint64_t newest = 0;
  // Numbers in between that no answer of this client bore: of calls whose end we did not hear, of
  // other programs with our certificate, or SEQUENCE_GAP. Ascending, at most 1024.
  std::vector<uint64_t> missing;
};

// A partij's connection to a broker.
//
// Every answer comes with the proof that the call is in the broker's log, and is verified before
// the caller sees it: that the entry is about this request and this answer (and the answer about
// the values), that it is in the tree of a checkpoint signed by the log, that this tree continues
// every tree that we saw before, and that the log gave our entries no numbers that we cannot
// explain. Errors of the broker that carry a proof are verified too.
//
// Threads.  All calls may be made from several threads at once. One client has one connection:
//           make one and share it. Movable; a moved-from client can only be assigned to or
//           destroyed.
// Errors.   A refusal of a field is an answer. Failures are the broker's own (docs/errors.md) or
//           ours: errors.h has them all. Nothing is tried twice; repeat a call with the same
//           Context::request_id if you do not know how it ended.
// Lifetime. The destructor waits for calls under way and stores the newest checkpoint.
class Client {
 public:
  // Reads the files of the options, and names what is wrong with them. Calls the broker only to ask
  // for its log key, when trust_log_key_on_first_use says so: whether it can be reached is seen at
  // the first call. Errors: the first part of errors.h.
  static absl::StatusOr<Client> Connect(ClientOptions options);
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  // ---- Casus (casus.h) ----

  absl::StatusOr<OpenCasusAnswer> OpenCasus(const Context& context,
                                            const OpenCasusRequest& request);
  absl::StatusOr<PersonAnswer> AddPerson(const Context& context, const AddPersonRequest& request);
  absl::StatusOr<PersonAnswer> IdentifyPerson(const Context& context,
                                              const IdentifyPersonRequest& request);
  absl::StatusOr<Done> IntroducePerson(const Context& context,
                                       const IntroducePersonRequest& request);
  absl::StatusOr<Done> PlaceOnTafel(const Context& context, const PlaceOnTafelRequest& request);
  absl::StatusOr<Done> AddDeelnemer(const Context& context, const AddDeelnemerRequest& request);
  absl::StatusOr<Done> RemoveDeelnemer(const Context& context,
                                       const RemoveDeelnemerRequest& request);
  absl::StatusOr<ScaleCasusAnswer> ScaleCasus(const Context& context,
                                              const ScaleCasusRequest& request);
  absl::StatusOr<AcceptScalingAnswer> AcceptScaling(const Context& context,
                                                    const AcceptScalingRequest& request);
  absl::StatusOr<Done> CloseCasus(const Context& context, const CloseCasusRequest& request);
  absl::StatusOr<CasusView> GetCasus(const std::string& casus_id);
  absl::StatusOr<CasusPage> ListCasussen(const Page& page = {});

  // ---- Sharing (sharing.h) ----

  absl::StatusOr<RequestFieldsAnswer> RequestFields(const Context& context,
                                                    const RequestFieldsRequest& request);
  // The same without waiting; any number may be under way. `done` is called exactly once, from a
  // thread of the library or from this one; it must not block, nor destroy this client.
  void RequestFieldsAsync(const Context& context, const RequestFieldsRequest& request,
                          std::function<void(absl::StatusOr<RequestFieldsAnswer>)> done);

  // ---- Deposits (field.h) ----

  absl::StatusOr<DepositFieldAnswer> DepositField(const Context& context,
                                                  const DepositFieldRequest& request);
  absl::StatusOr<DepositFieldAnswer> KeepAtSource(const Context& context,
                                                  const KeepAtSourceRequest& request);
  absl::StatusOr<Done> CorrectField(const Context& context, const CorrectFieldRequest& request);
  absl::StatusOr<Done> WithdrawField(const Context& context, const WithdrawFieldRequest& request);

  // ---- Values that we keep ourselves (source.h) ----

  // Answers the broker's questions from now on, until the object ends: before this client does.
  // Errors: OPTION_INVALID.
  absl::StatusOr<std::unique_ptr<SourceAnswers>> AnswerQuestions(SourceOptions options,
                                                                 SourceHandler handler);

  // ---- Consent (consent.h) ----

  absl::StatusOr<RecordConsentAnswer> RecordConsent(const Context& context,
                                                    const RecordConsentRequest& request);
  absl::StatusOr<Done> ConfirmConsent(const Context& context, const ConfirmConsentRequest& request);
  absl::StatusOr<WithdrawConsentAnswer> WithdrawConsent(const Context& context,
                                                        const WithdrawConsentRequest& request);

  // ---- Facts (fact.h) ----

  absl::StatusOr<RecordFactAnswer> RecordFact(const Context& context,
                                              const RecordFactRequest& request);
  absl::StatusOr<Done> WithdrawFact(const Context& context, const WithdrawFactRequest& request);

  // ---- The person concerned (person.h) ----

  absl::StatusOr<RecordInformedAnswer> RecordInformed(const Context& context,
                                                      const RecordInformedRequest& request);
  absl::StatusOr<PostponeInformingAnswer> PostponeInforming(
      const Context& context, const PostponeInformingRequest& request);
  absl::StatusOr<DutyPage> ListDuties(const ListDutiesRequest& request = {});
  absl::StatusOr<ListReviewsAnswer> ListReviews(const Context& context,
                                                const ListReviewsRequest& request);
  absl::StatusOr<Done> CloseReview(const Context& context, const CloseReviewRequest& request);
  absl::StatusOr<InzageReport> GetInzageReport(const Context& context,
                                               const InzageReportRequest& request);
  absl::StatusOr<AskCorrectionAnswer> AskCorrection(const Context& context,
                                                    const AskCorrectionRequest& request);
  absl::StatusOr<Done> AnswerCorrection(const Context& context,
                                        const AnswerCorrectionRequest& request);
  // Of the context, only the hat is used.
  absl::StatusOr<Correction> GetCorrection(const Context& context,
                                           const std::string& correction_id);
  absl::StatusOr<ApproveEmergencyAnswer> ApproveEmergency(const Context& context,
                                                          const ApproveEmergencyRequest& request);

  // ---- The Wams track (wams.h) ----

  absl::StatusOr<WamsReportAnswer> ReportWams(const Context& context,
                                              const WamsReportRequest& request);
  absl::StatusOr<WamsAnswer> RecordWamsInforming(const Context& context,
                                                 const WamsInformingRequest& request);
  absl::StatusOr<WamsAnswer> OpenWamsInquiry(const Context& context,
                                             const WamsInquiryRequest& request);
  absl::StatusOr<WamsAnswer> RecordWamsPart(const Context& context, const WamsPartRequest& request);
  absl::StatusOr<WamsAnswer> TakeBackWamsPart(const Context& context,
                                              const WamsTakeBackRequest& request);
  absl::StatusOr<WamsAnswer> MoveWamsStage(const Context& context, const WamsStageRequest& request);
  absl::StatusOr<WamsTrack> GetWamsTrack(const Context& context, const std::string& casus_id);

  // ---- Signals (signal.h) ----

  absl::StatusOr<SendSignalAnswer> SendSignal(const Context& context,
                                              const SendSignalRequest& request);
  absl::StatusOr<AnswerSignalAnswer> AnswerSignal(const Context& context,
                                                  const AnswerSignalRequest& request);
  absl::StatusOr<Signal> GetSignal(const Context& context, const std::string& signal_id);
  // Those that the acting hat sent or received; with `open`, only those without an answer.
  absl::StatusOr<SignalPage> ListSignals(const Context& context, bool open = false,
                                         const Page& page = {});

  // ---- Escalation (escalation.h) ----

  absl::StatusOr<EscalateAnswer> Escalate(const Context& context, const EscalateRequest& request);

  // ---- Prioritised casussen (priority_list.h) ----

  absl::StatusOr<Done> PutCriteria(const Context& context, const PutCriteriaRequest& request);
  absl::StatusOr<Done> PutOnList(const Context& context, const PutOnListRequest& request);
  absl::StatusOr<Done> TakeOffList(const Context& context, const TakeOffListRequest& request);
  absl::StatusOr<PriorityList> GetPriorityList(const std::string& tafel, const Page& page = {});

  // ---- Decisions that are asked of us (decision.h) ----

  absl::StatusOr<DecisionRequestPage> ListDecisionRequests(
      const ListDecisionRequestsRequest& request = {}, const Page& page = {});
  // Of the context, only hat and professional are used: motivations are for who decides.
  absl::StatusOr<DecisionRequest> GetDecisionRequest(const Context& context, const std::string& id);
  absl::StatusOr<DecideAnswer> Decide(const Context& context, const DecideRequest& request);

  // ---- What happened that concerns us (notification.h) ----

  // Hands over events from now on, until the object ends: before this client does. Errors:
  // OPTION_INVALID.
  absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(SubscribeOptions options,
                                                          NoticeHandler handler);
  absl::StatusOr<NoticePage> ListNotices(const ListNoticesRequest& request = {});

  // ---- Professionals (professional.h) ----

  // Of the context, only request_id and timeout are used.
  absl::StatusOr<Done> PutProfessional(const Context& context,
                                       const PutProfessionalRequest& request);
  absl::StatusOr<ProfessionalPage> ListProfessionals(const Page& page = {});

  // ---- The log (audit_log.h) ----

  absl::StatusOr<SearchEventsAnswer> SearchEvents(const Context& context,
                                                  const SearchEventsRequest& request);
  absl::StatusOr<ReadEntriesAnswer> ReadEntries(const Context& context,
                                                const ReadEntriesRequest& request);
  absl::StatusOr<Checkpoint> GetCheckpoint();
  absl::StatusOr<InclusionProof> GetInclusionProof(const InclusionProofRequest& request);
  absl::StatusOr<ConsistencyProof> GetConsistencyProof(uint64_t old_size, uint64_t new_size);

  // ---- What this client has verified ----

  // The newest verified checkpoint; absent before the first.
  [[nodiscard]] std::optional<std::string> trusted_checkpoint() const;
  [[nodiscard]] SequenceReport sequence() const;
  // The key and the origin by which checkpoints are verified.
  [[nodiscard]] std::string log_key() const;
  [[nodiscard]] std::string log_origin() const;
  // Writes the newest checkpoint to the state file now. OK without one.
  // UNAVAILABLE / STATE_FILE_UNWRITABLE, also for an earlier write that failed meanwhile.
  absl::Status Flush();

 private:
  friend class ClientMaker;  // src/client_maker.h
  explicit Client(std::unique_ptr<internal::Session> session);
  std::unique_ptr<internal::Session> session_;
};

}  // namespace sluis::client
