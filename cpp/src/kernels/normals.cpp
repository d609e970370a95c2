// Uniforms and normals from Philox blocks, with the same bits at every level and on every machine.
//
// Block b gives two 53-bit integers: words (0, 1) and words (2, 3). Normals 2b and 2b+1 are their
// Box-Muller pair. log, sin and cos are spelled out in additions, multiplications, divisions and
// square roots, which IEEE 754 rounds alike everywhere, and this file is compiled without
// contraction to fused multiply-adds. The polynomials are those of Sun's fdlibm (errors below one
// unit in the last place).
#include "kernels/philox.hpp"
#include "kernels/vectors.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

// registers of blocks made at once: enough independent work to fill the pipelines
constexpr int kBatch = 4;
constexpr Size kBlocks = kBatch * kVector;

/// What the blocks of one call share: the keys of each round, the fixed words, and 0, 1, 2, ...
struct Stream {
  Word key[2 * kRounds], lane;
  std::uint64_t stream, purpose;

  Stream(std::uint64_t seed, std::uint64_t number, std::uint32_t use)
      : stream(number), purpose(use) {
    for (int l = 0; l < kVector; ++l) lane[l] = static_cast<std::uint64_t>(l);
    std::uint32_t key0 = static_cast<std::uint32_t>(seed),
                  key1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < kRounds; ++round, key0 += kWeyl0, key1 += kWeyl1) {
      key[2 * round] = all(std::uint64_t{key0});
      key[2 * round + 1] = all(std::uint64_t{key1});
    }
  }
};

/// Blocks first, ..., first + kBlocks - 1 (philox.hpp) for a multiple of kBlocks: their counters
/// differ in the first word only. The high halves of the words hold rubbish: products read low
/// halves only, and masking once at the end is cheaper than in every round.
struct Batch {
  Word word[4][kBatch];

  OVERPRUNE_INLINE Batch(const Stream& stream, std::uint64_t first) {
    for (int v = 0; v < kBatch; ++v) {
      word[0][v] = stream.lane + (first + static_cast<std::uint64_t>(v * kVector));
      word[1][v] = all((first >> 32) | (stream.purpose << 16));
      word[2][v] = all(stream.stream);
      word[3][v] = all(stream.stream >> 32);
    }
    const Word multiply0 = all(std::uint64_t{kMultiply0}),
               multiply1 = all(std::uint64_t{kMultiply1});
#pragma GCC unroll 10
    for (int round = 0; round < kRounds; ++round)
#pragma GCC unroll 4
      for (int v = 0; v < kBatch; ++v) {
        const Word product0 = low_product(word[0][v], multiply0),
                   product1 = low_product(word[2][v], multiply1);
        word[0][v] = xor3(product1 >> 32, word[1][v], stream.key[2 * round]);
        word[1][v] = product1;
        word[2][v] = xor3(product0 >> 32, word[3][v], stream.key[2 * round + 1]);
        word[3][v] = product0;
      }
  }
};

constexpr std::uint64_t bits_of(double value) { return __builtin_bit_cast(std::uint64_t, value); }

/// scale (i + offset) / 2^53 for the 53-bit integer i made of two words, exactly; scale a power of
/// two, offset 0 or 1. The words become the last bits of a number whose unit in the last place is
/// what they count.
OVERPRUNE_INLINE Real unit(Word high, Word low, double scale, double offset) {
  const double ones = scale * 0x1p20, parts = scale * 0x1p-1;
  const Real left = real(insert(high, 0xFFFFFFFFU, bits_of(ones))) - ones;
  const Real right =
      real(insert(low >> 11, 0x1FFFFFU, bits_of(parts))) - (parts - offset * scale * 0x1p-53);
  return left + right;
}

