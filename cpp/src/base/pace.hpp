// Loops over large arrays that look for an interrupt (kernels/look.hpp) every few million steps, so
// that a call stops within a second.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/look.hpp"
#include "overprune/types.hpp"

namespace overprune {

/// Counts operations and calls look() once for every few million of them.
class Pace {
 public:
  void operator()(Index operations) {
    left_ -= operations;
    if (left_ > 0) return;
    left_ = kBetween;
    look();
  }

 private:
  static constexpr Index kBetween = Index{1} << 22;
  Index left_ = kBetween;
};

/// Calls body(first, count) for one part of the items after the other, and look() in between.
template <class Body>
void in_parts(Index count, const Body& body) {
  constexpr Index most = Index{1} << 22;
  for (Index first = 0; first < count; first += most) {
    if (first > 0) look();
    body(first, count - first < most ? count - first : most);
  }
}

/// Calls body(first, some) for as few parts of the items as `most` each allow, about equally long.
template <class Body>
void in_even_parts(Index count, Index most, const Body& body) {
  const Index parts = (count + most - 1) / most;
  Index first = 0;
  for (Index left = parts; left > 0; --left) {
    const Index some = (count - first + left - 1) / left;
    body(first, some);
    first += some;
  }
}

/// values.resize(count) with calls of look(): the first touch of a gigabyte may take seconds.
template <class T>
void resize_in_parts(std::vector<T>& values, Index count) {
  const auto before = static_cast<Index>(values.size());
  if (static_cast<std::size_t>(count) > values.capacity()) {
    std::vector<T> larger;
    larger.reserve(static_cast<std::size_t>(count));
    in_parts(before, [&](Index first, Index some) {
      larger.insert(larger.end(), values.begin() + first, values.begin() + first + some);
    });
    values.swap(larger);
  }
  if (count < before) values.resize(static_cast<std::size_t>(count));
  in_parts(count - before, [&](Index first, Index some) {
    values.resize(static_cast<std::size_t>(before + first + some));
  });
}

/// Columns to work through between two polls, by the operations that each costs: 64 to 512, a
/// multiple of 64.
inline Index columns_per_poll(Index flops_each) {
  constexpr Index flops = 8'000'000'000;  // a few tenths of a second
  return std::clamp<Index>(flops / flops_each / 64 * 64, 64, 512);
}

}  // namespace overprune
