// The risks of a whole grid for any covariance and several targets.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "base/check.hpp"
#include "base/workers.hpp"
#include "theory/accuracy_study.hpp"

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
    if (grid.compensate)
      result_.compensated_risk = result_.compensated_stderr = result_.pruned_risk;
    if (options.test == nullptr) return;
    result_.dense_accuracy = result_.dense_accuracy_stderr = result_.dense_risk;
    result_.pruned_accuracy = result_.pruned_accuracy_stderr = result_.pruned_risk;
    result_.retrained_accuracy = result_.retrained_accuracy_stderr = result_.retrained_risk;
  }

  void write(Index size, const theory::AccuracyStudy& study) {
    result_.dense_accuracy[size] = study.dense().value;
    result_.dense_accuracy_stderr[size] = study.dense().error;
    for (Index r = 0; r < static_cast<Index>(grid_.rules.size()); ++r)
      for (Index s = 0; s < nonzeros_ && grid_.nonzeros[s] <= grid_.sizes[size]; ++s) {
        const Index at = (r * sizes_ + size) * nonzeros_ + s;
        put(study.pruned(r, s), at, result_.pruned_accuracy, result_.pruned_accuracy_stderr);
        put(study.retrained(r, s), at, result_.retrained_accuracy,
            result_.retrained_accuracy_stderr);
      }
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
  void put(const theory::Estimate& estimate, Index at, std::vector<double>& values,
           std::vector<double>& errors) const {
    if (values.empty()) return;
    if (std::isnan(estimate.value))
      check::out_of_range("risk", static_cast<double>(grid_.sizes[at / nonzeros_ % sizes_]));
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
  return std::move(predict(problem, {{n, grid.ridge}}, grid, options, poll).front());
}

std::vector<DrawnResult> predict(const LinearGaussianProblem& problem,
                                 const std::vector<Training>& trainings, const Grid& grid,
                                 const DrawOptions& options, const std::function<void()>& poll) {
  check_grid(grid, problem.features());
  check::at_least("draws", options.draws, 0);
  check::at_least("workers", options.workers, 1);
  if (!(options.rtol > 0.0)) check::fail("rtol must be positive, got ", options.rtol);
  if (options.test != nullptr) {
    check::finite("test features", options.test->features);
    check::finite("test targets", options.test->targets);
    check::same("test features (columns)", problem.features(), options.test->features.cols);
    check::same("test targets (columns)", problem.targets(), options.test->targets.cols);
    check::same("test targets (rows)", options.test->features.rows, options.test->targets.rows);
  }
  std::vector<Grid> grids(trainings.size(), grid);
  std::vector<Table> tables;
  for (std::size_t t = 0; t < trainings.size(); ++t) {
    check::at_least("n", trainings[t].n, 1);
    check::nonnegative("ridge", trainings[t].ridge);
    grids[t].ridge = trainings[t].ridge;
    tables.emplace_back(grids[t], options);
  }
  const Index sizes = static_cast<Index>(grid.sizes.size());
  const Index outer = std::min(options.workers, sizes),
              inner = std::max<Index>(1, options.workers / outer);
  const auto study_size = [&](Index i, const Poll& stop) {
    const Index size = sizes - 1 - i;  // the largest first, so that the threads end together
    const LinearGaussianProblem part = theory::first_features(problem, grid.sizes[size]);
    // By far the dearest step: once for all trainings of a kind, so that no point depends on the
    // others.
    std::array<std::unique_ptr<const theory::WhiteBasis>, 2> bases;
    for (std::size_t t = 0; t < trainings.size(); ++t) {
      const bool shrinks = theory::may_shrink(part, static_cast<double>(trainings[t].n),
                                              std::max(trainings[t].ridge, grid.retrain_ridge));
      if (!bases[shrinks])
        bases[shrinks] = std::make_unique<const theory::WhiteBasis>(part, shrinks);
      const theory::WhiteBasis& basis = *bases[shrinks];
      theory::SizeStudy study(basis, trainings[t].n, grids[t], options);
      study.run(inner, stop);
      tables[t].write(size, study);  // each size has its own slots
      if (options.test == nullptr) continue;
      theory::AccuracyStudy accuracy(basis, study, static_cast<double>(trainings[t].n), grids[t],
                                     options);
      accuracy.run(inner, stop);
      tables[t].write(size, accuracy);
    }
  };
  parallel_for(sizes, outer, study_size, poll);
  std::vector<DrawnResult> results;
  for (Table& table : tables) results.push_back(table.finish());
  return results;
}

}  // namespace overprune
