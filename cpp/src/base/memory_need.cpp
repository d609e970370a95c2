#include "base/memory_need.hpp"

#include "kernels/caches.hpp"

namespace overprune {
namespace {

Index whole(Index count, Index step) { return (count + step - 1) / step * step; }

/// What the kernels' scratch grows to for so many doubles.
Index whole_steps(Index count) { return whole(count, kernels::kScratchStep); }

}  // namespace

void MemoryNeed::product(Index rows, Index columns, Index depth) {
  if (columns <= kernels::kSkinny) return;
  const kernels::Blocks most = kernels::product_blocks(sizeof(double));
  const kernels::Table& table = kernels::active();
  const Index packed = whole(std::min(rows, most.rows), table.tile_rows) +
                       whole(std::min(columns, most.columns), table.tile_columns);
  packed_ = std::max(packed_, packed * std::min<Index>(depth, kernels::kDepth));
}

void MemoryNeed::reflect(Index columns) {
  reflected_ = std::max(
      reflected_, kernels::kReflectorRows * std::min<Index>(columns, kernels::kReflectorColumns));
}

Index MemoryNeed::of_helper() const { return whole_steps(packed_); }

Index MemoryNeed::total() const { return held_ + whole_steps(packed_) + whole_steps(reflected_); }

}  // namespace overprune
