// The law of a classifier trained once; docs/theory.md, section 11.
#pragma once

#include <vector>

#include "overprune/loss.hpp"

namespace overprune::theory {

/// Eigenvalues of the covariance with the truth's energy in them: coordinate j has variance
/// `value`, stands for `weight` coordinates and holds `energy`, the sum of value beta^2 over them.
struct Energies {
  std::vector<double> value, weight, energy;

  void add(double lam, double count, double share) {
    value.push_back(lam);
    weight.push_back(count);
    energy.push_back(share);
  }
};

/// The trained model is that of ridge regression on responses of signal kappa beta:
/// theta = (Sigma + tau)^{-1} Sigma^{1/2} (kappa u + e), e ~ N(0, (omega / n) I).
struct FirstTraining {
  double kappa = 0.0;       ///< mh / Vh
  double omega = 0.0;       ///< qh / Vh^2
  double tau = 0.0;         ///< ridge / Vh
  double Vh = 0.0;          ///< 0 where the square loss interpolates, hardly above 0 on a flat loss
  double b = 0.0;           ///< V Vh = (1/n) sum lam / (lam + tau)
  double m = 0.0, q = 0.0;  ///< theta'Sigma beta, theta'Sigma theta
  bool converged = false;
  double V() const { return b / Vh; }
};

/// @param field   variance of the teacher's field with its noise
/// @param energies  of what is trained; the rest of the field is noise
/// @param n       samples, > 0
/// @param ridge   at least 0; above 0 but for the square loss and for smooth losses of fewer
/// features than samples
FirstTraining solve_first_training(const Loss& loss, double field, const Energies& energies,
                                   double n, double ridge);

}  // namespace overprune::theory
