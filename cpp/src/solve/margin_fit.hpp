// One linear classifier: the model of least loss with a ridge, for any loss.
#pragma once

#include <vector>

#include "overprune/loss.hpp"
#include "solve/newton_fit.hpp"

namespace overprune {

/// Logistic loss of n rows.
class LogisticRows final : public RowLosses {
 public:
  /// @param labels  (n) -1 and 1
  LogisticRows(Index n, const double* labels) : n_(n), labels_(labels) {}
  void at(const double* z, double* slope, double* curvature) const override;

 private:
  Index n_;
  const double* labels_;
};

/// The Moreau envelope e(z - V u) of a loss, moved by V times multipliers u: smooth for every
/// convex loss. Its minimiser is that of the loss where u = -l'(z).
class EnvelopeRows final : public RowLosses {
 public:
  /// @param labels, multipliers  (n), which stay
  /// @param space                (2 n)
  EnvelopeRows(const Loss& loss, Index n, const double* labels, const double* multipliers, double V,
               double* space)
      : loss_(loss), n_(n), labels_(labels), multipliers_(multipliers), v_(V), space_(space) {}
  void at(const double* z, double* slope, double* curvature) const override;

 private:
  const Loss& loss_;
  Index n_;
  const double *labels_, *multipliers_;
  double v_;
  double* space_;
};

/// Keeps its memory from fit to fit; not for two threads at once.
class MarginFit {
 public:
  struct Outcome {
    Index factors = 0;       ///< Hessians factored
    double gap = 0.0;        ///< how far the mean loss with the ridge may be from its minimum
    bool unbounded = false;  ///< without a ridge: that there is no minimiser
  };

  /// Minimises from a model with outputs z, and leaves the coordinates c of the minimiser, and z.
  /// @param begun  whether c are the coordinates of that model; else they are only written to
  /// @param u      (n) multipliers -l'(z) from a fit nearby; receives those of this one
  Outcome run(OutputSystem& system, const Loss& loss, const double* labels, bool begun, double* c,
              double* z, double* u, const Poll& poll);
  /// Judges the fit by outputs z (n) of its model that were computed in another way, and corrects c
  /// by what they differ from those that `run` left.
  /// @return whether c has changed
  bool finish(OutputSystem& system, const Loss& loss, const double* labels, double* c,
              const double* z, double* u, Outcome& outcome);

  /// Adds what is held for n rows and so many coordinates.
  static void need(Index n, Index coordinates, MemoryNeed& need);

 private:
  Outcome run_smooth(OutputSystem& system, const double* labels, bool begun, double* c, double* z,
                     double* u, const Poll& poll);
  Outcome run_envelope(OutputSystem& system, const Loss& loss, const double* labels, bool begun,
                       double* c, double* z, double* u, const Poll& poll);
  double gap(const OutputSystem& system, const Loss& loss, const double* labels, const double* c,
             const double* z, const double* u);

  NewtonFit newton_;
  double v_ = 0.0;  // of the last envelope
  std::vector<double> multipliers_;
  std::vector<double> proximal_;  // (n) where the loss has the slope -u
  std::vector<double> space_, residual_;
  std::vector<double> start_;  // (coordinates + n) c and z before an envelope
};

}  // namespace overprune
