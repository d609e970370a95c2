// Which weights of a layer are kept: by scores or by the surgeon, a row or the whole layer, in
// groups of consecutive inputs or not.
#pragma once

#include <span>
#include <vector>

#include "base/block.hpp"
#include "overprune/layer.hpp"
#include "solve/layer_fit.hpp"
#include "solve/surgeon.hpp"

namespace overprune {

class MaskChooser {
 public:
  /// @param live  (p) the layer's inputs that are not dead, among `inputs` in all; ascending
  MaskChooser(const LayerOptions& options, const Indices& live, Index inputs);

  /// The support of every row, on the live inputs, ascending.
  std::vector<Indices> all(const LayerProblem& layer, double damping, Index workers,
                           const Poll& poll) const;
  /// The supports of some rows.
  /// @param counts  (rows) weights to keep of each; the pattern's own number with a pattern
  std::vector<Indices> some(const LayerProblem& layer, double damping, std::span<const Index> rows,
                            std::span<const Index> counts, Index workers, const Poll& poll) const;
  /// Weights that a row keeps; the mean where the rows compete.
  Index mean_count(Index rows) const;

 private:
  std::vector<Indices> by_cost(const LayerProblem& layer, double damping, Index workers,
                               const Poll& poll) const;
  std::vector<Indices> by_score(const LayerProblem& layer, Index workers, const Poll& poll) const;
  Indices best_of_groups(const double* scores) const;
  void score(const LayerProblem& layer, Index row, double* scores) const;

  const LayerOptions& options_;
  const Indices& live_;
  Index inputs_;
  Index most_;  // weights that a row can keep
  RemovalQuota quota_;
};

}  // namespace overprune
