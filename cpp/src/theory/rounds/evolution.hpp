// The residuals of pruning in rounds, and how each round remembers those before it; docs/theory.md,
// section 8.
//
// In coordinates where the features are white, round t has the coefficients u_t = Q_t (v_t - sum_l
// c_l w_l): v_t = u + e_t is the truth seen through Gaussian noise, w_l = v_l - u_l what round l <
// t left unexplained, and Q_t the (regularised) projection onto the support S_t. Omega_lm / n is
// the covariance of e_l and e_m.
#pragma once

#include <vector>

#include "base/owned_matrix.hpp"

namespace overprune::theory {

/// What a round's equations need of its supports, means over draws and sums over coordinates. With
/// r rounds before it and m targets, the columns of Z are [u | e_0 ... e_{r-1} | w_0 ... w_{r-1}],
/// m each.
struct Forms {
  explicit Forms(Index columns) : first(columns, columns), second(columns, columns) {}
  void add(double factor, const Forms& other);
  OwnedMatrix first;          ///< E Z'Q Z
  OwnedMatrix second;         ///< E Z'Q^2 Z
  double first_trace = 0.0;   ///< E tr Q, at most n
  double second_trace = 0.0;  ///< E tr Q^2
  /// E |1{S} theta - beta|^2 of the model before retraining, in the covariance's norm.
  double pruned = 0.0;
};

/// One round as the next draws see it: e_t = sum_l e_l rho_l + h root with h standard normal, and
/// u_t = Q_t (u + e_t - sum_l w_l c_l).
struct Round {
  OwnedMatrix rho, c;  ///< (r m, m) stacked by rounds
  OwnedMatrix root;    ///< (m, m)
  double risk = 0.0;   ///< tr Omega_tt
};

/// Follows Omega and the memory of the rounds.
class Evolution {
 public:
  /// @param noise    (m, m) N
  /// @param signal   (m, m) u'u
  /// @param error    (m, m) N + E (u_0 - u)'(u_0 - u) without the part that is in proportion to
  /// Omega_00
  /// @param share    1 less that proportion: Omega_00 = error / share, infinite where it is 0
  /// @param overlap  (m, m) E (u_0 - u)'u
  Evolution(double n, OwnedMatrix noise, OwnedMatrix signal, const OwnedMatrix& error, double share,
            const OwnedMatrix& overlap);

  const Round& latest() const { return round_; }
  Index rounds() const { return rounds_; }
  Index targets() const { return noise_.rows(); }

  /// Solves for the next round. @param forms  with columns for all the rounds so far
  void advance(const Forms& forms);
  /// The next round trains what the one before did: the same residuals and the same model.
  void repeat();

 private:
  void solve(const Forms& forms, double b);
  OwnedMatrix risk_of(const OwnedMatrix& error, double share);
  void append(OwnedMatrix own, const OwnedMatrix& overlap);

  double n_;
  Index rounds_ = 0;
  OwnedMatrix noise_, signal_, omega_, overlap_;  // omega (r m, r m), overlap (r m, m)
  Round round_;
};

}  // namespace overprune::theory
