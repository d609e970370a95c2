// Pruning: scores of the coordinates, the largest s of them, and what is left.
#pragma once

#include <string>

#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// How coordinates are scored (docs/theory.md, section 2). theta_i is a coefficient, or the l2 norm
/// of its row where there are several targets.
enum class Rule : int {
  magnitude,  ///< |theta_i|
  hessian,    ///< theta_i^2 Sigma_ii (optimal brain damage)
  oracle,     ///< beta_i^2 Sigma_ii, the truth's own salience
  random,     ///< uniform, independent of the data
};

/// The rule of a name.
/// @param name  magnitude, hessian, oracle or random
/// @return the rule
/// @throws std::invalid_argument for an unknown name
Rule rule_from_name(const std::string& name);
/// The name of a rule.
/// @param rule  one of the four
/// @return what `rule_from_name` takes
/// @throws std::invalid_argument for any other number
const char* name_of(Rule rule);

/// Scores of the rules `magnitude` and `hessian`: the norm of each row, or its square times the
/// curvature.
/// @param rule       one of the two
/// @param theta      (k, m) coefficients of k features for m targets
/// @param curvature  (k) Sigma_ii, at least 0, which is the caller's to see to; read by `hessian`
/// only
/// @param scores     (k) receives the scores
/// @throws std::invalid_argument for other rules or lengths that do not match
void importance(Rule rule, ConstMatrix theta, ConstVector curvature, Vector scores);

/// Square roots of the same scores, |theta_i| or |theta_i| sqrt(Sigma_ii): the same order, but no
/// square that overflows or underflows.
/// @param theta           (k, m)
/// @param root_curvature  (k) sqrt(Sigma_ii), or empty for `magnitude`
/// @param scores          (k) receives them
/// @throws std::invalid_argument for lengths that do not match
void rank_scores(ConstMatrix theta, ConstVector root_curvature, Vector scores);

/// A selection of scores collects them with room for so many more: the kernel writes whole
/// registers.
inline constexpr Index kSelectionMargin = 64;

/// Memory that selections reuse from call to call.
struct SelectionSpace {
  std::vector<double> values;  ///< (count) candidates
  std::vector<double> sorted;  ///< (count) of a sample
  Indices indices;             ///< (count) of the candidates
};

/// Indices of the k largest scores, ascending; of equal scores the lower index wins.
/// @param scores  (p) may hold infinities
/// @param k       0 <= k <= p
/// @return (k)
/// @throws std::invalid_argument where a score is NaN or k is out of range
Indices top_k(ConstVector scores, Index k);
/// The same into memory that is kept from call to call.
/// @param scores  (p) may hold infinities
/// @param k       0 <= k <= p
/// @param space   working memory
/// @param chosen  of any length before, (k) after
/// @throws std::invalid_argument where a score is NaN or k is out of range
void top_k(ConstVector scores, Index k, SelectionSpace& space, Indices& chosen);

/// The same indices in order of falling score (ties: rising index), so that the first s of them are
/// the s largest for every s <= k.
/// @param scores  (p) may hold infinities
/// @param k       0 <= k <= p
/// @return (k)
/// @throws std::invalid_argument where a score is NaN or k is out of range
Indices top_k_order(ConstVector scores, Index k);
/// The same into memory that is kept from call to call.
/// @param scores  (p) may hold infinities
/// @param k       0 <= k <= p
/// @param space   working memory
/// @param order   of any length before, (k) after
/// @throws std::invalid_argument where a score is NaN or k is out of range
void top_k_order(ConstVector scores, Index k, SelectionSpace& space, Indices& order);

/// top_k_order by `rank_scores`, and in the order of the exact products where these overflow or
/// underflow.
/// @param theta           (p, m)
/// @param root_curvature  (p) sqrt(Sigma_ii), or empty for `magnitude`
/// @param k               0 <= k <= p
/// @param scores          (p) working memory
/// @param space           working memory
/// @param order           of any length before, (k) after
/// @throws std::invalid_argument where a score is NaN, k is out of range or lengths do not match
void top_ranked_order(ConstMatrix theta, ConstVector root_curvature, Index k, Vector scores,
                      SelectionSpace& space, Indices& order);

/// What ranks where products of `rank_scores` overflow or underflow: their positions in the exact
/// order.
/// @param theta           (k, m)
/// @param root_curvature  (k) sqrt(Sigma_ii), or empty for `magnitude`
/// @param scores          (k) those of `rank_scores`; receives positions, but for what is not
/// finite in itself
/// @return whether any product leaves the numbers with all digits; else scores stay as they are
bool rank_scores_beyond(ConstMatrix theta, ConstVector root_curvature, Vector scores);

/// top_k of the scores |theta_i|, without an array of them.
/// @param theta  (p)
/// @param k      0 <= k <= p
/// @return (k) ascending
/// @throws std::invalid_argument where a coefficient is NaN or k is out of range
Indices top_k_magnitude(ConstVector theta, Index k);

/// Keeps the rows of `theta` on `support` and zeroes the others.
/// @param theta    (p, m)
/// @param support  (s) distinct indices in [0, p)
/// @param pruned   (p, m) receives the result
/// @throws std::invalid_argument for mismatched shapes or an index that is out of range or comes
/// twice
void prune(ConstMatrix theta, const Indices& support, Matrix pruned);

/// Deletes the rows off `support` and lets the others make up for them (optimal brain surgeon): the
/// model on the support that is nearest in the metric of the Hessian, theta_S + H_SS^{-1} H_{S,S^c}
/// theta_{S^c}; where H_SS is singular, by the smallest such move. With H = X'X / n + ridge I and
/// theta trained on X this is retraining on the support with that ridge.
/// @param theta        (p, m)
/// @param support      (s) distinct indices in [0, p), at least one
/// @param hessian      (p, p) symmetric and positive semidefinite
/// @param compensated  (p, m) receives the result
/// @throws std::invalid_argument for mismatched, non-finite or unsymmetric input or a support out
/// of range
/// Source: Hassibi, Stork, Wolff, Optimal brain surgeon and general network pruning, 1993.
void compensate(ConstMatrix theta, const Indices& support, ConstMatrix hessian, Matrix compensated);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
