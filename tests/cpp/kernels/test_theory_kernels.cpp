// The kernels behind the theory, at every level that this processor runs.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/table.hpp"
#include "testing.hpp"

using overprune::kernels::Size;
using overprune::kernels::supported;
using overprune::kernels::Table;

namespace {

using Values = std::vector<double>;

struct Moments {
  double u, T, share, dropped, drift, excess, rest;
};

// From the definitions, in 400 digits.
const std::vector<Moments> kMoments = {
    {0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0},
    {0.0, 1e-09, 0.9999999992021155, 7.978845608028654e-10, 0.0, 7.978845608028654e-10,
     2.6596152026762185e-28},
    {0.0, 0.24, 0.8103302566044083, 0.1896697433955917, 0.0, 0.18605597526000678,
     0.0036137681355849142},
    {0.0, 0.26, 0.794863773596479, 0.205136226403521, 0.0, 0.20055535197974436,
     0.004580874423776651},
    {0.0, 3.0, 0.002699796063260189, 0.9973002039367398, 0.0, 0.026591090471628043,
     0.9707091134651118},
    {0.0, 30.0, 9.813427854296374e-198, 1.0, 0.0, 8.841876809271284e-195, 1.0},
    {0.0, 37.5, 9.21070601916391e-308, 1.0, 0.0, 1.2961752992130789e-304, 1.0},
    {1e-09, 1e-09, 0.9999999992021155, 7.978845608028654e-10, 7.978845608028655e-28,
     7.978845608028654e-10, 1.0638460810704874e-27},
    {0.001, 0.5, 0.6170752534845968, 0.38292474651540315, 3.5206516540106156e-07,
     0.3520648426746595, 0.030859903840743705},
    {0.5, 0.5, 0.6586552539314571, 0.3413447460685429, 0.07848577794114467, 0.24197072451914334,
     0.0993740215493996},
    {0.9, 0.1, 0.9467998553480603, 0.05320014465193964, 0.042948745418105456, 0.010217482309957157,
     0.04298266234198248},
    {0.9, 0.14, 0.925542657893382, 0.07445734210661802, 0.05991786092932792, 0.01444585654337674,
     0.06001148556324128},
    {2.0, 1e-06, 0.9999998920180669, 1.0798193302643009e-07, 4.3192773210557637e-07,
     -3.2394579907903833e-07, 4.319277321054684e-07},
    {1.0, 0.999, 0.5232031191465699, 0.47679688085343, 0.3448430514796924, 0.10774501779091887,
     0.3690518630625112},
    {3.0, 3.0, 0.5000000009865877, 0.49999999901341236, 1.1968268229766494, 3.645529709893971e-08,
     0.49999996255811524},
    {5.0, 1.0, 0.9999683297447546, 3.167025524547488e-05, 0.0006691207494101776,
     -0.0005352844477624425, 0.0005669547030079173},
    {4.0, 8.5, 3.3976731247300603e-06, 0.9999966023268753, 6.39349644276219e-05,
     7.192683498107464e-05, 0.9999246754918942},
    {30.0, 0.004, 1.0, 1.181745188985214e-198, 1.0635650031598777e-195, -1.0623775973587899e-195,
     1.0635593425477752e-195},
    {30.0, 0.01, 1.0, 2.9916505686893575e-198, 2.692396297402355e-195, -2.689315533322439e-195,
     2.692307183891128e-195},
    {31.5, 1.5, 1.0, 4.906713927148187e-198, 4.641985324867425e-195, -4.420938404635642e-195,
     4.4258451185627905e-195},
    {12.25, 47.75, 2.457691540661937e-276, 1.0, 1.0696353448260126e-273, 3.0997595707202813e-273,
     1.0},
    {10000.0, 10031.0, 2.6952500812005002e-211, 1.0, 8.363951605856462e-206, 2.592824997815503e-208,
     1.0},
    {100000.0, 99966.5, 1.0, 2.4098386951203854e-246, 8.080140413872447e-240,
     -2.7068470386472696e-243, 2.70925687734239e-243},
    {100000000.0, 100000000.0, 0.5, 0.5, 39894228.04014327, 0.0, 0.5},
    {0.25, 20.0, 4.011069383100198e-87, 1.0, 1.9853390432581714e-86, 1.5685620655265846e-84, 1.0},
    {1000.0, 10.0, 1.0, 0.0, 0.0, -0.0, 0.0},
};

struct Found {
  Values share, dropped, drift, excess, rest;

  Found(const Table& kernel, double t, const Values& r, const Values& u)
      : share(u.size()), dropped(share), drift(share), excess(share), rest(share) {
    kernel.truncated(static_cast<Size>(u.size()), t, r.data(), u.data(), share.data(),
                     dropped.data(), drift.data(), excess.data(), rest.data());
  }
};

/// |found - expected| <= tolerance * scale, or both below the smallest normal numbers.
bool agrees(double found, double expected, double scale, double tolerance = 3e-15) {
  return std::abs(found - expected) <= tolerance * scale + 1e-306;
}

}  // namespace

