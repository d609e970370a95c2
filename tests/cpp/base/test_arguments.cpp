// Arguments that no public function may follow: null views, extents that are negative or that no
// memory holds, numbers that are no enumerator, indices that come twice (field case D5).
#include "testing.hpp"

#include <functional>
#include <limits>
#include <stdexcept>
#include <string>

#include "overprune/overprune.hpp"
#include "reference.hpp"

using namespace overprune;

namespace {

constexpr Index kHuge = std::numeric_limits<Index>::max() / 4;

/// The message of the std::invalid_argument that a call throws; "nothing" where it throws none.
std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing";
}

void check_refused(const char* argument, const std::function<void()>& call) {
  const std::string message = refusal(call);
  INFO(argument << ": " << message);
  CHECK(message.rfind(argument, 0) == 0);
}

/// Good arrays, of which one at a time is spoilt.
struct Arrays {
  std::vector<double> numbers = reference::normals(64, 3);
  std::vector<double> positive = std::vector<double>(64, 1.0);
  std::vector<double> space = std::vector<double>(64, 0.0);
  ConstMatrix matrix(Index rows, Index cols) const {
    return column_major(numbers.data(), rows, cols);
  }
  ConstVector vector(Index size) const { return {numbers.data(), size, 1}; }
  ConstVector variances(Index size) const { return {positive.data(), size, 1}; }
  Matrix out(Index rows, Index cols) { return column_major(space.data(), rows, cols); }
  Vector out(Index size) { return {space.data(), size, 1}; }
};

/// Every way to spoil a view.
std::vector<ConstMatrix> spoilt(ConstMatrix good) {
  ConstMatrix null = good, negative = good, long_one = good, wide = good, far = good;
  null.data = nullptr;
  negative.rows = -1;
  long_one.rows = kHuge;
  wide.cols = kHuge;
  far.col_stride = std::numeric_limits<Index>::min();
  return {null, negative, long_one, wide, far};
}
std::vector<ConstVector> spoilt(ConstVector good) {
  ConstVector null = good, negative = good, far = good;
  null.data = nullptr;
  negative.size = -1;
  far.stride = std::numeric_limits<Index>::max();
  return {null, negative, far};
}
Matrix writable(ConstMatrix view) {
  return {const_cast<double*>(view.data), view.rows, view.cols, view.row_stride, view.col_stride};
}
Vector writable(ConstVector view) {
  return {const_cast<double*>(view.data), view.size, view.stride};
}

}  // namespace

TEST_CASE("D5: views without data, or that no memory could hold, are refused by name") {
  Arrays a;
  for (const ConstMatrix bad : spoilt(a.matrix(4, 3))) {
    check_refused("theta", [&] { rank_scores(bad, {}, a.out(4)); });
    check_refused("theta", [&] { importance(Rule::magnitude, bad, {}, a.out(4)); });
    check_refused("theta", [&] { prune(bad, {0, 1}, a.out(4, 3)); });
    check_refused("pruned", [&] { prune(a.matrix(4, 3), {0, 1}, writable(bad)); });
    check_refused("inputs",
                  [&] { random_features(bad, a.matrix(5, 3), Activation::relu, {}, a.out(4, 5)); });
    check_refused("weights",
                  [&] { random_features(a.matrix(4, 3), bad, Activation::relu, {}, a.out(4, 4)); });
    check_refused("out", [&] {
      random_features(a.matrix(4, 2), a.matrix(3, 2), Activation::relu, {}, writable(bad));
    });
    check_refused("weight", [&] { prune_layer(bad, a.matrix(4, 3), {.nonzeros = 1}); });
    check_refused("inputs", [&] { prune_layer(a.matrix(4, 3), bad, {.nonzeros = 1}); });
    check_refused("values", [&] { all_finite(bad); });
    check_refused("beta", [&] { LinearGaussianProblem(bad, a.variances(4), 0.1); });
    check_refused("X", [&] { prune_path(bad, a.matrix(4, 1), {{3}, {2}, {Rule::hessian}}, {}); });
    check_refused("y", [&] { prune_path(a.matrix(4, 3), bad, {{3}, {2}, {Rule::hessian}}, {}); });
    check_refused("X", [&] { least_squares(bad, a.matrix(4, 1), 0.0, a.out(3, 1)); });
    check_refused("y", [&] { least_squares(a.matrix(4, 2), bad, 0.0, a.out(2, 3)); });
    check_refused("theta",
                  [&] { least_squares(a.matrix(2, 4), a.matrix(2, 3), 0.0, writable(bad)); });
    check_refused("X", [&] { least_squares_path(bad, a.matrix(4, 1), {3}, 0.0, a.space.data()); });
    check_refused("y",
                  [&] { retrain_path(a.matrix(4, 2), bad, {0, 1}, {1}, 0.0, a.space.data()); });
    check_refused("inputs", [&] {
      DataProblem({bad, a.matrix(4, 1), a.matrix(2, 3), a.matrix(2, 1)}, false, 0, Activation::relu,
                  0);
    });
    check_refused("test_targets", [&] {
      DataProblem({a.matrix(4, 2), a.matrix(4, 3), a.matrix(4, 2), bad}, false, 0, Activation::relu,
                  0);
    });
  }
}

