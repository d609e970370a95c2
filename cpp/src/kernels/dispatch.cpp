// Picks the level once per process. Compiled at the baseline.
#if defined(OVERPRUNE_HAS_V3) || defined(OVERPRUNE_HAS_V4)
#include <cpuid.h>
#endif

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/caches.hpp"
#include "kernels/table.hpp"
#include "overprune/build_info.hpp"
#include "overprune/version.hpp"

namespace overprune {
namespace kernels {

#define OVERPRUNE_DECLARE(level) \
  namespace level {              \
  extern const Table table;      \
  }
#ifdef OVERPRUNE_HAS_V2
OVERPRUNE_DECLARE(v2)
#endif
#ifdef OVERPRUNE_HAS_V3
OVERPRUNE_DECLARE(v3)
#endif
#ifdef OVERPRUNE_HAS_V4
OVERPRUNE_DECLARE(v4)
#endif
#ifdef OVERPRUNE_HAS_GENERIC
OVERPRUNE_DECLARE(generic)
#endif

namespace {

struct Level {
  const Table* table;
  bool supported;
};

#if defined(OVERPRUNE_HAS_V3) || defined(OVERPRUNE_HAS_V4)
/// All of x86-64-v3: on a masked virtual machine any one may be missing. Clang's builtin does not
/// know the last three.
bool has_v3() {
  unsigned a, b, d, basic = 0, extended = 0;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __get_cpuid(1, &a, &b, &basic, &d) != 0 &&
         __get_cpuid(0x80000001, &a, &b, &extended, &d) != 0 && (basic & bit_F16C) != 0 &&
         (basic & bit_MOVBE) != 0 && (extended & bit_LZCNT) != 0;
}
#endif

/// The levels compiled in, best first, and whether this processor runs them.
std::vector<Level> levels() {
  std::vector<Level> found;
#ifdef OVERPRUNE_HAS_V4
  found.push_back(
      {&v4::table, has_v3() && __builtin_cpu_supports("avx512f") &&
                       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")});
#endif
#ifdef OVERPRUNE_HAS_V3
  found.push_back({&v3::table, has_v3()});
#endif
#ifdef OVERPRUNE_HAS_V2
  found.push_back(
      {&v2::table, __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")});
#endif
#ifdef OVERPRUNE_HAS_GENERIC
  found.push_back({&generic::table, true});
#endif
  return found;
}

const Table& choose() {
  const char* wanted = std::getenv("OVERPRUNE_KERNEL");
  std::string allowed;
  for (const Level& level : levels()) {
    if (!level.supported) continue;
    if (wanted == nullptr || *wanted == '\0' || std::strcmp(wanted, level.table->level) == 0)
      return *level.table;
    allowed += (allowed.empty() ? "" : ", ") + std::string(level.table->level);
  }
  if (wanted == nullptr || *wanted == '\0')
    throw std::runtime_error(
        "overprune: this processor has none of the instruction-set levels compiled in");
  throw std::invalid_argument("OVERPRUNE_KERNEL must be one of " + allowed +
                              " on this processor, got '" + wanted + "'");
}

}  // namespace

Size whole_tiles(Size rows) { return (rows + kRowPadding - 1) / kRowPadding * kRowPadding; }

const Table& active() {
  static const Table& table = choose();
  return table;
}

const Table* supported(int i) {
  for (const Level& level : levels())
    if (level.supported && i-- == 0) return level.table;
  return nullptr;
}

}  // namespace kernels

BuildInfo build_info() {
  BuildInfo info;
  info.version = OVERPRUNE_VERSION;
  info.kernel_level = kernels::active().level;
  for (const kernels::Level& level : kernels::levels())
    info.kernel_levels.emplace_back(level.table->level);
  const kernels::Caches& caches = kernels::caches();
  info.caches = {caches.first, caches.second, caches.last};
  info.tile = {kernels::active().tile_rows, kernels::active().tile_columns};
#if defined(__clang__)
  info.compiler = "clang " __clang_version__;
#elif defined(__GNUC__)
  info.compiler = "g++ " __VERSION__;
#elif defined(_MSC_VER)
  info.compiler = "MSVC " + std::to_string(_MSC_VER);
#else
  info.compiler = "unknown";
#endif
  info.build_type = OVERPRUNE_BUILD_TYPE;
  info.eigen = OVERPRUNE_EIGEN_VERSION;
#ifdef NDEBUG
  info.assertions = false;
#else
  info.assertions = true;
#endif
  return info;
}

}  // namespace overprune
