#include "sluis/audit/note.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "naive_tree.h"

#include "sluis/base/bytes.h"
#include "sluis/base/secret_bytes.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::audit {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::testing::ElementsAre;

const auto kMalformed = IsError(absl::StatusCode::kInvalidArgument, "NOTE_MALFORMED");
const auto kWrongSignature = IsError(absl::StatusCode::kDataLoss, "NOTE_SIGNATURE");
const auto kUnknownKey = IsError(absl::StatusCode::kFailedPrecondition, "NOTE_UNKNOWN_KEY");
const auto kMalformedKey = IsError(absl::StatusCode::kInvalidArgument, "VERIFIER_KEY_MALFORMED");
const auto kMalformedSigner = IsError(absl::StatusCode::kInvalidArgument, "SIGNING_KEY_MALFORMED");

// The worked example of the Go checksum database.
constexpr std::string_view kGoKey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kGoText =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr std::string_view kGoNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6R"
    "yyBwJnAM=\n";

SigningKey Key(std::string_view name, char seed) {
  return *SigningKey::FromSeed(name, SecretBytes(std::string(32, seed)));
}

// The signature line of a note that has one.
std::string SignatureLine(const std::string& note) { return note.substr(note.rfind("\n\n") + 2); }

TEST(NoteTest, TheKnownNoteVerifies) {
  const auto key = VerifierKey::Parse(kGoKey);
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->name(), "PeterNeumann");
  EXPECT_EQ(key->id(), 0xc74f20a3U);
  EXPECT_EQ(key->ToString(), kGoKey);
  const auto note = VerifyNote(kGoNote, {{*key}});
  ASSERT_THAT(note, IsOk());
  EXPECT_EQ(note->text, kGoText);
  EXPECT_THAT(note->signers, ElementsAre("PeterNeumann"));
}

TEST(NoteTest, AFlippedBitAnywhereInTheKnownNoteIsRefused) {
  const std::vector<VerifierKey> keys = {*VerifierKey::Parse(kGoKey)};
  for (size_t bit = 0; bit < kGoNote.size() * 8; ++bit) {
    ASSERT_FALSE(VerifyNote(FlipBit(kGoNote, bit), keys).ok()) << bit;
  }
}

// RFC 8032 §7.1, test 1.
TEST(SigningKeyTest, SignsAsTheStandardSays) {
  const auto seed = HexDecode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const auto key = SigningKey::FromSeed("log", SecretBytes(*seed));
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(HexEncode(key->verifier().public_key()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(
      HexEncode(*key->Sign("")),
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
      "f9b46bd25bf5f0595bbe24655141438e7a100b");
}

TEST(SigningKeyTest, GoesToPemAndBack) {
  const auto key = SigningKey::Generate("log.example/sluis");
  ASSERT_THAT(key, IsOk());
  const auto pem = key->ToPem();
  ASSERT_THAT(pem, IsOk());
  EXPECT_TRUE(pem->Reveal().starts_with("-----BEGIN PRIVATE KEY-----\n"));
  const auto again = SigningKey::FromPem("log.example/sluis", *pem);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->verifier(), key->verifier());
  EXPECT_EQ(*again->Sign("text"), *key->Sign("text"));
  EXPECT_NE(SigningKey::Generate("log")->verifier().public_key(), key->verifier().public_key());
}

TEST(SigningKeyTest, OtherKeysAndNamesAreRefused) {
  const SecretBytes seed(std::string(32, 'k'));
  for (const char* name : {"", "a b", "a+b", "a\tb", "a\n", "\xc2\xa0", "a\xe2\x80\x83", "\xff"}) {
    EXPECT_THAT(SigningKey::FromSeed(name, seed), kMalformedSigner) << name;
  }
  for (const uint64_t size : Sizes{0, 31, 33, 64}) {
    EXPECT_THAT(SigningKey::FromSeed("log", SecretBytes(std::string(size, 'k'))), kMalformedSigner);
  }
  constexpr std::string_view ec_key =
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAQEBAQEBAQEBAQEB\n"
      "AQEBAQEBAQEBAQEBAQEBAQEBAQGhRANCAARv8DuUkkHONa30O6WOAnQ3WaAyaM4g\n"
      "-----END PRIVATE KEY-----\n";
  for (const std::string_view pem : {std::string_view(""), std::string_view("no key"), ec_key}) {
    EXPECT_THAT(SigningKey::FromPem("log", SecretBytes(pem)), kMalformedSigner);
  }
}

TEST(SigningKeyTest, ManyThreadsSignWithOneKey) {
  const SigningKey key = Key("log", 's');
  const std::string expected = *SignNote("text\n", key);
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&key, &expected] {
      for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(*SignNote("text\n", key), expected);
        ASSERT_THAT(VerifyNote(expected, {{key.verifier()}}), IsOk());
      }
    });
  }
}