TEST_CASE("truncated: a few units in the last place, 37 deviations out and for tiny thresholds") {
  for (int level = 0; const Table* kernel = supported(level); ++level) {
    INFO("level " << kernel->level);
    for (const Moments& m : kMoments) {
      INFO("u " << m.u << ", T " << m.T);
      for (const Size copies : {1, 63, 64, 200}) {  // alone, and anywhere in a vector
        const Found found(*kernel, 1.0, Values(copies, m.T), Values(copies, m.u));
        for (const Size i : {Size{0}, copies - 1}) {
          CHECK(agrees(found.share[i], m.share, m.share));
          CHECK(agrees(found.dropped[i], m.dropped, m.dropped));
          CHECK(agrees(found.drift[i], m.drift, m.drift));
          // Changes sign between u = 0 and large u: a difference there, of terms as large as alpha
          // phi(alpha).
          CHECK(agrees(found.excess[i], m.excess, std::abs(m.excess) + 0.3 * m.dropped));
          // A difference of `dropped` and `excess` once T (1 + u) > 1/4.
          CHECK(agrees(found.rest[i], m.rest,
                       m.T * (1.0 + m.u) < 0.25 ? m.rest : m.rest + m.dropped));
        }
      }
    }
  }
}

TEST_CASE("truncated: no NaN, infinity or negative probability anywhere") {
  const Values sizes = {0.0, 1e-300, 1e-20, 1e-3, 0.2, 1.0, 7.0, 40.0, 1e3, 1e10, 1e100, 1e149};
  for (int level = 0; const Table* kernel = supported(level); ++level)
    for (const double t : {1e-200, 1e-8, 1.0, 1e8, 1e140})
      for (const double r : {1e-9, 1.0, 1e9}) {
        const Found found(*kernel, t, Values(sizes.size(), r), sizes);
        for (std::size_t i = 0; i < sizes.size(); ++i) {
          INFO("t " << t << ", r " << r << ", u " << sizes[i]);
          CHECK(found.share[i] >= 0.0);
          CHECK(found.share[i] <= 1.0);
          CHECK(found.dropped[i] >= 0.0);
          CHECK(found.share[i] + found.dropped[i] == testing::Approx(1.0).epsilon(1e-15));
          CHECK(found.drift[i] >= 0.0);
          CHECK(found.rest[i] >= -1e-16);
          for (const double value : {found.drift[i], found.excess[i], found.rest[i]})
            CHECK(std::isfinite(value));
        }
      }
}

TEST_CASE("truncated_sums: the sums of truncated, and the slope of the number of survivors") {
  Values u, r, weight;
  for (int i = 0; i < 777; ++i) {
    u.push_back(0.01 * i);
    r.push_back(0.3 + 0.001 * ((7 * i) % 1000));
    weight.push_back(1.0 + i % 3);
  }
  double first = 0.0;
  for (int level = 0; const Table* kernel = supported(level); ++level)
    for (const double t : {1e-3, 0.9, 4.0}) {
      INFO("level " << kernel->level << ", t " << t);
      const Size n = static_cast<Size>(u.size());
      double sums[3], above[3], below[3], share = 0.0, dropped = 0.0;
      kernel->truncated_sums(n, t, r.data(), u.data(), weight.data(), sums);
      const Found found(*kernel, t, r, u);
      for (Size i = 0; i < n; ++i) {
        share += weight[i] * found.share[i];
        dropped += weight[i] * found.dropped[i];
      }
      CHECK(sums[0] == testing::Approx(share).epsilon(1e-14));
      CHECK(sums[1] == testing::Approx(dropped).epsilon(1e-14));
      const double step = 1e-4;
      kernel->truncated_sums(n, t * std::exp(step), r.data(), u.data(), weight.data(), above);
      kernel->truncated_sums(n, t * std::exp(-step), r.data(), u.data(), weight.data(), below);
      CHECK(sums[2] == testing::Approx((above[1] - below[1]) / (2.0 * step)).epsilon(1e-6));
      if (t == 0.9 && level == 0) first = sums[1];
      if (t == 0.9) CHECK(sums[1] == testing::Approx(first).epsilon(1e-14));  // whatever the level
    }
}

TEST_CASE("resolvent_sums: plain loops, in any length") {
  for (int level = 0; const Table* kernel = supported(level); ++level)
    for (const Size n : {1, 15, 16, 17, 100}) {
      INFO("level " << kernel->level << ", n " << n);
      Values lam, weight;
      for (Size i = 0; i < n; ++i) {
        lam.push_back(std::pow(10.0, static_cast<double>((5 * i) % 16) - 8.0));
        weight.push_back(0.5 + static_cast<double>(i % 4));
      }
      const double tau = 1e-2;  // one of the eigenvalues, counted below
      double sums[6], expected[6] = {};
      kernel->resolvent_sums(n, tau, lam.data(), weight.data(), sums);
      for (Size i = 0; i < n; ++i) {
        const double a = lam[i] / (lam[i] + tau), d = tau / (lam[i] + tau), w = weight[i];
        expected[0] += lam[i] > tau ? 0.0 : w;
        expected[2] += lam[i] > tau ? w * d : 0.0;
        expected[3] += lam[i] > tau ? 0.0 : w * a;
        expected[4] += w * a * d;
        expected[5] += lam[i] > tau ? 0.0 : w * d;
      }
      for (int j = 0; j < 6; ++j) CHECK(sums[j] == testing::Approx(expected[j]).epsilon(1e-14));
    }
  // The first sum is exact: 1e16 + 1 + ... + 1 comes in two parts.
  const Values lam(1001, 1.0);
  Values weight(1001, 1.0);
  weight[500] = 1e16;
  for (int level = 0; const Table* kernel = supported(level); ++level) {
    double sums[6];
    kernel->resolvent_sums(1001, 2.0, lam.data(), weight.data(), sums);
    CHECK((sums[0] - 1e16) + sums[1] == 1000.0);
  }
}
