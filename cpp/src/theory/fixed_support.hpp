// Risks of supports that do not depend on the training data: closed forms for any covariance.
#pragma once

#include "overprune/prune_path.hpp"
#include "theory/groups.hpp"
#include "theory/support_forms.hpp"
#include "theory/white_basis.hpp"

namespace overprune::theory {

/// Risks at one point of the grid.
struct Risks {
  Estimate pruned, retrained, compensated;
};

/// tr N.
double noise_trace(const WhiteBasis& basis);

/// Risks where the support is known beforehand.
Risks fixed_support(const WhiteBasis& basis, const MatrixLaw& law, double n, const Grid& grid,
                    bool compensate, const Indices& support);

/// Pruned risk averaged over uniform supports of s features: two coordinates survive together with
/// probability s (s - 1) / (k (k - 1)).
double expected_random(const WhiteBasis& basis, const MatrixLaw& law, double n, Index s);

}  // namespace overprune::theory
