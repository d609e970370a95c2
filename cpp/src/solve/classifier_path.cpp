#include "solve/classifier_path.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "base/team.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

/// Sizes above this times n have fewer multipliers than what their Hessian's products cost.
constexpr double kDualFrom = 0.6;
constexpr int kMostFinishes = 3;
/// A gap, relative to the loss of outputs 0, that is no minimum.
constexpr double kUnsettled = 1e-6;
constexpr Index kMirrorTile = 32;  // of a matrix that is copied to its other triangle

[[noreturn]] void refuse_unbounded(const ClassifierSolver::Problem& problem, Index k) {
  const char* why = k < problem.x.rows ? " features separate the classes, up to rounding"
                                       : " features are at least as many as the rows";
  check::fail(problem.ridge_name, " must be above 0 where the first ", k, why, ": with loss \"",
              problem.loss.name(),
              "\" no model has the least loss, as larger ones have ever less; got ", problem.ridge);
}

/// No result is given out that is known to be another one than the minimiser.
void check_settled(const ClassifierSolver::Problem& problem, Index k, const double* labels,
                   double gap) {
  if (std::isnan(gap) || std::abs(gap) <= kUnsettled) return;
  const Index n = problem.x.rows;
  std::vector<double> losses(n);
  problem.loss.value(labels, std::vector<double>(n, 0.0).data(), n, losses.data());
  double sum = 0.0;
  for (const double loss : losses) sum += std::abs(loss);
  if (std::abs(gap) <= kUnsettled * sum / static_cast<double>(n)) return;
  check::fail(problem.ridge_name, " must be larger, or the columns of X less alike: with loss \"",
              problem.loss.name(), "\" on the first ", k,
              " features the steps to the least loss do not settle; its objective may be ", gap,
              " above the minimum; got ", problem.ridge);
}

bool are_opposite(ConstBlock labels) {
  for (Index i = 0; i < labels.rows; ++i)
    if (labels(i, 1) != -labels(i, 0)) return false;
  return true;
}

}  // namespace

// Without a ridge the multipliers do not determine the model.
bool ClassifierSolver::is_dual(Index n, Index k, double ridge) {
  return ridge > 0.0 && static_cast<double>(k) > kDualFrom * static_cast<double>(n);
}

void ClassifierSolver::need(Index n, Index m, std::initializer_list<Use> uses, bool streamed,
                            MemoryNeed& need) {
  Index tall = 0, drawn = 0;
  bool dual = false;
  for (const Use& use : uses)
    for (const Index k : use.sizes) {
      const bool in_rows = is_dual(n, k, use.ridge);
      dual = dual || in_rows;
      if (!in_rows) tall = std::max(tall, k);
      drawn = std::max(drawn, in_rows ? std::min(k, columns_per_poll(n * n)) : k);
    }
  need.hold((dual ? n * n : 0) + 2 * n * m + n + (streamed ? n * drawn : 0));
  if (dual) need.product(n, n, drawn);
  OutputSystem::need(n, tall, dual, need);
  MarginFit::need(n, std::max(dual ? n : 0, tall), need);
}

void ClassifierSolver::solve(const Problem& problem, const Poll& poll) {
  const Index n = problem.x.rows, m = problem.labels.cols,
              total = static_cast<Index>(problem.sizes.size());
  if (problem.info) {
    problem.info->factors.assign(total, 0);
    problem.info->gap.assign(total, 0.0);
  }
  fill(problem.theta, 0.0);
  grown_ = 0;
  multipliers_ = multiplier_buffer_.block(n, m);
  outputs_ = output_buffer_.block(n, m);
  fill(multipliers_, 0.0);
  fill(outputs_, 0.0);
  c_.resize(n);
  // Of two classes one against the rest, either is the other's opposite.
  const bool mirrored = m == 2 && problem.loss.named() && are_opposite(problem.labels);
  for (Index i = 0; i < total; ++i) {
    solve_size(problem, i, mirrored ? 1 : m, poll);
    if (!mirrored) continue;
    const double* theta = problem.theta.col(2 * i);
    double* other = problem.theta.col(2 * i + 1);
    for (Index j = 0; j < problem.sizes[i]; ++j) other[j] = -theta[j];
  }
}

