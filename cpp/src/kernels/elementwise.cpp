// Activations of random features, the logistic loss and weights of rows, a register at a time and
// with the same bits at every level: this file is compiled without contraction to fused
// multiply-adds. Errors are a few units in the last place; gelu's, below zero, a few 1e-15.
#include "kernels/vectors.hpp"
#include "overprune/activation.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer

OVERPRUNE_INLINE Real either(Mask where, Real yes, Real no) {
  return real(choose((Word)where, bits(yes), bits(no)));
}
OVERPRUNE_INLINE Real size_of(Real z) { return real(bits(z) & ~kSign); }
OVERPRUNE_INLINE Real with_sign(Real size, Real z) { return real(bits(size) | (bits(z) & kSign)); }
/// The smaller of both; NaN where z is.
OVERPRUNE_INLINE Real at_most(Real z, double most) { return either(z > most, all(most), z); }

/// 2^k for an integer k, -1022 <= k <= 0.
OVERPRUNE_INLINE Real power_of_two(Real k) { return real(bits(k + (kRound + 1023.0)) << 52); }

/// exp(x) - 1 = rise 2^k + (2^k - 1) for x = high + low <= 0, |low| < 1e-3.
struct Exponential {
  Real k, rise;
};

OVERPRUNE_INLINE Exponential exponential(Real high, Real low) {
  constexpr double log2e = 1.4426950408889634074, ln2_high = 6.93147180369123816490e-01,
                   ln2_low = 1.90821492927058770002e-10;
  const Real k = (high * log2e + kRound) - kRound;
  const Real x = (high - k * ln2_high) + (low - k * ln2_low);  // |x| < 0.35
  return {k, x + x * x *
                     horner(x, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040,
                            1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800,
                            1.0 / 479001600, 1.0 / 6227020800.0)};
}

/// phi(x) / phi(0), x >= 0: zero from 39 on, where the result is below all doubles.
OVERPRUNE_INLINE Real bell(Real x) {
  const Real y = at_most(x, 39.0),
             top = real(bits(y) & ~std::uint64_t{0x7FFFFFF});  // its square is exact
  const Exponential e = exponential(-0.5 * top * top, -0.5 * (y - top) * (y + top));
  // In two factors, so that results below the smallest normal number still come out.
  const Real half = (0.5 * e.k + kRound) - kRound;
  return ((1.0 + e.rise) * power_of_two(half)) * power_of_two(e.k - half);
}

OVERPRUNE_INLINE Real tanh_of(Real z) {
  const Exponential e = exponential(-2.0 * at_most(size_of(z), 20.0), Real{});
  const Real power = power_of_two(e.k), fall = (1.0 - power) - power * e.rise;  // 1 - exp(-2 |z|)
  return with_sign(fall / (2.0 - fall), z);
}

/// Slope and curvature of the logistic loss.
OVERPRUNE_INLINE void logistic_of(Real label, Real z, Real* slope, Real* curvature) {
  const Real t = label * z;
  const Exponential e = exponential(-at_most(size_of(t), 708.0), Real{});
  const Real power = power_of_two(e.k), small = power + power * e.rise, part = 1.0 / (1.0 + small);
  *slope = -label * either(t < 0.0, part, small * part);
  *curvature = small * part * part;
}

OVERPRUNE_INLINE Real erf_of(Real z) {
  constexpr double two_over_root_pi = 1.12837916709551257390, root_two = 1.41421356237309504880;
  const Real size = size_of(z), z2 = at_most(size, 1.0) * at_most(size, 1.0);
  // (-1)^n / (n! (2n + 1)), the Taylor series up to 1.
  const Real near =
      size * (two_over_root_pi *
              horner(z2, 1.0, -1.0 / 3, 1.0 / 10, -1.0 / 42, 1.0 / 216, -1.0 / 1320, 1.0 / 9360,
                     -1.0 / 75600, 1.0 / 685440, -1.0 / 6894720, 1.0 / 76204800, -1.0 / 918086400,
                     1.0 / 11975040000.0, -1.0 / 168129561600.0, 1.0 / 2528170444800.0,
                     -1.0 / 40537905408000.0, 1.0 / 690452066304000.0, -1.0 / 12449059983360000.0));
  const Real x = root_two * at_most(size, 10.0);
  const Real far = 1.0 - (2.0 * 0.39894228040143267794) * bell(x) * mills(x);
  return with_sign(either(size < 1.0, near, far), z);
}

/// z P(N(0, 1) < z).
OVERPRUNE_INLINE Real gelu_of(Real z) {
  const Real size = size_of(z),
             tail = 0.39894228040143267794 * bell(size) * mills(at_most(size, 39.0));
  return z * either(z < 0.0, tail, 1.0 - tail);
}

