#include "solve/mixed_precision.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/table.hpp"

namespace overprune {
namespace {

constexpr double kTiny = 1e-30;  // beside one: a float32 below 1e-38 would be slow, not precise
// An operation of a correction beside one of appending: it waits for memory.
constexpr double kPassCosts = 10.0;

/// Number `i` of memory that holds numbers of type T.
template <class T>
T read(const unsigned char* memory, Index i) {
  T value;
  std::memcpy(&value, memory + i * static_cast<Index>(sizeof(T)), sizeof(T));
  return value;
}
template <class T>
void write(unsigned char* memory, Index i, T value) {
  std::memcpy(memory + i * static_cast<Index>(sizeof(T)), &value, sizeof(T));
}

float rounded(double value) {
  constexpr double most = std::numeric_limits<float>::max();
  return std::abs(value) < kTiny ? 0.0F : static_cast<float>(std::clamp(value, -most, most));
}

}  // namespace

bool single_pays(Index n, Index m, std::span<const Index> sizes) {
  if (n < kSingleRows || sizes.size() < 2) return false;
  const double rows = static_cast<double>(n);
  double passes = 0.0;
  for (const Index k : sizes.subspan(1)) passes += 4.0 * static_cast<double>(k) + 2.0 * rows;
  return rows * static_cast<double>(sizes.back() - sizes.front()) >=
         kPassCosts * static_cast<double>(m) * passes;
}

Index padded_rows(Index n) {
  constexpr Index tile = kernels::kSingleRowPadding;
  return n < kSingleRows ? kernels::whole_tiles(n) : (n + tile - 1) / tile * tile;
}

double unit_of(double largest) {
  return largest > 0.0 ? std::exp2(-std::clamp(std::ilogb(largest), -1000, 1000)) : 1.0;
}

// Forwards: a float32 is never written where a float64 is still to be read.
BlockOf<float> narrow(Block block, double unit, bool lower) {
  auto* memory = reinterpret_cast<unsigned char*>(block.data);
  for (Index j = 0; j < block.cols; ++j)
    for (Index i = lower ? j : 0; i < block.rows; ++i)
      write(memory, j * block.ld + i, rounded(unit * read<double>(memory, j * block.ld + i)));
  return {reinterpret_cast<float*>(block.data), block.rows, block.cols, block.ld};
}

// Backwards likewise.
void widen_triangle(Block block, double unit) {
  auto* memory = reinterpret_cast<unsigned char*>(block.data);
  for (Index j = block.cols - 1; j >= 0; --j)
    for (Index i = block.rows - 1; i >= 0; --i) {
      const Index at = j * block.ld + i;
      write(memory, at, i < j ? 0.0 : static_cast<double>(read<float>(memory, at)) / unit);
    }
}

void solve_normal(BlockOf<const float> triangle, double unit, Block b, double* moved,
                  std::vector<float>& space) {
  const auto& kernel = kernels::active();
  const Index n = triangle.rows;
  space.resize(n);
  for (Index c = 0; c < b.cols; ++c) {
    double* own = b.col(c);
    double largest = 0.0;
    for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(own[i]));
    const double own_unit = unit_of(largest), scale = unit / own_unit;
    for (Index i = 0; i < n; ++i) space[i] = rounded(own_unit * own[i]);
    kernel.solve_single(false, n, triangle.data, triangle.ld, space.data());
    double sum = 0.0;
    for (const float value : space) sum += static_cast<double>(value) * value;
    moved[c] = sum * scale * scale;
    kernel.solve_single(true, n, triangle.data, triangle.ld, space.data());
    for (Index i = 0; i < n; ++i) own[i] = unit * (scale * static_cast<double>(space[i]));
  }
}

}  // namespace overprune
