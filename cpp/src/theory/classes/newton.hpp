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

/// The steps of `solve_by_newton`.
template <int D, class Residual>
class NewtonSearch {
 public:
  NewtonSearch(const Residual& residual, Unknowns<D>& x)
      : residual_(residual), x_(x), at_(residual(x)) {}

  bool valid() const { return at_.has_value(); }
  double size() const { return size_of(*at_); }
  int calls() const { return calls_; }

  /// Derivatives at x, unless those of an earlier x still serve; false where they cannot be had.
  bool prepare() {
    fresh_ = !has_jacobian_;
    if (!fresh_) return true;
    calls_ += D;
    has_jacobian_ = differences<D>(residual_, x_, *at_, J_);
    return has_jacobian_;
  }
  /// Newton's step, shortened until the residual falls; false where it does not.
  bool step() {
    Unknowns<D> step{};
    const double before = size();
    const bool solved = eliminate<D>(J_, *at_, step);
    double length = std::min(1.0, 2.0 / std::max(size_of(step), 1e-300));
    for (int halving = 0; solved && halving < (fresh_ ? 10 : 1); ++halving, length *= 0.5) {
      for (int i = 0; i < D; ++i) next_[i] = x_[i] - length * step[i];
      if (!look(next_) || !(size_of(*there_) < (1.0 - 0.1 * length) * before)) continue;
      has_jacobian_ = size_of(*there_) < 0.1 * before;
      accept();
      return true;
    }
    has_jacobian_ = false;
    return false;
  }
  /// Whether the derivatives were those at x.
  bool fresh() const { return fresh_; }
  /// Some rounds of the damped map; false where they lead to what is not valid.
  bool damp(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      double length = 0.5;
      do {
        for (int j = 0; j < D; ++j) next_[j] = x_[j] + std::clamp(length * (*at_)[j], -1.0, 1.0);
        length *= 0.5;
      } while (!look(next_) && length > 1e-3);
      if (!there_) return false;
      accept();
    }
    return true;
  }

 private:
  static double size_of(const Unknowns<D>& r) {
    double largest = 0.0;
    for (const double value : r) largest = std::max(largest, std::abs(value));
    return largest;
  }
  bool look(const Unknowns<D>& x) {
    there_ = residual_(x);
    ++calls_;
    return there_.has_value();
  }
  void accept() {
    x_ = next_;
    at_ = there_;
  }

  const Residual& residual_;
  Unknowns<D>& x_;
  std::optional<Unknowns<D>> at_, there_;
  Unknowns<D> next_{};
  std::array<Unknowns<D>, D> J_{};
  bool has_jacobian_ = false, fresh_ = false;
  int calls_ = 0;
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
  NewtonSearch<D, Residual> search(residual, x);
  if (!search.valid()) return {};
  double last = std::numeric_limits<double>::infinity();
  while (search.calls() < most) {
    const double before = search.size();
    const bool close = before <= loose * enough;
    if (before <= enough || (close && before > 0.5 * last)) return {true, before};
    last = before;
    if (!search.prepare()) return {close, before};
    if (search.step() || !search.fresh()) continue;
    if (close) return {true, before};
    if (!search.damp(damped)) return {false, search.size()};
    last = std::numeric_limits<double>::infinity();
  }
  return {search.size() <= loose * enough, search.size()};
}

}  // namespace overprune::theory
