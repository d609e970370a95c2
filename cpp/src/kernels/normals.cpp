// Uniforms and normals from Philox blocks, with the same bits at every level and on every machine.
//
// Block b gives two 53-bit integers: words (0, 1) and words (2, 3). Normals 2b and 2b+1 are their Box-Muller
// pair. log, sin and cos are spelled out in additions, multiplications, divisions and square roots, which
// IEEE 754 rounds alike everywhere, and this file is compiled without contraction to fused multiply-adds. The
// polynomials are those of Sun's fdlibm (errors below one unit in the last place).
#include <math.h>

#include "kernels/level.hpp"
#include "kernels/philox.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr int kLanes = 16;
constexpr double kTwo32 = 0x1p-32, kTwo53 = 0x1p-53;

double from_bits(std::uint64_t bits) { return __builtin_bit_cast(double, bits); }
std::uint64_t to_bits(double value) { return __builtin_bit_cast(std::uint64_t, value); }

/// An integer below 2^52 as a double, without a conversion instruction that not every level has.
double exact(std::uint64_t integer) { return from_bits(integer | 0x4330000000000000U) - 0x1p52; }

/// (53-bit integer made of two words) * 2^-53, exactly.
double unit(std::uint64_t high, std::uint64_t low) {
  return exact(high) * kTwo32 + exact((low & 0xFFFFFFFFU) >> 11) * kTwo53;
}

/// log(u) for 2^-53 <= u <= 1.
double log_unit(double u) {
  constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  const std::uint64_t bits = to_bits(u);
  const std::uint64_t shifted =
      bits - 0x3FE6A09E00000000U;  // so that the fraction lands in [sqrt(1/2), sqrt(2))
  const std::uint64_t exponent = (shifted + (std::uint64_t{128} << 52)) >> 52;  // e + 128 > 0
  const double e = exact(exponent & 0xFFFU) - 128.0;
  const double f = from_bits(bits - (shifted & 0xFFF0000000000000U)) - 1.0;
  const double s = f / (2.0 + f), z = s * s, w = z * z;
  const double even =
      w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double odd =
      z * (6.666666666666735130e-01 +
           w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double half = 0.5 * f * f;
  return e * ln2_high - ((half - (s * (half + (even + odd)) + e * ln2_low)) - f);
}

struct SinCos {
  double sin, cos;
};

/// sin and cos of 2 pi v for 0 <= v < 1.
SinCos sincos_turns(double v) {
  constexpr double round = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  const double y = 4.0 * v, rounded = y + round;
  const std::uint64_t quadrant = to_bits(rounded) & 3U;
  const double x = (y - (rounded - round)) * 1.57079632679489661923, z = x * x;
  const double sine =
      x + x * z *
              (-1.66666666666666324348e-01 +
               z * (8.33333333332248946124e-03 +
                    z * (-1.98412698298579493134e-04 +
                         z * (2.75573137070700676789e-06 +
                              z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
  const double cosine =
      1.0 -
      (0.5 * z - z * z *
                     (4.16666666666666019037e-02 +
                      z * (-1.38888888888741095749e-03 +
                           z * (2.48015872894767294178e-05 +
                                z * (-2.75573143513906633035e-07 +
                                     z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))))));
  const std::uint64_t swap = std::uint64_t{0} - (quadrant & 1U);
  const std::uint64_t sine_bits = to_bits(sine), cosine_bits = to_bits(cosine);
  const std::uint64_t s = (sine_bits & ~swap) | (cosine_bits & swap);
  const std::uint64_t c = (cosine_bits & ~swap) | (sine_bits & swap);
  return {from_bits(s ^ ((quadrant & 2U) << 62)), from_bits(c ^ (((quadrant + 1U) & 2U) << 62))};
}

/// The 2 * kLanes uniforms of blocks first, ..., first + kLanes - 1.
void uniform_pairs(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t first,
                   double* out) {
  const Blocks<kLanes> blocks(seed, stream, purpose, first);
  for (int l = 0; l < kLanes; ++l) {
    out[2 * l] = unit(blocks.word[0][l], blocks.word[1][l]);
    out[2 * l + 1] = unit(blocks.word[2][l], blocks.word[3][l]);
  }
}

/// The 2 * kLanes normals of blocks first, ..., first + kLanes - 1.
void normal_pairs(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t first,
                  double* out) {
  const Blocks<kLanes> blocks(seed, stream, purpose, first);
  for (int l = 0; l < kLanes; ++l) {
    const double u = unit(blocks.word[0][l], blocks.word[1][l]) + kTwo53;  // (0, 1]
    const double radius = __builtin_sqrt(-2.0 * log_unit(u));
    const SinCos angle = sincos_turns(unit(blocks.word[2][l], blocks.word[3][l]));
    out[2 * l] = radius * angle.cos;
    out[2 * l + 1] = radius * angle.sin;
  }
}

/// Copies values first, ..., first + count - 1 of an infinite sequence made 2 * kLanes at a time.
template <class Generate>
void fill(std::uint64_t first, Size count, double* out, Generate generate) {
  constexpr Size chunk = 2 * kLanes;
  double buffer[chunk];
  std::uint64_t block = first / 2;
  Size skip = static_cast<Size>(first % 2);
  for (Size done = 0; done < count;) {
    const Size take = count - done < chunk - skip ? count - done : chunk - skip;
    if (skip == 0 && take == chunk) {
      generate(block, out + done);
    } else {
      generate(block, buffer);
      for (Size i = 0; i < take; ++i) out[done + i] = buffer[skip + i];
    }
    done += take;
    block += kLanes;
    skip = 0;
  }
}

}  // namespace

void normals(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t first, Size count,
             double* out) {
  fill(first, count, out,
       [=](std::uint64_t block, double* to) { normal_pairs(seed, stream, purpose, block, to); });
}

void uniforms(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t first,
              Size count, double* out) {
  fill(first, count, out,
       [=](std::uint64_t block, double* to) { uniform_pairs(seed, stream, purpose, block, to); });
}

OVERPRUNE_END_LEVEL
