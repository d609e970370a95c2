#include "overprune/features.hpp"

#include <array>
#include <cmath>
#include <stdexcept>

#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

constexpr Activation kAll[] = {Activation::identity, Activation::relu, Activation::sign,
                               Activation::erf,      Activation::cos,  Activation::tanh,
                               Activation::gelu};

}  // namespace

TEST_CASE("features are the activation of the product, over several column blocks") {
  const Index n = 5, d = 7, p = 300;
  const Values a = normals(n * d, 1), r = normals(p * d, 2), bias = normals(p, 3);
  const Values z = product(a, transpose(r, p, d), n, d, p);
  Values out(n * p);
  random_features(column_major(a.data(), n, d), column_major(r.data(), p, d), Activation::tanh,
                  vector_view(bias), column_major(out.data(), n, p));
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < n; ++i)
      REQUIRE(out[j * n + i] == testing::Approx(std::tanh(z[j * n + i] + bias[j])));
}

TEST_CASE("features of every layout of inputs, weights and result") {
  const Index n = 6, d = 5, p = 8;
  const Values a = normals(n * d, 1), r = normals(p * d, 2), bias = normals(p, 3);
  const Values at = transpose(a, n, d), rt = transpose(r, p, d);
  const Values z = product(a, rt, n, d, p);
  Values apart(4 * n * d);  // every second row and column
  for (Index j = 0; j < d; ++j)
    for (Index i = 0; i < n; ++i) apart[2 * (2 * n * j + i)] = a[j * n + i];
  const ConstMatrix inputs[] = {
      column_major(a.data(), n, d), row_major(at.data(), n, d), {apart.data(), n, d, 2, 4 * n}};
  const ConstMatrix weights[] = {column_major(r.data(), p, d), row_major(rt.data(), p, d)};
  for (const ConstMatrix& left : inputs)
    for (const ConstMatrix& right : weights)
      for (const bool biased : {false, true}) {
        Values columns(n * p), rows(n * p), wide(4 * n * p, 9.0);
        const Matrix outs[] = {column_major(columns.data(), n, p),
                               row_major(rows.data(), n, p),
                               {wide.data(), n, p, 2 * p, 2}};
        for (const Matrix& out : outs) {
          random_features(left, right, Activation::tanh, biased ? vector_view(bias) : ConstVector{},
                          out);
          for (Index j = 0; j < p; ++j)
            for (Index i = 0; i < n; ++i)
              REQUIRE(out(i, j) ==
                      testing::Approx(std::tanh(z[j * n + i] + (biased ? bias[j] : 0.0))));
        }
      }
}

TEST_CASE("features of drawn weights are those of the same weights, for every layout and team") {
  const StreamKey key{3, 4, Purpose::features};
  // Several blocks of rows, a few rows, and one row, input and column.
  const Index shapes[][3] = {{5, 2100, 1003}, {7, 90, 600}, {300, 20, 97}, {4, 3, 8}, {1, 1, 1}};
  for (const auto& [n, d, p] : shapes) {
    INFO(n << " " << d << " " << p);
    const Values a = normals(n * d, 1), bias = normals(p, 2);
    Values r(p * d);
    standard_normal(key, 0, p * d, r.data());
    const double scale = 1.0 / std::sqrt(static_cast<double>(d));
    for (double& weight : r) weight *= scale;
    for (const bool named : {true, false}) {
      const ScalarFunction phi = named ? ScalarFunction(Activation::relu)
                                       : ScalarFunction("activation", [](double* z, Index count) {
                                           for (Index i = 0; i < count; ++i) z[i] = 2.0 * z[i];
                                         });
      Values expected(4 * n * p), found(4 * n * p);
      const auto views = [&](Values& out) {
        return std::array{column_major(out.data(), n, p), row_major(out.data(), n, p),
                          Matrix{out.data(), n, p, 2 * p, 2}};
      };
      for (int layout = 0; layout < 3; ++layout)
        for (const Index workers : {1, 2, 3, 7}) {
          random_features(column_major(a.data(), n, d), row_major(r.data(), p, d), phi,
                          vector_view(bias), views(expected)[layout]);
          random_features(column_major(a.data(), n, d), DrawnWeights{key, p}, phi,
                          vector_view(bias), views(found)[layout], workers);
          REQUIRE(found == expected);
        }
    }
  }
}

