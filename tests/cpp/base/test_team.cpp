// A team of threads inside one call: who does what, how it stops, and that nothing stays behind.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/team.hpp"
#include "kernels/look.hpp"
#include "kernels/table.hpp"
#include "overprune/interrupt.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

constexpr double kMuch = 1e12;  // work that is worth any number of threads

struct Broken : std::runtime_error {
  Broken() : std::runtime_error("broken") {}
};

/// Waits until all of so many threads have come here.
class Meeting {
 public:
  explicit Meeting(int all) : missing_(all) {}
  void arrive() {
    --missing_;
    while (missing_ > 0) std::this_thread::yield();
  }

 private:
  std::atomic<int> missing_;
};

/// How often each of `count` items was handed out.
std::vector<int> shares(Index workers, Index count, Index unit, double work, bool& in_units) {
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
  std::atomic<bool> good{true};
  const TeamScope scope(workers);
  share_out(count, unit, work, [&](Index first, Index end) {
    if (first % unit != 0 || (end != count && (end - first) % unit != 0)) good = false;
    if (count >= unit && end - first < unit) good = false;
    for (Index i = first; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
  });
  in_units = good;
  return {seen.begin(), seen.end()};
}

}  // namespace

TEST_CASE("every part is done once, by all threads of the team") {
  for (const int workers : {1, 2, 3, 7}) {
    Team team(workers);
    for (int round = 0; round < 50; ++round) {
      Meeting meeting(workers);
      std::mutex mutex;
      std::set<std::thread::id> threads;
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(workers));
      team.run(workers, workers - 1, [&](Index part) {
        ++done[static_cast<std::size_t>(part)];
        meeting.arrive();
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      });
      for (const auto& times : done) CHECK(times == 1);
      CHECK(static_cast<int>(threads.size()) == workers);
      CHECK(threads.count(std::this_thread::get_id()) == 1);
    }
  }
}

