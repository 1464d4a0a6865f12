// No personal data lies in the clear anywhere (invariant 7): after all scenarios and a great deal
// of bad input, with marks in every value, name, number, motivation and reason, no mark is in any
// file of the broker, its log on standard error, an export of the audit log, or an error message.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "e2e.h"
#include "gtest/gtest.h"
#include "log_reader.h"
#include "mark_scanner.h"

#include "sluis/base/bytes.h"
#include "sluis/base/text.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/sharing.pb.h"

namespace sluis {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using testing::IsOk;
using testing::kSecretMark;
using testing::LogReader;
using testing::MarkScanner;
using testing::NewRequestId;
using testing::ReadSourceFile;
using testing::RecordingTransport;
using testing::ScenarioSteps;
using testing::Stage;
using testing::TempDir;
using testing::World;

// Fails the 11-proef.
constexpr char kWrongBsn[] = "987654320";
// What bad input writes into every text.
constexpr char kBadText[] = "KWIKSTAART 987654320";

using Exchange = RecordingTransport::Exchange;

// ---- The scanner can fail ----

TEST(MarkScannerTest, FindsWhatIsPlantedInEveryForm) {
  MarkScanner scanner;
  scanner.Add(kSecretMark);
  scanner.Add("900001003");
  const TempDir directory;
  const auto planted = [&](const std::string& content) {
    std::ofstream(directory.File("planted"), std::ios::binary) << content;
    return absl::StrJoin(scanner.ScanFiles(directory.path()), "; ");
  };
  const std::string noise("\0\xff{\"a\": 1}", 10);
  EXPECT_EQ(planted(noise + "900001002 KWIKSTAAR T"), "");
  EXPECT_EQ(planted(noise + "xKWIKSTAARTx"), "planted: KWIKSTAART as text");
  EXPECT_EQ(planted("900001003"), "planted: 900001003 as text");
  EXPECT_EQ(planted("a900001003"), "planted: 900001003 as text");
  EXPECT_EQ(planted("\x09"
                    "900001003\x12"),
            "planted: 900001003 as text");
  EXPECT_EQ(planted("0198f2c4-7d01-7900-8b1c-a900001003b"), "");
  EXPECT_EQ(planted(noise + HexEncode("aKWIKSTAARTb")), "planted: KWIKSTAART as hex");
  EXPECT_EQ(planted(noise + absl::AsciiStrToUpper(HexEncode("aKWIKSTAART"))),
            "planted: KWIKSTAART as hex");
  for (const char* before : {"", "a", "ab", "abc"}) {
    EXPECT_EQ(planted(noise + absl::Base64Escape(absl::StrCat(before, "900001003xyz"))),
              "planted: 900001003 as base64")
        << before;
    EXPECT_EQ(planted(noise + absl::Base64Escape(absl::StrCat(before, "KWIKSTAART"))),
              "planted: KWIKSTAART as base64")
        << before;
  }
  std::filesystem::create_directory(directory.path() / "below");
  std::ofstream(directory.File("below/other")) << "KWIKSTAART";
  EXPECT_EQ(planted(""), "other: KWIKSTAART as text");
}

// ---- Bad input, made from good input ----

// Every text in a message, set or not, with a function that sets it.
void ForEachText(Message& message, const std::string& prefix, int depth,
                 const std::function<void(const std::string& path, Message& holder,
                                          const FieldDescriptor& field)>& visit) {
  const auto* type = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor& field = *type->field(i);
    const std::string path = absl::StrCat(prefix, field.name());
    if (field.type() == FieldDescriptor::TYPE_STRING) {
      visit(path, message, field);
    } else if (field.type() == FieldDescriptor::TYPE_MESSAGE && depth < 6) {
      if (field.is_repeated()) {
        for (int n = 0; n < reflection->FieldSize(message, &field); ++n) {
          ForEachText(*reflection->MutableRepeatedMessage(&message, &field, n),
                      absl::StrCat(path, "[", n, "]."), depth + 1, visit);
        }
      } else if (reflection->HasField(message, &field)) {
        ForEachText(*reflection->MutableMessage(&message, &field), path + ".", depth + 1, visit);
      }
    }
  }
}

