// Sums of a = lam / (lam + tau) and d = tau / (lam + tau) over a spectrum, kept apart at lam = tau,
// so that the caller never subtracts numbers near 1. Sums run over kSums partial sums, the same at
// every level.
#include "kernels/level.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr int kSums = 16;
constexpr Size kBetweenLooks = kSums << 18;  // some milliseconds

/// Compensated sums, lane by lane.
struct Lanes {
  double value[kSums] = {}, carry[kSums] = {};

  /// (high, low) with the sum of all lanes in both together.
  void total(double* out) const {
    double high = 0.0, low = 0.0;
    for (int l = 0; l < kSums; ++l) {
      const double next = high + value[l], back = next - high;
      low += ((high - (next - back)) + (value[l] - back)) + carry[l];
      high = next;
    }
    out[0] = high;
    out[1] = low;
  }
};

double sum_of(const double* lanes) {
  double sum = 0.0;
  for (int l = 0; l < kSums; ++l) sum += lanes[l];
  return sum;
}

}  // namespace

void resolvent_sums(Size n, double tau, const double* lam, const double* weight, double* sums) {
  Lanes small;
  double below[kSums] = {}, above[kSums] = {}, product[kSums] = {}, rest[kSums] = {};
  for (Size first = 0; first < n; first += kSums) {
    if (first % kBetweenLooks == 0) look();
    double x[kSums], w[kSums];
    const Size count = n - first < kSums ? n - first : kSums;
    if (count == kSums) {
      for (int l = 0; l < kSums; ++l) x[l] = lam[first + l];
      for (int l = 0; l < kSums; ++l) w[l] = weight[first + l];
    } else {
      for (int l = 0; l < kSums; ++l) x[l] = l < count ? lam[first + l] : 1.0;
      for (int l = 0; l < kSums; ++l) w[l] = l < count ? weight[first + l] : 0.0;
    }
    for (int l = 0; l < kSums; ++l) {
      const double inverse = 1.0 / (x[l] + tau), a = x[l] * inverse, d = tau * inverse;
      const double wa = w[l] * a, wd = w[l] * d, counted = x[l] > tau ? 0.0 : w[l];
      below[l] += x[l] > tau ? wd : 0.0;
      above[l] += x[l] > tau ? 0.0 : wa;
      rest[l] += x[l] > tau ? 0.0 : wd;
      product[l] += wa * d;
      const double next = small.value[l] + counted, back = next - small.value[l];
      small.carry[l] += (small.value[l] - (next - back)) + (counted - back);
      small.value[l] = next;
    }
  }
  small.total(sums);
  sums[2] = sum_of(below);
  sums[3] = sum_of(above);
  sums[4] = sum_of(product);
  sums[5] = sum_of(rest);
}

OVERPRUNE_END_LEVEL