TEST_CASE("views that a call does not read are refused like those that it does") {
  Arrays a;
  const auto with = [&](const RuleInputs& inputs) {
    prune_path(a.matrix(4, 3), a.matrix(4, 1), {{3}, {2}, {Rule::magnitude}}, inputs);
  };
  for (const ConstMatrix bad : spoilt(a.matrix(3, 3))) {
    RuleInputs covariance, truth;
    covariance.covariance = truth.truth = bad;
    check_refused("covariance", [&] { with(covariance); });
    check_refused("truth", [&] { with(truth); });
  }
  for (const ConstVector bad : spoilt(a.variances(3))) {
    RuleInputs curvature;
    curvature.curvature = bad;
    check_refused("curvature", [&] { with(curvature); });
  }
}

TEST_CASE("D5: the same of square matrices and of what is written") {
  Arrays a;
  const std::vector<double> unit = {1.0, 0.0, 0.0, 1.0};
  const ConstMatrix square = column_major(unit.data(), 2, 2);
  const LinearGaussianProblem problem(a.matrix(2, 1), square, 0.1);
  for (const ConstMatrix bad : spoilt(square)) {
    check_refused("covariance", [&] { LinearGaussianProblem(a.matrix(2, 1), bad, 0.1); });
    check_refused("noise_covariance",
                  [&] { LinearGaussianProblem(a.matrix(3, 2), a.variances(3), Noise(bad)); });
    check_refused("second_moment", [&] { prune_layer(a.matrix(3, 2), bad, 9, {.nonzeros = 1}); });
    check_refused("hessian", [&] { compensate(a.matrix(2, 1), {0}, bad, a.out(2, 1)); });
    check_refused("compensated", [&] { compensate(a.matrix(2, 2), {0}, square, writable(bad)); });
    check_refused("theta", [&] { problem.risk(bad, a.out(2)); });
    check_refused("x", [&] { problem.sample(2, 0, 0, writable(bad), a.out(2, 1)); });
    check_refused("weights",
                  [&] { RandomFeatureProblem(bad, a.vector(2), 0.1, Activation::relu, {}); });
    check_refused("covariance", [&] {
      feature_moments(a.matrix(2, 3), Activation::relu, {}, a.vector(3), writable(bad), a.out(2));
    });
    check_refused("test features", [&] {
      const TestSet test{bad, a.matrix(2, 1)};
      DrawOptions options;
      options.test = &test;
      predict(problem, 5, {{2}, {1}, {Rule::hessian}}, options);
    });
  }
  for (const ConstVector bad : spoilt(a.vector(2))) {
    check_refused("scores", [&] { top_k(bad, 1); });
    check_refused("scores", [&] { top_k_order(bad, 1); });
    check_refused("theta", [&] { top_k_magnitude(bad, 1); });
    check_refused("scores", [&] { rank_scores(a.matrix(2, 1), {}, writable(bad)); });
    check_refused("curvature", [&] { importance(Rule::hessian, a.matrix(2, 1), bad, a.out(2)); });
    check_refused("curvature", [&] { importance(Rule::magnitude, a.matrix(2, 1), bad, a.out(2)); });
    check_refused("eigenvalues", [&] { fixed_point(bad, 3, 0.0); });
    check_refused("eigenvalues", [&] { coefficient_law(bad, a.vector(2), 0.1, 3, 0.0); });
    check_refused("beta", [&] { coefficient_law(a.variances(2), bad, 0.1, 3, 0.0); });
    check_refused("beta", [&] { GroupedFeatures(a.variances(2), bad, 0.1); });
    check_refused("weights", [&] { GroupedFeatures({a.variances(2), bad, a.vector(2), {}, 0.1}); });
    check_refused("covariance", [&] { LinearGaussianProblem(a.matrix(2, 1), bad, 0.1); });
    check_refused("risk", [&] { problem.risk(a.matrix(2, 2), writable(bad)); });
    check_refused("teacher",
                  [&] { RandomFeatureProblem(a.matrix(3, 2), bad, 0.1, Activation::relu, {}); });
    check_refused("curvature", [&] {
      RuleInputs inputs;
      inputs.curvature = bad;
      prune_path(a.matrix(4, 2), a.matrix(4, 1), {{2}, {1}, {Rule::hessian}}, inputs);
    });
    check_refused("edges", [&] { coefficient_density(problem, {}, 1, false, bad, {0}, {}); });
  }
  check_refused("theta",
                [&] { least_squares_path(a.matrix(4, 2), a.matrix(4, 1), {2}, 0.0, nullptr); });
  check_refused("theta",
                [&] { retrain_path(a.matrix(4, 2), a.matrix(4, 1), {0}, {1}, 0.0, nullptr); });
  check_refused("out", [] { standard_normal({1, 2}, 0, 3, nullptr); });
  check_refused("out", [] { uniform({1, 2}, 0, 3, nullptr); });
  check_refused("scores", [&] { problem.oracle_scores(2, nullptr); });
  check_refused("values", [] { ScalarFunction(Activation::relu)(nullptr, 3); });
}

