#include "base/team.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "kernels/look.hpp"
#include "overprune/interrupt.hpp"

namespace overprune {
namespace {

constexpr double kStart = 40e6;  // operations that are worth the start of another thread
constexpr double kShare = 2e6;   // operations that are worth waking those there are
constexpr double kPart = 2.5e5;  // operations of the smallest part
constexpr Index kPartsEach = 4;  // so that a thread that is held up costs little
// How long a thread looks around for what it waits for before it sleeps: parts of a factorization
// follow one another faster than a sleeping thread wakes.
constexpr std::chrono::microseconds kPatience{100};

thread_local Team* current_team = nullptr;

/// Thrown inside a helper when its part is being stopped.
struct PartStopped {};

/// Lets the other half of the core go on. Not the system's `yield`: on a busy machine that may take
/// milliseconds to come back.
void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
  asm volatile("yield");
#endif
}

/// Whether `done` comes true before patience ends.
template <class Done>
bool soon(const Done& done) {
  constexpr int looks = 32;  // between two looks at the clock
  const auto end = std::chrono::steady_clock::now() + kPatience;
  do {
    for (int i = 0; i < looks; ++i, pause())
      if (done()) return true;
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

/// A range of work that is handed out in parts.
struct Cut {
  Index count, unit, parts;
  void (*body)(const void*, std::ptrdiff_t, std::ptrdiff_t);
  const void* context;

  Index begin(Index part) const {
    return part == parts ? count : count / unit * part / parts * unit;
  }
};

}  // namespace

Team::~Team() {
  over_ = true;
  {
    const std::lock_guard lock(mutex_);
    called_.notify_all();
  }
  for (std::thread& helper : helpers_) helper.join();
}

Index Team::helpers_for(double work) {
  work_ += work;
  return static_cast<Index>(std::min(work_ / kStart, static_cast<double>(most_)));
}

/// Fewer than asked for where the system has no more threads to give.
void Team::hire(Index helpers) {
  try {
    while (static_cast<Index>(helpers_.size()) < helpers)
      helpers_.emplace_back([this] { serve(); });
  } catch (const std::system_error&) {
  }
}

void Team::run(Index parts, Index helpers, const std::function<void(Index)>& body) {
  body_ = &body;
  parts_ = parts;
  next_ = 0;
  stop_ = false;
  open_ = true;
  ++calls_;
  hire(std::min({most_, parts - 1, helpers}));
  if (Index wanted = std::min(asleep_.load(), parts - 1); wanted > 0) {
    {
      const std::lock_guard lock(mutex_);
    }  // whoever is about to sleep does before the call
    for (; wanted > 0; --wanted) called_.notify_one();
  }
  Team* const own = std::exchange(current_team, nullptr);
  try {
    take_parts();
  } catch (...) {
    fail(std::current_exception());
  }
  current_team = own;
  open_ = false;
  await_helpers();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Team::take_parts() {
  for (Index part = next_++; part < parts_ && !stop_; part = next_++) (*body_)(part);
}

void Team::fail(std::exception_ptr why) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(why);
  stop_ = true;
}

/// Waits until nobody is inside, polling where it takes long.
void Team::await_helpers() {
  const auto gone = [this] { return inside_ == 0; };
  if (soon(gone)) return;
  awaited_ = true;
  std::unique_lock lock(mutex_);
  while (!left_.wait_for(lock, std::chrono::milliseconds(50), gone)) {
    if (stop_) continue;
    lock.unlock();
    try {
      look();
    } catch (...) {
      fail(std::current_exception());
    }
    lock.lock();
  }
  awaited_ = false;
}

/// A helper's life.
void Team::serve() {
  std::uint64_t seen = 0;
  while (await_call(seen)) {
    ++inside_;
    if (open_) help();
    if (--inside_ == 0 && awaited_) {
      const std::lock_guard lock(mutex_);
      left_.notify_one();
    }
  }
}

/// Returns at a call after the one seen last; false where the team is dismissed.
bool Team::await_call(std::uint64_t& seen) {
  const auto called = [&] { return calls_ != seen || over_; };
  if (!soon(called)) {
    std::unique_lock lock(mutex_);
    ++asleep_;
    called_.wait(lock, called);
    --asleep_;
  }
  seen = calls_;
  return !over_;
}

void Team::help() {
  try {
    const std::function<void()> poll = [this] {
      if (stop_) throw PartStopped{};
    };
    const Interruptible interruptible(poll);
    take_parts();
  } catch (const PartStopped&) {
  } catch (...) {
    fail(std::current_exception());
  }
}

TeamScope::TeamScope(Index workers) : outer_(current_team) {
  check::at_least("workers", workers, 1);
  if (workers > 1) current_team = &team_.emplace(workers);
}

TeamScope::~TeamScope() { current_team = outer_; }

Index team_size() { return current_team == nullptr ? 1 : current_team->size(); }

void share(std::ptrdiff_t count, std::ptrdiff_t unit, double work,
           void (*body)(const void*, std::ptrdiff_t, std::ptrdiff_t), const void* context) {
  if (current_team == nullptr) return body(context, 0, count);
  const Index helpers = current_team->helpers_for(work);
  const Index most = std::min(kPartsEach * (helpers + 1), static_cast<Index>(work / kPart));
  const Cut cut{count, unit, std::min<Index>(count / unit, most), body, context};
  if (helpers == 0 || work < kShare || cut.parts < 2) return body(context, 0, count);
  current_team->run(cut.parts, helpers,
                    [&cut](Index i) { cut.body(cut.context, cut.begin(i), cut.begin(i + 1)); });
}

}  // namespace overprune
