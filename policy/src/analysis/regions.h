#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "space.h"

// Boxes together with the tafels and hats between which they lie, merged so that people can read
// them. Internal to the room.
namespace sluis::policy {

struct Region {
  std::vector<uint16_t> tafels;  // ascending
  HatSet recipients{};
  HatSet sources{};
  Box box{};
};

// Joins regions that differ in one dimension only, until none do. What they cover together stays
// the same. Keeps the order of first appearance.
void MergeRegions(std::vector<Region>& regions);

// The bytes of a value without padding, as a key.
template <typename Value>
void AppendKey(const Value& value, std::string& key) {
  static_assert(std::has_unique_object_representations_v<Value>);
  key.append(reinterpret_cast<const char*>(&value), sizeof(Value));
}

}  // namespace sluis::policy
