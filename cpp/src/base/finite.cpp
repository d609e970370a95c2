#include "overprune/finite.hpp"

#include <cmath>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "kernels/table.hpp"

namespace overprune {

bool all_finite(ConstMatrix values) {
  check::view("values", values);
  if (values.rows == 0 || values.cols == 0) return true;
  if (values.rows == 1 || (values.cols > 1 && values.row_stride != 1 && values.col_stride == 1))
    values = {values.data, values.cols, values.rows, values.col_stride, values.row_stride};
  bool result = true;
  const auto finite = [&](Index count, const double* data) {
    in_parts(count, [&](Index first, Index some) {
      result = result && kernels::active().all_finite(some, data + first);
    });
    return result;
  };
  Pace pace;
  if (values.row_stride == 1) {
    if (values.cols == 1 || values.col_stride == values.rows)
      return finite(values.rows * values.cols, values.data);
    for (Index j = 0; j < values.cols; ++j, pace(values.rows))
      if (!finite(values.rows, &values(0, j))) return false;
    return true;
  }
  for (Index j = 0; j < values.cols; ++j, pace(values.rows))
    for (Index i = 0; i < values.rows; ++i)
      if (!std::isfinite(values(i, j))) return false;
  return true;
}

}  // namespace overprune
