// Random features X = phi(A R' + 1 b') on column-major blocks, without checks. The samplers call
// this; random_features checks its arguments first.
#pragma once

#include "base/block.hpp"
#include "base/pace.hpp"
#include "overprune/features.hpp"

namespace overprune {

/// @param weights  (p, d) with rows or columns that lie side by side
/// @param bias  (p) or null
void features_into(ConstBlock inputs, ConstMatrix weights, const ScalarFunction& activation,
                   const double* bias, Block out, const Poll& poll);

/// Rows of weights (p, d) that are drawn at a time: what a product reads soon after stays in the
/// last cache, and the other factor is packed for many of them.
Index rows_at_once(Index d);
/// Rows first, ..., first + count - 1 of weights (p, d), row after row.
/// @param out  (count, d)
void draw_weights(const DrawnWeights& weights, Index d, Index first, Index count, double* out);

/// Calls body(first, rows) for blocks of rows begin, ..., end - 1 of weights (p, d), which lie in
/// `buffer` one after the other. Each block has at least half of kLeastRows where all have: the
/// sums of products with a few rows (kernels/skinny.cpp) are others.
constexpr Index kLeastRows = 48;
template <class Body>
void each_drawn_block(const DrawnWeights& weights, Index d, Index begin, Index end, Buffer& buffer,
                      const Body& body) {
  in_even_parts(end - begin, rows_at_once(d), [&](Index offset, Index count) {
    const Block rows = buffer.block(d, count);
    draw_weights(weights, d, begin + offset, count, rows.data);
    body(begin + offset, row_major(rows.data, count, d));
  });
}

/// Refuses what is neither a named function nor one of the caller's.
void check_function(const char* name, const ScalarFunction& function);

/// Whether feature_moments has closed forms for E[x x'], which err by rounding only.
bool has_closed_moments(const ScalarFunction& activation);

}  // namespace overprune
