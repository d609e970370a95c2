// A loop of multiply-adds and nothing else, in registers. Compiled once per level.
#include "peak.hpp"

#if defined(__AVX512F__)
#define OVERPRUNE_VECTOR_BYTES 64
#elif defined(__AVX__)
#define OVERPRUNE_VECTOR_BYTES 32
#else
#define OVERPRUNE_VECTOR_BYTES 16
#endif

namespace overprune::bench::OVERPRUNE_LEVEL {
namespace {

using Vector __attribute__((vector_size(OVERPRUNE_VECTOR_BYTES))) = double;
constexpr int kLanes = OVERPRUNE_VECTOR_BYTES / sizeof(double);
// Two a cycle, each ready after four to six: twelve chains are enough, and fit into sixteen
// registers.
constexpr int kChains = 12;

double multiply_add(std::ptrdiff_t rounds, double factor, double term) {
  Vector chain[kChains], a{}, b{};
  for (int l = 0; l < kLanes; ++l) a[l] = factor, b[l] = term;
  for (int c = 0; c < kChains; ++c) chain[c] = b * static_cast<double>(c);
  for (std::ptrdiff_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chain[c] = chain[c] * a + b;
  }
  double sum = 0.0;
  for (int c = 0; c < kChains; ++c)
    for (int l = 0; l < kLanes; ++l) sum += chain[c][l];
  return sum;
}

}  // namespace

extern const PeakLoop loop;
const PeakLoop loop = {multiply_add, 2.0 * kChains * kLanes};

}  // namespace overprune::bench::OVERPRUNE_LEVEL
