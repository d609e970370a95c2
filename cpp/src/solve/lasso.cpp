#include "overprune/lasso.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "problem/scaled_data.hpp"
#include "solve/lasso_solver.hpp"

namespace overprune {
namespace {

constexpr Index kNear = 128;  // features more than a path's supports hold that it is followed over

/// Solves for a caller's X and y and gives the models back in the caller's units.
class LassoCall {
 public:
  LassoCall(ConstMatrix x, ConstMatrix y, double ridge)
      : data_(x, y, ridge), ridge_(ridge), p_(x.cols) {
    check::same("y (targets)", 1, y.cols);
  }

  /// @param reached  how many of the models there are to be; the others stay NaN
  template <class Solve>
  LassoPath run(Index count, Index reached, Index most, const Solve& solve) {
    LassoPath found;
    found.coefficients.assign(count * p_, kNaN);
    found.penalty.assign(count, kNaN);
    found.suboptimality.assign(count, kNaN);
    found.nonzeros.assign(count, -1);
    LassoSolver solver;
    solver.measures = true;
    solver.live = 2 * most + kNear;
    solver.start(data_.design, data_.response, most);
    const LassoSolver::Take take = [&](Index i, const SparseModel* model) {
      if (model == nullptr) return;
      double* const theta = found.coefficients.data() + i * p_;
      std::fill_n(theta, p_, 0.0);
      for (std::size_t j = 0; j < model->support.size(); ++j)
        theta[model->support[j]] = data_.unscaled(model->coefficients[j], 0);
      check::solved(std::span(theta, static_cast<std::size_t>(p_)));
      found.penalty[i] = data_.unscaled_penalty(model->penalty);
      found.nonzeros[i] = static_cast<Index>(model->support.size());
      found.suboptimality[i] = model->suboptimality;
    };
    solve(solver, data_.ridge(ridge_), take);
    if (std::count(found.nonzeros.begin(), found.nonzeros.end(), -1) > count - reached)
      check::unsolved();
    return found;
  }

  const ScaledData& data() const { return data_; }
  Index features() const { return p_; }

 private:
  ScaledData data_;
  double ridge_;
  Index p_;
};

}  // namespace

LassoPath lasso_path(ConstMatrix x, ConstMatrix y, const Indices& nonzeros, double ridge,
                     const Poll& poll) {
  const Interruptible interruptible(poll);
  check::view("X", x);
  check::view("y", y);
  LassoCall call(x, y, ridge);
  check::increasing("nonzeros", nonzeros, 1, x.cols);
  const Index most = ridge > 0.0 ? x.cols : std::min(x.rows, x.cols);
  const auto reached = std::upper_bound(nonzeros.begin(), nonzeros.end(), most) - nonzeros.begin();
  return call.run(static_cast<Index>(nonzeros.size()), reached, nonzeros.back(),
                  [&](LassoSolver& solver, double scaled, const LassoSolver::Take& take) {
                    solver.path(x.cols, scaled, nonzeros, take);
                  });
}

LassoPath lasso_at(ConstMatrix x, ConstMatrix y, const std::vector<double>& penalties, double ridge,
                   const Poll& poll) {
  const Interruptible interruptible(poll);
  check::view("X", x);
  check::view("y", y);
  LassoCall call(x, y, ridge);
  if (penalties.empty()) check::fail("penalties must not be empty");
  std::vector<double> scaled;
  for (const double penalty : penalties) {
    check::nonnegative("penalties", penalty);
    scaled.push_back(call.data().penalty(penalty));
  }
  const Index most = ridge > 0.0 ? x.cols : std::min(x.rows, x.cols);
  const auto count = static_cast<Index>(penalties.size());
  LassoPath found = call.run(count, count, most,
                             [&](LassoSolver& solver, double own, const LassoSolver::Take& take) {
                               solver.at(x.cols, own, scaled, take);
                             });
  found.penalty = penalties;
  return found;
}

}  // namespace overprune
