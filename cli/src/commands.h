#pragma once

#include "context.h"

// The commands, each in the file of its name; duty, inzage, correction, emergency and review in
// person.cc. Each function adds one to `parent`.
namespace sluis::cli {

void AddRequest(CLI::App& parent, Context& context);
void AddCasus(CLI::App& parent, Context& context);
void AddDeposit(CLI::App& parent, Context& context);
void AddSource(CLI::App& parent, Context& context);
void AddConsent(CLI::App& parent, Context& context);
void AddFact(CLI::App& parent, Context& context);
void AddDuty(CLI::App& parent, Context& context);
void AddInzage(CLI::App& parent, Context& context);
void AddCorrection(CLI::App& parent, Context& context);
void AddEmergency(CLI::App& parent, Context& context);
void AddReview(CLI::App& parent, Context& context);
void AddDecision(CLI::App& parent, Context& context);
void AddNotices(CLI::App& parent, Context& context);
void AddWams(CLI::App& parent, Context& context);
void AddSignal(CLI::App& parent, Context& context);
void AddEscalate(CLI::App& parent, Context& context);
void AddPriorityList(CLI::App& parent, Context& context);
void AddProfessional(CLI::App& parent, Context& context);
void AddAudit(CLI::App& parent, Context& context);
void AddPolicy(CLI::App& parent, Context& context);
void AddAdmin(CLI::App& parent, Context& context);

// Of `sluis policy`: one line in the table of policy.cc each.
void AddPolicyCheck(CLI::App& policy, Context& context);
void AddPolicyMatrix(CLI::App& policy, Context& context);
void AddPolicyDiff(CLI::App& policy, Context& context);
void AddPolicyTest(CLI::App& policy, Context& context);
void AddPolicyExplain(CLI::App& policy, Context& context);
void AddPolicyReplay(CLI::App& policy, Context& context);
void AddPolicySign(CLI::App& policy, Context& context);
void AddPolicyVerify(CLI::App& policy, Context& context);

// Of `sluis audit`: audit_read.cc, audit_export.cc, audit_verify.cc.
void AddAuditSearch(CLI::App& audit, Context& context);
void AddAuditRead(CLI::App& audit, Context& context);
void AddAuditExport(CLI::App& audit, Context& context);
void AddAuditVerify(CLI::App& audit, Context& context);
void AddAuditProof(CLI::App& audit, Context& context);
void AddAuditVerifyProof(CLI::App& audit, Context& context);
void AddAuditCheckpoint(CLI::App& audit, Context& context);

}  // namespace sluis::cli
