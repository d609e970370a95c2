// A worker allocates nothing once it has warmed up, and holds what worker_memory says. malloc and
// its kin are replaced by ones that count.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "overprune/classification.hpp"
#include "overprune/simulate.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

std::atomic<long> calls{0}, live{0}, peak{0};

void* counted(void* memory) {
  if (!memory) return memory;
  ++calls;
  const long now = live += static_cast<long>(malloc_usable_size(memory));
  long seen = peak;
  while (seen < now && !peak.compare_exchange_weak(seen, now)) {
  }
  return memory;
}

void gone(void* memory) {
  if (memory) live -= static_cast<long>(malloc_usable_size(memory));
}

}  // namespace

extern "C" {
void* __real_malloc(std::size_t);
void* __real_calloc(std::size_t, std::size_t);
void* __real_realloc(void*, std::size_t);
void* __real_aligned_alloc(std::size_t, std::size_t);
int __real_posix_memalign(void**, std::size_t, std::size_t);
void __real_free(void*);
void* __wrap_malloc(std::size_t size) { return counted(__real_malloc(size)); }
void* __wrap_calloc(std::size_t count, std::size_t size) {
  return counted(__real_calloc(count, size));
}
void* __wrap_realloc(void* memory, std::size_t size) {
  gone(memory);
  return counted(__real_realloc(memory, size));
}
void* __wrap_aligned_alloc(std::size_t align, std::size_t size) {
  return counted(__real_aligned_alloc(align, size));
}
int __wrap_posix_memalign(void** memory, std::size_t align, std::size_t size) {
  const int failed = __real_posix_memalign(memory, align, size);
  if (!failed) counted(*memory);
  return failed;
}
void __wrap_free(void* memory) {
  gone(memory);
  __real_free(memory);
}
}

