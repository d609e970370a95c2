// Selection and the test of finiteness at every level that this processor runs, against plain
// loops.
#include <limits>
#include <utility>

#include "kernels/table.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace reference;
using overprune::kernels::supported;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity(), kNaN = NAN;

}  // namespace

TEST_CASE(
    "select_from: values and indices in order, with little room, any length, magnitudes and NaN") {
  for (int level = 0; const auto* kernel = supported(level); ++level) {
    INFO("level " << kernel->level);
    for (const Index n : {Index{0}, Index{1}, Index{7}, Index{32}, Index{33}, Index{500}}) {
      Values x = normals(n, 1);
      for (Index i = 0; i + 5 < n; i += 9) {
        x[i] = kNaN;
        x[i + 1] = kInfinity;
        x[i + 2] = -kInfinity;
        x[i + 3] = -0.0;
        x[i + 4] = 1.0;
        x[i + 5] = -1.0;
      }
      for (const bool magnitude : {false, true})
        for (const double threshold : {-kInfinity, 0.0, 1.0, 1.5, kInfinity})
          for (const Index room : {Index{33}, Index{1000}}) {
            std::vector<Index> expected, found;
            Values values;
            for (Index i = 0; i < n; ++i)
              if (!((magnitude ? std::abs(x[i]) : x[i]) < threshold)) expected.push_back(i);
            Values v(room);
            std::vector<Index> indices(room);
            for (Index next = 0; next < n;) {
              const Index before = next,
                          count = kernel->select_from(n, x.data(), magnitude, threshold, next, room,
                                                      v.data(), indices.data(), &next);
              REQUIRE(next > before);
              REQUIRE(count <= room);
              found.insert(found.end(), indices.begin(), indices.begin() + count);
              values.insert(values.end(), v.begin(), v.begin() + count);
            }
            REQUIRE(found == expected);
            for (std::size_t i = 0; i < found.size(); ++i) {
              const double value = magnitude ? std::abs(x[found[i]]) : x[found[i]];
              REQUIRE((values[i] == value || (std::isnan(values[i]) && std::isnan(value))));
            }
          }
    }
  }
}

TEST_CASE("all_finite sees one bad number wherever it stands") {
  for (int level = 0; const auto* kernel = supported(level); ++level) {
    INFO("level " << kernel->level);
    for (const Index n : {Index{0}, Index{1}, Index{31}, Index{32}, Index{8200}}) {
      Values x = normals(n, 1);
      if (n > 1) x[0] = std::numeric_limits<double>::max(), x[1] = -0.0;
      CHECK(kernel->all_finite(n, x.data()));
      for (Index i = 0; i < n; i += n > 100 ? 37 : 1)
        for (const double bad : {kNaN, kInfinity, -kInfinity}) {
          const double kept = std::exchange(x[i], bad);
          REQUIRE_FALSE(kernel->all_finite(n, x.data()));
          x[i] = kept;
        }
    }
  }
}
