#include "theory/coefficients.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.hpp"
#include "base/workers.hpp"
#include "kernels/table.hpp"
#include "problem/covariance.hpp"

namespace overprune::theory {
namespace {

constexpr Index kPairs = 16;  // of draws that an accuracy is averaged over, at most

constexpr Index kSupports = 4;       // over which the memory of random supports is averaged
constexpr double kRounding = 1e-12;  // of the residual's covariance, relative to Omega2

/// root (m, m) with root root' = matrix, what is below `least` in it set to zero: Monte Carlo
/// errors may make it negative, rounding positive.
void clipped_root(Block matrix, double least) {
  const Index m = matrix.rows;
  std::vector<double> values(m);
  kernels::active().symmetric_eigen(m, matrix.data, matrix.ld, values.data());
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i) matrix(i, j) *= values[j] > least ? std::sqrt(values[j]) : 0.0;
}

void multiply(ConstBlock a, bool transpose_b, ConstBlock b, double beta, Block out) {
  kernels::active().gemm(false, transpose_b, out.rows, out.cols, a.cols, 1.0, a.data, a.ld, b.data,
                         b.ld, beta, out.data, out.ld);
}

/// The support where it is the same in every draw; empty otherwise.
Indices known_support(const WhiteBasis& basis, const MatrixLaw& law, Rule rule, Index s) {
  const Index k = basis.features();
  Indices all(k);
  std::iota(all.begin(), all.end(), Index{0});
  if (s == k) return all;
  std::vector<double> scores(k);
  if (rule == Rule::oracle)
    basis.problem().oracle_scores(k, scores.data());
  else if (rule != Rule::random && basis.diagonal() && s >= basis.rank())
    for (Index i = 0; i < k; ++i) scores[i] = basis.root_variances()[i] > 0.0 ? 1.0 : 0.0;
  else if (rule != Rule::random && law.risk == 0.0)
    rank_scores(column_major(law.mean.data, k, basis.targets()),
                rule == Rule::hessian ? vector_view(basis.root_variances()) : ConstVector{},
                {scores.data(), k, 1});
  else
    return {};
  return model_order({scores.data(), k, 1}, s);
}

/// rho of supports that do not depend on the noise, for which C = 0:
/// Omega rho (1 - E tr(A Q) / n) = N + u'D (I - E Q) u, with A = I - D.
std::vector<double> independent_memory(const WhiteBasis& basis, const MatrixLaw& law, double n,
                                       const std::vector<Indices>& supports, double tau2) {
  const Index m = basis.targets(), r = basis.rank();
  Buffer buffers[6];
  const Block shrunk = buffers[0].block(r, m), image = buffers[1].block(basis.features(), m);
  for (Index t = 0; t < m; ++t)
    for (Index j = 0; j < r; ++j) shrunk(j, t) = law.d[j] * basis.signal()(j, t);
  basis.root().apply(shrunk, image);  // F D u
  const Block target = buffers[2].block(m, m);
  double share = 1.0;
  const double weight = 1.0 / static_cast<double>(supports.size());
  for (Index b = 0; b < m; ++b)
    for (Index a = 0; a < m; ++a) target(a, b) = basis.noise()(a, b) + law.shift(a, b);
  for (const Indices& support : supports) {
    const Index s = static_cast<Index>(support.size());
    const Block right = buffers[3].block(s, m + s), solved = buffers[4].block(s, m + s),
                sigma = buffers[5].block(s, s);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) right(i, t) = basis.cross()(support[i], t);
    basis.root().gram(support, law.a, right.columns(m, s));
    basis.principal_block(support, sigma);
    for (Index i = 0; i < s; ++i) sigma(i, i) += tau2;
    solve_covariance(sigma, right, solved);
    for (Index i = 0; i < s; ++i) {
      share -= weight * solved(i, m + i) / n;
      for (Index b = 0; b < m; ++b)
        for (Index a = 0; a < m; ++a) target(a, b) -= weight * image(support[i], a) * solved(i, b);
    }
  }
  std::vector<double> rho(m * m);
  solve_covariance(law.omega, target, {rho.data(), m, m, m});
  for (double& value : rho) value /= share;
  return rho;
}

/// The fraction of rows whose largest output is the right class.
class Judge {
 public:
  explicit Judge(const TestSet& test) : test_(test) {}