std::unique_ptr<Message> ParseRequest(const Exchange& exchange) {
  // "/sluis.v1.CasusService/OpenCasus"
  const std::string name =
      absl::StrReplaceAll(absl::StripPrefix(exchange.method, "/"), {{"/", "."}});
  const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
  if (method == nullptr) return nullptr;
  std::unique_ptr<Message> message(google::protobuf::MessageFactory::generated_factory()
                                       ->GetPrototype(method->input_type())
                                       ->New());
  return message->ParseFromString(exchange.request) ? std::move(message) : nullptr;
}

void Set(Message& message, const FieldDescriptor& field, const std::string& text) {
  if (field.is_repeated()) {
    message.GetReflection()->AddString(&message, &field, text);
  } else {
    message.GetReflection()->SetString(&message, &field, text);
  }
}

// A request with one text after the other replaced by marks: clean, with a control character, and
// with bytes that are no text.
std::vector<std::string> Spoilt(const Exchange& good) {
  std::vector<std::string> spoilt;
  const auto original = ParseRequest(good);
  if (original == nullptr) return spoilt;
  std::vector<std::string> paths;
  ForEachText(*original, "", 0, [&](const std::string& path, Message&, const FieldDescriptor&) {
    paths.push_back(path);
  });
  for (const std::string& wanted : paths) {
    for (const std::string suffix : {"", "\x01", "@@@@"}) {
      std::unique_ptr<Message> copy(original->New());
      copy->CopyFrom(*original);
      ForEachText(*copy, "", 0,
                  [&](const std::string& path, Message& holder, const FieldDescriptor& field) {
                    if (path == "request_id") Set(holder, field, NewRequestId());
                  });
      ForEachText(*copy, "", 0,
                  [&](const std::string& path, Message& holder, const FieldDescriptor& field) {
                    if (path == wanted) Set(holder, field, kBadText + suffix);
                  });
      spoilt.push_back(
          absl::StrReplaceAll(copy->SerializeAsString(), {{"@@@@", "\xff\xfe\x80\xc0"}}));
    }
  }
  return spoilt;
}

// ---- The marks ----

// Texts of facts that say something of a person. A word that our own texts use as well is no mark.
void AddMarks(const Message& facts, MarkScanner& scanner, std::set<std::string>& known) {
  std::unique_ptr<Message> copy(facts.New());
  copy->CopyFrom(facts);
  ForEachText(*copy, "", 0, [&](const std::string&, Message& holder, const FieldDescriptor& field) {
    if (field.name() != "birth_date" && field.name() != "reason") return;
    const std::string text = holder.GetReflection()->GetString(holder, &field);
    static const std::string own = ReadSourceFile("policy/documents/texts.textproto");
    if (text.size() >= 8 && own.find(text) == std::string::npos && known.insert(text).second)
      scanner.Add(text);
  });
}

void ExpectNothing(const std::vector<std::string>& found, const std::string& where) {
  EXPECT_TRUE(found.empty()) << where << ": " << absl::StrJoin(found, "\n");
}

