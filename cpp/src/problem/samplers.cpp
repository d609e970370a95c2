#include "problem/samplers.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "kernels/table.hpp"
#include "overprune/classification.hpp"
#include "problem/design.hpp"

namespace overprune {

void check_models(const Models& models, Index features, Index targets, const double* risk) {
  check::view("theta", models.theta);
  check::same("theta", models.count, models.theta.rows);
  if (models.count < 0 || models.count > features)
    check::fail("count must lie in [0, ", features, "], got ", models.count);
  if (models.theta.cols % targets != 0)
    check::fail("theta must have a multiple of ", targets, " columns, got ", models.theta.cols);
  check::pointer("risk", risk, models.theta.cols);
  for (Index i = 0; models.support && i < models.count; ++i)
    if (models.support[i] < 0 || models.support[i] >= features)
      check::fail("support must lie in [0, ", features, "), got ", models.support[i]);
}

void Sampler::evaluate_labels(const Models&, const LabelFigures&) {
  check::fail("evaluate_labels needs a problem with labels and a known truth");
}

namespace {

/// The most columns that the solvers read at once: up to n for the sizes up to n, then no more than
/// come with a size.
Index most_read(Index n, const Indices& sizes) {
  Index most = std::max(std::min(n, sizes.back()), cached_columns(n)), before = 0;
  for (const Index size : sizes) {
    most = std::max(most, std::min(size - std::max(before, n), columns_per_poll(n * n)));
    before = size;
  }
  return std::min(most, sizes.back());
}

}  // namespace

void need_to_draw(const Problem& problem, Index n, const Indices& sizes, const Indices& nonzeros,
                  bool streamed, MemoryNeed& need) {
  const Index chosen = nonzeros.empty() ? 1 : nonzeros.back();
  need.hold(problem.sampler_numbers(n, streamed ? chosen : 0));
  const auto* labels = dynamic_cast<const LinearClassificationProblem*>(&problem);
  const auto* field = labels ? &labels->field() : problem.population();
  const Index p = problem.features();
  if (field && !field->diagonal() && (labels || field == &problem))
    need.product(n, streamed ? most_read(n, sizes) : p, std::min<Index>(p, kernels::kDepth));
}

void need_to_judge(const Problem& problem, const Indices& sizes, const Indices& nonzeros,
                   bool streamed, MemoryNeed& need) {
  if (const auto* population = problem.population()) {
    GaussianRisk::need(*population, sizes, nonzeros, need);
    return;
  }
  if (const auto* labels = dynamic_cast<const LinearClassificationProblem*>(&problem))
    return need_to_judge(labels->field(), sizes, nonzeros, streamed, need);
  const auto& data = static_cast<const DataProblem&>(problem);
  const Index rows = data.test_rows(), m = problem.targets();
  const Index dense = static_cast<Index>(sizes.size()) * m,
              pruned = static_cast<Index>(nonzeros.size()) * m,
              most = nonzeros.empty() ? 0 : nonzeros.back();
  const Index block = streamed && data.has_random_features() ? sizes.back() : most;
  need.hold(rows * (std::min(kJudgedFeatures, block) + std::max(dense, pruned)));
  need.product(rows, dense, std::min(kJudgedFeatures, sizes.back()));
  need.product(rows, pruned, std::min(kJudgedFeatures, most));
}

}  // namespace overprune
