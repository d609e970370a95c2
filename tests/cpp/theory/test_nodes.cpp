#include <cmath>
#include <vector>

#include "base/normal.hpp"
#include "testing.hpp"
#include "theory/classes/nodes.hpp"

namespace {

using overprune::theory::Bend;
using overprune::theory::Nodes;

constexpr double kEnd = 8.3;

/// E of a function with poles at (at +- i distance) times a steep normal distribution function.
double integral(const Nodes& nodes, double at, double distance, double steep) {
  double sum = 0.0;
  for (std::size_t i = 0; i < nodes.x.size(); ++i) {
    const double x = nodes.x[i], away = (x - at) / distance;
    sum += nodes.weight[i] * overprune::normal::density(x) / (1.0 + away * away) *
           overprune::normal::lower_tail(steep * x);
  }
  return sum;
}

}  // namespace

TEST_CASE("nodes of analytic integrands agree with very fine even ones, and are few") {
  Nodes fine;
  for (double x = -kEnd; x < kEnd; x += 2e-4) {
    fine.x.push_back(x);
    fine.weight.push_back(2e-4);
  }
  for (const double distance : {3.0, 0.3, 0.02})
    for (const double steep : {0.1, 3.0, 100.0})
      for (const double at : {-1.5, 0.0, 4.0}) {
        Nodes nodes;
        const std::vector<Bend> bends{Bend::pole(at, distance), Bend::turn(0.0, 1.0 / steep)};
        nodes.analytic(-kEnd, kEnd, 1.0, 1.0 / std::hypot(1.0, steep), bends);
        CHECK(integral(nodes, at, distance, steep) ==
              testing::Approx(integral(fine, at, distance, steep)).epsilon(1e-9));
        CHECK(nodes.x.size() < 220);
      }
}

TEST_CASE("panels of nodes integrate polynomials between kinks") {
  Nodes nodes;
  nodes.panels({0.3, -5.0, 7.0}, -1.0, 2.0, 0.8);
  double length = 0.0, kinked = 0.0;
  for (std::size_t i = 0; i < nodes.x.size(); ++i) {
    CHECK((i == 0 || nodes.x[i] > nodes.x[i - 1]));
    length += nodes.weight[i];
    kinked += nodes.weight[i] * std::pow(std::abs(nodes.x[i] - 0.3), 7.0);
  }
  CHECK(length == testing::Approx(3.0).epsilon(1e-13));
  CHECK(kinked == testing::Approx((std::pow(1.3, 8.0) + std::pow(1.7, 8.0)) / 8.0).epsilon(1e-13));
  nodes.panels({}, 2.0, 1.0, 0.8);
  CHECK(nodes.x.empty());
}
