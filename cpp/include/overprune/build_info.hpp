// The facts of this build, and which kernels run.
#pragma once

#include <string>
#include <vector>

#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// The facts of a build.
struct BuildInfo {
  std::string version;                     ///< of the package, "0.1.0"
  std::string kernel_level;                ///< level in use: v2, v3, v4 of x86-64, or generic
  std::vector<std::string> kernel_levels;  ///< (levels) compiled in, best first
  /// (3) bytes of the first, the second and the last cache, which blocks of products follow; usual
  /// sizes where the system does not tell
  Indices caches;
  Indices tile;             ///< (2) rows and columns of a product that registers hold at a time
  std::string compiler;     ///< name and version
  std::string build_type;   ///< of CMake: Release, Debug, ...
  std::string eigen;        ///< version that the kernels were compiled with
  bool assertions = false;  ///< true in builds without NDEBUG, which are slow
};

/// Facts of the build.
/// @return the facts, with the level that this processor runs
/// @throws std::invalid_argument where the environment variable OVERPRUNE_KERNEL names a level that
/// is not compiled in or that this processor does not run
BuildInfo build_info();

}  // namespace overprune
OVERPRUNE_PUBLIC_END
