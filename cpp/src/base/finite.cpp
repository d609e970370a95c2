#include "overprune/finite.hpp"

#include <atomic>
#include <cmath>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "base/team.hpp"
#include "kernels/table.hpp"

namespace overprune {

namespace {

bool all_finite(const double* values, Index count) {
  constexpr Index line = 512;
  std::atomic<bool> result{true};
  share_out(count, line, kTouch * static_cast<double>(count), [&](Index begin, Index end) {
    in_parts(end - begin, [&](Index first, Index some) {
      if (result && !kernels::active().all_finite(some, values + begin + first)) result = false;
    });
  });
  return result;
}

bool all_finite(ConstVector values) {
  if (values.stride == 1) return all_finite(values.data, values.size);
  for (Index i = 0; i < values.size; ++i)
    if (!std::isfinite(values(i))) return false;
  return true;
}

}  // namespace

bool all_finite(ConstMatrix values) {
  check::view("values", values);
  if (values.rows == 0 || values.cols == 0) return true;
  if (values.rows == 1 || (values.cols > 1 && values.row_stride != 1 && values.col_stride == 1))
    values = {values.data, values.cols, values.rows, values.col_stride, values.row_stride};
  if (values.row_stride == 1 && (values.cols == 1 || values.col_stride == values.rows))
    return all_finite(values.data, values.rows * values.cols);
  Pace pace;
  for (Index j = 0; j < values.cols; ++j, pace(values.rows))
    if (!all_finite(ConstVector{&values(0, j), values.rows, values.row_stride})) return false;
  return true;
}

}  // namespace overprune
