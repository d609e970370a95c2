// The calibration rows of a layer: their second moments, and what a pruned layer loses on them.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/block.hpp"
#include "overprune/layer.hpp"
#include "solve/layer_fit.hpp"
#include "solve/layer_mask.hpp"

namespace overprune {

/// Rows fitted on several threads; `sink` is called with the position in `rows`, each once, by any
/// of them.
using FitSink = std::function<void(Index at, const RowFit& fit, const double* change)>;
void fit_rows(const LayerProblem& layer, std::span<const Index> rows,
              std::span<const Indices> supports, bool refit, double damping, Index workers,
              const FitSink& sink, const Poll& poll);

/// The live columns of X, scaled by a power of two.
struct LayerRows {
  ConstMatrix inputs;  ///< (n, inputs)
  const Indices& live;
  double scale;

  /// H (p, p) of the rows before `first` and from `end` on, both triangles.
  void moment(Index first, Index end, Block out) const;
  /// X (rows that are left, p) without rows first, ..., end - 1.
  Block without(Index first, Index end, Buffer& buffer) const;
  /// Mean square over rows first, ..., end - 1 and sum over the columns of errors (p, count).
  double mean_square(Index first, Index end, ConstBlock errors) const;

 private:
  void copy_rows(Index first, Index count, Block out) const;
};

/// Selection and refit repeated without a fold of the rows, and judged on it.
class FoldStudy {
 public:
  /// @param sample  rows of the layer that are studied
  /// @param counts  (sample) weights that each keeps
  FoldStudy(const LayerRows& rows, const LayerProblem& layer, Index folds, Indices sample,
            Indices counts);

  /// @param selection  damping of the selection
  /// @param dampings   (D) of the refit
  /// @param measured, formula  (D) mean losses over folds, sums over the sample: on the rows left
  /// out, and as the formula has them
  void judge(const MaskChooser& chooser, bool refit, double selection,
             std::span<const double> dampings, Index workers, const Poll& poll,
             std::vector<double>& measured, std::vector<double>& formula) const;

 private:
  const LayerRows& rows_;
  const LayerProblem& layer_;
  Index folds_;
  Indices sample_, counts_;
};

/// Rows of a layer, evenly spaced, that stand for all of them.
Indices sample_of_layer(Index rows);

}  // namespace overprune
