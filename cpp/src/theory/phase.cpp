#include "overprune/phase.hpp"

#include <cmath>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/workers.hpp"
#include "overprune/theory.hpp"

namespace overprune {
namespace {

constexpr double kEqual = 1e-9;  // relative: among risks as close as this the smaller size is taken

RealGrid grid_of(const PhaseOptions& options, std::vector<double> sizes, double s) {
  return {std::move(sizes), {s},           options.rules,
          options.retrain,  options.ridge, options.retrain_ridge};
}

void check_point(const PhasePoint& point, const std::vector<GroupedFeatures>& problems,
                 const PhaseOptions& options) {
  const Index count = static_cast<Index>(problems.size());
  if (point.problem < 0 || point.problem >= count)
    check::fail("problem of a point must lie in [0, ", count, "), got ", point.problem);
  if (!(point.n > 0.0) || !std::isfinite(point.n))
    check::fail("n must be finite and above 0, got ", point.n);
  std::vector<double> sizes = point.sizes;
  if (sizes.empty()) sizes.push_back(point.nonzeros);
  check_grid(grid_of(options, sizes, point.nonzeros), problems[point.problem].total());
  if (!point.sizes.empty() && point.sizes.front() <= point.nonzeros)
    check::fail("sizes must be above nonzeros = ", point.nonzeros, ", got ", point.sizes.front());
}

/// The least of values[0], values[stride], ...: where it is first reached, but for rounding.
void least(const double* values, std::size_t count, const std::vector<double>& sizes, double& risk,
           double& size) {
  risk = size = kNaN;
  for (std::size_t k = 0; k < count; ++k)
    if (!(values[k] >= risk * (1.0 - kEqual)) && !std::isnan(values[k])) {
      risk = values[k];
      size = sizes[k];
    }
}

}  // namespace

PhaseResult phase(const std::vector<GroupedFeatures>& problems,
                  const std::vector<PhasePoint>& points, const PhaseOptions& options,
                  const std::function<void()>& poll) {
  check_rules(options.rules);
  for (const Rule rule : options.rules) check_cuts(rule, "a phase diagram");
  check::at_least("workers", options.workers, 1);
  for (const PhasePoint& point : points) check_point(point, problems, options);
  const std::size_t P = points.size(), R = options.rules.size(), G = options.retrain ? 2 : 1;
  PhaseResult result;
  result.direct.resize(P);
  result.oracle.resize(P);
  result.risk.assign(P * R * G, kNaN);
  result.size.assign(P * R * G, kNaN);
  const auto study = [&](Index i, const Poll& stop) {  // every point has its own slots
    const PhasePoint& point = points[i];
    const GroupedFeatures& features = problems[point.problem];
    const double s = point.nonzeros;
    PhaseOptions known = options;
    known.rules = {Rule::random};  // the dense risk is all that is read
    known.retrain = false;
    result.direct[i] = predict(features, point.n, grid_of(known, {s}, s), stop)["dense_risk"][0];
    // Training the oracle's support is retraining it: it does not depend on the first training.
    known.rules = {Rule::oracle};
    known.retrain = true;
    known.retrain_ridge = options.ridge;
    result.oracle[i] = predict(features, point.n, grid_of(known, {features.total()}, s),
                               stop)["retrained_risk"][0];
    if (point.sizes.empty()) return;
    const RiskTable found = predict(features, point.n, grid_of(options, point.sizes, s), stop);
    const std::size_t K = point.sizes.size();
    for (std::size_t r = 0; r < R; ++r)
      for (std::size_t g = 0; g < G; ++g) {
        const std::vector<double>& risks = found[g == 0 ? "pruned_risk" : "retrained_risk"];
        const std::size_t at = (i * R + r) * G + g;
        least(risks.data() + r * K, K, point.sizes, result.risk[at], result.size[at]);
      }
  };
  parallel_for(static_cast<Index>(P), options.workers, study, poll);
  return result;
}

}  // namespace overprune
