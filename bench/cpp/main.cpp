// Each benchmark reports GFLOP/s by the processor's time and their share of the peak of
// multiply-adds at its level, measured right before and right after it.
#include <benchmark/benchmark.h>

#include <sstream>

#include "peak.hpp"
#include "work.hpp"

namespace overprune::bench {
namespace {

std::string full_name(const std::string& name, const char* level, const Shape& shape) {
  std::ostringstream full;
  full << name << '/' << level;
  for (const Index extent : shape) full << '/' << extent;
  return full.str();
}

void measure(benchmark::State& state, const char* level, const std::function<Work()>& make) {
  const Work work = make();
  work.run();  // allocates what is kept, fills the caches
  if (work.reset) work.reset();
  const double before = peak_rate(level);
  double busy = 0.0, start = processor_seconds();
  for (auto _ : state) {
    if (work.reset) {
      state.PauseTiming();
      busy += processor_seconds() - start;
      work.reset();
      start = processor_seconds();
      state.ResumeTiming();
    }
    work.run();
  }
  busy += processor_seconds() - start;
  const double peak = 0.5 * (before + peak_rate(level));
  const double each = busy / static_cast<double>(state.iterations());
  if (work.flops > 0.0) {
    state.counters["GFLOP/s"] = 1e-9 * work.flops / each;
    state.counters["of_peak"] = work.flops / each / peak;
  } else if (work.items > 0.0) {
    state.counters["ns/item"] = 1e9 * each / work.items;
  }
}

benchmark::internal::Benchmark* add(const std::string& name, const char* level, const Shape& shape,
                                    const std::function<Work()>& make) {
  return benchmark::RegisterBenchmark(
             full_name(name, level, shape).c_str(),
             [level, make](benchmark::State& state) { measure(state, level, make); })
      ->Unit(benchmark::kMicrosecond);
}

void add_peak() {
  for (int i = 0; const kernels::Table* table = kernels::supported(i); ++i)
    add("fma", table->level, {}, [level = table->level] {
      const PeakLoop& loop = peak_loop(level);
      constexpr std::ptrdiff_t kRounds = 100000;
      return Work{[&loop] { benchmark::DoNotOptimize(loop.multiply_add(kRounds, 0.999, 0.001)); },
                  loop.flops_per_round * static_cast<double>(kRounds)};
    });
}

}  // namespace

void kernel(const std::string& name, const std::vector<Shape>& shapes,
            const std::function<Work(const kernels::Table&, const Shape&)>& make) {
  for (int i = 0; const kernels::Table* table = kernels::supported(i); ++i)
    for (const Shape& shape : shapes)
      add(name, table->level, shape, [table, shape, make] { return make(*table, shape); });
}

void path(const std::string& name, const std::vector<Shape>& shapes,
          const std::function<Work(const Shape&)>& make) {
  for (const Shape& shape : shapes)
    add(name, kernels::active().level, shape, [shape, make] {
      return make(shape);
    })->MeasureProcessCPUTime();  // `simulate` works in threads of its own
}

}  // namespace overprune::bench

int main(int argc, char** argv) {
  using namespace overprune::bench;
  // Short by default: there are many. A later flag of the caller's wins.
  std::string shortest = "--benchmark_min_time=0.1";
  std::vector<char*> arguments(argv, argv + argc);
  arguments.insert(arguments.begin() + 1, shortest.data());
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::AddCustomContext("kernel_level", overprune::kernels::active().level);
  add_peak();
  add_kernels();
  add_paths();
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