TEST_CASE("D5: views without elements may have no data") {
  Arrays a;
  CHECK(all_finite({}));
  CHECK(top_k(ConstVector{}, 0).empty());
  prune({nullptr, 0, 3}, {}, {nullptr, 0, 3});
  standard_normal({1, 2}, 0, 0, nullptr);
  random_features({nullptr, 0, 2}, a.matrix(3, 2), Activation::relu, {}, {nullptr, 0, 3});
}

TEST_CASE("D5: numbers that are no enumerator are refused") {
  Arrays a;
  const Rule rule = static_cast<Rule>(99);
  const Activation activation = static_cast<Activation>(-1);
  const std::vector<double> unit = {1.0, 0.5, 0.5, 1.0};
  const LinearGaussianProblem problem(a.matrix(2, 1), column_major(unit.data(), 2, 2), 0.1);
  CHECK_THROWS_WITH_AS(
      name_of(rule), "rule must be one of magnitude, hessian, oracle, random, lasso; got number 99",
      std::invalid_argument);
  check_refused("rule", [&] { name_of(static_cast<Rule>(-1)); });
  check_refused("activation", [&] { name_of(activation); });
  check_refused("activation", [&] { name_of(static_cast<Activation>(7)); });
  check_refused("rule", [&] { importance(rule, a.matrix(2, 1), a.vector(2), a.out(2)); });
  check_refused("rule", [&] { check_rules({Rule::hessian, rule}); });
  check_refused("rule",
                [&] { prune_path(a.matrix(4, 3), a.matrix(4, 1), {{3}, {2}, {rule}}, {}); });
  check_refused("rule", [&] { simulate(problem, {{2}, {1}, {rule}}, {5, 0, 1}); });
  check_refused("rule", [&] { predict(problem, 5, {{2}, {1}, {rule}}, {}); });
  check_refused("rule", [&] { predict(a.variances(2), a.vector(2), 0.1, 5, {{2}, {1}, {rule}}); });
  check_refused("rule", [&] {
    survival(GroupedFeatures(a.variances(2), a.vector(2), 0.1), 5, 2, 1, rule, 0.0);
  });
  check_refused("rule", [&] { survival(problem, {5, 2, rule}, {1}, {}); });
  check_refused("rule", [&] { sample_models(problem, {5, 2, rule}, 1, true, {}); });
  check_refused("rule", [&] { predict_schedule(problem, 5, {2, {1}, {rule}}, {}); });
  check_refused("rule",
                [&] { phase({GroupedFeatures(a.variances(2), a.vector(2), 0.1)}, {}, {{rule}}); });
  check_refused("activation", [&] {
    random_features(a.matrix(4, 3), a.matrix(5, 3), activation, {}, a.out(4, 5));
  });
  check_refused("activation",
                [&] { RandomFeatureProblem(a.matrix(3, 2), a.vector(2), 0.1, activation, {}); });
  check_refused("link", [&] {
    RandomFeatureProblem(a.matrix(3, 2), a.vector(2), 0.1, Activation::relu, {}, activation);
  });
  check_refused("activation", [&] {
    DataProblem({a.matrix(4, 2), a.matrix(4, 1), a.matrix(4, 2), a.matrix(4, 1)}, false, 3,
                activation, 0);
  });
  check_refused("activation must have a callback", [&] {
    random_features(a.matrix(4, 3), a.matrix(5, 3), ScalarFunction("activation", {}), {},
                    a.out(4, 5));
  });
  const StreamKey key{1, 2, static_cast<Purpose>(99)};
  check_refused("purpose", [&] { standard_normal(key, 0, 3, a.space.data()); });
  check_refused("purpose", [&] { uniform(key, 0, 3, a.space.data()); });
  check_refused("purpose", [&] { sample_without_replacement(key, 3, 2); });
}

