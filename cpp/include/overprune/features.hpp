// Random features x = phi(R a + bias), and their second moments under Gaussian inputs.
#pragma once

#include <functional>
#include <string>

#include "overprune/export.hpp"
#include "overprune/random.hpp"
#include "overprune/scalar_function.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// The activation of a name.
/// @param name  of `kActivations`
/// @return the activation
/// @throws std::invalid_argument for an unknown name
Activation activation_from_name(const std::string& name);
/// The name of an activation.
/// @param activation  of the enumeration
/// @return what `activation_from_name` takes
/// @throws std::invalid_argument for any other number
const char* name_of(Activation activation);

/// Random features phi(inputs weights' + 1 bias').
/// @param inputs      (n, d)
/// @param weights     (p, d) rows r_i of R
/// @param activation  phi, a named one or the caller's
/// @param bias        (p), or empty for none
/// @param out         (n, p) receives the features
/// @param workers     threads, at least 1; a caller's phi is called by the calling thread alone.
///                    The result does not depend on it
/// @throws std::invalid_argument for shapes that do not match, for entries or images that are not
/// finite, and for workers below 1
/// Source: docs/theory.md, section 7.
void random_features(ConstMatrix inputs, ConstMatrix weights, const ScalarFunction& activation,
                     ConstVector bias, Matrix out, Index workers = 1);

/// Weights R that are drawn when they are needed and never held: r_ij is normal number i d + j of a
/// stream, times 1 / sqrt(d). So the first features do not depend on how many more there are.
struct DrawnWeights {
  StreamKey key;   ///< of the stream
  Index rows = 0;  ///< p, at least 1
};

/// Random features with rows of R that are drawn from N(0, I_d / d): those of weights that hold the
/// same numbers row after row, bit for bit, in less time and memory.
/// @param inputs      (n, d)
/// @param weights     number of features p, and the stream that R comes from
/// @param activation  phi, a named one or the caller's
/// @param bias        (p), or empty for none
/// @param out         (n, p) receives the features
/// @param workers     threads, at least 1; a caller's phi is called by the calling thread alone.
///                    The result does not depend on it
/// @throws std::invalid_argument as with weights that are given, for rows below 1, and for a stream
/// of less than p d numbers
/// Source: docs/theory.md, section 7.
void random_features(ConstMatrix inputs, const DrawnWeights& weights,
                     const ScalarFunction& activation, ConstVector bias, Matrix out,
                     Index workers = 1);

/// Second moments under a ~ N(0, I_d) of x and y = g(teacher'a) (docs/theory.md, section 7).
///
/// They are closed forms for identity, relu, sign, erf and cos with g(z) = z, else quadrature.
/// @param weights     (p, d), no zero row
/// @param activation  phi, a named one or the caller's
/// @param bias        (p), or empty for none
/// @param teacher     (d)
/// @param covariance  (p, p) receives E[x x'] (uncentred)
/// @param cross       (p) receives E[y x]
/// @param link        g
/// @param poll        called now and then; may throw to stop
/// @return E[y^2]
/// @throws std::invalid_argument as random_features, for a zero row, and for a caller's function
/// that is not piecewise smooth
double feature_moments(ConstMatrix weights, const ScalarFunction& activation, ConstVector bias,
                       ConstVector teacher, Matrix covariance, Vector cross,
                       const ScalarFunction& link = Activation::identity,
                       const std::function<void()>& poll = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
