#pragma once

#include "sluis/textproto/document.h"
#include "sluis/textproto/issue.h"

// The documents of the policy (proto/sluis/policy/v1/), as people write them.
namespace sluis::policy {

namespace v1 {
class Statute;
class Convenant;
class OperatorSwitches;
class PolicyCases;
class Texts;
}  // namespace v1

using textproto::Document;
using textproto::FormatIssue;
using textproto::FormatIssueWithSource;
using textproto::HasErrors;
using textproto::Issue;
using textproto::ParseDocument;
using textproto::ParseResult;
using textproto::Path;

}  // namespace sluis::policy
