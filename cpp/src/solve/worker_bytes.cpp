// The memory of one worker of a simulation, from the sizes of the buffers that it comes to hold.
#include <algorithm>

#include "base/check.hpp"
#include "kernels/table.hpp"
#include "overprune/simulate.hpp"
#include "problem/design.hpp"
#include "problem/samplers.hpp"
#include "solve/retraining.hpp"

namespace overprune {
namespace {

// a product's share of the nearest cache, in columns of the left factor
constexpr Index kDepth = 256;
constexpr Index kShare = 96 * 1024;  // numbers of the right factor that are packed at once

/// Numbers of the reflectors of so many columns.
Index reflectors(Index columns) {
  return kernels::kReflectorRows * std::min<Index>(columns, kernels::kReflectorColumns);
}

/// What the kernels' scratch grows to for so many numbers.
Index whole_steps(Index count) {
  constexpr Index step = kernels::kScratchStep;
  return (count + step - 1) / step * step;
}

/// Numbers that a product (rows, depth) (depth, columns) packs, about.
Index packed(Index rows, Index columns, Index depth) {
  if (columns <= kernels::kSkinny || std::max({rows, columns, depth}) < 48) return 0;
  const Index kept = std::min(depth, kDepth);
  return rows * kept + std::min(kShare, kept * columns);
}

/// Numbers of one PathSolver, and of the largest product in it.
struct Path {
  Index numbers = 0, packing = 0, work = 0;
};

/// @param streamed  whether the columns of X are drawn into space of the solver's own
Path path_of(Index n, Index p, Index m, const Indices& sizes, double ridge, bool streamed) {
  Path path;
  const Index total = static_cast<Index>(sizes.size());
  const Index tall = std::upper_bound(sizes.begin(), sizes.end(), n) - sizes.begin();
  const Index cached = std::min(cached_columns(n), sizes.back());
  Index triangles = 0, drawn = cached;
  if (tall > 0) {
    const Index most = sizes[tall - 1], pivots = whole_tiles(most), rows = pivots + whole_tiles(m);
    triangles = rows * std::max(n, pivots);
    path.numbers += 3 * most + (ridge > 0.0 ? rows * rows + n * m + most * m : 0);
    path.work = reflectors(std::max(n, pivots));
    if (m >= 4) path.packing = packed(most, m, 64);
  }
  if (tall < total) {
    const Index batch = WideSolver::batch_of(n, p, total - tall), padded = whole_tiles(n);
    triangles = std::max(triangles, padded * padded * batch);
    Index before = 0, step = 0;
    for (Index i = tall; i < total; before = sizes[i++]) {
      if (WideSolver::leaps(n, before, sizes[i], batch))
        drawn = std::max(drawn, std::min(sizes[i] - before, columns_per_poll(n * n)));
      else
        step = std::max(step, sizes[i] - (before == 0 && ridge == 0.0 ? n : before));
    }
    path.numbers += padded * std::min(step, columns_per_poll(2 * n * n)) + 2 * n * batch * m +
                    4 * n + cached * batch * m;
    path.work = std::max(path.work, reflectors(padded));
    path.packing = std::max(path.packing, packed(cached, batch * m, n));
  }
  path.numbers += triangles + (streamed ? n * drawn : 0);
  return path;
}

class Account {
 public:
  Account(const Problem& problem, const Grid& grid, Index n, bool streamed)
      : problem_(problem),
        grid_(grid),
        n_(n),
        m_(problem.targets()),
        largest_(grid.sizes.back()),
        streamed_(streamed) {
    for (const Index s : grid.nonzeros)
      if (s <= largest_) fitting_.push_back(s);
    if (!fitting_.empty()) count_ = fitting_.back();
  }

  WorkerMemory memory() {
    const Index p = problem_.features(), block = streamed_ ? std::min(cached_columns(n_), p) : 0;
    const Index sampler = problem_.sampler_numbers(n_) + n_ * block + risk();
    const Index engine = models() + selection() + path(grid_.sizes, largest_) +
                         (grid_.retrain && count_ > 0 ? retraining() : 0) + whole_steps(packing_) +
                         whole_steps(work_);
    constexpr Index bytes = sizeof(double);
    return {streamed_ ? 0 : bytes * n_ * p, bytes * sampler, bytes * engine};
  }

