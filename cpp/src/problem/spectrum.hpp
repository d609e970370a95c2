// The features of a problem as runs of equal features, and atoms: the distinct pairs of eigenvalue
// and coefficient. A prediction costs in proportion to their number, not to that of the features.
#pragma once

#include <algorithm>
#include <vector>

#include "base/pace.hpp"
#include "overprune/spectrum.hpp"
#include "overprune/types.hpp"

namespace overprune::theory {

/// The first k features of a problem. Those of equal variance and |beta| behave alike, so that all
/// sums run over the distinct pairs. (The formulas do not change when beta_i and x_i change sign
/// together.) Only positive variances. The arrays belong to the Features that they come from.
struct Atoms {
  const double* eigenvalue = nullptr;   ///< lam > 0
  const double* coefficient = nullptr;  ///< |beta|, or its standard deviation
  const double* signal = nullptr;       ///< u = sqrt(lam) |beta|, or its standard deviation
  const char* gaussian = nullptr;       ///< whether beta is Gaussian; null: nowhere
  std::vector<double> count;            ///< coordinates in the atom, > 0
  double total = 0.0;                   ///< sum of count
  double noise = 0.0;                   ///< variance of what these coordinates cannot explain

  std::size_t size() const { return count.size(); }
};

/// Runs of consecutive equal features, in order, and the atoms among them, numbered by first
/// appearance: the atoms of the first k features are a prefix. Features without variance belong to
/// no atom.
class Features {
 public:
  /// Checks its arguments on the way: one pass over the features.
  Features(ConstVector eigenvalues, ConstVector beta, double noise_std);
  explicit Features(const Spectrum& spectrum);

  Index runs() const { return static_cast<Index>(end_.size()); }
  Index atoms() const { return static_cast<Index>(signal_.size()); }
  double size() const { return end_.empty() ? 0.0 : end_.back(); }
  /// Whether the features came one by one, so that counts are integers.
  bool is_finite() const { return finite_; }
  /// Variance of y.
  double null_risk() const { return null_risk_; }
  struct Run {
    Index atom;    ///< -1 for features without variance
    double count;  ///< features in it
  };
  Run run(Index i) const { return {run_atom_[i], count_[i]}; }
  /// Atoms by falling signal.
  const Indices& by_signal() const { return by_signal_; }
  /// Calls visit(atom, count) for the runs among the first k features, in order; atom is -1 for
  /// features without variance.
  template <class Visit>
  void each_run(double k, const Visit& visit) const {
    double start = 0.0;
    Pace pace;
    for (std::size_t run = 0; run < end_.size() && start < k; start = end_[run++], pace(1))
      visit(run_atom_[run], end_[run] <= k ? count_[run] : k - start);
  }

 private:
  friend class Growing;
  void add(double eigenvalue, double coefficient, bool gaussian, double count);
  void finish(double noise_std);
  Index atom(double eigenvalue, double coefficient, bool gaussian);
  void rehash(std::size_t slots);

  Indices run_atom_;            // (runs)
  std::vector<double> count_;   // (runs) features in the run
  std::vector<double> end_;     // (runs) features up to the end of the run
  std::vector<double> noise_;   // (runs) noise when the run is the last one trained
  std::vector<double> energy_;  // (runs) lam beta^2 of each feature
  std::vector<double> eigenvalue_, coefficient_, signal_;  // (atoms)
  std::vector<char> gaussian_;                             // (atoms)
  bool any_gaussian_ = false, finite_ = false;
  double null_risk_ = 0.0;
  Indices slots_;      // hash table of atoms, -1 where empty
  Indices by_signal_;  // (atoms) by falling signal
};

/// The first k features for sizes k that grow: every run is looked at once.
class Growing {
 public:
  explicit Growing(const Features& features);
  /// @param k  not smaller than the last one
  void grow(double k, Atoms& atoms);

 private:
  const Features& features_;
  std::size_t run_ = 0;        // whole runs counted
  std::vector<double> count_;  // (atoms so far)
  double total_ = 0.0;         // sum of them
};

}  // namespace overprune::theory