TEST(VerifierKeyTest, HasOneSpelling) {
  const std::string key = Key("log.example/sluis", 'a').verifier().ToString();
  EXPECT_EQ(VerifierKey::Parse(key)->ToString(), key);
  const std::string go(kGoKey);
  const std::vector<std::string> others = {
      "",
      "+",
      "++",
      "PeterNeumann",
      "PeterNeumann+c74f20a3",
      "PeterNeumann+c74f20a3+",
      "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "PeterNeumann+c74f20a30+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TX",
      "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "peterneumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      go + "\n",
      " " + go,
      go.substr(0, go.size() - 4)};
  for (const std::string& other : others) {
    EXPECT_THAT(VerifierKey::Parse(other), kMalformedKey) << other;
  }
  EXPECT_THAT(VerifierKey::FromPublicKey("log", std::string(31, 'k')), kMalformedKey);
  EXPECT_THAT(VerifierKey::FromPublicKey("l og", std::string(32, 'k')), kMalformedKey);
}

TEST(NoteTest, UnknownKeysAreIgnoredAndOneKnownKeyIsEnough) {
  const SigningKey a = Key("log", 'a');
  const SigningKey b = Key("log", 'b');  // same name, another key
  const SigningKey c = Key("witness", 'c');
  const std::string note = *SignNote("text\n", a) + SignatureLine(*SignNote("text\n", b)) +
                           SignatureLine(*SignNote("text\n", c));
  EXPECT_THAT(VerifyNote(note, {{a.verifier()}})->signers, ElementsAre("log"));
  EXPECT_THAT(VerifyNote(note, {{b.verifier()}})->signers, ElementsAre("log"));
  EXPECT_THAT(VerifyNote(note, {{c.verifier(), a.verifier()}})->signers,
              ElementsAre("log", "witness"));
  EXPECT_THAT(VerifyNote(note, {{Key("log", 'd').verifier()}}), kUnknownKey);
  EXPECT_THAT(VerifyNote(note, {{Key("log2", 'a').verifier()}}), kUnknownKey);
  EXPECT_THAT(VerifyNote(note, {}), kUnknownKey);
}

TEST(NoteTest, AKnownKeyThatFailsRejectsTheNote) {
  const SigningKey a = Key("log", 'a');
  const SigningKey c = Key("witness", 'c');
  // The witness signed something else.
  const std::string note = *SignNote("text\n", a) + SignatureLine(*SignNote("other\n", c));
  EXPECT_THAT(VerifyNote(note, {{a.verifier()}}), IsOk());
  EXPECT_THAT(VerifyNote(note, {{a.verifier(), c.verifier()}}), kWrongSignature);
  EXPECT_THAT(VerifyNote(note, {{c.verifier()}}), kWrongSignature);
  // A signature of another length under the known name and id.
  std::string bytes;
  AppendU32(bytes, a.verifier().id());
  EXPECT_THAT(VerifyNote("text\n\n— log " + Base64Encode(bytes + "short") + "\n", {{a.verifier()}}),
              kWrongSignature);
}

TEST(NoteTest, TheLastEmptyLineSeparatesTextAndSignatures) {
  const SigningKey key = Key("log", 'a');
  for (const char* text : {"one\n", "\n", "\n\n", "one\n\ntwo\n", "one\n\n", "— log AAAAAAA=\n",
                           "one\n\n— log AAAAAAA=\n", "Ognuno sta solo: è subito sera\n"}) {
    const auto note = SignNote(text, key);
    ASSERT_THAT(note, IsOk());
    const auto verified = VerifyNote(*note, {{key.verifier()}});
    ASSERT_THAT(verified, IsOk()) << text;
    EXPECT_EQ(verified->text, text);
  }
}

