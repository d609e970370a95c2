// Philox4x32-10 (Salmon et al., SC 2011), a counter-based generator: block b of a stream is a pure function
// of (seed, stream, purpose, b). Internal linkage, because it is compiled at several instruction-set levels.
#pragma once

#include <cstdint>

namespace overprune {
namespace {

constexpr std::uint32_t kMultiply0 = 0xD2511F53U, kMultiply1 = 0xCD9E8D57U;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9U, kWeyl1 = 0xBB67AE85U;

/// `Lanes` consecutive blocks at once, each four words of 32 bits in the low halves of `word[0..3][lane]`.
/// Counter of block b: (b mod 2^32, b / 2^32 + 2^16 purpose, stream mod 2^32, stream / 2^32); key: the seed.
template <int Lanes>
struct Blocks {
  std::uint64_t word[4][Lanes];

  Blocks(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t first) {
    for (int l = 0; l < Lanes; ++l) {
      const std::uint64_t block = first + static_cast<std::uint64_t>(l);
      word[0][l] = block & 0xFFFFFFFFU;
      word[1][l] = (block >> 32) | (static_cast<std::uint64_t>(purpose) << 16);
      word[2][l] = stream & 0xFFFFFFFFU;
      word[3][l] = stream >> 32;
    }
    std::uint32_t key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      for (int l = 0; l < Lanes; ++l) {
        const std::uint64_t product0 = (word[0][l] & 0xFFFFFFFFU) * kMultiply0;
        const std::uint64_t product1 = (word[2][l] & 0xFFFFFFFFU) * kMultiply1;
        word[0][l] = (product1 >> 32) ^ word[1][l] ^ key0;
        word[1][l] = product1 & 0xFFFFFFFFU;
        word[2][l] = (product0 >> 32) ^ word[3][l] ^ key1;
        word[3][l] = product0 & 0xFFFFFFFFU;
      }
      key0 += kWeyl0;
      key1 += kWeyl1;
    }
  }
};

}  // namespace
}  // namespace overprune
