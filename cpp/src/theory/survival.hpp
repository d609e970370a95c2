// Survival probabilities of independent features with one target, exactly; docs/theory.md, section
// 5.
#pragma once

#include <functional>

#include "theory/matrix_law.hpp"

namespace overprune::theory {

/// Of the rules that score the model, for every s of `nonzeros`: calls visit(position of s,
/// threshold, probability of each feature (size)).
using SurvivalVisit = std::function<void(Index, double, const std::vector<double>&)>;
void independent_survival(const FirstStage& first, Rule rule, double ridge, const Indices& nonzeros,
                          const SurvivalVisit& visit);

}  // namespace overprune::theory
