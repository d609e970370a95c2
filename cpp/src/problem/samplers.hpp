// The samplers of the problems, which draw X and y and judge models. R(theta) = tr N +
// (theta - beta)' Sigma (theta - beta) judges models of Gaussian features.
#pragma once

#include "base/block.hpp"
#include "base/memory_need.hpp"
#include "overprune/problem.hpp"

namespace overprune {

/// Columns of a covariance that are multiplied at once in the risk.
inline constexpr Index kRiskPanel = 128;
/// Features of a test set that are multiplied at once in the risk.
inline constexpr Index kJudgedFeatures = 512;

/// R(theta) of a linear Gaussian problem, with the memory it needs kept between calls.
class GaussianRisk {
 public:
  explicit GaussianRisk(const LinearGaussianProblem& problem);
  /// @param models  with columns of theta that lie side by side (unit row stride)
  void evaluate(const Models& models, double* risk);
  /// The overlaps theta'Sigma beta and theta'Sigma theta of models of one target.
  /// @param models   as for `evaluate`, (count, B)
  /// @param teacher  (B)
  /// @param self     (B)
  void overlaps(const Models& models, double* teacher, double* self);
  /// Adds what `evaluate` holds for the models of a grid, as in need_to_judge; where the risk
  /// nearly vanishes it is more.
  static void need(const LinearGaussianProblem& problem, const Indices& sizes,
                   const Indices& nonzeros, MemoryNeed& need);

 private:
  void add_up_signal();
  double signal_outside(const Models& models);
  void evaluate_diagonal(const Models& models, double* risk);
  void evaluate_dense(const Models& models, double* risk);
  ConstBlock covariance_of(const Models& models);
  void from_differences(const Models& models, const Indices& which, double* risk);

  const LinearGaussianProblem& problem_;
  // Of a diagonal Sigma: each feature's Sigma_ii beta_i^2 and their tails, made at need.
  std::vector<double> signal_, after_;
  std::vector<double> forms_;  // quadratic forms of the models under judgement
  Indices heights_, open_;
  Buffer differences_, images_, gathered_, targets_;
};

/// What Sampler::evaluate is asked to judge.
void check_models(const Models& models, Index features, Index targets, const double* risk);

/// @param hold  whether they hold X; else its columns are drawn whenever they are read
std::unique_ptr<Sampler> make_sampler(const LinearGaussianProblem& problem, Index n, bool hold);
std::unique_ptr<Sampler> make_sampler(const RandomFeatureProblem& problem, Index n, bool hold);
std::unique_ptr<Sampler> make_sampler(const DataProblem& problem, Index n, bool hold);
/// Adds what a sampler holds to draw the data, X apart.
/// @param n         training rows
/// @param sizes     (K) of the models that are trained
/// @param nonzeros  (S) of the models that are pruned
/// @param streamed  whether it draws the columns of X whenever they are read
void need_to_draw(const Problem& problem, Index n, const Indices& sizes, const Indices& nonzeros,
                  bool streamed, MemoryNeed& need);
/// Adds what a sampler holds to judge the models of a grid.
/// @param sizes     (K) the dense models are judged together, and for each size
/// @param nonzeros  (S) the pruned ones of a rule
/// @param streamed  as in need_to_draw
void need_to_judge(const Problem& problem, const Indices& sizes, const Indices& nonzeros,
                   bool streamed, MemoryNeed& need);

}  // namespace overprune
