// Newton's method for sum_i l_i(z_i) + lambda |theta|^2 / 2 with a smooth convex loss.
#pragma once

#include <vector>

#include "base/block.hpp"
#include "solve/output_system.hpp"

namespace overprune {

/// The losses of n rows as functions of their outputs.
class RowLosses {
 public:
  virtual ~RowLosses() = default;
  /// First and second derivatives, the second at least 0.
  /// @param z      (n)
  /// @param slope, curvature  (n) receive them
  virtual void at(const double* z, double* slope, double* curvature) const = 0;
};

/// Keeps its memory, and the factor of the last Hessian while it serves; not for two threads.
class NewtonFit {
 public:
  struct Outcome {
    Index factors = 0;       ///< Hessians factored
    double change = 0.0;     ///< the largest change of an output in the last step
    bool settled = false;    ///< whether the next step would be lost to rounding
    bool unbounded = false;  ///< without a ridge: whether all outputs grow for good
  };

  /// Coordinates c to begin at, from the outputs z of a model of other coordinates; z receives
  /// theirs.
  void begin(OutputSystem& system, const RowLosses& losses, double* c, double* z);
  /// Minimises from coordinates c with outputs z, and leaves those of the minimiser there.
  /// @param labels  (n) -1 and 1, for `unbounded`; null: does not look
  /// @param most    steps
  Outcome run(OutputSystem& system, const RowLosses& losses, const double* labels, double* c,
              double* z, Index most, const Poll& poll);
  /// One more step with the last factor for outputs z that are not those which `run` left.
  /// @return the largest change of an output; the step is in `step()`
  double correct(OutputSystem& system, const RowLosses& losses, const double* c, const double* z);
  const double* step() const { return step_.data(); }    ///< (coordinates)
  const double* slope() const { return slope_.data(); }  ///< (n) at the outputs seen last
  /// By how much the objective falls along the step of `correct`, at the rate at its start.
  double descent(const OutputSystem& system) const;

  /// Adds what is held for n rows and so many coordinates.
  static void need(Index n, Index coordinates, MemoryNeed& need);

 private:
  void resize(const OutputSystem& system);
  double propose(OutputSystem& system);
  bool renew(OutputSystem& system, const double* z, double before, bool cautious, Outcome& outcome);
  void raise_curvature(const double* z);
  double search(const OutputSystem& system, const RowLosses& losses, const double* c,
                const double* z);

  std::vector<double> slope_, curvature_, residual_, step_, move_, trial_;
};

}  // namespace overprune
