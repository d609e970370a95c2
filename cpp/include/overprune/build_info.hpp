// What this build is and which kernels run.
#pragma once

#include <string>
#include <vector>

namespace overprune {

struct BuildInfo {
  std::string version;
  std::string kernel_level;                ///< level in use: v2, v3, v4 of x86-64, or generic
  std::vector<std::string> kernel_levels;  ///< levels compiled in, best first
  std::string compiler;
  bool assertions = false;  ///< true in builds without NDEBUG, which are slow
};

/// Facts of the build. Throws std::invalid_argument where the environment variable OVERPRUNE_KERNEL names a
/// level that is not compiled in or that this processor does not run.
BuildInfo build_info();

}  // namespace overprune
