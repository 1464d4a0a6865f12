#include "sluis/policy/diff.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "meanings.h"
#include "regions.h"
#include "space.h"

#include "sluis/base/text.h"
#include "sluis/policy/v1/case.pb.h"

namespace sluis::policy {
namespace {

using Kind = Difference::Kind;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// A need-set with the obligations of the alternative that decides when exactly it holds.
struct Choice {
  Needs needs{};
  ObligationSet obligations = 0;
  friend bool operator==(const Choice&, const Choice&) = default;
  friend auto operator<=>(const Choice&, const Choice&) = default;
};

bool CanHoldTogether(const Needs& a, const Needs& b) {
  constexpr ConditionSet kVictim =
      Bit(Condition::kSlachtoffer) | Bit(Condition::kGeenAdresbescherming);
  constexpr CircumstanceSet kPerson =
      Bit(Circumstance::kAboutPerson) | Bit(Circumstance::kAboutNobody);
  return (!a.task.valid() || !b.task.valid() || a.task == b.task) &&
         (!a.power.valid() || !b.power.valid() || a.power == b.power) &&
         ((a.conditions | b.conditions) & kVictim) != kVictim &&
         ((a.circumstances | b.circumstances) & kPerson) != kPerson;
}

Needs Both(const Needs& a, const Needs& b) {
  return {a.conditions | b.conditions, a.circumstances | b.circumstances,
          a.task.valid() ? a.task : b.task, a.power.valid() ? a.power : b.power};
}

// The first way that holds when exactly `needs` hold, as the engine tries them.
const Choice* FirstWithin(const std::vector<Choice>& ordered, const Needs& needs) {
  for (const Choice& choice : ordered) {
    if (choice.needs.IsWithin(needs)) return &choice;
  }
  return nullptr;
}

// Need-sets that contain no other, in order, with the obligations that they bring.
std::vector<Choice> Minimal(const std::vector<Choice>& ordered) {
  std::vector<Choice> minimal;
  for (const Choice& choice : ordered) {
    const bool within = std::any_of(ordered.begin(), ordered.end(), [&](const Choice& other) {
      return other.needs != choice.needs && other.needs.IsWithin(choice.needs);
    });
    if (!within) minimal.push_back({choice.needs, FirstWithin(ordered, choice.needs)->obligations});
  }
  std::sort(minimal.begin(), minimal.end());
  minimal.erase(std::unique(minimal.begin(), minimal.end()), minimal.end());
  return minimal;
}

// The same without an order: which obligations some way to a release brings.
std::set<Choice> Family(const std::vector<Choice>& ordered) {
  std::set<Choice> family;
  for (const Choice& choice : ordered) {
    const bool within = std::any_of(ordered.begin(), ordered.end(), [&](const Choice& other) {
      return other.obligations == choice.obligations && other.needs != choice.needs &&
             other.needs.IsWithin(choice.needs);
    });
    if (!within) family.insert(choice);
  }
  return family;
}

// What differs everywhere in a box.
struct Verdict {
  Kind kind = Kind::kChanged;
  std::vector<Choice> before;
  std::vector<Choice> after;
  // Needs that release after and not before, and the reverse; for other obligations, in `gained`.
  std::optional<Needs> gained;
  std::optional<Needs> lost;
  FieldSet others{};
};

std::optional<Verdict> CompareChoices(const std::vector<Choice>& before,
                                      const std::vector<Choice>& after, bool order) {
  Verdict verdict;
  verdict.before = Minimal(before);
  verdict.after = Minimal(after);
  for (const Choice& choice : verdict.after) {
    if (!verdict.gained && FirstWithin(before, choice.needs) == nullptr)
      verdict.gained = choice.needs;
  }
  for (const Choice& choice : verdict.before) {
    if (!verdict.lost && FirstWithin(after, choice.needs) == nullptr) verdict.lost = choice.needs;
  }
  if (verdict.gained && verdict.lost) {
    verdict.kind = Kind::kChanged;
  } else if (verdict.gained) {
    verdict.kind = before.empty() ? Kind::kGained : Kind::kEasier;
  } else if (verdict.lost) {
    verdict.kind = after.empty() ? Kind::kLost : Kind::kStricter;
  }
  if (verdict.gained || verdict.lost) return verdict;
  if (!order && Family(before) == Family(after)) return std::nullopt;
  // Two ways decide at once somewhere if and only if they do where exactly both hold.
  for (const Choice& old_way : before) {
    for (const Choice& new_way : after) {
      if (old_way.obligations == new_way.obligations ||
          !CanHoldTogether(old_way.needs, new_way.needs)) {
        continue;
      }
      const Needs both = Both(old_way.needs, new_way.needs);
      const Choice* old_first = FirstWithin(before, both);
      const Choice* new_first = FirstWithin(after, both);
      if (old_first->obligations == new_first->obligations) continue;
      verdict.kind = Kind::kObligations;
      verdict.gained = both;
      return verdict;
    }
  }
  return std::nullopt;
}

struct Piece {
  Box box{};
  Verdict verdict{};
  std::set<GrantId> grants_before;
  std::set<GrantId> grants_after;
};

// The routes between two hats at a tafel, in both policies.
struct CellRoutes {
  std::vector<Route> before;
  std::vector<Route> after;
  std::vector<ClosedSet> closed_before;
  std::vector<ClosedSet> closed_after;

  [[nodiscard]] bool Same() const {
    return std::equal(before.begin(), before.end(), after.begin(), after.end(),
                      [](const Route& a, const Route& b) { return a.SameAs(b); }) &&
           std::equal(closed_before.begin(), closed_before.end(), closed_after.begin(),
                      closed_after.end(),
                      [](const ClosedSet& a, const ClosedSet& b) { return a.box == b.box; });
  }
  [[nodiscard]] std::string Key() const {
    std::string key;
    for (const auto* routes : {&before, &after}) {
      for (const Route& route : *routes) {
        AppendKey(route.box, key);
        AppendKey(route.needs.conditions, key);
        AppendKey(route.needs.circumstances, key);
        AppendKey(route.needs.task.index(), key);
        AppendKey(route.needs.power.index(), key);
        AppendKey(route.obligations, key);
        AppendKey(route.grant.index(), key);
      }
      key.push_back('|');
    }
    for (const auto* sets : {&closed_before, &closed_after}) {
      for (const ClosedSet& set : *sets) AppendKey(set.box, key);
      key.push_back('|');
    }
    return key;
  }
};

class Solver {
 public:
  explicit Solver(bool order) : order_(order) {}

  std::vector<Piece> Solve(const CellRoutes& cell) {
    pieces_.clear();
    std::vector<Item> items;
    Box all;
    for (const bool after : {false, true}) {
      for (const Route& route : after ? cell.after : cell.before) {
        items.push_back({&route, after});
        all.phases |= route.box.phases;
        all.stages |= route.box.stages;
        all.purposes |= route.box.purposes;
        all.periods |= route.box.periods;
        all.fields |= route.box.fields;
      }
    }
    Refine(all, items);
    if (!cell.closed_before.empty() || !cell.closed_after.empty()) Together(cell, all);
    return std::move(pieces_);
  }

