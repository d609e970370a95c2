// Whole paths through the public API, at the level in use. Shapes are n, p.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "overprune/least_squares.hpp"
#include "overprune/simulate.hpp"
#include "work.hpp"

namespace overprune::bench {
namespace {

/// 40 sizes from p / 20 (p / 24 from p = 8000 on) to p.
Indices sizes_up_to(Index p) {
  const double first = static_cast<double>(p >= 8000 ? p / 24 : p / 20),
               last = static_cast<double>(p);
  Indices sizes;
  for (int i = 0; i < 40; ++i)
    sizes.push_back(static_cast<Index>(first + (last - first) * i / 39.0));
  return sizes;
}

Indices three_of(Index n) { return {n / 6, n / 3, n / 2}; }

Indices counting_to(Index last) {
  Indices all(last);
  std::iota(all.begin(), all.end(), 1);
  return all;
}

/// Operations as bench/python/cost.py counts them.
double path_flops(Index rows, const Indices& sizes) {
  const auto qr = [](double height, double k) {
    return 2.0 * height * k * k - 2.0 * k * k * k / 3.0;
  };
  const double n = static_cast<double>(rows);
  const auto wide = std::upper_bound(sizes.begin(), sizes.end(), rows);
  double flops = wide == sizes.begin() ? 0.0 : qr(n, static_cast<double>(wide[-1]));
  if (wide != sizes.end())
    flops += qr(n, n) + 2.0 * n * n * (static_cast<double>(sizes.back()) - n);
  for (auto size = wide; size != sizes.end(); ++size)
    flops += 6.0 * n * static_cast<double>(*size) + 8.0 * n * n;
  return flops;
}

double retrain_flops(Index rows, const Indices& nonzeros) {
  const double n = static_cast<double>(rows), most = static_cast<double>(nonzeros.back());
  double flops = n * most * most + most * most * most / 3.0;
  for (const Index each : nonzeros) {
    const double s = static_cast<double>(each);
    flops += 4.0 * n * s + 6.0 * s * s;
  }
  return flops;
}

Work least_squares_work(const Shape& shape) {
  const Index n = shape[0], p = shape[1];
  const Indices sizes = sizes_up_to(p);
  return {[n, p, sizes, x = normals(n * p), y = normals(n, 2),
           theta = Values(static_cast<Index>(sizes.size()) * p)]() mutable {
            least_squares_path(column_major(x.data(), n, p), column_major(y.data(), n, 1), sizes,
                               0.0, theta.data());
          },
          path_flops(n, sizes)};
}

Work retrain_work(const Shape& shape, const Indices& nonzeros) {
  const Index n = shape[0], p = shape[1];
  Indices order(p);
  for (Index i = 0; i < p; ++i) order[i] = p - 1 - i;
  return {[n, p, order, nonzeros, x = normals(n * p), y = normals(n, 2),
           theta = Values(static_cast<Index>(nonzeros.size()) * p)]() mutable {
            retrain_path(column_major(x.data(), n, p), column_major(y.data(), n, 1), order,
                         nonzeros, 0.0, theta.data());
          },
          retrain_flops(n, nonzeros)};
}

/// One trial: drawing, fitting, pruning, retraining, risk.
Work simulate_work(const Shape& shape, Indices (*nonzeros_of)(Index)) {
  const Index n = shape[0], p = shape[1];
  Grid grid;
  grid.sizes = sizes_up_to(p);
  grid.nonzeros = nonzeros_of(n);
  grid.rules = {Rule::magnitude};
  const Values beta(p, 1.0 / std::sqrt(static_cast<double>(p))), variances(p, 1.0);
  const auto problem = std::make_shared<LinearGaussianProblem>(
      column_major(beta.data(), p, 1), ConstVector{variances.data(), p, 1}, 0.3);
  Trials trials;
  trials.n = n;
  trials.count = 1;
  double flops = path_flops(n, grid.sizes);
  for (const Index size : grid.sizes) {
    Indices fitting;
    for (const Index s : grid.nonzeros)
      if (s <= size) fitting.push_back(s);
    if (!fitting.empty()) flops += retrain_flops(n, fitting);
  }
  return {[problem, grid, trials]() mutable {
            simulate(*problem, grid, trials);
            ++trials.first;
          },
          flops};
}

}  // namespace

void add_paths() {
  const std::vector<Shape> shapes = {{300, 1000}, {300, 3000}, {2000, 8000}};
  path("least_squares_path", shapes, least_squares_work);
  path("retrain_path_three", shapes,
       [](const Shape& s) { return retrain_work(s, three_of(s[0])); });
  path("retrain_path_every", {shapes[0], shapes[1]},
       [](const Shape& s) { return retrain_work(s, counting_to(s[0] / 2)); });
  path("simulate_three", shapes, [](const Shape& s) { return simulate_work(s, three_of); });
  path("simulate_every", {shapes[0], shapes[1]},
       [](const Shape& s) { return simulate_work(s, [](Index n) { return counting_to(n / 2); }); });
}

}  // namespace overprune::bench
