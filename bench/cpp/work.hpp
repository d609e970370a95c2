// What a benchmark is: some work of known size, set up once and run many times.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/table.hpp"
#include "overprune/random.hpp"
#include "overprune/types.hpp"

namespace overprune::bench {

using Shape = std::vector<Index>;
using Values = std::vector<double>;

struct Work {
  std::function<void()> run;
  double flops = 0.0;  ///< of one run; 0 where they say little (random bits, transcendental sums)
  double items = 0.0;  ///< numbers made or read by one run; reported where there are no flops
  std::function<void()> reset{};  ///< restores what `run` overwrote; not timed
};

/// Registers `name/level/shape...` for every shape and every level that this processor runs.
void kernel(const std::string& name, const std::vector<Shape>& shapes,
            const std::function<Work(const kernels::Table&, const Shape&)>& make);

/// Registers `name/level/shape...` for every shape at the level in use.
void path(const std::string& name, const std::vector<Shape>& shapes,
          const std::function<Work(const Shape&)>& make);

inline Values normals(Index count, std::uint64_t stream = 1) {
  Values out(count);
  standard_normal({7, stream}, 0, count, out.data());
  return out;
}

void add_kernels();
void add_paths();

}  // namespace overprune::bench
