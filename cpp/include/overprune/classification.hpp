// Linear classification: labels of a probit teacher, and the test error of models.
//
//     const std::vector<double> beta(p, 0.1), variances(p, 1.0);
//     const overprune::LinearClassificationProblem problem(
//         overprune::vector_view(beta), overprune::vector_view(variances), 0.3);
//     problem.error(theta, error);  // of B models, exactly
#pragma once

#include <memory>

#include "overprune/export.hpp"
#include "overprune/problem.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// y = sign(x'beta + noise_std z), x ~ N(0, Sigma), z ~ N(0, 1) (docs/theory.md, section 11). The
/// label of 0 is 1.
class LinearClassificationProblem final : public Problem {
 public:
  /// Independent features.
  /// @param beta       (p)
  /// @param variances  (p) at least 0
  /// @param noise_std  at least 0
  /// @throws std::invalid_argument as LinearGaussianProblem does
  LinearClassificationProblem(ConstVector beta, ConstVector variances, double noise_std);
  /// Correlated features.
  /// @param beta        (p)
  /// @param covariance  (p, p) symmetric and positive semidefinite
  /// @param noise_std   at least 0
  /// @throws std::invalid_argument as LinearGaussianProblem does
  LinearClassificationProblem(ConstVector beta, ConstMatrix covariance, double noise_std);
  /// Labels are the signs of the responses of another problem.
  /// @param field  with one target
  /// @throws std::invalid_argument for several targets
  explicit LinearClassificationProblem(LinearGaussianProblem field);

  Index features() const override { return field_.features(); }
  Index targets() const override { return 1; }
  bool has_labels() const override { return true; }
  bool knows_teacher() const override { return true; }
  bool has_errors_only() const override { return true; }
  /// The problem of the teacher's field, x'beta + noise_std z, whose signs the labels are.
  const LinearGaussianProblem& field() const { return field_; }
  double noise_std() const { return field_.noise_std(); }  ///< of the field
  double signal() const { return signal_; }                ///< beta'Sigma beta
  /// The linear Gaussian problem with the second moments of x and y: the square loss trains on it.
  LinearGaussianProblem regression() const;
  /// The least test error of all linear models, that of theta = beta; 1/2 for beta = 0.
  double bayes_error() const;

  /// The problem of training on a subset D of the features. What the others explain beyond D is
  /// noise of the field: exactly so, because the features are Gaussian.
  /// @param features  (k) distinct indices in [0, p)
  /// @return a problem of k features
  /// @throws std::invalid_argument for indices out of range or repeated
  LinearClassificationProblem restrict(const Indices& features) const;

  /// Draws n rows: a pure function of seed and stream.
  /// @param n       at least 1
  /// @param seed    key of the numbers
  /// @param stream  which of the seed's samples; trial t of `simulate` is stream t
  /// @param x       (n, p) receives the inputs
  /// @param y       (n, 1) receives the labels, -1 or 1
  /// @throws std::invalid_argument for shapes that do not match
  void sample(Index n, std::uint64_t seed, std::uint64_t stream, Matrix x, Matrix y) const;
  /// Test error P(y x'theta < 0) = arccos(m / sqrt(q (rho0 + noise_std^2))) / pi of B models, with
  /// their overlaps m = theta'Sigma beta, q = theta'Sigma theta and rho0 = beta'Sigma beta. It is
  /// 1/2 where q = 0.
  /// @param theta  (p, B)
  /// @param error  (B) receives them
  /// @throws std::invalid_argument for shapes that do not match or non-finite models
  void error(ConstMatrix theta, Vector error) const;
  /// The overlaps of B models.
  /// @param theta           (p, B)
  /// @param teacher_overlap (B) receives theta'Sigma beta
  /// @param self_overlap    (B) receives theta'Sigma theta
  /// @throws std::invalid_argument for shapes that do not match or non-finite models
  void overlaps(ConstMatrix theta, Vector teacher_overlap, Vector self_overlap) const;

  const std::vector<double>* curvature() const override { return field_.curvature(); }
  void oracle_scores(Index k, double* scores) const override { field_.oracle_scores(k, scores); }
  std::unique_ptr<Sampler> sampler(Index n) const override;
  bool streams() const override { return field_.streams(); }
  bool redraws_cheaply() const override { return field_.redraws_cheaply(); }
  std::unique_ptr<Sampler> streaming_sampler(Index n) const override;
  Index sampler_numbers(Index n, Index chosen) const override;

 private:
  LinearGaussianProblem field_;
  double signal_ = 0.0;
};

/// Test error of a model by its overlaps.
/// @param teacher_overlap  m = theta'Sigma beta
/// @param self_overlap     q = theta'Sigma theta, at least 0
/// @param field            variance of the teacher's field, rho0 + noise_std^2, at least 0
/// @return arccos(m / sqrt(q field)) / pi, and 1/2 where q or field is 0
double label_error(double teacher_overlap, double self_overlap, double field);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