 private:
  struct Item {
    const Route* route;
    bool after;
  };

  // Cuts `box` until every route covers all of a part or nothing of it.
  void Refine(const Box& box, const std::vector<Item>& items) {
    std::vector<Item> here;
    const Route* partial = nullptr;
    for (const Item& item : items) {
      if ((box & item.route->box).empty()) continue;
      here.push_back(item);
      if (partial == nullptr && !box.IsWithin(item.route->box)) partial = item.route;
    }
    if (here.empty() || SameHere(box, here)) return;
    if (partial == nullptr) {
      Compare(box, here);
      return;
    }
    const Box hole = box & partial->box;
    std::vector<Box> outside;
    Subtract(box, hole, outside);
    Refine(hole, here);
    for (const Box& part : outside) Refine(part, here);
  }

  // Whether the routes before and after are the same within `box`, one by one.
  static bool SameHere(const Box& box, const std::vector<Item>& items) {
    const auto middle =
        std::find_if(items.begin(), items.end(), [](const Item& item) { return item.after; });
    return std::equal(
        items.begin(), middle, middle, items.end(), [&](const Item& a, const Item& b) {
          return a.route->needs == b.route->needs && a.route->obligations == b.route->obligations &&
                 (a.route->box & box) == (b.route->box & box);
        });
  }

  void Compare(const Box& box, const std::vector<Item>& items) {
    std::vector<Choice> before;
    std::vector<Choice> after;
    for (const Item& item : items) {
      (item.after ? after : before).push_back({item.route->needs, item.route->obligations});
    }
    auto verdict = CompareChoices(before, after, order_);
    if (!verdict) return;
    Piece piece{box, *std::move(verdict), {}, {}};
    for (const Item& item : items) {
      (item.after ? piece.grants_after : piece.grants_before).insert(item.route->grant);
    }
    pieces_.push_back(std::move(piece));
  }

  // Fields that may be asked together with `field`: the first set that contains one of two fields
  // has to contain both.
  static FieldSet AllowedWith(const std::vector<ClosedSet>& sets, const Box& at, FieldId field) {
    FieldSet allowed;
    for (uint16_t i = 0; i < FieldSet::kCapacity; ++i) allowed.Insert(FieldId(i));
    FieldSet earlier;
    for (const ClosedSet& set : sets) {
      if ((set.box.phases & at.phases) == 0 || (set.box.purposes & at.purposes) == 0 ||
          (set.box.stages & at.stages).empty()) {
        continue;
      }
      if (set.box.fields.Contains(field)) return set.box.fields - earlier;
      earlier |= set.box.fields;
    }
    return allowed - earlier;
  }

  // For fields that are released before and after: whether the message around them may be the same.
  void Together(const CellRoutes& cell, const Box& all) {
    for (Mask phases = all.phases; phases != 0; phases &= phases - 1) {
      for (Mask purposes = all.purposes; purposes != 0; purposes &= purposes - 1) {
        all.stages.ForEach([&](StageId stage) {
          Box at{phases & (~phases + 1), {}, purposes & (~purposes + 1), all.periods, all.fields};
          at.stages.Insert(stage);
          TogetherAt(cell, at);
        });
      }
    }
  }

  void TogetherAt(const CellRoutes& cell, const Box& at) {
    for (const Route& old_route : cell.before) {
      const Box old_box = old_route.box & at;
      if (old_box.empty()) continue;
      for (const Route& new_route : cell.after) {
        const Box box = old_box & new_route.box;
        if (box.empty() || !CanHoldTogether(old_route.needs, new_route.needs)) continue;
        box.fields.ForEach([&](FieldId field) {
          const FieldSet before = AllowedWith(cell.closed_before, at, field);
          const FieldSet after = AllowedWith(cell.closed_after, at, field);
          if (before == after) return;
          const Needs both = Both(old_route.needs, new_route.needs);
          for (const bool gained : {false, true}) {
            Piece piece;
            piece.verdict.others = gained ? after - before : before - after;
            if (piece.verdict.others.empty()) continue;
            piece.box = box;
            piece.box.fields = FieldSet();
            piece.box.fields.Insert(field);
            piece.verdict.kind = Kind::kTogether;
            (gained ? piece.verdict.gained : piece.verdict.lost) = both;
            for (const ClosedSet& set : cell.closed_before) piece.grants_before.insert(set.grant);
            for (const ClosedSet& set : cell.closed_after) piece.grants_after.insert(set.grant);
            pieces_.push_back(std::move(piece));
          }
        });
      }
    }
  }

  bool order_;
  std::vector<Piece> pieces_;
};

// Everything with one verdict, wherever it holds.
struct Group {
  Verdict verdict;
  std::vector<Region> regions;
  std::set<GrantId> grants_before;
  std::set<GrantId> grants_after;
};

// ---- The documents, element by element ----

// What decides by releases alone, and is compared by them.
bool ComparedByReleases(const FieldDescriptor& field) {
  static const std::set<std::string> names = {
      "sluis.policy.v1.Convenant.grants",       "sluis.policy.v1.StatuteRow.regimes",
      "sluis.policy.v1.StatuteRow.source_hats", "sluis.policy.v1.StatuteRow.recipient_hats",
      "sluis.policy.v1.StatuteRow.categories",  "sluis.policy.v1.StatuteRow.classes",
      "sluis.policy.v1.StatuteRow.purposes",    "sluis.policy.v1.StatuteRow.conditions",
      "sluis.policy.v1.StatuteRow.one_of",      "sluis.policy.v1.StatuteRow.tasks",
      "sluis.policy.v1.StatuteRow.powers",      "sluis.policy.v1.StatuteRow.obligations",
  };
  return names.count(field.full_name()) != 0;
}

std::string ScalarText(const Message& message, const FieldDescriptor& field, int index) {
  const auto& reflection = *message.GetReflection();
  const bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated ? reflection.GetRepeatedString(message, &field, index)
                      : reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return (repeated ? reflection.GetRepeatedBool(message, &field, index)
                       : reflection.GetBool(message, &field))
                 ? "true"
                 : "";
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value = repeated ? reflection.GetRepeatedEnum(message, &field, index)
                                   : reflection.GetEnum(message, &field);
      return value->number() == 0 ? "" : value->name();
    }
    case FieldDescriptor::CPPTYPE_INT32: {
      const int32_t value = repeated ? reflection.GetRepeatedInt32(message, &field, index)
                                     : reflection.GetInt32(message, &field);
      return value == 0 ? "" : absl::StrCat(value);
    }
    default:
      return "";
  }
}

// What names an element of a list, if anything does.
std::string KeyOf(const Message& message) {
  for (const char* name : {"id", "name", "fact", "row"}) {
    const auto* field = message.GetDescriptor()->FindFieldByName(name);
    if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
        !field->is_repeated()) {
      return ScalarText(message, *field, -1);
    }
  }
  return "";
}

class DocumentComparison {
 public:
  explicit DocumentComparison(std::vector<Change>& changes) : changes_(changes) {}

