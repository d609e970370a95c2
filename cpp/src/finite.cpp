#include "overprune/finite.hpp"

#include <cmath>

#include "kernels/table.hpp"

namespace overprune {

bool all_finite(ConstMatrix values) {
  if (values.rows == 0 || values.cols == 0) return true;
  if (values.rows == 1 || (values.cols > 1 && values.row_stride != 1 && values.col_stride == 1))
    values = {values.data, values.cols, values.rows, values.col_stride, values.row_stride};
  const auto finite = kernels::active().all_finite;
  if (values.row_stride == 1) {
    if (values.cols == 1 || values.col_stride == values.rows)
      return finite(values.rows * values.cols, values.data);
    for (Index j = 0; j < values.cols; ++j)
      if (!finite(values.rows, &values(0, j))) return false;
    return true;
  }
  for (Index j = 0; j < values.cols; ++j)
    for (Index i = 0; i < values.rows; ++i)
      if (!std::isfinite(values(i, j))) return false;
  return true;
}

}  // namespace overprune
