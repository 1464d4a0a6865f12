#pragma once

#include <string_view>

// What can go wrong with a call, as the reasons of the statuses that the library returns
// (ReasonOf() and MetadataOf() of sluis/base/errors.h). A reason is stable for ever; the texts may
// change. Reasons of the broker travel unchanged and stand in docs/errors.md; these are our own.
//
// Before anything is sent:
//
//   OPTION_MISSING            INVALID_ARGUMENT     option             mandatory and not given
//   OPTION_INVALID            INVALID_ARGUMENT     option             given, and impossible
//   MALFORMED                 INVALID_ARGUMENT     field              an element of the request
//   FILE_MISSING              NOT_FOUND            file               no such file
//   FILE_UNREADABLE           PERMISSION_DENIED    file               is there, cannot be read
//   CERTIFICATE_MISSING       INVALID_ARGUMENT     option             the broker asks for one
//   CERTIFICATE_MALFORMED     INVALID_ARGUMENT     file               no certificate in PEM
//   KEY_MALFORMED             INVALID_ARGUMENT     file               no key, or with a password
//   KEY_MISMATCH              INVALID_ARGUMENT     file               not of this certificate
//   CA_MALFORMED              INVALID_ARGUMENT     file               no certificate in PEM
//   CERTIFICATE_EXPIRED       UNAUTHENTICATED      file, not_after
//   CERTIFICATE_NOT_YET_VALID UNAUTHENTICATED      file, not_before
//   OIN_MISSING               UNAUTHENTICATED      file               no subject.serialNumber
//   OIN_AMBIGUOUS             UNAUTHENTICATED      file               more than one
//   OIN_MALFORMED             UNAUTHENTICATED      file               that is no OIN
//   LOG_KEY_MISSING           INVALID_ARGUMENT                        nothing to verify with
//   LOG_KEY_INVALID           INVALID_ARGUMENT                        not "name+hash+key"
//   STATE_FILE_INVALID        DATA_LOSS            file               no checkpoint of this log
//   STATE_FILE_UNWRITABLE     UNAVAILABLE          file
//   RANDOM_FAILED             INTERNAL                                no random bytes to be had
//
// On the way. Those above come here too, with target and transport in their metadata:
//
//   BROKER_UNREACHABLE        UNAVAILABLE          target             nobody answers there
//   BROKER_UNTRUSTED          UNAVAILABLE          target             not below ca_file, or expired
//   BROKER_NAME_MISMATCH      UNAVAILABLE          target             somebody else's certificate
//   CERTIFICATE_UNTRUSTED     UNAVAILABLE          target             closed; not below ca_file
//   BROKER_REFUSED            UNAVAILABLE          target             closed; we see nothing wrong
//   TIMEOUT                   DEADLINE_EXCEEDED                       may have been done
//   CANCELLED                 CANCELLED
//   TRANSPORT                 as gRPC said                            anything else of gRPC
//
// In the answer, which is not to be trusted:
//
//   ANSWER_MALFORMED          DATA_LOSS                               cannot be read
//   ANSWER_MISMATCH           DATA_LOSS                               about something else
//   RECEIPT_MISSING           DATA_LOSS                               an answer without proof
//   RECEIPT_MALFORMED         DATA_LOSS                               cannot be read
//   RECEIPT_REQUEST           DATA_LOSS                               proof of another request
//   RECEIPT_ANSWER            DATA_LOSS                               proof of another answer
//   RECEIPT_KIND              DATA_LOSS                               an entry of another kind, or
//                                                                     of no call of ours
//   LEAF_..., PROOF_..., NOTE_..., CHECKPOINT_...                     no proof: audit/receipt.h
//   LOG_FORKED                DATA_LOSS            size, remembered,  two histories: keep both
//                                                  conflicting
//   CONSISTENCY_NEEDED        FAILED_PRECONDITION  old_size, new_size no proof of one history
//   SEQUENCE_GAP              DATA_LOSS            missing            entries of ours that we did
//                                                                     not make, e.g. "41-43"
//   SEQUENCE_REPEATED         DATA_LOSS            number             two entries, one number
//   VALUE_COMMITMENT          DATA_LOSS            field              not the value in the log
//   VALUE_MISSING             DATA_LOSS            field              said to come, and did not
//   VALUE_UNEXPECTED          DATA_LOSS            field              came, and was not released
//   DELIVERY_MISSING          DATA_LOSS            field              not told what became of it
//
// Reasons of the last part mean: do not trust this answer, keep what you have (the state file, the
// receipts), and ask the broker's operator. When the answer was an error of the broker itself, its
// reason stands in the metadata `broker_reason`. An error of the broker whose proof was verified
// has the place of its entry in the metadata `log_index`.
namespace sluis::client {

// Whether a reason says that an answer could not be verified: the last part of the table.
bool IsVerificationFailure(std::string_view reason);

}  // namespace sluis::client