  void Compare(const std::string& where, const Message& before, const Message& after) {
    const auto* descriptor = before.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor& field = *descriptor->field(i);
      if (ComparedByReleases(field)) continue;
      const std::string place = absl::StrCat(where, ".", field.name());
      const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      if (is_message && field.is_repeated()) {
        List(place, before, after, field);
      } else if (is_message) {
        Compare(place, before.GetReflection()->GetMessage(before, &field),
                after.GetReflection()->GetMessage(after, &field));
      } else if (field.is_repeated()) {
        Report(place, Names(before, field), Names(after, field));
      } else {
        Report(place, ScalarText(before, field, -1), ScalarText(after, field, -1));
      }
    }
  }

 private:
  void Report(const std::string& where, std::string before, std::string after) {
    if (before == after) return;
    Change change;
    change.where = where;
    change.before = std::move(before);
    change.after = std::move(after);
    change.description = IsDescription(where);
    changes_.push_back(std::move(change));
  }

  // What the engine does not read: texts for people and where they come from, and the number by
  // which a certificate names a partij.
  static bool IsDescription(const std::string& where) {
    static const std::set<std::string, std::less<>> names = {
        "nl", "en", "provenance", "confidence", "citation", "law_version", "version", "oin"};
    return names.count(where.substr(where.rfind('.') + 1)) != 0;
  }

  static std::string Names(const Message& message, const FieldDescriptor& field) {
    std::set<std::string> names;
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i)
      names.insert(ScalarText(message, field, i));
    return absl::StrJoin(names, ", ");
  }

  void List(const std::string& where, const Message& before, const Message& after,
            const FieldDescriptor& field) {
    // By key; elements without one by all that they say.
    std::map<std::string, std::pair<const Message*, const Message*>> elements;
    std::vector<std::string> order;
    for (const bool is_after : {false, true}) {
      const Message& message = is_after ? after : before;
      for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
        const Message& element = message.GetReflection()->GetRepeatedMessage(message, &field, i);
        std::string key = KeyOf(element);
        if (key.empty()) key = Text(element);
        auto& pair = elements[key];
        if (pair.first == nullptr && pair.second == nullptr) order.push_back(key);
        (is_after ? pair.second : pair.first) = &element;
      }
    }
    for (const std::string& key : order) {
      const auto& [old_element, new_element] = elements[key];
      const bool named = !KeyOf(old_element != nullptr ? *old_element : *new_element).empty();
      const std::string place = named ? absl::StrCat(where, "[", key, "]") : where;
      if (old_element == nullptr) {
        Report(place, "", Text(*new_element));
      } else if (new_element == nullptr) {
        Report(place, Text(*old_element), "");
      } else {
        Compare(place, *old_element, *new_element);
      }
    }
  }

  // One line; lists of names sorted, so that their order does not count.
  static std::string Text(const Message& message) {
    std::vector<std::string> parts;
    const auto* descriptor = message.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor& field = *descriptor->field(i);
      const auto& reflection = *message.GetReflection();
      std::string text;
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        std::vector<std::string> inner;
        const int count = field.is_repeated() ? reflection.FieldSize(message, &field) : 0;
        for (int k = 0; k < count; ++k)
          inner.push_back("{" + Text(reflection.GetRepeatedMessage(message, &field, k)) + "}");
        text = absl::StrJoin(inner, " ");
      } else {
        text = field.is_repeated() ? Names(message, field) : ScalarText(message, field, -1);
      }
      if (!text.empty()) parts.push_back(absl::StrCat(field.name(), ": ", text));
    }
    return absl::StrJoin(parts, "; ");
  }

  std::vector<Change>& changes_;
};

// ---- The comparison ----

// What a route has to be about: a hat, of whoever asks or of the source, and a tafel. Empty: any.
struct About {
  std::string hat{};
  std::string tafel{};
};

class Comparison {
 public:
  Comparison(const Policy& before, const Policy& after, const DiffOptions& options,
             Vocabulary names, std::vector<Days> periods_before, std::vector<Days> periods_after)
      : options_(options),
        names_(std::move(names)),
        before_(before, names_, std::move(periods_before)),
        after_(after, names_, std::move(periods_after)) {
    for (const Space* space : {&before_, &after_}) {
      auto& own = space == &before_ ? own_before_ : own_after_;
      own.tafels.assign(names_.tafels.names.size(), TafelId());
      own.hats.assign(names_.hats.names.size(), HatId());
      for (size_t i = 0; i < space->compiled().tafel.size(); ++i) {
        const TafelId id(static_cast<uint16_t>(i));
        own.tafels[space->Tafel(id).index()] = id;
      }
      for (size_t i = 0; i < space->compiled().hat.size(); ++i) {
        const HatId id(static_cast<uint16_t>(i));
        own.hats[space->Hat(id).index()] = id;
      }
    }
  }

