#include "workers.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

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
  std::atomic<Index> next{0}, done{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable changed;
  Index running = 0;           // guarded by mutex
  std::exception_ptr failure;  // guarded by mutex

  void leave(std::exception_ptr why) {
    const std::lock_guard lock(mutex);
    if (why && !failure) failure = why;
    if (why) stop = true;
    --running;
    changed.notify_all();
  }

  void work(Index count, const std::function<Task()>& start) {
    std::exception_ptr why;
    try {
      const Poll poll = [this] {
        if (stop) throw Stopped{};
      };
      const Interruptible interruptible(poll);
      const Task task = start();
      for (Index i = next++; i < count; i = next++) {
        poll();
        task(i, poll);
        ++done;
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
      if (!monitor) continue;
      lock.unlock();
      monitor(done);
      lock.lock();
    }
  }
};

}  // namespace

void run_tasks(Index count, Index workers, const std::function<Task()>& start,
               const std::function<void(Index)>& monitor) {
  Board board;
  Threads threads;
  const Index used = std::min(workers, count);
  board.running = used;
  try {
    for (Index w = 0; w < used; ++w) threads.start([&] { board.work(count, start); });
    board.wait(monitor);
  } catch (...) {
    board.stop = true;
    throw;
  }
  threads.join();
  if (board.failure) std::rethrow_exception(board.failure);
}

void parallel_for(Index count, Index workers, const Task& body, const Poll& poll) {
  if (workers > 1 && count > 1) {
    run_tasks(count, workers, [&] { return body; }, [&](Index) { poll_now(poll); });
    return;
  }
  const Interruptible interruptible(poll);
  for (Index i = 0; i < count; ++i) {
    poll_now(poll);
    body(i, poll);
  }
}

}  // namespace overprune
