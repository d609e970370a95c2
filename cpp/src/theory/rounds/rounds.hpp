// Theory of iterative pruning: what is shared by its scalar form (independent features) and its
// matrix form.
//
// In coordinates where the features are white, round t has the coefficients u_t = Q_t (v_t - sum_l
// c_l w_l): v_t = u + e_t is the truth seen through Gaussian noise, w_l = v_l - u_l what round l <
// t left unexplained, and Q_t the (regularised) projection onto the support S_t. Omega_lm / n is
// the covariance of e_l and e_m.
#pragma once

#include <functional>
#include <vector>

#include "base/block.hpp"
#include "base/workers.hpp"
#include "overprune/schedule.hpp"
#include "theory/dense_law.hpp"
#include "theory/white_basis.hpp"

namespace overprune::theory {

/// How a product is summed depends on where its factors begin: always at a multiple of 64 bytes, so
/// that results do not depend on which thread's memory they lie in.
template <class T>
struct Aligned {
  using value_type = T;
  Aligned() = default;
  template <class U>
  Aligned(const Aligned<U>&) {}
  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* pointer, std::size_t) { ::operator delete(pointer, std::align_val_t{64}); }
  bool operator==(const Aligned&) const { return true; }
};

/// A small matrix that owns its memory, column-major.
class SmallMatrix {
 public:
  SmallMatrix() = default;
  SmallMatrix(Index rows, Index cols) : rows_(rows), values_(rows * cols, 0.0) {}
  explicit SmallMatrix(double value) : rows_(1), values_(1, value) {}

  Index rows() const { return rows_; }
  Index cols() const { return rows_ == 0 ? 0 : static_cast<Index>(values_.size()) / rows_; }
  double& operator()(Index i, Index j) { return values_[i + j * rows_]; }
  double operator()(Index i, Index j) const { return values_[i + j * rows_]; }
  Block block() { return {values_.data(), rows_, cols(), rows_}; }
  ConstBlock block() const { return {values_.data(), rows_, cols(), rows_}; }
  double trace() const;
  void add(double factor, const SmallMatrix& other);

 private:
  Index rows_ = 0;
  std::vector<double, Aligned<double>> values_;
};

/// What a round's equations need of its supports, means over draws and sums over coordinates. With
/// r rounds before it and m targets, the columns of Z are [u | e_0 ... e_{r-1} | w_0 ... w_{r-1}],
/// m each.
struct Forms {
  explicit Forms(Index columns) : first(columns, columns), second(columns, columns) {}
  void add(double factor, const Forms& other);
  SmallMatrix first;         ///< E Z'Q Z
  SmallMatrix second;        ///< E Z'Q^2 Z
  double first_trace = 0.0;  ///< E tr Q, at most n
  double second_trace = 0.0;
  double pruned =
      0.0;  ///< E |1{S} theta - beta|^2 of the model before retraining, in the covariance's norm
};

/// One round as the next draws see it: e_t = sum_l e_l rho_l + h root with h standard normal, and
/// u_t = Q_t (u + e_t - sum_l w_l c_l).
struct Round {
  SmallMatrix rho, c;  ///< (r m, m) stacked by rounds
  SmallMatrix root;    ///< (m, m)
  double risk = 0.0;   ///< tr Omega_tt
};

/// Follows Omega and the memory of the rounds (docs/theory.md, iterative pruning).
class Evolution {
 public:
  /// @param noise    (m, m) N
  /// @param signal   (m, m) u'u
  /// @param error    (m, m) N + E (u_0 - u)'(u_0 - u) without the part that is in proportion to
  /// Omega_00
  /// @param share    1 less that proportion: Omega_00 = error / share, infinite where it is 0
  /// @param overlap  (m, m) E (u_0 - u)'u
  Evolution(double n, const SmallMatrix& noise, const SmallMatrix& signal, const SmallMatrix& error,
            double share, const SmallMatrix& overlap);

  const Round& latest() const { return round_; }
  Index rounds() const { return rounds_; }
  Index targets() const { return noise_.rows(); }
  double noise_floor() const { return noise_.trace(); }
  double null_excess() const { return signal_.trace(); }

  /// Solves for the next round. @param forms  with columns for all the rounds so far
  void advance(const Forms& forms);
  /// The next round trains what the one before did: the same residuals and the same model.
  void repeat();

 private:
  void solve(const Forms& forms, double b);
  SmallMatrix risk_of(const SmallMatrix& error, double share);
  void append(SmallMatrix own, const SmallMatrix& overlap);

  double n_;
  Index rounds_ = 0;
  SmallMatrix noise_, signal_, omega_, overlap_;  // omega (r m, r m), overlap (r m, m)
  Round round_;
};

/// Risks after rounds 0, ..., T of one set of draws.
struct Rounds {
  std::vector<double> pruned, retrained;
};

/// Runs tasks: over threads, or one after the other inside a thread.
using ForEach = std::function<void(Index count, const std::function<Task()>& start)>;

/// Risks from random draws number first, ..., first + count - 1 of every coordinate.
class ScheduleMethod {
 public:
  virtual ~ScheduleMethod() = default;
  /// Called once, before any run.
  virtual void prepare(const ForEach&, const Poll&) {}
  virtual Rounds run(Index first, Index count, const ForEach& for_each, const Poll& poll) const = 0;
  /// Draws to start with, and to stay below, where the user does not say.
  virtual Index first_draws() const = 0;
  virtual Index most_draws() const = 0;
  /// No draws are needed: one run says all.
  virtual bool exact() const { return false; }
  /// Whether to run over all draws as well as over groups of them: few draws bias what is not
  /// linear in them.
  virtual bool pools() const { return false; }
};

/// Independent features, one target, rules magnitude and hessian.
std::unique_ptr<ScheduleMethod> scalar_schedule(const LinearGaussianProblem& problem, double n,
                                                const Schedule& schedule, Rule rule,
                                                std::uint64_t seed);
/// Supports that do not depend on the data, independent features, one target.
std::unique_ptr<ScheduleMethod> scalar_fixed_schedule(const LinearGaussianProblem& problem,
                                                      double n, const Schedule& schedule,
                                                      Rule rule);

/// The dense problem of the first `size` features in the eigenbasis of its covariance, for all
/// rules.
class DenseModel;
std::shared_ptr<const DenseModel> dense_model(const LinearGaussianProblem& problem, double n,
                                              const Schedule& schedule);
std::unique_ptr<ScheduleMethod> dense_schedule(std::shared_ptr<const DenseModel> model,
                                               const Schedule& schedule, Rule rule,
                                               std::uint64_t seed);
std::unique_ptr<ScheduleMethod> dense_fixed_schedule(std::shared_ptr<const DenseModel> model,
                                                     const LinearGaussianProblem& problem,
                                                     const Schedule& schedule, Rule rule,
                                                     std::uint64_t seed);

/// Atoms of the first `size` features, which may be taken apart again; what the others explain is
/// noise.
struct ScheduleAtoms {
  std::vector<double> count, eigenvalue, signal;  ///< as in Atoms
  double total = 0.0, noise = 0.0;

  std::size_t size() const { return count.size(); }
  /// The same for `dense_law`; points to this.
  Atoms view() const {
    return {eigenvalue.data(), nullptr, signal.data(), nullptr, count, total, noise};
  }
};
ScheduleAtoms schedule_atoms(const LinearGaussianProblem& problem, Index size);

}  // namespace overprune::theory
