// Samplers of Gaussian features.
#include <algorithm>
#include <cmath>

#include "kernels/table.hpp"
#include "problem/base_sampler.hpp"
#include "problem/design.hpp"
#include "problem/samplers.hpp"

namespace overprune {
namespace {

/// y += z F' where the noise has a covariance F F', else noise_std z; from the same stream.
void add_joint_noise(const LinearGaussianProblem& problem, std::uint64_t seed, std::uint64_t trial,
                     Buffer& buffer, Block y) {
  const ConstMatrix factor = problem.noise_factor();
  if (!factor.data) return add_noise(problem.noise_std(), seed, trial, buffer, y);
  const Block noise = buffer.block(y.rows, y.cols);
  standard_normal({seed, trial, Purpose::noise}, 0, y.rows * y.cols, noise.data);
  kernels::active().gemm(false, true, y.rows, y.cols, y.cols, 1.0, noise.data, noise.ld,
                         factor.data, y.cols, 1.0, y.data, y.ld);
}

/// Correlated features X = Z F', Sigma = F F'. Z (n, p) is drawn and multiplied kDepth columns at a
/// time, those of the trial's stream, whatever part of X is asked for: an entry of X is the same
/// sum in all of them, and Z is never held.
class DenseSampler final : public BaseSampler {
 public:
  DenseSampler(const LinearGaussianProblem& problem, Index n, bool hold)
      : BaseSampler(n, problem.features(), problem.targets(), hold),
        problem_(problem),
        depth_(std::min<Index>(kernels::kDepth, problem.features())),
        risk_(problem) {
    find_first_rows();
    // F'beta: the response is Z F'beta, which needs no X.
    const ConstMatrix beta = problem.beta();
    fill(weights_, 0.0);
    kernels::active().gemm(true, false, beta.rows, beta.cols, beta.rows, 1.0, factor_.data,
                           factor_.ld, beta.data, beta.col_stride, 1.0, weights_.data, weights_.ld);
  }

  void draw(std::uint64_t seed, std::uint64_t trial, const Poll& poll) override {
    key_ = {seed, trial, Purpose::design};
    fill(y_, 0.0);
    if (hold_) fill(x_, 0.0);
    each_part([&](Index first, ConstBlock normals) {
      poll_now(poll);
      const ConstMatrix own{&weights_(first, 0), normals.cols, weights_.cols, 1, weights_.ld};
      respond(normals, own, y_);
      if (hold_) add_part(first, normals, 0, x_);
    });
    add_joint_noise(problem_, seed, trial, scratch_, y_);
  }
  void evaluate(const Models& models, double* risk, double*) override {
    check_models(models, problem_.features(), problem_.targets(), risk);
    risk_.evaluate(models, risk);
  }

 private:
  /// Rows of F before these are zero in a part's columns: most are where F is triangular.
  void find_first_rows() {
    const Index p = factor_.rows;
    for (Index first = 0; first < p; first += depth_) {
      Index row = p;
      for (Index j = first; j < std::min(first + depth_, p); ++j) {
        const double* column = factor_.col(j);
        row =
            std::find_if(column, column + row, [](double value) { return value != 0.0; }) - column;
      }
      first_rows_.push_back(row);
    }
  }

  /// Calls body(first, Z) for parts of Z's columns.
  template <class Body>
  void each_part(const Body& body) const {
    const Index n = y_.rows, p = factor_.cols;
    for (Index first = 0; first < p; first += depth_) {
      const Block normals = scratch_.block(n, std::min(depth_, p - first));
      standard_normal(key_, static_cast<std::uint64_t>(first * n), n * normals.cols, normals.data);
      body(first, normals);
    }
  }

  /// out += Z F', for some of F's rows and columns.
  static void multiply(ConstBlock normals, ConstBlock factor, Block out) {
    kernels::active().gemm(false, true, out.rows, out.cols, normals.cols, 1.0, normals.data,
                           normals.ld, factor.data, factor.ld, 1.0, out.data, out.ld);
  }

