// Problems: they draw data and measure the risk of models.
//
//     const std::vector<double> beta(p, 0.1), variances(p, 1.0);
//     const overprune::LinearGaussianProblem problem(overprune::column_major(beta.data(), p, 1),
//                                                    overprune::vector_view(variances), 0.3);
#pragma once

#include <functional>
#include <memory>

#include "overprune/export.hpp"
#include "overprune/loss.hpp"
#include "overprune/scalar_function.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// Coefficients of several models on one support, for a Sampler to judge.
struct Models {
  /// (count) features of the rows of theta; null: 0, 1, ..., count - 1
  const Index* support = nullptr;
  Index count = 0;    ///< number of coefficients of each
  ConstMatrix theta;  ///< (count, B m): column b m + t is model b, target t
};

/// Where the figures of B models of a classifier go; null: not wanted.
struct LabelFigures {
  double* error = nullptr;            ///< (B) test error
  double* teacher_overlap = nullptr;  ///< (B) theta'Sigma beta
  double* self_overlap = nullptr;     ///< (B) theta'Sigma theta
};

/// One thread's source of trials: draws data of a problem and measures the risk of models fitted to
/// them. It keeps its memory from trial to trial. Two threads must not use it at once.
class Sampler {
 public:
  virtual ~Sampler() = default;  ///< by a pointer to the base

  /// Draws one trial: a pure function of its numbers.
  /// @param seed   of the simulation
  /// @param trial  number of the trial
  /// @param poll   called now and then; may throw to stop
  virtual void draw(std::uint64_t seed, std::uint64_t trial,
                    const std::function<void()>& poll = {}) = 0;
  /// (n, p), unit row stride; null data where the sampler holds no X (`streaming_sampler`).
  virtual ConstMatrix design() const = 0;
  /// Columns number first, ..., first + out.cols - 1 of X. The numbers are the same whether X is
  /// held or not, and in every call. By default they are copied from design().
  /// @param first  number of the first column
  /// @param out    (n, columns), unit row stride, col_stride at least n
  virtual void columns(Index first, Matrix out) const;
  /// Any columns of X, side by side: the same numbers as those of `columns`, from which they come
  /// one by one by default.
  /// @param which  (out.cols) numbers of the columns
  /// @param out    (n, columns), unit row stride, col_stride at least n
  virtual void chosen_columns(const Index* which, Matrix out) const;
  virtual ConstMatrix response() const = 0;  ///< (n, m), unit row stride

  /// Test risk of each of B models.
  /// @param models    B of them, (count, B m)
  /// @param risk      (B)
  /// @param accuracy  (B), or null; filled only where the problem has classes
  virtual void evaluate(const Models& models, double* risk, double* accuracy) = 0;

  /// Test error and overlaps of each of B models of a problem with labels.
  /// @param models  B of them, (count, B)
  /// @param out     where they go
  /// @throws std::invalid_argument where the problem has none, as by default
  virtual void evaluate_labels(const Models& models, const LabelFigures& out);
};

class LinearGaussianProblem;

/// The most memory in bytes that a worker's X takes by default where drawing it anew costs little:
/// see Trials::design_limit.
inline constexpr Index kDesignLimit = Index{256} << 20;

