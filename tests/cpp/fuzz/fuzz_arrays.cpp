// Targets of fuzz.cpp: the functions of arrays.
#include "fuzz_call.hpp"
#include "overprune/features.hpp"
#include "overprune/finite.hpp"
#include "overprune/layer.hpp"
#include "overprune/least_squares.hpp"
#include "overprune/prune_path.hpp"
#include "overprune/pruning.hpp"
#include "overprune/random.hpp"
#include "overprune/theory.hpp"

namespace fuzz {
namespace {

Purpose purpose(Call& call) { return static_cast<Purpose>(call.below(10)); }
StreamKey key(Call& call) { return {call.bits(), call.bits(), purpose(call)}; }

void finite(Call& call) {
  Numbers& numbers = call.input(call.array(call.below(9), call.below(9)));
  const ConstMatrix view = numbers.matrix();
  bool expected = true, found = false;
  for (Index j = 0; j < view.cols; ++j)
    for (Index i = 0; i < view.rows; ++i) expected = expected && std::isfinite(view(i, j));
  call.wrong = false;  // nothing is wrong with a NaN here
  if (call([&] { found = all_finite(view); }) && found != expected)
    throw Defect(found ? "took NaN for a number" : "took a number for NaN");
}

void normals(Call& call) {
  const Index count = call.mistake(60) ? -1 - call.below(3) : call.below(70);
  const std::uint64_t last = std::uint64_t{1} << 49;
  const std::uint64_t first = call.flip() ? call.bits() % 1000 : last - 70;
  const bool beyond = call.mistake(60);
  Numbers out(std::max(count, Index{0}), 1, 1, 0);
  const bool uniforms = call.flip();
  const auto draw = uniforms ? uniform : standard_normal;
  const Index workers = call.at_least(1, 2);
  if (call([&] { draw(key(call), beyond ? last + 1 : first, count, out.vector().data, workers); }))
    call.numbers(ConstMatrix(out.matrix()), "out");
}

void sample(Call& call) {
  const Index population = call.below(30);
  const Index count =
      call.mistake(30) ? (call.flip() ? -1 : population + 1) : call.below(population + 1);
  Indices found;
  if (call([&] { found = sample_without_replacement(key(call), population, count); }))
    call.indices(found, count, population, "sample");
}

struct Regression {
  Index n, p, m;
  ConstMatrix x, y;
  double ridge;
};

Regression regression(Call& call) {
  const Index n = call.size(9), p = call.size(9), m = call.one_in(3) ? call.size(3) : 1;
  const Kind kind = call.one_in(4) ? Kind::ties : Kind::plain;
  const ConstMatrix x = call.matrix(n, p, kind);
  const ConstMatrix y = call.matrix(call.extent(n), m, kind);
  return {n, p, m, x, y, call.nonnegative(call.one_in(10) ? 1e12 : 1.0)};
}

void single(Call& call) {
  const Regression r = regression(call);
  Numbers& theta = call.output(call.extent(r.p), call.extent(r.m));
  SolveInfo info;
  call.may_refuse = call.extreme;
  const Index workers = call.at_least(1, 2);
  if (!call([&] { least_squares(r.x, r.y, r.ridge, theta.matrix(), &info, workers); })) return;
  call.numbers(ConstMatrix(theta.matrix()), "theta");
  call.numbers(info.condition, 1, "condition", true);
  if (info.rank.size() != 1 || info.rank[0] < 0 || info.rank[0] > r.p)
    throw Defect("rank is out of range");
}

/// An exactly sized contiguous output of that many numbers, all of them NaN before the call.
std::vector<double> contiguous(Index count) {
  return std::vector<double>(std::max(count, Index{0}), kNaN);
}

void path(Call& call) {
  const Regression r = regression(call);
  const Indices sizes = call.increasing(std::max(r.p, Index{1}));
  const Index count = static_cast<Index>(sizes.size());
  std::vector<double> theta = contiguous(count * r.p * r.m);
  SolveInfo info;
  call.may_refuse = call.extreme;
  const Index workers = call.at_least(1, 2);
  if (!call([&] { least_squares_path(r.x, r.y, sizes, r.ridge, theta.data(), &info, workers); }))
    return;
  call.numbers(theta, count * r.p * r.m, "theta");
  call.numbers(info.condition, count, "condition", true);
}

void retrain(Call& call) {
  const Regression r = regression(call);
  const Indices order = call.distinct(std::max(r.p, Index{1}));
  const Indices nonzeros = call.increasing(static_cast<Index>(order.size()));
  const Index count = static_cast<Index>(nonzeros.size());
  std::vector<double> theta = contiguous(count * r.p * r.m);
  call.may_refuse = call.extreme;
  const Index workers = call.at_least(1, 2);
  if (call([&] { retrain_path(r.x, r.y, order, nonzeros, r.ridge, theta.data(), workers); }))
    call.numbers(theta, count * r.p * r.m, "theta");
}

void whole_path(Call& call) {
  const Regression r = regression(call);
  const Index p = std::max(r.p, Index{1});
  Grid grid{call.increasing(p),
            call.increasing(p),
            call.rules(),
            call.flip(),
            r.ridge,
            call.nonnegative(),
            false};
  const Index K = static_cast<Index>(grid.sizes.size()),
              S = static_cast<Index>(grid.nonzeros.size());
  RuleInputs inputs;
  inputs.seed = call.bits();
  const auto has = [&](Rule rule) {
    return std::find(grid.rules.begin(), grid.rules.end(), rule) != grid.rules.end();
  };
  if (call.flip()) {
    const Index length = call.extent(p);
    inputs.curvature = call.vector(length == 0 ? p + 1 : length, Kind::positive);
  }
  if (has(Rule::oracle)) inputs.truth = call.matrix(K, p, Kind::positive);
  PrunePathResult found;
  call.may_refuse = call.extreme;
  const Index workers = call.at_least(1, 2);
  if (!call([&] { found = prune_path(r.x, r.y, grid, inputs, workers); })) return;
  const Index R = static_cast<Index>(grid.rules.size());
  call.numbers(found.dense, K * r.p * r.m, "dense");
  call.numbers(found.retrained, grid.retrain ? R * K * S * found.most * r.m : 0, "retrained");
  for (Index at = 0; at < R * K; ++at) {
    Indices row(found.order.begin() + at * found.most, found.order.begin() + (at + 1) * found.most);
    row.erase(std::remove(row.begin(), row.end(), Index{-1}), row.end());
    call.indices(row, static_cast<Index>(row.size()), grid.sizes[at % K], "order");
  }
}

void layer(Call& call) {
  const Index n = call.size(9), p = call.size(9), m = call.size(4);
  const ConstMatrix weight = call.matrix(m, p), inputs = call.matrix(n, call.extent(p));
  LayerOptions options{.rule = static_cast<LayerRule>(call.below(4)),
                       .nonzeros = call.at_least(1, std::max(p, Index{1})),
                       .whole_layer = call.flip(),
                       .refit = call.flip(),
                       .damping = call.nonnegative(),
                       .tune_damping = call.one_in(4),
                       .seed = call.bits()};
  if (n > 1 && call.one_in(4)) options.folds = 2;
  const Index workers = call.at_least(1, 2);
  PrunedLayer found;
  call.may_refuse = call.extreme;
  if (!call([&] { found = prune_layer(weight, inputs, options, workers); })) return;
  call.numbers(found.weight, m * p, "weight");
  call.numbers(found.training_loss, m, "training_loss");
  call.numbers(found.predicted_loss, m, "predicted_loss");
  call.numbers(found.degrees_of_freedom, m, "degrees_of_freedom");
}

void features(Call& call) {
  const Index n = call.below(9), d = call.below(9), p = call.below(9);
  const ConstMatrix inputs = call.matrix(n, d), weights = call.matrix(p, call.extent(d));
  ConstVector bias;
  if (p > 0 && call.flip()) bias = call.vector(p);
  Numbers& out = call.output(call.extent(n), call.extent(p));
  call.may_refuse = call.extreme;  // products that overflow
  const Index workers = call.at_least(1, 2);
  if (call([&] { random_features(inputs, weights, call.function(), bias, out.matrix(), workers); }))
    call.numbers(ConstMatrix(out.matrix()), "out");
}

void drawn_features(Call& call) {
  const Index n = call.below(9), d = call.below(9), p = call.size(9);
  const ConstMatrix inputs = call.matrix(n, d);
  ConstVector bias;
  if (call.flip()) bias = call.vector(call.extent(p));
  Numbers& out = call.output(call.extent(n), call.extent(p));
  call.may_refuse = call.extreme;  // products that overflow
  const DrawnWeights weights{{call.bits(), call.bits()}, p};
  const Index workers = call.at_least(1, 2);
  if (call([&] { random_features(inputs, weights, call.function(), bias, out.matrix(), workers); }))
    call.numbers(ConstMatrix(out.matrix()), "out");
}

void moments(Call& call) {
  const Index d = call.size(6), p = call.size(6);
  const ConstMatrix weights = call.matrix(p, d);
  ConstVector bias;
  if (p > 0 && call.flip()) bias = call.vector(p);
  const ConstVector teacher = call.vector(call.extent(d));
  Numbers &covariance = call.output(p, call.extent(p)), &cross = call.output(call.extent(p), 1);
  call.may_refuse = true;  // a row of zeros, or a bias that dwarfs its row
  double square = 0.0;
  const ScalarFunction link =
      call.one_in(4) ? call.function() : ScalarFunction(Activation::identity);
  if (!call([&] {
        square = feature_moments(weights, call.function(), bias, teacher, covariance.matrix(),
                                 cross.vector(), link);
      }))
    return;
  call.number(square, "E[y^2]");
  call.numbers(ConstMatrix(covariance.matrix()), "covariance");
  call.numbers(ConstVector(cross.vector()), "cross");
}

void scores(Call& call) {
  const Index p = call.below(12), m = call.one_in(3) ? call.below(4) : 1;
  const ConstMatrix theta = call.matrix(p, m, call.flip() ? Kind::ties : Kind::plain);
  const Rule rule = call.flip() ? Rule::hessian : Rule::magnitude;
  Index length = rule == Rule::hessian ? call.extent(p) : p;
  if (length == 0) length = p;
  const bool wrong = length != p;
  const ConstVector weights = call.vector(length, Kind::probability);
  const bool finite =
      !wrong && all_finite(theta) && all_finite({weights.data, length, 1, weights.stride, 0});
  call.wrong = wrong;  // scores do not look at the numbers
  Numbers& out = call.output(call.extent(p), 1);
  if (call([&] {
        if (call.flip())
          importance(rule, theta, weights, out.vector());
        else
          rank_scores(theta, rule == Rule::hessian ? weights : ConstVector{}, out.vector());
      }) &&
      finite)
    call.numbers(ConstVector(out.vector()), "scores");
}

bool has_nan(ConstVector values, Index p) {
  for (Index i = 0; i < p; ++i)
    if (std::isnan(values(i))) return true;
  return false;
}

void largest(Call& call) {
  const Index p = call.one_in(8) ? call.between(200, 900) : call.below(20);
  const ConstVector values = call.vector(p, call.flip() ? Kind::any : Kind::ties);
  call.wrong = has_nan(values, p);
  const Index k = call.mistake(20) ? (call.flip() ? -1 : p + 1) : call.below(p + 1);
  Indices chosen;
  const Index which = call.below(3);
  if (!call([&] {
        chosen = which == 0   ? top_k(values, k)
                 : which == 1 ? top_k_order(values, k)
                              : top_k_magnitude(values, k);
      }))
    return;
  call.indices(chosen, k, p, "chosen");
  const auto score = [&](Index i) { return which == 2 ? std::abs(values(i)) : values(i); };
  double least = kInfinity;
  for (const Index i : chosen) least = std::min(least, score(i));
  for (Index i = 0; i < p && k > 0; ++i)
    if (score(i) > least && std::find(chosen.begin(), chosen.end(), i) == chosen.end())
      throw Defect("left out a larger score");
}

void keep(Call& call) {
  const Index p = call.between(1, 9), m = call.one_in(3) ? call.between(1, 3) : 1;
  const ConstMatrix theta = call.matrix(p, m);
  call.wrong = false;  // what is kept is not looked at
  const Indices support = call.one_in(9) ? Indices() : call.distinct(p);
  Numbers& out = call.output(call.extent(p), call.extent(m));
  call([&] { prune(theta, support, out.matrix()); });
}

void surgeon(Call& call) {
  const Index p = call.between(1, 8), m = call.one_in(3) ? call.between(1, 3) : 1;
  const ConstMatrix theta = call.matrix(p, m), hessian = call.symmetric(p);
  const Indices support = call.distinct(p);
  Numbers& out = call.output(call.extent(p), call.extent(m));
  if (call([&] { compensate(theta, support, hessian, out.matrix()); }))
    call.numbers(ConstMatrix(out.matrix()), "compensated");
}

void ridge(Call& call) {
  const Index p = call.below(10);
  const ConstVector eigenvalues = call.vector(p, Kind::positive);
  const Index n = call.at_least(1, 12);
  const double strength = call.nonnegative();
  double tau = 0.0;
  call.may_refuse = call.extreme;
  if (call([&] { tau = fixed_point(eigenvalues, n, strength); })) {
    call.number(tau, "tau");
    if (tau < 0.0) throw Defect("tau is negative");
  }
}

void law(Call& call) {
  const Index p = call.below(10), n = call.at_least(1, 12);
  const ConstVector eigenvalues = call.vector(p, Kind::positive),
                    beta = call.vector(call.extent(p));
  const double noise = call.nonnegative(), strength = call.nonnegative();
  CoefficientLaw found;
  call.may_refuse = call.extreme;
  if (!call([&] { found = coefficient_law(eigenvalues, beta, noise, n, strength); })) return;
  call.numbers(found.mean, p, "mean");
  call.numbers(found.variance, p, "variance", true);
}

}  // namespace

const std::vector<Target> kArrayTargets = {
    {"all_finite", finite},
    {"standard_normal, uniform", normals},
    {"sample", sample},
    {"least_squares", single},
    {"least_squares_path", path},
    {"retrain_path", retrain},
    {"prune_path", whole_path},
    {"random_features", features},
    {"feature_moments", moments},
    {"importance, rank_scores", scores},
    {"top_k", largest},
    {"prune", keep},
    {"compensate", surgeon},
    {"fixed_point", ridge},
    {"coefficient_law", law},
    {"prune_layer", layer},
    {"random_features of drawn weights", drawn_features},
};

}  // namespace fuzz
