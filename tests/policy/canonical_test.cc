// One policy has one sequence of bytes, whose hash stands with every decision: it does not depend
// on comments or layout, and changes with every change of meaning.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "side_by_side.h"
#include "small_documents.h"

#include "sluis/policy/documents.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string CanonicalOf(std::string_view statute, std::string_view convenant,
                        std::string_view switches) {
  const auto s = ParseDocument<v1::Statute>("s", statute);
  const auto c = ParseDocument<v1::Convenant>("c", convenant);
  const auto w = ParseDocument<v1::OperatorSwitches>("w", switches);
  if (!s.document || !c.document || !w.document) return "";
  const CompileResult result = Compile(*s.document, *c.document, *w.document);
  return result.policy == nullptr ? "" : result.policy->canonical();
}

std::string Canonical(const Documents& documents) {
  const auto policy = CompileDocuments(documents);
  return policy == nullptr ? "" : policy->canonical();
}

TEST(CanonicalTest, CommentsAndLayoutDoNotCount) {
  const std::string plain = CanonicalOf(kSmallStatute, kSmallConvenant, kSmallSwitches);
  ASSERT_FALSE(plain.empty());
  std::string commented = "# een toelichting\n";
  for (const char byte : kSmallConvenant) {
    commented += byte;
    if (byte == '\n') commented += "  # nog een\n\n";
  }
  EXPECT_EQ(CanonicalOf(kSmallStatute, commented, kSmallSwitches), plain);
}

TEST(CanonicalTest, TheOrderOfElementsWithinARecordDoesNotCount) {
  std::string convenant(kSmallConvenant);
  const std::string_view written = "id: \"P_EEN\" oin: \"00000099000000001000\"";
  convenant.replace(convenant.find(written), written.size(),
                    "oin: \"00000099000000001000\" id: \"P_EEN\"");
  EXPECT_EQ(CanonicalOf(kSmallStatute, convenant, kSmallSwitches),
            CanonicalOf(kSmallStatute, kSmallConvenant, kSmallSwitches));
}

TEST(CanonicalTest, ASetOfSwitchesIsPartOfThePolicy) {
  EXPECT_NE(CanonicalOf(kSmallStatute, kSmallConvenant, ""),
            CanonicalOf(kSmallStatute, kSmallConvenant, kSmallSwitches));
}

// What moves from one document to another makes other bytes: each has its length.
TEST(CanonicalTest, TheDocumentsAreKeptApart) {
  const auto policy = sluis::testing::ReferencePolicy();
  const std::string& canonical = policy->canonical();
  ASSERT_EQ(canonical.substr(0, 16), std::string("sluis policy v1\0", 16));
  size_t at = 16;
  for (int i = 0; i < 3; ++i) {
    ASSERT_LE(at + 8, canonical.size());
    uint64_t size = 0;
    for (int byte = 0; byte < 8; ++byte) size = size << 8 | static_cast<uint8_t>(canonical[at++]);
    ASSERT_LE(size, canonical.size() - at);
    at += size;
  }
  EXPECT_EQ(at, canonical.size());
}

// Changes that the laws of the procedure are about: none is without a trace.
TEST(CanonicalTest, EveryChangeOfMeaningChangesIt) {
  const std::vector<std::function<Documents(Rng&, const Documents&)>> changes = {
      [](Rng& rng, const Documents& d) { return RemoveGrant(rng, d); },
      [](Rng& rng, const Documents& d) { return AddExclusion(rng, d); },
      [](Rng& rng, const Documents& d) { return PermuteGrants(rng, d); },
      [](Rng& rng, const Documents& d) { return PermuteRows(rng, d); },
      [](Rng& rng, const Documents& d) { return AddPartij(rng, d); },
      [](Rng&, const Documents& d) { return SwitchWamsRowsOn(d); },
      [](Rng&, const Documents& d) { return SetWamsTerms(d); },
      [](Rng& rng, const Documents& d) { return NarrowRow(rng, d); },
      [](Rng& rng, const Documents& d) { return AddConditionToGrant(rng, d); },
      [](Rng& rng, const Documents& d) { return AddConditionToRow(rng, d); },
  };
  std::set<size_t> effective;
  EXPECT_TRUE(rc::check([&] {
    Rng rng(*rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<uint64_t>())));
    const Documents before = policy_oracle::RandomPolicy(rng, *rc::gen::inRange(1, 11));
    const std::string canonical = Canonical(before);
    RC_ASSERT(!canonical.empty());
    RC_ASSERT(canonical == Canonical(before));
    for (size_t i = 0; i < changes.size(); ++i) {
      const Documents after = changes[i](rng, before);
      const bool same =
          after.statute.SerializeAsString() == before.statute.SerializeAsString() &&
          after.convenant.SerializeAsString() == before.convenant.SerializeAsString() &&
          after.switches.SerializeAsString() == before.switches.SerializeAsString();
      if (!same) effective.insert(i);
      RC_ASSERT((Canonical(after) == canonical) == same);
    }
  }));
  EXPECT_EQ(effective.size(), changes.size());
}

// Every single value of the small documents: changed, the bytes change (or nothing compiles).
void CountAndChange(Message& message, const std::function<bool()>& differs, int& changed) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        CountAndChange(field->is_repeated()
                           ? *reflection->MutableRepeatedMessage(&message, field, i)
                           : *reflection->MutableMessage(&message, field),
                       differs, changed);
        continue;
      }
      const std::unique_ptr<Message> before(message.New());
      before->CopyFrom(message);
      if (!field->is_repeated()) {
        reflection->ClearField(&message, field);
      } else {
        reflection->SwapElements(&message, field, i, count - 1);
        reflection->RemoveLast(&message, field);
      }
      EXPECT_TRUE(differs()) << field->full_name() << " leaves no trace";
      ++changed;
      message.CopyFrom(*before);
    }
  }
}

TEST(CanonicalTest, EveryValueLeavesATrace) {
  Documents documents;
  documents.statute = ParseDocument<v1::Statute>("s", kSmallStatute).document->message();
  documents.convenant = ParseDocument<v1::Convenant>("c", kSmallConvenant).document->message();
  documents.switches = ParseDocument<v1::OperatorSwitches>("w", kSmallSwitches).document->message();
  const std::string canonical = Canonical(documents);
  ASSERT_FALSE(canonical.empty());
  const auto differs = [&] { return Canonical(documents) != canonical; };
  int changed = 0;
  CountAndChange(documents.statute, differs, changed);
  CountAndChange(documents.convenant, differs, changed);
  CountAndChange(documents.switches, differs, changed);
  EXPECT_GT(changed, 150);
  EXPECT_EQ(Canonical(documents), canonical);
}

}  // namespace
}  // namespace sluis::policy