/// cos for |z| < 2^20.
OVERPRUNE_INLINE Real cos_of(Real z) {
  const Real rounded = z * 6.36619772367581382433e-01 + kRound, k = rounded - kRound;
  const Word quadrant = bits(rounded);
  // pi / 2 in three parts of 33 bits: their products with k are exact.
  const Real x = ((z - k * 1.57079632673412561417e+00) - k * 6.07710050630396597660e-11) -
                 k * 2.02226624879595063154e-21;
  const Real x2 = x * x;
  const Real sine = x + x * x2 *
                            horner(x2, -1.66666666666666324348e-01, 8.33333333332248946124e-03,
                                   -1.98412698298579493134e-04, 2.75573137070700676789e-06,
                                   -2.50507602534068634195e-08, 1.58969099521155010221e-10);
  const Real cosine =
      1.0 - (0.5 * x2 - x2 * x2 *
                            horner(x2, 4.16666666666666019037e-02, -1.38888888888741095749e-03,
                                   2.48015872894767294178e-05, -2.75573143513906633035e-07,
                                   2.08757232129817482790e-09, -1.13596475577881948265e-11));
  // cos, -sin, -cos, sin
  const Word value = choose(Word{} - (quadrant & 1U), bits(sine), bits(cosine));
  return real(flip(value, (quadrant + 1U) << 62, kSign));
}

OVERPRUNE_INLINE Real cos_anywhere(Real z) {
  Real value = cos_of(z);
  for (int l = 0; l < kVector; ++l)
    if (!(__builtin_fabs(z[l]) < 0x1p20)) value[l] = ::cos(z[l]);
  return value;
}

OVERPRUNE_INLINE Real sign_of(Real z) {
  const Real one = all(1.0), zero{};
  return either(z > 0.0, one, either(z < 0.0, -one, zero));
}

/// X = phi(X + 1 bias'), two registers at a time; the last few of a column by way of a copy.
template <class Function>
void apply(Size m, Size n, const double* bias, double* x, Size ldx, Function phi) {
  constexpr Size step = 2 * kVector;
  for (Size j = 0; j < n; ++j) {
    double rest[step] = {};
    const Real shift = all(bias ? bias[j] : -0.0);  // -0 leaves every number as it is
    for (Size i = 0; i < m; i += step) {
      double *const at = x + j * ldx + i, *const pair = i + step <= m ? at : rest;
      const std::size_t bytes = sizeof(double) * static_cast<std::size_t>(m - i);
      if (pair == rest) memcpy(rest, at, bytes);
      const Real a = phi(read(pair) + shift), b = phi(read(pair + kVector) + shift);
      store(a, pair);
      store(b, pair + kVector);
      if (pair == rest) memcpy(at, rest, bytes);
    }
  }
}

}  // namespace

void activate(int activation, Size m, Size n, const double* bias, double* x, Size ldx) {
  switch (static_cast<Activation>(activation)) {
    case Activation::identity:
      if (bias) apply(m, n, bias, x, ldx, [](Real z) { return z; });
      break;
    case Activation::relu:
      apply(m, n, bias, x, ldx, [](Real z) { return either(z > 0.0, z, Real{}); });
      break;
    case Activation::sign:
      apply(m, n, bias, x, ldx, [](Real z) { return sign_of(z); });
      break;
    case Activation::erf:
      apply(m, n, bias, x, ldx, [](Real z) { return erf_of(z); });
      break;
    case Activation::cos:
      apply(m, n, bias, x, ldx, [](Real z) { return cos_anywhere(z); });
      break;
    case Activation::tanh:
      apply(m, n, bias, x, ldx, [](Real z) { return tanh_of(z); });
      break;
    case Activation::gelu:
      apply(m, n, bias, x, ldx, [](Real z) { return gelu_of(z); });
      break;
  }
}

void logistic(Size n, const double* labels, const double* z, double* slope, double* curvature) {
  Real first, second;
  Size i = 0;
  for (; i + kVector <= n; i += kVector) {
    logistic_of(read(labels + i), read(z + i), &first, &second);
    store(first, slope + i);
    store(second, curvature + i);
  }
  if (i == n) return;
  double rest[4][kVector] = {};
  const std::size_t bytes = sizeof(double) * static_cast<std::size_t>(n - i);
  memcpy(rest[0], labels + i, bytes);
  memcpy(rest[1], z + i, bytes);
  logistic_of(read(rest[0]), read(rest[1]), &first, &second);
  store(first, rest[2]);
  store(second, rest[3]);
  memcpy(slope + i, rest[2], bytes);
  memcpy(curvature + i, rest[3], bytes);
}

void weigh(Size n, double factor, const double* weights, const double* from, double* to) {
  Size i = 0;
  for (; i + kVector <= n; i += kVector) store(factor * read(weights + i) * read(from + i), to + i);
  for (; i < n; ++i) to[i] = factor * weights[i] * from[i];
}

OVERPRUNE_END_LEVEL
