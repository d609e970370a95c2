// The design matrix X (n, p) as the samplers and solvers read it. Its columns lie in memory, or a
// sampler draws them at every read.
#pragma once

#include <algorithm>
#include <optional>

#include "base/block.hpp"
#include "overprune/problem.hpp"

namespace overprune {

/// A view of X (rows, cols); what it looks at outlives it. Both kinds hand out the same numbers,
/// and the algorithms take both in the same blocks, so that the results do not depend on the kind.
class Design {
 public:
  Design() = default;
  Design(ConstBlock x) : rows(x.rows), cols(x.cols), memory_(x) {}  // NOLINT: meant to be implicit
  Design(Block x) : Design(ConstBlock(x)) {}                        // NOLINT
  /// The first `features` columns of the trial drawn last: the sampler's own where it holds them.
  Design(const Sampler& sampler, Index features);

  /// The first `count` columns.
  Design first(Index count) const;
  /// The columns order[0..count), side by side: copied into `space` where X is in memory, else read
  /// through `order`, which is to stay.
  Design gathered(const Index* order, Index count, Buffer& space) const;

  /// Columns number first, ..., first + count - 1: in place, or drawn into `space`.
  ConstBlock columns(Index first, Index count, Buffer& space) const;
  /// Columns number first, ..., first + to.cols - 1 into `to`.
  void copy_columns(Index first, Block to) const;
  /// The columns which[0..to.cols) into `to`.
  void copy_chosen(const Index* which, Block to) const;

  /// Whether the columns lie in memory.
  bool held() const { return sampler_ == nullptr; }

  /// Which column of the first design column j is, however often columns were gathered since.
  Index feature(Index j) const { return order_ ? order_[j] : j; }

  Index rows = 0, cols = 0;

 private:
  ConstBlock memory_;
  const Sampler* sampler_ = nullptr;  // where X is not in memory
  const Index* order_ = nullptr;      // features of the columns, side by side; null: the first ones
};

/// Columns of X, of so many rows each, that stay in cache while they are used for all of a step.
inline Index cached_columns(Index rows) {
  constexpr Index numbers = 64 * 1024, tile = 32;
  const Index width = numbers / rows;
  return width > tile ? width / tile * tile : std::max<Index>(width, 8);
}

/// Calls body(first, block) for blocks of X's columns that stay in cache, polling in between.
/// @param together  so many of them at once
template <class Body>
void each_block(const Design& x, Buffer& space, const Poll& poll, Body body, Index together = 1) {
  const Index width = together * cached_columns(x.rows);
  for (Index first = 0; first < x.cols; first += width) {
    poll_now(poll);
    body(first, x.columns(first, std::min(width, x.cols - first), space));
  }
}

/// Whether a worker with n rows draws the columns of X anew instead of holding it; see
/// Trials::design_limit.
bool is_streamed(const Problem& problem, Index n, std::optional<Index> design_limit);
std::unique_ptr<Sampler> make_sampler(const Problem& problem, Index n,
                                      std::optional<Index> design_limit);

/// sqrt((X'X)_jj / n) of every column.
void root_sample_curvature(const Design& x, Buffer& space, const Poll& poll, double* out);

}  // namespace overprune
