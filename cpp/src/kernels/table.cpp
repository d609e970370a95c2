// This level's table.
#include "kernels/panels.hpp"

#define OVERPRUNE_STRING_(x) #x
#define OVERPRUNE_STRING(x) OVERPRUNE_STRING_(x)

OVERPRUNE_BEGIN_LEVEL

#define OVERPRUNE_ENTRY(name) .name = name,

extern const Table table;
const Table table = {.level = OVERPRUNE_STRING(OVERPRUNE_LEVEL),
                     .tile_rows = kUp * kWidth,
                     .tile_columns = kSide,
                     OVERPRUNE_EACH_KERNEL(OVERPRUNE_ENTRY)};

OVERPRUNE_END_LEVEL