TEST(PrivacyTest, NoMarkIsFoundAnywhere) {
  Stage stage({.edit = [](config::v1::Config& config) {
    config.mutable_logging()->set_level(config::v1::Logging::DEBUG);
  }});
  ASSERT_THAT(stage.Start(), IsOk());
  RecordingTransport transport(stage.transport());
  LogReader log(stage.transport());
  ASSERT_THAT(log.Prepare(), IsOk());
  MarkScanner scanner;
  std::set<std::string> known;
  scanner.Add(kSecretMark);
  scanner.Add(kWrongBsn);

  // Every case, with a motivation that is marked too.
  int released = 0;
  for (const policy::ExpandedStep& step : ScenarioSteps()) {
    AddMarks(*step.facts, scanner, known);
    const auto world = stage.Play(step, transport);
    ASSERT_THAT(world, IsOk()) << step.case_id;
    policy::v1::DecisionRequest request = step.step->request();
    for (auto& field : *request.mutable_fields()) {
      if (!field.motivation().empty()) field.set_motivation("KWIKSTAART motivatie");
    }
    if (!request.wvggz_ernstig_nadeel().empty())
      request.set_wvggz_ernstig_nadeel("KWIKSTAART nadeel");
    const auto answer = (*world)->Ask(request);
    if (answer.ok()) released += answer->values_size();
    ASSERT_THAT((*world)->Leave(), IsOk());
  }
  EXPECT_GT(released, 50);
  for (int n = 1; n <= stage.worlds() * World::kMaxPersons; ++n) scanner.Add(testing::TestBsn(n));
  EXPECT_GT(scanner.marks(), 200U);

  // The first good request of every call by every partij that made it, spoilt in every text.
  std::map<std::string, Exchange> good;
  for (const Exchange& exchange : transport.exchanges()) {
    if (exchange.answer.ok()) good.try_emplace(exchange.method, exchange);
  }
  EXPECT_GE(good.size(), 12U);
  size_t refused = 0;
  for (const auto& [method, exchange] : good) {
    for (const std::string& bytes : Spoilt(exchange)) {
      if (!transport.Call(exchange.partij, method, bytes).ok()) ++refused;
    }
  }
  EXPECT_GT(refused, 200U);
  for (const std::string& bytes : {std::string(kBadText), "\xff" + std::string(kBadText),
                                   std::string((1 << 20) + 1, 'x') + kBadText}) {
    EXPECT_FALSE(transport.Call("P_ALMELO", "/sluis.v1.SharingService/RequestFields", bytes).ok());
  }

  // What was said to callers who got nothing.
  for (const Exchange& exchange : transport.exchanges()) {
    if (!exchange.answer.ok())
      ExpectNothing(scanner.Scan(exchange.answer.status().ToString()), exchange.method);
  }

  // An export of the whole log, and what an officer finds in it.
  const auto size = log.Size();
  ASSERT_THAT(size, IsOk());
  const auto entries = log.Read(0, *size);
  ASSERT_THAT(entries, IsOk());
  EXPECT_EQ(entries->size(), *size);
  for (const testing::ReadLogEntry& entry : *entries)
    ExpectNothing(scanner.Scan(entry.bytes), absl::StrCat("entry ", entry.index));
  v1::SearchEventsRequest search;
  search.set_acting_hat("AUDITOR");
  search.set_professional("auditor");
  search.set_usage_purpose(v1::USAGE_PURPOSE_LAWFULNESS_CONTROL);
  search.set_page_size(1000);
  size_t events = 0;
  do {
    search.set_request_id(NewRequestId());
    const auto page = stage.transport().Send<v1::SearchEventsResponse>(
        "P_TOEZICHT", "/sluis.v1.AuditService/SearchEvents", search);
    ASSERT_THAT(page, IsOk());
    ExpectNothing(scanner.Scan(page->answer().SerializeAsString()), "found events");
    events += static_cast<size_t>(page->answer().events_size());
    search.set_page_token(page->answer().next_page_token());
  } while (!search.page_token().empty());
  EXPECT_GE(events, entries->size());

  // Every file, first as a crash leaves it (with the write-ahead log), then after an orderly stop.
  stage.daemon().Kill();
  EXPECT_TRUE(std::filesystem::exists(stage.daemon().store_file() + "-wal"));
  EXPECT_GT(std::filesystem::file_size(stage.daemon().store_file()), 1U << 20);
  ExpectNothing(scanner.ScanFiles(stage.daemon().directory()), "files after a crash");
  ASSERT_THAT(stage.Start(), IsOk());
  EXPECT_EQ(stage.daemon().Terminate().value_or(-1), 0);
  EXPECT_FALSE(stage.daemon().ReadLog().empty());
  ExpectNothing(scanner.ScanFiles(stage.daemon().directory()), "files after a stop");

  // The scan sees what is there: names that the log may hold, and a mark in a file of its own.
  MarkScanner control;
  control.Add("signaleringsplan_bejegening");
  const std::vector<std::string> names = control.ScanFiles(stage.daemon().directory());
  EXPECT_EQ(std::count(names.begin(), names.end(), "sluis.db: signaleringsplan_bejegening as text"),
            1)
      << absl::StrJoin(names, "\n");
  std::ofstream(stage.daemon().directory() / "planted") << "of a person: " << kSecretMark;
  EXPECT_EQ(scanner.ScanFiles(stage.daemon().directory()).size(), 1U);
}

}  // namespace
}  // namespace sluis
