// The sampler of a data set.
#include <algorithm>

#include "base/check.hpp"
#include "kernels/table.hpp"
#include "problem/base_sampler.hpp"
#include "problem/features.hpp"
#include "problem/label_shares.hpp"
#include "problem/samplers.hpp"

namespace overprune {

/// Draws rows of the data set and, where asked, new random features of them and of the test set.
class DataSampler final : public BaseSampler {
 public:
  DataSampler(const DataProblem& problem, Index n, bool hold)
      : BaseSampler(n, problem.p_, problem.m_, hold), problem_(problem) {
    const Index rows = problem.test_rows_;
    if (!problem.random_)
      test_x_ = {problem.test_inputs_.data(), rows, problem.p_, rows};
    else if (hold)
      test_x_ = test_buffer_.block(rows, problem.p_);
  }

  void draw(std::uint64_t seed, std::uint64_t trial, const Poll& poll) override {
    const Index n = y_.rows, m = problem_.m_, rows = problem_.rows_;
    sample_without_replacement({seed, trial, Purpose::rows}, rows, n, chosen_);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < n; ++i) y_(i, t) = problem_.targets_[t * rows + chosen_[i]];
    if (problem_.random_) {
      inputs_ = input_buffer_.block(n, problem_.d_);
      take_inputs(0, inputs_);
      draw_features(trial, poll);
    } else if (hold_) {
      take_inputs(0, x_);
    }
  }

  /// The test set's features with the weights of trial `trial`, of a sampler that holds them.
  ConstBlock test_features(std::uint64_t trial) {
    inputs_ = {};
    if (problem_.random_) draw_features(trial, {});
    return test_x_;
  }

  void evaluate(const Models& models, double* risk, double* accuracy) override {
    check_models(models, problem_.p_, problem_.m_, risk);
    const Index m = problem_.m_, test_rows = problem_.test_rows_;
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
    const Index rows = problem_.test_rows_;
    return {problem_.test_targets_.data(), rows, problem_.m_, rows};
  }
  ConstBlock test_inputs() const {
    const Index rows = problem_.test_rows_;
    return {problem_.test_inputs_.data(), rows, problem_.d_, rows};
  }

  /// Columns first, ... of the rows that were drawn.
  void take_inputs(Index first, Block out) const {
    for (Index j = 0; j < out.cols; ++j) take_input(first + j, out.columns(j, 1));
  }
  void take_input(Index which, Block out) const {
    const double* column = problem_.inputs_.data() + which * problem_.rows_;
    for (Index i = 0; i < out.rows; ++i) out(i, 0) = column[chosen_[i]];
  }

  /// Outputs (N_test, B m) of B models, the sum over blocks of features: the same sum whether the
  /// test set's features are held or not.
  ConstBlock predict(const Models& models) {
    const Index rows = problem_.test_rows_, columns = models.theta.cols;
    const Block predicted = predicted_.block(rows, columns);
    fill(predicted, 0.0);
    for (Index first = 0; first < models.count; first += kJudgedFeatures) {
      const ConstBlock x =
          judged_features(models.support, first, std::min(kJudgedFeatures, models.count - first));
      kernels::active().gemm(false, false, rows, columns, x.cols, 1.0, x.data, x.ld,
                             models.theta.data + first, models.theta.col_stride, 1.0,
                             predicted.data, predicted.ld);
    }
    return predicted;
  }

  /// Features first, ..., first + count - 1 of a support (null: of all) in the test set.
  ConstBlock judged_features(const Index* support, Index first, Index count) {
    if (test_x_.data && !support) return test_x_.columns(first, count);
    const Block block = judged_.block(problem_.test_rows_, count);
    if (test_x_.data)
      gather_columns(test_x_, support + first, count, block);
    else if (support)
      make_chosen(test_inputs(), support + first, block);
    else
      make_features(test_inputs(), first, block);
    return block;
  }