/// What `simulate` needs of a problem. Immutable; shared by threads.
class Problem {
 public:
  virtual ~Problem() = default;                       ///< by a pointer to the base
  virtual Index features() const = 0;                 ///< p
  virtual Index targets() const = 0;                  ///< m
  virtual bool has_classes() const { return false; }  ///< whether an accuracy is measured, too
  /// Whether responses are labels -1 and 1, or classes one against the rest, so that losses of
  /// labels may be trained on.
  virtual bool has_labels() const { return false; }
  /// Whether the true coefficients are known to which a classifier is compared.
  virtual bool knows_teacher() const { return false; }
  /// Whether no risk is measured, whatever the loss: labels are all there is.
  virtual bool has_errors_only() const { return false; }
  /// Sigma_ii (p) where the population is known, else null.
  virtual const std::vector<double>* curvature() const { return nullptr; }
  /// The linear Gaussian problem with the population's second moments; null if they are unknown.
  virtual const LinearGaussianProblem* population() const { return nullptr; }
  /// Scores by which the oracle rule ranks: |beta_i| sqrt(Sigma_ii) of the problem restricted to
  /// its first k features.
  /// @param k       how many features, in [1, p]
  /// @param scores  (k) receives them
  /// @throws std::invalid_argument where the truth is unknown or k is not in [1, p]
  virtual void oracle_scores(Index k, double* scores) const = 0;
  /// A source of trials.
  /// @param n  rows of X, at least 1
  /// @throws std::invalid_argument where n is out of range
  virtual std::unique_ptr<Sampler> sampler(Index n) const = 0;
  /// Whether the columns of X can be drawn on their own, so that a sampler need not hold X.
  virtual bool streams() const { return false; }
  /// Whether that costs little more than reading them: then X is held up to kDesignLimit, else
  /// wherever Trials::design_limit does not forbid it.
  virtual bool redraws_cheaply() const { return false; }
  /// The same trials from a sampler that holds no X and draws `columns` anew in every call.
  /// @param n  rows of X, at least 1
  /// @throws std::invalid_argument where n is out of range or the problem does not stream
  virtual std::unique_ptr<Sampler> streaming_sampler(Index n) const;
  /// Count of the numbers that a sampler holds besides its design; see worker_memory.
  /// @param n       rows of X
  /// @param chosen  most columns of one call of chosen_columns, of a streaming sampler; 0 of one
  /// that holds X
  virtual Index sampler_numbers(Index n, Index chosen) const = 0;
};

/// Refuses a training for which there is no theory and no simulation: losses of labels need labels,
/// and without ridge those that separable data send to infinity need more samples than features.
/// @param problem  what is trained on
/// @param loss     of the training
/// @param n        samples
/// @param size     k, features trained
/// @param ridge    of the training, at least 0
/// @throws std::invalid_argument that says what is wrong
void check_loss(const Problem& problem, const Loss& loss, double n, double size, double ridge);

/// Whether the models of a training are judged by their test error, not by their risk.
/// @param problem  what is trained on
/// @param loss     of the training
inline bool judged_by_error(const Problem& problem, const Loss& loss) {
  return problem.has_errors_only() || (problem.has_labels() && !loss.takes_numbers());
}

/// Noise of m targets: independent with one standard deviation (at least 0), or with a covariance
/// N (m, m), symmetric and positive semidefinite. It holds a view: it is for arguments only.
struct Noise {
  /// Independent noise of one standard deviation; implicit, so that a number may stand for it.
  /// @param standard_deviation  at least 0
  Noise(double standard_deviation) : std(standard_deviation) {}
  /// Noise of a covariance.
  /// @param noise_covariance  (m, m)
  Noise(ConstMatrix noise_covariance) : covariance(noise_covariance) {}
  double std = 0.0;        ///< standard deviation, where covariance is null
  ConstMatrix covariance;  ///< (m, m), or null where std is given
};

/// x ~ N(0, Sigma), y = beta'x + N(0, N) (docs/theory.md, sections 1 and 9).
class LinearGaussianProblem final : public Problem {
 public:
  /// Independent features.
  /// @param beta       (p, m)
  /// @param variances  (p) at least 0
  /// @param noise      N: its square root, a number, for N = noise_std^2 I; or (m, m)
  /// @throws std::invalid_argument for mismatched, non-finite, negative, unsymmetric or indefinite
  /// input, and for numbers so large that the risk of theta = 0 overflows
  LinearGaussianProblem(ConstMatrix beta, ConstVector variances, Noise noise);
  /// Correlated features.
  /// @param beta        (p, m)
  /// @param covariance  (p, p) symmetric and positive semidefinite
  /// @param noise       N: its square root, a number, for N = noise_std^2 I; or (m, m)
  /// @throws std::invalid_argument as for independent features
  LinearGaussianProblem(ConstMatrix beta, ConstMatrix covariance, Noise noise);

