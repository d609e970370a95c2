// A linear model with a ridge as its loss sees it: the outputs z = X theta of the rows, and Newton
// steps for any weights of the rows.
#pragma once

#include <vector>

#include "base/block.hpp"
#include "base/memory_need.hpp"

namespace overprune {

/// The model has coordinates c: its own coefficients theta (k), or, where they are many, a (n) with
/// theta = X'a, for which K = X X' is all that is needed of X. Its objective is
/// sum_i l_i(z_i) + lambda |theta|^2 / 2. What it looks at outlives it.
class OutputSystem {
 public:
  /// @param x  (n, k)
  void use_columns(ConstBlock x, double lambda);
  /// @param kernel  (n, n) X X', both triangles
  void use_kernel(ConstBlock kernel, double lambda);

  Index rows() const { return matrix_.rows; }
  Index coordinates() const { return matrix_.cols; }
  bool is_dual() const { return dual_; }  ///< whether the coordinates are a
  double lambda() const { return lambda_; }
  ConstBlock matrix() const { return matrix_; }  ///< X (n, k) or K (n, n)

  /// z (n) = X theta.
  void outputs(const double* c, double* z) const;
  /// r = X'slope + lambda theta (k), or slope + lambda a (n): X' times that is the gradient.
  void residual(const double* c, const double* slope, double* r) const;
  /// lambda theta'd of two models, the first of which has outputs z.
  double ridge_slope(const double* c, const double* z, const double* d) const;

  /// Factors the Hessian X'WX + lambda I, or lambda I + W^{1/2} K W^{1/2} of the rows whose weight
  /// is not 0. A little more is added to lambda where the matrix would be singular up to rounding:
  /// what follows then is slower, but not wrong.
  /// @param weights  (n) at least 0, finite
  void factor(const double* weights);
  /// Newton's step d for a residual r, and what it adds to the outputs.
  void step(const double* r, double* d, double* dz);
  /// out (n) = (K / lambda + W^{-1})^{-1} rhs, W positive.
  void solve_dual(const double* rhs, double* out);
  /// z (n) = K a, whatever the coordinates are.
  void dual_outputs(const double* a, double* z);

  /// Adds what is held for n rows and at most so many coefficients as coordinates.
  /// @param most  0: none but a
  static void need(Index n, Index most, bool dual, MemoryNeed& need);

 private:
  void fill_factor();
  void solve_factor(double* b) const;
  void solve_rows(double* b);

  ConstBlock matrix_;  // X (n, k) or K (n, n)
  double lambda_ = 0.0;
  bool dual_ = false;
  double damping_ = 0.0;       // lambda in the factor
  std::vector<double> roots_;  // (n) of the weights
  Indices weighed_;            // rows whose weight is not 0
  bool even_ = false;          // whether they may be divided by
  std::vector<double> image_;  // (max(n, k))
  Block factor_;               // lower triangle, in whole tiles
  Index order_ = 0;            // of what is factored
  Buffer factor_buffer_, weighted_;
};

}  // namespace overprune