  /// Draws what features of trial `trial` are made of. Weights have rows N(0, I/d); cos has uniform
  /// phases, for its features are blind without them. Makes the features, where they are held, of
  /// the training inputs, if there are any, and of the test set.
  void draw_features(std::uint64_t trial, const Poll& poll) {
    const Index p = problem_.p_;
    if (problem_.activation_.is(Activation::cos)) {
      phases_.resize(p);
      uniform({problem_.seed_, trial, Purpose::bias}, 0, p, phases_.data());
      for (double& phase : phases_) phase *= 6.283185307179586;
    }
    drawn_ = {{problem_.seed_, trial, Purpose::features}, p};
    if (!hold_) return;
    const Block test{test_buffer_.get(problem_.test_rows_ * p), problem_.test_rows_, p,
                     problem_.test_rows_};
    each_drawn_block(drawn_, problem_.d_, 0, p, weights_, [&](Index first, ConstMatrix rows) {
      if (inputs_.rows > 0)
        apply(inputs_, rows, phases_of(first), x_.columns(first, rows.rows), poll);
      apply(test_inputs(), rows, phases_of(first), test.columns(first, rows.rows), poll);
    });
  }

  const double* phases_of(Index first) const {
    return phases_.empty() ? nullptr : phases_.data() + first;
  }

  /// Features of `from` by rows of the weights. Products with so few rows that lie side by side
  /// would take other sums (kernels/skinny.cpp).
  void apply(ConstBlock from, ConstMatrix rows, const double* phases, Block out,
             const Poll& poll) const {
    if (rows.rows <= kernels::kSkinny) {
      const Block columns = few_.block(rows.rows, rows.cols);
      copy_strided(rows, 1.0, columns);
      rows = column_major(columns.data, columns.rows, columns.cols);
    }
    features_into(from, rows, problem_.activation_, phases, out, poll);
  }

  /// Features first, first + 1, ... of `from`.
  void make_features(ConstBlock from, Index first, Block out) const {
    each_drawn_block(drawn_, problem_.d_, first, first + out.cols, weights_,
                     [&](Index at, ConstMatrix rows) {
                       apply(from, rows, phases_of(at), out.columns(at - first, rows.rows), {});
                     });
  }

  /// The features which[0..out.cols) of `from`.
  void make_chosen(ConstBlock from, const Index* which, Block out) const {
    const Index d = problem_.d_;
    in_even_parts(
        out.cols, std::min(rows_at_once(d), kChosenAtOnce), [&](Index begin, Index count) {
          const Block rows = weights_.block(d, count);
          shifts_.clear();
          for (Index i = begin; i < begin + count; ++i) {
            draw_weights(drawn_, d, which[i], 1, rows.col(i - begin));
            if (!phases_.empty()) shifts_.push_back(phases_[which[i]]);
          }
          apply(from, row_major(rows.data, count, d), shifts_.empty() ? nullptr : shifts_.data(),
                out.columns(begin, count), {});
        });
  }

  void draw_columns(Index first, Block out) const override {
    if (problem_.random_)
      make_features(inputs_, first, out);
    else
      take_inputs(first, out);
  }
  void draw_chosen(const Index* which, Block out) const override {
    if (problem_.random_) return make_chosen(inputs_, which, out);
    for (Index j = 0; j < out.cols; ++j) take_input(which[j], out.columns(j, 1));
  }

  const DataProblem& problem_;
  Buffer test_buffer_, input_buffer_, judged_, predicted_;
  mutable Buffer weights_, few_;
  mutable std::vector<double> shifts_;
  ConstBlock test_x_;  // (N_test, p), or null where it is drawn
  Block inputs_;       // (n, d) of the trial, where features are random
  DrawnWeights drawn_{};
  std::vector<double> phases_;
  Indices chosen_;
};

void DataProblem::test_features(std::uint64_t stream, Matrix out) const {
  check::view("out", out);
  check::same("out (rows)", test_rows_, out.rows);
  check::same("out (columns)", p_, out.cols);
  DataSampler source(*this, 1, true);
  copy_out(source.test_features(stream), out);
}

std::unique_ptr<Sampler> make_sampler(const DataProblem& problem, Index n, bool hold) {
  return std::make_unique<DataSampler>(problem, n, hold);
}

// What the sampler allocates to draw.
Index DataProblem::sampler_numbers(Index n, Index chosen) const {
  Index random = 0;
  if (random_) {
    const Index few = p_ <= kernels::kSkinny ? p_ * d_ : 0;
    random = n * d_ + std::min(p_, rows_at_once(d_)) * d_ + few +
             (activation_.is(Activation::cos) ? p_ : 0) + (chosen > 0 ? 0 : test_rows_ * p_);
  }
  return n * m_ + rows_ + random;
}

}  // namespace overprune
