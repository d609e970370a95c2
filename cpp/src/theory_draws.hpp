// Risks of one size by draws of the coefficients' law: any covariance, several targets.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "overprune/theory.hpp"
#include "theory_dense.hpp"
#include "theory_support.hpp"

namespace overprune::theory {

/// A number and its Monte Carlo standard error (0 where it is exact).
struct Estimate {
  double value, stderr_;
};

/// Quadratic forms of a support that depends on the draw, as means over draws; c columns A = [u e w], or u
/// alone where the support does not depend on the training noise.
struct FormMeans {
  double trace = 0.0, trace2 = 0.0;  ///< E tr Q, E tr Q^2
  ConstBlock G, K;                   ///< (c, c) E A'Q A, E A'Q^2 A
};

/// What the second stage remembers of the first, as in docs/theory.md: u2 = Q(u + e rho - w C + e_new), and
/// the new residual's covariance Omega2.
struct Memory {
  std::vector<double> rho, C;  ///< (m, m) column-major; empty where the support does not depend on the noise
  std::vector<double> omega;   ///< (m, m) Omega2
  double risk = 0.0;           ///< tr Omega2
};
Memory solve_memory(const Eigenbasis& basis, const MatrixLaw& law, double n, const FormMeans& means);

/// Everything about one size. Results do not depend on the number of workers.
class SizeStudy {
 public:
  SizeStudy(const Eigenbasis& basis, Index n, const Grid& grid, const DrawOptions& options);
  ~SizeStudy();

  void run(Index workers, const Poll& poll);
  Index draws() const;
  double dense() const;

  struct Risks {
    Estimate pruned, retrained, compensated;
  };
  /// @param rule, nonzeros  positions in the grid; nonzeros at most the size
  Risks risks(Index rule, Index nonzeros) const;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace overprune::theory
