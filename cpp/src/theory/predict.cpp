// The risks of a whole grid for any covariance and several targets.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "base/table_layout.hpp"
#include "base/workers.hpp"
#include "theory/accuracy_study.hpp"
#include "theory/lasso_study.hpp"

namespace overprune {
namespace {

/// Writes what the studies of one training find into its table, each size into slots of its own.
class Filler {
 public:
  Filler(const Grid& grid, const DrawOptions& options)
      : grid_(grid),
        sizes_(static_cast<Index>(grid.sizes.size())),
        nonzeros_(static_cast<Index>(grid.nonzeros.size())) {
    TableLayout layout = grid_layout(kDrawn, grid);
    layout.classes = options.test != nullptr;
    table_ = make_table(layout);
  }

  void write(Index size, const theory::AccuracyStudy& study) {
    const Column dense = column("dense_accuracy"), pruned = column("pruned_accuracy"),
                 retrained = column("retrained_accuracy");
    dense.values[size] = study.dense().value;
    dense.errors[size] = study.dense().error;
    each(size, [&](Index r, Index s, Index at) {
      put(study.pruned(r, s), at, pruned);
      put(study.retrained(r, s), at, retrained);  // NaN where its risk diverges
    });
  }

  void write(Index size, const theory::SizeStudy& study) {
    const Column pruned = column("pruned_risk"), retrained = column("retrained_risk"),
                 compensated = column("compensated_risk");
    table_.find("dense_risk")[size] = study.law().risk;
    table_.find("draws")[size] = static_cast<double>(study.draws());
    each(size, [&](Index r, Index s, Index at) {
      if (traits(grid_.rules[r]).trains_itself) return;
      const theory::Risks& risks = study.risks(r, s);
      put_risk(risks.pruned, at, pruned);
      put_risk(risks.retrained, at, retrained);
      put_risk(risks.compensated, at, compensated);
    });
  }
  void write(Index size, const theory::LassoStudy& study) {
    const Column pruned = column("pruned_risk"), retrained = column("retrained_risk");
    double& draws = table_.find("draws")[size];
    draws = std::max(draws, static_cast<double>(study.draws()));
    each(size, [&](Index r, Index s, Index at) {
      if (!traits(grid_.rules[r]).trains_itself) return;
      const theory::Risks& risks = study.risks(s);
      put(risks.pruned, at, pruned);
      put(risks.retrained, at, retrained);
      table_.find("pruned_penalty")[at] = study.penalty(s);
    });
  }
  RiskTable finish() { return std::move(table_); }

 private:
  /// A variable and its standard errors; null where the table has none.
  struct Column {
    double *values, *errors;
  };
  Column column(const std::string& name) {
    return {table_.find(name), table_.find(name + "_stderr")};
  }

  template <class Body>
  void each(Index size, const Body& body) const {
    for (Index r = 0; r < static_cast<Index>(grid_.rules.size()); ++r)
      for (Index s = 0; s < nonzeros_ && grid_.nonzeros[s] <= grid_.sizes[size]; ++s)
        body(r, s, (r * sizes_ + size) * nonzeros_ + s);
  }

  void put_risk(const theory::Estimate& estimate, Index at, const Column& to) const {
    if (to.values != nullptr && std::isnan(estimate.value))
      check::out_of_range("risk", static_cast<double>(grid_.sizes[at / nonzeros_ % sizes_]));
    put(estimate, at, to);
  }
  static void put(const theory::Estimate& estimate, Index at, const Column& to) {
    if (to.values == nullptr) return;
    to.values[at] = estimate.value;
    to.errors[at] = estimate.error;
  }

  const Grid& grid_;
  Index sizes_, nonzeros_;
  RiskTable table_;
};

/// A rule that trains its own models has one target, and no classes.
void check_own(const LinearGaussianProblem& problem, const Grid& grid, const DrawOptions& options) {
  if (!any_of_rules(grid.rules, &RuleTraits::trains_itself)) return;
  check_one_target(problem.targets());
  if (options.test != nullptr) check::fail("test must be null for the rule lasso");
}

}  // namespace

RiskTable predict(const LinearGaussianProblem& problem, Index n, const Grid& grid,
                  const DrawOptions& options, const std::function<void()>& poll) {
  return std::move(predict(problem, {{n, grid.ridge}}, grid, options, poll).front());
}

std::vector<RiskTable> predict(const LinearGaussianProblem& problem,
                               const std::vector<Training>& trainings, const Grid& grid,
                               const DrawOptions& options, const std::function<void()>& poll) {
  check_grid(grid, problem.features());
  check::at_least("draws", options.draws, 0);
  check::at_least("workers", options.workers, 1);
  if (!(options.rtol > 0.0)) check::fail("rtol must be positive, got ", options.rtol);
  check_own(problem, grid, options);
  if (options.test != nullptr) {
    check::finite("test features", options.test->features);
    check::finite("test targets", options.test->targets);
    check::same("test features (columns)", problem.features(), options.test->features.cols);
    check::same("test targets (columns)", problem.targets(), options.test->targets.cols);
    check::same("test targets (rows)", options.test->features.rows, options.test->targets.rows);
  }
  std::vector<Grid> grids(trainings.size(), grid);
  std::vector<Filler> tables;
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
      if (any_of_rules(grid.rules, &RuleTraits::trains_itself)) {
        theory::LassoStudy lasso(basis, trainings[t].n, grids[t], options);
        lasso.run(inner, stop);
        tables[t].write(size, lasso);
      }
      if (options.test == nullptr) continue;
      theory::AccuracyStudy accuracy(basis, study, static_cast<double>(trainings[t].n), grids[t],
                                     options);
      accuracy.run(inner, stop);
      tables[t].write(size, accuracy);
    }
  };
  parallel_for(sizes, outer, study_size, poll);
  std::vector<RiskTable> results;
  for (Filler& table : tables) results.push_back(table.finish());
  return results;
}

}  // namespace overprune
