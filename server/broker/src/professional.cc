#include "core.h"

#include "sluis/v1/professional.pb.h"

namespace sluis::broker {

// The professional in this request is who is put on record, not who acts: a partij starts with
// none.
template <>
struct RequestTraits<v1::PutProfessionalRequest> {
  static std::string Hat(const v1::PutProfessionalRequest& request) {
    return request.hats_size() > 0 ? request.hats(0) : "";
  }
  static std::string Professional(const v1::PutProfessionalRequest& request) {
    return request.professional();
  }
  static constexpr bool kActs = false;
};

namespace {

absl::Status CheckPut(const v1::PutProfessionalRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckProfessional("professional", request.professional()));
  if (request.hats().empty()) return Malformed("hats", "missing");
  for (const int function : request.functions()) {
    if (function == policy::v1::ProfessionalFunction::PROFESSIONAL_FUNCTION_UNSPECIFIED) {
      return Malformed("functions", "not a function");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::PutProfessionalAnswer> Put(CommandContext& context,
                                              const v1::PutProfessionalRequest& request) {
  const auto partij = context.policy.FindPartij(context.partij);
  // A policy that came into force since the call came in may no longer have it.
  if (!partij) return PermissionDenied("NOT_A_PARTIJ", "the caller is no partij of the convenant");
  policy::v1::Professional professional;
  professional.set_id(request.professional());
  professional.set_partij(context.partij);
  for (int i = 0; i < request.hats_size(); ++i) {
    const auto hat = context.policy.FindHat(request.hats(i));
    if (!hat) return Malformed(absl::StrCat("hats[", i, "]"), "not a hat of the convenant");
    if (!context.policy.Holds(*partij, *hat))
      return NotAuthorised("the caller does not hold this hat");
    professional.add_hats(request.hats(i));
  }
  for (const int function : request.functions()) {
    professional.add_functions(static_cast<policy::v1::ProfessionalFunction::Id>(function));
  }
  professional.set_active(request.active());
  context.record.mutable_change()->set_subject_kind(request.active() ? "active" : "inactive");
  SLUIS_RETURN_IF_ERROR(context.state.PutProfessional(professional));
  return v1::PutProfessionalAnswer();
}

void ListProfessionals(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::ListProfessionalsRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size(), 25, 100));
      SLUIS_ASSIGN_OR_RETURN(const std::string after,
                             OpenPageToken(core, *call, request.page_token()));
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      state::StateReader state(*reader, *core.options.vault);
      SLUIS_ASSIGN_OR_RETURN(auto professionals,
                             state.Professionals(call->partij, after, size + 1));
      v1::ListProfessionalsResponse response;
      if (professionals.size() > size) {
        professionals.pop_back();
        SLUIS_ASSIGN_OR_RETURN(*response.mutable_next_page_token(),
                               MakePageToken(core, *call, professionals.back().id()));
      }
      for (const auto& professional : professionals) *response.add_professionals() = professional;
      return wire::Canonical(response);
    }());
  });
}

}  // namespace

void AddProfessional(Handlers& handlers) {
  handlers["/sluis.v1.ProfessionalService/PutProfessional"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::PutProfessionalRequest, v1::PutProfessionalAnswer>(
        core, call, {EventKind::PROFESSIONAL_PUT, &CheckPut, &Put});
  };
  handlers["/sluis.v1.ProfessionalService/ListProfessionals"] = &ListProfessionals;
}

}  // namespace sluis::broker
