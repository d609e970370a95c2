// The samplers of the three problems, and the risk of linear models under a Gaussian design.
#pragma once

#include "block.hpp"
#include "overprune/problem.hpp"

namespace overprune {

/// R(theta) of a linear Gaussian problem, with the memory it needs kept between calls.
class GaussianRisk {
 public:
  explicit GaussianRisk(const LinearGaussianProblem& problem)
      : problem_(problem), on_support_(problem.features()) {}
  void evaluate(const Models& models, double* risk);

 private:
  void evaluate_diagonal(const Models& models, double* risk);
  void evaluate_dense(const Models& models, double* risk);

  const LinearGaussianProblem& problem_;
  std::vector<char> on_support_;
  Buffer differences_, images_;
};

std::unique_ptr<Sampler> make_sampler(const LinearGaussianProblem& problem, Index n);
std::unique_ptr<Sampler> make_sampler(const RandomFeatureProblem& problem, Index n);
std::unique_ptr<Sampler> make_sampler(const DataProblem& problem, Index n);

}  // namespace overprune