void ClassifierSolver::solve_size(const Problem& problem, Index i, Index targets,
                                  const Poll& poll) {
  const Index k = problem.sizes[i];
  const bool dual = is_dual(problem.x.rows, k, problem.ridge);
  if (problem.ridge == 0.0 && k >= problem.x.rows) refuse_unbounded(problem, k);
  if (dual) grow(problem, k, poll);
  for (Index t = 0; t < targets; ++t) {
    poll_now(poll);
    const MarginFit::Outcome found =
        dual ? fit_kernel(problem, i, t, poll) : fit_columns(problem, i, t, poll);
    if (found.unbounded) refuse_unbounded(problem, k);
    check_settled(problem, k, problem.labels.col(t), found.gap);
    if (!problem.info) continue;
    problem.info->factors[i] += found.factors;
    double& gap = problem.info->gap[i];
    gap = std::isnan(found.gap) ? found.gap : std::max(gap, found.gap);
  }
}

/// Both triangles of X_k X_k'.
void ClassifierSolver::grow(const Problem& problem, Index k, const Poll& poll) {
  const Index n = problem.x.rows;
  if (grown_ == 0) {
    kernel_ = kernel_buffer_.block(n, n);
    fill(kernel_, 0.0);
  }
  const Index width = columns_per_poll(n * n);
  while (grown_ < k) {
    poll_now(poll);
    const Index count = std::min(width, k - grown_);
    const ConstBlock x = problem.x.columns(grown_, count, space_);
    kernels::active().row_gram(n, count, x.data, x.ld, kernel_.data, kernel_.ld);
    grown_ += count;
  }
  for (Index right = 0; right < n; right += kMirrorTile)
    for (Index down = right; down < n; down += kMirrorTile)
      for (Index j = right; j < std::min(right + kMirrorTile, n); ++j)
        for (Index i = std::max(down, j + 1); i < std::min(down + kMirrorTile, n); ++i)
          kernel_(j, i) = kernel_(i, j);
}

MarginFit::Outcome ClassifierSolver::fit_columns(const Problem& problem, Index i, Index t,
                                                 const Poll& poll) {
  const Index n = problem.x.rows, m = problem.labels.cols, k = problem.sizes[i];
  const double *labels = problem.labels.col(t), lambda = problem.ridge * static_cast<double>(n);
  double *theta = problem.theta.col(i * m + t), *u = multipliers_.col(t), *z = outputs_.col(t);
  if (i > 0) std::copy_n(problem.theta.col((i - 1) * m + t), problem.sizes[i - 1], theta);
  system_.use_columns(problem.x.columns(0, k, space_), lambda);
  system_.outputs(theta, z);
  MarginFit::Outcome found = fit_.run(system_, problem.loss, labels, true, theta, z, u, poll);
  for (int pass = 0; pass < kMostFinishes && !found.unbounded; ++pass) {
    system_.outputs(theta, z);
    if (!fit_.finish(system_, problem.loss, labels, theta, z, u, found)) break;
  }
  return found;
}

MarginFit::Outcome ClassifierSolver::fit_kernel(const Problem& problem, Index i, Index t,
                                                const Poll& poll) {
  const Index n = problem.x.rows;
  const double *labels = problem.labels.col(t), lambda = problem.ridge * static_cast<double>(n);
  double *u = multipliers_.col(t), *z = outputs_.col(t);
  system_.use_kernel(kernel_, lambda);
  MarginFit::Outcome found = fit_.run(system_, problem.loss, labels, false, c_.data(), z, u, poll);
  for (int pass = 0; pass < kMostFinishes && !found.unbounded; ++pass) {
    model_of(problem, i, t, poll);
    if (!fit_.finish(system_, problem.loss, labels, c_.data(), z, u, found)) break;
  }
  return found;
}

/// theta = X_k'a, and its outputs from the same columns while they are in cache.
void ClassifierSolver::model_of(const Problem& problem, Index i, Index t, const Poll& poll) {
  const auto& kernel = kernels::active();
  const Index n = problem.x.rows, m = problem.labels.cols, k = problem.sizes[i];
  double *theta = problem.theta.col(i * m + t), *z = outputs_.col(t);
  std::fill_n(z, n, 0.0);
  each_block(problem.x.first(k), space_, poll, [&](Index first, ConstBlock x) {
    kernel.gemm(true, false, x.cols, 1, n, 1.0, x.data, x.ld, c_.data(), n, 0.0, theta + first,
                x.cols);
    kernel.gemm(false, false, n, 1, x.cols, 1.0, x.data, x.ld, theta + first, x.cols, 1.0, z, n);
  });
}

}  // namespace overprune