TEST(NoteTest, TextThatNoNoteMayHaveIsNotSigned) {
  const SigningKey key = Key("log", 'a');
  for (const std::string_view text :
       {std::string_view(""), std::string_view("no newline"), std::string_view("tab\there\n"),
        std::string_view("cr\r\n"), std::string_view("nul\0\n", 5), std::string_view("\xff\n"),
        std::string_view("\x7f\n"), std::string_view("\xed\xa0\x80\n")}) {
    EXPECT_THAT(SignNote(text, key), kMalformed) << text;
  }
}

TEST(NoteTest, MalformedNotesAreRefused) {
  const SigningKey key = Key("log", 'a');
  const std::vector<VerifierKey> keys = {key.verifier()};
  const std::string good = *SignNote("text\n", key);
  const std::string line = SignatureLine(good);
  const std::string base64 = line.substr(line.rfind(' ') + 1);  // with its newline
  ASSERT_THAT(VerifyNote(good, keys), IsOk());
  const std::vector<std::string> notes = {
      "",
      "\n",
      "\n\n",
      "text\n",
      "text\n\n",
      "text\n" + line,                      // no empty line
      "text\n\n\n" + line.substr(0, 0),     // no signatures
      good + "\n",                          // an empty line at the end
      good.substr(0, good.size() - 1),      // no newline at the end
      good + line,                          // twice
      good + "something else\n",            // not a signature line
      "text\n\n- log " + base64,            // a hyphen
      "text\n\n—log " + base64,             // no space
      "text\n\n—  log " + base64,           // no name
      "text\n\n— " + base64,                // no name either
      "text\n\n— log\n",                    // no signature
      "text\n\n— log \n",                   // an empty one
      "text\n\n— log  " + base64,           // two spaces
      "text\n\n— lo+g " + base64,           // a plus
      "text\n\n— lo\xc2\xa0g " + base64,    // a Unicode space
      "text\n\n— log A" + base64,           // no base64
      "text\n\n— log " + base64.substr(4),  // still base64, but see below
      "text\n\n— log AAAA\n",               // shorter than a key id
      "text\n\n— log AAAAAA==\n",           // a key id and no signature
      "text\n\n— log AAAAAAB=\n",           // not canonical
      "te\txt\n\n" + line,
      "te\rxt\n\n" + line,
      std::string("te\0xt\n\n", 7) + line,
      "te\xffxt\n\n" + line,
      std::string(1 << 20, 'x') + good,
  };
  for (size_t i = 0; i < notes.size(); ++i) {
    if (notes[i] == "text\n\n— log " + base64.substr(4)) {
      EXPECT_THAT(VerifyNote(notes[i], keys), kUnknownKey);  // another key id
      continue;
    }
    EXPECT_THAT(VerifyNote(notes[i], keys), kMalformed) << i << ": " << notes[i].substr(0, 100);
  }
}

TEST(NoteTest, AcceptsManySignaturesButNotAnyNumber) {
  const SigningKey key = Key("log", 'a');
  std::string note = *SignNote("text\n", key);
  for (int i = 1; i < 100; ++i) {
    note += SignatureLine(*SignNote("text\n", Key("witness-" + std::to_string(i), 'w')));
  }
  EXPECT_THAT(VerifyNote(note, {{key.verifier()}}), IsOk());
  note += SignatureLine(*SignNote("text\n", Key("one-more", 'w')));
  EXPECT_THAT(VerifyNote(note, {{key.verifier()}}), kMalformed);
}

TEST(NoteTest, EveryBeginningOfANoteIsRefused) {
  const SigningKey key = Key("log", 'a');
  const std::string note = *SignNote("some\n\ntext\n", key);
  for (size_t size = 0; size < note.size(); ++size) {
    EXPECT_FALSE(VerifyNote(note.substr(0, size), {{key.verifier()}}).ok()) << size;
  }
}

}  // namespace
}  // namespace sluis::audit
