// What the public laws of the models share: their arguments, the law of the dense model, and draws
// of the pruned and the retrained ones; docs/theory.md, sections 4 to 6.
#pragma once

#include <algorithm>
#include <utility>

#include "overprune/laws.hpp"
#include "theory/point_law.hpp"

namespace overprune::theory {

/// @throws std::invalid_argument where the arguments do not suit the problem
void check_point(const LinearGaussianProblem& problem, const PruningPoint& point,
                 const Indices& nonzeros, const LawDraws& options);

/// Training the first `size` features.
FirstStage first_stage(const LinearGaussianProblem& problem, const PruningPoint& point);

/// A kind of training whose first model has the law of a regression's: what its second one does.
class Retraining {
 public:
  virtual ~Retraining() = default;
  /// The law of retraining `nonzeros` survivors of the first stage.
  virtual RetrainedLaw law(const FirstStage& first, Index nonzeros, const LawDraws& options,
                           const Poll& poll) const = 0;
  /// The regression, and its ridge, whose law training once on a known support has.
  virtual std::pair<LinearGaussianProblem, double> known(const Indices& support) const = 0;
};

/// Retraining by least squares.
class RegressionRetraining final : public Retraining {
 public:
  RegressionRetraining(const LinearGaussianProblem& problem, const PruningPoint& point)
      : problem_(problem), point_(point) {}
  RetrainedLaw law(const FirstStage& first, Index nonzeros, const LawDraws& options,
                   const Poll& poll) const override;
  std::pair<LinearGaussianProblem, double> known(const Indices& support) const override {
    return {problem_.restrict(support), point_.retrain_ridge};
  }

 private:
  const LinearGaussianProblem& problem_;
  const PruningPoint& point_;
};

/// The law of the models at one point.
/// @throws std::invalid_argument where a variance is infinite
class DrawnModels {
 public:
  /// @param retraining  null: not wanted
  DrawnModels(const FirstStage& first, Rule rule, Index nonzeros, const Retraining* retraining,
              const LawDraws& options, const Poll& poll);

  /// One thread's share of the pairs: calls visit(draw, draws, law) for both signs of each, draw =
  /// 2 pair for +1 and 2 pair + 1 for -1. `draws` has the model selected; the caller draws the rest
  /// from `law`.
  template <class Visit>
  void each(Index chunk, Index chunks, Index pairs, const Poll& stop, const Visit& visit) const {
    constexpr Index batch = 8;  // pairs whose products with the eigenvectors are formed at once
    PointLaw law(first_.basis, first_.law, rule_, nonzeros_, retrain_ ? &second_ : nullptr);
    ModelDraws draws(first_.basis, first_.law, first_.n, seed_, false);
    for (Index start = chunk * batch; start < pairs; start += chunks * batch) {
      const Index count = std::min(batch, pairs - start);
      draws.batch(start, count);
      for (Index i = 0; i < 2 * count; ++i) {
        poll_now(stop);
        draws.select(i / 2, i % 2 == 0 ? 1.0 : -1.0);
        visit(2 * start + i, draws, law);
      }
    }
  }

 private:
  const FirstStage& first_;
  Rule rule_;
  Index nonzeros_;
  std::uint64_t seed_;
  bool retrain_;
  RetrainedLaw second_;
};

/// Draws of whole models whose dense law is that of `first`.
ModelSamples draw_models(const FirstStage& first, Rule rule, Index nonzeros,
                         const Retraining* retraining, const LawDraws& options, const Poll& poll);

/// Densities of the same models.
CoefficientDensity find_density(const FirstStage& first, const PruningPoint& point, Index nonzeros,
                                const Retraining* retraining, ConstVector edges,
                                const Indices& features, const LawDraws& options, const Poll& poll);

}  // namespace overprune::theory
