// Spectrum: a problem of any size with independent features, in blocks of real-valued weight.
#pragma once

#include <memory>
#include <vector>

#include "overprune/export.hpp"
#include "overprune/loss.hpp"
#include "overprune/pruning.hpp"
#include "overprune/types.hpp"

namespace overprune::theory {
class Features;  // private
}

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// y = x'beta + noise, x ~ N(0, diag), with the features in blocks. A growing model takes the
/// blocks in order. Weights, sizes, nonzeros and n have one unit: ratios to p (weights that sum to
/// 1, signal = sqrt(p) beta), or counts.
struct Spectrum {
  ConstVector eigenvalues;  ///< (blocks) variance of each feature of the block, finite, >= 0
  ConstVector weights;      ///< (blocks) how many features, finite, > 0
  ConstVector signal;       ///< (blocks) the coefficient of each feature, or its standard deviation
  /// (blocks) 1: coefficients i.i.d. N(0, signal^2); 0: all equal to signal
  std::vector<char> gaussian;
  double noise_std = 0.0;  ///< >= 0
};

/// The grid of a prediction in real numbers.
struct RealGrid {
  /// (K) strictly increasing, > 0, at most the total weight (but for rounding)
  std::vector<double> sizes;
  /// (S) strictly increasing, > 0; a point with nonzeros > size is skipped
  std::vector<double> nonzeros;
  std::vector<Rule> rules;        ///< (R) distinct
  bool retrain = true;            ///< whether the pruned models are also trained again
  double ridge = 0.0;             ///< of the first training
  double retrain_ridge = 0.0;     ///< of the second
  bool compensate = false;        ///< whether the survivors also compensate for the pruned features
  Loss loss = NamedLoss::square;  ///< of both trainings
};

/// A problem with independent features, in groups of equal ones.
///
/// It is made once. A prediction then takes time in proportion to the runs of equal consecutive
/// features and the distinct features, not to the number of features. It is immutable and cheap to
/// copy.
class GroupedFeatures {
 public:
  /// A problem of p features. One pass groups them and checks the arguments.
  /// @param eigenvalues  (p) variances of the features, each >= 0
  /// @param beta         (p) true coefficients
  /// @param noise_std    standard deviation of the noise, >= 0
  /// @throws std::invalid_argument for lengths that differ, negative or non-finite numbers
  GroupedFeatures(ConstVector eigenvalues, ConstVector beta, double noise_std);
  /// A problem in blocks.
  /// @param spectrum  its views are read, not kept
  /// @throws std::invalid_argument for lengths that differ, no blocks, or numbers out of range
  explicit GroupedFeatures(const Spectrum& spectrum);

  double total() const;      ///< number of features, or the total weight
  double null_risk() const;  ///< variance of y
  Index runs() const;        ///< number of runs of equal consecutive features
  Index atoms() const;       ///< number of distinct (variance, |coefficient|), variance above 0

  /// The features as the library groups them; not part of the API.
  const theory::Features& features() const { return *features_; }

 private:
  std::shared_ptr<const theory::Features> features_;
};

/// Refuses a grid that does not suit the features.
/// @param grid   to be checked
/// @param total  number of features, or total weight
/// @throws std::invalid_argument that names what is wrong
void check_grid(const RealGrid& grid, double total);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
