// A function of one variable as a piecewise polynomial, found by sampling the function. Kinks and
// jumps become breakpoints, located to rounding. Integrals are then those of polynomials.
#pragma once

#include <vector>

#include "base/block.hpp"
#include "overprune/scalar_function.hpp"

namespace overprune {

/// Nodes, and weights that sum to one.
struct QuadratureRule {
  std::vector<double> nodes, weights;
};
QuadratureRule gauss_legendre(Index count);  ///< the mean over [-1, 1]
QuadratureRule gauss_hermite(Index count);   ///< E f(u), u ~ N(0, 1)

class PiecewisePolynomial {
 public:
  static constexpr Index kDegree = 16;  ///< of a piece, at most

  /// Pieces are halved until their Chebyshev coefficients fall to 2e-14 of the function's size (to
  /// 1e-6 at worst, for functions that are themselves computed in single precision).
  /// @param lowest, highest  the domain
  /// @param typical          |z| of the values that matter: sets the absolute accuracy
  /// @throws std::invalid_argument where that does not end, because f is not piecewise smooth or
  /// the domain too far from zero
  PiecewisePolynomial(const ScalarFunction& f, double lowest, double highest, double typical,
                      const Poll& poll);

  /// Where the pieces meet, ascending, with both ends of the domain.
  const std::vector<double>& breakpoints() const { return breakpoints_; }
  /// Those where f has a kink, a jump or the like, ascending; at the others it is smooth.
  const std::vector<double>& kinks() const { return kinks_; }
  Index pieces() const { return static_cast<Index>(pieces_.size()); }
  /// The piece that z lies in; the nearest for a z outside the domain.
  Index piece_of(double z) const;
  double value(double z) const;
  /// out[i] = f(z[i]) by the polynomial of one piece, which z may leave.
  void evaluate(Index piece, const double* z, Index count, double* out) const {
    evaluate(pieces_[piece], z, count, out);
  }

 private:
  struct Piece {
    double left, right;
    double coefficients[kDegree + 1];  // of Chebyshev polynomials
    Index degree;
  };
  /// The piece on [left, right] with these values at the Chebyshev points; false where it is not
  /// accurate.
  bool fit(double left, double right, const double* values, Piece& piece) const;
  static void evaluate(const Piece& piece, const double* z, Index count, double* out);
  bool refine(const ScalarFunction& f, const std::vector<double>& grid, double typical,
              const Poll& poll);
  void merge();

  double tolerance_ = 0.0, size_ = 0.0;
  std::vector<Piece> pieces_;
  std::vector<double> breakpoints_, kinks_;
};

}  // namespace overprune
