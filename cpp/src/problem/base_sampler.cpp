#include "problem/base_sampler.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

constexpr Index kNormalCost = 100;  // operations of one normal, for the polling

/// Whether columns first, first + 1, ... of X can be written to `out`.
void check_columns(Index first, Matrix out, Index rows, Index features) {
  check::view("out", out);
  check::same("out (rows)", rows, out.rows);
  if (first < 0 || first > features - out.cols)
    check::fail("first must lie in [0, ", features - out.cols, "], got ", first);
}

}  // namespace

void Sampler::columns(Index first, Matrix out) const {
  const ConstMatrix x = design();
  check_columns(first, out, x.rows, x.cols);
  copy({&x(0, first), x.rows, out.cols, x.col_stride},
       {out.data, x.rows, out.cols, out.col_stride});
}

void Sampler::chosen_columns(const Index* which, Matrix out) const {
  for (Index j = 0; j < out.cols; ++j)
    columns(which[j], {out.data + j * out.col_stride, out.rows, 1, 1, out.col_stride});
}

void BaseSampler::columns(Index first, Matrix out) const {
  if (hold_) return Sampler::columns(first, out);
  check_columns(first, out, y_.rows, p_);
  draw_columns(first, {out.data, y_.rows, out.cols, out.col_stride});
}

void BaseSampler::chosen_columns(const Index* which, Matrix out) const {
  if (hold_) return Sampler::chosen_columns(which, out);
  check::view("out", out);
  check::same("out (rows)", y_.rows, out.rows);
  for (Index j = 0; j < out.cols; ++j)
    if (which[j] < 0 || which[j] >= p_)
      check::fail("which must lie in [0, ", p_, "), got ", which[j]);
  draw_chosen(which, {out.data, y_.rows, out.cols, out.col_stride});
}

void fill_normals(StreamKey key, Block out, const Poll& poll) {
  const Index width = columns_per_poll(kNormalCost * out.rows);
  for (Index first = 0; first < out.cols; first += width) {
    poll_now(poll);
    const Index count = std::min(width, out.cols - first);
    standard_normal(key, static_cast<std::uint64_t>(first * out.rows), count * out.rows,
                    out.col(first));
  }
}

void respond(ConstBlock x, ConstMatrix beta, Block y) {
  kernels::active().gemm(false, false, y.rows, y.cols, x.cols, 1.0, x.data, x.ld, beta.data,
                         beta.col_stride, 1.0, y.data, y.ld);
}

void add_noise(double noise_std, std::uint64_t seed, std::uint64_t trial, Buffer& buffer, Block y) {
  if (noise_std == 0.0) return;
  double* noise = buffer.get(y.rows * y.cols);
  standard_normal({seed, trial, Purpose::noise}, 0, y.rows * y.cols, noise);
  for (Index i = 0; i < y.rows * y.cols; ++i) y.data[i] += noise_std * noise[i];
}

}  // namespace overprune
