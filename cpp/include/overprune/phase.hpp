// Phase diagrams: at many points, is the best large model that is pruned better than training s
// features?
#pragma once

#include <functional>
#include <vector>

#include "overprune/export.hpp"
#include "overprune/pruning.hpp"
#include "overprune/spectrum.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// One point of a diagram.
struct PhasePoint {
  Index problem = 0;      ///< which of the problems, from 0
  double n = 1.0;         ///< samples, > 0
  double nonzeros = 1.0;  ///< s, in (0, total of the problem]
  /// (K) strictly increasing, above s and at most the total: the dense models to prune. May be
  /// empty.
  std::vector<double> sizes;
};

/// What is the same at all points.
struct PhaseOptions {
  std::vector<Rule> rules;     ///< (R) distinct, at least one
  bool retrain = true;         ///< whether the pruned models are also trained again
  double ridge = 0.0;          ///< of the first training and of training directly, >= 0
  double retrain_ridge = 0.0;  ///< of the second, >= 0
  Index workers = 1;           ///< threads, >= 1; the result does not depend on it
};

/// Risks at P points, in C order; infinite where a limit diverges.
struct PhaseResult {
  std::vector<double> direct;  ///< (P) of training the first s features
  std::vector<double> oracle;  ///< (P) of training the s features of largest lam beta^2 among all
  /// (P, R, G) least over the sizes; G: pruned, retrained if asked for; NaN if none
  std::vector<double> risk;
  std::vector<double> size;  ///< (P, R, G) the smallest size that has it; NaN if none
};

/// The best of all sizes at every point, by theory. Time: the sum over points of `predict` over
/// their sizes.
/// @param problems  (any number) of independent features, each used by any number of points
/// @param points    (P) problem, n, nonzeros and sizes
/// @param options   rules, ridges and threads
/// @param poll      called about twenty times a second where not empty; what it throws ends the
/// call
/// @return direct, oracle and best pruned risks of the points
/// @throws std::invalid_argument for points or options out of range
/// Source: docs/theory.md, Eqs. (10), (16) and (21)-(23).
PhaseResult phase(const std::vector<GroupedFeatures>& problems,
                  const std::vector<PhasePoint>& points, const PhaseOptions& options,
                  const std::function<void()>& poll = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
