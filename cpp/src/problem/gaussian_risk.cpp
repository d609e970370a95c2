// R(theta) = tr N + (theta - beta)' Sigma (theta - beta) of many models at a time.
//
// Correlated features: theta'Sigma theta - 2 theta'(Sigma beta) + beta'Sigma beta needs the rows
// and columns of Sigma only where some theta is not zero. Its rounding error is that of its terms;
// where they cancel more than kCancelled, the form in differences is taken, which errs relative to
// the risk. Independent features: the signal off a support is the whole less that on it, both to
// 106 bits, so that nothing is lost however little remains.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/table.hpp"
#include "problem/samplers.hpp"

namespace overprune {
namespace {

constexpr double kCancelled = 1e-3;
constexpr double kNothing = 1e-15;

/// sum += value, with the rounding error in `rest`.
struct Exact {
  double sum = 0.0, rest = 0.0;
  void add(double value) {
    const double next = sum + value, back = next - sum;
    rest += (sum - (next - back)) + (value - back);
    sum = next;
  }
};

/// sum of w (a - b)^2.
double weighted_distance(Index n, const double* w, const double* a, const double* b) {
  double sum[4] = {};
  Index i = 0;
  for (; i + 4 <= n; i += 4)
    for (int l = 0; l < 4; ++l) sum[l] += w[i + l] * (a[i + l] - b[i + l]) * (a[i + l] - b[i + l]);
  for (; i < n; ++i) sum[0] += w[i] * (a[i] - b[i]) * (a[i] - b[i]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// Rows of each column up to its last that is not zero.
void heights_of(ConstBlock models, Indices& heights) {
  heights.resize(models.cols);
  for (Index c = 0; c < models.cols; ++c) {
    Index height = models.rows;
    while (height > 0 && models(height - 1, c) == 0.0) --height;
    heights[c] = height;
  }
}

/// forms[c] = d'Sigma d for the columns d of `d`, from the lower triangle of Sigma, panel by panel
/// of its columns. A panel leaves out the columns of d before the first that reaches it.
void quadratic_forms(ConstBlock sigma, ConstBlock d, const Indices& heights, Buffer& buffer,
                     double* forms) {
  const auto& kernel = kernels::active();
  const Index columns = d.cols,
              highest = columns ? *std::max_element(heights.begin(), heights.end()) : 0;
  std::fill_n(forms, columns, 0.0);
  for (Index first = 0, start = 0; first < highest; first += kRiskPanel) {
    const Index width = std::min(kRiskPanel, highest - first), next = first + width;
    while (heights[start] <= first) ++start;
    const Block image = buffer.block(width, columns - start);
    const ConstBlock own = d.columns(start, columns - start);
    // Twice the part below the diagonal block, and the diagonal block.
    if (next < highest)
      kernel.gemm(true, false, width, own.cols, highest - next, 2.0, sigma.col(first) + next,
                  sigma.ld, own.data + next, own.ld, 0.0, image.data, image.ld);
    kernel.gemm(true, false, width, own.cols, width, 1.0, sigma.col(first) + first, sigma.ld,
                own.data + first, own.ld, next < highest ? 1.0 : 0.0, image.data, image.ld);
    for (Index c = 0; c < own.cols; ++c)
      forms[start + c] += inner(width, own.col(c) + first, image.col(c));
  }
}

}  // namespace

GaussianRisk::GaussianRisk(const LinearGaussianProblem& problem) : problem_(problem) {}

void GaussianRisk::evaluate(const Models& models, double* risk) {
  if (problem_.diagonal())
    evaluate_diagonal(models, risk);
  else
    evaluate_dense(models, risk);
}

void GaussianRisk::need(const LinearGaussianProblem& problem, const Indices& sizes,
                        const Indices& nonzeros, MemoryNeed& need) {
  const Index p = problem.features(), m = problem.targets(),
              most = nonzeros.empty() ? 0 : nonzeros.back();
  if (problem.diagonal()) return need.hold(3 * p + 2 + most * (m + 1));
  const Index dense = static_cast<Index>(sizes.size()) * m,
              pruned = static_cast<Index>(nonzeros.size()) * m;
  double work = 0.0;
  for (const Index k : sizes) work += static_cast<double>(k) * static_cast<double>(k);
  const bool whole = work >= 0.5 * static_cast<double>(sizes.size() * p) * static_cast<double>(p);
  need.hold(kRiskPanel * std::max(dense, pruned) + most * most +
            (whole ? p * dense : sizes.back() * m));
  need.product(kRiskPanel, dense, sizes.back());
  need.product(kRiskPanel, pruned, most);
}

void GaussianRisk::add_up_signal() {
  const Index p = problem_.features(), m = problem_.targets();
  const ConstMatrix beta = problem_.beta();
  signal_.resize(p);
  for (Index i = 0; i < p; ++i)
    for (Index t = 0; t < m; ++t) signal_[i] += problem_.variances()(i) * beta(i, t) * beta(i, t);
  // What features k, k + 1, ... carry, added up from the last.
  after_.resize(2 * (p + 1));
  Exact total;
  for (Index k = p; k-- > 0;) {
    total.add(signal_[k]);
    after_[2 * k] = total.sum;
    after_[2 * k + 1] = total.rest;
  }
}

double GaussianRisk::signal_outside(const Models& models) {
  if (models.count == problem_.features()) return 0.0;
  if (after_.empty()) add_up_signal();
  if (!models.support) return after_[2 * models.count] + after_[2 * models.count + 1];
  Exact inside;
  for (Index i = 0; i < models.count; ++i) inside.add(signal_[models.support[i]]);
  const double outside = (after_[0] - inside.sum) + (after_[1] - inside.rest);
  if (outside > kNothing * after_[0]) return outside;
  std::vector<double> left = signal_;
  for (Index i = 0; i < models.count; ++i) left[models.support[i]] = 0.0;
  return std::accumulate(left.begin(), left.end(), 0.0);
}

void GaussianRisk::evaluate_diagonal(const Models& models, double* risk) {
  const ConstMatrix beta = problem_.beta();
  const Index m = problem_.targets(), count = models.count, rows = models.support ? count : 0;
  const double outside = problem_.noise_floor() + signal_outside(models);
  // The support's variances and coefficients side by side, once for all models.
  double* gathered = differences_.get(rows * (m + 1));
  for (Index i = 0; i < rows; ++i) gathered[i] = problem_.variances()(models.support[i]);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < rows; ++i) gathered[(t + 1) * rows + i] = beta(models.support[i], t);
  const double* variances = models.support ? gathered : problem_.variances().data;
  for (Index b = 0; b < models.theta.cols / m; ++b) {
    double sum = outside;
    for (Index t = 0; t < m; ++t)
      sum += weighted_distance(count, variances, &models.theta(0, b * m + t),
                               models.support ? gathered + (t + 1) * rows : &beta(0, t));
    risk[b] = sum;
  }
}

/// Sigma on the support; below the diagonal blocks of kRiskPanel the upper triangle is not set.
ConstBlock GaussianRisk::covariance_of(const Models& models) {
  const ConstMatrix covariance = problem_.covariance();
  const Index count = models.count;
  if (!models.support) return {covariance.data, count, count, problem_.features()};
  const Block own = gathered_.block(count, count);
  for (Index j = 0; j < count; ++j)
    for (Index i = j; i < count; ++i) own(i, j) = covariance(models.support[i], models.support[j]);
  for (Index j = 0; j < count; ++j)  // the diagonal blocks are read whole
    for (Index i = j + 1; i < std::min(count, (j / kRiskPanel + 1) * kRiskPanel); ++i)
      own(j, i) = own(i, j);
  return own;
}

void GaussianRisk::overlaps(const Models& models, double* teacher, double* self) {
  const ConstBlock theta{models.theta.data, models.count, models.theta.cols,
                         models.theta.col_stride};
  const auto feature = [&](Index i) { return models.support ? models.support[i] : i; };
  double* image = targets_.get(models.count);  // (Sigma beta)_S
  for (Index i = 0; i < models.count; ++i)
    image[i] = problem_.diagonal()
                   ? problem_.variances()(feature(i)) * problem_.beta()(feature(i), 0)
                   : problem_.covariance_beta()(feature(i), 0);
  for (Index b = 0; b < theta.cols; ++b) teacher[b] = inner(theta.rows, theta.col(b), image);
  if (!problem_.diagonal()) {
    heights_of(theta, heights_);
    return quadratic_forms(covariance_of(models), theta, heights_, images_, self);
  }
  for (Index b = 0; b < theta.cols; ++b) {
    self[b] = 0.0;
    for (Index i = 0; i < theta.rows; ++i)
      self[b] += problem_.variances()(feature(i)) * theta(i, b) * theta(i, b);
  }
}

void GaussianRisk::evaluate_dense(const Models& models, double* risk) {
  const Index p = problem_.features(), m = problem_.targets(), columns = models.theta.cols,
              count = models.count;
  const ConstBlock theta{models.theta.data, count, columns, models.theta.col_stride};
  const ConstMatrix image = problem_.covariance_beta();
  heights_of(theta, heights_);
  open_.resize(columns / m);  // models whose risk is still to be found
  std::iota(open_.begin(), open_.end(), Index{0});
  const double work = std::accumulate(
      heights_.begin(), heights_.end(), 0.0,
      [](double sum, Index h) { return sum + static_cast<double>(h) * static_cast<double>(h); });
  // A form of full size in differences costs no more than this one, and is the more accurate.
  if (work < 0.5 * static_cast<double>(columns) * static_cast<double>(p) * static_cast<double>(p)) {
    const ConstBlock sigma = covariance_of(models);
    const Block target = targets_.block(count, m);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < count; ++i)
        target(i, t) = image(models.support ? models.support[i] : i, t);
    forms_.resize(columns);
    quadratic_forms(sigma, theta, heights_, images_, forms_.data());
    open_.clear();
    for (Index b = 0; b < columns / m; ++b) {
      double form = 0.0, cross = 0.0, size = 0.0;
      for (Index t = 0; t < m; ++t) {
        const double product = inner(heights_[b * m + t], theta.col(b * m + t), target.col(t));
        form += forms_[b * m + t];
        cross += product;
        size += 2.0 * std::abs(product);
      }
      const double signal = problem_.signal(), excess = form - 2.0 * cross + signal;
      risk[b] = problem_.noise_floor() + excess;
      if (!(risk[b] > kCancelled * (size + form + signal))) open_.push_back(b);
    }
  }
  if (!open_.empty()) from_differences(models, open_, risk);
}

// All differences theta - beta in one product with Sigma.
void GaussianRisk::from_differences(const Models& models, const Indices& which, double* risk) {
  const ConstMatrix beta = problem_.beta(), covariance = problem_.covariance();
  const Index p = problem_.features(), m = problem_.targets();
  const Block difference = differences_.block(p, m * static_cast<Index>(which.size()));
  for (Index c = 0; c < difference.cols; ++c) {
    for (Index i = 0; i < p; ++i) difference(i, c) = -beta(i, c % m);
    for (Index i = 0; i < models.count; ++i)
      difference(models.support ? models.support[i] : i, c) +=
          models.theta(i, which[c / m] * m + c % m);
  }
  heights_.assign(difference.cols, p);
  forms_.resize(difference.cols);
  quadratic_forms({covariance.data, p, p, p}, difference, heights_, images_, forms_.data());
  for (std::size_t b = 0; b < which.size(); ++b) {
    const double sum = std::accumulate(forms_.begin() + b * m, forms_.begin() + (b + 1) * m, 0.0);
    // Rounding may take a quadratic form that is zero below it.
    risk[which[b]] = problem_.noise_floor() + std::max(sum, 0.0);
  }
}

}  // namespace overprune
