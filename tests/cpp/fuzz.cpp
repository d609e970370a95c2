// Calls the public functions with random arguments, good and bad, and judges what comes back: every call
// returns or throws std::invalid_argument, as the arguments deserve; no result that claims success holds a
// NaN; inputs and what lies between the elements of a strided output stay as they are. With a sanitizer it
// also sees every access outside of the arrays, which lie in buffers of exactly their length.
//
//   overprune_fuzz [--calls N] [--seed S] [--first I] [--target NAME]
//
// Call I of seed S is always the same: a failure is repeated by --seed S --first I --calls 1.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "fuzz_call.hpp"

namespace {

using namespace fuzz;

constexpr int kSecondsOfAHang = 60, kMostFailures = 20;

std::atomic<std::uint64_t> running{0};
std::atomic<const char*> at{"the start"};

/// Ends the program where one call takes forever.
void watch(const std::atomic<bool>& done, std::uint64_t seed) {
  std::uint64_t last = running;
  for (int waited = 0; !done; ++waited) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    if (running != last) waited = 0;
    last = running;
    if (waited < kSecondsOfAHang) continue;
    std::fprintf(stderr, "%s hangs: --seed %llu --first %llu --calls 1\n", at.load(),
                 static_cast<unsigned long long>(seed), static_cast<unsigned long long>(last));
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

}  // namespace

int main(int count, char** words) {
  std::uint64_t calls = 4000, seed = 1, first = 0;
  std::string only;
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(words[i], "--calls") == 0) calls = number(words[i + 1]);
    if (std::strcmp(words[i], "--seed") == 0) seed = number(words[i + 1]);
    if (std::strcmp(words[i], "--first") == 0) first = number(words[i + 1]);
    if (std::strcmp(words[i], "--target") == 0) only = words[i + 1];
  }
  std::vector<Target> targets = kArrayTargets;
  targets.insert(targets.end(), kProblemTargets.begin(), kProblemTargets.end());
  std::vector<std::uint64_t> tried(targets.size(), 0), succeeded(targets.size(), 0);
  int failures = 0;
  std::atomic<bool> done{false};
  std::thread watcher([&] { watch(done, seed); });
  for (std::uint64_t i = first; i < first + calls && failures < kMostFailures; ++i) {
    Arguments dice(seed * 0x9E3779B97F4A7C15U + i, true);
    const auto which = static_cast<std::size_t>(dice.below(static_cast<Index>(targets.size())));
    if (!only.empty() && only != targets[which].name) continue;
    Call call(dice.bits(), dice.flip());
    running = i;
    at = targets[which].name;
    const std::string defect = judge(targets[which], call);
    ++tried[which];
    succeeded[which] += !call.refused;
    if (defect.empty()) continue;
    std::printf("%s: %s (--seed %llu --first %llu --calls 1)\n%s", targets[which].name, defect.c_str(),
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(i),
                call.inputs().c_str());
    ++failures;
  }
  done = true;
  watcher.join();
  std::uint64_t all = 0, good = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (tried[i] > 0)
      std::printf("%-24s %8llu calls, %8llu succeeded\n", targets[i].name,
                  static_cast<unsigned long long>(tried[i]), static_cast<unsigned long long>(succeeded[i]));
    all += tried[i];
    good += succeeded[i];
  }
  std::printf("%llu calls, %llu succeeded, %d failures\n", static_cast<unsigned long long>(all),
              static_cast<unsigned long long>(good), failures);
  return failures > 0 ? 1 : 0;
}
