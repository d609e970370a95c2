// The level's vector registers as types with operators (GCC and Clang's vector extension), and the
// few operations that have no operator. Internal linkage: every level has its own.
#pragma once

#include <math.h>
#include <string.h>

#include "kernels/mills.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

OVERPRUNE_BEGIN_LEVEL
namespace {

#if defined(__AVX512F__)
constexpr int kVector = 8;  ///< doubles in a register
#elif defined(__AVX2__)
constexpr int kVector = 4;
#else
constexpr int kVector = 2;
#endif

using Real [[gnu::vector_size(8 * kVector)]] = double;
using Word [[gnu::vector_size(8 * kVector)]] = std::uint64_t;
/// what comparing gives: -1 or 0 in each lane
using Mask [[gnu::vector_size(8 * kVector)]] = std::int64_t;

OVERPRUNE_INLINE Real real(Word bits) { return (Real)bits; }
OVERPRUNE_INLINE Word bits(Real value) { return (Word)value; }
OVERPRUNE_INLINE Real all(double value) { return value - Real{}; }  // also of -0
OVERPRUNE_INLINE Word all(std::uint64_t value) { return Word{} + value; }

OVERPRUNE_INLINE Real load(const double* from) {
  Real value;
  memcpy(&value, from, sizeof value);
  return value;
}
OVERPRUNE_INLINE void store(Real value, double* to) { memcpy(to, &value, sizeof value); }

/// Products of the low halves of a and b.
OVERPRUNE_INLINE Word low_product(Word a, Word b) {
#if defined(__AVX512F__)
  return (Word)_mm512_maskz_mul_epu32(0xFF, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Word)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (Word)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xFFFFFFFFU) * (b & 0xFFFFFFFFU);
#endif
}

OVERPRUNE_INLINE Word xor3(Word a, Word b, Word c) {
#if defined(__AVX512F__)
  return (Word)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
#else
  return a ^ b ^ c;
#endif
}

/// The bits of `a` where `mask` has ones, those of `b` elsewhere.
OVERPRUNE_INLINE Word choose(Word mask, Word a, Word b) {
#if defined(__AVX512F__)
  return (Word)_mm512_ternarylogic_epi64((__m512i)mask, (__m512i)a, (__m512i)b, 0xCA);
#else
  return b ^ ((a ^ b) & mask);
#endif
}

/// (a & mask) | fixed, where fixed has no bit of the mask.
OVERPRUNE_INLINE Word insert(Word a, std::uint64_t mask, std::uint64_t fixed) {
#if defined(__AVX512F__)
  return choose(all(mask), a, all(fixed));
#else
  return (a & mask) | fixed;
#endif
}

/// a ^ (b & mask).
OVERPRUNE_INLINE Word flip(Word a, Word b, std::uint64_t mask) {
#if defined(__AVX512F__)
  return (Word)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)all(mask), 0x78);
#else
  return a ^ (b & mask);
#endif
}

OVERPRUNE_INLINE Real square_root(Real a) {
#if defined(__AVX512F__)
  return (Real)_mm512_maskz_sqrt_pd(0xFF, (__m512d)a);
#elif defined(__AVX2__)
  return (Real)_mm256_sqrt_pd((__m256d)a);
#elif defined(__SSE2__)
  return (Real)_mm_sqrt_pd((__m128d)a);
#else
  for (int l = 0; l < kVector; ++l) a[l] = __builtin_sqrt(a[l]);
  return a;
#endif
}

/// a[0], b[0], a[1], b[1], ... into 2 kVector numbers at `to`.
OVERPRUNE_INLINE void store_pairs(Real a, Real b, double* to) {
#if defined(__AVX512F__)
  store((Real)_mm512_permutex2var_pd((__m512d)a, _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0),
                                     (__m512d)b),
        to);
  store((Real)_mm512_permutex2var_pd((__m512d)a, _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4),
                                     (__m512d)b),
        to + 8);
#elif defined(__AVX2__)
  const __m256d low = _mm256_unpacklo_pd((__m256d)a, (__m256d)b),
                high = _mm256_unpackhi_pd((__m256d)a, (__m256d)b);
  store((Real)_mm256_permute2f128_pd(low, high, 0x20), to);
  store((Real)_mm256_permute2f128_pd(low, high, 0x31), to + 4);
#else
  for (int l = 0; l < kVector; ++l) {
    to[2 * l] = a[l];
    to[2 * l + 1] = b[l];
  }
#endif
}

}  // namespace
OVERPRUNE_END_LEVEL
