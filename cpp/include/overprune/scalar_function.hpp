// Functions of one real variable, applied elementwise: activations of features and links of
// teachers.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "overprune/activation.hpp"
#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// A named function or the caller's own.
class ScalarFunction {
 public:
  /// Replaces `count` numbers by their images, each on its own. Several threads call it at once. It
  /// may throw.
  using Callback = std::function<void(double* values, Index count)>;

  /// A named function; implicit, since an activation is a function.
  /// @param activation  any
  ScalarFunction(Activation activation) : activation_(activation) {}
  /// A function of the caller's.
  /// @param name      what messages call it, as "activation"
  /// @param callback  not empty
  ScalarFunction(std::string name, Callback callback)
      : name_(std::move(name)), callback_(std::move(callback)) {}

  bool named() const { return !callback_; }  ///< whether it is an Activation
  /// Whether it is a given Activation.
  /// @param activation  any
  bool is(Activation activation) const { return named() && activation_ == activation; }
  Activation activation() const { return activation_; }  ///< where named
  const std::string& name() const { return name_; }      ///< where not named

  /// Applies it in place.
  /// @param values  (count) contiguous; receives the images
  /// @param count   at least 0
  /// @throws std::invalid_argument where an image is not finite
  void operator()(double* values, Index count) const;

 private:
  Activation activation_ = Activation::identity;
  std::string name_;
  Callback callback_;
};

}  // namespace overprune
OVERPRUNE_PUBLIC_END
