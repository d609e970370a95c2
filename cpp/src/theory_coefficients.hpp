// Draws of whole models - dense, pruned, retrained - from their law.
#pragma once

#include <memory>

#include "theory_draws.hpp"

namespace overprune::theory {

/// The law of the models at one point of the grid, given that of the dense model. One thread's workspace.
class PointLaw {
 public:
  /// @param study  of the point's size, after its run
  PointLaw(const Eigenbasis& basis, const SizeStudy& study, double n, const Grid& grid, Rule rule, Index s,
           std::uint64_t seed);

  /// Support and retrained coefficients (s, m), in the support's order, that go with the current model of
  /// `draws`.
  /// @param pair, sign  the draw that `draws` has selected
  void draw(ModelDraws& draws, Index pair, double sign);
  const Indices& support() const { return support_; }
  ConstBlock retrained() const { return retrained_; }

 private:
  /// A support that is known beforehand: the law of training on it.
  struct Known {
    Known(const Eigenbasis& basis, Indices kept, double n, double ridge, std::uint64_t seed)
        : problem(basis.problem().restrict(kept)),
          part(problem),
          law(part, n, ridge),
          draws(part, law, n, seed) {}
    LinearGaussianProblem problem;
    Eigenbasis part;
    MatrixLaw law;
    ModelDraws draws;
  };

  void find_residual_root(const SizeStudy& study, double n);
  void retrain(ModelDraws& draws);

  const Eigenbasis& basis_;
  Rule rule_;
  Index s_, c_ = 0;
  bool retrain_, fixed_ = false;  // fixed: the support is the same in every draw
  Indices support_;
  std::unique_ptr<Known> known_;
  SecondStage second_;
  Block mixing_, root_, retrained_;  // (c, m) P; (m, m) of the new residual's noise
  Buffer mixing_buffer_, root_buffer_, retrained_buffer_, right_, sigma_, factor_, spread_;
};

/// Accuracies of one size on a test set, by draws of its models.
class AccuracyStudy {
 public:
  AccuracyStudy(const Eigenbasis& basis, const SizeStudy& study, double n, const Grid& grid,
                const DrawOptions& options)
      : basis_(basis), study_(study), n_(n), grid_(grid), options_(options) {}
  void run(Index workers, const Poll& poll);

  Estimate dense() const { return estimate(0); }
  /// @param rule, nonzeros  positions in the grid
  Estimate pruned(Index rule, Index nonzeros) const { return estimate(1 + 2 * point(rule, nonzeros)); }
  Estimate retrained(Index rule, Index nonzeros) const { return estimate(2 + 2 * point(rule, nonzeros)); }

 private:
  Index point(Index rule, Index nonzeros) const { return rule * active_ + nonzeros; }
  Estimate estimate(Index quantity) const;

  const Eigenbasis& basis_;
  const SizeStudy& study_;
  double n_;
  const Grid& grid_;
  const DrawOptions& options_;
  Index active_ = 0;
  std::vector<std::vector<double>> means_;  // per pair: dense, then pruned and retrained of each point
};

}  // namespace overprune::theory
