// Which coordinates of independent features survive pruning, and what survival says about them;
// docs/theory.md, section 5.
#pragma once

#include <vector>

#include "overprune/pruning.hpp"
#include "theory/dense_law.hpp"

namespace overprune::theory {

/// Survival of the coordinates of each atom. In units of the noise of v, with h standard normal,
/// the kept ones have |u + h| > T; alpha = T - u, gamma = T + u. All risks are sums of these
/// without large cancellation. For a Gaussian atom, u is random too, and the sums are means over
/// it.
struct Kept {
  std::vector<double> share;    ///< M0, the probability of survival
  std::vector<double> dropped;  ///< 1 - M0
  std::vector<double> drift;    ///< E[u h; kept] = u (M1 - u M0) = u (phi(alpha) - phi(gamma))
  std::vector<double> excess;   ///< E[h^2; kept] - M0 = alpha phi(alpha) + gamma phi(gamma)
  std::vector<double> rest;     ///< E[h^2; dropped]
  double total = 0.0;  ///< expected number of survivors among the coordinates of positive variance
  double total_low = 0.0;  ///< its rounding, to be added
  /// whether survival depends on v; else drift = excess = 0, rest = dropped
  bool selected = false;
  /// whether the rule oracle keeps only the first of those at its threshold,
  bool in_line = false;
  double places = 0.0;     ///< and how many
  double threshold = 0.0;  ///< on |theta| or |theta| sqrt(lam); of the oracle on |beta| sqrt(lam)

  /// Shares of the signal, E[u^2; kept] / E[u^2] and E[u^2; dropped] / E[u^2]; where no coefficient
  /// is random those are the shares of the coordinates.
  const double* signal_kept() const {
    return energy_kept.empty() ? share.data() : energy_kept.data();
  }
  const double* signal_dropped() const {
    return energy_dropped.empty() ? dropped.data() : energy_dropped.data();
  }
  std::vector<double> energy_kept, energy_dropped;  ///< (atoms), or empty

  /// Nothing survives, whatever v.
  void reset(const Atoms& atoms);
};

/// The rule random: every coordinate survives with probability s / k.
void keep_share(const Atoms& atoms, double s, double k, Kept& kept);

/// The rule oracle: the s largest |beta| sqrt(lam) of the first k features survive; among equal
/// ones the first.
void keep_oracle(const Features& features, const Atoms& atoms, double k, double s, Kept& kept);

/// Where the t of any number of survivors lies.
struct Range {
  double weighted = 0.0;  ///< sum of count r
  double start = 0.0;     ///< mean of the spread of u + h over r
  double high = 0.0;      ///< nothing survives
};

Range range_of(std::size_t size, const double* count, const double* u, const double* r,
               double total);

/// The t with s expected survivors where coordinate i survives if |u_i + h| > t r_i.
double solve_threshold(std::size_t size, const double* count, const double* u, const double* r,
                       double total, double s, const Range& range);

/// Survival of fixed coordinates where the threshold is t: share, dropped, drift, excess and rest.
void truncate(double t, const std::vector<double>& r, const std::vector<double>& u, Kept& kept);

/// What `truncate` has found at u = 0 becomes the mean over the u of Gaussian atoms: given v, u is
/// Gaussian as well.
/// @param spread  (atoms) standard deviation of u of the Gaussian ones
void add_gaussians(const Atoms& atoms, const std::vector<double>& spread,
                   const std::vector<double>& r, double t, Kept& kept);

/// A rule at one size: which coordinates survive, for any number of survivors.
class Selection {
 public:
  /// @param atoms  the first k of the features; it and the law are kept by reference
  Selection(const Features& features, const Atoms& atoms, const DenseLaw& law, double n, double k,
            Rule rule);

  void keep(double s, Kept& kept) const;

 private:
  /// The rules magnitude and hessian, s < atoms.total. Without noise in v the largest |E theta|
  /// survive, ties in equal shares; with infinite noise u plays no role.
  void keep_largest(double s, Kept& kept) const;
  /// The threshold with s survivors among signals far above their noise, t but for rounding errors.
  double refine(double t, double s, Kept& kept) const;
  /// Score of E theta_i before it shrinks by law.a.
  double base_score(std::size_t i) const;

  const Features& features_;
  const Atoms& atoms_;
  const DenseLaw& law_;
  double k_;
  Rule rule_;
  double scale_ = 0.0;      // standard deviation of v - u
  bool noiseless_ = false;  // whether v has no noise to speak of
  double largest_ = 0.0;    // of u
  Range range_;
  std::vector<double> u_, r_;  // (atoms) atom i survives where |u_i + h| > t r_i; u = 0 for
                               // Gaussian ones, whose own spread is in r
  // (atoms) standard deviation of u where Gaussian, else 0; empty without them
  std::vector<double> spread_;
};

}  // namespace overprune::theory
