// The signal without the features that every draw keeps: what rounding errors are measured by where
// the signal is far above the noise.
#pragma once

#include "theory/matrix_law.hpp"

namespace overprune::theory {

/// u' = u - F_C'beta_C for features C that are kept. The error of a model theta on a support that
/// holds C is F'(theta - beta_C) - u': where the signal is far above the noise, terms of the
/// signal's size cancel in F'theta - u, but none are left in these.
class Remainder {
 public:
  /// @param kept  C; empty: u' = u
  Remainder(const WhiteBasis& basis, const MatrixLaw& law, Indices kept = {});
  Remainder(const Remainder&) = delete;

  bool whole() const { return kept_.empty(); }   ///< u' = u
  const Indices& kept() const { return kept_; }  ///< C
  ConstBlock signal() const { return signal_; }  ///< (r, m) u'
  ConstBlock cross() const { return cross_; }    ///< (k, m) F u'
  ConstBlock energy() const { return energy_; }  ///< (m, m) u'^2
  ConstBlock shift() const { return shift_; }  ///< (m, m) E w'u' = u'D u', of the full u and of u'
  ConstBlock beta() const { return beta_; }    ///< (k, m) beta on C, 0 elsewhere; no rows if whole
  ConstBlock mean() const { return mean_; }    ///< (k, m) E theta - beta_C
  /// Turns the rows (F u')_S into (F u')_S - tau beta_C: (Sigma_SS + tau)^{-1} of it is (Sigma_SS +
  /// tau)^{-1} (F u)_S - beta_C.
  void shrink(const Indices& support, double tau, Block rows) const;

 private:
  Indices kept_;
  ConstBlock signal_, cross_, energy_, shift_, beta_, mean_;
  OwnedMatrix own_signal_, own_cross_, own_energy_, own_shift_, own_beta_, own_mean_;
};

/// Standard deviations that no draw is from its mean: the probability of more is below 1e-22.
inline constexpr double kBeyond = 10.0;

/// Whether rounding errors of the signal's size u'u may matter beside the noise.
bool far_above(double signal, double noise);

/// Two numbers for each kind of coordinate, between which its score lies in every draw.
struct ScoreBounds {
  std::vector<double> least, most, count;  ///< count: coordinates of the kind

  void add(double lowest, double highest, double coordinates) {
    least.push_back(lowest);
    most.push_back(highest);
    count.push_back(coordinates);
  }
  /// Whether each kind is among the s of largest score, whatever the draw.
  std::vector<char> certain(double s) const;
};

/// Bounds of the scores of the dense model's features; none where the signal is not far above the
/// noise or the rule does not look at the model.
ScoreBounds score_bounds(const WhiteBasis& basis, const MatrixLaw& law, double n, Rule rule);

/// The features that are among the s of largest score in every draw of the dense model.
Indices certain_survivors(const ScoreBounds& bounds, Index s);

}  // namespace overprune::theory
