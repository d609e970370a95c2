// Targets of fuzz.cpp: problems, their theory and their simulation.
#include <memory>

#include "fuzz_call.hpp"
#include "overprune/laws.hpp"
#include "overprune/phase.hpp"
#include "overprune/problem.hpp"
#include "overprune/schedule.hpp"
#include "overprune/simulate.hpp"
#include "overprune/spectrum.hpp"
#include "overprune/theory.hpp"

namespace fuzz {
namespace {

constexpr Index kMostFeatures = 8;

/// A linear Gaussian problem from arguments that may be wrong: null where it was refused.
std::unique_ptr<LinearGaussianProblem> linear(Call& call) {
  const Index p = call.size(kMostFeatures), m = call.one_in(3) ? call.size(3) : 1;
  const ConstMatrix beta = call.matrix(p, m, call.one_in(4) ? Kind::ties : Kind::plain);
  const bool dense = call.flip();
  const ConstMatrix sigma = dense ? call.symmetric(p) : ConstMatrix{};
  const ConstVector variances = dense ? ConstVector{} : call.vector(call.extent(p), Kind::positive);
  const ConstMatrix joint = m > 1 && call.flip() ? call.symmetric(m) : ConstMatrix{};
  const double noise_std = joint.data ? 0.0 : call.nonnegative();
  const Noise noise = joint.data ? Noise(joint) : Noise(noise_std);
  std::unique_ptr<LinearGaussianProblem> problem;
  call.may_refuse = call.extreme;  // a null risk that overflows
  if (!call([&] {
        problem = dense ? std::make_unique<LinearGaussianProblem>(beta, sigma, noise)
                        : std::make_unique<LinearGaussianProblem>(beta, variances, noise);
      }))
    return {};
  call.may_refuse = false;
  call.number(problem->null_risk(), "null_risk");
  if (problem->features() != p || problem->targets() != m) throw Defect("has another shape");
  return problem;
}

void gaussian(Call& call) {
  const auto problem = linear(call);
  if (!problem) return;
  const Index p = problem->features(), m = problem->targets();
  std::unique_ptr<LinearGaussianProblem> part;
  const Indices kept = call.distinct(p);
  call.may_refuse = call.extreme;  // its noise may be made of rounding errors
  if (!call([&] { part = std::make_unique<LinearGaussianProblem>(problem->restrict(kept)); }))
    return;
  call.number(part->null_risk(), "null_risk of a part");
  const Index n = call.at_least(1, 6);
  Numbers &x = call.output(call.extent(n), call.extent(p)),
          &y = call.output(call.extent(n), call.extent(m));
  if (!call([&] { problem->sample(n, call.bits(), call.bits(), x.matrix(), y.matrix()); })) return;
  call.numbers(ConstMatrix(x.matrix()), "x");
  call.numbers(ConstMatrix(y.matrix()), "y");
  const Index models = call.below(4);
  const ConstMatrix theta = call.matrix(call.extent(p), call.extent(models * m));
  Numbers& risk = call.output(models, 1);
  if (!call([&] { problem->risk(theta, risk.vector()); })) return;
  call.numbers(ConstVector(risk.vector()), "risk");
  for (Index b = 0; b < models; ++b)
    if (risk.vector()(b) < 0.0) throw Defect("a risk is negative");
}

PruningPoint point(Call& call, Index p) {
  return {call.at_least(1, 10), call.count(1, p), call.rule(), call.nonnegative(),
          call.nonnegative()};
}
LawDraws draws(Call& call) { return {call.at_least(1, 6), call.bits(), call.at_least(1, 2)}; }

void law(Call& call) {
  const auto problem = linear(call);
  if (!problem) return;
  const Index p = problem->features(), m = problem->targets(), n = call.at_least(1, 10);
  ModelLaw found;
  const double ridge = call.nonnegative();
  if (!call([&] { found = model_law(*problem, n, ridge); })) return;
  call.numbers(found.mean, p * m, "mean");
  call.numbers(found.spread, problem->diagonal() ? p : p * p, "spread", true);
  call.numbers(found.omega, m * m, "omega", true);
}

void survivors(Call& call) {
  const auto problem = linear(call);
  if (!problem) return;
  const PruningPoint at = point(call, problem->features());
  const Indices nonzeros = call.increasing(std::clamp(at.size, Index{1}, kMostFeatures));
  const Index S = static_cast<Index>(nonzeros.size());
  Survival found;
  call.may_refuse = call.extreme;
  if (!call([&] { found = survival(*problem, at, nonzeros, draws(call)); })) return;
  call.numbers(found.probability, S * at.size, "probability");
  call.numbers(found.overlap, S, "overlap");
  for (const double value : found.probability)
    if (value < 0.0 || value > 1.0 + 1e-9) throw Defect("a probability is out of range");
}

void samples(Call& call) {
  const auto problem = linear(call);
  if (!problem) return;
  const PruningPoint at = point(call, problem->features());
  const Index s = call.count(1, std::max(at.size, Index{1})), m = problem->targets();
  const bool again = call.flip();
  const LawDraws options = draws(call);
  call.may_refuse = true;  // infinite variance
  ModelSamples found;
  if (!call([&] { found = sample_models(*problem, at, s, again, options); })) return;
  call.numbers(found.dense, options.draws * at.size * m, "dense");
  call.numbers(found.retrained, again ? options.draws * s * m : 0, "retrained");
  for (Index d = 0; d < options.draws; ++d)
    call.indices({found.support.begin() + d * s, found.support.begin() + (d + 1) * s}, s, at.size,
                 "support");
}

void densities(Call& call) {
  const auto problem = linear(call);
  if (!problem) return;
  const PruningPoint at = point(call, problem->features());
  const Index s = call.count(1, std::max(at.size, Index{1})), cells = call.between(1, 5);
  Numbers edges(cells + 1, 1, call.flip() ? 2 : 1, 0);
  for (Index i = 0; i <= cells; ++i)
    edges.vector()(i) = static_cast<double>(i) - 0.5 * static_cast<double>(cells);
  if (call.mistake(20)) edges.vector()(cells) = call.flip() ? edges.vector()(0) : kNaN;
  const Indices features = call.distinct(std::clamp(at.size, Index{1}, kMostFeatures));
  const bool again = call.flip();
  call.may_refuse = true;  // infinite variance
  CoefficientDensity found;
  if (!call([&] {
        found = coefficient_density(*problem, at, s, again, edges.vector(), features, draws(call));
      }))
    return;
  const Index m = problem->targets();
  call.numbers(found.dense, m * cells, "dense");  // the others are NaN where no feature survives
  if (static_cast<Index>(found.surviving.size()) != m * cells)
    throw Defect("surviving has the wrong length");
}

Grid grid(Call& call, Index p, bool oracle) {
  return {call.increasing(p), call.increasing(p), call.rules(oracle), call.flip(),
          call.nonnegative(), call.nonnegative(), call.one_in(4)};
}

void predictions(const Call& call, const RiskTable& found, const Grid& grid) {
  call.numbers(found["dense_risk"], static_cast<Index>(grid.sizes.size()), "dense_risk", true);
  const Index R = static_cast<Index>(grid.rules.size());
  call.grid(found["pruned_risk"], R, grid.sizes, grid.nonzeros, "pruned_risk", true);
  if (grid.retrain)
    call.grid(found["retrained_risk"], R, grid.sizes, grid.nonzeros, "retrained_risk", true);
}

void predict_any(Call& call) {
  const auto problem = linear(call);
  if (!problem) return;
  const Grid axes = grid(call, problem->features(), true);
  DrawOptions options;
  options.draws = call.mistake(60) ? -1 : call.between(1, 8);
  options.seed = call.bits();
  options.workers = call.at_least(1, 2);
  RiskTable found;
  const Index n = call.at_least(1, 10);
  call.may_refuse = call.extreme;
  if (!call([&] { found = predict(*problem, n, axes, options); })) return;
  predictions(call, found, axes);
}

void predict_independent(Call& call) {
  const Index p = call.size(kMostFeatures);
  const ConstVector eigenvalues = call.vector(p, Kind::positive),
                    beta = call.vector(call.extent(p));
  const Grid axes = grid(call, std::max(p, Index{1}), true);
  const double noise = call.nonnegative();
  const Index n = call.at_least(1, 10);
  call.may_refuse = call.extreme;
  RiskTable found;
  if (!call([&] { found = predict(eigenvalues, beta, noise, n, axes); })) return;
  predictions(call, found, axes);
}

struct Blocks {
  Spectrum spectrum;
  double total = 0.0;
};

Blocks blocks(Call& call) {
  const Index count = call.size(5);
  Blocks found;
  found.spectrum = {call.vector(count, Kind::positive),
                    call.vector(call.extent(count), Kind::probability),
                    call.vector(call.extent(count)),
                    {},
                    call.nonnegative()};
  for (Index i = 0; i < found.spectrum.weights.size; ++i) {
    found.total += found.spectrum.weights(i);
    if (found.spectrum.weights(i) == 0.0) call.wrong = true;  // too small a number rounded to 0
  }
  for (Index i = 0; call.flip() && i < count; ++i) found.spectrum.gaussian.push_back(call.flip());
  if (!found.spectrum.gaussian.empty() &&
      static_cast<Index>(found.spectrum.gaussian.size()) != count)
    found.spectrum.gaussian.clear();
  return found;
}

std::vector<double> ratios(Call& call, double total) {
  std::vector<double> found;
  for (const double share : {0.1, 0.25, 0.5, 0.8, 1.0})
    if (call.one_in(3)) found.push_back(share * total);
  if (found.empty()) found.push_back(total * (0.1 + 0.9 * call.unit()));
  if (call.mistake(60)) found.push_back(found.back());
  if (call.mistake(60)) found.insert(found.begin(), call.flip() ? 0.0 : kNaN);
  return found;
}

void predict_blocks(Call& call) {
  const Blocks given = blocks(call);
  RealGrid axes{ratios(call, given.total), ratios(call, given.total), call.rules(), call.flip(),
                call.nonnegative(),        call.nonnegative()};
  double n = given.total * (0.05 + 2.0 * call.unit());
  if (call.mistake(60)) n = call.flip() ? 0.0 : kNaN;
  RiskTable found;
  call.may_refuse = call.extreme;
  GroupedSurvival kept;
  const double k = axes.sizes.empty() ? 1.0 : axes.sizes.back(), s = 0.5 * k;
  const Rule rule = call.rule();
  if (!call([&] {
        const GroupedFeatures features(given.spectrum);
        found = predict(features, n, axes);
        kept = survival(features, n, k, s, rule, axes.ridge);
      }))
    return;
  const Index R = static_cast<Index>(axes.rules.size());
  call.numbers(found["dense_risk"], static_cast<Index>(axes.sizes.size()), "dense_risk", true);
  call.grid(found["pruned_risk"], R, axes.sizes, axes.nonzeros, "pruned_risk", true);
  if (axes.retrain)
    call.grid(found["retrained_risk"], R, axes.sizes, axes.nonzeros, "retrained_risk", true);
  call.numbers(kept.probability, given.spectrum.eigenvalues.size, "probability");
  call.number(kept.overlap, "overlap");
}

void diagram(Call& call) {
  const Blocks given = blocks(call);
  std::vector<PhasePoint> points(call.below(4));
  for (PhasePoint& at : points) {
    at.problem = call.mistake(60) ? (call.flip() ? 1 : -1) : 0;
    at.n = given.total * (0.05 + 2.0 * call.unit());
    at.nonzeros = given.total * (0.05 + 0.4 * call.unit());
    if (call.flip()) at.sizes = {0.7 * given.total, given.total};
    if (call.mistake(60)) at.sizes = {0.5 * at.nonzeros};
  }
  const PhaseOptions options{call.rules(), call.flip(), call.nonnegative(), call.nonnegative(),
                             call.at_least(1, 2)};
  call.may_refuse = call.extreme;
  const Index P = static_cast<Index>(points.size());
  if (P == 0 && call.wrong) return;  // nothing may be looked at
  PhaseResult found;
  if (!call([&] { found = phase({GroupedFeatures(given.spectrum)}, points, options); })) return;
  call.numbers(found.direct, P, "direct", true);
  call.numbers(found.oracle, P, "oracle", true);
}

/// A problem of any of the three kinds.
std::unique_ptr<Problem> any_problem(Call& call, bool& data) {
  const Index kind = call.below(3);
  data = kind == 2;
  if (kind == 0) return linear(call);
  const Index d = call.size(4),
              p = data ? call.between(1, kMostFeatures) : call.size(kMostFeatures);
  const ScalarFunction activation = call.function();
  std::unique_ptr<Problem> problem;
  if (kind == 1) {
    const ConstMatrix weights = call.matrix(p, d);
    const ConstVector teacher = call.vector(call.extent(d));
    const double noise = call.nonnegative();
    call.may_refuse = true;  // a row of zeros
    call([&] {
      problem = std::make_unique<RandomFeatureProblem>(weights, teacher, noise, activation,
                                                       ConstVector{});
    });
  } else {
    const Index n = call.size(9), m = call.size(3), rows = call.size(6);
    const DataProblem::Data set{call.matrix(n, d), call.matrix(call.extent(n), m),
                                call.matrix(rows, call.extent(d)),
                                call.matrix(rows, call.extent(m))};
    const Index features = call.flip() ? 0 : p;
    call.may_refuse = call.extreme;
    call([&] {
      problem = std::make_unique<DataProblem>(set, false, features, activation, call.bits());
    });
  }
  if (call.refused) return {};
  call.may_refuse = false;
  return problem;
}

Trials trials(Call& call) {
  Trials found;
  found.first = call.mistake(60) ? -1 : call.below(3);
  found.count = call.at_least(1, 3);
  found.seed = call.bits();
  found.workers = call.at_least(1, 2);
  found.sample_curvature = call.flip();
  return found;
}

void simulation(Call& call) {
  bool data = false;
  const auto problem = any_problem(call, data);
  if (!problem) return;
  const Grid axes = grid(call, problem->features(), !data);
  Trials plan = trials(call);
  plan.n = call.at_least(1, 9);
  call.may_refuse = data || call.extreme;  // more rows than there are
  RiskTable found;
  if (!call([&] { found = simulate(*problem, axes, plan); })) return;
  const Index outer = plan.count * static_cast<Index>(axes.rules.size());
  call.numbers(found["dense_risk"], plan.count * static_cast<Index>(axes.sizes.size()),
               "dense_risk");
  call.grid(found["pruned_risk"], outer, axes.sizes, axes.nonzeros, "pruned_risk", false);
  if (axes.retrain)
    call.grid(found["retrained_risk"], outer, axes.sizes, axes.nonzeros, "retrained_risk", false);
  if (worker_memory(*problem, axes, plan.n).total() <= 0) throw Defect("a worker holds no memory");
}

Schedule schedule(Call& call, Index p, bool oracle) {
  Schedule found;
  found.size = call.count(1, p);
  found.nonzeros = call.increasing(std::clamp(found.size, Index{1}, p));
  std::reverse(found.nonzeros.begin(), found.nonzeros.end());
  found.rules = call.rules(oracle);
  found.ridge = call.nonnegative();
  found.retrain_ridge = call.nonnegative();
  return found;
}

void simulation_of_rounds(Call& call) {
  bool data = false;
  const auto problem = any_problem(call, data);
  if (!problem) return;
  const Schedule plan = schedule(call, problem->features(), !data);
  Trials runs = trials(call);
  runs.n = call.at_least(1, 9);
  call.may_refuse = data || call.extreme;
  RiskTable found;
  if (!call([&] { found = simulate_schedule(*problem, plan, runs); })) return;
  const Index points =
      runs.count * static_cast<Index>(plan.rules.size() * (plan.nonzeros.size() + 1));
  call.numbers(found["dense_risk"], runs.count, "dense_risk");
  call.numbers(found["pruned_risk"], points, "pruned_risk");
  call.numbers(found["retrained_risk"], points, "retrained_risk");
}

void prediction_of_rounds(Call& call) {
  const auto problem = linear(call);
  if (!problem) return;
  const Schedule plan = schedule(call, problem->features(), true);
  DrawOptions options;
  options.draws = call.mistake(60) ? 31 : 32;
  options.seed = call.bits();
  options.workers = call.at_least(1, 2);
  const Index n = call.at_least(1, 9);
  RiskTable found;
  call.may_refuse = call.extreme;
  if (!call([&] { found = predict_schedule(*problem, n, plan, options); })) return;
  const Index points = static_cast<Index>(plan.rules.size() * (plan.nonzeros.size() + 1));
  call.numbers(found["dense_risk"], 1, "dense_risk", true);
  call.numbers(found["pruned_risk"], points, "pruned_risk", true);
  call.numbers(found["retrained_risk"], points, "retrained_risk", true);
}

}  // namespace

const std::vector<Target> kProblemTargets = {
    {"LinearGaussianProblem", gaussian},
    {"model_law", law},
    {"survival", survivors},
    {"sample_models", samples},
    {"coefficient_density", densities},
    {"predict (any)", predict_any},
    {"predict (independent)", predict_independent},
    {"predict (blocks)", predict_blocks},
    {"phase", diagram},
    {"simulate", simulation},
    {"simulate_schedule", simulation_of_rounds},
    {"predict_schedule", prediction_of_rounds},
};

}  // namespace fuzz