  std::vector<Difference> Run() {
    CollectCells();
    Solver solver(options_.order);
    absl::flat_hash_map<std::string, size_t> by_verdict;
    for (CellClass& cells : classes_) {
      const std::vector<Piece> pieces = solver.Solve(cells.routes);
      if (pieces.empty()) continue;
      MergeRegions(cells.places);
      for (const Piece& piece : pieces) {
        const auto [at, added] = by_verdict.emplace(KeyOf(piece.verdict), groups_.size());
        if (added) groups_.push_back({piece.verdict, {}, {}, {}});
        Group& group = groups_[at->second];
        group.grants_before.insert(piece.grants_before.begin(), piece.grants_before.end());
        group.grants_after.insert(piece.grants_after.begin(), piece.grants_after.end());
        for (const Region& place : cells.places) {
          group.regions.push_back(place);
          group.regions.back().box = piece.box;
        }
      }
    }
    std::vector<Difference> out;
    for (Group& group : groups_) {
      MergeRegions(group.regions);
      for (const Region& region : group.regions) Describe(group, region, out);
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const Difference& a, const Difference& b) { return a.kind < b.kind; });
    return out;
  }

  // A request that `released_by_before` (else the policy after) releases, for the whole space.
  std::optional<Difference::Proof> AnyRelease(bool released_by_before) {
    return FirstRoute(released_by_before, [&](const Place& at, const Route& route) {
      return ProofOf(at.tafel, at.acting, at.source, route.box, route.needs, released_by_before,
                     {});
    });
  }

  // A request that one policy releases on the strength of a record that the other reads otherwise.
  std::optional<Difference::Proof> AnyReading(const std::vector<Meaning>& meanings) {
    for (const bool by_before : {true, false}) {
      auto proof = FirstRoute(by_before, [&](const Place& at, const Route& route) {
        std::optional<Difference::Proof> found;
        for (const Meaning& meaning : meanings) {
          if (!found && meaning.under_before == by_before) found = ReadingOf(at, route, meaning);
        }
        return found;
      });
      if (proof) return proof;
    }
    return std::nullopt;
  }

  // The requests that a change of a partij, of its hats or its days, of a hat, or of a tafel and
  // its seats makes come out otherwise. `releases` are the differences of Run().
  void Prove(const std::vector<Difference>& releases, Change& change) {
    const std::string part = change.where.substr(change.where.find(']') + 1);
    if (const auto partij = ElementOf(change.where, "convenant.parties")) {
      if (part.empty() || part == ".hats") return ProveHats(*partij, change);
      if (part == ".acceded_on" || part == ".left_on")
        return ProveDays(*partij, part == ".acceded_on", change);
      if (part == ".municipality") return ProveMunicipality(*partij, change);
    }
    if (const auto hat = ElementOf(change.where, "convenant.hats"); hat && part.empty())
      return Add(AnyOf({.hat = *hat}), *hat, change);
    if (const auto tafel = ElementOf(change.where, "convenant.tafels")) {
      if (part.empty()) return Add(AnyOf({.tafel = *tafel}), *tafel, change);
      if (part == ".member_hats" || part == ".guest_hats" || part == ".all_hats")
        return ProveSeats(*tafel, releases, change);
    }
  }

 private:
  struct Own {
    std::vector<TafelId> tafels;
    std::vector<HatId> hats;
  };
  // In ids of the vocabulary.
  struct Place {
    TafelId tafel;
    HatId acting;
    HatId source;
  };
  // Cells with the same routes, and where they are.
  struct CellClass {
    CellRoutes routes;
    std::vector<Region> places;
  };

  // The first proof that `prove` makes of a route of one of the policies.
  template <typename Prove>
  std::optional<Difference::Proof> FirstRoute(bool of_before, const Prove& prove,
                                              const About& about = {}) {
    const Space& space = of_before ? before_ : after_;
    const auto only_hat = space.policy().FindHat(about.hat);
    const auto only_tafel = space.policy().FindTafel(about.tafel);
    if ((!about.hat.empty() && !only_hat) || (!about.tafel.empty() && !only_tafel))
      return std::nullopt;
    std::vector<Route> routes;
    const size_t hats = space.compiled().hat.size();
    for (size_t t = 0; t < space.compiled().tafel.size(); ++t) {
      for (size_t a = 0; a < hats; ++a) {
        for (size_t b = 0; b < hats; ++b) {
          const TafelId tafel(static_cast<uint16_t>(t));
          const HatId acting(static_cast<uint16_t>(a));
          const HatId source(static_cast<uint16_t>(b));
          if ((only_tafel && tafel != *only_tafel) ||
              (only_hat && acting != *only_hat && source != *only_hat)) {
            continue;
          }
          space.Routes(tafel, acting, source, routes);
          const Place at{space.Tafel(tafel), space.Hat(acting), space.Hat(source)};
          for (const Route& route : routes) {
            if (auto proof = prove(at, route)) return proof;
          }
        }
      }
    }
    return std::nullopt;
  }

  // ---- Partijen, hats and seats ----

  static bool Released(const Difference::Answer& answer) {
    return answer.well_formed && answer.outcome == Outcome::kRelease;
  }

  static void Add(std::vector<Difference::Proof> proofs, const std::string& what, Change& change) {
    if (proofs.empty()) change.without_effect.push_back(what);
    for (Difference::Proof& proof : proofs) change.proofs.push_back(std::move(proof));
  }

  // Requests about it that one policy releases and the other does not: in each direction the first.
  std::vector<Difference::Proof> AnyOf(const About& about) {
    std::vector<Difference::Proof> proofs;
    for (const bool by_before : {true, false}) {
      const auto differs = [&](const Place& at, const Route& route) {
        auto proof = ProofOf(at.tafel, at.acting, at.source, route.box, route.needs, by_before, {});
        if (proof && Released(proof->before) == Released(proof->after)) proof.reset();
        return proof;
      };
      if (auto proof = FirstRoute(by_before, differs, about)) proofs.push_back(*std::move(proof));
    }
    return proofs;
  }

  // A partij in a hat, and what makes the difference: what the one policy has to say of the day and
  // the other not.
  struct Changed {
    std::string partij{};
    std::string hat{};
    // Whether the partij, on these days in the releasing and in the other policy, is there in the
    // one way and not in the other.
    std::function<bool(bool by_before, int32_t here, int32_t there)> differs{};
  };

  // A request by the partij in the hat, or to it, that one policy releases and the other does not
  // because of the difference. With `reading`: because it reads a record otherwise.
  using ReadingOfRoute = std::function<std::optional<Difference::Reading>(bool by_before, bool asks,
                                                                          const Route& route)>;
  std::optional<Difference::Proof> ProofOfPartij(const Changed& changed, bool by_before,
                                                 const ReadingOfRoute& reading_of = {}) {
    const Space& here = by_before ? before_ : after_;
    const auto partij = here.policy().FindPartij(changed.partij);
    const auto hat = names_.hats.Find(changed.hat);
    if (!partij || !hat) return std::nullopt;
    const auto prove = [&](const Place& at, const Route& route) {
      std::optional<Difference::Proof> proof;
      for (const bool asks : {true, false}) {
        if (proof || (asks ? at.acting : at.source) != *hat) continue;
        std::optional<Difference::Reading> reading;
        if (reading_of) {
          reading = reading_of(by_before, asks, route);
          if (!reading) continue;
        }
        const auto wanted = [&](const Actors& actors, int32_t day_there) {
          return (asks ? actors.acting : actors.source) == *partij &&
                 changed.differs(by_before, actors.day, day_there);
        };
        proof = ProofOf(at.tafel, at.acting, at.source, route.box, route.needs, by_before, {},
                        reading ? &*reading : nullptr, wanted);
        if (proof && Released(proof->before) == Released(proof->after)) proof.reset();
      }
      return proof;
    };
    return FirstRoute(by_before, prove, {.hat = changed.hat});
  }

  static const v1::Partij* Find(const Policy& policy, const std::string& partij) {
    for (const v1::Partij& each : policy.convenant().parties()) {
      if (each.id() == partij) return &each;
    }
    return nullptr;
  }
  static std::vector<std::string> HatsOf(const Policy& policy, const std::string& partij) {
    const v1::Partij* found = Find(policy, partij);
    if (found == nullptr) return {};
    return {found->hats().begin(), found->hats().end()};
  }
  static bool Holds(const Policy& policy, const std::string& partij, const std::string& hat) {
    const auto partij_id = policy.FindPartij(partij);
    const auto hat_id = policy.FindHat(hat);
    return partij_id && hat_id && policy.Holds(*partij_id, *hat_id);
  }

  // A partij with other hats, or one that is there in one policy only.
  void ProveHats(const std::string& partij, Change& change) {
    for (const bool by_before : {true, false}) {
      const Policy& here = (by_before ? before_ : after_).policy();
      const Policy& there = (by_before ? after_ : before_).policy();
      for (const std::string& hat : HatsOf(here, partij)) {
        if (Holds(there, partij, hat)) continue;
        std::vector<Difference::Proof> proofs;
        const Changed changed{partij, hat, [](bool, int32_t, int32_t) { return true; }};
        auto proof = ProofOfPartij(changed, by_before);
        if (!proof) proof = ProofOfStaff(partij, hat, by_before);
        if (proof) proofs.push_back(*std::move(proof));
        Add(std::move(proofs), hat, change);
      }
    }
  }

  // What is recorded of a partij in a hat that it holds admits its staff too.
  std::optional<Difference::Proof> ProofOfStaff(const std::string& partij, const std::string& hat,
                                                bool by_before) {
    constexpr CircumstanceSet kActing = Bit(Circumstance::kActingPartijTakesPartSector) |
                                        Bit(Circumstance::kActingPartijTakesPartWams) |
                                        Bit(Circumstance::kActingPartijTakesPartWgs);
    constexpr CircumstanceSet kSource = Bit(Circumstance::kSourcePartijTakesPartSector) |
                                        Bit(Circumstance::kSourcePartijTakesPartWams) |
                                        Bit(Circumstance::kSourcePartijTakesPartWgs);
    const Policy& here = (by_before ? before_ : after_).policy();
    const Policy& there = (by_before ? after_ : before_).policy();
    for (const std::string& staff : HatsOf(here, partij)) {
      if (staff == hat || !Holds(there, partij, staff)) continue;
      const Changed changed{partij, staff, [](bool, int32_t, int32_t) { return true; }};
      const auto participation = [&](bool, bool asks,
                                     const Route& route) -> std::optional<Difference::Reading> {
        Difference::Reading reading;
        reading.circumstances = route.needs.circumstances & (asks ? kActing : kSource);
        if (reading.circumstances == 0) return std::nullopt;
        reading.nl = absl::StrCat("deelname van ", partij, " als ", hat);
        reading.en = absl::StrCat("participation of ", partij, " as ", hat);
        return reading;
      };
      if (auto proof = ProofOfPartij(changed, by_before, participation)) return proof;
    }
    return std::nullopt;
  }

  // Another first or last day.
  void ProveDays(const std::string& partij, bool first_day, Change& change) {
    std::vector<Difference::Proof> proofs;
    for (const bool by_before : {true, false}) {
      const Policy& here = (by_before ? before_ : after_).policy();
      const Policy& there = (by_before ? after_ : before_).policy();
      const CompiledPartij& days = there.compiled().partij[there.FindPartij(partij)->index()];
      const auto outside = [&](bool, int32_t, int32_t day) {
        return first_day ? day < days.acceded : day > days.left;
      };
      for (const std::string& hat : HatsOf(here, partij)) {
        if (!Holds(there, partij, hat)) continue;
        if (auto proof = ProofOfPartij({partij, hat, outside}, by_before)) {
          proofs.push_back(*std::move(proof));
          break;
        }
      }
    }
    Add(std::move(proofs), partij, change);
  }

  // Another municipality: what is recorded of the same municipality is true of the partij in one
  // policy only.
  void ProveMunicipality(const std::string& partij, Change& change) {
    std::vector<Difference::Proof> proofs;
    for (const bool by_before : {true, false}) {
      const Space& here = by_before ? before_ : after_;
      const std::string municipality = Find(here.policy(), partij)->municipality();
      if (municipality.empty()) continue;
      for (const std::string& hat : HatsOf(here.policy(), partij)) {
        const bool mayor =
            here.compiled().hat[here.policy().FindHat(hat)->index()].wvggz == v1::Hat::BURGEMEESTER;
        const auto recorded = [&](bool, bool asks,
                                  const Route& route) -> std::optional<Difference::Reading> {
          constexpr ConditionSet kDetention = Bit(Condition::kGemeenteVoorOfNaDetentie);
          constexpr ConditionSet kWvggz = Bit(Condition::kStriktNoodzakelijkWvggz);
          Difference::Reading reading;
          if (asks && (route.needs.conditions & kDetention) != 0) {
            reading.conditions = kDetention;
            reading.nl = absl::StrCat("voor detentie woonachtig in ", municipality);
            reading.en = absl::StrCat("living in ", municipality, " before detention");
          } else if (mayor && (route.needs.conditions & kWvggz) != 0) {
            reading.conditions = kWvggz;
            reading.nl = absl::StrCat("een casus van ", municipality);
            reading.en = absl::StrCat("a casus of ", municipality);
          } else {
            return std::nullopt;
          }
          return reading;
        };
        const Changed changed{partij, hat, [](bool, int32_t, int32_t) { return true; }};
        if (auto proof = ProofOfPartij(changed, by_before, recorded)) {
          proofs.push_back(*std::move(proof));
          break;
        }
      }
    }
    Add(std::move(proofs), partij, change);
  }

  // Hats with another seat at a tafel.
  void ProveSeats(const std::string& tafel, const std::vector<Difference>& releases,
                  Change& change) {
    const auto seat = [&](const Policy& policy, const std::string& hat) {
      const auto tafel_id = policy.FindTafel(tafel);
      const auto hat_id = policy.FindHat(hat);
      return tafel_id && hat_id ? policy.SeatAt(*tafel_id, *hat_id) : Policy::Seat::kNone;
    };
    for (const std::string& hat : names_.hats.names) {
      const Policy::Seat before = seat(before_.policy(), hat);
      const Policy::Seat after = seat(after_.policy(), hat);
      if (before == after) continue;
      std::vector<Difference::Proof> proofs = AnyOf({.hat = hat, .tafel = tafel});
      // From member to guest or back: what is asked more, or less, is a difference of releases.
      for (const Difference& difference : releases) {
        for (const Difference::Proof& proof : difference.proofs) {
          const v1::DecisionRequest& request = *proof.witness.request;
          if (proofs.empty() && request.tafel() == tafel &&
              (request.acting_hat() == hat || request.source().hat() == hat)) {
            proofs.push_back(proof);
          }
        }
      }
      Add(std::move(proofs), hat, change);
    }
  }

  // The proof that `meaning` makes of a route, if it makes one.
  std::optional<Difference::Proof> ReadingOf(const Place& at, const Route& route,
                                             const Meaning& meaning) {
    const auto asks = [&](Condition condition) {
      return (route.needs.conditions & Bit(condition)) != 0;
    };
    if ((meaning.conditions & ~route.needs.conditions) != 0 ||
        (meaning.circumstances & ~route.needs.circumstances) != 0) {
      return std::nullopt;
    }
    const Space& space = meaning.under_before ? before_ : after_;
    const Own& own = meaning.under_before ? own_before_ : own_after_;
    Needs needs = route.needs;
    if (meaning.value_within_term) {
      // At tafels of the samenwerkingsverband other terms count; and a value that is itself a need
      // is lost before its term is looked at.
      if (space.compiled().tafel[own.tafels[at.tafel.index()].index()].regime ==
              Regime::kWgsSamenwerking ||
          (needs.circumstances & Bit(Circumstance::kValueHeld)) != 0) {
        return std::nullopt;
      }
      needs.circumstances |= Bit(Circumstance::kValueHeld);
    }
    if (!meaning.source_hats.empty() &&
        meaning.source_hats.count(names_.hats.Name(at.source)) == 0) {
      return std::nullopt;
    }
    if (meaning.age >= 0) {
      // Nothing else may depend on the age, but being a minor, in which both have to agree.
      const size_t others = AboutAge(needs.conditions & ~meaning.conditions);
      const auto minor = [&](const Space& of) {
        return meaning.age < of.compiled().terms.age_of_majority();
      };
      if ((others & ~AboutAge(Bit(Condition::kMinderjarig))) != 0 ||
          (others != 0 && !(minor(before_) && minor(after_)))) {
        return std::nullopt;
      }
      if (asks(Condition::kSlachtoffer)) return std::nullopt;
    }
    Box box = route.box;
    if (!meaning.fields.empty()) {
      FieldSet named;
      for (const std::string& name : meaning.fields) {
        if (const auto field = names_.fields.Find(name)) named.Insert(*field);
      }
      box.fields &= named;
    }
    if (box.fields.empty()) return std::nullopt;
    const Difference::Reading reading{meaning.nl, meaning.en, meaning.conditions,
                                      meaning.circumstances, meaning.value_within_term};
    auto proof =
        ProofOf(at.tafel, at.acting, at.source, box, needs, meaning.under_before, {}, &reading);
    if (!proof) return std::nullopt;
    // The other one may release by another route.
    const bool before = proof->before.outcome == Outcome::kRelease;
    const bool after = proof->after.outcome == Outcome::kRelease;
    if (before == after || before != meaning.under_before) return std::nullopt;
    return proof;
  }

  void CollectCells() {
    absl::flat_hash_map<std::string, size_t> by_key;
    CellRoutes cell;
    for (size_t t = 0; t < names_.tafels.names.size(); ++t) {
      for (size_t a = 0; a < names_.hats.names.size(); ++a) {
        for (size_t b = 0; b < names_.hats.names.size(); ++b) {
          Load(before_, own_before_, t, a, b, cell.before, cell.closed_before);
          Load(after_, own_after_, t, a, b, cell.after, cell.closed_after);
          if (cell.Same()) continue;
          const auto [at, added] = by_key.emplace(cell.Key(), classes_.size());
          if (added) classes_.push_back({cell, {}});
          Region place;
          place.tafels = {static_cast<uint16_t>(t)};
          place.recipients.Insert(HatId(static_cast<uint16_t>(a)));
          place.sources.Insert(HatId(static_cast<uint16_t>(b)));
          classes_[at->second].places.push_back(std::move(place));
        }
      }
    }
  }

  static void Load(const Space& space, const Own& own, size_t t, size_t a, size_t b,
                   std::vector<Route>& routes, std::vector<ClosedSet>& closed) {
    routes.clear();
    closed.clear();
    if (!own.tafels[t].valid() || !own.hats[a].valid() || !own.hats[b].valid()) return;
    space.Routes(own.tafels[t], own.hats[a], own.hats[b], routes);
    if (!routes.empty()) space.ClosedSets(own.tafels[t], own.hats[a], own.hats[b], closed);
  }

  static std::string KeyOf(const Verdict& verdict) {
    std::string key;
    AppendKey(verdict.kind, key);
    AppendKey(verdict.others, key);
    const auto add = [&](const Needs& needs) {
      AppendKey(needs.conditions, key);
      AppendKey(needs.circumstances, key);
      AppendKey(needs.task.index(), key);
      AppendKey(needs.power.index(), key);
    };
    for (const auto* choices : {&verdict.before, &verdict.after}) {
      for (const Choice& choice : *choices) {
        add(choice.needs);
        AppendKey(choice.obligations, key);
      }
      key.push_back('|');
    }
    for (const auto* needs : {&verdict.gained, &verdict.lost}) {
      if (*needs) add(**needs);
      key.push_back('|');
    }
    return key;
  }

  // ---- In words ----

  [[nodiscard]] Way WayOf(const Needs& needs, ObligationSet obligations) const {
    Way way{needs.conditions, needs.circumstances, {}, {}, obligations};
    if (needs.task.valid()) way.tasks = {names_.powers.Name(needs.task)};
    if (needs.power.valid()) way.powers = {names_.powers.Name(needs.power)};
    return way;
  }
  // Ways that differ in the task or in the power alone are one.
  [[nodiscard]] std::vector<Way> WaysOf(const std::vector<Choice>& choices) const {
    std::vector<Way> ways;
    for (const Choice& choice : choices) {
      Way way = WayOf(choice.needs, choice.obligations);
      const auto same = std::find_if(ways.begin(), ways.end(), [&](const Way& other) {
        return other.conditions == way.conditions && other.circumstances == way.circumstances &&
               other.obligations == way.obligations && other.tasks.empty() == way.tasks.empty() &&
               (other.powers == way.powers || other.tasks == way.tasks);
      });
      if (same == ways.end()) {
        ways.push_back(std::move(way));
      } else if (same->powers == way.powers) {
        same->tasks.insert(same->tasks.end(), way.tasks.begin(), way.tasks.end());
      } else {
        same->powers.insert(same->powers.end(), way.powers.begin(), way.powers.end());
      }
    }
    return ways;
  }

  template <typename Id, typename Set>
  static std::vector<std::string> NamesOf(const NameTable<Id>& table, const Set& set) {
    std::vector<std::string> names;
    for (size_t i = 0; i < table.names.size(); ++i) {
      if (set.Contains(Id(static_cast<uint16_t>(i)))) names.push_back(table.names[i]);
    }
    return names;
  }
  template <typename Id>
  static std::vector<std::string> NamesOf(const NameTable<Id>& table, Mask mask) {
    std::vector<std::string> names;
    for (size_t i = 0; i < table.names.size(); ++i) {
      if (((mask >> i) & 1) != 0) names.push_back(table.names[i]);
    }
    return names;
  }

  [[nodiscard]] std::vector<Difference::DayRange> DaysOf(Mask mask) const {
    const std::vector<Days>& periods = after_.periods();
    std::vector<Difference::DayRange> days;
    if (static_cast<size_t>(std::popcount(mask)) == periods.size()) return days;
    for (size_t i = 0; i < periods.size(); ++i) {
      if (((mask >> i) & 1) == 0) continue;
      if (!days.empty() && days.back().until.AddDays(1).days() == periods[i].from) {
        days.back().until = CivilDate::FromDays(periods[i].until);
      } else {
        days.push_back(
            {CivilDate::FromDays(periods[i].from), CivilDate::FromDays(periods[i].until)});
      }
    }
    return days;
  }

  void Describe(const Group& group, const Region& region, std::vector<Difference>& out) {
    Difference difference;
    difference.kind = group.verdict.kind;
    if (group.verdict.gained) {
      if (auto proof = FindProof(region, *group.verdict.gained, false, group.verdict.others))
        difference.proofs.push_back(*std::move(proof));
    }
    if (group.verdict.lost) {
      if (auto proof = FindProof(region, *group.verdict.lost, true, group.verdict.others))
        difference.proofs.push_back(*std::move(proof));
    }
    // Nobody can ask: no two partijen whose municipalities allow it.
    if (difference.proofs.empty()) return;
    difference.recipient_hats = NamesOf(names_.hats, region.recipients);
    difference.source_hats = NamesOf(names_.hats, region.sources);
    for (const uint16_t tafel : region.tafels)
      difference.tafels.push_back(names_.tafels.names[tafel]);
    difference.phases = NamesOf(names_.phases, region.box.phases);
    difference.stages = NamesOf(names_.stages, region.box.stages);
    difference.purposes = NamesOf(names_.purposes, region.box.purposes);
    difference.fields = NamesOf(names_.fields, region.box.fields);
    difference.others = NamesOf(names_.fields, group.verdict.others);
    difference.days = DaysOf(region.box.periods);
    difference.before = WaysOf(group.verdict.before);
    difference.after = WaysOf(group.verdict.after);
    for (const GrantId grant : group.grants_before)
      difference.grants_before.push_back(before_.compiled().grants.Name(grant));
    for (const GrantId grant : group.grants_after)
      difference.grants_after.push_back(after_.compiled().grants.Name(grant));
    out.push_back(std::move(difference));
  }

  std::optional<Difference::Proof> FindProof(const Region& region, const Needs& needs,
                                             bool released_by_before, const FieldSet& others) {
    std::optional<Difference::Proof> proof;
    for (const uint16_t tafel : region.tafels) {
      region.recipients.ForEach([&](HatId acting) {
        region.sources.ForEach([&](HatId source) {
          if (!proof)
            proof = ProofOf(TafelId(tafel), acting, source, region.box, needs, released_by_before,
                            others);
        });
      });
    }
    return proof;
  }

  // Which partijen, on a day and that of the other policy, will do.
  using WantedActors = std::function<bool(const Actors& actors, int32_t day_there)>;
  std::optional<Difference::Proof> ProofOf(TafelId tafel, HatId acting, HatId source,
                                           const Box& box, const Needs& needs,
                                           bool released_by_before, const FieldSet& others,
                                           const Difference::Reading* reading = nullptr,
                                           const WantedActors& wanted = {}) {
    const Space& releasing = released_by_before ? before_ : after_;
    const Space& other = released_by_before ? after_ : before_;
    const Own& own = released_by_before ? own_before_ : own_after_;
    const auto day_there = [&](size_t period, int32_t day) {
      return releasing.periods() == other.periods() ? day : other.periods()[period].from;
    };
    std::optional<Actors> actors;
    int32_t other_day = 0;
    for (Mask rest = box.periods; rest != 0 && !actors; rest &= rest - 1) {
      const auto period = static_cast<size_t>(std::countr_zero(rest));
      const HatId own_acting = own.hats[acting.index()];
      const HatId own_source = own.hats[source.index()];
      if (wanted) {
        actors = releasing.FindActorsWhere(
            own_acting, own_source, period, needs,
            [&](const Actors& each) { return wanted(each, day_there(period, each.day)); });
      } else {
        actors = releasing.FindActors(own_acting, own_source, period, needs, &other.policy());
      }
      if (actors) other_day = day_there(period, actors->day);
    }
    if (!actors) return std::nullopt;
    Difference::Proof proof;
    proof.day_before = CivilDate::FromDays(released_by_before ? actors->day : other_day);
    proof.day_after = CivilDate::FromDays(released_by_before ? other_day : actors->day);
    proof.witness.holds = WayOf(needs, 0);
    proof.witness.phase = names_.phases.names[static_cast<size_t>(std::countr_zero(box.phases))];
    const StageId stage = box.stages.First();
    if (stage != kNoStage) proof.witness.stage = names_.stages.Name(stage);
    std::vector<std::string> fields = {names_.fields.Name(box.fields.First())};
    if (!others.empty()) {
      // A field that at least one of the policies knows.
      for (const std::string& name : NamesOf(names_.fields, others)) {
        if (name == fields.front() || fields.size() > 1) continue;
        fields.push_back(name);
      }
    }
    proof.witness.request = std::make_shared<const v1::DecisionRequest>(WitnessRequest(
        {actors->acting, own.hats[acting.index()]}, {actors->source, own.hats[source.index()]},
        releasing.policy(), names_.tafels.Name(tafel), proof.witness.stage,
        names_.purposes.names[static_cast<size_t>(std::countr_zero(box.purposes))], fields,
        proof.witness.holds));
    Witness elsewhere = proof.witness;
    if (reading != nullptr) {
      proof.reading = *reading;
      elsewhere.holds.conditions &= ~reading->conditions;
      elsewhere.holds.circumstances &= ~reading->circumstances;
      elsewhere.past_term = reading->past_term;
    }
    proof.before = AnswerOf(before_.policy(), released_by_before ? proof.witness : elsewhere,
                            proof.day_before);
    proof.after =
        AnswerOf(after_.policy(), released_by_before ? elsewhere : proof.witness, proof.day_after);
    return proof;
  }

  Difference::Answer AnswerOf(const Policy& policy, const Witness& witness, CivilDate day) {
    Difference::Answer answer;
    answer.well_formed = DecideWitness(policy, witness, day, request_, decision_);
    if (!answer.well_formed) return answer;
    const FieldDecision& field = decision_.fields[0];
    answer.outcome = field.outcome;
    answer.code = field.code;
    answer.obligations = field.obligations;
    return answer;
  }

  DiffOptions options_;
  Vocabulary names_;
  Space before_;
  Space after_;
  Own own_before_;
  Own own_after_;
  std::vector<CellClass> classes_;
  std::vector<Group> groups_;
  Request request_;
  Decision decision_;
};

