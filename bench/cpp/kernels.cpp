// One call of `kernel` for every entry of the kernels' table.
#include <cmath>
#include <memory>

#include "overprune/activation.hpp"
#include "work.hpp"

namespace overprune::bench {
namespace {

using kernels::Table;

double product(const Shape& shape) {
  double result = 1.0;
  for (const Index extent : shape) result *= static_cast<double>(extent);
  return result;
}

double cube(Index n) {
  return static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
}

/// (n, n), column-major, both triangles well-conditioned.
Values triangle(Index n) {
  Values a = normals(n * n);
  for (double& value : a) value /= std::sqrt(static_cast<double>(n)) * 4.0;
  for (Index i = 0; i < n; ++i) a[i * n + i] = 1.0 + std::abs(a[i * n + i]);
  return a;
}

/// (n, n) symmetric and positive definite.
Values definite(Index n) {
  Values a = triangle(n);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < j; ++i) a[j * n + i] = a[i * n + j];
  for (Index i = 0; i < n; ++i) a[i * n + i] += 2.0;
  return a;
}

/// Positive numbers over two decades.
Values positive(Index n) {
  Values a = normals(n, 2);
  for (double& value : a) value = std::exp(value);
  return a;
}

/// Runs that overwrite `work`, restored from `original`.
Work in_place(double flops, std::function<void(double* work)> run, Values original) {
  struct State {
    Values original, work;
  };
  const auto state = std::make_shared<State>(State{original, original});
  return {[state, run = std::move(run)] { run(state->work.data()); }, flops, 0.0,
          [state] { state->work = state->original; }};
}

void add_products() {
  // X'a for one and for eight sizes, residuals, and squares.
  kernel("gemm",
         {{16, 16, 16},
          {64, 64, 64},
          {150, 150, 150},
          {300, 300, 300},
          {1000, 1000, 1000},
          {2000, 2000, 2000},
          {304, 24, 304},
          {300, 8, 1000},
          {2000, 8, 8000},
          {300, 1, 1000}},
         [](const Table& k, const Shape& s) {
           return Work{[&k, s, a = normals(s[0] * s[2]), b = normals(s[2] * s[1]),
                        c = Values(s[0] * s[1])]() mutable {
                         k.gemm(false, false, s[0], s[1], s[2], 1.0, a.data(), s[0], b.data(), s[2],
                                0.0, c.data(), s[0]);
                       },
                       2.0 * product(s)};
         });
  kernel("gemm_transposed",
         {{300, 300, 300}, {300, 300, 1000}, {1000, 8, 300}, {8000, 8, 2000}, {1000, 1, 300}},
         [](const Table& k, const Shape& s) {
           return Work{[&k, s, a = normals(s[0] * s[2]), b = normals(s[2] * s[1]),
                        c = Values(s[0] * s[1])]() mutable {
                         k.gemm(true, false, s[0], s[1], s[2], 1.0, a.data(), s[2], b.data(), s[2],
                                0.0, c.data(), s[0]);
                       },
                       2.0 * product(s)};
         });
  // What columns add to a Gram matrix of rows, as a full product.
  kernel("gemm_right_transposed",
         {{300, 300, 24}, {300, 300, 76}, {300, 300, 204}, {300, 300, 1000}},
         [](const Table& k, const Shape& s) {
           return Work{[&k, s, a = normals(s[0] * s[2]), b = normals(s[2] * s[1]),
                        c = Values(s[0] * s[1])]() mutable {
                         k.gemm(false, true, s[0], s[1], s[2], 1.0, a.data(), s[0], b.data(), s[1],
                                1.0, c.data(), s[0]);
                       },
                       2.0 * product(s)};
         });
  kernel("gram", {{50, 300}, {150, 300}, {300, 300}, {333, 2000}, {1000, 2000}, {1000, 4000}},
         [](const Table& k, const Shape& s) {
           return Work{[&k, s, a = normals(s[0] * s[1]), c = Values(s[0] * s[0])]() mutable {
                         k.gram(s[0], s[1], a.data(), s[1], c.data(), s[0]);
                       },
                       product({s[0], s[0] + 1, s[1]})};
         });
}

void add_factors() {
  kernel("solve_triangular", {{150, 1}, {300, 1}, {300, 8}, {300, 300}, {2000, 1}, {2000, 2000}},
         [](const Table& k, const Shape& s) {
           return in_place(
               product({s[0], s[0], s[1]}),
               [&k, s, t = triangle(s[0])](double* b) {
                 k.solve_triangular(false, true, s[0], s[1], t.data(), s[0], b, s[0]);
               },
               normals(s[0] * s[1]));
         });
  kernel("cholesky", {{150}, {300}, {1000}, {2000}}, [](const Table& k, const Shape& s) {
    return in_place(
        cube(s[0]) / 3.0, [&k, s](double* a) { k.cholesky(s[0], a, s[0]); }, definite(s[0]));
  });
  kernel("lq", {{304, 304}, {304, 1000}, {2000, 2000}}, [](const Table& k, const Shape& s) {
    return in_place(
        2.0 * product({s[0], s[0], s[1]}) - 2.0 / 3.0 * product({s[0], s[0], s[0]}),
        [&k, s](double* w) { k.lq(s[0], s[0], 0, s[1], w, s[0]); }, normals(s[0] * s[1]));
  });
  kernel("append_columns", {{304, 24}, {304, 76}, {304, 204}, {2000, 24}, {2000, 76}, {2000, 204}},
         [](const Table& k, const Shape& s) {  // L (n, n) and W (n, m) in one piece of memory
           Values both = triangle(s[0]), columns = normals(s[0] * s[1]);
           both.insert(both.end(), columns.begin(), columns.end());
           return in_place(
               2.0 * product({s[0], s[0], s[1]}),
               [&k, s](double* l) {
                 k.append_columns(s[0], s[1], l, s[0], l + s[0] * s[0], s[0], l, s[0]);
               },
               both);
         });
  kernel("min_norm", {{300, 299, 1}, {300, 301, 1}, {300, 1000, 1}},
         [](const Table& k, const Shape& s) {
           return Work{
               [&k, s, a = normals(s[0] * s[1]), b = normals(s[0] * s[2]),
                x = Values(s[1] * s[2])]() mutable {
                 double condition = 0.0;
                 k.min_norm(s[0], s[1], s[2], a.data(), s[0], b.data(), s[0], 1e-13, x.data(), s[1],
                            &condition);
               },
               // Two decompositions of Householder type: pivoted QR, then LQ of its triangle.
               2.0 * product({s[0], s[1], std::min(s[0], s[1])}) +
                   2.0 * cube(std::min(s[0], s[1])) / 3.0};
         });
}

void add_eigen() {
  kernel("symmetric_eigen", {{300}, {1000}}, [](const Table& k, const Shape& s) {
    return in_place(
        9.0 * cube(s[0]),  // LAPACK's count for the QR iteration with vectors
        [&k, s, values = Values(s[0])](double* a) mutable {
          k.symmetric_eigen(s[0], a, s[0], values.data());
        },
        definite(s[0]));
  });
  kernel("tridiagonalize", {{300, 1}, {1000, 1}}, [](const Table& k, const Shape& s) {
    return in_place(
        4.0 * cube(s[0]) / 3.0,
        [&k, s, diagonal = Values(s[0]), off = Values(s[0]), values = Values(s[0]),
         b = normals(s[0] * s[1])](double* a) mutable {
          k.tridiagonalize(s[0], a, s[0], diagonal.data(), off.data(), values.data(), s[1],
                           b.data(), s[0]);
        },
        definite(s[0]));
  });
}

void add_elementwise() {
  kernel("normals", {{10}, {1000}, {100000}}, [](const Table& k, const Shape& s) {
    return Work{[&k, s, out = Values(s[0])]() mutable { k.normals(1, 2, 3, 0, s[0], out.data()); },
                0.0, product(s)};
  });
  kernel("uniforms", {{10}, {1000}, {100000}}, [](const Table& k, const Shape& s) {
    return Work{[&k, s, out = Values(s[0])]() mutable { k.uniforms(1, 2, 3, 0, s[0], out.data()); },
                0.0, product(s)};
  });
  const std::pair<const char*, Activation> activations[] = {
      {"relu", Activation::relu}, {"erf", Activation::erf},   {"cos", Activation::cos},
      {"tanh", Activation::tanh}, {"gelu", Activation::gelu},
  };
  for (const auto& [name, activation] : activations)
    kernel(std::string("activate_") + name, {{300, 1000}},
           [activation = static_cast<int>(activation)](const Table& k, const Shape& s) {
             return Work{
                 [&k, s, activation, bias = normals(s[1]), x = normals(s[0] * s[1])]() mutable {
                   k.activate(activation, s[0], s[1], bias.data(), x.data(), s[0]);
                 },
                 0.0, product(s)};
           });
}

void add_theory() {
  kernel("resolvent_sums", {{1000}, {100000}}, [](const Table& k, const Shape& s) {
    return Work{[&k, s, lam = positive(s[0]), weight = positive(s[0])] {
                  double sums[6];
                  k.resolvent_sums(s[0], 1.0, lam.data(), weight.data(), sums);
                },
                0.0, product(s)};
  });
  kernel("truncated", {{1000}, {100000}}, [](const Table& k, const Shape& s) {
    return Work{[&k, s, r = positive(s[0]), u = positive(s[0]), out = Values(5 * s[0])]() mutable {
                  double* o = out.data();
                  k.truncated(s[0], 1.0, r.data(), u.data(), o, o + s[0], o + 2 * s[0],
                              o + 3 * s[0], o + 4 * s[0]);
                },
                0.0, product(s)};
  });
  kernel("truncated_sums", {{1000}, {100000}}, [](const Table& k, const Shape& s) {
    return Work{[&k, s, r = positive(s[0]), u = positive(s[0]), weight = positive(s[0])] {
                  double sums[3];
                  k.truncated_sums(s[0], 1.0, r.data(), u.data(), weight.data(), sums);
                },
                0.0, product(s)};
  });
}

}  // namespace

void add_kernels() {
  add_products();
  add_factors();
  add_eigen();
  add_elementwise();
  add_theory();
}

}  // namespace overprune::bench
