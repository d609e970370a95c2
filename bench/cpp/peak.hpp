// The most multiply-adds a second that one core does at a level: what GFLOP/s of the kernels are
// fractions of.
#pragma once

#include <cstddef>

namespace overprune::bench {

struct PeakLoop {
  /// Chains of x -> x factor + term; the sum of what they end with, so that none is optimised away.
  double (*multiply_add)(std::ptrdiff_t rounds, double factor, double term);
  double flops_per_round;
};

/// The loop of that level. @throws std::invalid_argument for a level that is not compiled in
const PeakLoop& peak_loop(const char* level);

/// Flops a second of processor time, measured over at least so many seconds.
double peak_rate(const char* level, double seconds = 0.004);

/// Processor time of all threads so far, in seconds.
double processor_seconds();

}  // namespace overprune::bench