// A day on which `one` is in force and `other` is not yet (`start`), or no more.
std::optional<int32_t> DayOutside(const Compiled& one, const Compiled& other, bool start) {
  if (start) {
    if (one.valid_from >= other.valid_from) return std::nullopt;
    return std::min(one.valid_until, other.valid_from - 1);
  }
  if (one.valid_until <= other.valid_until) return std::nullopt;
  return std::max(one.valid_from, other.valid_until + 1);
}

}  // namespace

absl::StatusOr<PolicyDiff> Diff(const Policy& before, const Policy& after,
                                const DiffOptions& options) {
  const Compiled& old_policy = before.compiled();
  const Compiled& new_policy = after.compiled();
  auto names = Vocabulary::Of(old_policy, &new_policy);
  if (!names.ok()) return names.status();
  PolicyDiff out;
  const Days together{std::max(old_policy.valid_from, new_policy.valid_from),
                      std::min(old_policy.valid_until, new_policy.valid_until)};
  out.never_together = together.until < together.from;
  std::vector<Days> periods_before;
  std::vector<Days> periods_after;
  if (out.never_together) {
    const bool forward = old_policy.valid_until < new_policy.valid_from;
    const int32_t old_day = forward ? old_policy.valid_until : old_policy.valid_from;
    const int32_t new_day = forward ? new_policy.valid_from : new_policy.valid_until;
    periods_before = {{old_day, old_day}};
    periods_after = {{new_day, new_day}};
  } else {
    periods_before = PeriodsOf(old_policy, &new_policy, together);
    if (periods_before.size() > kMaxPeriods) return Vocabulary::LimitReached();
    periods_after = periods_before;
  }
  Comparison whole(before, after, options, *names, periods_before, periods_after);
  out.releases = whole.Run();

  DocumentComparison comparison(out.changes);
  comparison.Compare("statute", before.statute(), after.statute());
  comparison.Compare("convenant", before.convenant(), after.convenant());
  comparison.Compare("switches", before.switches(), after.switches());
  for (Change& change : out.changes) {
    whole.Prove(out.releases, change);
    if (const auto meanings = MeaningsOf(change.where, old_policy, new_policy); !meanings.empty()) {
      if (auto proof = whole.AnyReading(meanings)) change.proofs.push_back(*std::move(proof));
    }
    const bool start = change.where == "convenant.valid_from";
    if (!start && change.where != "convenant.valid_until") continue;
    for (const bool by_before : {true, false}) {
      const auto day = by_before ? DayOutside(old_policy, new_policy, start)
                                 : DayOutside(new_policy, old_policy, start);
      if (!day || !change.proofs.empty()) continue;
      const std::vector<Days> one_day = {{*day, *day}};
      auto proof =
          Comparison(before, after, options, *names, one_day, one_day).AnyRelease(by_before);
      if (proof) change.proofs.push_back(*std::move(proof));
    }
  }
  return out;
}

