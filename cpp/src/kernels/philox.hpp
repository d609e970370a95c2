// Philox4x32-10 (Salmon et al., SC 2011), a counter-based generator: block b of a stream is a pure
// function of (seed, stream, purpose, b). Internal linkage, because it is compiled at several
// instruction-set levels.
#pragma once

#include <cstdint>

namespace overprune {
namespace {

constexpr std::uint32_t kMultiply0 = 0xD2511F53U, kMultiply1 = 0xCD9E8D57U;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9U, kWeyl1 = 0xBB67AE85U;
constexpr int kRounds = 10;

/// One block: four words of 32 bits in the low halves of `word`.
/// Counter of block b: (b mod 2^32, b / 2^32 + 2^16 purpose, stream mod 2^32, stream / 2^32); key:
/// the seed.
struct PhiloxBlock {
  std::uint64_t word[4];

  PhiloxBlock(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t block)
      : word{block & 0xFFFFFFFFU, (block >> 32) | (static_cast<std::uint64_t>(purpose) << 16),
             stream & 0xFFFFFFFFU, stream >> 32} {
    std::uint32_t key0 = static_cast<std::uint32_t>(seed),
                  key1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < kRounds; ++round, key0 += kWeyl0, key1 += kWeyl1) {
      const std::uint64_t product0 = word[0] * kMultiply0, product1 = word[2] * kMultiply1;
      word[0] = (product1 >> 32) ^ word[1] ^ key0;
      word[1] = product1 & 0xFFFFFFFFU;
      word[2] = (product0 >> 32) ^ word[3] ^ key1;
      word[3] = product0 & 0xFFFFFFFFU;
    }
  }
};

}  // namespace
}  // namespace overprune
