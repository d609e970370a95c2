#include "theory_coefficients.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "covariance.hpp"
#include "kernels/table.hpp"
#include "parallel.hpp"

namespace overprune::theory {
namespace {

constexpr Index kPairs = 16;  // of draws that an accuracy is averaged over, at most

/// root (m, m) with root root' = matrix, what is negative in it set to zero: Monte Carlo errors may make it
/// so.
void clipped_root(Block matrix) {
  const Index m = matrix.rows;
  std::vector<double> values(m);
  kernels::active().symmetric_eigen(m, matrix.data, matrix.ld, values.data());
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i) matrix(i, j) *= std::sqrt(std::max(values[j], 0.0));
}

void multiply(ConstBlock a, bool transpose_b, ConstBlock b, double beta, Block out) {
  kernels::active().gemm(false, transpose_b, out.rows, out.cols, a.cols, 1.0, a.data, a.ld, b.data, b.ld,
                         beta, out.data, out.ld);
}

/// The support where it is the same in every draw; empty otherwise.
Indices known_support(const Eigenbasis& basis, const MatrixLaw& law, Rule rule, Index s) {
  const Index k = basis.features();
  Indices all(k);
  std::iota(all.begin(), all.end(), Index{0});
  if (s == k) return all;
  std::vector<double> scores(k);
  if (rule == Rule::oracle)
    basis.problem().oracle_scores(k, scores.data());
  else if (rule != Rule::random && law.risk == 0.0)
    rank_scores(column_major(law.mean.data, k, basis.targets()),
                rule == Rule::hessian ? vector_view(basis.root_variances()) : ConstVector{},
                {scores.data(), k, 1});
  else
    return {};
  return top_k_order({scores.data(), k, 1}, s);
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

PointLaw::PointLaw(const Eigenbasis& basis, const SizeStudy& study, double n, const Grid& grid, Rule rule,
                   Index s, std::uint64_t seed)
    : basis_(basis),
      rule_(rule),
      s_(s),
      retrain_(grid.retrain),
      support_(known_support(basis, study.law(), rule, s)) {
  fixed_ = !support_.empty();
  if (fixed_) {
    if (retrain_) known_ = std::make_unique<Known>(basis, support_, n, grid.retrain_ridge, seed);
    return;
  }
  if (retrain_) find_residual_root(study, n);
}

/// P = [I; rho; -C], and a root of the covariance (Omega2 - rho'Omega rho) / n of what the second residual
/// adds.
void PointLaw::find_residual_root(const SizeStudy& study, double n) {
  const std::vector<Point>& points = study.points();
  std::size_t at = 0;
  while (points[at].rule != rule_ || points[at].s != s_) ++at;
  second_ = study.second_stage(at);
  const Index m = basis_.targets();
  c_ = points[at].c;
  mixing_ = mixing_buffer_.block(c_, m);
  root_ = root_buffer_.block(m, m);
  fill(mixing_, 0.0);
  for (Index i = 0; i < m; ++i) mixing_(i, i) = 1.0;
  if (second_.omega.empty()) return;  // the risk is infinite
  std::copy(second_.omega.begin(), second_.omega.end(), root_.data);
  if (c_ > m) {
    const ConstBlock rho{second_.rho.data(), m, m, m};
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < m; ++i) {
        mixing_(m + i, j) = rho(i, j);
        mixing_(2 * m + i, j) = -second_.C[i + j * m];
      }
    Buffer image_buffer;
    const Block image = image_buffer.block(m, m);
    multiply(study.law().omega, false, rho, 0.0, image);
    kernels::active().gemm(true, false, m, m, m, -1.0, rho.data, m, image.data, m, 1.0, root_.data, m);
  }
  for (Index j = 0; j < m * m; ++j) root_.data[j] /= n;
  clipped_root(root_);
}

void PointLaw::draw(ModelDraws& draws, Index pair, double sign) {
  if (known_) {
    known_->draws.batch(pair, 1);
    known_->draws.select(0, sign);
    retrained_ = retrained_buffer_.block(s_, basis_.targets());
    copy(known_->draws.theta(), retrained_);
    return;
  }
  if (fixed_) return;
  support_ = draws.order(rule_, s_);
  if (retrain_) retrain(draws);
}

/// (Sigma_SS + tau2)^{-1} F_S (u + e rho - w C + e_new).
void PointLaw::retrain(ModelDraws& draws) {
  const Index m = basis_.targets();
  retrained_ = retrained_buffer_.block(s_, m);
  const Block right = right_.block(s_, m), sigma = sigma_.block(s_, s_), factor = factor_.block(s_, s_),
              spread = spread_.block(s_, m);
  multiply(draws.images(support_, s_, c_ > m), false, mixing_, 0.0, right);
  basis_.principal_block(support_, sigma);
  copy(sigma, factor);
  factorize_covariance(factor);
  const ConstBlock fresh{draws.fresh_normals(s_ * m), s_, m, s_};
  multiply(fresh, true, root_, 0.0, spread);
  multiply(factor, false, spread, 1.0, right);
  for (Index i = 0; i < s_; ++i) sigma(i, i) += second_.tau;
  solve_covariance(sigma, right, retrained_);
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
        laws.push_back(
            std::make_unique<PointLaw>(basis_, study_, n_, grid_, rule, grid_.nonzeros[s], options_.seed));
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
          laws[i]->draw(draws, pair, sign);
          const Indices& support = laws[i]->support();
          const Block kept = draws.kept(support, static_cast<Index>(support.size()));
          mean[1 + 2 * i] += 0.5 * judge.accuracy(support.data(), kept);
          if (grid_.retrain) mean[2 + 2 * i] += 0.5 * judge.accuracy(support.data(), laws[i]->retrained());
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
