#include "theory/accuracy_study.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include "base/workers.hpp"

namespace overprune::theory {
namespace {

// Of a retrained model whose risk diverges.
constexpr double kDiverged = std::numeric_limits<double>::quiet_NaN();
constexpr Index kPairs = 16;  // of draws that an accuracy is averaged over, at most

/// The fraction of rows whose largest output is the right class.
class Judge {
 public:
  explicit Judge(const TestSet& test) : test_(test) {}

  double accuracy(const Index* support, ConstBlock theta) {
    const Index rows = test_.features.rows, m = theta.cols;
    const Block features = features_.block(rows, theta.rows), outputs = outputs_.block(rows, m);
    for (Index j = 0; j < theta.rows; ++j) {
      const Index from = support ? support[j] : j;
      for (Index i = 0; i < rows; ++i) features(i, j) = test_.features(i, from);
    }
    multiply(features, theta, outputs);
    Index right = 0;
    for (Index i = 0; i < rows; ++i) {
      Index best = 0;
      for (Index t = 1; t < m; ++t)
        if (outputs(i, t) > outputs(i, best)) best = t;
      right += test_.targets(i, best) == 1.0;
    }
    return static_cast<double>(right) / static_cast<double>(rows);
  }

 private:
  const TestSet& test_;
  Buffer features_, outputs_;
};

}  // namespace

void AccuracyStudy::run(Index workers, const Poll& poll) {
  active_ = std::upper_bound(grid_.nonzeros.begin(), grid_.nonzeros.end(), basis_.features()) -
            grid_.nonzeros.begin();
  const Index asked = options_.draws == 0 ? kPairs : (options_.draws + 1) / 2;
  means_.resize(std::min(kPairs, asked));
  const Index pairs = static_cast<Index>(means_.size()), chunks = std::min(workers, pairs);
  std::vector<RetrainedLaw> retrained;
  for (const Rule rule : grid_.rules)
    for (Index s = 0; grid_.retrain && s < active_; ++s)
      retrained.push_back(
          retrained_regression(basis_, study_, n_, grid_, rule, grid_.nonzeros[s], options_.seed));
  const auto judge_chunk = [&](Index chunk, const Poll& stop) {
    std::vector<std::unique_ptr<PointLaw>> laws;
    for (std::size_t i = 0; i < grid_.rules.size(); ++i)
      for (Index s = 0; s < active_; ++s)
        laws.push_back(std::make_unique<PointLaw>(
            basis_, study_.law(), grid_.rules[i], grid_.nonzeros[s],
            grid_.retrain ? &retrained[static_cast<Index>(i) * active_ + s] : nullptr));
    ModelDraws draws(basis_, study_.law(), n_, options_.seed);
    Judge judge(*options_.test);
    for (Index pair = chunk; pair < pairs; pair += chunks) {
      std::vector<double>& mean = means_[pair];
      mean.assign(1 + 2 * laws.size(), 0.0);
      draws.batch(pair, 1);
      for (const double sign : {1.0, -1.0}) {
        draws.select(0, sign);
        mean[0] += 0.5 * judge.accuracy(nullptr, draws.theta());
        for (std::size_t i = 0; i < laws.size(); ++i) {
          poll_now(stop);
          const bool finite = laws[i]->finite();
          if (finite)
            laws[i]->draw(draws);
          else
            laws[i]->select(draws);
          const Indices& support = laws[i]->support();
          const Block kept =
              draws.kept(support, static_cast<Index>(support.size()), study_.law().mean);
          mean[1 + 2 * i] += 0.5 * judge.accuracy(support.data(), kept);
          if (grid_.retrain)
            mean[2 + 2 * i] +=
                finite ? 0.5 * judge.accuracy(support.data(), laws[i]->retrained()) : kDiverged;
        }
      }
    }
  };
  parallel_for(chunks, workers, judge_chunk, poll);
}

Estimate AccuracyStudy::estimate(Index quantity) const {
  std::vector<double> values;
  for (const std::vector<double>& pair : means_) values.push_back(pair[quantity]);
  return mean_of(std::move(values));
}

}  // namespace overprune::theory
