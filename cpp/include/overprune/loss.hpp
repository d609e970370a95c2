// Losses of a training: convex functions of a response and a fitted value, with their proximal
// operators.
//
//     const overprune::Loss loss = overprune::NamedLoss::logistic;
//     const double y = 1.0, field = 0.3;
//     double fitted = 0.0;
//     loss.prox(&y, &field, 1, 2.0, &fitted);  // argmin_f l(y, f) + (f - 0.3)^2 / 4
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// l(y, f) of a response y and a fitted value f.
enum class NamedLoss : int {
  square,    ///< (y - f)^2 / 2
  logistic,  ///< log(1 + exp(-y f)), y = -1 or 1
  hinge,     ///< max(0, 1 - y f), y = -1 or 1
};

/// The traits of a loss.
struct LossTraits {
  const char* name;    ///< of the enumerator
  bool takes_numbers;  ///< whether responses may be any numbers, not labels -1 and 1 alone
  bool smooth;         ///< whether it is differentiable twice
};

/// The traits of every named loss, in the order of `NamedLoss`. A new loss is one enumerator, one
/// line here and its formulas in problem/loss.cpp.
inline constexpr LossTraits kLosses[] = {
    {"square", true, true},
    {"logistic", false, true},
    {"hinge", false, false},
};

/// A named loss or the caller's own. Several threads may call it at once.
///
/// The caller's own is convex in f and given by its values and its proximal operator. Its
/// derivatives are central differences.
class Loss {
 public:
  /// Writes l(y_i, f_i) for `count` pairs to out (count). It may throw.
  using Value = std::function<void(const double* y, const double* f, Index count, double* out)>;
  /// Writes argmin_f l(y_i, f) + (f - field_i)^2 / (2 V) for `count` pairs to out (count). It may
  /// throw.
  using Prox =
      std::function<void(const double* y, const double* field, Index count, double V, double* out)>;

  /// A named loss; implicit, since a named loss is a loss.
  /// @param loss  any
  Loss(NamedLoss loss) : loss_(loss) {}
  /// A loss of the caller's for labels -1 and 1; see `check_convex`.
  /// @param name   what messages and tables call it
  /// @param value  not empty
  /// @param prox   not empty
  /// @throws std::invalid_argument where a function is empty
  Loss(std::string name, Value value, Prox prox);

  bool named() const { return !value_; }  ///< whether it is a NamedLoss
  /// Whether it is a given NamedLoss.
  /// @param loss  any
  bool is(NamedLoss loss) const { return named() && loss_ == loss; }
  NamedLoss kind() const { return loss_; }  ///< where named
  std::string name() const;                 ///< of kLosses, or the caller's
  bool takes_numbers() const;               ///< as in LossTraits; false for the caller's own
  bool smooth() const;                      ///< as in LossTraits; false for the caller's own

  /// l(y, f).
  /// @param y      (count) responses
  /// @param f      (count) fitted values
  /// @param count  at least 0
  /// @param out    (count) receives them
  /// @throws std::invalid_argument where a value of the caller's loss is not finite
  void value(const double* y, const double* f, Index count, double* out) const;
  /// The derivative in f; at a kink one of its subgradients.
  /// @param y      (count) responses
  /// @param f      (count) fitted values
  /// @param count  at least 0
  /// @param out    (count) receives them
  void derivative(const double* y, const double* f, Index count, double* out) const;
  /// prox_{V l}(field; y) = argmin_f l(y, f) + (f - field)^2 / (2 V).
  /// @param y      (count) responses
  /// @param field  (count)
  /// @param count  at least 0
  /// @param V      above 0
  /// @param out    (count) receives them
  /// @throws std::invalid_argument where a value of the caller's operator is not finite
  void prox(const double* y, const double* field, Index count, double V, double* out) const;
  /// Its derivative in the field, in [0, 1].
  /// @param y      (count) responses
  /// @param field  (count)
  /// @param count  at least 0
  /// @param V      above 0
  /// @param out    (count) receives them
  void prox_derivative(const double* y, const double* field, Index count, double V,
                       double* out) const;
  /// How hard the loss pushes: G = (prox - field) / V = -l'(y, prox), without the cancellation of
  /// the difference, and dG / d field.
  /// @param y      (count) responses
  /// @param field  (count)
  /// @param count  at least 0
  /// @param V      above 0
  /// @param push   (count) receives G
  /// @param slope  (count) receives its derivative; null: not wanted
  void push(const double* y, const double* field, Index count, double V, double* push,
            double* slope) const;

 private:
  NamedLoss loss_ = NamedLoss::square;
  std::string name_;
  Value value_;
  Prox prox_;
};

/// The loss of a name.
/// @param name  of `kLosses`
/// @return the loss
/// @throws std::invalid_argument for an unknown name
NamedLoss loss_from_name(const std::string& name);

/// Refuses a loss that is not convex in f, or whose proximal operator does not minimise, at points
/// of a grid of y = -1 and 1, f in [-8, 8] and V from 1e-3 to 1e3.
/// @param loss  to be checked
/// @throws std::invalid_argument that says where
void check_convex(const Loss& loss);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
