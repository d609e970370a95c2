#include "overprune/random.hpp"

#include <numeric>
#include <utility>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "base/team.hpp"
#include "kernels/philox.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

void check_purpose(Purpose purpose) {
  if (purpose > Purpose::probes)
    check::fail("purpose must be one of the numbers 0 to ",
                static_cast<std::uint32_t>(Purpose::probes), ", got ",
                static_cast<std::uint32_t>(purpose));
}

void check_range(StreamKey key, std::uint64_t first, Index count, const double* out) {
  check_purpose(key.purpose);
  constexpr std::uint64_t limit = std::uint64_t{1} << 49;  // a block's number has 48 bits
  check::at_least("count", count, 0);
  if (first >= limit || static_cast<std::uint64_t>(count) > limit - first)
    check::fail("a stream has 2^49 numbers, got first = ", first, " and count = ", count);
  check::pointer("out", out, count);
}

/// Numbers first, ..., first + count - 1 of a stream by a kernel, in parts for a team.
/// @param cost  operations of one number, about
void draw(decltype(kernels::Table::normals) kernel, double cost, StreamKey key, std::uint64_t first,
          Index count, double* out, Index workers) {
  check_range(key, first, count, out);
  const TeamScope scope(workers);
  constexpr Index line = 512;  // whole batches of the kernels, and whole pages of memory
  share_out(count, line, cost * static_cast<double>(count), [&](Index begin, Index end) {
    in_parts(end - begin, [&](Index offset, Index some) {
      kernel(key.seed, key.stream, static_cast<std::uint32_t>(key.purpose),
             first + static_cast<std::uint64_t>(begin + offset), some, out + begin + offset);
    });
  });
}

}  // namespace

void standard_normal(StreamKey key, std::uint64_t first, Index count, double* out, Index workers) {
  draw(kernels::active().normals, 60.0, key, first, count, out, workers);
}

void uniform(StreamKey key, std::uint64_t first, Index count, double* out, Index workers) {
  draw(kernels::active().uniforms, 30.0, key, first, count, out, workers);
}

void sample_without_replacement(StreamKey key, Index population, Index count, Indices& items) {
  check_purpose(key.purpose);
  if (count < 0 || count > population)
    check::fail("count must lie in [0, ", population, "], got ", count);
  items.resize(population);
  std::iota(items.begin(), items.end(), Index{0});
  for (Index i = 0; i < count; ++i) {
    const PhiloxBlock block(key.seed, key.stream, static_cast<std::uint32_t>(key.purpose),
                            static_cast<std::uint64_t>(i));
    const std::uint64_t bits = (block.word[0] << 32) | block.word[1];
    // The remainder favours small offsets by less than population / 2^64: not measurable.
    const auto offset = static_cast<Index>(bits % static_cast<std::uint64_t>(population - i));
    std::swap(items[i], items[i + offset]);
  }
  items.resize(count);
}

Indices sample_without_replacement(StreamKey key, Index population, Index count) {
  Indices items;
  sample_without_replacement(key, population, count, items);
  return items;
}

}  // namespace overprune
