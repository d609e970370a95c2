#include "overprune/classifier.hpp"

#include "base/check.hpp"
#include "base/team.hpp"
#include "overprune/least_squares.hpp"
#include "problem/scaled_data.hpp"
#include "solve/classifier_path.hpp"
#include "solve/labels.hpp"

namespace overprune {

void check_loss_ridge(const char* name, const Loss& loss, double ridge) {
  if (ridge == 0.0 && !loss.smooth())
    check::fail(name, " must be above 0 with loss \"", loss.name(),
                "\", whose minimiser is not unique without, got 0");
}

void check_labels(const char* name, ConstMatrix y) {
  for (Index t = 0; t < y.cols; ++t)
    for (Index i = 0; i < y.rows; ++i)
      if (y(i, t) != 1.0 && y(i, t) != -1.0)
        check::fail(name, " must hold the labels -1 and 1 alone, got ", y(i, t), " at row ", i);
}

void classifier_path(ConstMatrix x, ConstMatrix y, const Indices& sizes, const Loss& loss,
                     double ridge, double* theta, ClassifierInfo* info, Index workers,
                     const Poll& poll) {
  if (info) *info = {};
  if (loss.takes_numbers())
    return least_squares_path(x, y, sizes, ridge, theta, nullptr, workers, poll);
  const Interruptible interruptible(poll);
  const TeamScope scope(workers);
  const ScaledData data(x, y, ridge);
  check::increasing("sizes", sizes, 1, x.cols);
  check_labels("y", y);
  check_loss_ridge("ridge", loss, ridge);
  const Index m = y.cols, most = sizes.back(), count = static_cast<Index>(sizes.size());
  check::pointer("theta", theta, count * x.cols * m);
  Buffer buffer;
  const Block solutions = buffer.block(most, count * m);
  ClassifierSolver().solve({data.design.columns(0, most), data.response, sizes, data.ridge(ridge),
                            "ridge", loss, solutions, info},
                           poll);
  data.unscale(solutions, sizes, nullptr, theta);
}

}  // namespace overprune
