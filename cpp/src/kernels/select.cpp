// One pass over many numbers: which are at least a threshold, and whether all are finite.
#include "kernels/vectors.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

/// Bit l: not a[l] < b[l]; true where either is NaN.
OVERPRUNE_INLINE unsigned not_below(Real a, Real b) {
#if defined(__AVX512F__)
  return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_NLT_UQ);
#elif defined(__AVX2__)
  return static_cast<unsigned>(
      _mm256_movemask_pd(_mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_NLT_UQ)));
#elif defined(__SSE2__)
  return static_cast<unsigned>(_mm_movemask_pd(_mm_cmpnlt_pd((__m128d)a, (__m128d)b)));
#else
  unsigned mask = 0;
  for (int l = 0; l < kVector; ++l) mask |= static_cast<unsigned>(!(a[l] < b[l])) << l;
  return mask;
#endif
}

struct Found {
  double* values;
  Size* indices;
  Size count;

  OVERPRUNE_INLINE void add(double value, Size index) {
    values[count] = value;
    indices[count++] = index;
  }
};

/// The scores from position i on, one by one while there is room; returns where it ended.
OVERPRUNE_INLINE Size select_rest(Size i, Size n, const double* x, bool magnitude, double threshold,
                                  Size room, Found& found) {
  for (; i < n && found.count < room; ++i) {
    const double value = magnitude ? __builtin_fabs(x[i]) : x[i];
    if (!(value < threshold)) found.add(value, i);
  }
  return i;
}

}  // namespace

Size select_from(Size n, const double* x, bool magnitude, double threshold, Size first, Size room,
                 double* values, Size* indices, Size* end) {
  constexpr Size step = 4 * kVector;
  const Real bound = all(threshold);
  // all but the sign
  const Word kept_bits = all(magnitude ? ~std::uint64_t{0} >> 1 : ~std::uint64_t{0});
  Found found{values, indices, 0};
  Size i = first;
#if defined(__AVX512F__)
  Word number = all(static_cast<std::uint64_t>(first));
  for (int l = 0; l < kVector; ++l) number[l] += static_cast<std::uint64_t>(l);
#endif
  for (; i + step <= n && found.count + step <= room; i += step) {
#if defined(__AVX512F__)
    for (int v = 0; v < 4; ++v, number += kVector) {
      const Real value = real(bits(read(x + i + v * kVector)) & kept_bits);
      const unsigned mask = not_below(value, bound);
      _mm512_storeu_pd(values + found.count,
                       _mm512_maskz_compress_pd(static_cast<__mmask8>(mask), (__m512d)value));
      _mm512_storeu_si512(indices + found.count, _mm512_maskz_compress_epi64(
                                                     static_cast<__mmask8>(mask), (__m512i)number));
      found.count += __builtin_popcount(mask);
    }
#else
    unsigned mask = 0;
    for (int v = 0; v < 4; ++v)
      mask |= not_below(real(bits(read(x + i + v * kVector)) & kept_bits), bound) << (v * kVector);
    for (; mask != 0; mask &= mask - 1) {
      const Size at = i + __builtin_ctz(mask);
      found.add(magnitude ? __builtin_fabs(x[at]) : x[at], at);
    }
#endif
  }
  if (i + step > n) i = select_rest(i, n, x, magnitude, threshold, room, found);
  *end = i;
  return found.count;
}

bool all_finite(Size n, const double* x) {
  constexpr Size step = 4 * kVector, stretch = 128 * step;
  Size i = 0;
  while (i + step <= n) {
    // x * 0 is NaN where x is not finite, and a NaN stays in the sum.
    const Size end = n - i < stretch ? n : i + stretch;
    Real sum[4] = {};
    for (; i + step <= end; i += step)
      for (int v = 0; v < 4; ++v) sum[v] += read(x + i + v * kVector) * 0.0;
    const Real total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    for (int l = 0; l < kVector; ++l)
      if (total[l] != 0.0) return false;
  }
  for (; i < n; ++i)
    if (x[i] * 0.0 != 0.0) return false;
  return true;
}

OVERPRUNE_END_LEVEL
