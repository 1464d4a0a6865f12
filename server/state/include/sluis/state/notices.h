#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/store/store.h"
#include "sluis/store/v1/notice.pb.h"
#include "sluis/vault/vault.h"

// The outbox: what the partijen are told of what happened. A notice is written in the transaction
// of the event that it tells of, so that there is never one without the other; it is read until it
// is too old. Its key is partij ‖ 0 ‖ index of the entry ‖ number, so the order of a partij's
// notices is the order of the log. Sealed with the broker's own key.
namespace sluis::state {

// Where a partij is in its notices: at the one with this entry and number.
struct NoticeCursor {
  uint64_t entry = 0;
  uint32_t number = 0;

  // Before every notice.
  static NoticeCursor Start() { return {}; }
  // After every notice of the entries of a log of this size.
  static NoticeCursor OfSize(uint64_t size) { return {size, 0}; }

  // As partijen keep it.
  [[nodiscard]] std::string ToString() const;
  // INVALID_ARGUMENT for anything that ToString() does not make.
  static absl::StatusOr<NoticeCursor> Parse(std::string_view text);

  friend auto operator<=>(const NoticeCursor&, const NoticeCursor&) = default;
};

struct StoredNotice {
  NoticeCursor cursor;
  store::v1::Notice notice;
};

// Tells the partij, when this transaction commits. Several notices of one entry are numbered
// from 1. `notice.person_id` is the partij's own id of the person; see notice.proto for what may be
// in it. Without a time it is read with that of the entry. Use cases call Notify() of the broker's
// notify.h, which wakes the streams as well; else they find it within a second.
absl::Status PutNotice(store::Transaction& transaction, vault::Vault& vault,
                       std::string_view partij, uint64_t entry, const store::v1::Notice& notice);

// The notices of the partij after `after`, in order, at most `limit`.
absl::StatusOr<std::vector<StoredNotice>> ReadNotices(store::Reader& reader, vault::Vault& vault,
                                                      std::string_view partij, NoticeCursor after,
                                                      size_t limit);
// Deletes notices of entries before `entry`, of all partijen, at most `limit`. Returns how many;
// remembers that cursors before `entry` may have missed something.
absl::StatusOr<size_t> DeleteNoticesBefore(store::Transaction& transaction, uint64_t entry,
                                           size_t limit);
// Whether every notice after the cursor is still there. FAILED_PRECONDITION / CURSOR_EXPIRED.
absl::Status CheckCursor(store::Reader& reader, NoticeCursor cursor);

}  // namespace sluis::state
