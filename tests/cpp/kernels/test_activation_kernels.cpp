// The activations of every level: the same bits, lengths that fill no register, and the ends of the
// doubles.
#include <limits>

#include "kernels/table.hpp"
#include "overprune/activation.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace reference;
using overprune::Activation;
using overprune::kernels::supported;

namespace {

constexpr Activation kAll[] = {Activation::identity, Activation::relu, Activation::sign,
                               Activation::erf,      Activation::cos,  Activation::tanh,
                               Activation::gelu};

/// Normals of all scales and special points.
Values points(Index count) {
  Values z = normals(count, 1);
  for (Index i = 0; i < count; ++i) z[i] *= std::exp2(static_cast<double>(i % 41) - 30.0);
  const Values special = {0.0, -0.0, 1.0, -1.0, 5e-324, -2e-308, 1e7, -1e300};
  for (std::size_t i = 0; i < special.size() && 3 * i < z.size(); ++i) z[3 * i] = special[i];
  return z;
}

}  // namespace

TEST_CASE(
    "activations: the same bits at every level, whatever the length and the leading dimension") {
  const double bias[] = {0.0, 0.75};
  for (const Activation activation : kAll)
    for (const Index m : {Index{1}, Index{2}, Index{7}, Index{16}, Index{17}, Index{1000}}) {
      const Index ld = m + 3;
      const Values z = points(2 * ld);
      Values first;
      for (int level = 0; const auto* kernel = supported(level); ++level) {
        INFO("level " << kernel->level << ", activation " << static_cast<int>(activation)
                      << ", rows " << m);
        Values x = z;
        kernel->activate(static_cast<int>(activation), m, 2, bias, x.data(), ld);
        for (Index i = m; i < 2 * ld; ++i)
          if (i < ld || i >= ld + m) CHECK(x[i] == z[i]);
        if (level == 0) first = x;
        CHECK(x == first);
        for (Index j = 0; j < 2; ++j)  // one by one
          for (Index i = 0; i < m; ++i) {
            double alone = z[j * ld + i];
            kernel->activate(static_cast<int>(activation), 1, 1, bias + j, &alone, 1);
            REQUIRE(x[j * ld + i] == alone);
          }
      }
    }
}

TEST_CASE("the logistic loss and weights: the same bits at every level, whatever the length") {
  for (const Index n : {1, 2, 3, 7, 8, 16, 17, 1000}) {
    const Values z = points(n), signs = normals(n, 2);
    Values labels(n), slopes, curvatures, products;
    for (Index i = 0; i < n; ++i) labels[i] = signs[i] < 0.0 ? -1.0 : 1.0;
    for (int level = 0; const auto* kernel = supported(level); ++level) {
      INFO("level " << kernel->level << ", n " << n);
      Values slope(n, 7.0), curvature(n, 7.0), product(n, 7.0);
      kernel->logistic(n, labels.data(), z.data(), slope.data(), curvature.data());
      kernel->weigh(n, 0.3, signs.data(), labels.data(), product.data());
      if (level == 0) {
        slopes = slope;
        curvatures = curvature;
        products = product;
      }
      CHECK(slope == slopes);
      CHECK(curvature == curvatures);
      CHECK(product == products);
      for (Index i = 0; i < n; ++i) {
        const double t = labels[i] * z[i], small = std::exp(-std::abs(t)), part = 1 / (1 + small);
        CHECK(slope[i] ==
              testing::Approx(-labels[i] * (t < 0.0 ? part : small * part)).epsilon(4e-15));
        CHECK(std::abs(curvature[i] - small * part * part) <= 4e-15 * small * part * part + 1e-300);
        CHECK(product[i] == testing::Approx(0.3 * signs[i] * labels[i]).epsilon(4e-16));
      }
      kernel->weigh(n, 1.0, signs.data(), product.data(), product.data());
      CHECK(product[n - 1] == signs[n - 1] * products[n - 1]);
    }
  }
}

TEST_CASE("activations of infinities and NaN") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (int level = 0; const auto* kernel = supported(level); ++level) {
    INFO("level " << kernel->level);
    const auto phi = [&](Activation activation, double z) {
      kernel->activate(static_cast<int>(activation), 1, 1, nullptr, &z, 1);
      return z;
    };
    for (const Activation bounded : {Activation::sign, Activation::erf, Activation::tanh}) {
      CHECK(phi(bounded, infinity) == 1.0);
      CHECK(phi(bounded, -infinity) == -1.0);
    }
    CHECK(phi(Activation::relu, infinity) == infinity);
    CHECK(phi(Activation::gelu, infinity) == infinity);
    CHECK(std::isnan(phi(Activation::cos, infinity)));
    for (const Activation smooth :
         {Activation::erf, Activation::cos, Activation::tanh, Activation::gelu})
      CHECK(std::isnan(phi(smooth, std::numeric_limits<double>::quiet_NaN())));
    for (const Activation odd : {Activation::tanh, Activation::erf}) {
      CHECK(std::signbit(phi(odd, -0.0)));
      CHECK_FALSE(std::signbit(phi(odd, 0.0)));
    }
  }
}