// ---- Rendering ----

namespace {

struct Words {
  std::string_view nl;
  std::string_view en;
};

Words KindWords(Kind kind) {
  switch (kind) {
    case Kind::kGained:
      return {"krijgt erbij", "gains"};
    case Kind::kLost:
      return {"verliest", "loses"};
    case Kind::kEasier:
      return {"krijgt in meer gevallen", "receives in more cases"};
    case Kind::kStricter:
      return {"krijgt in minder gevallen", "receives in fewer cases"};
    case Kind::kChanged:
      return {"krijgt onder andere voorwaarden", "receives under other conditions"};
    case Kind::kObligations:
      return {"krijgt met andere verplichtingen", "receives with other obligations"};
    case Kind::kTogether:
      return {"andere gesloten set", "other closed set"};
  }
  return {};
}

std::string WayWithObligations(const Way& way, Language language) {
  std::string text = WayText(way, language, ~CircumstanceSet{0});
  if (way.obligations != 0)
    text += absl::StrCat(" => ", absl::StrJoin(ObligationNames(way.obligations), ", "));
  return text;
}

std::string AnswerText(const Difference::Answer& answer) {
  if (!answer.well_formed) return "MALFORMED";
  std::string text =
      absl::StrCat(ToAbsl(OutcomeName(answer.outcome)), " (", ToAbsl(CodeName(answer.code)), ")");
  if (answer.obligations != 0)
    text += absl::StrCat(" ", absl::StrJoin(ObligationNames(answer.obligations), ", "));
  return text;
}

}  // namespace

