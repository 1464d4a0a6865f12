#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "core.h"
#include "notice_hub.h"

#include "sluis/state/notices.h"
#include "sluis/v1/notification.pb.h"

// NotificationService: the outbox as a stream of CloudEvents, and as pages.
namespace sluis::broker {
namespace {

using store::v1::Notice;
using store::v1::NoticeType;

constexpr int kMostTypes = 100;

// "nl.sluis.decision-asked" for DECISION_ASKED.
std::string TypeName(NoticeType::Id type) {
  std::string name = NoticeType::Id_Name(type);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return absl::StrCat("nl.sluis.", name);
}

absl::StatusOr<int> TypeOf(std::string_view path, const std::string& name) {
  for (int type = NoticeType::Id_MIN + 1; type <= NoticeType::Id_MAX; ++type) {
    if (NoticeType::Id_IsValid(type) && TypeName(static_cast<NoticeType::Id>(type)) == name)
      return type;
  }
  return Malformed(path, "not a type of event");
}

std::string DataOf(const Notice& notice) {
  v1::EventData data;
  data.set_casus_id(notice.casus_id());
  data.set_subject_id(notice.subject_id());
  data.set_person_id(notice.person_id());
  data.set_hat(notice.hat());
  if (notice.has_other()) *data.mutable_other() = notice.other();
  *data.mutable_fields() = notice.fields();
  data.set_phase(notice.phase());
  data.set_stage(notice.stage());
  data.set_tafel(notice.tafel());
  data.set_day(notice.day());
  data.set_result(notice.result());
  for (const auto& condition : notice.conditions()) {
    v1::EventCondition& out = *data.add_conditions();
    out.set_kind(condition.kind());
    out.set_until(condition.until());
    out.set_tafel(condition.tafel());
  }
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  // Cannot fail: text that came through the door is UTF-8.
  if (!google::protobuf::util::MessageToJsonString(data, &json, options).ok()) json = "{}";
  return json;
}

v1::CloudEvent EventOf(const std::string& source, const std::string& partij,
                       state::NoticeCursor cursor, const Notice& notice) {
  v1::CloudEvent event;
  event.set_id(absl::StrCat(partij, "-", cursor.ToString()));
  event.set_source(source);
  event.set_specversion("1.0");
  event.set_type(TypeName(notice.type()));
  event.set_subject(notice.casus_id());
  event.set_time(absl::FormatTime(absl::RFC3339_full, absl::FromUnixMicros(notice.time()),
                                  absl::UTCTimeZone()));
  event.set_datacontenttype("application/json");
  event.set_data(DataOf(notice));
  return event;
}

// What Subscribe and ListNotices have in common.
template <typename Request>
absl::StatusOr<NoticeFeed::Start> StartOf(const Request& request) {
  NoticeFeed::Start start;
  if (!v1::NoticeStart_IsValid(request.start())) return Malformed("start", "not a start");
  if (!request.cursor().empty()) {
    SLUIS_ASSIGN_OR_RETURN(start.cursor, state::NoticeCursor::Parse(request.cursor()));
  } else if (request.start() == v1::NOTICE_START_OLDEST) {
    start.cursor = state::NoticeCursor::Start();
  }
  if (request.types_size() > kMostTypes) return Malformed("types", "more than 100");
  for (int i = 0; i < request.types_size(); ++i) {
    SLUIS_ASSIGN_OR_RETURN(const int type,
                           TypeOf(absl::StrCat("types[", i, "]"), request.types(i)));
    start.types.insert(type);
  }
  return start;
}

// The system that events come from: as the NL GOV profile recommends, where the broker has an OIN.
std::string SourceOf(const Core& core) {
  const std::string& log = core.options.ledger->verifier().name();
  if (core.options.oin.empty()) return absl::StrCat("urn:sluis:", log);
  return absl::StrCat("urn:nld:oin:", core.options.oin, ":systeem:", log);
}

class NoticeStream final : public Stream {
 public:
  explicit NoticeStream(std::shared_ptr<NoticeFeed> feed) : feed_(std::move(feed)) {}

  void OnMessage(std::string message) override {
    if (begun_) return feed_->End(Malformed("message", "a stream has one request"));
    begun_ = true;
    v1::SubscribeRequest request;
    if (absl::Status read = wire::ParseStrict(message, request); !read.ok())
      return feed_->End(std::move(read));
    auto start = StartOf(request);
    if (!start.ok()) return feed_->End(start.status());
    feed_->Begin(*std::move(start));
  }
  void OnLastMessage() override {
    if (!begun_) feed_->End(Malformed("message", "missing"));
  }
  void OnRoom() override { feed_->HasRoom(); }
  void OnEnd() override { feed_->Stop(); }

 private:
  const std::shared_ptr<NoticeFeed> feed_;
  bool begun_ = false;
};

std::unique_ptr<Stream> Subscribe(Core& core, const Oin& oin, std::string partij,
                                  std::shared_ptr<StreamPeer> peer) {
  const BrokerOptions& options = core.options;
  auto encode = [source = SourceOf(core), partij](state::NoticeCursor cursor,
                                                  const Notice* notice) {
    v1::SubscribeResponse response;
    if (notice != nullptr) *response.mutable_event() = EventOf(source, partij, cursor, *notice);
    response.set_cursor(cursor.ToString());
    return wire::Canonical(response);
  };
  auto feed = std::make_shared<NoticeFeed>(NoticeSource{options.store, options.vault, options.pool},
                                           oin, std::move(partij), peer, std::move(encode));
  if (absl::Status added = core.hub->Add(feed); !added.ok()) {
    peer->End(std::move(added));
    return nullptr;
  }
  return std::make_unique<NoticeStream>(std::move(feed));
}

void ListNotices(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::ListNoticesRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size(), 100, 500));
      SLUIS_ASSIGN_OR_RETURN(const NoticeFeed::Start start, StartOf(request));
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      SLUIS_ASSIGN_OR_RETURN(const store::HeadRow head, reader->Head());
      const auto end = state::NoticeCursor::OfSize(head.size);
      state::NoticeCursor cursor = start.cursor.value_or(end);
      SLUIS_RETURN_IF_ERROR(state::CheckCursor(*reader, cursor));
      v1::ListNoticesResponse response;
      // A page is filled whatever the types leave out.
      for (bool more = true; more;) {
        SLUIS_ASSIGN_OR_RETURN(
            const auto notices,
            state::ReadNotices(*reader, *core.options.vault, call->partij, cursor, size + 1));
        more = notices.size() > size;
        for (const state::StoredNotice& stored : notices) {
          const bool wanted = start.types.empty() || start.types.count(stored.notice.type()) != 0;
          if (wanted && static_cast<size_t>(response.events_size()) == size) {
            response.set_more(true);
            more = false;
            break;
          }
          cursor = stored.cursor;
          if (wanted)
            *response.add_events() = EventOf(SourceOf(core), call->partij, cursor, stored.notice);
        }
      }
      if (!response.more()) cursor = std::max(cursor, end);
      response.set_cursor(cursor.ToString());
      return wire::Canonical(response);
    }());
  });
}

}  // namespace

void AddNotification(Handlers& handlers) {
  handlers["/sluis.v1.NotificationService/ListNotices"] = &ListNotices;
}

void AddNotificationStreams(StreamHandlers& handlers) {
  handlers["/sluis.v1.NotificationService/Subscribe"] = &Subscribe;
}

}  // namespace sluis::broker
