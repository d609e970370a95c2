// The law of a classifier trained again on the support that its first training has left;
// docs/theory.md, section 11.
#pragma once

#include <array>
#include <vector>

#include "theory/classes/first_training.hpp"

namespace overprune::theory {

/// What supports look like to the second training: eigenvalues l of Sigma_SS, and in their
/// eigenbasis the quadratic forms of F_S u, F_S e and F_S f, where u is the truth without kappa, e
/// the noise of the first training and f = F'theta_1 what it fits.
struct Supports {
  enum Form { uu, ue, ee, uf, ef, ff, kForms };

  std::vector<double> value;                      ///< (N) l > 0
  std::vector<double> weight;                     ///< (N) how many coordinates it stands for
  std::array<std::vector<double>, kForms> forms;  ///< (N) each
  /// The first model's overlaps with the truth and itself in the same samples; 0: not sampled.
  double first_m = 0.0, first_q = 0.0;

  void add(double l, double count, const std::array<double, kForms>& products) {
    value.push_back(l);
    weight.push_back(count);
    for (int i = 0; i < kForms; ++i) forms[i].push_back(products[i]);
  }
};

/// theta_2 = (Sigma_SS + tau)^{-1} F_S (kappa u + along e - c f + e_new), e_new ~ N(0, residual /
/// n).
struct SecondTraining {
  double tau = 0.0, Vh = 0.0;  ///< effective ridge; Vh22
  double kappa = 0.0, along = 0.0, residual = 0.0;
  double m = 0.0, q = 0.0, q12 = 0.0;  ///< overlaps with the truth, itself and the first model
  double b = 0.0;                      ///< V21 Vh: what the second training remembers of the first
  double V = 0.0;                      ///< V22
  double c = 0.0;                      ///< Vh21 / Vh22
  bool converged = false;
};

/// The second training's law on supports that are known by samples, and how sampling makes it vary.
class SampledTraining {
 public:
  /// @param groups  of equally many samples each
  /// @param start   as for solve_second_training
  SampledTraining(const Loss& loss, double field, const FirstTraining& first,
                  const std::vector<Supports>& groups, double n, double ridge,
                  const SecondTraining& start);
  const SecondTraining& law() const { return law_; }
  /// The overlaps (m, q) without group g: one step of Newton's method from the whole.
  const std::vector<std::array<double, 2>>& without() const { return without_; }

 private:
  SecondTraining law_;
  std::vector<std::array<double, 2>> without_;
};

/// @param start  of a similar problem, or of the pruned model: m, q, q12
SecondTraining solve_second_training(const Loss& loss, double field, const FirstTraining& first,
                                     const Supports& supports, double n, double ridge,
                                     const SecondTraining& start);

}  // namespace overprune::theory
