#include "kernels/scratch.hpp"

#include <new>

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr std::align_val_t kAlign{64};

struct Memory {
  double* data = nullptr;
  Size size = 0;
  ~Memory() { ::operator delete(data, kAlign); }
};

thread_local Memory packing, work;

}  // namespace

double* scratch(Scratch holder, Size count) {
  Memory& own = holder == Scratch::packing ? packing : work;
  if (count > own.size) {
    // Products whose sizes depend on the data would otherwise make it grow little by little.
    count = (count + kScratchStep - 1) / kScratchStep * kScratchStep;
    ::operator delete(own.data, kAlign);
    own.data = nullptr;
    own.size = 0;
    own.data = static_cast<double*>(
        ::operator new(static_cast<std::size_t>(count) * sizeof(double), kAlign));
    own.size = count;
  }
  return own.data;
}

OVERPRUNE_END_LEVEL
