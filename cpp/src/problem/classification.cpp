// Labels of a probit teacher: the signs of a linear Gaussian problem's responses.
#include "overprune/classification.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.hpp"
#include "problem/samplers.hpp"

namespace overprune {
namespace {

ConstMatrix one_column(ConstVector beta) { return {beta.data, beta.size, 1, beta.stride, 0}; }

/// Draws the field and replaces it by its signs.
class LabelSampler final : public Sampler {
 public:
  LabelSampler(const LinearClassificationProblem& problem, std::unique_ptr<Sampler> field)
      : problem_(problem), field_(std::move(field)), overlaps_(problem.field()) {}

  void draw(std::uint64_t seed, std::uint64_t trial, const Poll& poll) override {
    field_->draw(seed, trial, poll);
    const ConstMatrix field = field_->response();
    labels_.resize(field.rows);
    for (Index i = 0; i < field.rows; ++i) labels_[i] = field(i, 0) < 0.0 ? -1.0 : 1.0;
  }
  ConstMatrix design() const override { return field_->design(); }
  void columns(Index first, Matrix out) const override { field_->columns(first, out); }
  void chosen_columns(const Index* which, Matrix out) const override {
    field_->chosen_columns(which, out);
  }
  ConstMatrix response() const override {
    return column_major(labels_.data(), static_cast<Index>(labels_.size()), 1);
  }
  /// The mean square of y - x'theta.
  void evaluate(const Models& models, double* risk, double*) override {
    check_models(models, problem_.features(), 1, risk);
    find_overlaps(models);
    const double pull = std::sqrt(2.0 / std::numbers::pi / field_variance());
    for (Index b = 0; b < models.theta.cols; ++b)
      risk[b] = 1.0 - (field_variance() > 0.0 ? 2.0 * pull * teacher_[b] : 0.0) + self_[b];
  }
  void evaluate_labels(const Models& models, const LabelFigures& out) override {
    check_models(models, problem_.features(), 1, models.theta.data);
    find_overlaps(models);
    for (Index b = 0; b < models.theta.cols; ++b) {
      if (out.error) out.error[b] = label_error(teacher_[b], self_[b], field_variance());
      if (out.teacher_overlap) out.teacher_overlap[b] = teacher_[b];
      if (out.self_overlap) out.self_overlap[b] = self_[b];
    }
  }

 private:
  double field_variance() const {
    return problem_.signal() + problem_.noise_std() * problem_.noise_std();
  }
  void find_overlaps(const Models& models) {
    teacher_.resize(models.theta.cols);
    self_.resize(models.theta.cols);
    overlaps_.overlaps(models, teacher_.data(), self_.data());
  }

