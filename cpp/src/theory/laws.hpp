// What the public laws of the models share: their arguments, the law of the dense model, and draws
// of the pruned and the retrained ones; docs/theory.md, sections 4 to 6.
#pragma once

#include <algorithm>

#include "overprune/laws.hpp"
#include "theory/point_law.hpp"

namespace overprune::theory {

/// @throws std::invalid_argument where the arguments do not suit the problem
void check_point(const LinearGaussianProblem& problem, const PruningPoint& point,
                 const Indices& nonzeros, const LawDraws& options);

/// Training the first `size` features.
FirstStage first_stage(const LinearGaussianProblem& problem, const PruningPoint& point);

/// The law of the models at one point. @throws std::invalid_argument where a variance is infinite
class DrawnModels {
 public:
  DrawnModels(const FirstStage& first, const PruningPoint& point, Index nonzeros, bool retrain,
              const LawDraws& options, const Poll& poll);

  /// One thread's share of the pairs: calls visit(draw, draws, law) for both signs of each, draw =
  /// 2 pair for +1 and 2 pair + 1 for -1. `draws` has the model selected; the caller draws the rest
  /// from `law`.
  template <class Visit>
  void each(Index chunk, Index chunks, Index pairs, const Poll& stop, const Visit& visit) const {
    constexpr Index batch = 8;  // pairs whose products with the eigenvectors are formed at once
    PointLaw law(first_.basis, study_, first_.n, grid_, rule_, grid_.nonzeros[0], seed_);
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
  std::uint64_t seed_;
  Grid grid_;
  SizeStudy study_;
};

}  // namespace overprune::theory
