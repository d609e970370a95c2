#include "theory/second_stage.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "theory/groups.hpp"

namespace overprune::theory {
namespace {

/// The linear equations of (rho, C), which are solved into `memory`.
void solve_rho_and_c(const FirstMoments& first, ConstBlock G, double b, SecondStage& memory) {
  const Index m = first.omega.rows, u = 0, e = m, w = 2 * m;
  OwnedMatrix system(2 * m, 2 * m), right(2 * m, m), solution(2 * m, m);
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i) {
      const double omega = first.omega(i, j), ee = G(e + i, e + j), ew = G(e + i, w + j),
                   eu = G(e + i, u + j);
      system(i, j) = ee - b * omega;
      system(i, m + j) = -ew - (1.0 - b) * omega;
      system(m + i, j) = omega - ee + G(w + i, e + j);
      system(m + i, m + j) = ew - G(w + i, w + j);
      right(i, j) = -eu;
      right(m + i, j) = first.noise(i, j) + first.shift(i, j) + eu - G(w + i, u + j);
    }
  // Their squares are those of squared targets: a common factor of both sides is of no account.
  const double unit = unit_of(system.begin(), 2 * m * 2 * m);
  for (double& entry : system) entry /= unit;
  for (double& entry : right) entry /= unit;
  double condition = 0.0;
  // One-hot targets may make Omega singular: the shortest solution does no harm.
  kernels::active().min_norm(2 * m, 2 * m, m, system.begin(), 2 * m, right.begin(), 2 * m, 1e-12,
                             solution.begin(), 2 * m, &condition);
  memory.rho = OwnedMatrix(solution.block().top(m));
  memory.C = OwnedMatrix(ConstBlock{solution.begin() + m, m, m, 2 * m});
}

}  // namespace

OwnedMatrix SecondStage::mixing(Index c, Index m) const {
  OwnedMatrix P(c, m);
  for (Index j = 0; j < m; ++j) {
    P(j, j) = 1.0;
    for (Index i = 0; i < m && c > m; ++i) {
      P(m + i, j) = rho(i, j);
      if (!C.empty()) P(2 * m + i, j) = -C(i, j);
    }
  }
  return P;
}

SecondStage solve_second_stage(const FirstMoments& first, double n, const FormMeans& means) {
  const Index m = first.omega.rows, c = means.G.cols;
  const double b = means.trace / n, B = means.trace2 / n;
  SecondStage memory;
  memory.risk = std::numeric_limits<double>::infinity();
  if (!(B < 1.0)) return memory;
  if (c > m) solve_rho_and_c(first, means.G, b, memory);
  const OwnedMatrix P = memory.mixing(c, m);
  const OwnedMatrix square = product(transposed(P), product(means.K, P)),
                    linear = product(means.G.top(m), P);
  OwnedMatrix remembered(m, m);
  if (c > m) remembered = product(transposed(memory.rho), product(first.omega, memory.rho));
  memory.omega = OwnedMatrix(m, m);
  double terms = 0.0;  // of the risk, before they cancel
  for (Index j = 0; j < m; ++j) {
    for (Index i = 0; i < m; ++i) {
      const double error =
          first.noise(i, j) + square(i, j) - linear(i, j) - linear(j, i) + first.energy(i, j);
      memory.omega(i, j) = (error - B * remembered(i, j)) / (1.0 - B);
    }
    terms += first.noise(j, j) + std::abs(square(j, j)) + 2.0 * std::abs(linear(j, j)) +
             first.energy(j, j);
  }
  for (Index j = 0; j < m; ++j) terms += B * std::abs(remembered(j, j));
  memory.risk = trace(memory.omega);
  memory.rounding = std::numeric_limits<double>::epsilon() * terms / (1.0 - B);
  // A rounding error of zero has no sign; few draws may well estimate less than zero.
  if (memory.risk < 0.0 && -memory.risk * (1.0 - B) < 1e-13 * terms) memory.risk = 0.0;
  return memory;
}

SecondStage interpolate(const SecondStage& a, const SecondStage& b, double at) {
  const auto between = [at](const OwnedMatrix& x, const OwnedMatrix& y) {
    OwnedMatrix result = x;
    for (Index j = 0; j < x.cols(); ++j)
      for (Index i = 0; i < x.rows(); ++i) result(i, j) = x(i, j) + at * (y(i, j) - x(i, j));
    return result;
  };
  return {a.tau + at * (b.tau - a.tau),
          a.risk + at * (b.risk - a.risk),
          std::max(a.rounding, b.rounding),
          between(a.rho, b.rho),
          between(a.C, b.C),
          between(a.omega, b.omega)};
}

}  // namespace overprune::theory
