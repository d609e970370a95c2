// The minimiser of a quadratic function with an l1 penalty, followed along straight lines of its
// linear term and penalty (a homotopy; LARS with the lasso's drops is its case of a falling
// penalty); docs/theory.md, section 10.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/block.hpp"

namespace overprune {

/// The columns of the Hessian G (k, k), symmetric and positive semidefinite.
class GramColumns {
 public:
  virtual ~GramColumns() = default;
  /// Column j into out (k).
  virtual void column(Index j, Index k, double* out) = 0;
  virtual double diagonal(Index j) const = 0;
};

/// Follows the minimiser theta of
///
///     theta'G theta / 2 + ridge sum (omega_i theta_i)^2 / 2 - c'theta + kappa sum omega_i
///     |theta_i|
///
/// while (c, kappa) moves. Where features tie, the set that stays optimal is found by pivots of
/// least index, which cannot cycle. A feature that depends on the support to rounding stays out of
/// it. Keeps its memory; not for two threads at once.
class L1Walk {
 public:
  /// Begins with the empty model, for any kappa of at least `largest_penalty`.
  /// @param gram       outlives the walk
  /// @param linear     (k) c
  /// @param weights    (k) omega > 0; empty: 1
  /// @param capacity   the most features that the support may hold
  void start(GramColumns& gram, std::span<const double> linear, std::span<const double> weights,
             double ridge, Index capacity);
  /// Goes on from another walk's model instead, right after `start`.
  /// @param support  in order of entry
  /// @return whether no feature of it depends on those before it to rounding
  bool resume(double penalty, const Indices& support, const std::vector<double>& signs,
              const std::vector<double>& coefficients);
  /// max |c_i| / omega_i.
  double largest_penalty() const;

  /// Called at every kink once the support has changed, where the model still is the one of the
  /// kink: features that have just entered have coefficient 0. Whether to go on.
  using Visit = std::function<bool()>;
  /// Moves in a straight line.
  /// @param linear  (k) c at the end; empty: it stays
  /// @param visit   where it says no, the walk ends at the kink
  /// @return whether the end was reached: else a visit said no, or the support would outgrow its
  ///         capacity
  bool move(std::span<const double> linear, double penalty, const Visit& visit = {});
  /// Changes the ridge: the model stays until the move of c that this asks for is made.
  void change_ridge(double ridge);

  double penalty() const { return kappa_; }
  const Indices& support() const { return support_; }                 ///< in order of entry
  const std::vector<double>& coefficients() const { return theta_; }  ///< of the support
  const std::vector<double>& signs() const { return sign_; }          ///< of the support
  /// (k) c - G theta: kappa omega_i sign_i + ridge omega_i^2 theta_i on the support.
  const std::vector<double>& gradient() const { return gradient_; }
  /// Solves (G_SS + ridge) x = b in place, of as many rows as the support.
  void solve(Block b) const;
  /// Computes the model anew from c, kappa and the support.
  void refresh();
  /// Whether a walk was given up because its supports did not settle.
  bool lost() const { return lost_; }
  /// Doubles that are held for k features and a capacity.
  static Index need(Index k, Index capacity);

 private:
  struct Event {
    double time;
    Index feature;  // of all
    bool enters;
  };
  double weight(Index j) const { return weights_.empty() ? 1.0 : weights_[j]; }
  double ridge_of(Index j) const { return ridge_ * weight(j) * weight(j); }
  Block columns() { return {columns_, k_, static_cast<Index>(support_.size()), k_}; }
  void find_direction();
  /// How fast the bound kappa omega_j - sign gradient_j changes, which is not to fall below 0.
  double bound_rate(Index j, double sign) const;
  bool next_event(double left, double& time) const;
  void advance(double time);
  void tied(double time_unit);
  bool settle();
  bool enter(Index j, double sign);
  void leave(Index position);

  GramColumns* gram_ = nullptr;
  std::span<const double> weights_;
  Index k_ = 0, capacity_ = 0;
  double ridge_ = 0.0, kappa_ = 0.0, kappa_rate_ = 0.0;
  bool lost_ = false;
  Indices support_;              // (s)
  std::vector<Index> position_;  // (k) in the support, or -1
  std::vector<char> barred_;     // (k) whether it depends on the support, which bounds it
  std::vector<double> sign_, theta_, direction_;                         // (s)
  std::vector<double> linear_, linear_rate_, gradient_, gradient_rate_;  // (k)
  Indices tied_;
  Buffer columns_buffer_, factor_buffer_, work_buffer_;
  double *columns_ = nullptr, *factor_ = nullptr, *work_ = nullptr;
};

}  // namespace overprune