/// log(u) for 2^-53 <= u <= 1.
OVERPRUNE_INLINE Real log_unit(Real u) {
  constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  // so that the fraction lands in [sqrt(1/2), sqrt(2))
  constexpr std::uint64_t start = 0x3FE6A09E00000000U;
  const Word shifted = bits(u) + ((std::uint64_t{128} << 52) - start);  // exponent e + 128 > 0
  const Real e = real((shifted >> 52) | 0x4330000000000000U) - (0x1p52 + 128.0);
  const Real f = real((shifted & 0x000FFFFFFFFFFFFFU) + start) - 1.0;
  const Real s = f / (2.0 + f), z = s * s, w = z * z;
  const Real even = w * (3.999999999940941908e-01 +
                         w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const Real odd = z * (6.666666666666735130e-01 +
                        w * (2.857142874366239149e-01 +
                             w * (1.818357216161805012e-01 + w * 1.479819860510658591e-01)));
  const Real half = 0.5 * f * f;
  return e * ln2_high - ((half - (s * (half + (even + odd)) + e * ln2_low)) - f);
}

struct SinCos {
  Real sin, cos;
};

/// sin and cos of y quarter turns, 0 <= y < 4.
OVERPRUNE_INLINE SinCos sincos_quarters(Real y) {
  constexpr double round = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  const Real rounded = y + round;
  const Word quadrant = bits(rounded);
  const Real x = (y - (rounded - round)) * 1.57079632679489661923, z = x * x;
  const Real sine =
      x + x * z *
              (-1.66666666666666324348e-01 +
               z * (8.33333333332248946124e-03 +
                    z * (-1.98412698298579493134e-04 +
                         z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 +
                                                                z * 1.58969099521155010221e-10)))));
  const Real cosine =
      1.0 -
      (0.5 * z -
       z * z *
           (4.16666666666666019037e-02 +
            z * (-1.38888888888741095749e-03 +
                 z * (2.48015872894767294178e-05 +
                      z * (-2.75573143513906633035e-07 +
                           z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))))));
  const Word swap = Word{} - (quadrant & 1U);
  constexpr std::uint64_t sign = std::uint64_t{1} << 63;
  const Word s = choose(swap, bits(cosine), bits(sine)), c = choose(swap, bits(sine), bits(cosine));
  return {real(flip(s, quadrant << 62, sign)), real(flip(c, (quadrant + 1U) << 62, sign))};
}

/// The 2 kBlocks uniforms of blocks first, ..., first + kBlocks - 1.
void uniform_pairs(const Stream& stream, std::uint64_t first, double* out) {
  const Batch batch(stream, first);
  for (int v = 0; v < kBatch; ++v)
    store_pairs(unit(batch.word[0][v], batch.word[1][v], 1.0, 0.0),
                unit(batch.word[2][v], batch.word[3][v], 1.0, 0.0), out + 2 * kVector * v);
}

/// The 2 kBlocks normals of blocks first, ..., first + kBlocks - 1.
void normal_pairs(const Stream& stream, std::uint64_t first, double* out) {
  const Batch batch(stream, first);
#pragma GCC unroll 4
  for (int v = 0; v < kBatch; ++v) {
    const Real u = unit(batch.word[0][v], batch.word[1][v], 1.0, 1.0);  // (0, 1]
    const Real radius = square_root(-2.0 * log_unit(u));
    const SinCos angle = sincos_quarters(unit(batch.word[2][v], batch.word[3][v], 4.0, 0.0));
    store_pairs(radius * angle.cos, radius * angle.sin, out + 2 * kVector * v);
  }
}

/// Copies values first, ..., first + count - 1 of an infinite sequence made 2 kBlocks at a time.
template <class Generate>
void fill(std::uint64_t first, Size count, double* out, Generate generate) {
  constexpr Size chunk = 2 * kBlocks;
  double buffer[chunk];
  Size skip = static_cast<Size>(first % chunk);
  std::uint64_t block = first / chunk * kBlocks;
  for (Size done = 0; done < count; block += kBlocks, skip = 0) {
    const Size take = count - done < chunk - skip ? count - done : chunk - skip;
    if (take == chunk) {
      generate(block, out + done);
    } else {
      generate(block, buffer);
      memcpy(out + done, buffer + skip, sizeof(double) * static_cast<std::size_t>(take));
    }
    done += take;
  }
}

}  // namespace

void normals(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t first,
             Size count, double* out) {
  const Stream numbers(seed, stream, purpose);
  fill(first, count, out,
       [&](std::uint64_t block, double* to) { normal_pairs(numbers, block, to); });
}

void uniforms(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t first,
              Size count, double* out) {
  const Stream numbers(seed, stream, purpose);
  fill(first, count, out,
       [&](std::uint64_t block, double* to) { uniform_pairs(numbers, block, to); });
}

OVERPRUNE_END_LEVEL