  Index features() const override { return p_; }
  Index targets() const override { return m_; }
  bool diagonal() const { return covariance_.empty(); }  ///< whether features are independent
  /// Standard deviation of the noise; where a covariance N was given, sqrt(tr N / m).
  double noise_std() const { return noise_std_; }
  /// (m, m) N.
  ConstMatrix noise_covariance() const { return column_major(noise_.data(), m_, m_); }
  /// (m, m) F with F F' = N where N was given as a covariance, else null: N = noise_std^2 I.
  ConstMatrix noise_factor() const {
    return noise_factor_.empty() ? ConstMatrix{} : column_major(noise_factor_.data(), m_, m_);
  }
  double noise_floor() const { return noise_floor_; }  ///< tr N, the least risk there is
  ConstMatrix beta() const { return column_major(beta_.data(), p_, m_); }  ///< (p, m)
  ConstVector variances() const { return vector_view(variances_); }        ///< (p) Sigma_ii
  /// (p, p) Sigma; dense only.
  ConstMatrix covariance() const { return column_major(covariance_.data(), p_, p_); }
  /// (p, m) Sigma beta; dense only.
  ConstMatrix covariance_beta() const { return column_major(image_.data(), p_, m_); }
  double signal() const { return signal_; }  ///< tr beta' Sigma beta; dense only
  /// (p, p) F with F F' = Sigma; dense only. Lower triangular where Sigma is definite.
  ConstMatrix factor() const { return column_major(factor_.data(), p_, p_); }
  /// R(0) = tr N + tr beta' Sigma beta.
  double null_risk() const;

  /// The problem of training on a subset D: beta_D = Sigma_DD^{-1} Sigma_D: beta. The noise takes
  /// up what the other features explain: N_D = N + r' Sigma r, r = beta less beta_D on D.
  /// @param features  (k) distinct indices in [0, p)
  /// @return a problem of k features
  /// @throws std::invalid_argument for indices out of range or repeated
  LinearGaussianProblem restrict(const Indices& features) const;

  /// Draws n rows: a pure function of seed and stream.
  /// @param n       at least 1
  /// @param seed    key of the numbers
  /// @param stream  which of the seed's samples; trial t of `simulate` is stream t
  /// @param x       (n, p) receives the inputs
  /// @param y       (n, m) receives the responses
  /// @throws std::invalid_argument for shapes that do not match
  void sample(Index n, std::uint64_t seed, std::uint64_t stream, Matrix x, Matrix y) const;
  /// R(theta) = tr N + tr (theta - beta)' Sigma (theta - beta) of B models.
  /// @param theta  (p, B m): column b m + t is model b, target t
  /// @param risk   (B) receives them
  /// @throws std::invalid_argument for shapes that do not match or non-finite models
  void risk(ConstMatrix theta, Vector risk) const;

  const std::vector<double>* curvature() const override { return &variances_; }
  const LinearGaussianProblem* population() const override { return this; }
  void oracle_scores(Index k, double* scores) const override;
  std::unique_ptr<Sampler> sampler(Index n) const override;
  bool streams() const override { return true; }
  bool redraws_cheaply() const override { return diagonal(); }
  std::unique_ptr<Sampler> streaming_sampler(Index n) const override;
  Index sampler_numbers(Index n, Index chosen) const override;

 private:
  LinearGaussianProblem(ConstMatrix beta, Noise noise);
  void check_risk() const;
  bool keeps_signal(const Indices& features) const;
  std::vector<double> taken_over(const Indices& features) const;
  std::vector<double> restricted_beta(const Indices& features,
                                      std::vector<double> taken_over) const;
  std::vector<double> unexplained(const Indices& features,
                                  const std::vector<double>& taken_over) const;

  Index p_ = 0, m_ = 1;
  double noise_std_ = 0.0, noise_floor_ = 0.0, signal_ = 0.0;
  std::vector<double> beta_, variances_, covariance_, factor_, noise_, noise_factor_, image_;
};

/// x = phi(R a + bias), a ~ N(0, I_d), y = g(teacher'a) + noise_std z (docs/theory.md, section 7).
class RandomFeatureProblem final : public Problem {
 public:
  /// Computes the second moments of the features, too.
  /// @param weights     (p, d), no zero row
  /// @param teacher     (d)
  /// @param noise_std   at least 0
  /// @param activation  phi, a named one or the caller's
  /// @param bias        (p), or empty for none
  /// @param link        g, likewise
  /// @param poll        called now and then by the computation of second moments; may throw to stop
  /// @throws std::invalid_argument for mismatched or non-finite input, a zero row of weights, a
  /// caller's function that is not piecewise smooth, or weights, bias or a teacher so large that no
  /// function is
  RandomFeatureProblem(ConstMatrix weights, ConstVector teacher, double noise_std,
                       const ScalarFunction& activation, ConstVector bias,
                       const ScalarFunction& link = Activation::identity,
                       const std::function<void()>& poll = {});

