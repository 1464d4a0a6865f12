#pragma once

#include <cstdint>

// Linking this counts every use of operator new in the program.
namespace sluis::bench {

// So far.
uint64_t Allocations();

}  // namespace sluis::bench
