#include "overprune/lasso.hpp"

#include <algorithm>
#include <cmath>

#include "base/l1_walk.hpp"
#include "overprune/prune_path.hpp"
#include "overprune/simulate.hpp"
#include "reference.hpp"
#include "solve/lasso_solver.hpp"
#include "testing.hpp"

using namespace overprune;
using reference::normals;
using reference::Values;
using testing::Contains;

namespace {

/// The most by which theta misses the conditions of optimality, over the largest |X'y| / n.
double missed(const Values& x, const Values& y, Index n, Index p, const double* theta,
              double penalty, double ridge) {
  Values residual = y;
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < n; ++i) residual[i] -= theta[j] * x[j * n + i];
  double worst = 0.0, unit = 0.0;
  for (Index j = 0; j < p; ++j) {
    double gradient = -ridge * theta[j], start = 0.0;
    for (Index i = 0; i < n; ++i) {
      gradient += x[j * n + i] * residual[i] / static_cast<double>(n);
      start += x[j * n + i] * y[i] / static_cast<double>(n);
    }
    unit = std::max(unit, std::abs(start));
    const double sign = theta[j] > 0.0 ? 1.0 : -1.0;
    worst = std::max(worst, theta[j] == 0.0 ? std::abs(gradient) - penalty
                                            : std::abs(gradient - sign * penalty));
  }
  return worst / unit;
}

void check_path(const Values& x, const Values& y, Index n, Index p, double ridge) {
  const ConstMatrix design = column_major(x.data(), n, p), response = column_major(y.data(), n, 1);
  Indices wanted;
  for (Index s = 1; s <= std::min(n, p); s += 3) wanted.push_back(s);
  const LassoPath found = lasso_path(design, response, wanted, ridge);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    INFO("s " << wanted[i] << ", ridge " << ridge << ", penalty " << found.penalty[i]);
    const double* theta = found.coefficients.data() + static_cast<Index>(i) * p;
    CHECK(missed(x, y, n, p, theta, found.penalty[i], ridge) < 1e-9);
    CHECK(found.nonzeros[i] <= wanted[i]);
    CHECK(found.suboptimality[i] < 1e-9);
    const LassoPath again = lasso_at(design, response, {found.penalty[i]}, ridge);
    CHECK(missed(x, y, n, p, again.coefficients.data(), found.penalty[i], ridge) < 1e-9);
  }
}

}  // namespace

TEST_CASE("lasso paths are optimal: wide, tall, with copies and opposites") {
  for (const double ridge : {0.0, 0.1}) {
    check_path(normals(30 * 70, 1), normals(30, 2), 30, 70, ridge);
    check_path(normals(70 * 30, 3), normals(70, 4), 70, 30, ridge);
    Values copies = normals(40 * 20, 5);
    copies.insert(copies.end(), copies.begin(), copies.begin() + 40 * 10);
    for (Index i = 0; i < 40 * 10; ++i) copies.push_back(-copies[i]);
    check_path(copies, normals(40, 6), 40, 40, ridge);
    Values near = normals(40 * 30, 7);  // a common part makes features leave again
    for (Index j = 0; j < 30; ++j)
      for (Index i = 0; i < 40; ++i) near[j * 40 + i] += 3.0 * near[i];
    check_path(near, normals(40, 8), 40, 30, ridge);
  }
}

namespace {

/// A data set with features that leave again, ties and zeros, or copies and opposites.
struct Sparse {
  explicit Sparse(std::uint64_t seed)
      : p(20 + 7 * static_cast<Index>(seed % 12)),
        ridge(seed % 5 == 4 ? 0.05 : 0.0),
        x(normals(n * p, 3 * seed)),
        y(normals(n, 3 * seed + 1)) {
    const Values common = normals(n, 3 * seed + 2);
    for (Index j = 0; j < n * p; ++j) {
      if (seed % 3 == 1) x[j] += 2.0 * common[j % n];
      if (seed % 3 == 2) x[j] = std::round(x[j]);
    }
    for (Index i = 0; seed % 3 == 2 && i < n; ++i) y[i] = std::round(2.0 * y[i]);
    for (Index j = 0; seed % 4 == 3 && j + 5 < p; j += 5)
      for (Index i = 0; i < n; ++i) x[(j + 4) * n + i] = (j % 2 == 0 ? 1.0 : -1.0) * x[j * n + i];
    for (Index s = 1; s <= std::min(n, p); s += 2) wanted.push_back(s);
    unique = seed % 4 != 3 && seed % 3 != 2;
  }

  /// Models followed over so many live features; 0: over all.
  /// @param penalties  (L) of the models; receives those of the path where it is empty
  Values fitted(Index live, Values& penalties) const {
    LassoSolver solver;
    solver.live = live;
    solver.start({x.data(), n, p, n}, {y.data(), n, 1, n}, std::min(n, p));
    Values theta(wanted.size() * p, 0.0), found(wanted.size(), -1.0);
    const LassoSolver::Take take = [&](Index i, const SparseModel* model) {
      if (!model) return;
      found[i] = model->penalty;
      for (std::size_t j = 0; j < model->support.size(); ++j)
        theta[i * p + model->support[j]] = model->coefficients[j];
    };
    if (!penalties.empty()) {
      Values reached = penalties;
      for (double& penalty : reached)
        if (penalty < 0.0) penalty = std::nan("");
      solver.at(p, ridge, reached, take);
    } else {
      solver.path(p, ridge, wanted, take);
      penalties = found;
    }
    return theta;
  }