namespace {
void* take(std::size_t size, std::size_t align = 16) {
  void* memory = align <= 16 ? __real_malloc(size + !size) : nullptr;
  if (align > 16 && __real_posix_memalign(&memory, align, size) != 0) memory = nullptr;
  return counted(memory);
}
void* take_or_throw(std::size_t size, std::size_t align = 16) {
  if (void* memory = take(size, align)) return memory;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return take_or_throw(size); }
void* operator new[](std::size_t size) { return take_or_throw(size); }
void* operator new(std::size_t size, std::align_val_t align) {
  return take_or_throw(size, std::size_t(align));
}
void* operator new[](std::size_t size, std::align_val_t align) {
  return take_or_throw(size, std::size_t(align));
}
void* operator new[](std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return take(size, std::size_t(align));
}
void operator delete(void* memory) noexcept { __wrap_free(memory); }
void operator delete[](void* memory) noexcept { __wrap_free(memory); }
void operator delete(void* memory, std::size_t) noexcept { __wrap_free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { __wrap_free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { __wrap_free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { __wrap_free(memory); }

namespace {

struct Seen {
  long calls, bytes;
};

Seen run(const Problem& problem, const Grid& grid, Index n, Index trials,
         Index design_limit = kDesignLimit) {
  const long calls_before = calls, live_before = live;
  peak = live_before;
  const RiskTable result = simulate(problem, grid, {n, 0, trials, 3, 1, false, design_limit});
  long results = 0;
  for (const Values& values : result.values) results += 8 * static_cast<long>(values.size());
  return {calls - calls_before, peak - live_before - results};
}

LinearGaussianProblem gaussian(Index p, Index m = 1) {
  const Values beta = normals(p * m, 1), variances(p, 1.5);
  return {column_major(beta.data(), p, m), vector_view(variances), 0.3};
}

LinearGaussianProblem correlated(Index p) {
  const Values beta = normals(p, 1);
  Values covariance(p * p, 0.2);
  for (Index i = 0; i < p; ++i) covariance[i * (p + 1)] = 1.0 + 0.01 * static_cast<double>(i);
  return {column_major(beta.data(), p, 1), column_major(covariance.data(), p, p), 0.3};
}

RandomFeatureProblem features(Index p, Index d) {
  const Values weights = normals(p * d, 1), teacher = normals(d, 2);
  return {column_major(weights.data(), p, d), vector_view(teacher), 0.1, Activation::relu, {}};
}

/// Of d inputs in 2 * 120 rows and two targets, with so many random features, or none.
DataProblem data(Index d, Index features) {
  const Values inputs = normals(120 * d, 3), targets = normals(120 * 2, 4);
  const ConstMatrix x = column_major(inputs.data(), 120, d),
                    y = column_major(targets.data(), 120, 2);
  return {{x, y, x, y}, false, features, Activation::relu, 0};
}

Grid grid_of(Indices sizes, Indices nonzeros, double ridge = 0.0) {
  return {std::move(sizes),
          std::move(nonzeros),
          {Rule::magnitude, Rule::hessian},
          true,
          ridge,
          ridge,
          false};
}

Grid forty(Index n, Index p, Indices nonzeros) {
  Indices sizes;
  for (Index i = 1; i <= 40; ++i) sizes.push_back(i * p / 40 + (i * p / 40 == n));
  return grid_of(std::move(sizes), std::move(nonzeros));
}

void check_steady(const Problem& problem) {
  for (const double ridge : {0.0, 0.1}) {
    const Grid grid = grid_of({10, 25, 70, 90, 200, 300}, {5, 8, 20, 60}, ridge);
    for (const Index limit : {kDesignLimit, Index{0}}) {
      run(problem, grid, 40, 1, limit);  // what is made once in a process
      CHECK(run(problem, grid, 40, 2, limit).calls == run(problem, grid, 40, 8, limit).calls);
    }
  }
}

}  // namespace

TEST_CASE("the steady state allocates nothing: Gaussian features") {
  check_steady(gaussian(300));
  check_steady(gaussian(300, 3));
  for (const bool given : {false, true}) {
    Grid grid = grid_of({10, 25, 70, 300}, {5, 8, 20});
    grid.rules = {Rule::lasso};
    if (given) grid.penalties.assign(12, 0.2);
    run(gaussian(300), grid, 40, 1);
    CHECK(run(gaussian(300), grid, 40, 2).calls == run(gaussian(300), grid, 40, 8).calls);
  }
  check_steady(correlated(300));
}

TEST_CASE("the steady state allocates nothing: float32 triangles") {
  const LinearGaussianProblem problem = gaussian(1700);
  for (const double ridge : {0.0, 0.1}) {
    const Grid grid = grid_of({800, 1000, 1200, 1400, 1700}, {20}, ridge);
    run(problem, grid, 768, 1);
    CHECK(run(problem, grid, 768, 2).calls == run(problem, grid, 768, 3).calls);
  }
}

TEST_CASE("the steady state allocates nothing: random features and data") {
  check_steady(features(300, 30));
  check_steady(data(300, 0));
  check_steady(data(30, 300));
}

namespace {

LinearClassificationProblem labels(Index p) {
  const Values beta = normals(p, 1), variances(p, 1.5);
  return {vector_view(beta), vector_view(variances), 0.3};
}

Grid with_loss(NamedLoss loss, Grid grid) {
  grid.ridge = grid.retrain_ridge = 0.1;
  grid.loss = loss;
  return grid;
}

}  // namespace

TEST_CASE("the steady state allocates nothing: classifiers") {
  const Values inputs = normals(120 * 300, 3);
  Values classes(120 * 3, 0.0);
  for (Index i = 0; i < 120; ++i) classes[i % 3 * 120 + i] = 1.0;
  const ConstMatrix x = column_major(inputs.data(), 120, 300),
                    y = column_major(classes.data(), 120, 3);
  const DataProblem digits({x, y, x, y}, true, 0, Activation::relu, 0);
  const LinearClassificationProblem teacher = labels(300);
  for (const NamedLoss loss : {NamedLoss::logistic, NamedLoss::hinge}) {
    const Grid grid = with_loss(loss, grid_of({10, 25, 70, 90, 200, 300}, {5, 8, 20, 60}));
    for (const Problem* problem :
         {static_cast<const Problem*>(&teacher), static_cast<const Problem*>(&digits)})
      for (const Index limit : {kDesignLimit, Index{0}}) {
        run(*problem, grid, 40, 1, limit);
        CHECK(run(*problem, grid, 40, 2, limit).calls == run(*problem, grid, 40, 8, limit).calls);
      }
  }
}

TEST_CASE("the peak is what worker_memory says") {
  const auto check = [](const Problem& problem, const Grid& grid, Index n,
                        Index design_limit = kDesignLimit) {
    const WorkerMemory told = worker_memory(problem, grid, n, design_limit);
    const Seen seen = run(problem, grid, n, 2, design_limit);
    CHECK((told.design == 0) == (design_limit == 0));
    const double ratio = static_cast<double>(seen.bytes) / static_cast<double>(told.total());
    INFO("n " << n << ", p " << problem.features() << ", m " << problem.targets() << ": seen "
              << seen.bytes << ", told " << told.total() << ", X " << told.design);
    CHECK(ratio > 0.85);
    CHECK(ratio < 1.15);
  };
  check(gaussian(1000), forty(300, 1000, {50, 100, 150}), 300);
  check(gaussian(3000), forty(300, 3000, {50, 100, 150}), 300);
  check(gaussian(400, 5), forty(100, 400, {20, 40}), 100);
  Grid lasso = forty(300, 1000, {20, 60});
  lasso.rules = {Rule::lasso};
  check(gaussian(1000), lasso, 300);
  check(gaussian(60), grid_of({10, 30, 60}, {5, 10, 20}), 100);
  check(gaussian(1800), grid_of({800, 1000, 1200, 1500, 1800}, {20}), 768);
  check(gaussian(1800), grid_of({800, 1000, 1200, 1500, 1800}, {20}), 768, 0);
  check(gaussian(3000), forty(300, 3000, {50, 100, 150}), 300, 0);
  check(gaussian(400, 5), forty(100, 400, {20, 40}), 100, 0);
  check(gaussian(100000), grid_of({100, 1000, 10000, 100000}, {100}), 100, 0);
  check(gaussian(100000), grid_of({50, 20000, 100000}, {50, 400, 20000}, 0.1), 100, 0);
  for (const Index limit : {kDesignLimit, Index{0}}) {
    check(correlated(700), forty(200, 700, {30, 60}), 200, limit);
    check(correlated(100), grid_of({20, 50, 100}, {10, 20}), 2000, limit);
    check(features(1500, 40), forty(300, 1500, {50, 100}), 300, limit);
    check(data(1500, 0), forty(100, 1500, {20, 50}), 100, limit);
    check(data(40, 1500), forty(100, 1500, {20, 50}), 100, limit);
  }
  for (const NamedLoss loss : {NamedLoss::logistic, NamedLoss::hinge}) {
    check(labels(1000), with_loss(loss, forty(300, 1000, {50, 100, 150})), 300);
    check(labels(60), with_loss(loss, grid_of({10, 30, 60}, {5, 10, 20})), 200);
    check(labels(20000), with_loss(loss, grid_of({100, 1000, 20000}, {50})), 100, 0);
  }
}

TEST_CASE("a worker needs at most three times the memory of its X") {
  for (const auto& [n, p] : {std::pair<Index, Index>{300, 1000}, {300, 3000}, {200, 800}}) {
    const WorkerMemory memory = worker_memory(gaussian(p), forty(n, p, {n / 6, n / 3, n / 2}), n);
    INFO("n " << n << ", p " << p << ": " << memory.design << " " << memory.sampler << " "
              << memory.engine);
    CHECK(memory.total() <= 3 * memory.design);
  }
}

TEST_CASE("bad grids and n are refused") {
  CHECK_THROWS_AS(worker_memory(gaussian(9), grid_of({10}, {5}), 5), std::invalid_argument);
  CHECK_THROWS_AS(worker_memory(gaussian(9), grid_of({9}, {5}), 0), std::invalid_argument);
}
