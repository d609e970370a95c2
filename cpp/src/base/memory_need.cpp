#include "base/memory_need.hpp"

#include "kernels/table.hpp"

namespace overprune {
namespace {

/// What the kernels' scratch grows to for so many doubles.
Index whole_steps(Index count) {
  constexpr Index step = kernels::kScratchStep;
  return (count + step - 1) / step * step;
}

}  // namespace

void MemoryNeed::product(Index rows, Index columns, Index depth) {
  constexpr Index cached_depth = 256, cached = 96 * 1024;  // of the left and of the right factor
  if (columns <= kernels::kSkinny || std::max({rows, columns, depth}) < 48) return;
  const Index kept = std::min(depth, cached_depth);
  packed_ = std::max(packed_, rows * kept + std::min(cached, kept * columns));
}

void MemoryNeed::reflect(Index columns) {
  reflected_ = std::max(
      reflected_, kernels::kReflectorRows * std::min<Index>(columns, kernels::kReflectorColumns));
}

Index MemoryNeed::total() const { return held_ + whole_steps(packed_) + whole_steps(reflected_); }

}  // namespace overprune
