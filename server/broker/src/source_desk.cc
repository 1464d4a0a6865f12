#include "source_desk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "content.h"

#include "sluis/base/errors.h"
#include "sluis/base/secret_bytes.h"
#include "sluis/crypto/crypto.h"
#include "sluis/wire/message.h"

namespace sluis::broker {
namespace {

using v1::DeliveryOutcome;

// Whether what the source says of a value is what it announced, on which the decision rests. What
// it leaves out is.
bool IsAsAnnounced(const v1::ValueContent& content, const v1::ValueContent& announced) {
  if (!content.value_date().empty() && content.value_date() != announced.value_date()) return false;
  if (content.has_labels() &&
      wire::Canonical(content.labels()) != wire::Canonical(announced.labels())) {
    return false;
  }
  if (content.conditions().empty()) return true;
  return content.conditions_size() == announced.conditions_size() &&
         std::equal(content.conditions().begin(), content.conditions().end(),
                    announced.conditions().begin(), [](const auto& a, const auto& b) {
                      return wire::Canonical(a) == wire::Canonical(b);
                    });
}

}  // namespace

SourceDesk::SourceDesk(ThreadPool& pool, absl::Duration time_limit)
    : pool_(pool), time_limit_(time_limit) {}

void SourceDesk::Ask(Question question, absl::Duration within, Done done) {
  const auto id = crypto::RandomUuid();
  if (!id.ok()) {
    std::map<std::string, Told> told;
    for (const Asked& asked : question.fields)
      told[asked.name].outcome = DeliveryOutcome::SOURCE_UNREACHABLE;
    return pool_.Post([done = std::move(done), told = std::move(told)] { done(told); });
  }
  question.message.set_question_id(id->ToString());
  {
    const MutexLock lock(mutex_);
    Waiting& waiting = waiting_[*id];
    waiting.question = std::make_shared<const Question>(std::move(question));
    waiting.done = std::move(done);
    waiting.timer = timer_.After(within, [this, id = *id] { Expire(id); });
  }
  Dispatch(*id);
}

void SourceDesk::Dispatch(const Uuid& id) {
  while (true) {
    std::shared_ptr<StreamPeer> peer;
    v1::AnswerResponse message;
    uint64_t chosen = 0;
    {
      const MutexLock lock(mutex_);
      const auto found = waiting_.find(id);
      if (found == waiting_.end()) return;
      Waiting& waiting = found->second;
      const Question& question = *waiting.question;
      const auto newest =
          std::find_if(streams_.rbegin(), streams_.rend(), [&](const auto& candidate) {
            const Open& open = candidate.second;
            return open.partij == question.partij && open.oin == question.oin &&
                   open.hats.contains(question.message.hat()) &&
                   !waiting.full.contains(candidate.first);
          });
      if (newest == streams_.rend()) return End(found, DeliveryOutcome::SOURCE_UNREACHABLE);
      chosen = newest->first;
      waiting.stream = chosen;
      peer = newest->second.peer;
      *message.mutable_question() = question.message;
      for (const Asked& asked : question.fields) {
        if (!waiting.told.contains(asked.name)) message.mutable_question()->add_fields(asked.name);
      }
    }
    // Without the lock: the peer may tell at once that the stream is over.
    if (peer->Send(wire::Canonical(message))) return;
    const MutexLock lock(mutex_);
    const auto found = waiting_.find(id);
    // Whoever ended the stream has seen to its questions.
    if (found == waiting_.end() || found->second.stream != chosen) return;
    found->second.full.insert(chosen);
  }
}

void SourceDesk::End(WaitingMap::iterator waiting, DeliveryOutcome::Id rest) {
  auto told = std::make_shared<std::map<std::string, Told>>(std::move(waiting->second.told));
  for (const Asked& asked : waiting->second.question->fields) {
    const auto [entry, untold] = told->try_emplace(asked.name);
    if (untold) entry->second.outcome = rest;
  }
  timer_.Cancel(waiting->second.timer);
  pool_.Post([done = std::move(waiting->second.done), told] { done(std::move(*told)); });
  waiting_.erase(waiting);
}

void SourceDesk::Expire(const Uuid& id) {
  const MutexLock lock(mutex_);
  const auto found = waiting_.find(id);
  if (found != waiting_.end()) End(found, DeliveryOutcome::SOURCE_SILENT);
}

absl::StatusOr<uint64_t> SourceDesk::Enter(std::string partij, const Oin& oin,
                                           std::set<std::string> hats,
                                           std::shared_ptr<StreamPeer> peer) {
  const MutexLock lock(mutex_);
  const auto of_partij = std::count_if(streams_.begin(), streams_.end(), [&](const auto& open) {
    return open.second.partij == partij;
  });
  if (static_cast<size_t>(of_partij) >= kMostStreams) {
    return ResourceExhausted("TOO_MANY_STREAMS",
                             absl::StrCat("a partij has at most ", kMostStreams, " streams open"));
  }
  const uint64_t id = next_stream_++;
  streams_[id] = {std::move(partij), oin.text(), std::move(hats), std::move(peer)};
  return id;
}

void SourceDesk::Leave(uint64_t stream, Why why) {
  std::vector<Uuid> orphans;
  {
    const MutexLock lock(mutex_);
    if (streams_.erase(stream) == 0) return;
    for (auto next = waiting_.begin(); next != waiting_.end();) {
      const auto current = next++;
      if (current->second.stream != stream) continue;
      if (why == Why::kUnreadable) {
        End(current, DeliveryOutcome::SOURCE_ANSWER_REFUSED);
      } else {
        orphans.push_back(current->first);
      }
    }
  }
  for (const Uuid& id : orphans) Dispatch(id);
}

SourceDesk::Told SourceDesk::Judge(const Question& question, const Asked& asked,
                                   const v1::AnsweredField& said, v1::AnswerRefused& refused) {
  Told told;
  const auto refuse = [&](std::string_view reason, std::string_view element) {
    refused.set_reason(std::string(reason));
    refused.set_element(std::string(element));
    told.outcome = DeliveryOutcome::SOURCE_ANSWER_REFUSED;
    return told;
  };
  switch (said.result_case()) {
    case v1::AnsweredField::kNoneHeld:
      told.outcome = DeliveryOutcome::NONE_HELD;
      return told;
    case v1::AnsweredField::kObjection: {
      // A ground that this version does not know is an objection all the same.
      const auto ground = said.objection().ground();
      const bool known = v1::ObjectionGround::Id_IsValid(ground) &&
                         ground != v1::ObjectionGround::OBJECTION_GROUND_UNSPECIFIED;
      told.outcome = DeliveryOutcome::SOURCE_OBJECTS;
      told.ground = known ? ground : v1::ObjectionGround::OTHER_GROUND;
      return told;
    }
    case v1::AnsweredField::kContent:
      break;
    case v1::AnsweredField::RESULT_NOT_SET:
      return refuse("MALFORMED", "result");
  }
  const v1::ValueContent& content = said.content();
  if (!content.has_value()) return refuse("MALFORMED", "content.value");
  const FieldRules rules{*question.policy, question.hat, asked.field, asked.min_cell};
  if (const absl::Status value = CheckFieldValue(rules, "content.value", content.value());
      !value.ok()) {
    return refuse("MALFORMED", MetadataOf(value)[std::string(kFieldKey)]);
  }
  if (!IsAsAnnounced(content, *asked.announced)) return refuse("ANNOUNCED_OTHERWISE", "content");
  v1::ValueContent delivered = *asked.announced;
  *delivered.mutable_value() = content.value();
  told.outcome = DeliveryOutcome::DELIVERED;
  told.content = wire::Canonical(delivered);
  return told;
}

void SourceDesk::Answer(uint64_t stream, const v1::SourceAnswer& answer) {
  std::vector<v1::AnswerRefused> refusals;
  const auto refuse = [&](std::string_view field, std::string_view reason) {
    v1::AnswerRefused& refused = refusals.emplace_back();
    refused.set_field(std::string(field));
    refused.set_reason(std::string(reason));
  };
  const auto id = Uuid::Parse(answer.question_id());
  std::shared_ptr<const Question> question;
  std::shared_ptr<StreamPeer> peer;
  {
    const MutexLock lock(mutex_);
    const auto open = streams_.find(stream);
    if (open == streams_.end()) return;
    peer = open->second.peer;
    if (id.ok()) {
      const auto found = waiting_.find(*id);
      // One that was asked of another stream is as good as none.
      if (found != waiting_.end() && found->second.stream == stream)
        question = found->second.question;
    }
  }
  if (question == nullptr) {
    refuse("", "QUESTION_UNKNOWN");
  } else {
    // Judged without the lock: a value may be large.
    std::map<std::string, Told> told;
    for (const v1::AnsweredField& said : answer.fields()) {
      const auto asked = std::find_if(question->fields.begin(), question->fields.end(),
                                      [&](const Asked& each) { return each.name == said.field(); });
      if (asked == question->fields.end() || told.contains(said.field())) {
        // No field is named back that the source made up.
        refuse(asked == question->fields.end() ? "" : said.field(), "FIELD_NOT_ASKED");
        continue;
      }
      v1::AnswerRefused refused;
      told[said.field()] = Judge(*question, *asked, said, refused);
      if (refused.reason().empty()) continue;
      refused.set_field(said.field());
      refusals.push_back(std::move(refused));
    }
    const MutexLock lock(mutex_);
    const auto found = waiting_.find(*id);
    if (found == waiting_.end() || found->second.stream != stream) {
      refusals.clear();
      refuse("", "QUESTION_UNKNOWN");
    } else {
      for (auto& [field, said] : told) {
        if (!found->second.told.try_emplace(field, std::move(said)).second)
          refuse(field, "FIELD_NOT_ASKED");
      }
      if (found->second.told.size() == question->fields.size())
        End(found, DeliveryOutcome::SOURCE_SILENT);
    }
    for (auto& [field, said] : told) Wipe(said.content);
  }
  for (v1::AnswerRefused& refused : refusals) {
    refused.set_question_id(answer.question_id());
    v1::AnswerResponse message;
    *message.mutable_refused() = std::move(refused);
    if (!peer->Send(wire::Canonical(message))) break;
  }
}

}  // namespace sluis::broker
