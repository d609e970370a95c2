#include "problem/samplers.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "kernels/table.hpp"
#include "overprune/classification.hpp"
#include "overprune/random.hpp"
#include "problem/design.hpp"
#include "problem/features.hpp"
#include "problem/label_shares.hpp"

namespace overprune {

namespace {

/// Whether columns first, first + 1, ... of X can be written to `out`.
void check_columns(Index first, Matrix out, Index rows, Index features) {
  check::view("out", out);
  check::same("out (rows)", rows, out.rows);
  if (first < 0 || first > features - out.cols)
    check::fail("first must lie in [0, ", features - out.cols, "], got ", first);
}

}  // namespace

void check_models(const Models& models, Index features, Index targets, const double* risk) {
  check::view("theta", models.theta);
  check::same("theta", models.count, models.theta.rows);
  if (models.count < 0 || models.count > features)
    check::fail("count must lie in [0, ", features, "], got ", models.count);
  if (models.theta.cols % targets != 0)
    check::fail("theta must have a multiple of ", targets, " columns, got ", models.theta.cols);
  check::pointer("risk", risk, models.theta.cols);
  for (Index i = 0; models.support && i < models.count; ++i)
    if (models.support[i] < 0 || models.support[i] >= features)
      check::fail("support must lie in [0, ", features, "), got ", models.support[i]);
}

void Sampler::evaluate_labels(const Models&, const LabelFigures&) {
  check::fail("evaluate_labels needs a problem with labels and a known truth");
}

void Sampler::columns(Index first, Matrix out) const {
  const ConstMatrix x = design();
  check_columns(first, out, x.rows, x.cols);
  copy({&x(0, first), x.rows, out.cols, x.col_stride},
       {out.data, x.rows, out.cols, out.col_stride});
}

namespace {

/// Calls body(first, count) over blocks of columns of so many operations each, polling in between.
template <class Body>
void each_column_block(Index columns, Index operations, const Poll& poll, Body body) {
  const Index width = columns_per_poll(operations);
  for (Index first = 0; first < columns; first += width) {
    poll_now(poll);
    body(first, std::min(width, columns - first));
  }
}

constexpr Index kNormalCost = 100;  // operations of one normal, for the polling

/// A matrix that takes a stream's normals column after column.
void fill_normals(StreamKey key, Block out, const Poll& poll) {
  each_column_block(out.cols, kNormalCost * out.rows, poll, [&](Index first, Index count) {
    standard_normal(key, static_cast<std::uint64_t>(first * out.rows), count * out.rows,
                    out.col(first));
  });
}

/// y += x beta.
void respond(ConstBlock x, ConstMatrix beta, Block y) {
  kernels::active().gemm(false, false, y.rows, y.cols, x.cols, 1.0, x.data, x.ld, beta.data,
                         beta.col_stride, 1.0, y.data, y.ld);
}

/// y += noise_std z, one stream for all targets.
void add_noise(double noise_std, std::uint64_t seed, std::uint64_t trial, Buffer& buffer, Block y) {
  if (noise_std == 0.0) return;
  double* noise = buffer.get(y.rows * y.cols);
  standard_normal({seed, trial, Purpose::noise}, 0, y.rows * y.cols, noise);
  for (Index i = 0; i < y.rows * y.cols; ++i) y.data[i] += noise_std * noise[i];
}

/// y += z F' where the noise has a covariance F F', from the same stream.
void add_noise(const LinearGaussianProblem& problem, std::uint64_t seed, std::uint64_t trial,
               Buffer& buffer, Block y) {
  const ConstMatrix factor = problem.noise_factor();
  if (!factor.data) return add_noise(problem.noise_std(), seed, trial, buffer, y);
  const Block noise = buffer.block(y.rows, y.cols);
  standard_normal({seed, trial, Purpose::noise}, 0, y.rows * y.cols, noise.data);
  kernels::active().gemm(false, true, y.rows, y.cols, y.cols, 1.0, noise.data, noise.ld,
                         factor.data, y.cols, 1.0, y.data, y.ld);
}

/// Holds the design (n, p) and the response (n, m) that the three samplers fill.
class BaseSampler : public Sampler {
 public:
  BaseSampler(Index n, Index p, Index m) : x_(x_buffer_.block(n, p)), y_(y_buffer_.block(n, m)) {}
  ConstMatrix design() const override { return column_major(x_.data, x_.rows, x_.cols); }
  ConstMatrix response() const override { return column_major(y_.data, y_.rows, y_.cols); }

