#include "sluis/policy/sign.h"

#include "../engine/compiled.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "sluis/base/bytes.h"
#include "sluis/base/text.h"

namespace sluis::policy {

std::string CanonicalAgreement(const Policy& policy) {
  std::string out = "sluis agreement v1";
  out.push_back('\0');
  for (const google::protobuf::Message* message :
       {static_cast<const google::protobuf::Message*>(&policy.statute()),
        static_cast<const google::protobuf::Message*>(&policy.convenant())}) {
    std::string bytes;
    message->SerializeToString(&bytes);
    AppendU64(out, bytes.size());
    out += bytes;
  }
  return out;
}

std::string SigningStatement(const Policy& policy, PartijId partij,
                             std::string_view agreement_hash) {
  const v1::Partij& party = policy.convenant().parties(partij.index());
  return absl::StrCat("sluis convenant signature v1\n",                                      //
                      "convenant ", policy.convenant_id(), " ", policy.convenant_version(),  //
                      "\nstatute ", policy.statute().id(), " ", policy.statute_version(),    //
                      "\nagreement sha256:", absl::BytesToHexString(ToAbsl(agreement_hash)),
                      "\npartij ", party.id(), " ", party.oin(), "\n");
}

std::vector<PartijId> MustSign(const Policy& policy, CivilDate day) {
  std::vector<PartijId> partijen;
  const auto& all = policy.compiled().partij;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].acceded <= day.days() && day.days() <= all[i].left)
      partijen.emplace_back(static_cast<uint16_t>(i));
  }
  return partijen;
}

std::vector<SignatureProblem> CheckSignatures(const Policy& policy, CivilDate day,
                                              std::string_view agreement_hash,
                                              const OpenSignature& open) {
  std::vector<SignatureProblem> problems;
  for (const PartijId id : MustSign(policy, day)) {
    const std::string& partij = policy.NameOf(id);
    const absl::StatusOr<std::string> text = open(partij);
    if (absl::IsNotFound(text.status())) {
      problems.push_back({"SIGNATURE_MISSING", partij, partij + " has not signed"});
    } else if (!text.ok()) {
      problems.push_back({"SIGNATURE_INVALID", partij,
                          absl::StrCat("the signature of ", partij,
                                       " does not verify: ", text.status().message())});
    } else if (*text != SigningStatement(policy, id, agreement_hash)) {
      problems.push_back({"SIGNATURE_OTHER", partij,
                          absl::StrCat("what ", partij, " signed is not this convenant")});
    }
  }
  return problems;
}

}  // namespace sluis::policy