 private:
  Index models() const {
    const Index points = static_cast<Index>(fitting_.size()) * m_;
    return largest_ * static_cast<Index>(grid_.sizes.size()) * m_ +
           count_ * points * (grid_.retrain ? 2 : 1);
  }

  Index selection() const {
    const Index scores = 1 + any_weighs_coefficients(grid_.rules) +
                         any_of_rules(grid_.rules, &RuleTraits::needs_seed);
    return largest_ * (scores + 3) + 2 * kSelectionMargin + count_;
  }

  Index path(const Indices& sizes, Index p) {
    const double ridge = &sizes == &grid_.sizes ? grid_.ridge : grid_.retrain_ridge;
    const Path path = path_of(n_, p, m_, sizes, ridge, streamed_);
    packing_ = std::max(packing_, path.packing);
    work_ = std::max(work_, path.work);
    return path.numbers;
  }

  Index retraining() {
    Indices large;
    Index held = 0, small = 0;
    for (const Index s : fitting_) {
      if (s > n_)
        large.push_back(s);
      else
        held = s, ++small;
    }
    const Index most = std::min(count_, n_), entering = std::max<Index>(most / 2, 1);
    const Index columns = std::min(kSupportGroup, small) * m_, padded = whole_tiles(held);
    Index numbers = n_ * most + most * most + most * m_ + 4 * most + problem_.features();
    numbers += n_ * entering + most * std::max(entering, m_);
    numbers += padded * padded + held * m_ + 3 * held + (n_ + 3 * held) * columns;
    packing_ = std::max({packing_, packed(held / 2, held / 2, n_), packed(held, entering, n_),
                         packed(held, columns, n_), packed(n_, columns, held)});
    if (large.empty()) return numbers;
    numbers += (streamed_ ? 0 : n_ * count_) + count_ * static_cast<Index>(large.size()) * m_;
    return numbers + path(large, count_);
  }

  /// What judging the models takes.
  Index risk() {
    const Index p = problem_.features(), columns = static_cast<Index>(fitting_.size()) * m_;
    const Index sizes = static_cast<Index>(grid_.sizes.size()) * m_;
    const auto* population = problem_.population();
    if (!population) {
      const auto& data = static_cast<const DataProblem&>(problem_);
      const Index rows = data.test_rows();
      packing_ = std::max({packing_, packed(rows, sizes, largest_), packed(rows, columns, count_)});
      return rows * (count_ + std::max(sizes, columns));
    }
    if (population->diagonal()) return 3 * p + 2 + count_ * (m_ + 1);
    packing_ = std::max(
        {packing_, packed(kRiskPanel, sizes, largest_), packed(kRiskPanel, columns, count_)});
    if (&problem_ == population)
      packing_ = std::max(packing_, packed(n_, std::min<Index>(p, 512), p));
    double work = 0.0;
    for (const Index k : grid_.sizes) work += static_cast<double>(k) * static_cast<double>(k);
    const bool whole =
        work >= 0.5 * static_cast<double>(grid_.sizes.size() * p) * static_cast<double>(p);
    Index numbers = kRiskPanel * std::max(sizes, columns) + count_ * count_ +
                    (whole ? p * sizes : largest_ * m_);
    if (grid_.compensate) numbers += count_ * count_ + largest_ * m_ + count_ * (m_ + columns);
    return numbers;
  }

  const Problem& problem_;
  const Grid& grid_;
  Index n_, m_, largest_, count_ = 0, packing_ = 0, work_ = 0;
  bool streamed_;
  Indices fitting_;  // nonzeros that are at most the largest size
};

}  // namespace

WorkerMemory worker_memory(const Problem& problem, const Grid& grid, Index n, Index design_limit) {
  check_grid(grid, problem.features());
  check::at_least("n", n, 1);
  check::at_least("design_limit", design_limit, 0);
  return Account(problem, grid, n, is_streamed(problem, n, design_limit)).memory();
}

}  // namespace overprune