 private:
  Buffer x_buffer_, y_buffer_;

 protected:
  Block x_, y_;
  Buffer scratch_;
};

class DenseSampler final : public BaseSampler {
 public:
  DenseSampler(const LinearGaussianProblem& problem, Index n)
      : BaseSampler(n, problem.features(), problem.targets()), problem_(problem), risk_(problem) {}

  void draw(std::uint64_t seed, std::uint64_t trial, const Poll& poll) override {
    const Index n = x_.rows, p = x_.cols;
    const Block normals = scratch_.block(n, p);
    fill_normals({seed, trial, Purpose::design}, normals, poll);
    each_column_block(p, 2 * n * p, poll, [&](Index first, Index count) {
      kernels::active().gemm(false, true, n, count, p, 1.0, normals.data, n,
                             problem_.factor().data + first, p, 0.0, x_.col(first), x_.ld);
    });
    fill(y_, 0.0);
    respond(x_, problem_.beta(), y_);
    add_noise(problem_, seed, trial, scratch_, y_);
  }
  void evaluate(const Models& models, double* risk, double*) override {
    check_models(models, problem_.features(), problem_.targets(), risk);
    risk_.evaluate(models, risk);
  }

 private:
  const LinearGaussianProblem& problem_;
  GaussianRisk risk_;
};

/// Independent features: column j of X is sqrt(Sigma_jj) times normals j n, ..., j n + n - 1 of the
/// trial's stream. Holds X, or draws its columns whenever they are asked for.
class DiagonalSampler final : public BaseSampler {
 public:
  DiagonalSampler(const LinearGaussianProblem& problem, Index n, bool hold)
      : BaseSampler(n, hold ? problem.features() : 0, problem.targets()),
        problem_(problem),
        hold_(hold),
        risk_(problem) {}

  void draw(std::uint64_t seed, std::uint64_t trial, const Poll& poll) override {
    const Index n = y_.rows, p = problem_.features(), width = cached_columns(n);
    const ConstMatrix beta = problem_.beta();
    key_ = {seed, trial, Purpose::design};
    fill(y_, 0.0);
    for (Index first = 0; first < p; first += width) {
      poll_now(poll);
      const Index count = std::min(width, p - first);
      const Block x = hold_ ? x_.columns(first, count) : scratch_.block(n, count);
      draw_columns(first, x);
      respond(x, {beta.data + first, count, beta.cols, 1, beta.col_stride}, y_);
    }
    add_noise(problem_, seed, trial, scratch_, y_);
  }
  void columns(Index first, Matrix out) const override {
    if (hold_) return Sampler::columns(first, out);
    check_columns(first, out, y_.rows, problem_.features());
    draw_columns(first, {out.data, y_.rows, out.cols, out.col_stride});
  }
  void evaluate(const Models& models, double* risk, double*) override {
    check_models(models, problem_.features(), problem_.targets(), risk);
    risk_.evaluate(models, risk);
  }

 private:
  void draw_columns(Index first, Block x) const {
    // The columns are drawn side by side. Where x has a larger leading dimension, they are then
    // moved apart, the last one first.
    standard_normal(key_, static_cast<std::uint64_t>(first * x.rows), x.cols * x.rows, x.data);
    for (Index j = x.cols - 1; x.ld > x.rows && j > 0; --j)
      std::copy_backward(x.data + j * x.rows, x.data + (j + 1) * x.rows, x.col(j) + x.rows);
    for (Index j = 0; j < x.cols; ++j) {
      const double root = std::sqrt(problem_.variances()(first + j));
      for (Index i = 0; i < x.rows; ++i) x(i, j) *= root;
    }
  }

  const LinearGaussianProblem& problem_;
  bool hold_;
  StreamKey key_{};
  GaussianRisk risk_;
};

}  // namespace

/// Draws inputs a and their features; the risk is the equivalent Gaussian problem's, which is
/// exact.
class FeatureSampler final : public BaseSampler {
 public:
  FeatureSampler(const RandomFeatureProblem& problem, Index n)
      : BaseSampler(n, problem.p_, 1), problem_(problem), risk_(problem.equivalent()) {}

