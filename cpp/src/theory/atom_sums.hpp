// Sums over the atoms of independent features.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/pace.hpp"

namespace overprune::theory {

/// Sums over the atoms in short blocks, which keeps the rounding of long sums small.
template <std::size_t Count, class Add>
std::array<double, Count> block_sums(std::size_t size, const Add& add) {
  std::array<double, Count> total{};
  Pace pace;
  for (std::size_t first = 0; first < size; first += 256) {
    pace(256);
    std::array<double, Count> part{};
    const std::size_t last = std::min(size, first + 256);
    for (std::size_t i = first; i < last; ++i) add(i, part);
    for (std::size_t j = 0; j < Count; ++j) total[j] += part[j];
  }
  return total;
}

/// The second stage's shrinkage g = lam / (lam + tau2), and 1 - g.
struct Shrinkage {
  double g, lost;

  Shrinkage(double lam, double tau2) : g(1.0), lost(0.0) {
    if (tau2 == 0.0) return;
    g = lam / (lam + tau2);
    lost = tau2 / (lam + tau2);
  }
};

}  // namespace overprune::theory
