// Trials run by a thread pool of the program's own; ../custom_executor.py prints the same numbers.
//
// A block of trials is a pure function of its numbers, so whatever runs the blocks, in whatever
// order, they join to the table of one call, bit for bit.
#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <overprune/overprune.hpp>
#include <queue>
#include <thread>
#include <vector>

namespace {

/// Stands for the pool that a program has already.
class Pool {
 public:
  explicit Pool(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  template <class Task>
  auto submit(Task task) {
    auto packaged = std::make_shared<std::packaged_task<decltype(task())()>>(std::move(task));
    {
      const std::lock_guard lock(mutex_);
      tasks_.push([packaged] { (*packaged)(); });
    }
    changed_.notify_one();
    return packaged->get_future();
  }

 private:
  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<std::function<void()>> tasks_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

int main() {
  using namespace overprune;
  const Index p = 120, n = 60, trials = 24;
  const std::vector<double> beta(p, 1.0 / std::sqrt(double(p))), variances(p, 1.0);
  const LinearGaussianProblem problem(column_major(beta.data(), p, 1), vector_view(variances), 0.5);
  Grid grid;
  grid.sizes = {30, 120};
  grid.nonzeros = {20};
  grid.rules = {Rule::magnitude};

  Pool pool(3);
  std::vector<std::future<RiskTable>> futures;
  for (Index first = 0; first < trials; first += 5)
    futures.push_back(pool.submit([&, first] {
      const Index count = std::min<Index>(5, trials - first);
      return simulate(problem, grid, {.n = n, .first = first, .count = count, .seed = 4});
    }));
  std::vector<RiskTable> blocks;
  for (auto& future : futures)
    blocks.push_back(future.get());  // an error of the block's leaves here
  const RiskTable table = join(blocks);

  const RiskTable once =
      simulate(problem, grid, {.n = n, .count = trials, .seed = 4, .workers = 2});
  const bool same = table["dense_risk"] == once["dense_risk"] &&
                    table["pruned_risk"] == once["pruned_risk"] &&
                    table["retrained_risk"] == once["retrained_risk"];
  std::printf("the table of one call: %s\n", same ? "True" : "False");
  for (Index t = 0; t < trials; ++t)
    std::printf("%2td  %.6f  %.6f\n", t, table["pruned_risk"][2 * t + 1],
                table["retrained_risk"][2 * t + 1]);
  return same ? 0 : 1;
}
