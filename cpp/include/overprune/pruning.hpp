// Pruning: scores of the coordinates, the s largest of them, and the pruned model.
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
  lasso,      ///< nothing is scored: the model of s nonzeros is trained with an l1 penalty
};

/// The traits of a rule. Scores of coefficients and of the truth are |theta_i|^2 Sigma_ii^q; where
/// q = 0 they are the square roots |theta_i|.
struct RuleTraits {
  const char* name;          ///< of the enumerator
  bool scores_coefficients;  ///< whether the scores come from theta
  int curvature_power;       ///< q
  bool needs_truth;          ///< whether the scores come from beta
  bool needs_seed;           ///< whether the scores are drawn
  /// whether its pruned model is trained as such, instead of being cut out of the dense one
  bool trains_itself = false;
};

/// The traits of every rule, in the order of `Rule`. A new rule is one enumerator and one line
/// here.
inline constexpr RuleTraits kRules[] = {
    {"magnitude", true, 0, false, false},    {"hessian", true, 1, false, false},
    {"oracle", false, 1, true, false},       {"random", false, 0, false, true},
    {"lasso", false, 0, false, false, true},
};

/// The traits of a rule.
/// @param rule  of the enumeration, unchecked
inline constexpr const RuleTraits& traits(Rule rule) { return kRules[static_cast<int>(rule)]; }
/// Whether any of the rules has a trait.
/// @param rules  (R) of the enumeration, unchecked
/// @param trait  such as &RuleTraits::needs_truth
inline bool any_of_rules(const std::vector<Rule>& rules, bool RuleTraits::* trait) {
  for (const Rule rule : rules)
    if (traits(rule).*trait) return true;
  return false;
}
/// Whether any of the rules multiplies coefficients by the curvature.
/// @param rules  (R) of the enumeration, unchecked
inline bool any_weighs_coefficients(const std::vector<Rule>& rules) {
  for (const Rule rule : rules)
    if (traits(rule).scores_coefficients && traits(rule).curvature_power > 0) return true;
  return false;
}

/// Refuses a rule that trains a model of its own where the coefficients of a given one are scored.
/// @param rule   of the enumeration
/// @param where  the function that scores, for the message
/// @throws std::invalid_argument for a rule whose traits say `trains_itself`, or any other number
void check_cuts(Rule rule, const char* where);

/// The rule of a name.
/// @param name  of `kRules`
/// @return the rule
/// @throws std::invalid_argument for an unknown name
Rule rule_from_name(const std::string& name);
/// The name of a rule.
/// @param rule  of the enumeration
/// @return what `rule_from_name` takes
/// @throws std::invalid_argument for any other number
const char* name_of(Rule rule);

/// Scores by the coefficients: |theta_i| where q = 0, else theta_i^2 Sigma_ii^q.
/// @param rule       one whose traits say `scores_coefficients`; its `curvature_power` is q
/// @param theta      (k, m) coefficients of k features for m targets
/// @param curvature  (k) Sigma_ii, at least 0, unchecked; not read where q = 0
/// @param scores     (k) receives the scores
/// @throws std::invalid_argument for other rules or lengths that do not match
void importance(Rule rule, ConstMatrix theta, ConstVector curvature, Vector scores);
/// The same scores of any coefficients, such as the truth.
/// @param theta            (k, m)
/// @param curvature_power  q, at least 0
/// @param curvature        (k) Sigma_ii, at least 0, unchecked; not read where q = 0
/// @param scores           (k) receives the scores
/// @throws std::invalid_argument for lengths that do not match
void importance(ConstMatrix theta, int curvature_power, ConstVector curvature, Vector scores);

/// The weight Sigma_ii^(q/2) of |theta_i| in the order of the scores.
/// @param root_curvature   sqrt(Sigma_ii)
/// @param curvature_power  q, at least 1
inline constexpr double rank_weight(double root_curvature, int curvature_power) {
  double weight = root_curvature;
  for (int q = 1; q < curvature_power; ++q) weight *= root_curvature;
  return weight;
}

/// Square roots of the scores, |theta_i| Sigma_ii^(q/2), in the same order. No square of them
/// overflows or underflows.
/// @param theta    (k, m)
/// @param weights  (k) those of `rank_weight`, or empty where q = 0
/// @param scores   (k) receives them
/// @throws std::invalid_argument for lengths that do not match
void rank_scores(ConstMatrix theta, ConstVector weights, Vector scores);

/// Room for so many more numbers than a selection holds: the kernel writes whole registers.
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

/// top_k_order by `rank_scores`, or by the exact products where these overflow or underflow.
/// @param theta    (p, m)
/// @param weights  (p) those of `rank_weight`, or empty where q = 0
/// @param k        0 <= k <= p
/// @param scores   (p) working memory
/// @param space    working memory
/// @param order    of any length before, (k) after
/// @throws std::invalid_argument where a score is NaN, k is out of range or lengths do not match
void top_ranked_order(ConstMatrix theta, ConstVector weights, Index k, Vector scores,
                      SelectionSpace& space, Indices& order);

/// Positions in the exact order of the scores, where products of `rank_scores` overflow or
/// underflow.
/// @param theta    (k, m)
/// @param weights  (k) those of `rank_weight`, or empty where q = 0
/// @param scores   (k) those of `rank_scores`; receives positions, except where a factor is not
/// finite
/// @return whether any product leaves the normal numbers; if not, the scores stay as they are
bool rank_scores_beyond(ConstMatrix theta, ConstVector weights, Vector scores);

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

/// Deletes the rows off `support` and lets the others compensate for them (optimal brain surgeon).
///
/// The result is the model on the support that is nearest to theta in the metric of the Hessian,
/// theta_S + H_SS^{-1} H_{S,S^c} theta_{S^c}. Where H_SS is singular it is the one of them nearest
/// to theta_S. With H = X'X / n + ridge I and theta trained on X this is retraining on the support
/// with that ridge.
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
