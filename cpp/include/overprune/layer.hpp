// Pruning a layer of a trained network from a few calibration rows, and what it costs on fresh ones
// (docs/theory.md, section 12).
//
//     std::vector<double> weight(m * p), inputs(n * p);  // row-major
//     const overprune::LayerOptions options{.nonzeros = p / 2};
//     const auto pruned = overprune::prune_layer(overprune::row_major(weight.data(), m, p),
//                                                overprune::row_major(inputs.data(), n, p),
//                                                options);
//     // pruned.weight: the pruned layer; pruned.predicted_loss: of each output on fresh rows
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// How the weights of a layer are chosen. H = X'X / n are the second moments of the inputs X.
enum class LayerRule : int {
  surgeon,    ///< optimal brain surgeon: the weight whose removal costs least, again and again
  hessian,    ///< the largest |w_j| sqrt(H_jj), also known as Wanda
  magnitude,  ///< the largest |w_j|
  random,     ///< uniform, independent of weights and inputs
};

/// The names of `LayerRule`, in its order.
inline constexpr const char* kLayerRules[] = {"surgeon", "hessian", "magnitude", "random"};

/// What is to be done to a layer.
struct LayerOptions {
  LayerRule rule = LayerRule::surgeon;  ///< how the weights are chosen
  /// weights that are kept: of each row, or of the whole layer where `whole_layer`; not read with a
  /// pattern
  Index nonzeros = 0;
  bool whole_layer = false;  ///< whether the rows compete for the weights
  Index kept = 0;            ///< with a pattern: weights kept of every `group` consecutive ones
  Index group = 0;           ///< 0: no pattern
  bool refit = true;         ///< whether what is kept is fitted again
  double damping = 0.0;      ///< mu, which is added to the diagonal of H; at least 0
  /// whether mu is found instead: that of least predicted loss on fresh rows
  bool tune_damping = false;
  /// folds of the calibration rows over which the selection is repeated for the prediction; 0: none
  Index folds = 0;
  std::uint64_t seed = 0;  ///< of the rule `random`
};

/// A pruned layer.
struct PrunedLayer {
  Index m = 0;                 ///< outputs
  Index p = 0;                 ///< inputs
  std::vector<double> weight;  ///< (m, p) C order
  std::vector<char> mask;      ///< (m, p) C order: 1 where a weight is kept
  /// (m) mean square of each output of the unpruned layer
  std::vector<double> output_power;
  std::vector<double> training_loss;       ///< (m) mean squared error on the calibration rows
  std::vector<double> predicted_loss;      ///< (m) the same predicted for fresh rows
  std::vector<double> degrees_of_freedom;  ///< (m) of the refit
  Indices rank;                            ///< (m) of H_SS, with its damping; 0 without a refit
  Indices dead;                            ///< inputs that are zero in every row, ascending
  double damping = 0.0;                    ///< mu
  /// what the choice of the mask adds to the predicted loss, found by the folds; 1 without
  double selection_factor = 1.0;
};

/// Prunes the rows w of a layer: keeps S of each and refits it,
/// w'_S = w_S + (H_SS + mu I)^+ H_{S,S^c} w_{S^c}, the model on S nearest to the row's outputs.
/// @param weight   (m, p) finite
/// @param inputs   (n, p) calibration rows, finite
/// @param options  rule, numbers kept, refit, damping and folds
/// @param workers  threads, at least 1; the result does not depend on it
/// @param poll     called now and then by the calling thread; may throw to stop
/// @return the layer, with its losses
/// @throws std::invalid_argument for mismatched, empty or non-finite input and options out of range
PrunedLayer prune_layer(ConstMatrix weight, ConstMatrix inputs, const LayerOptions& options,
                        Index workers = 1, const std::function<void()>& poll = {});

/// The same from second moments.
/// @param weight         (m, p) finite
/// @param second_moment  (p, p) H, symmetric and positive semidefinite
/// @param rows           n, the rows that H is the mean over, at least 1
/// @param options        as above, with no folds, for which the rows themselves are needed
/// @param workers        threads, at least 1; the result does not depend on it
/// @param poll           called now and then by the calling thread; may throw to stop
/// @return the layer, with its losses
/// @throws std::invalid_argument as above, and for moments that are not symmetric
PrunedLayer prune_layer(ConstMatrix weight, ConstMatrix second_moment, Index rows,
                        const LayerOptions& options, Index workers = 1,
                        const std::function<void()>& poll = {});

/// Bytes that prune_layer takes beside its arguments, about.
/// @param m        outputs
/// @param p        inputs
/// @param options  as for prune_layer
/// @param workers  threads
/// @return bytes
double prune_layer_bytes(Index m, Index p, const LayerOptions& options, Index workers);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
