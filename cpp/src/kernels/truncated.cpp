// Truncated normal moments of many coordinates: which survive a threshold, and what that says about
// them.
//
// exp and the tails of the normal distribution are spelled out without branches, so that the loops
// vectorise. With h standard normal, alpha = T - u and gamma = T + u: Q(x) = phi(x) R(x) with
// Mills' ratio R a polynomial in (x - 4) / (x + 4), phi(alpha) by an exponential that takes the
// rounding of alpha and of its square into account, and phi(gamma) = phi(alpha) exp(-2 T u).
// Relative errors are a few 1e-15, also 38 standard deviations out, where phi underflows gently.
// Sums run over kLanes partial sums, the same at every level.
#include "kernels/mills.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr int kLanes = 16, kChunk = 64;

OVERPRUNE_INLINE double from_bits(std::uint64_t bits) { return __builtin_bit_cast(double, bits); }
std::uint64_t to_bits(double value) { return __builtin_bit_cast(std::uint64_t, value); }

/// Adding it rounds to an integer k and leaves k + 1023, the exponent of 2^k, in the low bits.
constexpr double kRound = 6755399441055744.0 + 1023.0;
constexpr double kLargest = 52.0;  // phi(52) underflows

struct Exponential {
  double value;  ///< exp(x)
  double fall;   ///< 1 - exp(x)
};

/// exp of x = high + low, -1400 <= high <= 0, |low| < 1e-3.
OVERPRUNE_INLINE Exponential exponential(double high, double low) {
  constexpr double log2e = 1.4426950408889634074, ln2_high = 6.93147180369123816490e-01,
                   ln2_low = 1.90821492927058770002e-10;
  const double k = (high * log2e + kRound) - kRound;
  const double x = (high - k * ln2_high) + (low - k * ln2_low);  // |x| < 0.35
  // (exp(x) - 1 - x) / x^2
  const double tail =
      horner(x, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
             1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0);
  const double rise = x + x * x * tail;
  // 2^k in two factors, so that results below the smallest normal number still come out.
  const double half = (0.5 * k + kRound) - kRound, rest = k - half;
  const double first = from_bits(to_bits(half + kRound) << 52),
               second = from_bits(to_bits(rest + kRound) << 52);
  const double power = first * second;
  return {((1.0 + rise) * first) * second, (1.0 - power) - power * rise};
}

OVERPRUNE_INLINE double smaller(double a, double b) { return a < b ? a : b; }

struct Moments {
  double share, dropped, drift, excess, rest;
  double slope;  ///< T (phi(alpha) + phi(gamma))
};

/// u >= 0, T >= 0
OVERPRUNE_INLINE Moments truncated_moments(double u, double T) {
  constexpr double root = 0.39894228040143267794;  // 1 / sqrt(2 pi)
  const double alpha = T - u, gamma = smaller(T + u, kLargest);
  // alpha + lost = T - u exactly
  const double back = alpha + u, lost = (T - back) + ((back - alpha) - u);
  const double x = smaller(alpha < 0.0 ? -alpha : alpha, kLargest);
  const double signed_x = alpha < 0.0 ? -x : x;
  const double top = from_bits(to_bits(x) & ~std::uint64_t{0x7FFFFFF});  // its square is exact
  const double near =
      root * exponential(-0.5 * top * top,
                         -0.5 * (x - top) * (x + top) - signed_x * (x < kLargest ? lost : 0.0))
                 .value;
  const Exponential ratio =
      exponential(-smaller(2.0 * smaller(T, 1e150) * smaller(u, 1e150), 1400.0), 0.0);
  const double tail = near * mills(x), far = near * ratio.value * mills(gamma);
  const double sum = tail + far, difference = tail - far;
  const bool inside = alpha < 0.0;
  const double dropped = inside ? difference : 1.0 - sum,
               excess = near * (signed_x + gamma * ratio.value);
  return {inside ? 1.0 - difference : sum,
          dropped,
          u * near * ratio.fall,
          excess,
          dropped - excess,
          smaller(T, 1e150) * near * (1.0 + ratio.value)};
}