  double accuracy(const Index* support, ConstBlock theta) {
    const Index rows = test_.features.rows, m = theta.cols;
    const Block features = features_.block(rows, theta.rows), outputs = outputs_.block(rows, m);
    for (Index j = 0; j < theta.rows; ++j) {
      const Index from = support ? support[j] : j;
      for (Index i = 0; i < rows; ++i) features(i, j) = test_.features(i, from);
    }
    multiply(features, false, theta, 0.0, outputs);
    Index right = 0;
    for (Index i = 0; i < rows; ++i) {
      Index best = 0;
      for (Index t = 1; t < m; ++t)
        if (outputs(i, t) > outputs(i, best)) best = t;
      right += test_.targets(i, best) == 1.0;
    }
    return static_cast<double>(right) / static_cast<double>(rows);
  }

 private:
  const TestSet& test_;
  Buffer features_, outputs_;
};

}  // namespace

PointLaw::PointLaw(const WhiteBasis& basis, const SizeStudy& study, double n, const Grid& grid,
                   Rule rule, Index s, std::uint64_t seed)
    : basis_(basis),
      rule_(rule),
      s_(s),
      retrain_(grid.retrain),
      support_(known_support(basis, study.law(), rule, s)) {
  fixed_ = !support_.empty();
  if (!retrain_) return;
  find_second_stage(study, n, grid, seed);
  if (finite()) find_residual(study.law().omega, n);
}

void PointLaw::find_second_stage(const SizeStudy& study, double n, const Grid& grid,
                                 std::uint64_t seed) {
  const MatrixLaw& law = study.law();
  std::vector<Indices> supports;
  if (fixed_) {
    const LinearGaussianProblem part = basis_.problem().restrict(support_);
    const WhiteBasis second_basis(part, may_shrink(part, n, grid.retrain_ridge));
    const MatrixLaw second(second_basis, n, grid.retrain_ridge);
    second_.tau = second.tau;
    second_.risk = second.risk;
    if (second.finite)
      second_.omega.assign(second.omega.data,
                           second.omega.data + second.omega.cols * second.omega.ld);
    supports = {support_};
  } else {
    const std::vector<Point>& points = study.points();
    std::size_t at = 0;
    while (points[at].rule != rule_ || points[at].s != s_) ++at;
    second_ = study.second_stage(at);
    ModelDraws draws(basis_, law, n, seed);
    for (Index pair = 0; rule_ == Rule::random && pair < kSupports; ++pair) {
      draws.batch(pair, 1);
      draws.select(0, 1.0);
      supports.push_back(draws.order(rule_, s_));
    }
  }
  if (finite() && law.finite && law.risk > 0.0 && !supports.empty())
    second_.rho = independent_memory(basis_, law, n, supports, second_.tau);
  for (const double one : second_.rho)
    if (!std::isfinite(one))
      check::out_of_range("retrained model", static_cast<double>(basis_.features()));
}

/// P = [I; rho; -C], and the covariance (Omega2 - rho'Omega rho) / n of what the second residual
/// adds.
void PointLaw::find_residual(ConstBlock omega, double n) {
  const Index m = basis_.targets();
  c_ = second_.rho.empty() ? m : 3 * m;
  mixing_ = mixing_buffer_.block(c_, m);
  residual_ = residual_buffer_.block(m, m);
  root_ = root_buffer_.block(m, m);
  fill(mixing_, 0.0);
  for (Index i = 0; i < m; ++i) mixing_(i, i) = 1.0;
  std::copy(second_.omega.begin(), second_.omega.end(), residual_.data);
  if (c_ > m) {
    const ConstBlock rho{second_.rho.data(), m, m, m};
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < m; ++i) {
        mixing_(m + i, j) = rho(i, j);
        if (!second_.C.empty()) mixing_(2 * m + i, j) = -second_.C[i + j * m];
      }
    Buffer image_buffer;
    const Block image = image_buffer.block(m, m);
    multiply(omega, false, rho, 0.0, image);
    kernels::active().gemm(true, false, m, m, m, -1.0, rho.data, m, image.data, m, 1.0,
                           residual_.data, m);
  }
  for (Index j = 0; j < m * m; ++j) residual_.data[j] /= n;
  copy(residual_, root_);
  clipped_root(root_, kRounding * second_.risk / n);
  multiply(root_, true, root_, 0.0, residual_);
}

