// Risks of supports that do not depend on the training data: closed forms for any covariance;
// docs/theory.md, sections 5 and 6.
#pragma once

#include "overprune/prune_path.hpp"
#include "theory/groups.hpp"
#include "theory/support_forms.hpp"

namespace overprune::theory {

/// Risks at one point of the grid.
struct Risks {
  Estimate pruned, retrained, compensated;
};

/// The support of a rule where it is the same in every draw, in falling order; empty otherwise.
Indices known_support(const WhiteBasis& basis, const MatrixLaw& law, Rule rule, Index s);

/// Risks of a support that is known beforehand.
Risks fixed_support(const WhiteBasis& basis, const MatrixLaw& law, double n, const Grid& grid,
                    bool compensate, const Indices& support);

/// Pruned risk averaged over uniform supports of s features: two coordinates survive together with
/// probability s (s - 1) / (k (k - 1)).
double expected_random(const WhiteBasis& basis, const MatrixLaw& law, double n, Index s);

}  // namespace overprune::theory