TEST_CASE("drawn weights that cannot be drawn are refused") {
  const Values a = normals(6, 1);
  Values out(6);
  const auto features = [&](StreamKey key, Index rows) {
    random_features(column_major(a.data(), 2, 3), DrawnWeights{key, rows}, Activation::relu, {},
                    column_major(out.data(), 2, rows));
  };
  CHECK_THROWS_AS(features({}, 0), std::invalid_argument);
  const Index many = Index{1} << 48;  // no result for no rows
  CHECK_THROWS_AS(random_features({nullptr, 0, 3, 1, 1}, DrawnWeights{{}, many}, Activation::relu,
                                  {}, {nullptr, 0, many, 1, 1}),
                  std::invalid_argument);
  CHECK_THROWS_AS(features({0, 0, static_cast<Purpose>(99)}, 3), std::invalid_argument);
}

TEST_CASE("second moments against Monte Carlo, for every activation with and without bias") {
  const Index d = 6, p = 5, draws = 200000;
  Values r = normals(p * d, 1);
  for (double& w : r) w *= 0.6;
  const Values teacher = normals(d, 3), a = normals(draws * d, 4),
               y = product(a, teacher, draws, d, 1);
  for (const double shift : {0.0, 0.7}) {
    Values bias = normals(p, 2);
    for (double& b : bias) b *= shift;
    for (const Activation activation : kAll) {
      INFO(name_of(activation) << " bias " << shift);
      Values x(draws * p), covariance(p * p), cross(p);
      random_features(column_major(a.data(), draws, d), column_major(r.data(), p, d), activation,
                      vector_view(bias), column_major(x.data(), draws, p));
      feature_moments(column_major(r.data(), p, d), activation, vector_view(bias),
                      vector_view(teacher), column_major(covariance.data(), p, p),
                      vector_view(cross));
      for (Index i = 0; i < p; ++i)
        for (Index j = 0; j <= p; ++j) {  // column p is the cross moment
          double mean = 0.0, square = 0.0;
          for (Index k = 0; k < draws; ++k) {
            const double v = x[i * draws + k] * (j < p ? x[j * draws + k] : y[k]);
            mean += v;
            square += v * v;
          }
          mean /= draws;
          const double error = std::sqrt((square / draws - mean * mean) / draws) + 1e-12;
          CHECK(std::abs(mean - (j < p ? covariance[j * p + i] : cross[i])) < 5.0 * error);
        }
    }
  }
}

TEST_CASE("closed forms that two routes must share") {
  const Index d = 3, p = 4;
  const Values r = normals(p * d, 1), teacher = normals(d, 2), zero(p, 0.0), nearly(p, 1e-9);
  for (const Activation activation : kAll) {
    INFO(name_of(activation));
    Values a(p * p), b(p * p), cross_a(p), cross_b(p);
    feature_moments(column_major(r.data(), p, d), activation, vector_view(zero),
                    vector_view(teacher), column_major(a.data(), p, p), vector_view(cross_a));
    feature_moments(column_major(r.data(), p, d), activation, vector_view(nearly),
                    vector_view(teacher), column_major(b.data(), p, p), vector_view(cross_b));
    CHECK(largest_difference(a, b) <
          1e-7);  // without bias: arc-cosine and arc-sine; with: quadrature
    CHECK(largest_difference(cross_a, cross_b) < 1e-7);
  }
}

