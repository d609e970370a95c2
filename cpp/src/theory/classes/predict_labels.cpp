// The errors of a whole grid of classifiers.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"
#include "base/workers.hpp"
#include "overprune/classifier_theory.hpp"
#include "theory/classes/drawn_labels.hpp"
#include "theory/classes/independent_labels.hpp"

namespace overprune {
namespace {

using theory::LabelPoint;
using theory::LabelTable;

double field_of(const LinearClassificationProblem& problem) {
  return problem.signal() + problem.noise_std() * problem.noise_std();
}

/// One size of independent features.
void predict_size(const theory::Features& features, double field, double n, const Grid& grid,
                  double ridge, Index size, LabelTable& table) {
  const auto k = static_cast<double>(grid.sizes[size]);
  theory::TrainedAtoms trained(features, field, n, k, grid.loss, ridge);
  const theory::FirstTraining& first = trained.first();
  const LabelPoint dense(first.m, first.q, field);
  table.dense(size, dense);
  LabelPoint whole;
  bool has_whole = false;
  for (std::size_t r = 0; r < grid.rules.size(); ++r) {
    if (first.converged) trained.select(grid.rules[r]);
    for (std::size_t i = 0; i < grid.nonzeros.size() && grid.nonzeros[i] <= grid.sizes[size]; ++i) {
      const auto rule = static_cast<Index>(r), s = static_cast<Index>(i);
      if (!first.converged) continue;
      trained.keep(static_cast<double>(grid.nonzeros[i]));
      if (!trained.keeps_all()) {
        const auto [m, q] = trained.pruned();
        table.pruned(rule, size, s, {m, q, field});
        if (!grid.retrain) continue;
        const theory::SecondTraining second = trained.retrained(grid.retrain_ridge);
        table.retrained(rule, size, s, {second.m, second.q, field});
        continue;
      }
      table.pruned(rule, size, s, dense);
      if (!grid.retrain) continue;
      if (!has_whole) {
        const theory::SecondTraining second = trained.whole(grid.retrain_ridge);
        whole = {second.m, second.q, field};
        has_whole = true;
      }
      table.retrained(rule, size, s, whole);
    }
  }
}

void check_labels_grid(const LinearClassificationProblem& problem,
                       const std::vector<Training>& trainings, const Grid& grid,
                       const DrawOptions& options) {
  check_grid(grid, problem.features());
  check::at_least("draws", options.draws, 0);
  check::at_least("workers", options.workers, 1);
  if (!(options.rtol > 0.0)) check::fail("rtol must be positive, got ", options.rtol);
  if (grid.compensate) check::fail("compensate must be false for a classifier");
  for (const Rule rule : grid.rules) check_cuts(rule, "the theory of classifiers");
  for (const Training& training : trainings) {
    check::at_least("n", training.n, 1);
    check::nonnegative("ridge", training.ridge);
    const auto n = static_cast<double>(training.n);
    for (const Index size : grid.sizes)
      check_loss(problem, grid.loss, n, static_cast<double>(size), training.ridge);
    for (const Index s : grid.fitting_nonzeros())
      if (grid.retrain)
        check_loss(problem, grid.loss, n, static_cast<double>(s), grid.retrain_ridge);
  }
}

}  // namespace

std::vector<RiskTable> predict_labels(const LinearClassificationProblem& problem,
                                      const std::vector<Training>& trainings, const Grid& grid,
                                      const DrawOptions& options,
                                      const std::function<void()>& poll) {
  check_labels_grid(problem, trainings, grid, options);
  const LinearGaussianProblem& field = problem.field();
  const bool drawn = !field.diagonal();
  std::vector<LabelTable> tables(trainings.size(), LabelTable(grid, drawn ? kDrawn : kExact));
  const Index sizes = static_cast<Index>(grid.sizes.size());
  const double variance = field_of(problem);
  if (drawn) {
    const Index outer = std::min(options.workers, sizes),
                inner = std::max<Index>(1, options.workers / outer);
    const auto study = [&](Index i, const Poll& stop) {
      const Index size = sizes - 1 - i;  // the largest first, so that the threads end together
      const LinearGaussianProblem part = theory::first_features(field, grid.sizes[size]);
      for (std::size_t t = 0; t < trainings.size(); ++t) {
        theory::LabelStudy one(part, variance, static_cast<double>(trainings[t].n), grid,
                               trainings[t].ridge, options);
        one.run(inner, stop);
        one.write(size, tables[t]);
      }
    };
    parallel_for(sizes, outer, study, poll);
  } else {
    const GroupedFeatures grouped(field.variances(), {field.beta().data, field.features(), 1},
                                  field.noise_std());
    const auto solve = [&](Index i, const Poll& stop) {
      for (std::size_t t = 0; t < trainings.size(); ++t) {
        poll_now(stop);
        predict_size(grouped.features(), variance, static_cast<double>(trainings[t].n), grid,
                     trainings[t].ridge, sizes - 1 - i, tables[t]);
      }
    };
    parallel_for(sizes, std::min(options.workers, sizes), solve, poll);
  }
  std::vector<RiskTable> results;
  for (LabelTable& table : tables) results.push_back(table.finish());
  return results;
}

}  // namespace overprune
