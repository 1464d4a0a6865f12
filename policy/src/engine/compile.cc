#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "compiled.h"

#include "sluis/base/bytes.h"
#include "sluis/base/oin.h"
#include "sluis/base/text.h"
#include "sluis/policy/policy.h"

namespace sluis::policy {
namespace {

using Severity = Issue::Severity;

constexpr std::string_view kFactNames[] = {"consent",
                                           "besluit",
                                           "ots",
                                           "maatregel",
                                           "huisverbod",
                                           "mandate",
                                           "objection",
                                           "attestation",
                                           "report",
                                           "report_vt",
                                           "informed",
                                           "rights_exception",
                                           "detention",
                                           "flag_18b",
                                           "hit",
                                           "decision",
                                           "source_condition",
                                           "melder_consent",
                                           "treatment",
                                           "perpetrator_side",
                                           "timebox",
                                           "radicalisation",
                                           "radicalisation_redirect",
                                           "consent_withdrawal",
                                           "consent_withdrawal_by_mandate",
                                           "mandate_of_another",
                                           "informed_without_admission",
                                           "wams_report",
                                           "wams_track",
                                           "wams_inquiry_t2",
                                           "signal",
                                           "escalation",
                                           "priority_list",
                                           "inzage",
                                           "inzage_by_mandate",
                                           "correction",
                                           "review",
                                           "emergency_approval"};

bool IsId(std::string_view text, std::string_view prefix) {
  return text.size() > prefix.size() && text.size() <= 64 &&
         text.substr(0, prefix.size()) == prefix &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

bool IsShortName(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

// Nobody is older, and no term is longer; above them dates would leave their range.
constexpr int kMaxAge = 200;
constexpr int kMaxTerm = 1000000;

std::string Quoted(std::string_view text) {
  // Names in messages come from the author's own document; long ones are cut.
  return absl::StrFormat("\"%s\"", text.substr(0, 80));
}

class Compiler {
 public:
  Compiler(const Document<v1::Statute>& statute, const Document<v1::Convenant>& convenant,
           const Document<v1::OperatorSwitches>& switches)
      : statute_doc_(statute),
        convenant_doc_(convenant),
        switches_doc_(switches),
        statute_(statute.message()),
        convenant_(convenant.message()),
        switches_(switches.message()) {}

  CompileResult Run() {
    // Before anything uses such a number as an index or a bit.
    Values(statute_doc_);
    Values(convenant_doc_);
    Values(switches_doc_);
    if (HasErrors(issues_)) return {nullptr, std::move(issues_)};
    Heads();
    Vocabulary();
    Hats();
    Fields();
    Tafels();
    Parties();
    Ages();
    Rows();
    Switches();
    Retention();
    Exclusions();
    Grants();
    if (!HasErrors(issues_)) Signals();
    CaseworkRules();
    if (HasErrors(issues_)) return {nullptr, std::move(issues_)};
    Index();
    Canonical();
    out_->statute = statute_;
    out_->convenant = convenant_;
    out_->switches = switches_;
    return {std::make_shared<const Policy>(std::move(out_)), std::move(issues_)};
  }

 private:
  void Error(Path path, std::string_view code, std::string text) {
    issues_.push_back(convenant_doc_.At(path, Severity::kError, code, std::move(text)));
  }
  void StatuteError(Path path, std::string_view code, std::string text) {
    issues_.push_back(statute_doc_.At(path, Severity::kError, code, std::move(text)));
  }
  void SwitchError(Path path, std::string_view code, std::string text) {
    issues_.push_back(switches_doc_.At(path, Severity::kError, code, std::move(text)));
  }

  // Text format takes a number for a name of a vocabulary, also one that no name has.
  static bool OnlyNamedValues(const google::protobuf::Message& message) {
    using google::protobuf::FieldDescriptor;
    const auto* reflection = message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    return std::all_of(fields.begin(), fields.end(), [&](const FieldDescriptor* field) {
      const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) {
        if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
          const int value = field->is_repeated()
                                ? reflection->GetRepeatedEnumValue(message, field, i)
                                : reflection->GetEnumValue(message, field);
          if (field->enum_type()->FindValueByNumber(value) == nullptr) return false;
        } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          if (!OnlyNamedValues(field->is_repeated()
                                   ? reflection->GetRepeatedMessage(message, field, i)
                                   : reflection->GetMessage(message, field))) {
            return false;
          }
        }
      }
      return true;
    });
  }

