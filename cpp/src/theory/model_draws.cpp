#include "theory/model_draws.hpp"

#include <cmath>

#include "base/check.hpp"
#include "overprune/random.hpp"

namespace overprune::theory {
namespace {

// Normals are scaled to their expected length: it varies little for long vectors, and what varies
// is only noise in the means. For short ones the law would change.
constexpr Index kShortest = 16;

}  // namespace

Indices model_order(ConstVector scores, Index s) {
  try {
    return top_k_order(scores, s);
  } catch (const check::NanScores&) {
    check::out_of_range("scores", static_cast<double>(scores.size));
  }
}

void draw_pair(const WhiteBasis& basis, std::uint64_t seed, std::uint64_t pair, bool even,
               Block h) {
  const Index r = basis.rank();
  standard_normal({seed, pair, Purpose::draws}, 0, r * h.cols, h.data);
  for (Index t = 0; t < h.cols && even && r >= kShortest; ++t) {
    const double length = std::sqrt(norm2(h.columns(t, 1)) / static_cast<double>(r));
    for (Index j = 0; j < r; ++j) h(j, t) /= length;
  }
}

void ModelDraws::batch(Index first, Index count, bool noise) {
  const Index r = basis_.rank(), m = basis_.targets(), k = basis_.features();
  const Block h = normals_.block(r, m);
  Block e = scaled_.block(r, m * count);
  first_ = first;
  for (Index b = 0; b < count; ++b) {
    draw_pair(basis_, seed_, static_cast<std::uint64_t>(first + b), even_, h);
    multiply(h, transposed(law_.root), e.columns(b * m, m), 1.0 / std::sqrt(n_));
  }
  e = basis_.coordinates(e, rotated_);
  noisy_ = noise;
  noises_ = noises_buffer_.block(k, noise ? m * count : 0);
  thetas_ = thetas_buffer_.block(k, m * count);
  if (noise) basis_.root().apply(e, noises_);
  law_.solver.apply(e, thetas_);
}

void ModelDraws::select(Index column, double sign) {
  const Index k = basis_.features(), m = basis_.targets();
  pair_ = static_cast<std::uint64_t>(first_ + column);
  sign_ = sign;
  column_ = column;
  theta_ = theta_buffer_.block(k, m);
  noise_ = noise_buffer_.block(k, m);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < k; ++i) {
      noise_(i, t) = noisy_ ? sign * noises_(i, column * m + t) : 0.0;
      theta_(i, t) = (law_.finite ? law_.mean(i, t) : 0.0) + sign * thetas_(i, column * m + t);
    }
}

Indices ModelDraws::order(Rule rule, Index most) {
  const Index k = basis_.features();
  double* scores = scores_.get(k);
  ranked_ = scores;
  if (traits(rule).needs_seed) {
    uniform({seed_, 2 * pair_ + (sign_ < 0.0 ? 1 : 0), Purpose::scores}, 0, k, scores);
  } else {
    basis_.score(rule, theta_, {scores, k, 1});
  }
  return model_order({scores, k, 1}, most);
}

const double* ModelDraws::fresh_normals(Index count) {
  double* values = fresh_.get(count);
  const Index used = basis_.rank() * basis_.targets() + (sign_ < 0.0 ? count : 0);
  standard_normal({seed_, pair_, Purpose::draws}, static_cast<std::uint64_t>(used), count, values);
  return values;
}

Block ModelDraws::images(const Indices& order, Index s, bool full,
                         const std::vector<ConstBlock>& signals) {
  const Index m = basis_.targets(), more = static_cast<Index>(signals.size()) - 1,
              last = full ? 3 * m : m;
  const Block y = images_.block(s, last + more * m);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < s; ++i) {
      y(i, t) = signals.front()(order[i], t);
      for (Index j = 0; j < more; ++j) y(i, last + j * m + t) = signals[1 + j](order[i], t);
      if (!full) continue;
      y(i, m + t) = noise_(order[i], t);
      y(i, 2 * m + t) = law_.tau * theta_(order[i], t);  // F w = tau theta
    }
  return y;
}

Block ModelDraws::kept(const Indices& order, Index s, ConstBlock mean) {
  const Block kept = kept_.block(s, basis_.targets());
  for (Index t = 0; t < kept.cols; ++t)
    for (Index i = 0; i < s; ++i)
      kept(i, t) = mean(order[i], t) + sign_ * thetas_(order[i], column_ * kept.cols + t);
  return kept;
}

}  // namespace overprune::theory
