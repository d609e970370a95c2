// Every core inside one call: a few threads that live as long as the call and take parts of its
// work. The kernels and the loops over large arrays hand them out by `share` (kernels/share.hpp).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "kernels/share.hpp"
#include "overprune/types.hpp"

namespace overprune {

/// The thread that calls `run` and up to workers - 1 helpers, started once there is work for them.
/// For one calling thread.
class Team {
 public:
  /// @param workers  threads in all, at least 1
  explicit Team(Index workers) : most_(workers - 1) {}
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team();

  Index size() const { return most_ + 1; }
  /// Helpers to have for so many more operations: as many as all the work so far is worth starting.
  Index helpers_for(double work);
  /// Calls body(0), ..., body(parts - 1), each once, on the calling thread and at most so many
  /// helpers. The calling thread alone calls its own poll (see Interruptible).
  /// @throws the first exception of a part, once all threads have stopped
  void run(Index parts, Index helpers, const std::function<void(Index part)>& body);

 private:
  void hire(Index helpers);
  void serve();
  bool await_call(std::uint64_t& seen);
  void help();
  void take_parts();
  void fail(std::exception_ptr why);
  void await_helpers();

  const Index most_;  // helpers
  double work_ = 0.0;
  std::vector<std::thread> helpers_;

  // A helper looks at the body only between its entrance and its leave, after it has seen `open_`
  // there. The calling thread changes the body only while nobody is inside and `open_` is false.
  const std::function<void(Index)>* body_ = nullptr;
  Index parts_ = 0;
  std::atomic<Index> next_{0}, inside_{0}, asleep_{0};
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<bool> open_{false}, stop_{false}, over_{false}, awaited_{false};
  std::mutex mutex_;
  std::condition_variable called_, left_;
  std::exception_ptr failure_;  // guarded by mutex_
};

/// While it lives, `share` in this thread uses a team of so many threads; one leaves the team there
/// is. Inside a part there is none.
class TeamScope {
 public:
  /// @throws std::invalid_argument unless workers is at least 1
  explicit TeamScope(Index workers);
  TeamScope(const TeamScope&) = delete;
  TeamScope& operator=(const TeamScope&) = delete;
  ~TeamScope();

 private:
  std::optional<Team> team_;
  Team* outer_;
};

/// Threads that `share` in this thread may use.
Index team_size();

/// Operations that take as long as reading or writing one number, about: less than in memory, more
/// than in a cache.
inline constexpr double kTouch = 10.0;

/// `share` for any function of (first, end).
template <class Body>
void share_out(Index count, Index unit, double work, const Body& body) {
  share(
      count, unit, work,
      [](const void* context, std::ptrdiff_t first, std::ptrdiff_t end) {
        (*static_cast<const Body*>(context))(first, end);
      },
      &body);
}

}  // namespace overprune
