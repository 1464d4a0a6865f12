#include "sluis/client/priority_list.h"

#include "convert.h"
#include "send.h"

#include "sluis/client/client.h"
#include "sluis/v1/priority_list.pb.h"

namespace sluis::client {

using internal::AskFor;
using internal::From;
using internal::ReadDay;
using internal::SendForNothing;

absl::StatusOr<Done> Client::PutCriteria(const Context& context,
                                         const PutCriteriaRequest& request) {
  auto message = From<v1::PutCriteriaRequest>(context);
  message.set_tafel(request.tafel);
  message.set_text(request.text);
  return SendForNothing<v1::PutCriteriaAnswer>(
      *session_, "/sluis.v1.PriorityListService/PutCriteria", context, std::move(message));
}

absl::StatusOr<Done> Client::PutOnList(const Context& context, const PutOnListRequest& request) {
  auto message = From<v1::PutOnListRequest>(context);
  message.set_tafel(request.tafel);
  message.set_casus_id(request.casus_id);
  message.set_reason(request.reason);
  return SendForNothing<v1::PutOnListAnswer>(*session_, "/sluis.v1.PriorityListService/PutOnList",
                                             context, std::move(message));
}

absl::StatusOr<Done> Client::TakeOffList(const Context& context,
                                         const TakeOffListRequest& request) {
  auto message = From<v1::TakeOffListRequest>(context);
  message.set_tafel(request.tafel);
  message.set_casus_id(request.casus_id);
  return SendForNothing<v1::TakeOffListAnswer>(
      *session_, "/sluis.v1.PriorityListService/TakeOffList", context, std::move(message));
}

absl::StatusOr<PriorityList> Client::GetPriorityList(const std::string& tafel, const Page& page) {
  v1::GetListRequest message;
  message.set_tafel(tafel);
  message.set_page_size(page.size);
  message.set_page_token(page.token);
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      AskFor<v1::GetListResponse>(*session_, "/sluis.v1.PriorityListService/GetList", message));
  PriorityList out;
  out.criteria = response.criteria();
  out.criteria_since = ReadDay(response.criteria_since());
  for (const v1::PriorityCasus& casus : response.casussen())
    out.casussen.push_back({casus.casus_id(), casus.reason(), ReadDay(casus.since())});
  out.next_page_token = response.next_page_token();
  return out;
}

}  // namespace sluis::client
