#include "base/memory_need.hpp"

#include "kernels/caches.hpp"

namespace overprune {
namespace {

/// What the kernels' scratch grows to for so many doubles.
Index whole_steps(Index count) {
  constexpr Index step = kernels::kScratchStep;
  return (count + step - 1) / step * step;
}

}  // namespace

void MemoryNeed::product(Index rows, Index columns, Index depth) {
  if (columns <= kernels::kSkinny) return;
  const kernels::Blocks most = kernels::product_blocks(sizeof(double));
  packed_ = std::max(packed_, (std::min(rows, most.rows) + std::min(columns, most.columns)) *
                                  std::min<Index>(depth, kernels::kDepth));
}

void MemoryNeed::reflect(Index columns) {
  reflected_ = std::max(
      reflected_, kernels::kReflectorRows * std::min<Index>(columns, kernels::kReflectorColumns));
}

Index MemoryNeed::of_helper() const { return whole_steps(packed_); }

Index MemoryNeed::total() const { return held_ + whole_steps(packed_) + whole_steps(reflected_); }

}  // namespace overprune