TEST_CASE("helpers that sleep are woken") {
  Team team(3);
  for (int round = 0; round < 3; ++round) {
    Meeting meeting(3);
    std::atomic<int> came{0};
    team.run(3, 2, [&](Index) {
      meeting.arrive();
      ++came;
    });
    CHECK(came == 3);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST_CASE("share: ranges of whole units that make up everything, at any number of threads") {
  bool in_units = false;
  for (const Index workers : {1, 2, 3, 7})
    for (const Index unit : {1, 8, 48})
      for (const Index count : {0, 1, 7, 47, 48, 49, 95, 96, 1000})
        for (const double work : {0.0, 1e6, kMuch}) {
          CHECK(shares(workers, count, unit, work, in_units) ==
                std::vector<int>(static_cast<std::size_t>(count), 1));
          CHECK(in_units);
        }
}

TEST_CASE("small work, no scope and the inside of a part: the calling thread in one go") {
  const auto calls = [](double work) {
    std::atomic<int> count{0}, foreign{0};
    const auto own = std::this_thread::get_id();
    share_out(1000, 1, work, [&](Index, Index) {
      ++count;
      if (std::this_thread::get_id() != own) ++foreign;
    });
    return std::pair(count.load(), foreign.load());
  };
  const std::pair once(1, 0);
  CHECK(calls(kMuch) == once);
  const TeamScope scope(3);
  CHECK(calls(1e5) == once);
  CHECK(calls(kMuch).first > 1);
  std::atomic<int> wrong{0};
  share_out(100, 1, kMuch, [&](Index, Index) {
    if (calls(kMuch) != once) ++wrong;
  });
  CHECK(wrong == 0);
  const TeamScope same(1);
  CHECK(calls(kMuch).first > 1);
  CHECK_THROWS_WITH_AS(TeamScope(0), testing::Contains("workers"), std::invalid_argument);
}

TEST_CASE("a scope inside a part has a team of its own") {
  const TeamScope scope(2);
  std::atomic<Index> sum{0};
  share_out(8, 1, kMuch, [&](Index first, Index end) {
    const TeamScope inner(2);
    for (Index i = first; i < end; ++i)
      share_out(100, 1, kMuch, [&](Index a, Index b) { sum += b - a; });
  });
  CHECK(sum == 800);
}

TEST_CASE("an exception of a part leaves through the call once all have stopped") {
  const TeamScope scope(3);
  for (const bool in_helper : {false, true}) {
    const auto own = std::this_thread::get_id();
    std::atomic<int> inside{0};
    const auto body = [&](Index, Index) {
      ++inside;
      const bool caller = std::this_thread::get_id() == own;
      if (caller != in_helper) {
        --inside;
        throw Broken();
      }
      while (true) {  // until it is stopped
        try {
          look();
        } catch (...) {
          --inside;
          throw;
        }
        if (caller) break;
        std::this_thread::yield();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (caller) --inside;
    };
    CHECK_THROWS_AS(share_out(1000, 1, kMuch, body), Broken);
    CHECK(inside == 0);
    std::atomic<Index> sum{0};  // the team goes on
    share_out(1000, 1, kMuch, [&](Index first, Index end) { sum += end - first; });
    CHECK(sum == 1000);
  }
}

TEST_CASE("the calling thread's poll stops the helpers, also while it waits for them") {
  const auto own = std::this_thread::get_id();
  std::atomic<bool> foreign{false};
  int looks = 0;
  const std::function<void()> poll = [&] {
    if (std::this_thread::get_id() != own) foreign = true;
    if (++looks > 3) throw Broken();
  };
  const Interruptible interruptible(poll);
  Team team(2);
  Meeting meeting(2);
  CHECK_THROWS_AS(team.run(2, 1,
                           [&](Index) {
                             meeting.arrive();
                             while (std::this_thread::get_id() != own) {
                               look();
                               std::this_thread::yield();
                             }
                           }),
                  Broken);
  CHECK(looks > 3);
  CHECK(!foreign);
}

TEST_CASE("products and solves by a team: the bits of one thread, at every level") {
  struct Shape {
    Index m, n, k;
  };
  const kernels::Table* table = nullptr;
  for (int level = 0; (table = kernels::supported(level)) != nullptr; ++level)
    for (const Shape& shape : {Shape{300, 300, 500}, Shape{97, 1000, 130}, Shape{1000, 95, 130},
                               Shape{2000, 8, 700}, Shape{2000, 1, 700}, Shape{500, 3, 1100},
                               Shape{96, 96, 3000}, Shape{47, 47, 9000}, Shape{400, 9, 800}}) {
      const Index m = shape.m, n = shape.n, k = shape.k, largest = std::max({m, n, k});
      INFO("level " << table->level << ", " << m << " x " << n << " x " << k);
      const Values a = normals(m * k, 1), b = normals(k * n, 2), c = normals(m * n, 3);
      Values triangle = normals(m * m, 4);
      for (Index j = 0; j < m; ++j) triangle[j * (m + 1)] = static_cast<double>(largest);
      std::vector<Values> alone;
      for (const Index workers : {1, 2, 3, 7}) {
        const TeamScope scope(workers);
        // Little work starts no helpers.
        share_out(1000, 1, kMuch, [](Index, Index) {});
        std::vector<Values> found;
        for (const bool left : {false, true})
          for (const bool right : {false, true}) {
            found.push_back(c);
            table->gemm(left, right, m, n, k, -1.0, a.data(), left ? k : m, b.data(), right ? n : k,
                        1.0, found.back().data(), m);
          }
        for (const bool rows : {false, true}) {
          found.emplace_back(m * m, 1.0);
          (rows ? table->row_gram : table->gram)(m, k, a.data(), rows ? m : k, found.back().data(),
                                                 m);
        }
        for (const bool transpose : {false, true}) {
          found.push_back(c);
          table->solve_triangular(true, transpose, m, n, triangle.data(), m, found.back().data(),
                                  m);
        }
        found.push_back(triangle);
        table->cholesky(m, found.back().data(), m);
        if (workers == 1) alone = found;
        CHECK(found == alone);
      }
    }
}

TEST_CASE("factorizations by a team: the bits of one thread, at every level") {
  const kernels::Table* table = nullptr;
  for (int level = 0; (table = kernels::supported(level)) != nullptr; ++level) {
    INFO("level " << table->level);
    const Index n = 504, rows = 520, m = 600;
    const Index tiles = 528;  // rows for float32
    const Values w = normals(rows * m, 1), v = normals(tiles * m, 2);
    Values factor, grown, root;  // of one thread
    std::vector<float> single;
    for (const Index workers : {1, 2, 3, 7}) {
      const TeamScope scope(workers);
      Values own = w, more = w;
      table->lq(n, rows, 0, m, own.data(), rows);
      Values triangle(rows * rows, 0.0);
      table->append_columns(rows, m, triangle.data(), rows, more.data(), rows, triangle.data(),
                            rows);
      std::vector<float> added(v.begin(), v.end()), found(tiles * tiles, 0.0F);
      table->append_columns_single(tiles, m, found.data(), tiles, added.data(), tiles, found.data(),
                                   tiles);
      Values gram(n * n, 0.0);
      table->row_gram(n, m, w.data(), rows, gram.data(), n);
      REQUIRE(table->cholesky(n, gram.data(), n));
      if (workers == 1) {
        factor = own;
        grown = triangle;
        root = gram;
        single = found;
      }
      CHECK(own == factor);
      CHECK(triangle == grown);
      CHECK(gram == root);
      CHECK(found == single);
    }
  }
}

#ifdef __linux__
TEST_CASE("threads begin with the first large work and end with the scope") {
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto before = threads();
  {
    const TeamScope scope(4);
    share_out(100, 1, 1e5, [](Index, Index) {});
    CHECK(threads() == before);
    share_out(100, 1, kMuch, [](Index, Index) {});
    CHECK(threads() == before + 3);
  }
  CHECK(threads() == before);
}
#endif