  /// What a part of Z, whose columns begin at `first`, gives to X's columns begin, begin + 1, ...
  void add_part(Index first, ConstBlock normals, Index begin, Block out) const {
    const Index row = std::max(begin, first_rows_[first / depth_]), count = begin + out.cols - row;
    if (count <= 0) return;
    multiply(normals, {&factor_(row, first), count, normals.cols, factor_.ld},
             out.columns(row - begin, count));
  }

  void draw_columns(Index begin, Block out) const override {
    fill(out, 0.0);
    each_part([&](Index first, ConstBlock normals) { add_part(first, normals, begin, out); });
  }

  void draw_chosen(const Index* which, Block out) const override {
    fill(out, 0.0);
    for (Index begin = 0; begin < out.cols; begin += kChosenAtOnce) {
      const Block part = out.columns(begin, std::min(kChosenAtOnce, out.cols - begin));
      each_part([&](Index first, ConstBlock normals) {
        const Block rows = rows_.block(part.cols, normals.cols);
        for (Index j = 0; j < rows.cols; ++j)
          for (Index i = 0; i < rows.rows; ++i) rows(i, j) = factor_(which[begin + i], first + j);
        multiply(normals, rows, part);
      });
    }
  }

  const LinearGaussianProblem& problem_;
  ConstBlock factor_ = {problem_.factor().data, problem_.features(), problem_.features(),
                        problem_.features()};
  Index depth_;
  Indices first_rows_;
  StreamKey key_{};
  Buffer weight_buffer_;
  Block weights_ = weight_buffer_.block(problem_.features(), problem_.targets());
  mutable Buffer rows_;
  GaussianRisk risk_;
};

/// Independent features: column j of X is sqrt(Sigma_jj) times normals j n, ..., j n + n - 1 of the
/// trial's stream.
class DiagonalSampler final : public BaseSampler {
 public:
  DiagonalSampler(const LinearGaussianProblem& problem, Index n, bool hold)
      : BaseSampler(n, problem.features(), problem.targets(), hold),
        problem_(problem),
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
    add_joint_noise(problem_, seed, trial, scratch_, y_);
  }
  void evaluate(const Models& models, double* risk, double*) override {
    check_models(models, problem_.features(), problem_.targets(), risk);
    risk_.evaluate(models, risk);
  }

 private:
  void draw_columns(Index first, Block out) const override {
    // The columns are drawn side by side. Where `out` has a larger leading dimension, they are then
    // moved apart, the last one first.
    standard_normal(key_, static_cast<std::uint64_t>(first * out.rows), out.cols * out.rows,
                    out.data);
    for (Index j = out.cols - 1; out.ld > out.rows && j > 0; --j)
      std::copy_backward(out.data + j * out.rows, out.data + (j + 1) * out.rows,
                         out.col(j) + out.rows);
    for (Index j = 0; j < out.cols; ++j) {
      const double root = std::sqrt(problem_.variances()(first + j));
      for (Index i = 0; i < out.rows; ++i) out(i, j) *= root;
    }
  }
  void draw_chosen(const Index* which, Block out) const override {
    for (Index j = 0; j < out.cols; ++j) draw_columns(which[j], out.columns(j, 1));
  }

  const LinearGaussianProblem& problem_;
  StreamKey key_{};
  GaussianRisk risk_;
};

}  // namespace

std::unique_ptr<Sampler> make_sampler(const LinearGaussianProblem& problem, Index n, bool hold) {
  if (problem.diagonal()) return std::make_unique<DiagonalSampler>(problem, n, hold);
  return std::make_unique<DenseSampler>(problem, n, hold);
}

// What the samplers above allocate to draw.
Index LinearGaussianProblem::sampler_numbers(Index n, Index chosen) const {
  const Index noise = noise_std_ > 0.0 ? n * m_ : 0;
  if (diagonal())
    return n * m_ + std::max(noise, chosen > 0 ? n * std::min(cached_columns(n), p_) : 0);
  const Index depth = std::min<Index>(kernels::kDepth, p_);
  return n * m_ + p_ * m_ + std::max(noise, n * depth) + std::min(kChosenAtOnce, chosen) * depth;
}

}  // namespace overprune