std::string RenderDifferences(const PolicyDiff& differences, Language language) {
  const bool dutch = language == Language::kDutch;
  const auto say = [&](std::string_view nl, std::string_view en) {
    return ToAbsl(dutch ? nl : en);
  };
  std::string out;
  if (differences.never_together) {
    absl::StrAppend(&out, say("De convenanten gelden nooit tegelijk; vergeleken zijn de dagen "
                              "waarop het ene op het andere volgt.\n",
                              "The convenanten are never in force together; compared are the days "
                              "on which the one follows the other.\n"));
  }
  const auto line = [&](absl::string_view label, const std::vector<std::string>& names) {
    if (!names.empty()) absl::StrAppend(&out, "  ", label, ": ", absl::StrJoin(names, ", "), "\n");
  };
  const auto proof_text = [&](const Difference::Proof& proof) {
    const v1::DecisionRequest& request = *proof.witness.request;
    std::vector<std::string> fields;
    for (const auto& field : request.fields()) fields.push_back(field.field());
    absl::StrAppend(
        &out, "  ", say("bewijs", "witness"), ": ", request.partij(), "/", request.acting_hat(),
        " ", say("vraagt", "asks"), " ", absl::StrJoin(fields, ", "), " ", say("van", "from"), " ",
        request.source().partij(), "/", request.source().hat(), " @ ", request.tafel(), ", ",
        proof.witness.phase, proof.witness.stage.empty() ? "" : ", " + proof.witness.stage, ", ",
        request.purpose(), ", ", proof.day_after.ToString(), "; ", say("waar is", "true is"), ": ",
        WayText(proof.witness.holds, language, ~CircumstanceSet{0}), "\n");
    if (proof.reading) {
      absl::StrAppend(&out, "    ", say("vastgelegd is", "recorded is"), ": ",
                      say(proof.reading->nl, proof.reading->en), "\n");
    }
    absl::StrAppend(&out, "    ", say("voor", "before"), ": ", AnswerText(proof.before), "; ",
                    say("na", "after"), ": ", AnswerText(proof.after), "\n");
  };
  for (size_t i = 0; i < differences.releases.size(); ++i) {
    const Difference& difference = differences.releases[i];
    const Words words = KindWords(difference.kind);
    absl::StrAppend(&out, i + 1, ". ", absl::StrJoin(difference.recipient_hats, ", "), " ",
                    say(words.nl, words.en), ": ", absl::StrJoin(difference.fields, ", "), "\n");
    line(say("samen met", "together with"), difference.others);
    line(say("van", "from"), difference.source_hats);
    line(say("tafels", "tafels"), difference.tafels);
    line(say("fasen", "phases"), difference.phases);
    line(say("stadia", "stages"), difference.stages);
    line(say("doelen", "purposes"), difference.purposes);
    for (const auto& days : difference.days) {
      absl::StrAppend(&out, "  ", say("dagen", "days"), ": ", days.from.ToString(), " - ",
                      days.until.ToString(), "\n");
    }
    for (const bool after : {false, true}) {
      const auto& ways = after ? difference.after : difference.before;
      const auto& grants = after ? difference.grants_after : difference.grants_before;
      if (ways.empty()) continue;
      absl::StrAppend(&out, "  ", after ? say("na", "after") : say("voor", "before"), " (",
                      absl::StrJoin(grants, ", "), "):\n");
      for (const Way& way : ways)
        absl::StrAppend(&out, "    - ", WayWithObligations(way, language), "\n");
    }
    for (const Difference::Proof& proof : difference.proofs) proof_text(proof);
  }
  for (const Change& change : differences.changes) {
    absl::StrAppend(&out, change.where, ": ",
                    change.before.empty() ? say("(niets)", "(nothing)") : change.before, " -> ",
                    change.after.empty() ? say("(niets)", "(nothing)") : change.after, "\n");
    for (const Difference::Proof& proof : change.proofs) proof_text(proof);
    const absl::string_view nothing = say("geen besluit verandert", "no decision changes");
    if (change.description) absl::StrAppend(&out, "  ", nothing, "\n");
    if (!change.without_effect.empty()) {
      absl::StrAppend(&out, "  ", absl::StrJoin(change.without_effect, ", "), ": ", nothing, "\n");
    }
  }
  return out;
}

}  // namespace sluis::policy
