// The tables of kernels, one after the other.
#pragma once

#include "kernels/table.hpp"
#include "testing.hpp"

/// Calls test(table) for every level that this processor runs.
template <class Test>
void each_level(Test test) {
  using overprune::kernels::supported;
  for (int i = 0; const overprune::kernels::Table* table = supported(i); ++i) {
    INFO("level " << table->level);
    test(*table);
  }
  REQUIRE(supported(0) != nullptr);
}