  const LinearClassificationProblem& problem_;
  std::unique_ptr<Sampler> field_;
  GaussianRisk overlaps_;
  std::vector<double> labels_, teacher_, self_;  // (n); (B) of the models under judgement
};

double signal_of(const LinearGaussianProblem& field) {
  if (!field.diagonal()) return field.signal();
  double signal = 0.0;
  for (Index i = 0; i < field.features(); ++i)
    signal += field.variances()(i) * field.beta()(i, 0) * field.beta()(i, 0);
  return signal;
}

}  // namespace

double label_error(double teacher_overlap, double self_overlap, double field) {
  if (!(self_overlap > 0.0) || !(field > 0.0))
    return std::isnan(teacher_overlap + self_overlap + field) ? teacher_overlap + self_overlap
                                                              : 0.5;
  const double cosine = teacher_overlap / std::sqrt(self_overlap) / std::sqrt(field);
  // Near 1 the arccos of the cosine would lose half the digits.
  const double sine = std::sqrt(std::max(0.0, (1.0 - cosine) * (1.0 + cosine)));
  return std::atan2(sine, cosine) / std::numbers::pi;
}

void check_loss(const Problem& problem, const Loss& loss, double n, double size, double ridge) {
  if (loss.takes_numbers()) return;
  if (!problem.has_labels())
    check::fail(
        "loss ", loss.name(),
        " needs labels -1 and 1, which a LinearClassificationProblem draws; where responses "
        "are numbers loss must be square");
  if (ridge == 0.0 && (!loss.smooth() || size >= n))
    check::fail("ridge must be above 0 for loss ", loss.name(), " at size ", size, " and n = ", n,
                ": separable data send the coefficients to infinity without it");
}

LinearClassificationProblem::LinearClassificationProblem(ConstVector beta, ConstVector variances,
                                                         double noise_std)
    : LinearClassificationProblem(LinearGaussianProblem(one_column(beta), variances, noise_std)) {}

LinearClassificationProblem::LinearClassificationProblem(ConstVector beta, ConstMatrix covariance,
                                                         double noise_std)
    : LinearClassificationProblem(LinearGaussianProblem(one_column(beta), covariance, noise_std)) {}

LinearClassificationProblem::LinearClassificationProblem(LinearGaussianProblem field)
    : field_(std::move(field)) {
  if (field_.targets() != 1)
    check::fail("beta must have one column for a classifier, got ", field_.targets());
  signal_ = signal_of(field_);
}

LinearGaussianProblem LinearClassificationProblem::regression() const {
  const Index p = features();
  const double variance = signal_ + noise_std() * noise_std();
  // E[y x] = Sigma beta sqrt(2 / (pi variance)).
  const double pull = variance > 0.0 ? std::sqrt(2.0 / std::numbers::pi / variance) : 0.0;
  std::vector<double> beta(p);
  for (Index i = 0; i < p; ++i) beta[i] = pull * field_.beta()(i, 0);
  const double noise = std::sqrt(std::max(0.0, 1.0 - pull * pull * signal_));
  const ConstMatrix coefficients = column_major(beta.data(), p, 1);
  if (field_.diagonal()) return {coefficients, field_.variances(), noise};
  return {coefficients, field_.covariance(), noise};
}

double LinearClassificationProblem::bayes_error() const {
  return label_error(signal_, signal_, signal_ + noise_std() * noise_std());
}

LinearClassificationProblem LinearClassificationProblem::restrict(const Indices& features) const {
  return LinearClassificationProblem(field_.restrict(features));
}

void LinearClassificationProblem::sample(Index n, std::uint64_t seed, std::uint64_t stream,
                                         Matrix x, Matrix y) const {
  field_.sample(n, seed, stream, x, y);
  for (Index i = 0; i < n; ++i) y(i, 0) = y(i, 0) < 0.0 ? -1.0 : 1.0;
}

void LinearClassificationProblem::overlaps(ConstMatrix theta, Vector teacher_overlap,
                                           Vector self_overlap) const {
  check::view("theta", theta);
  check::view("teacher_overlap", teacher_overlap);
  check::view("self_overlap", self_overlap);
  check::same("theta", features(), theta.rows);
  check::same("teacher_overlap", theta.cols, teacher_overlap.size);
  check::same("self_overlap", theta.cols, self_overlap.size);
  check::finite("theta", theta);
  Buffer buffer;
  const Block models = buffer.block(theta.rows, theta.cols);
  copy_strided(theta, 1.0, models);
  std::vector<double> teacher(theta.cols), self(theta.cols);
  GaussianRisk(field_).overlaps(
      {nullptr, theta.rows, column_major(models.data, theta.rows, theta.cols)}, teacher.data(),
      self.data());
  for (Index b = 0; b < theta.cols; ++b) {
    teacher_overlap(b) = teacher[b];
    self_overlap(b) = self[b];
  }
}

void LinearClassificationProblem::error(ConstMatrix theta, Vector error) const {
  check::view("error", error);
  check::same("error", theta.cols, error.size);
  std::vector<double> teacher(error.size), self(error.size);
  overlaps(theta, vector_view(teacher), vector_view(self));
  for (Index b = 0; b < error.size; ++b)
    error(b) = label_error(teacher[b], self[b], signal_ + noise_std() * noise_std());
}

std::unique_ptr<Sampler> LinearClassificationProblem::sampler(Index n) const {
  return std::make_unique<LabelSampler>(*this, field_.sampler(n));
}

std::unique_ptr<Sampler> LinearClassificationProblem::streaming_sampler(Index n) const {
  return std::make_unique<LabelSampler>(*this, field_.streaming_sampler(n));
}

Index LinearClassificationProblem::sampler_numbers(Index n, Index chosen) const {
  return field_.sampler_numbers(n, chosen) + n;
}

}  // namespace overprune
