// Newton's method for a few equations whose derivatives are differences.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

namespace overprune::theory {

template <int D>
using Unknowns = std::array<double, D>;

/// Solves J step = right by elimination with pivots; false where J is singular.
template <int D>
bool eliminate(std::array<Unknowns<D>, D> J, Unknowns<D> right, Unknowns<D>& step) {
  for (int j = 0; j < D; ++j) {
    int pivot = j;
    for (int i = j + 1; i < D; ++i)
      if (std::abs(J[i][j]) > std::abs(J[pivot][j])) pivot = i;
    if (!(std::abs(J[pivot][j]) > 0.0) || !std::isfinite(J[pivot][j])) return false;
    std::swap(J[j], J[pivot]);
    std::swap(right[j], right[pivot]);
    for (int i = j + 1; i < D; ++i) {
      const double factor = J[i][j] / J[j][j];
      for (int k = j; k < D; ++k) J[i][k] -= factor * J[j][k];
      right[i] -= factor * right[j];
    }
  }
  for (int j = D; j-- > 0;) {
    step[j] = right[j];
    for (int k = j + 1; k < D; ++k) step[j] -= J[j][k] * step[k];
    step[j] /= J[j][j];
    if (!std::isfinite(step[j])) return false;
  }
  return true;
}

/// Derivatives of r at x by forward differences: J_ij = d r_i / d x_j.
template <int D, class Residual>
bool differences(const Residual& residual, const Unknowns<D>& x, const Unknowns<D>& at,
                 std::array<Unknowns<D>, D>& J) {
  constexpr double forward = 1e-7;
  for (int j = 0; j < D; ++j) {
    for (const double by : {forward, -forward}) {  // backward at the edge of what is valid
      Unknowns<D> moved = x;
      moved[j] += by;
      const std::optional<Unknowns<D>> there = residual(moved);
      if (!there) {
        if (by < 0.0) return false;
        continue;
      }
      for (int i = 0; i < D; ++i) J[i][j] = ((*there)[i] - at[i]) / by;
      break;
    }
  }
  return true;
}

/// What `solve_by_newton` has found.
struct NewtonEnd {
  bool converged = false;
  double residual = 0.0;  ///< largest
};

/// Finds x with r(x) = 0, r(x) = f(x) - x of a map f whose iteration, damped, is safe if slow.
///
/// Derivatives are forward differences, kept as long as the residual falls fast. Where a step does
/// not lower the residual, whatever its length, the damped map takes over for some steps.
/// @param residual  (Unknowns) to optional: nothing where x is not valid
/// @param x         where it begins and ends
/// @param enough    the residual of a solution; a hundred times that where rounding stops it
template <int D, class Residual>
NewtonEnd solve_by_newton(const Residual& residual, Unknowns<D>& x, double enough) {
  constexpr int most = 300, damped = 8;
  constexpr double loose = 100.0;
  const auto size = [](const Unknowns<D>& r) {
    double largest = 0.0;
    for (const double value : r) largest = std::max(largest, std::abs(value));
    return largest;
  };
  std::optional<Unknowns<D>> at = residual(x);
  if (!at) return {};
  std::array<Unknowns<D>, D> J{};
  bool has_jacobian = false;
  double last = std::numeric_limits<double>::infinity();
  for (int calls = 0; calls < most;) {
    const double before = size(*at);
    if (before <= enough || (before <= loose * enough && before > 0.5 * last))
      return {true, before};
    last = before;
    const bool fresh = !has_jacobian;
    if (fresh && !differences<D>(residual, x, *at, J)) return {false, before};
    if (fresh) calls += D;
    has_jacobian = true;
    Unknowns<D> step{}, next{};
    std::optional<Unknowns<D>> there;
    if (eliminate<D>(J, *at, step)) {
      double length = std::min(1.0, 2.0 / std::max(size(step), 1e-300));
      for (int halving = 0; halving < (fresh ? 10 : 1); ++halving, length *= 0.5) {
        for (int i = 0; i < D; ++i) next[i] = x[i] - length * step[i];
        there = residual(next);
        ++calls;
        if (there && size(*there) < (1.0 - 0.1 * length) * before) break;
        there.reset();
      }
    }
    if (there) {
      has_jacobian = size(*there) < 0.1 * before;
      x = next;
      at = there;
      continue;
    }
    has_jacobian = false;
    if (!fresh) continue;
    if (before <= loose * enough) return {true, before};
    for (int i = 0; i < damped; ++i) {
      double length = 0.5;
      for (there.reset(); !there && length > 1e-3; length *= 0.5, ++calls) {
        for (int j = 0; j < D; ++j) next[j] = x[j] + std::clamp(length * (*at)[j], -1.0, 1.0);
        there = residual(next);
      }
      if (!there) return {false, size(*at)};
      x = next;
      at = there;
    }
  }
  return {size(*at) <= loose * enough, size(*at)};
}

}  // namespace overprune::theory
