// The linear equations that tie the second training to the first (docs/theory.md, sections 6 and
// 9).
#include "theory/memory_equations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/table.hpp"
#include "theory/groups.hpp"

namespace overprune::theory {
namespace {

/// Rows [first, first + m) and columns [column, column + m).
ConstBlock part(ConstBlock forms, Index first, Index column, Index m) {
  return {forms.data + first + column * forms.ld, m, m, forms.ld};
}

/// rho (m, m) and C (m, m), stacked.
void solve_rho_and_c(const WhiteBasis& basis, const MatrixLaw& law, const Remainder& remainder,
                     ConstBlock G, double b, Block solution) {
  const Index m = basis.targets();
  const ConstBlock eu = part(G, m, 0, m), ee = part(G, m, m, m), ew = part(G, m, 2 * m, m),
                   wu = part(G, 2 * m, 0, m), we = part(G, 2 * m, m, m),
                   ww = part(G, 2 * m, 2 * m, m);
  Buffer system_buffer, right_buffer;
  const Block system = system_buffer.block(2 * m, 2 * m), right = right_buffer.block(2 * m, m);
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i) {
      const double omega = law.omega(i, j);
      system(i, j) = ee(i, j) - b * omega;
      system(i, m + j) = -ew(i, j) - (1.0 - b) * omega;
      system(m + i, j) = omega - ee(i, j) + we(i, j);
      system(m + i, m + j) = ew(i, j) - ww(i, j);
      right(i, j) = -eu(i, j);
      right(m + i, j) = basis.noise()(i, j) + remainder.shift()(i, j) + eu(i, j) - wu(i, j);
    }
  // Their squares are those of squared targets: a common factor of both sides is of no account.
  const double unit = unit_of(system.data, 2 * m * 2 * m);
  for (Index j = 0; j < 2 * m * 2 * m; ++j) system.data[j] /= unit;
  for (Index j = 0; j < 2 * m * m; ++j) right.data[j] /= unit;
  double condition =
      0.0;  // one-hot targets may make Omega singular: the shortest solution does no harm
  kernels::active().min_norm(2 * m, 2 * m, m, system.data, system.ld, right.data, right.ld, 1e-12,
                             solution.data, solution.ld, &condition);
}

}  // namespace

SecondStage solve_memory(const WhiteBasis& basis, const MatrixLaw& law, const Remainder& remainder,
                         double n, const FormMeans& means) {
  const Index m = basis.targets(), c = means.G.cols;
  const double b = means.trace / n, B = means.trace2 / n;
  SecondStage memory;
  memory.risk = std::numeric_limits<double>::infinity();
  if (!(B < 1.0)) return memory;
  // The mean error is Q A P - u', with P = [I; rho; -C].
  Buffer p_buffer, image_buffer, square_buffer, linear_buffer, solution_buffer;
  const Block P = p_buffer.block(c, m), image = image_buffer.block(c, m);
  fill(P, 0.0);
  for (Index i = 0; i < m; ++i) P(i, i) = 1.0;
  Block solution;
  if (c > m) {
    solution = solution_buffer.block(2 * m, m);
    solve_rho_and_c(basis, law, remainder, means.G, b, solution);
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < m; ++i) {
        P(m + i, j) = solution(i, j);
        P(2 * m + i, j) = -solution(m + i, j);
      }
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < m; ++i) {
        memory.rho.push_back(solution(i, j));
        memory.C.push_back(solution(m + i, j));
      }
  }
  const Block square = square_buffer.block(m, m), linear = linear_buffer.block(m, m);
  multiply(false, means.K, P, 0.0, image);
  multiply(true, P, image, 0.0, square);
  multiply(false, means.G.top(m), P, 0.0, linear);
  memory.omega.resize(m * m);
  double terms = 0.0;  // of the risk, before they cancel
  const Block omega2{memory.omega.data(), m, m, m};
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i)
      omega2(i, j) = basis.noise()(i, j) + square(i, j) - linear(i, j) - linear(j, i) +
                     remainder.energy()(i, j);
  for (Index j = 0; j < m; ++j)
    terms += basis.noise()(j, j) + std::abs(square(j, j)) + 2.0 * std::abs(linear(j, j)) +
             remainder.energy()(j, j);
  if (c > m) {
    const Block rho = solution.top(m), weighted = image.top(m), remembered = square;
    multiply(false, law.omega, rho, 0.0, weighted);
    multiply(true, rho, weighted, 0.0, remembered);
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < m; ++i) omega2(i, j) -= B * remembered(i, j);
    for (Index j = 0; j < m; ++j) terms += B * std::abs(remembered(j, j));
  }
  memory.risk = 0.0;
  for (Index j = 0; j < m; ++j) {
    for (Index i = 0; i < m; ++i) omega2(i, j) /= 1.0 - B;
    memory.risk += omega2(j, j);
  }
  memory.rounding = std::numeric_limits<double>::epsilon() * terms / (1.0 - B);
  // A rounding error of zero has no sign; few draws may well estimate less than zero.
  if (memory.risk < 0.0 && -memory.risk * (1.0 - B) < 1e-13 * terms) memory.risk = 0.0;
  return memory;
}

SecondStage interpolate(const SecondStage& a, const SecondStage& b, double at) {
  const auto between = [at](const std::vector<double>& x, const std::vector<double>& y) {
    std::vector<double> result(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) result[i] = x[i] + at * (y[i] - x[i]);
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
