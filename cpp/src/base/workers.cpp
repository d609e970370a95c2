#include "base/workers.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/team.hpp"

namespace overprune {
namespace {

/// Threads that are joined wherever the scope is left.
class Threads {
 public:
  ~Threads() { join(); }
  template <class Function>
  void start(Function function) {
    threads_.emplace_back(std::move(function));
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

/// Thrown inside a worker when the run is being stopped.
struct Stopped {};

/// What the workers and the calling thread share.
struct Board {
  explicit Board(Index workers) : at(workers), running(workers) {}

  std::atomic<Index> next{0};
  std::vector<std::atomic<Index>>
      at;  // what each thread is doing: it has finished all that it took before
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable changed;
  Index running;               // guarded by mutex
  std::exception_ptr failure;  // guarded by mutex

  void leave(std::exception_ptr why) {
    const std::lock_guard lock(mutex);
    if (why && !failure) failure = why;
    if (why) stop = true;
    --running;
    changed.notify_all();
  }

  /// All tasks before this one are finished.
  Index done() const { return std::min_element(at.begin(), at.end())->load(); }

  /// @param threads  of this worker's own team
  void work(Index worker, Index threads, Index count, const std::function<Task()>& start) {
    std::exception_ptr why;
    try {
      const TeamScope team(threads);
      const Poll poll = [this] {
        if (stop) throw Stopped{};
      };
      const Interruptible interruptible(poll);
      const Task task = start();
      for (Index i = next++;; i = next++) {
        at[worker] = std::min(i, count);
        if (i >= count) break;
        poll();
        task(i, poll);
      }
    } catch (const Stopped&) {
    } catch (...) {
      why = std::current_exception();
    }
    leave(why);
  }

  void wait(const std::function<void(Index)>& monitor) {
    std::unique_lock lock(mutex);
    while (running > 0) {
      changed.wait_for(lock, std::chrono::milliseconds(50));
      if (!monitor || running == 0) continue;
      lock.unlock();
      monitor(done());
      lock.lock();
    }
  }
};

}  // namespace

void run_tasks(Index count, Index workers, const std::function<Task()>& start,
               const std::function<void(Index)>& monitor) {
  const Index used = std::min(workers, count);
  Board board(used);
  Threads threads;
  try {
    for (Index w = 0; w < used; ++w) {
      const Index each = workers / used + (w < workers % used ? 1 : 0);
      threads.start([&, w, each] { board.work(w, each, count, start); });
    }
    board.wait(monitor);
  } catch (...) {
    board.stop = true;
    throw;
  }
  threads.join();
  if (board.failure) std::rethrow_exception(board.failure);
  if (monitor) monitor(count);
}

void parallel_for(Index count, Index workers, const Task& body, const Poll& poll) {
  if (workers > 1 && count > 1) {
    run_tasks(count, workers, [&] { return body; }, [&](Index) { poll_now(poll); });
    return;
  }
  const Interruptible interruptible(poll);
  const TeamScope team(workers);
  for (Index i = 0; i < count; ++i) {
    poll_now(poll);
    body(i, poll);
  }
}

}  // namespace overprune
