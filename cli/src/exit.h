#pragma once

// How `sluis` ends. Part of its contract (docs/cli.md): scripts branch on these, so they never
// change their meaning.
namespace sluis::cli {

enum class Exit {
  kDone = 0,              // everything that was asked was done, or released
  kFailure = 1,           // anything that no other code says
  kUsage = 2,             // wrong use, or a request that is not well formed
  kNotReleased = 3,       // answered, but at least one field was not released
  kRefused = 4,           // refused: not allowed, not possible as things stand, or not there
  kUnreachable = 5,       // no answer from the broker, or no trust between it and us
  kNotVerified = 6,       // a receipt, a log or a proof is not what it should be
  kDocumentErrors = 7,    // documents with errors
  kDocumentWarnings = 8,  // documents with warnings, where warnings were said to count
  kDecidesOtherwise = 9,  // a case or a logged decision comes out otherwise, or coverage has gaps
  kDifferent = 10,        // two versions of a policy differ, where that was said to count
};

}  // namespace sluis::cli