void PointLaw::prepare(ModelDraws& draws) {
  const Index m = basis_.targets();
  select(draws);
  if (!retrain_) return;
  const Block all = right_buffer_.block(s_, m + s_);
  right_ = all.columns(0, m);
  factor_ = all.columns(m, s_);
  sigma_ = sigma_buffer_.block(s_, s_);
  retrained_ = retrained_buffer_.block(s_, m);
  multiply(draws.images(support_, s_, c_ > m, {basis_.cross()}), false, mixing_, 0.0, right_);
  basis_.principal_block(support_, sigma_);
  copy(sigma_, factor_);
  factorize_covariance(factor_);
  for (Index i = 0; i < s_; ++i) sigma_(i, i) += second_.tau;
}

/// (Sigma_SS + tau2)^{-1} F_S (u + e rho - w C + e_new).
void PointLaw::draw(ModelDraws& draws) {
  prepare(draws);
  if (!retrain_) return;
  const Index m = basis_.targets();
  const ConstBlock fresh{draws.fresh_normals(s_ * m), s_, m, s_};
  const Block noise = fresh_.block(s_, m);
  multiply(fresh, true, root_, 0.0, noise);
  multiply(factor_, false, noise, 1.0, right_);
  solve_covariance(sigma_, right_, retrained_);
}

void PointLaw::draw_mean(ModelDraws& draws) {
  prepare(draws);
  if (!retrain_) return;
  const Index m = basis_.targets();
  const Block solved = solved_.block(s_, m + s_);
  solve_covariance(sigma_, {right_.data, s_, m + s_, right_.ld}, solved);
  copy(solved.columns(0, m), retrained_);
  spread_.assign(s_, 0.0);
  for (Index j = 0; j < s_; ++j)
    for (Index i = 0; i < s_; ++i) spread_[i] += solved(i, m + j) * solved(i, m + j);
}

void AccuracyStudy::run(Index workers, const Poll& poll) {
  active_ = std::upper_bound(grid_.nonzeros.begin(), grid_.nonzeros.end(), basis_.features()) -
            grid_.nonzeros.begin();
  const Index asked = options_.draws == 0 ? kPairs : (options_.draws + 1) / 2;
  means_.resize(std::min(kPairs, asked));
  const Index pairs = static_cast<Index>(means_.size()), chunks = std::min(workers, pairs);
  const auto judge_chunk = [&](Index chunk, const Poll& stop) {
    std::vector<std::unique_ptr<PointLaw>> laws;
    for (const Rule rule : grid_.rules)
      for (Index s = 0; s < active_; ++s)
        laws.push_back(std::make_unique<PointLaw>(basis_, study_, n_, grid_, rule,
                                                  grid_.nonzeros[s], options_.seed));
    ModelDraws draws(basis_, study_.law(), n_, options_.seed);
    Judge judge(*options_.test);
    for (Index pair = chunk; pair < pairs; pair += chunks) {
      std::vector<double>& mean = means_[pair];
      mean.assign(1 + 2 * laws.size(), 0.0);
      draws.batch(pair, 1);
      for (const double sign : {1.0, -1.0}) {
        draws.select(0, sign);
        mean[0] += 0.5 * judge.accuracy(nullptr, draws.theta());
        for (std::size_t i = 0; i < laws.size(); ++i) {
          poll_now(stop);
          laws[i]->draw(draws);
          const Indices& support = laws[i]->support();
          const Block kept =
              draws.kept(support, static_cast<Index>(support.size()), study_.law().mean);
          mean[1 + 2 * i] += 0.5 * judge.accuracy(support.data(), kept);
          if (grid_.retrain)
            mean[2 + 2 * i] += 0.5 * judge.accuracy(support.data(), laws[i]->retrained());
        }
      }
    }
  };
  parallel_for(chunks, workers, judge_chunk, poll);
}

Estimate AccuracyStudy::estimate(Index quantity) const {
  double mean = 0.0, square = 0.0;
  const auto pairs = static_cast<double>(means_.size());
  for (const auto& pair : means_) mean += pair[quantity] / pairs;
  for (const auto& pair : means_) square += (pair[quantity] - mean) * (pair[quantity] - mean);
  return {mean, pairs > 1.0 ? std::sqrt(square / (pairs * (pairs - 1.0)))
                            : std::numeric_limits<double>::infinity()};
}

}  // namespace overprune::theory
