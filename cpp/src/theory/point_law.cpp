#include "theory/point_law.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "kernels/table.hpp"
#include "problem/covariance.hpp"

namespace overprune::theory {
namespace {

constexpr double kRounding = 1e-12;  // of the residual's covariance, relative to Omega2

/// root (m, m) with root root' = matrix, what is below `least` in it set to zero: Monte Carlo
/// errors may make it negative, rounding positive.
OwnedMatrix clipped_root(OwnedMatrix matrix, double least) {
  const Index m = matrix.rows();
  std::vector<double> values(m);
  kernels::active().symmetric_eigen(m, matrix.begin(), m, values.data());
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i) matrix(i, j) *= values[j] > least ? std::sqrt(values[j]) : 0.0;
  return matrix;
}

/// rho of supports that do not depend on the noise, for which C = 0:
/// Omega rho (1 - E tr(A Q) / n) = N + u'D (I - E Q) u, with A = I - D.
OwnedMatrix independent_memory(const WhiteBasis& basis, const MatrixLaw& law, double n,
                               const std::vector<Indices>& supports, double tau2) {
  const Index m = basis.targets();
  const OwnedMatrix image = basis.root().apply(scaled_rows(law.d, basis.signal()));  // F D u
  OwnedMatrix target(basis.noise());
  target.add(1.0, law.shift);
  double share = 1.0;
  const double weight = 1.0 / static_cast<double>(supports.size());
  for (const Indices& support : supports) {
    const Index s = static_cast<Index>(support.size());
    OwnedMatrix right(s, m + s), solved(s, m + s), sigma(s, s);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) right(i, t) = basis.cross()(support[i], t);
    basis.root().gram(support, law.a, right.block().columns(m, s));
    basis.principal_block(support, sigma);
    for (Index i = 0; i < s; ++i) sigma(i, i) += tau2;
    solve_covariance(sigma, right, solved);
    for (Index i = 0; i < s; ++i) {
      share -= weight * solved(i, m + i) / n;
      for (Index b = 0; b < m; ++b)
        for (Index a = 0; a < m; ++a) target(a, b) -= weight * image(support[i], a) * solved(i, b);
    }
  }
  OwnedMatrix rho(m, m);
  solve_covariance(law.omega, target, rho);
  for (double& value : rho) value /= share;
  return rho;
}

/// How the second training of a point remembers the first.
SecondStage find_second_stage(const WhiteBasis& basis, const SizeStudy& study, double n,
                              const Grid& grid, Rule rule, Index s, std::uint64_t seed) {
  const MatrixLaw& law = study.law();
  SecondStage second;
  std::vector<Indices> supports;
  const Indices known = known_support(basis, law, rule, s);
  if (!known.empty()) {
    const double ridge = grid.retrain_ridge;
    const FirstStage again(basis.problem().restrict(known), n, ridge, ridge);
    second.tau = again.law.tau;
    second.risk = again.law.risk;
    if (again.law.finite) second.omega = again.law.omega;
    supports = {known};
  } else {
    const std::vector<Point>& points = study.points();
    const auto point = std::find_if(points.begin(), points.end(), [&](const Point& one) {
      return one.rule == rule && one.s == s;
    });
    if (point == points.end()) return second;  // its retrained risk diverges, and takes no draws
    second = study.second_stage(static_cast<std::size_t>(point - points.begin()));
    ModelDraws draws(basis, law, n, seed);
    for (Index pair = 0; traits(rule).needs_seed && pair < kRandomSupports; ++pair) {
      draws.batch(pair, 1);
      draws.select(0, 1.0);
      supports.push_back(draws.order(rule, s));
    }
  }
  if (!second.omega.empty() && law.finite && law.risk > 0.0 && !supports.empty())
    second.rho = independent_memory(basis, law, n, supports, second.tau);
  for (const double one : second.rho)
    if (!std::isfinite(one))
      check::out_of_range("retrained model", static_cast<double>(basis.features()));
  return second;
}

}  // namespace

/// P = [I; rho; -C], and the covariance (Omega2 - rho'Omega rho) / n of what the second residual
/// adds.
RetrainedLaw retrained_regression(const WhiteBasis& basis, const SizeStudy& study, double n,
                                  const Grid& grid, Rule rule, Index s, std::uint64_t seed) {
  const SecondStage second = find_second_stage(basis, study, n, grid, rule, s, seed);
  RetrainedLaw law;
  law.tau = second.tau;
  if (second.omega.empty()) return law;
  const Index m = basis.targets(), c = second.rho.empty() ? m : 3 * m;
  law.mixing = second.mixing(c, m);
  law.residual = second.omega;
  if (c > m)
    multiply(transposed(second.rho), product(study.law().omega, second.rho), law.residual, -1.0,
             1.0);
  for (double& entry : law.residual) entry /= n;
  law.root = clipped_root(law.residual, kRounding * second.risk / n);
  multiply(law.root, transposed(law.root), law.residual);
  return law;
}

PointLaw::PointLaw(const WhiteBasis& basis, const MatrixLaw& law, Rule rule, Index s,
                   const RetrainedLaw* second)
    : basis_(basis),
      rule_(rule),
      s_(s),
      second_(second),
      support_(known_support(basis, law, rule, s)),
      fixed_(!support_.empty()) {}

void PointLaw::prepare(ModelDraws& draws) {
  const Index m = basis_.targets();
  select(draws);
  if (!second_) return;
  const Block all = right_buffer_.block(s_, m + s_);
  right_ = all.columns(0, m);
  factor_ = all.columns(m, s_);
  sigma_ = sigma_buffer_.block(s_, s_);
  retrained_ = retrained_buffer_.block(s_, m);
  const OwnedMatrix& mixing = second_->mixing;
  multiply(draws.images(support_, s_, mixing.rows() > m, {basis_.cross()}), mixing, right_);
  basis_.principal_block(support_, sigma_);
  copy(sigma_, factor_);
  factorize_covariance(factor_);
  for (Index i = 0; i < s_; ++i) sigma_(i, i) += second_->tau;
}

/// (Sigma_SS + tau2)^{-1} F_S (u + e rho - w C + e_new).
void PointLaw::draw(ModelDraws& draws) {
  prepare(draws);
  if (!second_) return;
  const Index m = basis_.targets();
  const ConstBlock fresh{draws.fresh_normals(s_ * m), s_, m, s_};
  const Block noise = fresh_.block(s_, m);
  multiply(fresh, transposed(second_->root), noise);
  multiply(factor_, noise, right_, 1.0, 1.0);
  solve_covariance(sigma_, right_, retrained_);
}

void PointLaw::draw_mean(ModelDraws& draws) {
  prepare(draws);
  if (!second_) return;
  const Index m = basis_.targets();
  const Block solved = solved_.block(s_, m + s_);
  solve_covariance(sigma_, {right_.data, s_, m + s_, right_.ld}, solved);
  copy(solved.columns(0, m), retrained_);
  spread_.assign(s_, 0.0);
  for (Index j = 0; j < s_; ++j)
    for (Index i = 0; i < s_; ++i) spread_[i] += solved(i, m + j) * solved(i, m + j);
}

}  // namespace overprune::theory