TEST_CASE("a function of the caller's is as good as the named one, closed form or not") {
  const Index d = 3, p = 40;
  const Values r = normals(p * d, 1), teacher = normals(d, 2), bias = normals(p, 3);
  for (const Activation activation : kAll) {
    INFO(name_of(activation));
    const ScalarFunction named(activation);
    const ScalarFunction own("activation", [&](double* z, Index count) { named(z, count); });
    CHECK(!own.named());
    CHECK(!own.is(activation));
    Values a(p * p), b(p * p), cross_a(p), cross_b(p);
    const double power_a = feature_moments(column_major(r.data(), p, d), named, vector_view(bias),
                                           vector_view(teacher), column_major(a.data(), p, p),
                                           vector_view(cross_a), named);
    const double power_b =
        feature_moments(column_major(r.data(), p, d), own, vector_view(bias), vector_view(teacher),
                        column_major(b.data(), p, p), vector_view(cross_b), own);
    CHECK(largest_difference(a, b) < 1e-12);
    CHECK(largest_difference(cross_a, cross_b) < 1e-12);
    CHECK(power_a == testing::Approx(power_b).epsilon(1e-12));
    for (Index j = 0; j < p; ++j)
      for (Index i = 0; i < j; ++i) CHECK(b[j * p + i] == b[i * p + j]);
    Values x(5 * p), y(5 * p);
    const Values inputs = normals(5 * d, 4);
    for (auto [function, out] : {std::pair{&named, &x}, std::pair{&own, &y}})
      random_features(column_major(inputs.data(), 5, d), column_major(r.data(), p, d), *function,
                      vector_view(bias), column_major(out->data(), 5, p));
    CHECK(largest_difference(x, y) < 1e-15);
  }
}

TEST_CASE("functions that cannot be used say so, and their exceptions pass") {
  const Values r = {1.0, -0.5}, teacher = {1.0};
  Values covariance(4), cross(2);
  const auto moments = [&](const ScalarFunction& phi, const ScalarFunction& link) {
    feature_moments(column_major(r.data(), 2, 1), phi, {}, vector_view(teacher),
                    column_major(covariance.data(), 2, 2), vector_view(cross), link);
  };
  const auto each = [](auto f) {
    return [f](double* z, Index count) {
      for (Index i = 0; i < count; ++i) z[i] = f(z[i]);
    };
  };
  const ScalarFunction rough("activation", each([](double z) { return std::sin(1e9 * z); }));
  CHECK_THROWS_WITH_AS(moments(rough, Activation::identity),
                       testing::Contains("activation must be piecewise smooth"),
                       std::invalid_argument);
  const ScalarFunction log("link", each([](double z) { return std::log(z); }));
  CHECK_THROWS_WITH_AS(moments(Activation::relu, log),
                       testing::Contains("link must return finite numbers"), std::invalid_argument);
  const ScalarFunction thrower("link", [](double*, Index) { throw std::length_error("mine"); });
  CHECK_THROWS_AS(moments(Activation::relu, thrower), std::length_error);
}

TEST_CASE("names and bad input") {
  for (const Activation activation : kAll)
    CHECK(activation_from_name(name_of(activation)) == activation);
  CHECK_THROWS_AS(activation_from_name("swish"), std::invalid_argument);
  const Values r = {1.0, 0.0}, teacher = {1.0};
  Values covariance(4), cross(2);
  CHECK_THROWS_WITH_AS(
      feature_moments(column_major(r.data(), 2, 1), Activation::relu, {}, vector_view(teacher),
                      column_major(covariance.data(), 2, 2), vector_view(cross)),
      "weights must have no zero row, got one at index 1", std::invalid_argument);
  Values out(2);
  CHECK_THROWS_AS(random_features(column_major(r.data(), 1, 2), column_major(r.data(), 2, 1),
                                  Activation::relu, {}, column_major(out.data(), 1, 2)),
                  std::invalid_argument);
}
