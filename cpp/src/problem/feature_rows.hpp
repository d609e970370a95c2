// The rows r_i of the weights of random features phi(r_i'a + b_i): norms, inner products and
// correlations, of which the moments are functions.
#pragma once

#include <algorithm>
#include <vector>

#include "base/block.hpp"

namespace overprune {

/// Correlation of two standard normals; the sine is accurate where it is small and the cosine
/// cannot tell.
struct Correlation {
  double cosine = 1.0, sine = 0.0;
};

class FeatureRows {
 public:
  /// @throws std::invalid_argument for a zero row
  FeatureRows(ConstMatrix weights, ConstVector bias, ConstVector teacher);

  Index count() const { return static_cast<Index>(norm.size()); }
  double inner(Index i, Index j) const {
    return inner_(std::max(i, j), std::min(i, j));
  }  ///< r_i'r_j
  double scaled_bias(Index i) const { return bias[i] / norm[i]; }
  /// Of r_i'a and r_j'a.
  Correlation between(Index i, Index j) const;
  /// Of r_i'a and teacher'a; none for a zero teacher.
  Correlation with_teacher(Index i) const;

  std::vector<double> norm, bias, along;  ///< |r_i|, b_i, r_i'teacher
  double teacher_norm = 0.0;

 private:
  Correlation correlation(const double* r, double r_norm, const double* s, double s_norm,
                          double product) const;

  Buffer rows_buffer_, inner_buffer_;
  Block rows_, inner_;  // (d, p) row r_i in column i; (p, p), lower triangle
  std::vector<double> teacher_;
};

}  // namespace overprune
