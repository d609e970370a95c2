// Interruption: long work is stopped from outside.
//
//     const std::function<void()> poll = [&] { if (stop_requested) throw Stopped(); };
//     const overprune::Interruptible interruptible(poll);
//     const overprune::LinearGaussianProblem problem(beta, covariance, 0.3);  // may throw Stopped
#pragma once

#include <functional>

#include "overprune/export.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// While it lives, long work of the library in this thread calls `poll` now and then.
///
/// The poll is called at least several times and up to thousands of times a second, so a costly
/// poll should count time itself. An exception of the poll ends the work and leaves through the
/// function that does it. Nothing of the library is left in a wrong state. Functions that take a
/// poll do this on their own. This class is for functions that take none, such as the problems'
/// constructors. An inner object replaces the outer one; an empty poll leaves the outer one.
class Interruptible {
 public:
  /// Begins to call the poll.
  /// @param poll  held by reference; may be empty
  explicit Interruptible(const std::function<void()>& poll);
  /// A temporary would be gone before its first call.
  explicit Interruptible(std::function<void()>&&) = delete;
  Interruptible(const Interruptible&) = delete;             ///< belongs to one block of one thread
  Interruptible& operator=(const Interruptible&) = delete;  ///< likewise
  ~Interruptible();                                         ///< the outer poll is back

 private:
  const std::function<void()>* outer_;
};

}  // namespace overprune
OVERPRUNE_PUBLIC_END
