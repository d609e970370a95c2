#include "peak.hpp"

#include <cmath>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string>

namespace overprune::bench {

#ifdef OVERPRUNE_HAS_V2
namespace v2 {
extern const PeakLoop loop;
}
#endif
#ifdef OVERPRUNE_HAS_V3
namespace v3 {
extern const PeakLoop loop;
}
#endif
#ifdef OVERPRUNE_HAS_V4
namespace v4 {
extern const PeakLoop loop;
}
#endif
#ifdef OVERPRUNE_HAS_GENERIC
namespace generic {
extern const PeakLoop loop;
}
#endif

const PeakLoop& peak_loop(const char* level) {
#ifdef OVERPRUNE_HAS_V2
  if (std::strcmp(level, "v2") == 0) return v2::loop;
#endif
#ifdef OVERPRUNE_HAS_V3
  if (std::strcmp(level, "v3") == 0) return v3::loop;
#endif
#ifdef OVERPRUNE_HAS_V4
  if (std::strcmp(level, "v4") == 0) return v4::loop;
#endif
#ifdef OVERPRUNE_HAS_GENERIC
  if (std::strcmp(level, "generic") == 0) return generic::loop;
#endif
  throw std::invalid_argument(std::string("level must be one that is compiled in, got '") + level +
                              "'");
}

double processor_seconds() {
#ifdef CLOCK_PROCESS_CPUTIME_ID
  std::timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
#else
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
#endif
}

double peak_rate(const char* level, double seconds) {
  const PeakLoop& loop = peak_loop(level);
  constexpr std::ptrdiff_t kRounds = 100000;
  double flops = 0.0, sum = 0.0;
  const double start = processor_seconds();
  double elapsed = 0.0;
  do {
    sum += loop.multiply_add(kRounds, 0.999, 0.001);
    flops += loop.flops_per_round * static_cast<double>(kRounds);
    elapsed = processor_seconds() - start;
  } while (elapsed < seconds);
  if (!std::isfinite(sum)) throw std::logic_error("the chains of the peak loop must stay finite");
  return flops / elapsed;
}

}  // namespace overprune::bench
