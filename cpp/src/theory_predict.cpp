// The risks of a whole grid for any covariance and several targets.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "check.hpp"
#include "parallel.hpp"
#include "theory_draws.hpp"

namespace overprune {
namespace {

class Table {
 public:
  Table(const Grid& grid, const DrawOptions& options)
      : grid_(grid),
        sizes_(static_cast<Index>(grid.sizes.size())),
        nonzeros_(static_cast<Index>(grid.nonzeros.size())) {
    const Index points = static_cast<Index>(grid.rules.size()) * sizes_ * nonzeros_;
    result_.dense_risk.resize(sizes_);
    result_.draws.resize(sizes_);
    result_.pruned_risk.assign(points, std::numeric_limits<double>::quiet_NaN());
    result_.pruned_stderr = result_.pruned_risk;
    if (grid.retrain) result_.retrained_risk = result_.retrained_stderr = result_.pruned_risk;
    if (options.compensate) result_.compensated_risk = result_.compensated_stderr = result_.pruned_risk;
  }

  void write(Index size, const theory::SizeStudy& study) {
    result_.dense_risk[size] = study.law().risk;
    result_.draws[size] = study.draws();
    for (Index r = 0; r < static_cast<Index>(grid_.rules.size()); ++r)
      for (Index s = 0; s < nonzeros_ && grid_.nonzeros[s] <= grid_.sizes[size]; ++s) {
        const theory::Risks& risks = study.risks(r, s);
        const Index at = (r * sizes_ + size) * nonzeros_ + s;
        put(risks.pruned, at, result_.pruned_risk, result_.pruned_stderr);
        put(risks.retrained, at, result_.retrained_risk, result_.retrained_stderr);
        put(risks.compensated, at, result_.compensated_risk, result_.compensated_stderr);
      }
  }
  DrawnResult finish() { return std::move(result_); }

 private:
  static void put(const theory::Estimate& estimate, Index at, std::vector<double>& values,
                  std::vector<double>& errors) {
    if (values.empty()) return;
    values[at] = estimate.value;
    errors[at] = estimate.error;
  }

  const Grid& grid_;
  Index sizes_, nonzeros_;
  DrawnResult result_;
};

}  // namespace

DrawnResult predict(const LinearGaussianProblem& problem, Index n, const Grid& grid,
                    const DrawOptions& options, const std::function<void()>& poll) {
  check::at_least("n", n, 1);
  check_grid(grid, problem.features());
  check::at_least("draws", options.draws, 0);
  check::at_least("workers", options.workers, 1);
  if (!(options.rtol > 0.0)) check::fail("rtol must be positive, got ", options.rtol);
  const Index sizes = static_cast<Index>(grid.sizes.size());
  const Index outer = std::min(options.workers, sizes), inner = std::max<Index>(1, options.workers / outer);
  Table table(grid, options);
  const auto study_size = [&](Index i, const Poll& stop) {
    const Index size = sizes - 1 - i;  // the largest first, so that the threads end together
    Indices first(grid.sizes[size]);
    std::iota(first.begin(), first.end(), Index{0});
    const LinearGaussianProblem part = problem.restrict(first);
    const theory::Eigenbasis basis(part);
    theory::SizeStudy study(basis, n, grid, options);
    study.run(inner, stop);
    table.write(size, study);  // each size has its own slots
  };
  parallel_for(sizes, outer, study_size, poll);
  return table.finish();
}

}  // namespace overprune