  void check_optimal(const Values& theta, const Values& penalties) const {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const double* own = theta.data() + static_cast<Index>(i) * p;
      if (penalties[i] >= 0.0) CHECK(missed(x, y, n, p, own, penalties[i], ridge) < 1e-8);
    }
  }

  Index n = 24, p;
  double ridge;
  Values x, y;
  Indices wanted;
  bool unique;  // whether a penalty has one model
};

}  // namespace

TEST_CASE("a path that leaves features out is the path over all of them") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Sparse data(seed);
    Values penalties;
    const Values all = data.fitted(0, penalties);
    for (const Index live : {1, 3, 10}) {
      INFO("seed " << seed << ", p " << data.p << ", live " << live);
      Values own;
      const Values some = data.fitted(live, own);
      CHECK(reference::largest_difference(penalties, own) < 1e-10);
      data.check_optimal(some, penalties);
      if (data.unique) CHECK(reference::largest_difference(all, some) < 1e-8);
      data.check_optimal(data.fitted(live, penalties), penalties);
    }
  }
}

TEST_CASE("equal correlations enter together") {
  Values x(16 * 8, 0.0), y(16, 0.0);
  for (Index j = 0; j < 8; ++j) x[j * 16 + j] = 1.0;
  for (Index j = 0; j < 8; ++j) y[j] = j < 4 ? 2.0 : -1.0;
  const LassoPath found =
      lasso_path(column_major(x.data(), 16, 8), column_major(y.data(), 16, 1), {1, 3, 4, 8}, 0.0);
  CHECK(found.nonzeros == Indices{0, 0, 4, 8});
  CHECK(found.coefficients[2 * 8] == testing::Approx(1.0).epsilon(1e-14));
}

TEST_CASE("a walk in the linear term ends at the model that is found anew") {
  class Columns final : public GramColumns {
   public:
    explicit Columns(const Values& gram, Index k) : gram_(gram), k_(k) {}
    void column(Index j, Index k, double* out) override {
      std::copy_n(gram_.data() + j * k_, k, out);
    }
    double diagonal(Index j) const override { return gram_[j * k_ + j]; }

   private:
    const Values& gram_;
    Index k_;
  };
  const Index k = 25;
  const Values root = normals(k * k, 9);
  const Values gram = reference::product(reference::transpose(root, k, k), root, k, k, k);
  Columns columns(gram, k);
  const Values from = normals(k, 10), to = normals(k, 11);
  L1Walk walk, direct;
  walk.start(columns, from, {}, 0.3, k);
  CHECK(walk.move({}, 0.4));
  walk.change_ridge(1.5);
  CHECK(walk.move(to, 0.2));
  direct.start(columns, to, {}, 1.5, k);
  CHECK(direct.move({}, 0.2));
  Values one(k, 0.0), two(k, 0.0);
  for (std::size_t i = 0; i < walk.support().size(); ++i)
    one[walk.support()[i]] = walk.coefficients()[i];
  for (std::size_t i = 0; i < direct.support().size(); ++i)
    two[direct.support()[i]] = direct.coefficients()[i];
  CHECK(reference::largest_difference(one, two) < 1e-12);
  CHECK(walk.support().size() > 5);
}

TEST_CASE("the lasso refuses what it cannot do") {
  const Values x = normals(12, 1), y = normals(8, 2);
  const ConstMatrix design = column_major(x.data(), 4, 3), one = column_major(y.data(), 4, 1),
                    two = column_major(y.data(), 4, 2);
  CHECK_THROWS_WITH_AS(lasso_path(design, two, {1}, 0.0), Contains{"y (targets)"},
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(lasso_path(design, one, {4}, 0.0), Contains{"nonzeros"},
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(lasso_at(design, one, {-1.0}, 0.0), Contains{"penalties"},
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(lasso_at(design, one, {}, 0.0), Contains{"penalties"},
                       std::invalid_argument);
  Values scores(3);
  CHECK_THROWS_WITH_AS(importance(Rule::lasso, design, {}, vector_view(scores)),
                       Contains{"scores coefficients"}, std::invalid_argument);
  CHECK_THROWS_WITH_AS(check_cuts(Rule::lasso, "a test"), Contains{"trains its own models"},
                       std::invalid_argument);
}

TEST_CASE("prune_path and simulate train the lasso") {
  const Index n = 20, p = 40;
  const Values beta = normals(p, 3), variances(p, 1.0);
  const LinearGaussianProblem problem(column_major(beta.data(), p, 1), vector_view(variances), 0.5);
  const Grid grid{.sizes = {10, 40}, .nonzeros = {4, 15}, .rules = {Rule::lasso}};
  const RiskTable table = simulate(problem, grid, {.n = n, .count = 2, .seed = 5});
  Values x(n * p), y(n);
  problem.sample(n, 5, 1, column_major(x.data(), n, p), column_major(y.data(), n, 1));
  const ConstMatrix design = column_major(x.data(), n, p), response = column_major(y.data(), n, 1);
  const PrunePathResult found = prune_path(design, response, grid, {});
  const RiskTable judged = judge_path(problem, grid, found);
  for (const char* name : {"pruned_risk", "retrained_risk", "pruned_penalty"})
    for (const Index at : {0, 2, 3}) {
      INFO(name << " " << at);
      CHECK(judged[name][at] == testing::Approx(table[name][4 + at]).epsilon(1e-9));
    }
  CHECK(std::isnan(table["pruned_risk"][4 + 1]));  // 15 of 10 features
  const LassoPath path = lasso_path(design, response, {4, 15}, 0.0);
  CHECK(found.lasso.penalty[2] == testing::Approx(path.penalty[0]).epsilon(1e-12));
  CHECK(found.lasso.count[3] == path.nonzeros[1]);
}