/// The same by the Taylor series in T, for T (1 + u) < 1/4, where `dropped`, `excess` and `rest`
/// above lose digits.
Moments truncated_series(double u, double T) {
  constexpr double root = 0.39894228040143267794;
  const double top = from_bits(to_bits(u) & ~std::uint64_t{0x7FFFFFF});
  const bool visible = u < kLargest;
  const double near =
      visible ? root * exponential(-0.5 * top * top, -0.5 * (u - top) * (u + top)).value : 0.0;
  if (!visible) return {1.0, 0.0, 0.0, 0.0, 0.0, 0.0};
  // phi(u - x) = phi(u) sum He_n(u) x^n / n!, integrated over |x| < T.
  double even = 1.0, odd = u, power = T;  // He_2j, He_2j+1, T^(2j+1) / (2j+1)!
  double dropped = 0.0, drift = 0.0, excess = 0.0, rest = 0.0;
  for (int j = 0; j < 9; ++j) {
    dropped += even * power;
    drift += odd * power;
    const double next = u * odd - (2 * j + 1) * even;
    excess -= next * power;
    rest += (u * odd - 2 * j * even) * power;  // He_2j + He_2j+2
    odd = u * next - (2 * j + 2) * odd;
    even = next;
    power *= T * T / ((2 * j + 2) * (2 * j + 3));
  }
  const double scale = 2.0 * near;
  return {1.0 - scale * dropped, scale * dropped, u * (scale * drift),
          scale * excess,        scale * rest,    scale * (u * drift + excess)};
}

constexpr Size kBetweenLooks = kChunk << 12;  // some milliseconds

/// Moments of n <= kChunk coordinates.
struct Chunk {
  double share[kChunk], dropped[kChunk], drift[kChunk], excess[kChunk], rest[kChunk], slope[kChunk];

  void compute(Size n, double t, const double* r, const double* u) {
    double U[kChunk], T[kChunk];
    for (Size i = 0; i < n; ++i) {
      U[i] = u[i];
      T[i] = t * r[i];
    }
    for (Size i = n; i < kChunk; ++i) U[i] = T[i] = 1.0;
    for (int i = 0; i < kChunk; ++i) {
      const Moments m = truncated_moments(U[i], T[i]);
      share[i] = m.share;
      dropped[i] = m.dropped;
      drift[i] = m.drift;
      excess[i] = m.excess;
      rest[i] = m.rest;
      slope[i] = m.slope;
    }
    int close = 0;
    for (int i = 0; i < kChunk; ++i) close |= T[i] * (1.0 + U[i]) < 0.25;
    if (!close) return;
    for (int i = 0; i < kChunk; ++i) {
      if (T[i] * (1.0 + U[i]) >= 0.25) continue;
      const Moments m = truncated_series(U[i], T[i]);
      share[i] = m.share;
      dropped[i] = m.dropped;
      drift[i] = m.drift;
      excess[i] = m.excess;
      rest[i] = m.rest;
      slope[i] = m.slope;
    }
  }
};

}  // namespace

void truncated(Size n, double t, const double* r, const double* u, double* share, double* dropped,
               double* drift, double* excess, double* rest) {
  Chunk chunk;
  for (Size first = 0; first < n; first += kChunk) {
    if (first % kBetweenLooks == 0) look();
    const Size count = n - first < kChunk ? n - first : kChunk;
    chunk.compute(count, t, r + first, u + first);
    for (Size i = 0; i < count; ++i) {
      share[first + i] = chunk.share[i];
      dropped[first + i] = chunk.dropped[i];
      drift[first + i] = chunk.drift[i];
      excess[first + i] = chunk.excess[i];
      rest[first + i] = chunk.rest[i];
    }
  }
}

void truncated_sums(Size n, double t, const double* r, const double* u, const double* weight,
                    double* sums) {
  double total[3][kLanes] = {};
  Chunk chunk;
  for (Size first = 0; first < n; first += kChunk) {
    if (first % kBetweenLooks == 0) look();
    const Size count = n - first < kChunk ? n - first : kChunk;
    chunk.compute(count, t, r + first, u + first);
    double w[kChunk] = {};
    for (Size i = 0; i < count; ++i) w[i] = weight[first + i];
    double part[3][kLanes] = {};
    for (int i = 0; i < kChunk; i += kLanes)
      for (int l = 0; l < kLanes; ++l) {
        part[0][l] += w[i + l] * chunk.share[i + l];
        part[1][l] += w[i + l] * chunk.dropped[i + l];
        part[2][l] += w[i + l] * chunk.slope[i + l];
      }
    for (int k = 0; k < 3; ++k)
      for (int l = 0; l < kLanes; ++l) total[k][l] += part[k][l];
  }
  for (int k = 0; k < 3; ++k) {
    sums[k] = 0.0;
    for (int l = 0; l < kLanes; ++l) sums[k] += total[k][l];
  }
}

OVERPRUNE_END_LEVEL
