// Draws of the dense model from its law, in antithetic pairs; docs/theory.md, sections 4 and 6.
#pragma once

#include "theory/matrix_law.hpp"

namespace overprune::theory {

/// The s largest scores of a model of the theory, in falling order: where they are NaN, its numbers
/// overflowed.
Indices model_order(ConstVector scores, Index s);

/// The normals h (r, m) of a pair of draws.
/// @param even  as in ModelDraws
void draw_pair(const WhiteBasis& basis, std::uint64_t seed, std::uint64_t pair, bool even, Block h);

/// Each pair has its own random numbers, found by its number. One thread's workspace.
class ModelDraws {
 public:
  /// @param even  scales each vector of normals to its expected length: less noise in means, but
  /// not quite the law any more
  ModelDraws(const WhiteBasis& basis, const MatrixLaw& law, double n, std::uint64_t seed,
             bool even = true)
      : basis_(basis), law_(law), n_(n), seed_(seed), even_(even) {}

  /// Prepares the pairs first, ..., first + count - 1, whose products with the eigenvectors are
  /// formed at once.
  /// @param noise  whether `noise` and `images` will be called
  void batch(Index first, Index count, bool noise = true);

  /// Makes pair `first + column` with this sign of its noise the current model.
  void select(Index column, double sign);
  /// (k, m); where the law is infinite, its noise alone.
  ConstBlock theta() const { return theta_; }
  ConstBlock noise() const { return noise_; }  ///< (k, m) F e
  /// The `most` features of largest score of the current model, in falling order; a uniform order
  /// for `random`.
  Indices order(Rule rule, Index most);
  const double* scores() const { return ranked_; }  ///< (k) by which `order` has ordered
  /// Fresh standard normals of the current model, `count` of them.
  const double* fresh_normals(Index count);
  /// Y = (F [u e w])_S, or (F u)_S, S the first s of `order`.
  /// @param signals  F u (k, m); further ones follow as the last columns
  Block images(const Indices& order, Index s, bool full, const std::vector<ConstBlock>& signals);
  /// theta_S about another mean (k, m) than the law's.
  Block kept(const Indices& order, Index s, ConstBlock mean);

 private:
  const WhiteBasis& basis_;
  const MatrixLaw& law_;
  double n_;
  std::uint64_t seed_, pair_ = 0;
  bool even_, noisy_ = true;
  const double* ranked_ = nullptr;
  Index first_ = 0, column_ = 0;
  double sign_ = 1.0;
  Block noises_, thetas_, theta_, noise_;
  Buffer normals_, scaled_, rotated_, noises_buffer_, thetas_buffer_, theta_buffer_, noise_buffer_,
      scores_, fresh_, images_, kept_;
};

}  // namespace overprune::theory