  Index features() const override { return p_; }
  Index targets() const override { return 1; }
  /// The linear Gaussian problem with the same second moments, hence the same risk of every theta.
  const LinearGaussianProblem& equivalent() const { return *equivalent_; }
  /// The same, shared: it may outlive this object.
  std::shared_ptr<const LinearGaussianProblem> share_equivalent() const { return equivalent_; }
  /// R(0) = E[g(teacher'a)^2] + noise_std^2.
  double null_risk() const { return null_risk_; }
  /// Whether the link is `sign` and there is no noise, so that responses are -1 and 1.
  bool has_labels() const override { return link_.is(Activation::sign) && noise_std_ == 0.0; }
  const std::vector<double>* curvature() const override { return equivalent_->curvature(); }
  const LinearGaussianProblem* population() const override { return equivalent_.get(); }
  void oracle_scores(Index k, double* scores) const override {
    equivalent_->oracle_scores(k, scores);
  }
  std::unique_ptr<Sampler> sampler(Index n) const override;
  bool streams() const override { return true; }
  std::unique_ptr<Sampler> streaming_sampler(Index n) const override;
  Index sampler_numbers(Index n, Index chosen) const override;

 private:
  friend class FeatureSampler;
  Index p_ = 0, d_ = 0;
  double noise_std_ = 0.0, null_risk_ = 0.0;
  ScalarFunction activation_, link_;
  std::vector<double> weights_, teacher_, bias_;
  std::shared_ptr<const LinearGaussianProblem> equivalent_;
};

/// A data set. Every trial draws n training rows and, where asked, its own random features. The
/// risk is the mean squared error on the test set, summed over targets.
class DataProblem final : public Problem {
 public:
  /// Rows to train on and to test on; copied.
  struct Data {
    ConstMatrix inputs;        ///< (N, d)
    ConstMatrix targets;       ///< (N, m)
    ConstMatrix test_inputs;   ///< (N_test, d)
    ConstMatrix test_targets;  ///< (N_test, m)
  };
  /// Copies the rows.
  /// @param data        training rows, of which every trial draws n, and test rows
  /// @param classes     true: targets are one-hot, so that an accuracy is measured too
  /// @param features    number of random features, 0 for the inputs' own columns
  /// @param activation  of the random features
  /// @param seed        of the random features: trial t draws its weights from (seed, t), with rows
  /// N(0, I/d)
  /// @throws std::invalid_argument for mismatched or non-finite input
  DataProblem(const Data& data, bool classes, Index features, const ScalarFunction& activation,
              std::uint64_t seed);

  Index features() const override { return p_; }
  Index targets() const override { return m_; }
  Index rows() const { return rows_; }            ///< N
  Index test_rows() const { return test_rows_; }  ///< N_test
  /// Whether features are random ones of the inputs, not their own columns.
  bool has_random_features() const { return random_; }
  bool has_classes() const override { return classes_; }  ///< whether targets are one-hot
  /// Whether targets are one-hot, or one column of -1 and 1.
  bool has_labels() const override { return classes_ || labels_; }
  void oracle_scores(Index k, double* scores) const override;
  std::unique_ptr<Sampler> sampler(Index n) const override;
  bool streams() const override { return true; }
  std::unique_ptr<Sampler> streaming_sampler(Index n) const override;
  Index sampler_numbers(Index n, Index chosen) const override;

  /// The features of the test inputs.
  /// @param stream  number of the trial whose random features they are
  /// @param out     (N_test, p) receives them
  /// @throws std::invalid_argument for shapes that do not match
  void test_features(std::uint64_t stream, Matrix out) const;

 private:
  void check_rows(Index n) const;

  friend class DataSampler;
  Index p_ = 0, m_ = 1, d_ = 0, rows_ = 0, test_rows_ = 0;
  bool classes_ = false, labels_ = false, random_ = false;
  ScalarFunction activation_;
  std::uint64_t seed_ = 0;
  std::vector<double> inputs_, targets_, test_inputs_, test_targets_;
};

}  // namespace overprune
OVERPRUNE_PUBLIC_END
