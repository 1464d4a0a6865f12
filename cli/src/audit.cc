#include "commands.h"

namespace sluis::cli {

void AddAudit(CLI::App& parent, Context& context) {
  CLI::App* audit = parent.add_subcommand(
      "audit", "Read the log, take it home, and verify that nothing in it was changed");
  audit->require_subcommand(1);
  AddAuditSearch(*audit, context);
  AddAuditRead(*audit, context);
  AddAuditExport(*audit, context);
  AddAuditVerify(*audit, context);
  AddAuditProof(*audit, context);
  AddAuditVerifyProof(*audit, context);
  AddAuditCheckpoint(*audit, context);
  audit->footer(
      "verify and verify-proof need no broker. They, and the receipts of every other command, are\n"
      "checked with the verifier key of the log: one line `name+id+base64`, no secret. The broker\n"
      "tells it when it starts (`log_key` in its own log), `sluis audit checkpoint` shows it; "
      "compare\n"
      "the two with what the operator published.");
}

}  // namespace sluis::cli
