// The signal without the features that every draw keeps.
#pragma once

#include "overprune/pruning.hpp"
#include "theory/white_basis.hpp"

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
  /// An entry of (F u')_S - tau beta_C: (Sigma_SS + tau)^{-1} of it is (Sigma_SS + tau)^{-1} (F
  /// u)_S - beta_C.
  double right_side(Index feature, Index target, double tau) const {
    return cross_(feature, target) - (whole() ? 0.0 : tau * beta_(feature, target));
  }

 private:
  Indices kept_;
  ConstBlock signal_, cross_, energy_, shift_, beta_, mean_;
  Buffer signal_buffer_, cross_buffer_, energy_buffer_, shift_buffer_, beta_buffer_, mean_buffer_;
};

// Standard deviations that no draw is from its mean: the probability of more is below 1e-22.
inline constexpr double kBeyond = 10.0;

/// Whether rounding errors of the signal's size u'u may matter beside the noise.
bool far_above(double signal, double noise);

/// Whether each is among the s of largest score wherever all lie between `least` and `most`;
/// `count` of each kind.
std::vector<char> certain(const std::vector<double>& least, const std::vector<double>& most,
                          const std::vector<double>& count, double s);

/// The features that are among the s of largest score in every draw of the dense model; none where
/// the signal is not far above the noise.
Indices certain_survivors(const WhiteBasis& basis, const MatrixLaw& law, double n, Rule rule,
                          Index s);

}  // namespace overprune::theory
