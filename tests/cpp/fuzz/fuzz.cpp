// Calls the public functions with random arguments, good and bad, and judges what comes back: every
// call returns or throws std::invalid_argument, as the arguments deserve; no result that claims
// success holds a NaN; inputs and what lies between the elements of a strided output stay as they
// are. With a sanitizer it also sees every access outside of the arrays, which lie in buffers of
// exactly their length.
//
//   overprune_fuzz [--calls N] [--seed S] [--first I] [--target NAME]
//
// Call I of seed S is always the same: a failure is repeated by --seed S --first I --calls 1. Every
// ten seconds it says on the standard error output how far it is; ended by Ctrl-C or SIGTERM it
// prints its counts, too.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "fuzz_call.hpp"

namespace {

using namespace fuzz;

using Count = unsigned long long;

constexpr int kSecondsOfAHang = 60, kSecondsOfProgress = 10, kMostFailures = 20;

std::atomic<std::uint64_t> running{0}, calls_made{0}, calls_succeeded{0};
std::atomic<int> failures{0};
std::atomic<const char*> at{"the start"};
std::atomic<int> caught{0};  // the signal that is to end the program
static_assert(std::atomic<int>::is_always_lock_free);

void print_counts(std::FILE* to) {
  std::fprintf(to, "%llu calls, %llu succeeded, %d failures\n", static_cast<Count>(calls_made),
               static_cast<Count>(calls_succeeded), failures.load());
  std::fflush(to);
}

/// Tells the progress, and ends the program where one call takes forever.
void watch(const std::atomic<bool>& done, std::uint64_t seed) {
  std::uint64_t last = running;
  for (int second = 1, waited = 0;; ++second, ++waited) {
    for (int tenth = 0; tenth < 10 && !done; ++tenth)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (done) return;
    if (second % kSecondsOfProgress == 0) print_counts(stderr);
    if (running != last) waited = 0;
    last = running;
    if (waited < kSecondsOfAHang) continue;
    std::fprintf(stderr, "%s hangs: --seed %llu --first %llu --calls 1\n", at.load(),
                 static_cast<Count>(seed), static_cast<Count>(last));
    std::abort();
  }
}

/// An empty string where the call went well.
std::string judge(const Target& target, Call& call) {
  try {
    target.function(call);
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::uint64_t number(const char* text) { return std::strtoull(text, nullptr, 10); }

struct Options {
  std::uint64_t calls = 4000, seed = 1, first = 0;
  std::string only;
};

Options options_of(int count, char** words) {
  Options found;
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(words[i], "--calls") == 0) found.calls = number(words[i + 1]);
    if (std::strcmp(words[i], "--seed") == 0) found.seed = number(words[i + 1]);
    if (std::strcmp(words[i], "--first") == 0) found.first = number(words[i + 1]);
    if (std::strcmp(words[i], "--target") == 0) found.only = words[i + 1];
  }
  return found;
}

}  // namespace

int main(int count, char** words) {
  const auto [calls, seed, first, only] = options_of(count, words);
  std::vector<Target> targets = kArrayTargets;
  targets.insert(targets.end(), kProblemTargets.begin(), kProblemTargets.end());
  std::vector<std::uint64_t> tried(targets.size(), 0), succeeded(targets.size(), 0);
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int which) { caught = which; });
  std::atomic<bool> done{false};
  std::thread watcher([&done, start = seed] { watch(done, start); });
  for (std::uint64_t i = first; i < first + calls && failures < kMostFailures && !caught; ++i) {
    Arguments dice(seed * 0x9E3779B97F4A7C15U + i, true);
    const auto which = static_cast<std::size_t>(dice.below(static_cast<Index>(targets.size())));
    if (!only.empty() && only != targets[which].name) continue;
    Call call(dice.bits(), dice.flip());
    running = i;
    at = targets[which].name;
    const std::string defect = judge(targets[which], call);
    ++tried[which];
    succeeded[which] += !call.refused;
    ++calls_made;
    calls_succeeded += !call.refused;
    if (defect.empty()) continue;
    std::printf("%s: %s (--seed %llu --first %llu --calls 1)\n%s", targets[which].name,
                defect.c_str(), static_cast<Count>(seed), static_cast<Count>(i),
                call.inputs().c_str());
    std::fflush(stdout);
    ++failures;
  }
  done = true;
  watcher.join();
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (tried[i] > 0)
      std::printf("%-24s %8llu calls, %8llu succeeded\n", targets[i].name,
                  static_cast<Count>(tried[i]), static_cast<Count>(succeeded[i]));
  if (caught) std::printf("ended by signal %d: ", caught.load());
  print_counts(stdout);
  return failures > 0 ? 1 : caught ? 128 + caught : 0;
}
