// The sampler of random features of Gaussian inputs.
#include <algorithm>

#include "problem/base_sampler.hpp"
#include "problem/features.hpp"
#include "problem/samplers.hpp"

namespace overprune {

/// Draws inputs a (n, d) and their features; the risk is the equivalent Gaussian problem's, which
/// is exact.
class FeatureSampler final : public BaseSampler {
 public:
  FeatureSampler(const RandomFeatureProblem& problem, Index n, bool hold)
      : BaseSampler(n, problem.p_, 1, hold),
        problem_(problem),
        inputs_(input_buffer_.block(n, problem.d_)),
        risk_(problem.equivalent()) {}

  void draw(std::uint64_t seed, std::uint64_t trial, const Poll& poll) override {
    const Index n = y_.rows, d = problem_.d_;
    fill_normals({seed, trial, Purpose::design}, inputs_, poll);
    if (hold_) make(0, x_, poll);
    fill(y_, 0.0);
    respond(inputs_, column_major(problem_.teacher_.data(), d, 1), y_);
    if (!problem_.link_.is(Activation::identity)) problem_.link_(y_.data, n);
    add_noise(problem_.noise_std_, seed, trial, scratch_, y_);
  }
  void evaluate(const Models& models, double* risk, double*) override {
    check_models(models, problem_.p_, 1, risk);
    risk_.evaluate(models, risk);
  }

 private:
  // Weights whose columns lie side by side: a product with them takes the same sums for any number
  // of features.
  void make(Index first, Block out, const Poll& poll) const {
    const ConstMatrix weights{problem_.weights_.data() + first, out.cols, problem_.d_, 1,
                              problem_.p_};
    const double* bias = problem_.bias_.empty() ? nullptr : problem_.bias_.data() + first;
    features_into(inputs_, weights, problem_.activation_, bias, out, poll);
  }
  void draw_columns(Index first, Block out) const override { make(first, out, {}); }
  void draw_chosen(const Index* which, Block out) const override {
    const Index d = problem_.d_, p = problem_.p_;
    for (Index begin = 0; begin < out.cols; begin += kChosenAtOnce) {
      const Index count = std::min(kChosenAtOnce, out.cols - begin);
      const Block rows = scratch_.block(count, d);
      for (Index j = 0; j < d; ++j)
        for (Index i = 0; i < count; ++i) rows(i, j) = problem_.weights_[j * p + which[begin + i]];
      shifts_.clear();
      for (Index i = 0; i < count && !problem_.bias_.empty(); ++i)
        shifts_.push_back(problem_.bias_[which[begin + i]]);
      features_into(inputs_, column_major(rows.data, count, d), problem_.activation_,
                    shifts_.empty() ? nullptr : shifts_.data(), out.columns(begin, count), {});
    }
  }

  const RandomFeatureProblem& problem_;
  Buffer input_buffer_;
  Block inputs_;
  mutable std::vector<double> shifts_;
  GaussianRisk risk_;
};

std::unique_ptr<Sampler> make_sampler(const RandomFeatureProblem& problem, Index n, bool hold) {
  return std::make_unique<FeatureSampler>(problem, n, hold);
}

// What the sampler allocates to draw.
Index RandomFeatureProblem::sampler_numbers(Index n, Index chosen) const {
  const Index noise = noise_std_ > 0.0 ? n : 0, rows = std::min(kChosenAtOnce, chosen) * d_;
  return n + n * d_ + std::max(noise, rows);
}

}  // namespace overprune