  // Reports each part of the document that holds a number without a name.
  template <typename Message>
  void Values(const Document<Message>& document) {
    const google::protobuf::Message& message = document.message();
    const auto* reflection = message.GetReflection();
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const auto* field : fields) {
      if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
      const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) {
        if (OnlyNamedValues(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                                 : reflection->GetMessage(message, field))) {
          continue;
        }
        issues_.push_back(document.At({{field->name(), field->is_repeated() ? i : -1}},
                                      Severity::kError, "NAME_UNKNOWN",
                                      "a number that no name of its vocabulary has"));
      }
    }
  }

  // A day, or an error at `report`.
  template <typename Report>
  std::optional<CivilDate> Day(const std::string& text, Report report) {
    const auto day = CivilDate::Parse(text);
    if (!day.ok()) {
      report("DATE_MALFORMED", absl::StrCat("not a day as YYYY-MM-DD: ", Quoted(text)));
      return std::nullopt;
    }
    return *day;
  }

  // Adds a name; reports a duplicate or a name too many.
  template <typename Id, typename Report>
  bool Intern(NameTable<Id>& table, const std::string& name, size_t limit, Report report) {
    if (table.names.size() >= limit) {
      report("LIMIT", absl::StrFormat("more than %d", limit));
      return false;
    }
    const auto index = static_cast<uint16_t>(table.names.size());
    if (!table.ids.emplace(name, index).second) {
      report("ID_DUPLICATE", absl::StrCat("the name is used before: ", Quoted(name)));
      return false;
    }
    table.names.push_back(name);
    return true;
  }

  void Heads() {
    if (!IsShortName(statute_.id()))
      StatuteError({{"id"}}, "ID_MALFORMED", "the statute needs an id");
    if (!IsShortName(statute_.version())) {
      StatuteError({{"version"}}, "ID_MALFORMED", "the statute needs a version");
    }
    if (!IsShortName(convenant_.id())) Error({{"id"}}, "ID_MALFORMED", "the convenant needs an id");
    if (!IsShortName(convenant_.version())) {
      Error({{"version"}}, "ID_MALFORMED", "the convenant needs a version");
    }
    if (convenant_.statute() != statute_.id()) {
      Error({{"statute"}}, "NAME_UNKNOWN",
            absl::StrCat("the convenant cites statute ", Quoted(convenant_.statute()),
                         ", this is statute ", Quoted(statute_.id())));
    }
    const auto from = Day(convenant_.valid_from(), [&](auto code, auto text) {
      Error({{"valid_from"}}, code, std::move(text));
    });
    const auto until = Day(convenant_.valid_until(), [&](auto code, auto text) {
      Error({{"valid_until"}}, code, std::move(text));
    });
    if (from && until) {
      if (*until < *from)
        Error({{"valid_until"}}, "DATE_ORDER", "the convenant ends before it starts");
      out_->valid_from = from->days();
      out_->valid_until = until->days();
    }
    const auto& terms = statute_.terms();
    const auto positive = [&](std::string_view name, int value) {
      if (value <= 0 || value > kMaxTerm) {
        StatuteError({{"terms"}, {name}}, "VALUE_MISSING",
                     absl::StrFormat("has to be from 1 to %d: %s", kMaxTerm, name));
      }
    };
    positive("police_years", terms.police_years());
    positive("recent_months", terms.recent_months());
    positive("timebox_hours", terms.timebox_hours());
    positive("acute_hours", terms.acute_hours());
    positive("min_cell", terms.min_cell());
    positive("age_of_majority", terms.age_of_majority());
    positive("wams_min_domains", terms.wams_min_domains());
    out_->terms = terms;
  }

  void Vocabulary() {
    for (int i = 0; i < convenant_.phases_size(); ++i) {
      const auto report = [&](auto code, auto text) {
        Error({{"phases", i}, {"id"}}, code, std::move(text));
      };
      if (!IsId(convenant_.phases(i).id(), ""))
        report("ID_MALFORMED", std::string("a phase needs an id"));
      Intern(out_->phases, convenant_.phases(i).id(), kMaxMaskBits, report);
    }
    for (int i = 0; i < convenant_.stages_size(); ++i) {
      const auto report = [&](auto code, auto text) {
        Error({{"stages", i}, {"id"}}, code, std::move(text));
      };
      if (!IsId(convenant_.stages(i).id(), ""))
        report("ID_MALFORMED", std::string("a stage needs an id"));
      if (Intern(out_->stages, convenant_.stages(i).id(), kMaxMaskBits, report) &&
          convenant_.stages(i).closes()) {
        out_->closing_stages |= Mask{1} << (out_->stages.names.size() - 1);
      }
    }
    for (int i = 0; i < convenant_.purposes_size(); ++i) {
      const auto report = [&](auto code, auto text) {
        Error({{"purposes", i}, {"id"}}, code, std::move(text));
      };
      if (!IsId(convenant_.purposes(i).id(), ""))
        report("ID_MALFORMED", std::string("a purpose needs an id"));
      Intern(out_->purposes, convenant_.purposes(i).id(), kMaxMaskBits, report);
    }
    for (int i = 0; i < convenant_.categories_size(); ++i) {
      const std::string& id = convenant_.categories(i).id();
      if (!IsId(id, ""))
        Error({{"categories", i}, {"id"}}, "ID_MALFORMED", "a category needs an id");
      if (!out_->categories.emplace(id, static_cast<uint16_t>(out_->categories.size())).second) {
        Error({{"categories", i}, {"id"}}, "ID_DUPLICATE",
              absl::StrCat("used before: ", Quoted(id)));
      }
    }
    out_->fields_of_category.resize(out_->categories.size());
  }

  void Hats() {
    for (int i = 0; i < convenant_.hats_size(); ++i) {
      const v1::Hat& hat = convenant_.hats(i);
      const auto report = [&](auto code, auto text) {
        Error({{"hats", i}, {"id"}}, code, std::move(text));
      };
      if (!IsId(hat.id(), "")) report("ID_MALFORMED", std::string("a hat needs an id"));
      if (hat.id() == "ZVH") {
        report("ZVH_IS_NO_PARTIJ",
               std::string(
                   "the Zorg- en Veiligheidshuis has no legal personality: it is never a hat"));
      }
      if (!Intern(out_->hats, hat.id(), kMaxHats, report)) continue;
      CompiledHat compiled;
      compiled.bsn_entitled = hat.bsn_entitled();
      compiled.police = hat.police();
      compiled.staff_of_partij = hat.staff_of_partij();
      compiled.reads_log = hat.reads_log();
      compiled.wvggz = hat.wvggz();
      if (hat.reads_log()) out_->log_readers.Insert(HatId(static_cast<uint16_t>(out_->hat.size())));
      out_->hat.push_back(compiled);
    }
  }

  // Hats of a list in the convenant.
  template <typename Names>
  HatSet HatsOf(const Names& names, std::string_view list, std::string_view field, int at) {
    HatSet set;
    for (int k = 0; k < names.size(); ++k) {
      const auto hat = out_->hats.Find(names[k]);
      if (!hat) {
        Error({{list, at}, {field, k}}, "NAME_UNKNOWN",
              absl::StrCat("no such hat: ", Quoted(names[k])));
        continue;
      }
      set.Insert(*hat);
    }
    return set;
  }
  template <typename Id, typename Names>
  Mask MaskOf(const NameTable<Id>& table, const Names& names, std::string_view list,
              std::string_view field, int at, std::string_view what) {
    Mask mask = 0;
    for (int k = 0; k < names.size(); ++k) {
      const auto id = table.Find(names[k]);
      if (!id) {
        Error({{list, at}, {field, k}}, "NAME_UNKNOWN",
              absl::StrCat("no such ", ToAbsl(what), ": ", Quoted(names[k])));
        continue;
      }
      mask |= MaskBit(*id);
    }
    return mask;
  }

  void Fields() {
    std::set<std::string> secrecies;
    std::set<std::string> with_consent_flag;
    std::set<std::string> with_mandate_flag;
    for (int i = 0; i < statute_.secrecies_size(); ++i) {
      const v1::Secrecy& secrecy = statute_.secrecies(i);
      if (!secrecies.insert(secrecy.id()).second || !IsId(secrecy.id(), "")) {
        StatuteError({{"secrecies", i}, {"id"}}, "ID_DUPLICATE",
                     "a secrecy needs an id of its own");
      }
      if (secrecy.consent_needs_flag()) with_consent_flag.insert(secrecy.id());
      if (secrecy.mandate_needs_flag()) with_mandate_flag.insert(secrecy.id());
    }
    std::set<int> numbers;
    for (int i = 0; i < convenant_.fields_size(); ++i) {
      const v1::Field& field = convenant_.fields(i);
      const auto report = [&](auto code, auto text) {
        Error({{"fields", i}, {"name"}}, code, std::move(text));
      };
      if (!IsShortName(field.name())) report("ID_MALFORMED", std::string("a field needs a name"));
      if (field.nr() <= 0 || !numbers.insert(field.nr()).second) {
        Error({{"fields", i}, {"nr"}}, "ID_DUPLICATE", "a field needs a number of its own, from 1");
      }
      if (!Intern(out_->fields, field.name(), kMaxFields, report)) continue;
      const FieldId id(static_cast<uint16_t>(out_->fields.names.size() - 1));
      const auto category = out_->categories.find(field.category());
      if (category == out_->categories.end()) {
        Error({{"fields", i}, {"category"}}, "NAME_UNKNOWN",
              absl::StrCat("no such category: ", Quoted(field.category())));
      } else {
        out_->fields_of_category[category->second].Insert(id);
      }
      if (field.data_class() == v1::DataClass::DATA_CLASS_UNSPECIFIED) {
        Error({{"fields", i}}, "VALUE_MISSING", "a field needs a data_class");
      }
      if (field.source_law() == v1::SourceLaw::SOURCE_LAW_UNSPECIFIED) {
        Error({{"fields", i}}, "VALUE_MISSING", "a field needs a source_law");
      } else {
        out_->fields_of_law[static_cast<size_t>(field.source_law())].Insert(id);
      }
      if (secrecies.count(field.secrecy()) == 0) {
        Error({{"fields", i}, {"secrecy"}}, "NAME_UNKNOWN",
              absl::StrCat("the statute knows no such secrecy: ", Quoted(field.secrecy())));
      }
      if (with_consent_flag.count(field.secrecy()) != 0) out_->consent_needs_flag.Insert(id);
      if (with_mandate_flag.count(field.secrecy()) != 0) out_->mandate_needs_flag.Insert(id);
      if (field.ncnd()) out_->ncnd.Insert(id);
      if (field.locates_person()) out_->locating.Insert(id);
      if (field.data_class() == v1::DataClass::BSN) out_->bsn_class.Insert(id);
      if (field.each_holder_owns() == (field.owner_hats_size() > 0)) {
        Error({{"fields", i}, {"owner_hats"}}, "VALUE_MISSING",
              "a field has either owner_hats or each_holder_owns");
      }
      const HatSet owners = HatsOf(field.owner_hats(), "fields", "owner_hats", i);
      for (size_t hat = 0; hat < out_->hat.size(); ++hat) {
        if (field.each_holder_owns() || owners.Contains(HatId(static_cast<uint16_t>(hat)))) {
          out_->hat[hat].owns.Insert(id);
        }
      }
    }
  }

  void Tafels() {
    for (int i = 0; i < convenant_.tafels_size(); ++i) {
      const v1::Tafel& tafel = convenant_.tafels(i);
      const auto report = [&](auto code, auto text) {
        Error({{"tafels", i}, {"id"}}, code, std::move(text));
      };
      if (!IsId(tafel.id(), "")) report("ID_MALFORMED", std::string("a tafel needs an id"));
      if (!Intern(out_->tafels, tafel.id(), kMaxDocumentIds, report)) continue;
      CompiledTafel compiled;
      if (tafel.soort() == v1::TafelSoort::TAFEL_SOORT_UNSPECIFIED) {
        Error({{"tafels", i}}, "VALUE_MISSING", "a tafel needs a soort");
      }
      if (tafel.regime() == v1::Regime::REGIME_UNSPECIFIED) {
        Error({{"tafels", i}}, "VALUE_MISSING", "a tafel needs a regime");
      }
      compiled.soort = static_cast<TafelSoort>(tafel.soort());
      compiled.regime = static_cast<Regime>(tafel.regime());
      compiled.phases = MaskOf(out_->phases, tafel.phases(), "tafels", "phases", i, "phase");
      compiled.stages = MaskOf(out_->stages, tafel.stages(), "tafels", "stages", i, "stage");
      compiled.purposes =
          MaskOf(out_->purposes, tafel.purposes(), "tafels", "purposes", i, "purpose");
      compiled.person_data = tafel.person_data();
      compiled.open_after_closing = tafel.open_after_closing();
      if ((tafel.regime() == v1::Regime::WAMS) != (tafel.stages_size() > 0)) {
        Error({{"tafels", i}, {"stages"}}, "STAGE_WITHOUT_WAMS",
              "a tafel has stages if and only if its regime is WAMS");
      }
      if (tafel.all_hats() == (tafel.member_hats_size() > 0)) {
        Error({{"tafels", i}, {"member_hats"}}, "VALUE_MISSING",
              "a tafel has either member_hats or all_hats");
      }
      compiled.members = HatsOf(tafel.member_hats(), "tafels", "member_hats", i);
      compiled.guests = HatsOf(tafel.guest_hats(), "tafels", "guest_hats", i);
      if (tafel.all_hats()) {
        for (size_t hat = 0; hat < out_->hat.size(); ++hat) {
          compiled.members.Insert(HatId(static_cast<uint16_t>(hat)));
        }
      }
      if (!(compiled.members & compiled.guests).empty()) {
        Error({{"tafels", i}, {"guest_hats"}}, "SEAT_TWICE",
              absl::StrCat(out_->hats.Name((compiled.members & compiled.guests).First()),
                           " is both a member and a guest"));
      }
      if (tafel.regime() == v1::Regime::WGS_SAMENWERKING &&
          tafel.soort() == v1::TafelSoort::OVERLEG) {
        CheckParticipants(i, tafel);
      }
      compiled.seat.assign(out_->hat.size(), kNoSeat);
      (compiled.members | compiled.guests).ForEach([&](HatId hat) {
        compiled.seat[hat.index()] = static_cast<uint8_t>(compiled.seats++);
      });
      out_->tafel.push_back(std::move(compiled));
    }
  }

  // R-A-11: who is no participant under WGS_SAMENWERKING 2.27 has no seat of its own at the ZVH.
  void CheckParticipants(int i, const v1::Tafel& tafel) {
    for (int k = 0; k < tafel.member_hats_size(); ++k) {
      for (const v1::Hat& hat : convenant_.hats()) {
        if (hat.id() != tafel.member_hats(k)) continue;
        const std::string& status = hat.wgs_status();
        const bool participant = status.rfind("LID1_", 0) == 0 || status.rfind("LID2_", 0) == 0 ||
                                 status.rfind("VIA_", 0) == 0;
        if (!participant) {
          Error({{"tafels", i}, {"member_hats", k}}, "NOT_A_PARTICIPANT",
                absl::StrCat(hat.id(),
                             " is no participant under WGS_SAMENWERKING 2.27: at most a guest"));
        }
      }
    }
  }

  void Parties() {
    for (int i = 0; i < convenant_.parties_size(); ++i) {
      const v1::Partij& partij = convenant_.parties(i);
      const auto report = [&](auto code, auto text) {
        Error({{"parties", i}, {"id"}}, code, std::move(text));
      };
      if (!IsId(partij.id(), "")) report("ID_MALFORMED", std::string("a partij needs an id"));
      if (!Intern(out_->partijen, partij.id(), kMaxDocumentIds, report)) continue;
      CompiledPartij compiled;
      compiled.hats = HatsOf(partij.hats(), "parties", "hats", i);
      if (partij.hats().empty()) Error({{"parties", i}}, "VALUE_MISSING", "a partij needs a hat");
      if (!partij.municipality().empty()) {
        const auto found = out_->municipalities.Find(partij.municipality());
        if (found) {
          compiled.municipality = *found;
        } else {
          Intern(out_->municipalities, partij.municipality(), kMaxDocumentIds, report);
          compiled.municipality =
              MunicipalityId(static_cast<uint16_t>(out_->municipalities.names.size() - 1));
        }
      }
      const auto oin = Oin::Parse(partij.oin());
      if (!oin.ok()) {
        Error({{"parties", i}, {"oin"}}, "ID_MALFORMED", "not an OIN of 20 positions");
      } else if (!out_->oins.emplace(partij.oin(), static_cast<uint16_t>(out_->partij.size()))
                      .second) {
        Error({{"parties", i}, {"oin"}}, "ID_DUPLICATE", "two partijen have this OIN");
      }
      const auto from = Day(partij.acceded_on(), [&](auto code, auto text) {
        Error({{"parties", i}, {"acceded_on"}}, code, std::move(text));
      });
      if (from) compiled.acceded = from->days();
      if (!partij.left_on().empty()) {
        const auto until = Day(partij.left_on(), [&](auto code, auto text) {
          Error({{"parties", i}, {"left_on"}}, code, std::move(text));
        });
        if (until) compiled.left = until->days();
      }
      out_->partij.push_back(compiled);
    }
  }

  static std::vector<uint8_t> Groups(
      const google::protobuf::RepeatedPtrField<v1::CapacityGroup>& groups) {
    std::vector<uint8_t> out;
    for (const v1::CapacityGroup& group : groups) {
      uint8_t bits = 0;
      for (const int capacity : group.one_of()) bits = static_cast<uint8_t>(bits | (1 << capacity));
      // A parent without gezag is recorded and never counts, whatever a document says.
      bits = static_cast<uint8_t>(bits & ~(1 << v1::Capacity::PARENT_WITHOUT_GEZAG));
      out.push_back(bits);
    }
    return out;
  }

  void Ages() {
    std::set<int> boundaries = {0, statute_.terms().age_of_majority()};
    for (const v1::AgeRule& rule : statute_.age_rules()) {
      boundaries.insert(std::min(rule.from_age(), kMaxAge));
      if (!rule.no_upper_age()) boundaries.insert(std::min(rule.to_age(), kMaxAge) + 1);
    }
    AgeTable& table = out_->ages;
    for (const int age : boundaries) {
      if (age >= 0) table.boundaries.push_back(age);
    }
    const size_t brackets = table.boundaries.size();
    for (size_t law = 0; law <= kSourceLawCount; ++law) {
      table.consent[law].resize(brackets);
      table.inzage[law].resize(brackets);
    }
    for (const int age : table.boundaries) {
      table.minor.push_back(age < statute_.terms().age_of_majority());
    }
    std::set<std::string> ids;
    for (int i = 0; i < statute_.age_rules_size(); ++i) {
      const v1::AgeRule& rule = statute_.age_rules(i);
      if (!IsId(rule.id(), "AG_") || !ids.insert(rule.id()).second) {
        StatuteError({{"age_rules", i}, {"id"}}, "ID_DUPLICATE",
                     "an age rule needs an AG_ id of its own");
      }
      if (rule.source_law() == v1::SourceLaw::SOURCE_LAW_UNSPECIFIED ||
          rule.use() == v1::AgeRule::USE_UNSPECIFIED || rule.capable().empty() ||
          rule.incapable().empty() || rule.from_age() < 0 || rule.from_age() > kMaxAge ||
          (!rule.no_upper_age() && (rule.to_age() < rule.from_age() || rule.to_age() > kMaxAge))) {
        StatuteError({{"age_rules", i}}, "VALUE_MISSING",
                     "an age rule needs source_law, use, ages, capable and incapable");
        continue;
      }
      auto& rules = (rule.use() == v1::AgeRule::CONSENT
                         ? table.consent
                         : table.inzage)[static_cast<size_t>(rule.source_law())];
      for (size_t bracket = 0; bracket < brackets; ++bracket) {
        const int age = table.boundaries[bracket];
        if (age < rule.from_age() || (!rule.no_upper_age() && age > rule.to_age())) continue;
        if (!rules[bracket].capable.empty()) {
          StatuteError({{"age_rules", i}}, "AGE_OVERLAP",
                       absl::StrFormat("another rule covers age %d already", age));
          break;
        }
        rules[bracket] = {Groups(rule.capable()), Groups(rule.incapable())};
      }
    }
  }

  // Names of a statute row that the convenant does not have can never match: no error, because a
  // statute serves several convenanten, but worth a look. Reported once per name.
  template <typename Names, typename Use>
  void StatuteNames(const Names& names, std::string_view field, int row, std::string_view what,
                    Use use) {
    for (int k = 0; k < names.size(); ++k) {
      if (use(names[k])) continue;
      if (!unused_statute_names_.insert(absl::StrCat(ToAbsl(what), " ", names[k])).second) continue;
      issues_.push_back(statute_doc_.At(
          {{"rows", row}, {field, k}}, Severity::kWarning, "STATUTE_NAME_UNUSED",
          absl::StrCat("the convenant has no ", ToAbsl(what), " ", Quoted(names[k]))));
    }
  }

  template <typename List>
  ConditionSet ConditionsOf(const List& list) {
    ConditionSet set = 0;
    for (const int condition : list) {
      if (condition != 0) set |= Bit(static_cast<Condition>(condition));
    }
    return set;
  }
  template <typename List>
  ObligationSet ObligationsOf(const List& list) {
    ObligationSet set = 0;
    for (const int obligation : list) {
      if (obligation != 0) set |= Bit(static_cast<Obligation>(obligation));
    }
    return set;
  }
  template <typename List>
  std::vector<Condition> ChoicesOf(const List& list) {
    std::vector<Condition> out;
    for (const int condition : list) {
      if (condition != 0) out.push_back(static_cast<Condition>(condition));
    }
    return out;
  }

  void Rows() {
    for (int i = 0; i < statute_.rows_size(); ++i) {
      const v1::StatuteRow& row = statute_.rows(i);
      const auto report = [&](auto code, auto text) {
        StatuteError({{"rows", i}, {"id"}}, code, std::move(text));
      };
      if (!IsId(row.id(), "G_"))
        report("ID_MALFORMED", std::string("a row needs an id that starts with G_"));
      if (!Intern(out_->rows, row.id(), kMaxDocumentIds, report)) continue;
      if (IsBlank(row.citation()))
        StatuteError({{"rows", i}}, "VALUE_MISSING", "a row needs a citation");
      if (row.duty() == v1::Duty::DUTY_UNSPECIFIED)
        StatuteError({{"rows", i}}, "VALUE_MISSING", "a row needs a duty");
      CompiledRow compiled;
      for (const int regime : row.regimes()) compiled.regimes |= Mask{1} << regime;
      if (row.regimes().empty() || row.source_hats().empty() || row.recipient_hats().empty() ||
          row.categories().empty() || row.purposes().empty()) {
        StatuteError({{"rows", i}}, "VALUE_MISSING",
                     "a row needs regimes, source_hats, recipient_hats, categories and purposes");
      }
      RowDates(i, row, compiled);
      const auto hat = [&](HatSet& set) {
        return [&](const std::string& name) {
          const auto id = out_->hats.Find(name);
          if (id) set.Insert(*id);
          return id.has_value();
        };
      };
      StatuteNames(row.source_hats(), "source_hats", i, "hat", hat(compiled.sources));
      StatuteNames(row.recipient_hats(), "recipient_hats", i, "hat", hat(compiled.recipients));
      FieldSet of_category;
      StatuteNames(row.categories(), "categories", i, "category", [&](const std::string& name) {
        const auto found = out_->categories.find(name);
        if (found == out_->categories.end()) return false;
        of_category |= out_->fields_of_category[found->second];
        return true;
      });
      StatuteNames(row.purposes(), "purposes", i, "purpose", [&](const std::string& name) {
        const auto id = out_->purposes.Find(name);
        if (id) compiled.purposes |= MaskBit(*id);
        return id.has_value();
      });
      compiled.fields = of_category & FieldsOfClasses(row.classes());
      for (const auto* list : {&row.tasks(), &row.powers()}) {
        for (const std::string& name : *list) {
          auto id = out_->powers.Find(name);
          if (!id) {
            if (!Intern(out_->powers, name, kMaxMaskBits, report)) continue;
            id = PowerId(static_cast<uint16_t>(out_->powers.names.size() - 1));
          }
          compiled.powers |= MaskBit(*id);
        }
      }
      compiled.conditions = ConditionsOf(row.conditions());
      compiled.one_of = ChoicesOf(row.one_of());
      compiled.obligations = ObligationsOf(row.obligations());
      if (IsNoChoice(row.one_of())) {
        StatuteError({{"rows", i}, {"one_of"}}, "CONDITION_MISPLACED",
                     "GESLOTEN_SET and MANDAAT_VAN_KRACHT stand in conditions, not in one_of");
      }
      compiled.by_mandate = (compiled.conditions & Bit(Condition::kMandaatVanKracht)) != 0;
      if ((compiled.conditions & Bit(Condition::kWettelijkeTaakBenoemd)) != 0 &&
          row.tasks().empty()) {
        StatuteError({{"rows", i}}, "VALUE_MISSING", "WETTELIJKE_TAAK_BENOEMD needs tasks");
      }
      if ((compiled.conditions & (Bit(Condition::kGezagOfOpenbareOrde) |
                                  Bit(Condition::kEigenBevoegdheidBenoemd))) != 0 &&
          row.powers().empty()) {
        StatuteError({{"rows", i}}, "VALUE_MISSING", "the named power needs powers");
      }
      if (row.opens_regime() != v1::Regime::REGIME_UNSPECIFIED) {
        out_->opening_rows[static_cast<size_t>(row.opens_regime())].push_back(
            RowId(static_cast<uint16_t>(out_->row.size())));
      }
      out_->row.push_back(std::move(compiled));
    }
  }

  void RowDates(int i, const v1::StatuteRow& row, CompiledRow& compiled) {
    if (row.off_until_dated()) {
      if (!row.valid_from().empty() || !row.valid_until().empty()) {
        StatuteError({{"rows", i}, {"off_until_dated"}}, "ROW_DATES",
                     "a row that is off until dated has no dates of its own");
      }
      return;
    }
    const auto from = Day(row.valid_from(), [&](auto code, auto text) {
      StatuteError({{"rows", i}, {"valid_from"}}, code, std::move(text));
    });
    if (!from) return;
    compiled.from = from->days();
    compiled.until = std::numeric_limits<int32_t>::max();
    if (row.valid_until().empty()) return;
    const auto until = Day(row.valid_until(), [&](auto code, auto text) {
      StatuteError({{"rows", i}, {"valid_until"}}, code, std::move(text));
    });
    if (!until) return;
    compiled.until = until->days();
    if (*until < *from)
      StatuteError({{"rows", i}, {"valid_until"}}, "DATE_ORDER", "the row ends before it starts");
  }

  template <typename List>
  FieldSet FieldsOfClasses(const List& classes) {
    FieldSet set;
    for (int k = 0; k < convenant_.fields_size(); ++k) {
      const v1::Field& field = convenant_.fields(k);
      const auto id = out_->fields.Find(field.name());
      if (!id) continue;
      if (classes.empty() ||
          std::find(classes.begin(), classes.end(), field.data_class()) != classes.end()) {
        set.Insert(*id);
      }
    }
    return set;
  }

  void Switches() {
    std::set<std::string> dated;
    for (int i = 0; i < switches_.rows_size(); ++i) {
      const auto& dates = switches_.rows(i);
      const auto row = out_->rows.Find(dates.row());
      if (!row || !dated.insert(dates.row()).second) {
        SwitchError({{"rows", i}, {"row"}}, "SWITCH_INVALID",
                    absl::StrCat("no such row, or dated twice: ", Quoted(dates.row())));
        continue;
      }
      const v1::StatuteRow* document_row = nullptr;
      for (const auto& candidate : statute_.rows()) {
        if (candidate.id() == dates.row()) document_row = &candidate;
      }
      if (document_row == nullptr || !document_row->off_until_dated()) {
        SwitchError(
            {{"rows", i}, {"row"}}, "SWITCH_INVALID",
            absl::StrCat(dates.row(), " has dates in the statute: an operator cannot change them"));
        continue;
      }
      if (IsBlank(dates.source())) {
        SwitchError({{"rows", i}, {"source"}}, "SWITCH_INVALID", "dates need a source reference");
      }
      const auto from = Day(dates.from(), [&](auto code, auto text) {
        SwitchError({{"rows", i}, {"from"}}, code, std::move(text));
      });
      const auto until = Day(dates.until(), [&](auto code, auto text) {
        SwitchError({{"rows", i}, {"until"}}, code, std::move(text));
      });
      if (!from || !until) continue;
      if (*until < *from)
        SwitchError({{"rows", i}, {"until"}}, "DATE_ORDER", "ends before it starts");
      out_->row[row->index()].from = from->days();
      out_->row[row->index()].until = until->days();
    }
    for (int i = 0; i < switches_.decisions_size(); ++i) {
      const auto& decision = switches_.decisions(i);
      if (decision.condition() != v1::Condition::MACHTIGING_GELDIG &&
          decision.condition() != v1::Condition::AMVB_SCHULDHULP_8_2) {
        SwitchError({{"decisions", i}, {"condition"}}, "SWITCH_INVALID",
                    "only MACHTIGING_GELDIG and AMVB_SCHULDHULP_8_2 are general decisions");
        continue;
      }
      if (IsBlank(decision.source())) {
        SwitchError({{"decisions", i}, {"source"}}, "SWITCH_INVALID",
                    "a decision needs a source reference");
      }
      const auto from = Day(decision.from(), [&](auto code, auto text) {
        SwitchError({{"decisions", i}, {"from"}}, code, std::move(text));
      });
      GeneralDecisionPeriod period{static_cast<Condition>(decision.condition()), 0,
                                   std::numeric_limits<int32_t>::max()};
      if (!from) continue;
      period.from = from->days();
      if (!decision.until().empty()) {
        const auto until = Day(decision.until(), [&](auto code, auto text) {
          SwitchError({{"decisions", i}, {"until"}}, code, std::move(text));
        });
        if (!until) continue;
        period.until = until->days();
      }
      out_->general_decisions.push_back(period);
    }
  }

  void Retention() {
    std::set<std::string> ids;
    std::set<std::string> set_by_operator;
    for (int i = 0; i < convenant_.retention_size(); ++i) {
      const v1::Retention& row = convenant_.retention(i);
      if (!IsId(row.id(), "RT_") || !ids.insert(row.id()).second) {
        Error({{"retention", i}, {"id"}}, "ID_DUPLICATE",
              "a retention row needs an RT_ id of its own");
      }
      if (row.anchor() == v1::Retention::ANCHOR_UNSPECIFIED || row.holder_hats().empty()) {
        Error({{"retention", i}}, "VALUE_MISSING",
              "a retention row needs an anchor and holder_hats");
      }
      CompiledRetention compiled;
      compiled.holders = HatsOf(row.holder_hats(), "retention", "holder_hats", i);
      compiled.term = row.term();
      compiled.unit = row.unit();
      compiled.anchor = row.anchor();
      if (row.term() < 0 || row.term() > kMaxTerm ||
          (row.term() > 0) != (row.unit() != v1::Retention::UNIT_UNSPECIFIED)) {
        Error({{"retention", i}, {"term"}}, "VALUE_MISSING",
              "a term needs a unit, and the reverse");
      }
      for (int k = 0; k < switches_.terms_size(); ++k) {
        const auto& term = switches_.terms(k);
        if (term.id() != row.id()) continue;
        if (row.term() != 0) {
          SwitchError(
              {{"terms", k}, {"id"}}, "SWITCH_INVALID",
              absl::StrCat(row.id(), " has a term in the convenant: an operator cannot change it"));
          continue;
        }
        compiled.term = term.term();
        compiled.unit = term.unit();
      }
      if (row.gates_regime() != v1::Regime::REGIME_UNSPECIFIED && compiled.term == 0) {
        out_->regimes_without_term |= Mask{1} << row.gates_regime();
      }
      out_->retention.push_back(compiled);
    }
    for (int k = 0; k < switches_.terms_size(); ++k) {
      const auto& term = switches_.terms(k);
      if (ids.count(term.id()) == 0 || !set_by_operator.insert(term.id()).second) {
        SwitchError({{"terms", k}, {"id"}}, "SWITCH_INVALID",
                    absl::StrCat("no such retention row, or set twice: ", Quoted(term.id())));
      }
      if (term.term() <= 0 || term.term() > kMaxTerm ||
          term.unit() == v1::Retention::UNIT_UNSPECIFIED || IsBlank(term.source())) {
        SwitchError({{"terms", k}}, "SWITCH_INVALID",
                    "a term needs a number, a unit and a source reference");
      }
    }
  }

  void Exclusions() {
    std::vector<int> order;
    for (int i = 0; i < convenant_.exclusions_size(); ++i) {
      const v1::Exclusion& exclusion = convenant_.exclusions(i);
      const auto report = [&](auto code, auto text) {
        Error({{"exclusions", i}, {"id"}}, code, std::move(text));
      };
      if (!IsId(exclusion.id(), "X"))
        report("ID_MALFORMED", std::string("an exclusion needs an X id"));
      if (!Intern(out_->exclusions, exclusion.id(), kMaxDocumentIds, report)) continue;
      if (exclusion.kind() == v1::Exclusion::KIND_UNSPECIFIED ||
          exclusion.code() == v1::ReasonCode::REASON_CODE_UNSPECIFIED) {
        Error({{"exclusions", i}}, "VALUE_MISSING", "an exclusion needs a kind and a code");
      }
      if (exclusion.code() == v1::ReasonCode::RELEASED ||
          exclusion.code() == v1::ReasonCode::NEEDS_CONSENT ||
          exclusion.code() == v1::ReasonCode::NEEDS_DECISION ||
          exclusion.code() == v1::ReasonCode::NCND) {
        Error({{"exclusions", i}, {"code"}}, "VALUE_MISSING",
              "the code of an exclusion is one of a refusal");
      }
      if (exclusion.kind() == v1::Exclusion::VELD) order.push_back(i);
    }
    // Tested in order of id, whatever the order of the document.
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return convenant_.exclusions(a).id() < convenant_.exclusions(b).id();
    });
    for (const int i : order) out_->exclusion.push_back(CompileExclusion(i));
  }

  CompiledExclusion CompileExclusion(int i) {
    const v1::Exclusion& exclusion = convenant_.exclusions(i);
    CompiledExclusion compiled;
    compiled.id = out_->exclusions.Find(exclusion.id()).value_or(ExclusionId());
    compiled.code = static_cast<Code>(static_cast<int>(exclusion.code()) - 1);
    if (!exclusion.tafels().empty()) compiled.tafels.assign(out_->tafel.size(), false);
    for (int k = 0; k < exclusion.tafels_size(); ++k) {
      const auto tafel = out_->tafels.Find(exclusion.tafels(k));
      if (!tafel) {
        Error({{"exclusions", i}, {"tafels", k}}, "NAME_UNKNOWN",
              absl::StrCat("no such tafel: ", Quoted(exclusion.tafels(k))));
      } else {
        compiled.tafels[tafel->index()] = true;
      }
    }
    compiled.recipients = HatsOf(exclusion.recipient_hats(), "exclusions", "recipient_hats", i);
    if (exclusion.recipient_hats().empty()) {
      for (size_t hat = 0; hat < out_->hat.size(); ++hat) {
        compiled.recipients.Insert(HatId(static_cast<uint16_t>(hat)));
      }
    }
    FieldSet by_name = FieldsOf(exclusion.fields(), "exclusions", i);
    FieldSet by_category;
    for (int k = 0; k < exclusion.categories_size(); ++k) {
      const auto category = out_->categories.find(exclusion.categories(k));
      if (category == out_->categories.end()) {
        Error({{"exclusions", i}, {"categories", k}}, "NAME_UNKNOWN",
              absl::StrCat("no such category: ", Quoted(exclusion.categories(k))));
      } else {
        by_category |= out_->fields_of_category[category->second];
      }
    }
    const FieldSet all = AllFields();
    compiled.fields = (exclusion.fields().empty() ? all : by_name) &
                      (exclusion.categories().empty() ? all : by_category) &
                      FieldsOfClasses(exclusion.classes());
    if (!exclusion.purposes().empty()) {
      compiled.purposes =
          MaskOf(out_->purposes, exclusion.purposes(), "exclusions", "purposes", i, "purpose");
    }
    compiled.stages = MaskOf(out_->stages, exclusion.stages(), "exclusions", "stages", i, "stage");
    compiled.unless = ConditionsOf(exclusion.unless());
    compiled.before_purpose_gate = exclusion.before_purpose_gate();
    if (exclusion.before_purpose_gate() &&
        (exclusion.purposes().empty() || !exclusion.tafels().empty() ||
         !exclusion.recipient_hats().empty() || !exclusion.fields().empty() ||
         !exclusion.categories().empty() || !exclusion.classes().empty() ||
         !exclusion.stages().empty() || !exclusion.unless().empty())) {
      Error({{"exclusions", i}, {"before_purpose_gate"}}, "VALUE_MISSING",
            "an exclusion that is tested at the purpose gate names purposes and nothing else");
    }
    return compiled;
  }

  FieldSet AllFields() const {
    FieldSet set;
    for (size_t i = 0; i < out_->fields.names.size(); ++i)
      set.Insert(FieldId(static_cast<uint16_t>(i)));
    return set;
  }

  template <typename Names>
  FieldSet FieldsOf(const Names& names, std::string_view list, int at) {
    FieldSet set;
    for (int k = 0; k < names.size(); ++k) {
      const auto field = out_->fields.Find(names[k]);
      if (!field) {
        Error({{list, at}, {"fields", k}}, "NAME_UNKNOWN",
              absl::StrCat("no such field: ", Quoted(names[k])));
        continue;
      }
      set.Insert(*field);
    }
    return set;
  }

  void Grants() {
    for (int i = 0; i < convenant_.grants_size(); ++i) {
      const v1::Grant& grant = convenant_.grants(i);
      const auto report = [&](auto code, auto text) {
        Error({{"grants", i}, {"id"}}, code, std::move(text));
      };
      if (!IsId(grant.id(), "M")) report("ID_MALFORMED", std::string("a grant needs an M id"));
      if (!Intern(out_->grants, grant.id(), kMaxDocumentIds, report)) continue;
      for (const auto& [name, count] : std::initializer_list<std::pair<std::string_view, int>>{
               {"source_hats", grant.source_hats_size()},
               {"recipient_hats", grant.recipient_hats_size()},
               {"fields", grant.fields_size()},
               {"tafels", grant.tafels_size()},
               {"phases", grant.phases_size()},
               {"purposes", grant.purposes_size()},
               {"grondslagen", grant.grondslagen_size()}}) {
        if (count == 0) {
          Error({{"grants", i}}, "VALUE_MISSING",
                absl::StrCat(grant.id(), " needs ", ToAbsl(name)));
        }
      }
      CompiledGrant compiled;
      compiled.sources = HatsOf(grant.source_hats(), "grants", "source_hats", i);
      compiled.recipients = HatsOf(grant.recipient_hats(), "grants", "recipient_hats", i);
      compiled.fields = FieldsOf(grant.fields(), "grants", i);
      compiled.phases = MaskOf(out_->phases, grant.phases(), "grants", "phases", i, "phase");
      compiled.stages = MaskOf(out_->stages, grant.stages(), "grants", "stages", i, "stage");
      compiled.purposes =
          MaskOf(out_->purposes, grant.purposes(), "grants", "purposes", i, "purpose");
      compiled.conditions = ConditionsOf(grant.conditions());
      compiled.obligations = ObligationsOf(grant.obligations());
      for (int k = 0; k < grant.tafels_size(); ++k) {
        const auto tafel = out_->tafels.Find(grant.tafels(k));
        if (!tafel) {
          Error({{"grants", i}, {"tafels", k}}, "NAME_UNKNOWN",
                absl::StrCat("no such tafel: ", Quoted(grant.tafels(k))));
          continue;
        }
        compiled.tafels.push_back(*tafel);
        if (grant.stages_size() > 0 && out_->tafel[tafel->index()].regime != Regime::kWams) {
          Error({{"grants", i}, {"stages"}}, "STAGE_WITHOUT_WAMS",
                absl::StrCat(grant.id(), " lists stages, but ", grant.tafels(k),
                             " is no Wams tafel"));
        }
      }
      std::sort(compiled.tafels.begin(), compiled.tafels.end());
      compiled.tafels.erase(std::unique(compiled.tafels.begin(), compiled.tafels.end()),
                            compiled.tafels.end());
      Alternatives(i, grant, compiled);
      if (!HasErrors(issues_)) CheckContainment(i, grant, compiled);
      out_->grant.push_back(std::move(compiled));
    }
  }

  // Conditions that say how a whole message or a whole row is judged are no choice among others.
  template <typename List>
  static bool IsNoChoice(const List& one_of) {
    return std::any_of(one_of.begin(), one_of.end(), [](int condition) {
      return condition == v1::Condition::GESLOTEN_SET ||
             condition == v1::Condition::MANDAAT_VAN_KRACHT;
    });
  }

  void Alternatives(int i, const v1::Grant& grant, CompiledGrant& compiled) {
    if (IsNoChoice(grant.one_of())) {
      Error({{"grants", i}, {"one_of"}}, "CONDITION_MISPLACED",
            "GESLOTEN_SET and MANDAAT_VAN_KRACHT stand in conditions, not in one_of");
    }
    std::set<std::string> cited;
    const std::vector<Condition> own_choices = ChoicesOf(grant.one_of());
    const auto choices = [](const std::vector<Condition>& list) {
      std::vector<ConditionSet> out;
      for (const Condition condition : list) out.push_back(Bit(condition));
      if (out.empty()) out.push_back(0);
      return out;
    };
    for (int k = 0; k < grant.grondslagen_size(); ++k) {
      const auto row = out_->rows.Find(grant.grondslagen(k));
      if (!row) {
        Error({{"grants", i}, {"grondslagen", k}}, "NAME_UNKNOWN",
              absl::StrCat("the statute has no row ", Quoted(grant.grondslagen(k))));
        continue;
      }
      if (!cited.insert(grant.grondslagen(k)).second) {
        Error({{"grants", i}, {"grondslagen", k}}, "ID_DUPLICATE",
              absl::StrCat("cited twice: ", Quoted(grant.grondslagen(k))));
      }
      if (row->index() >= out_->row.size()) continue;
      const CompiledRow& statute_row = out_->row[row->index()];
      for (const ConditionSet own : choices(own_choices)) {
        for (const ConditionSet of_row : choices(statute_row.one_of)) {
          compiled.alternatives.push_back(
              {*row, compiled.conditions | statute_row.conditions | own | of_row});
        }
      }
      const ConditionSet both = compiled.conditions | statute_row.conditions;
      if (compiled.closes_set && (both & Bit(Condition::kGeslotenSet)) != 0) {
        Error(
            {{"grants", i}, {"grondslagen", k}}, "SIGNALS_OVERLAP",
            absl::StrCat(grant.id(), " closes its set by two rows: which one judges the signal?"));
      }
      if (!compiled.closes_set && (both & Bit(Condition::kGeslotenSet)) != 0) {
        compiled.closes_set = true;
        compiled.closing_row = *row;
        for (int c = 1; c <= kConditionCount; ++c) {
          const auto condition = static_cast<Condition>(c);
          if (condition != Condition::kGeslotenSet && (both & Bit(condition)) != 0 &&
              RuleOf(condition).absent_code == Code::kSignalRejected) {
            compiled.signal_needs |= Bit(condition);
          }
        }
      }
    }
  }

  // A closed signal is one message: no two grants may close sets that one request can reach through
  // the same field. Otherwise the order of the grants would decide what is released.
  void Signals() {
    std::vector<size_t> closing;
    for (size_t g = 0; g < out_->grant.size(); ++g) {
      const CompiledGrant& grant = out_->grant[g];
      if (!grant.closes_set) continue;
      for (const size_t earlier : closing) {
        if (!Overlap(grant, out_->grant[earlier])) continue;
        Error({{"grants", static_cast<int>(g)}, {"fields"}}, "SIGNALS_OVERLAP",
              absl::StrFormat("%s and %s close different sets that share a field between the same "
                              "hats",
                              out_->grants.names[g], out_->grants.names[earlier]));
        break;
      }
      closing.push_back(g);
    }
  }

  static bool Overlap(const CompiledGrant& a, const CompiledGrant& b) {
    return (a.purposes & b.purposes) != 0 && (a.phases & b.phases) != 0 &&
           (a.stages == 0 || b.stages == 0 || (a.stages & b.stages) != 0) &&
           !(a.sources & b.sources).empty() && !(a.recipients & b.recipients).empty() &&
           !(a.fields & b.fields).empty() &&
           std::any_of(a.tafels.begin(), a.tafels.end(), [&](TafelId tafel) {
             return std::binary_search(b.tafels.begin(), b.tafels.end(), tafel);
           });
  }

  // Law over convenant (R-W-06). Whatever a grant can reach must lie within a row that it cites: at
  // each of its tafels every source, recipient and field together, for at least one purpose, and
  // each of its purposes at one tafel at least.
  void CheckContainment(int i, const v1::Grant& grant, const CompiledGrant& compiled) {
    Mask reachable = 0;
    Mask covered = 0;
    bool widens = false;
    for (const TafelId tafel_id : compiled.tafels) {
      const CompiledTafel& tafel = out_->tafel[tafel_id.index()];
      const Mask purposes = compiled.purposes & tafel.purposes;
      if (purposes == 0 || (compiled.phases & tafel.phases) == 0) continue;
      const HatSet seats = tafel.members | tafel.guests;
      Mask covered_here = 0;
      bool reached = false;
      (compiled.sources & seats).ForEach([&](HatId source) {
        const FieldSet owned = compiled.fields & out_->hat[source.index()].owns;
        if (owned.empty()) return;
        (compiled.recipients & seats).ForEach([&](HatId recipient) {
          reached = true;
          FieldSet permitted;
          for (const Alternative& alternative : compiled.alternatives) {
            const CompiledRow& row = out_->row[alternative.row.index()];
            if (((row.regimes >> static_cast<int>(tafel.regime)) & 1) == 0 ||
                !row.sources.Contains(source) || !row.recipients.Contains(recipient) ||
                (row.purposes & purposes) == 0 || (row.fields & owned).empty()) {
              continue;
            }
            permitted |= row.fields;
            covered_here |= row.purposes & purposes;
          }
          const FieldSet outside = owned - permitted;
          if (!outside.empty() && !widens) {
            widens = true;
            Error({{"grants", i}, {"grondslagen"}}, "WIDENS_STATUTE",
                  absl::StrFormat(
                      "%s gives %s from %s to %s at %s, which no row that it cites allows",
                      grant.id(), out_->fields.Name(outside.First()), out_->hats.Name(source),
                      out_->hats.Name(recipient), out_->tafels.Name(tafel_id)));
          }
        });
      });
      if (!reached) continue;
      reachable |= purposes;
      covered |= covered_here;
      if (const Mask bare = purposes & ~covered_here; bare != 0 && !widens) {
        issues_.push_back(convenant_doc_.At(
            {{"grants", i}, {"purposes"}}, Severity::kWarning, "COMBINATION_WITHOUT_BASIS",
            absl::StrFormat("%s at %s: no row that it cites serves %s there", grant.id(),
                            out_->tafels.Name(tafel_id), PurposeNames(bare))));
      }
    }
    if (const Mask outside = reachable & ~covered; outside != 0 && !widens) {
      Error({{"grants", i}, {"purposes"}}, "WIDENS_STATUTE",
            absl::StrFormat("%s serves %s, which no row that it cites allows", grant.id(),
                            PurposeNames(outside)));
    }
  }

  std::string PurposeNames(Mask mask) const {
    std::vector<std::string> names;
    for (size_t i = 0; i < out_->purposes.names.size(); ++i) {
      if (((mask >> i) & 1) != 0) names.push_back(out_->purposes.names[i]);
    }
    return absl::StrJoin(names, ", ");
  }

  void CaseworkRules() {
    for (int i = 0; i < convenant_.scaling_size(); ++i) {
      const auto& step = convenant_.scaling(i);
      MaskOf(out_->phases, step.from(), "scaling", "from", i, "phase");
      if (!out_->phases.Find(step.to())) {
        Error({{"scaling", i}, {"to"}}, "NAME_UNKNOWN",
              absl::StrCat("no such phase: ", Quoted(step.to())));
      }
      HatsOf(step.hats(), "scaling", "hats", i);
      HatsOf(step.accepting_hats(), "scaling", "accepting_hats", i);
      if (step.from().empty() || step.hats().empty()) {
        Error({{"scaling", i}}, "VALUE_MISSING", "a step needs from and hats");
      }
    }
    for (int i = 0; i < convenant_.closing_size(); ++i) {
      HatsOf(convenant_.closing(i).hats(), "closing", "hats", i);
      MaskOf(out_->phases, convenant_.closing(i).opener_in_phases(), "closing", "opener_in_phases",
             i, "phase");
    }
    for (int i = 0; i < convenant_.admission_size(); ++i) {
      const auto& rule = convenant_.admission(i);
      HatsOf(rule.hats(), "admission", "hats", i);
      for (CompiledTafel& tafel : out_->tafel) {
        if (static_cast<int>(tafel.regime) == rule.regime())
          tafel.placement_required = rule.placement_required();
      }
    }
    std::set<std::string> facts;
    for (int i = 0; i < convenant_.competences_size(); ++i) {
      const auto& competence = convenant_.competences(i);
      HatsOf(competence.hats(), "competences", "hats", i);
      if (std::find(std::begin(kFactNames), std::end(kFactNames), competence.fact()) ==
              std::end(kFactNames) ||
          !facts.insert(competence.fact()).second) {
        Error({{"competences", i}, {"fact"}}, "NAME_UNKNOWN",
              absl::StrCat("no such fact, or listed twice: ", Quoted(competence.fact())));
      }
      if (competence.any_hat() == (competence.hats_size() > 0)) {
        Error({{"competences", i}}, "VALUE_MISSING", "a competence has either hats or any_hat");
      }
    }
    for (int i = 0; i < convenant_.duties_size(); ++i) Duty(convenant_.duties(i), i);
  }

  void Duty(const v1::DutyRule& duty, int at) {
    HatsOf(duty.hats(), "duties", "hats", at);
    const bool by_release = duty.kind() != v1::DutyRule::CORRECT;
    if (duty.kind() == v1::DutyRule::KIND_UNSPECIFIED ||
        by_release != (duty.obligations_size() > 0)) {
      Error({{"duties", at}}, "VALUE_MISSING",
            "a duty needs a kind, and obligations unless it is CORRECT");
    }
    const auto is_term = [](int32_t term, v1::Retention::Unit unit) {
      return term > 0 && term <= kMaxTerm &&
             (unit == v1::Retention::DAG || unit == v1::Retention::MAAND);
    };
    const bool has_term = is_term(duty.term(), duty.unit());
    const bool is_review = duty.kind() == v1::DutyRule::REVIEW;
    if (is_review ? duty.term() != 0 || duty.extension() != 0 : !has_term) {
      Error({{"duties", at}}, "VALUE_MISSING",
            "a duty needs a term in days or months, a review has none");
    }
    if (duty.extension() != 0 && !is_term(duty.extension(), duty.extension_unit())) {
      Error({{"duties", at}}, "VALUE_MISSING", "an extension is a term in days or months");
    }
  }

  // The lists that a decision starts from.
  void Index() {
    const size_t hats = out_->hat.size();
    out_->pair_cells.assign(hats * hats + 1, 0);
    for (CompiledTafel& tafel : out_->tafel) {
      tafel.cells.assign(tafel.seats * tafel.seats + 1, 0);
      tafel.cell_closes.assign(tafel.seats * tafel.seats, false);
    }
    // Two passes: count, then fill; grants in order within each cell.
    for (const bool fill : {false, true}) {
      std::vector<uint32_t> pair_next;
      std::vector<std::vector<uint32_t>> next(out_->tafel.size());
      if (fill) {
        for (size_t t = 0; t < out_->tafel.size(); ++t) {
          CompiledTafel& tafel = out_->tafel[t];
          for (size_t c = 1; c < tafel.cells.size(); ++c) tafel.cells[c] += tafel.cells[c - 1];
          tafel.cell_grants.resize(tafel.cells.back());
          next[t].assign(tafel.cells.begin(), tafel.cells.end() - 1);
        }
        for (size_t c = 1; c < out_->pair_cells.size(); ++c)
          out_->pair_cells[c] += out_->pair_cells[c - 1];
        out_->pair_grants.resize(out_->pair_cells.back());
        pair_next.assign(out_->pair_cells.begin(), out_->pair_cells.end() - 1);
      }
      for (size_t g = 0; g < out_->grant.size(); ++g) {
        const CompiledGrant& grant = out_->grant[g];
        const auto grant_index = static_cast<uint16_t>(g);
        for (const TafelId tafel_id : grant.tafels) {
          CompiledTafel& tafel = out_->tafel[tafel_id.index()];
          const HatSet seats = tafel.members | tafel.guests;
          (grant.recipients & seats).ForEach([&](HatId acting) {
            (grant.sources & seats).ForEach([&](HatId source) {
              const size_t cell =
                  size_t{tafel.seat[acting.index()]} * tafel.seats + tafel.seat[source.index()];
              if (fill) {
                tafel.cell_grants[next[tafel_id.index()][cell]++] = grant_index;
                if (grant.closes_set) tafel.cell_closes[cell] = true;
              } else {
                ++tafel.cells[cell + 1];
              }
            });
          });
        }
        grant.recipients.ForEach([&](HatId acting) {
          grant.sources.ForEach([&](HatId source) {
            const size_t cell = size_t{acting.index()} * hats + source.index();
            if (fill) {
              out_->pair_grants[pair_next[cell]++] = grant_index;
            } else {
              ++out_->pair_cells[cell + 1];
            }
          });
        });
      }
    }
    for (CompiledTafel& tafel : out_->tafel) tafel.exclusions.resize(hats);
    for (size_t x = 0; x < out_->exclusion.size(); ++x) {
      const CompiledExclusion& exclusion = out_->exclusion[x];
      if (exclusion.before_purpose_gate) {
        out_->prohibited |= exclusion.purposes;
        out_->gate_exclusions.push_back(static_cast<uint16_t>(x));
        continue;
      }
      for (size_t t = 0; t < out_->tafel.size(); ++t) {
        if (!exclusion.tafels.empty() && !exclusion.tafels[t]) continue;
        for (size_t hat = 0; hat < hats; ++hat) {
          if (!exclusion.recipients.Contains(HatId(static_cast<uint16_t>(hat)))) continue;
          CompiledTafel::Exclusions& here = out_->tafel[t].exclusions[hat];
          here.indices.push_back(static_cast<uint16_t>(x));
          here.fields |= exclusion.fields;
        }
      }
    }
    out_->wams_social_acts.assign(statute_.terms().wams_social_acts().begin(),
                                  statute_.terms().wams_social_acts().end());
  }

  // docs/formats/policy.md. Deterministic for one version of the schema: the documents have no maps
  // and no unknown fields, so that their encoding in order of field number is their only one.
  void Canonical() {
    std::string& out = out_->canonical;
    out = "sluis policy v1";
    out.push_back('\0');
    for (const google::protobuf::Message* message :
         {static_cast<const google::protobuf::Message*>(&statute_),
          static_cast<const google::protobuf::Message*>(&convenant_),
          static_cast<const google::protobuf::Message*>(&switches_)}) {
      std::string bytes;
      message->SerializeToString(&bytes);
      AppendU64(out, bytes.size());
      out += bytes;
    }
  }

  const Document<v1::Statute>& statute_doc_;
  const Document<v1::Convenant>& convenant_doc_;
  const Document<v1::OperatorSwitches>& switches_doc_;
  const v1::Statute& statute_;
  const v1::Convenant& convenant_;
  const v1::OperatorSwitches& switches_;
  std::unique_ptr<Compiled> out_ = std::make_unique<Compiled>();
  std::vector<Issue> issues_;
  std::set<std::string> unused_statute_names_;
};

}  // namespace

