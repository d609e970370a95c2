#include "overprune/least_squares.hpp"

#include "base/check.hpp"
#include "base/team.hpp"
#include "problem/scaled_data.hpp"
#include "solve/path_solver.hpp"
#include "solve/retraining.hpp"

namespace overprune {

void least_squares(ConstMatrix x, ConstMatrix y, double ridge, Matrix theta, SolveInfo* info,
                   Index workers) {
  check::view("X", x);
  check::view("y", y);
  check::view("theta", theta);
  check::at_least("X (columns)", x.cols, 1);
  check::at_least("y (targets)", y.cols, 1);
  check::same("theta", x.cols, theta.rows);
  check::same("theta (targets)", y.cols, theta.cols);
  std::vector<double> solution(x.cols * y.cols);
  least_squares_path(x, y, {x.cols}, ridge, solution.data(), info, workers);
  for (Index i = 0; i < theta.rows; ++i)
    for (Index t = 0; t < theta.cols; ++t) theta(i, t) = solution[i * theta.cols + t];
}

void least_squares_path(ConstMatrix x, ConstMatrix y, const Indices& sizes, double ridge,
                        double* theta, SolveInfo* info, Index workers, const Poll& poll) {
  const Interruptible interruptible(poll);
  const TeamScope scope(workers);
  const ScaledData data(x, y, ridge);
  check::increasing("sizes", sizes, 1, x.cols);
  const Index m = y.cols, most = sizes.back(), count = static_cast<Index>(sizes.size());
  check::pointer("theta", theta, count * x.cols * m);
  Buffer buffer;
  const Block solutions = buffer.block(most, count * m);
  PathSolver().solve(data.design.columns(0, most), data.response, sizes, data.ridge(ridge),
                     solutions, info, poll);
  data.unscale(solutions, sizes, nullptr, theta);
}

void retrain_path(ConstMatrix x, ConstMatrix y, const Indices& order, const Indices& nonzeros,
                  double ridge, double* theta, Index workers, const Poll& poll) {
  const Interruptible interruptible(poll);
  const TeamScope scope(workers);
  const ScaledData data(x, y, ridge);
  check::increasing("nonzeros", nonzeros, 1, static_cast<Index>(order.size()));
  check::distinct("order", order, x.cols);
  const Index m = y.cols, most = nonzeros.back(), count = static_cast<Index>(nonzeros.size());
  check::pointer("theta", theta, count * x.cols * m);
  Buffer buffer;
  const Block solutions = buffer.block(most, count * m);
  RetrainSolver solver;
  solver.start(data.design, data.response, most);
  solver.solve(order.data(), nonzeros, data.ridge(ridge), solutions, poll);
  data.unscale(solutions, nonzeros, order.data(), theta);
}

}  // namespace overprune
