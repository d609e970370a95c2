#include "problem/design.hpp"

#include <cmath>

#include "problem/scaled_data.hpp"

namespace overprune {

Design::Design(const Sampler& sampler, Index features)
    : rows(sampler.response().rows), cols(features) {
  const ConstMatrix held = sampler.design();
  if (held.data)
    memory_ = {held.data, rows, cols, held.col_stride};
  else
    sampler_ = &sampler;
}

Design Design::first(Index count) const {
  Design part = *this;
  part.cols = part.memory_.cols = count;
  return part;
}

Design Design::gathered(const Index* order, Index count, Buffer& space) const {
  Design part = first(count);
  part.order_ = order;
  if (!sampler_) {
    const Block columns = space.block(rows, count);
    gather_columns(memory_, order, count, columns);
    part.memory_ = columns;
  }
  return part;
}

ConstBlock Design::columns(Index first, Index count, Buffer& space) const {
  if (!sampler_) return memory_.columns(first, count);
  const Block drawn = space.block(rows, count);
  copy_columns(first, drawn);
  return drawn;
}

void Design::copy_columns(Index first, Block to) const {
  if (!sampler_) return copy(memory_.columns(first, to.cols), to);
  const Matrix out{to.data, to.rows, to.cols, 1, to.ld};
  if (order_)
    sampler_->chosen_columns(order_ + first, out);
  else
    sampler_->columns(first, out);
}

void Design::copy_chosen(const Index* which, Block to) const {
  if (!sampler_) return gather_columns(memory_, which, to.cols, to);
  const Matrix out{to.data, to.rows, to.cols, 1, to.ld};
  if (!order_) return sampler_->chosen_columns(which, out);
  Indices features(to.cols);
  for (Index j = 0; j < to.cols; ++j) features[j] = order_[which[j]];
  sampler_->chosen_columns(features.data(), out);
}

bool is_streamed(const Problem& problem, Index n, std::optional<Index> design_limit) {
  constexpr double bytes = sizeof(double);
  if (!problem.streams() || !(design_limit || problem.redraws_cheaply())) return false;
  return bytes * static_cast<double>(n) * static_cast<double>(problem.features()) >
         static_cast<double>(design_limit.value_or(kDesignLimit));
}

std::unique_ptr<Sampler> make_sampler(const Problem& problem, Index n,
                                      std::optional<Index> design_limit) {
  return is_streamed(problem, n, design_limit) ? problem.streaming_sampler(n) : problem.sampler(n);
}

namespace {

double root_mean_square(ConstBlock column) {
  const double sum = norm2(column);
  if (sum > 1e-200 && sum < 1e200) return std::sqrt(sum / static_cast<double>(column.rows));
  const double scale = safe_scale(column);
  double scaled = 0.0;
  for (Index i = 0; i < column.rows; ++i) scaled += (scale * column(i, 0)) * (scale * column(i, 0));
  return std::sqrt(scaled / static_cast<double>(column.rows)) / scale;
}

}  // namespace

void root_sample_curvature(const Design& x, Buffer& space, const Poll& poll, double* out) {
  each_block(x, space, poll, [&](Index first, ConstBlock block) {
    for (Index j = 0; j < block.cols; ++j) out[first + j] = root_mean_square(block.columns(j, 1));
  });
}

}  // namespace overprune
