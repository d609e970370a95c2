// Numbered tasks on several threads. The simulations and the theory by random draws share it.
#pragma once

#include <functional>

#include "base/block.hpp"

namespace overprune {

/// What one thread calls for each task it takes. The poll throws once the run is being stopped.
using Task = std::function<void(Index i, const Poll& poll)>;

/// Runs tasks 0, ..., count - 1, taken from a counter by at most `workers` threads. Where there are
/// fewer tasks, the rest of the threads are given to the tasks (base/team.hpp).
/// @param start    called once in every thread; what it returns may own that thread's memory
/// @param monitor  called by the calling thread about twenty times a second, and at the end, with a
/// number
///                 `done` such that tasks 0, ..., done - 1 are finished; may throw, which stops the
///                 threads at their next poll and leaves through run_tasks
/// @throws the first exception of a task or of `start`
void run_tasks(Index count, Index workers, const std::function<Task()>& start,
               const std::function<void(Index done)>& monitor = {});

/// The same for tasks without memory of their own, on the calling thread where one worker is
/// enough.
/// @param poll  as `monitor`
void parallel_for(Index count, Index workers, const Task& body, const Poll& poll);

}  // namespace overprune
