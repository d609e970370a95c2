#include "overprune/random.hpp"

#include <set>
#include <stdexcept>

#include "kernels/philox.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;

TEST_CASE("Philox4x32-10 gives the published vectors") {
  // Known answers of Random123 (Salmon et al.): counter and key all zeros, all ones, and digits of
  // pi.
  const auto words = [](std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose,
                        std::uint64_t block) {
    const PhiloxBlock found(seed, stream, purpose, block);
    return std::vector<std::uint64_t>{found.word[0], found.word[1], found.word[2], found.word[3]};
  };
  CHECK(words(0, 0, 0, 0) ==
        std::vector<std::uint64_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(words(~std::uint64_t{0}, ~std::uint64_t{0}, 0xFFFF, 0xFFFFFFFFFFFF) ==
        std::vector<std::uint64_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(words(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a3, 0x08d3243f6a88) ==
        std::vector<std::uint64_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("normals have the moments of normals; purposes and streams are independent") {
  const Index count = 200000;
  std::vector<double> a(count), b(count);
  standard_normal({1, 0, Purpose::design}, 0, count, a.data());
  for (const StreamKey key : {StreamKey{1, 0, Purpose::noise}, StreamKey{1, 1, Purpose::design},
                              StreamKey{2, 0, Purpose::design}}) {
    standard_normal(key, 0, count, b.data());
    double mean = 0, square = 0, fourth = 0, cross = 0;
    for (Index i = 0; i < count; ++i) {
      mean += b[i];
      square += b[i] * b[i];
      fourth += b[i] * b[i] * b[i] * b[i];
      cross += a[i] * b[i];
    }
    const double n = static_cast<double>(count), root = std::sqrt(n);
    CHECK(std::abs(mean / root) < 4.0);
    CHECK(std::abs((square - n) / (root * std::sqrt(2.0))) < 4.0);
    CHECK(std::abs((fourth - 3 * n) / (root * std::sqrt(96.0))) < 4.0);
    CHECK(std::abs(cross / root) < 4.0);
  }
}

TEST_CASE("sampling without replacement: distinct, in range, uniform") {
  const Index population = 10, count = 4, draws = 20000;
  std::vector<double> hits(population, 0.0);
  for (Index d = 0; d < draws; ++d) {
    const Indices rows = sample_without_replacement(
        {5, static_cast<std::uint64_t>(d), Purpose::rows}, population, count);
    CHECK(std::set<Index>(rows.begin(), rows.end()).size() == 4);
    for (const Index row : rows) {
      REQUIRE(row >= 0);
      REQUIRE(row < population);
      ++hits[row];
    }
  }
  const double mean = draws * 0.4, sd = std::sqrt(draws * 0.4 * 0.6);
  for (const double h : hits) CHECK(std::abs(h - mean) < 4.5 * sd);
  Indices all = sample_without_replacement({5, 0, Purpose::rows}, population, population);
  std::sort(all.begin(), all.end());
  for (Index i = 0; i < population; ++i) CHECK(all[i] == i);
}

TEST_CASE("golden values far into a stream, from a plain Python twin of the generator") {
  const StreamKey key{11, 13, Purpose::draws};
  const std::uint64_t first = (std::uint64_t{1} << 40) + 3;
  double uniforms[4], normals[4];
  uniform(key, first, 4, uniforms);
  standard_normal(key, first, 4, normals);
  const double u[] = {0x1.0c3bfaac0e154p-1, 0x1.682fcfa66871ep-2, 0x1.5f2eece488beep-1,
                      0x1.bbf87c855e7d0p-4};
  const double z[] = {-0.19854845197582502, -0.5665563831679423, -1.329929364306621,
                      1.9247404000430242};
  for (int i = 0; i < 4; ++i) {
    CHECK(uniforms[i] == u[i]);
    CHECK(std::abs(normals[i] - z[i]) < 1e-14);
  }
  CHECK(sample_without_replacement({11, 13, Purpose::rows}, 7, 5) == Indices{6, 2, 5, 3, 0});
}

TEST_CASE("out of range") {
  double out = 0.0;
  CHECK_THROWS_AS(standard_normal({}, 0, -1, &out), std::invalid_argument);
  CHECK_THROWS_AS(standard_normal({}, std::uint64_t{1} << 49, 1, &out), std::invalid_argument);
  CHECK_THROWS_AS(sample_without_replacement({}, 3, 4), std::invalid_argument);
}
