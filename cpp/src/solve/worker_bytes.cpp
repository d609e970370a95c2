// worker_memory: what the sampler and the solvers of one worker say that they need.
#include "base/check.hpp"
#include "base/memory_need.hpp"
#include "overprune/simulate.hpp"
#include "problem/design.hpp"
#include "problem/samplers.hpp"
#include "solve/grid_fit.hpp"

namespace overprune {

WorkerMemory worker_memory(const Problem& problem, const Grid& grid, Index n,
                           std::optional<Index> design_limit, Index threads) {
  check_grid(grid, problem.features());
  check::at_least("n", n, 1);
  if (design_limit) check::at_least("design_limit", *design_limit, 0);
  check::at_least("threads", threads, 1);
  const Index p = problem.features();
  const bool streamed = is_streamed(problem, n, design_limit);
  MemoryNeed need;
  need_to_draw(problem, n, grid.sizes, grid.fitting_nonzeros(), streamed, need);
  need_to_judge(problem, grid.sizes, grid.fitting_nonzeros(), streamed, need);
  const Index sampler = need.held();
  GridFit::need(problem, grid, n, streamed, need);
  constexpr Index bytes = sizeof(double);
  return {streamed ? 0 : bytes * n * p, bytes * sampler,
          bytes * (need.total() - sampler + (threads - 1) * need.of_helper())};
}

}  // namespace overprune
