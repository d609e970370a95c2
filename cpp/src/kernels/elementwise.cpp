// Activations of random features. identity, relu and sign are one vector instruction; the others are libm's.
#include <math.h>

#include "kernels/level.hpp"
#include "overprune/activation.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

template <class Function>
void apply(Size m, Size n, const double* bias, double* x, Size ldx, Function phi) {
  for (Size j = 0; j < n; ++j) {
    const double shift = bias ? bias[j] : 0.0;
    double* column = x + j * ldx;
    for (Size i = 0; i < m; ++i) column[i] = phi(column[i] + shift);
  }
}

}  // namespace

void activate(int activation, Size m, Size n, const double* bias, double* x, Size ldx) {
  switch (static_cast<Activation>(activation)) {
    case Activation::identity:
      if (bias) apply(m, n, bias, x, ldx, [](double z) { return z; });
      break;
    case Activation::relu:
      apply(m, n, bias, x, ldx, [](double z) { return z > 0.0 ? z : 0.0; });
      break;
    case Activation::sign:
      apply(m, n, bias, x, ldx, [](double z) { return static_cast<double>((z > 0.0) - (z < 0.0)); });
      break;
    case Activation::erf:
      apply(m, n, bias, x, ldx, [](double z) { return ::erf(z); });
      break;
    case Activation::cos:
      apply(m, n, bias, x, ldx, [](double z) { return ::cos(z); });
      break;
    case Activation::tanh:
      apply(m, n, bias, x, ldx, [](double z) { return ::tanh(z); });
      break;
    case Activation::gelu:  // z Phi(z), without cancellation for negative z
      apply(m, n, bias, x, ldx, [](double z) { return 0.5 * z * ::erfc(-0.70710678118654752 * z); });
      break;
  }
}

OVERPRUNE_END_LEVEL
