// Looking up from loops over large arrays.
#pragma once

#include "kernels/look.hpp"
#include "overprune/types.hpp"

namespace overprune {

/// Calls look() once for every few million operations counted, so that cheap steps need not ask each time.
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

/// Calls body(first, count) for the parts, one after the other, of so many items, looking up in between.
template <class Body>
void in_parts(Index count, const Body& body) {
  constexpr Index most = Index{1} << 22;
  for (Index first = 0; first < count; first += most) {
    if (first > 0) look();
    body(first, count - first < most ? count - first : most);
  }
}

}  // namespace overprune