TEST_CASE("D5: prune and prune_path refuse what they cannot do") {
  Arrays a;
  CHECK_THROWS_WITH_AS(prune(a.matrix(4, 1), {1, 2, 1}, a.out(4, 1)),
                       "support must be distinct, got 1 twice", std::invalid_argument);
  check_refused("support", [&] { prune(a.matrix(4, 1), {4}, a.out(4, 1)); });
  check_refused("support", [&] { prune(a.matrix(4, 1), {-1}, a.out(4, 1)); });
  Grid grid{{3}, {2}, {Rule::hessian}};
  grid.compensate = true;
  check_refused("compensate", [&] { prune_path(a.matrix(4, 3), a.matrix(4, 1), grid, {}); });
}

TEST_CASE("D5: a sampler judges only models of its problem") {
  Arrays a;
  const LinearGaussianProblem problem(a.matrix(3, 1), a.variances(3), 0.1);
  const auto sampler = problem.sampler(4);
  sampler->draw(0, 0);
  double risk = 0.0;
  const Index support[] = {0, 3};
  check_refused("support",
                [&] { sampler->evaluate({support, 2, a.matrix(2, 1)}, &risk, nullptr); });
  check_refused("count", [&] { sampler->evaluate({nullptr, 4, a.matrix(4, 1)}, &risk, nullptr); });
  check_refused("theta", [&] { sampler->evaluate({nullptr, 3, {nullptr, 3, 1}}, &risk, nullptr); });
  check_refused("risk", [&] { sampler->evaluate({nullptr, 3, a.matrix(3, 1)}, nullptr, nullptr); });
  check_refused("first", [&] { sampler->columns(2, a.out(4, 2)); });
  check_refused("out", [&] { sampler->columns(0, {nullptr, 4, 2, 1, 4}); });
}