CompileResult Compile(const Document<v1::Statute>& statute,
                      const Document<v1::Convenant>& convenant,
                      const Document<v1::OperatorSwitches>& switches) {
  return Compiler(statute, convenant, switches).Run();
}

Policy::Policy(std::unique_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
Policy::~Policy() = default;

const std::string& Policy::convenant_id() const { return compiled_->convenant.id(); }
const std::string& Policy::convenant_version() const { return compiled_->convenant.version(); }
const std::string& Policy::statute_version() const { return compiled_->statute.version(); }
const std::string& Policy::canonical() const { return compiled_->canonical; }

std::optional<FieldId> Policy::FindField(std::string_view name) const {
  return compiled_->fields.Find(name);
}
std::optional<HatId> Policy::FindHat(std::string_view name) const {
  return compiled_->hats.Find(name);
}
std::optional<PartijId> Policy::FindPartij(std::string_view name) const {
  return compiled_->partijen.Find(name);
}
std::optional<PartijId> Policy::FindPartijByOin(const Oin& oin) const {
  const auto found = compiled_->oins.find(oin.text());
  if (found == compiled_->oins.end()) return std::nullopt;
  return PartijId(found->second);
}
std::optional<TafelId> Policy::FindTafel(std::string_view name) const {
  return compiled_->tafels.Find(name);
}
std::optional<PhaseId> Policy::FindPhase(std::string_view name) const {
  return compiled_->phases.Find(name);
}
std::optional<StageId> Policy::FindStage(std::string_view name) const {
  return compiled_->stages.Find(name);
}
std::optional<PurposeId> Policy::FindPurpose(std::string_view name) const {
  return compiled_->purposes.Find(name);
}
std::optional<GrantId> Policy::FindGrant(std::string_view name) const {
  return compiled_->grants.Find(name);
}
std::optional<RowId> Policy::FindRow(std::string_view name) const {
  return compiled_->rows.Find(name);
}

const std::string& Policy::NameOf(FieldId id) const { return compiled_->fields.Name(id); }
const std::string& Policy::NameOf(HatId id) const { return compiled_->hats.Name(id); }
const std::string& Policy::NameOf(PartijId id) const { return compiled_->partijen.Name(id); }
const std::string& Policy::NameOf(TafelId id) const { return compiled_->tafels.Name(id); }
const std::string& Policy::NameOf(PurposeId id) const { return compiled_->purposes.Name(id); }
const std::string& Policy::NameOf(GrantId id) const { return compiled_->grants.Name(id); }
const std::string& Policy::NameOf(RowId id) const { return compiled_->rows.Name(id); }
const std::string& Policy::NameOf(ExclusionId id) const { return compiled_->exclusions.Name(id); }
const std::string& Policy::CitationOf(RowId id) const {
  return compiled_->statute.rows(id.index()).citation();
}

Policy::Standing Policy::StandingOf(PartijId partij, CivilDate today) const {
  const CompiledPartij& compiled = compiled_->partij[partij.index()];
  return {compiled_->valid_from <= today.days() && today.days() <= compiled_->valid_until,
          compiled.acceded <= today.days() && today.days() <= compiled.left};
}
bool Policy::Holds(PartijId partij, HatId hat) const {
  return compiled_->partij[partij.index()].hats.Contains(hat);
}
bool Policy::Owns(HatId hat, FieldId field) const {
  return compiled_->hat[hat.index()].owns.Contains(field);
}
std::optional<Code> Policy::BarredFor(FieldId field) const {
  HatSet everybody;
  for (size_t i = 0; i < compiled_->hat.size(); ++i)
    everybody.Insert(HatId(static_cast<uint16_t>(i)));
  for (const CompiledExclusion& exclusion : compiled_->exclusion) {
    if (exclusion.tafels.empty() && everybody.IsSubsetOf(exclusion.recipients) &&
        exclusion.purposes == ~Mask{0} && exclusion.stages == 0 && exclusion.unless == 0 &&
        exclusion.fields.Contains(field)) {
      return exclusion.code;
    }
  }
  return std::nullopt;
}
Policy::Seat Policy::SeatAt(TafelId tafel, HatId hat) const {
  const CompiledTafel& compiled = compiled_->tafel[tafel.index()];
  return compiled.members.Contains(hat)  ? Seat::kMember
         : compiled.guests.Contains(hat) ? Seat::kGuest
                                         : Seat::kNone;
}
Regime Policy::RegimeOf(TafelId tafel) const { return compiled_->tafel[tafel.index()].regime; }
bool Policy::RegimeOpen(Regime regime, CivilDate today) const {
  return policy::RegimeOpen(*compiled_, regime, today.days());
}
bool Policy::RowInForce(RowId row, CivilDate today) const {
  return InForce(compiled_->row[row.index()], today.days());
}
bool Policy::HasPersons(TafelId tafel) const { return compiled_->tafel[tafel.index()].person_data; }

size_t Policy::grant_count() const { return compiled_->grant.size(); }
size_t Policy::row_count() const { return compiled_->row.size(); }

const v1::Statute& Policy::statute() const { return compiled_->statute; }
const v1::Convenant& Policy::convenant() const { return compiled_->convenant; }
const v1::OperatorSwitches& Policy::switches() const { return compiled_->switches; }

}  // namespace sluis::policy