  void draw(std::uint64_t seed, std::uint64_t trial, const Poll& poll) override {
    const Index n = x_.rows, d = problem_.d_;
    const Block inputs = inputs_.block(n, d);
    fill_normals({seed, trial, Purpose::design}, inputs, poll);
    features_into(inputs, column_major(problem_.weights_.data(), problem_.p_, d),
                  problem_.activation_, problem_.bias_.empty() ? nullptr : problem_.bias_.data(),
                  x_, poll);
    fill(y_, 0.0);
    respond(inputs, column_major(problem_.teacher_.data(), d, 1), y_);
    if (!problem_.link_.is(Activation::identity)) problem_.link_(y_.data, n);
    add_noise(problem_.noise_std_, seed, trial, scratch_, y_);
  }
  void evaluate(const Models& models, double* risk, double*) override {
    check_models(models, problem_.p_, 1, risk);
    risk_.evaluate(models, risk);
  }

 private:
  const RandomFeatureProblem& problem_;
  GaussianRisk risk_;
  Buffer inputs_;
};

/// Draws rows of the data set and, where asked, new random features of them and of the test set.
class DataSampler final : public BaseSampler {
 public:
  DataSampler(const DataProblem& problem, Index n)
      : BaseSampler(n, problem.p_, problem.m_),
        problem_(problem),
        test_x_(test_buffer_.block(problem.test_rows_, problem.p_)) {
    if (!problem_.random_)
      copy({problem_.test_inputs_.data(), test_x_.rows, test_x_.cols, test_x_.rows}, test_x_);
  }

  void draw(std::uint64_t seed, std::uint64_t trial, const Poll& poll) override {
    const Index n = x_.rows, d = problem_.d_, m = problem_.m_, rows = problem_.rows_;
    sample_without_replacement({seed, trial, Purpose::rows}, rows, n, chosen_);
    const Block inputs = problem_.random_ ? inputs_.block(n, d) : x_;
    for (Index j = 0; j < d; ++j)
      for (Index i = 0; i < n; ++i) inputs(i, j) = problem_.inputs_[j * rows + chosen_[i]];
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < n; ++i) y_(i, t) = problem_.targets_[t * rows + chosen_[i]];
    if (problem_.random_) draw_features(trial, inputs, poll);
  }

  /// The test set's features with the weights of trial `trial`.
  ConstBlock test_features(std::uint64_t trial) {
    if (problem_.random_) draw_features(trial, {}, {});
    return test_x_;
  }

  void evaluate(const Models& models, double* risk, double* accuracy) override {
    check_models(models, problem_.p_, problem_.m_, risk);
    const Index m = problem_.m_, test_rows = test_x_.rows;
    const ConstBlock predicted = predict(models), truth = targets();
    for (Index b = 0; b < predicted.cols / m; ++b) {
      const ConstBlock own = predicted.columns(b * m, m);
      double sum = 0.0;
      for (Index t = 0; t < m; ++t)
        for (Index i = 0; i < test_rows; ++i)
          sum += (own(i, t) - truth(i, t)) * (own(i, t) - truth(i, t));
      risk[b] = sum / static_cast<double>(test_rows);
      if (accuracy && problem_.classes_) accuracy[b] = share_right(own, truth);
    }
  }

  /// The share of wrong signs, or of wrong largest outputs where there are classes.
  void evaluate_labels(const Models& models, const LabelFigures& out) override {
    check_models(models, problem_.p_, problem_.m_, out.error);
    const Index m = problem_.m_;
    const ConstBlock predicted = predict(models), truth = targets();
    for (Index b = 0; b < predicted.cols / m; ++b) {
      const ConstBlock own = predicted.columns(b * m, m);
      out.error[b] =
          problem_.classes_ ? 1.0 - share_right(own, truth) : share_of_wrong_signs(own, truth);
    }
  }

 private:
  ConstBlock targets() const {
    return {problem_.test_targets_.data(), test_x_.rows, problem_.m_, test_x_.rows};
  }

  /// Outputs (N_test, B m) of B models.
  ConstBlock predict(const Models& models) {
    const Index test_rows = test_x_.rows, columns = models.theta.cols;
    ConstBlock features = test_x_.columns(0, models.count);
    if (models.support) {
      const Block gathered = gathered_.block(test_rows, models.count);
      gather_columns(test_x_, models.support, models.count, gathered);
      features = gathered;
    }
    const Block predicted = predicted_.block(test_rows, columns);
    kernels::active().gemm(false, false, test_rows, columns, models.count, 1.0, features.data,
                           features.ld, models.theta.data, models.theta.col_stride, 0.0,
                           predicted.data, predicted.ld);
    return predicted;
  }

