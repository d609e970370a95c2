// Exact survival probabilities of independent features with one target.
#pragma once

#include "theory/laws.hpp"

namespace overprune::theory {

/// Of the rules `magnitude` and `hessian`, for every s of `nonzeros`: calls visit(position of s,
/// threshold, probability of each feature (size)).
using SurvivalVisit = std::function<void(Index, double, const std::vector<double>&)>;
void independent_survival(const FirstStage& first, const PruningPoint& point,
                          const Indices& nonzeros, const SurvivalVisit& visit);

}  // namespace overprune::theory
