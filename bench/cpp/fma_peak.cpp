// overprune_fma_peak [threads] [level] [seconds]: multiply-adds of that many threads at once, by
// the wall clock and by the processor's time, as one line of JSON. What a second thread gains here
// is what it can gain anywhere on this machine.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <latch>
#include <thread>
#include <vector>

#include "kernels/table.hpp"
#include "peak.hpp"

int main(int argc, char** argv) try {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const char* level = argc > 2 ? argv[2] : overprune::kernels::active().level;
  const double seconds = argc > 3 ? std::atof(argv[3]) : 0.25;
  if (threads < 1 || !(seconds > 0.0)) {
    std::fprintf(stderr, "usage: overprune_fma_peak [threads] [level] [seconds]\n");
    return 2;
  }
  const overprune::bench::PeakLoop& loop = overprune::bench::peak_loop(level);
  const double rounds = seconds * overprune::bench::peak_rate(level, 0.02) / loop.flops_per_round;
  std::latch ready(threads + 1);
  std::vector<double> sums(threads);
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      ready.arrive_and_wait();
      sums[t] = loop.multiply_add(static_cast<std::ptrdiff_t>(rounds), 0.999, 0.001);
    });
  ready.arrive_and_wait();
  const double busy = overprune::bench::processor_seconds();
  const auto start = std::chrono::steady_clock::now();
  for (std::thread& worker : workers) worker.join();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  for (const double sum : sums)
    if (!std::isfinite(sum)) return 1;
  const double used = overprune::bench::processor_seconds() - busy;
  const double gflop = 1e-9 * rounds * loop.flops_per_round * threads;
  std::printf(
      "{\"level\": \"%s\", \"threads\": %d, \"gflops\": %.3f, \"gflops_per_processor_second\": "
      "%.3f}\n",
      level, threads, gflop / elapsed.count(), gflop / used);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
