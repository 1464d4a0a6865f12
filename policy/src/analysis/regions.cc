#include "regions.h"

#include <algorithm>
#include <iterator>

#include "absl/container/flat_hash_map.h"

namespace sluis::policy {
namespace {

// One pass over one dimension: `clear` empties it in a region, `join` adds that of another.
template <typename Clear, typename Join>
bool Pass(std::vector<Region>& regions, Clear clear, Join join) {
  absl::flat_hash_map<std::string, size_t> seen;
  seen.reserve(regions.size());
  std::vector<Region> merged;
  merged.reserve(regions.size());
  std::string key;
  for (Region& region : regions) {
    Region rest = region;
    clear(rest);
    key.clear();
    AppendKey(rest.recipients, key);
    AppendKey(rest.sources, key);
    AppendKey(rest.box, key);
    for (const uint16_t tafel : rest.tafels) AppendKey(tafel, key);
    const auto [at, added] = seen.emplace(key, merged.size());
    if (added) {
      merged.push_back(std::move(region));
    } else {
      join(merged[at->second], region);
    }
  }
  const bool changed = merged.size() != regions.size();
  regions.swap(merged);
  return changed;
}

}  // namespace

void MergeRegions(std::vector<Region>& regions) {
  bool changed = true;
  while (changed && regions.size() > 1) {
    changed = false;
    changed |= Pass(
        regions, [](Region& r) { r.recipients = HatSet(); },
        [](Region& to, const Region& r) { to.recipients |= r.recipients; });
    changed |= Pass(
        regions, [](Region& r) { r.sources = HatSet(); },
        [](Region& to, const Region& r) { to.sources |= r.sources; });
    changed |= Pass(
        regions, [](Region& r) { r.box.fields = FieldSet(); },
        [](Region& to, const Region& r) { to.box.fields |= r.box.fields; });
    changed |= Pass(
        regions, [](Region& r) { r.box.purposes = 0; },
        [](Region& to, const Region& r) { to.box.purposes |= r.box.purposes; });
    changed |= Pass(
        regions, [](Region& r) { r.box.phases = 0; },
        [](Region& to, const Region& r) { to.box.phases |= r.box.phases; });
    changed |= Pass(
        regions, [](Region& r) { r.box.stages = StageSet(); },
        [](Region& to, const Region& r) { to.box.stages |= r.box.stages; });
    changed |= Pass(
        regions, [](Region& r) { r.box.periods = 0; },
        [](Region& to, const Region& r) { to.box.periods |= r.box.periods; });
    changed |= Pass(
        regions, [](Region& r) { r.tafels.clear(); },
        [](Region& to, const Region& r) {
          std::vector<uint16_t> both;
          std::set_union(to.tafels.begin(), to.tafels.end(), r.tafels.begin(), r.tafels.end(),
                         std::back_inserter(both));
          to.tafels.swap(both);
        });
  }
}

}  // namespace sluis::policy
