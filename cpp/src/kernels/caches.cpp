#include "kernels/caches.hpp"

#if defined(__has_include)
#if __has_include(<unistd.h>)
#include <unistd.h>
#endif
#endif

namespace overprune::kernels {
namespace {

/// What the system says, or `usual` where it says nothing.
[[maybe_unused]] Size told(int name, Size usual) {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  const long bytes = sysconf(name);
  return bytes > 0 ? static_cast<Size>(bytes) : usual;
#else
  static_cast<void>(name);
  return usual;
#endif
}

Caches find() {
  Caches found{Size{32} << 10, Size{512} << 10, Size{8} << 20};
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  found.first = told(_SC_LEVEL1_DCACHE_SIZE, found.first);
  found.second = told(_SC_LEVEL2_CACHE_SIZE, found.second);
  found.last = told(_SC_LEVEL3_CACHE_SIZE, found.last);
#endif
  return found;
}

Size between(Size least, Size value, Size most) {
  return value < least ? least : value > most ? most : value;
}

}  // namespace

const Caches& caches() {
  static const Caches found = find();
  return found;
}

// Half of the second cache holds the left block, while panels of the right one and the result pass
// through the rest. The right block is what a core may take of the last cache; more than
// 5/4 MiB would be memory that every thread holds.
Blocks product_blocks(Size bytes) {
  const Size column = kDepth * bytes;
  return {between(48, caches().second / 2 / column, 480),
          between(96, between(0, caches().last / 8, Size{5} << 18) / column, 1024)};
}

}  // namespace overprune::kernels