  /// Features of the training inputs, unless there are none, and of the test set. Weights have rows
  /// N(0, I/d); cos has uniform phases, for its features are blind without them.
  void draw_features(std::uint64_t trial, ConstBlock inputs, const Poll& poll) {
    const Index p = problem_.p_, d = problem_.d_;
    if (problem_.activation_.is(Activation::cos)) {
      phases_.resize(p);
      uniform({problem_.seed_, trial, Purpose::bias}, 0, p, phases_.data());
      for (double& phase : phases_) phase *= 6.283185307179586;
    }
    const ConstBlock test_inputs{problem_.test_inputs_.data(), test_x_.rows, d, test_x_.rows};
    const DrawnWeights weights{{problem_.seed_, trial, Purpose::features}, p};
    each_drawn_block(weights, d, 0, p, weights_, [&](Index first, ConstMatrix rows) {
      const auto make = [&](ConstBlock from, Block to) {
        features_into(from, rows, problem_.activation_,
                      phases_.empty() ? nullptr : phases_.data() + first,
                      to.columns(first, rows.rows), poll);
      };
      if (p <= kernels::kSkinny) rows = by_columns(rows);
      if (inputs.rows > 0) make(inputs, x_);
      make(test_inputs, test_x_);
    });
  }

  /// Products with so few rows that lie side by side would take other sums (kernels/skinny.cpp).
  ConstMatrix by_columns(ConstMatrix rows) {
    const Block columns = few_.block(rows.rows, rows.cols);
    copy_strided(rows, 1.0, columns);
    return column_major(columns.data, columns.rows, columns.cols);
  }

  const DataProblem& problem_;
  Buffer test_buffer_, inputs_, weights_, few_, gathered_, predicted_;
  Block test_x_;
  std::vector<double> phases_;
  Indices chosen_;
};

void DataProblem::test_features(std::uint64_t stream, Matrix out) const {
  check::view("out", out);
  check::same("out (rows)", test_rows_, out.rows);
  check::same("out (columns)", p_, out.cols);
  DataSampler source(*this, 1);
  copy_out(source.test_features(stream), out);
}

// What the samplers above allocate to draw.
Index LinearGaussianProblem::sampler_numbers(Index n) const {
  const Index noise = noise_std_ > 0.0 ? n * m_ : 0;
  return n * m_ + (diagonal() ? noise : n * p_);
}
Index RandomFeatureProblem::sampler_numbers(Index n) const {
  return n + n * d_ + (noise_std_ > 0.0 ? n : 0);
}
Index DataProblem::sampler_numbers(Index n) const {
  Index random = 0;
  if (random_) {
    const Index few = p_ <= kernels::kSkinny ? p_ * d_ : 0;
    random = n * d_ + std::min(p_, rows_at_once(d_)) * d_ + few +
             (activation_.is(Activation::cos) ? p_ : 0);
  }
  return n * m_ + test_rows_ * p_ + rows_ + random;
}

std::unique_ptr<Sampler> make_sampler(const LinearGaussianProblem& problem, Index n, bool hold) {
  if (problem.diagonal()) return std::make_unique<DiagonalSampler>(problem, n, hold);
  return std::make_unique<DenseSampler>(problem, n);
}
std::unique_ptr<Sampler> make_sampler(const RandomFeatureProblem& problem, Index n) {
  return std::make_unique<FeatureSampler>(problem, n);
}
std::unique_ptr<Sampler> make_sampler(const DataProblem& problem, Index n) {
  return std::make_unique<DataSampler>(problem, n);
}

void need_to_judge(const Problem& problem, Index n, const Indices& sizes, const Indices& nonzeros,
                   MemoryNeed& need) {
  if (const auto* population = problem.population()) {
    GaussianRisk::need(*population, sizes, nonzeros, need);
    const Index p = problem.features();
    if (&problem == population && !population->diagonal())
      need.product(n, std::min<Index>(p, 512), p);  // DenseSampler::draw
    return;
  }
  if (const auto* labels = dynamic_cast<const LinearClassificationProblem*>(&problem))
    return need_to_judge(labels->field(), n, sizes, nonzeros, need);
  const Index rows = static_cast<const DataProblem&>(problem).test_rows(), m = problem.targets();
  const Index dense = static_cast<Index>(sizes.size()) * m,
              pruned = static_cast<Index>(nonzeros.size()) * m,
              most = nonzeros.empty() ? 0 : nonzeros.back();
  need.hold(rows * (most + std::max(dense, pruned)));
  need.product(rows, dense, sizes.back());
  need.product(rows, pruned, most);
}

}  // namespace overprune
