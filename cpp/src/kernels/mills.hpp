// Polynomials and Mills' ratio, of doubles or of vectors of them.
#pragma once

#include "kernels/level.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

/// c0 + c1 x + c2 x^2 + ...
template <class Number, class... Rest>
OVERPRUNE_INLINE Number horner(Number x, double c0, Rest... rest) {
  if constexpr (sizeof...(rest) == 0)
    return Number{} + c0;
  else
    return c0 + x * horner(x, rest...);
}

/// Mills' ratio Q(x) / phi(x), x >= 0.
template <class Number>
OVERPRUNE_INLINE Number mills(Number x) {
  const Number inverse = 1.0 / (x + 4.0), t = (x - 4.0) * inverse, t2 = t * t;
  // Even and odd powers apart: two chains of half the length.
  const Number even =
      horner(t2, 1.8932190633084853, 0.9704095548675884, 0.15139176231244347, -0.008722295274260125,
             0.0003342446162328441, -4.783264259417208e-06, 1.7963971214040778e-06,
             -1.5787665654677373e-06, 6.829633831673466e-07, -2.1774195022039326e-07,
             5.3711037651589576e-08, -9.35134044482434e-09, 8.53083886026053e-10);
  const Number odd =
      horner(t2, -1.5237709108199835, -0.4675409629983325, -0.018900450861711257,
             0.004087855681200072, -0.0005792693046478719, 8.809573121072337e-05,
             -1.4843277679080294e-05, 2.568755311229722e-06, -4.00493929251171e-07,
             4.473060051450323e-08, -1.4722998923746307e-09, -3.0073979672398766e-10);
  return (even + odd * t) * inverse;
}

}  // namespace
OVERPRUNE_END_LEVEL
