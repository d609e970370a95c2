#include "parallel.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace overprune {
namespace {

struct Stopped {};

}  // namespace

void parallel_for(Index count, Index workers, const std::function<void(Index, const Poll&)>& body,
                  const Poll& poll) {
  if (workers <= 1 || count <= 1) {
    for (Index i = 0; i < count; ++i) {
      poll_now(poll);
      body(i, poll);
    }
    return;
  }
  std::atomic<Index> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable finished;
  std::exception_ptr failure;
  Index running = 0;
  const auto fail = [&](std::exception_ptr error) {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::move(error);
    stop = true;
  };
  const Poll check = [&] {
    if (stop) throw Stopped{};
  };
  const auto work = [&] {
    try {
      for (Index i = next++; i < count && !stop; i = next++) body(i, check);
    } catch (const Stopped&) {
    } catch (...) {
      fail(std::current_exception());
    }
    const std::lock_guard lock(mutex);
    --running;
    finished.notify_one();
  };
  std::vector<std::thread> threads;
  try {
    for (Index w = 0; w < std::min(workers, count); ++w) {
      {
        const std::lock_guard lock(mutex);
        ++running;
      }
      try {
        threads.emplace_back(work);
      } catch (...) {  // no thread to be had: the others do the work
        const std::lock_guard lock(mutex);
        --running;
        if (threads.empty()) throw;
        break;
      }
    }
    std::unique_lock lock(mutex);
    while (running > 0) {
      finished.wait_for(lock, std::chrono::milliseconds(50), [&] { return running == 0; });
      lock.unlock();
      if (!stop) poll_now(poll);
      lock.lock();
    }
  } catch (...) {
    fail(std::current_exception());
  }
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace overprune
