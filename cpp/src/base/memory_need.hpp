// The memory that a worker of a simulation comes to need, without allocating it. Every class that
// holds buffers has a `need` beside its members that adds its own.
#pragma once

#include <algorithm>

#include "overprune/types.hpp"

namespace overprune {

/// Adds up doubles. The kernels keep one scratch for all products and one for all reflectors, each
/// of the largest that was asked for.
class MemoryNeed {
 public:
  /// Buffers of so many doubles.
  void hold(Index count) { held_ += count; }
  /// A product (rows, depth) (depth, columns), of which the kernels pack a part, about.
  void product(Index rows, Index columns, Index depth);
  /// The reflectors of `lq` or `append_columns` on so many columns.
  void reflect(Index columns);

  Index held() const { return held_; }  ///< the buffers alone
  Index total() const;                  ///< with the kernels' scratch
  Index of_helper() const;              ///< the scratch of one more thread of a team

 private:
  Index held_ = 0, packed_ = 0, reflected_ = 0;
};

}  // namespace overprune
