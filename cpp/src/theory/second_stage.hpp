// How the second training remembers the first, from means over draws; docs/theory.md, sections 6
// and 9. Evolution is the same for any number of rounds.
#pragma once

#include "theory/remainder.hpp"

namespace overprune::theory {

/// Means over draws of the quadratic forms of Q: columns A = [u' e w], or u' alone where the
/// support does not depend on the training noise; see SupportForms.
struct FormMeans {
  double trace = 0.0, trace2 = 0.0;  ///< E tr Q, E tr Q^2
  ConstBlock G, K;                   ///< (c, c) E A'Q A, E A'Q^2 A
};

/// The retrained model obeys u2 = Q(u + e rho - w C + e_new), where e_new has covariance (Omega2 -
/// rho'Omega rho) / n.
struct SecondStage {
  double tau = 0.0;
  double risk = 0.0;      ///< tr Omega2
  double rounding = 0.0;  ///< its rounding error, about
  OwnedMatrix rho, C;     ///< (m, m); empty where the support does not depend on the noise
  OwnedMatrix omega;      ///< (m, m) Omega2; empty where infinite

  /// P = [I; rho; -C] (c, m), or I alone (c = m): the mean error is Q A P - u'.
  OwnedMatrix mixing(Index c, Index m) const;
};
/// What the second stage is to know of the first, (m, m) each.
struct FirstMoments {
  ConstBlock omega, noise;   ///< Omega, N
  ConstBlock shift, energy;  ///< E w'u, u'u
};
SecondStage solve_second_stage(const FirstMoments& first, double n, const FormMeans& means);

/// (1 - at) a + at b, entry by entry.
SecondStage interpolate(const SecondStage& a, const SecondStage& b, double at);

}  // namespace overprune::theory
