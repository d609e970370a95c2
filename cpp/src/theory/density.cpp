#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/normal.hpp"
#include "base/workers.hpp"
#include "theory/laws.hpp"
#include "theory/rule_scores.hpp"
#include "theory/survival.hpp"

namespace overprune {
namespace {

constexpr double kFar = 9.0;  // standard deviations beyond which nothing is left
constexpr Index kMostRetrained = 128;

/// The cells of a histogram; the last one holds its upper edge.
class Cells {
 public:
  explicit Cells(ConstVector edges) {
    for (Index i = 0; i < edges.size; ++i) edges_.push_back(edges(i));
  }
  Index count() const { return static_cast<Index>(edges_.size()) - 1; }

  /// Adds weight N(mean, deviation^2) to `mass` (cells), where |x| > `above`.
  void add(double mean, double deviation, double above, double weight, double* mass) const {
    if (!(deviation > 0.0)) {
      if (std::abs(mean) >= above) add_point(mean, weight, mass);
      return;
    }
    const auto tail = [&](double low, double high) {
      return low < high ? normal::between((low - mean) / deviation, (high - mean) / deviation)
                        : 0.0;
    };
    for (Index c = first(mean - kFar * deviation);
         c < count() && edges_[c] < mean + kFar * deviation; ++c) {
      const double low = edges_[c], high = edges_[c + 1];
      mass[c] += weight *
                 (above > 0.0 ? tail(low, std::min(high, -above)) + tail(std::max(low, above), high)
                              : tail(low, high));
    }
  }
  void add_point(double value, double weight, double* mass) const {
    if (value < edges_.front() || value > edges_.back()) return;
    mass[std::min(first(value), count() - 1)] += weight;
  }
  void divide_by_widths(std::vector<double>& mass) const {
    for (std::size_t i = 0; i < mass.size(); ++i) {
      const Index c = static_cast<Index>(i) % count();
      mass[i] /= edges_[c + 1] - edges_[c];
    }
  }

 private:
  /// The cell that holds `value`, or the first one where it lies before all.
  Index first(double value) const {
    const auto after = std::upper_bound(edges_.begin(), edges_.end(), value);
    return std::max<Index>(after - edges_.begin() - 1, 0);
  }
  std::vector<double> edges_;
};

class Density {
 public:
  Density(const theory::FirstStage& first, const PruningPoint& point, Index s,
          const theory::Retraining* retraining, const Cells& cells, const Indices& features,
          const LawDraws& options)
      : first_(first),
        point_(point),
        s_(s),
        retraining_(retraining),
        cells_(cells),
        features_(features),
        options_(options),
        m_(first.problem.targets()),
        length_(m_ * cells.count()),
        chosen_(point.size, 0) {
    for (const Index i : features) chosen_[i] = 1;
  }

  CoefficientDensity find(const Poll& poll) {
    const theory::DrawnModels models(first_, point_.rule, s_, retraining_, options_, poll);
    CoefficientDensity result;
    result.dense = mixture(first_.law, features_);
    const bool exact = survivors(result);
    const bool known = retraining_ && retrained(result);
    if (!exact || (retraining_ && !known)) draw(models, exact, result, poll);
    for (auto* mass : {&result.dense, &result.surviving, &result.retrained})
      cells_.divide_by_widths(*mass);
    return result;
  }

 private:
  /// Mean over `rows` of the law of theta_i, where |theta_i| > above_i if that is given.
  std::vector<double> mixture(const theory::MatrixLaw& law, const Indices& rows,
                              const std::vector<double>& above = {}) const {
    std::vector<double> mass(length_, rows.empty() ? kNaN : 0.0);
    std::vector<double> variance = law.solver.square_rows();
    for (double& one : variance) one /= first_.n;
    const double weight = 1.0 / static_cast<double>(rows.size());
    for (Index t = 0; t < m_; ++t)
      for (const Index i : rows)
        cells_.add(law.mean(i, t), std::sqrt(variance[i] * law.omega(t, t)),
                   above.empty() ? 0.0 : above[i], weight, mass.data() + t * cells_.count());
    return mass;
  }

  Indices oracle_support() const {
    std::vector<double> scores(point_.size);
    first_.problem.oracle_scores(point_.size, scores.data());
    return top_k(vector_view(scores), s_);
  }

  /// The law of the survivors where it has a closed form.
  bool survivors(CoefficientDensity& result) const {
    if (traits(point_.rule).needs_seed || s_ == point_.size) {
      result.surviving = result.dense;
    } else if (traits(point_.rule).needs_truth) {
      Indices kept;
      for (const Index i : oracle_support())
        if (chosen_[i]) kept.push_back(i);
      result.surviving = mixture(first_.law, kept);
    } else if (first_.basis.diagonal() && m_ == 1 && first_.law.risk > 0.0 &&
               s_ < first_.basis.rank()) {
      const auto truncate = [&](Index, double threshold, const std::vector<double>& probability) {
        std::vector<double> above(point_.size, threshold);
        Indices able;  // a feature without variance never survives
        double total = 0.0;
        for (const Index i : features_) {
          const double variance = first_.problem.variances()(i);
          if (variance == 0.0) continue;
          able.push_back(i);
          total += probability[i];
          above[i] /= theory::score_weight(point_.rule, variance);
        }
        result.surviving = mixture(first_.law, able, above);
        for (double& value : result.surviving) value *= static_cast<double>(able.size()) / total;
      };
      theory::independent_survival(first_, point_.rule, point_.ridge, {s_}, truncate);
    } else {
      return false;
    }
    return true;
  }

  /// The law of the retrained coefficients where the support is known.
  bool retrained(CoefficientDensity& result) const {
    if (!traits(point_.rule).needs_truth && s_ != point_.size) return false;
    Indices support = oracle_support(), rows;
    for (Index i = 0; i < s_; ++i)
      if (chosen_[support[i]]) rows.push_back(i);
    const auto [problem, ridge] = retraining_->known(support);
    const theory::FirstStage second(problem, first_.n, ridge, ridge);
    result.retrained = mixture(second.law, rows);
    return true;
  }

  void draw(const theory::DrawnModels& models, bool exact, CoefficientDensity& result,
            const Poll& poll) const {
    const Index pairs = (options_.draws + 1) / 2,
                retrained = retraining_ ? std::min(pairs, kMostRetrained / 2) : 0;
    const Index total = exact ? retrained : pairs, chunks = std::min(options_.workers, total);
    // Per draw: the counts of survivors, then what the retrained model adds, and the number of
    // both.
    std::vector<std::vector<double>> added(2 * total);
    const auto draw_chunk = [&](Index chunk, const Poll& stop) {
      models.each(chunk, chunks, total, stop,
                  [&](Index draw, theory::ModelDraws& draws, theory::PointLaw& law) {
                    std::vector<double>& sums = added[draw];
                    sums.assign(2 * length_ + 1, 0.0);
                    const bool again = draw < 2 * retrained;
                    const Indices& support = law.support();
                    if (again)
                      law.draw_mean(draws);
                    else
                      law.select(draws);
                    for (std::size_t i = 0; i < support.size(); ++i) {
                      if (!chosen_[support[i]]) continue;
                      sums.back() += 1.0;
                      for (Index t = 0; t < m_; ++t) {
                        double* at = sums.data() + t * cells_.count();
                        cells_.add_point(draws.theta()(support[i], t), 1.0, at);
                        if (again)
                          cells_.add(law.retrained()(i, t),
                                     std::sqrt(law.spread()[i] * law.residual()(t, t)), 0.0, 1.0,
                                     at + length_);
                      }
                    }
                  });
    };
    parallel_for(chunks, options_.workers, draw_chunk, poll);
    if (!exact) result.surviving = mean(added, 0, added.size());
    if (retraining_ && result.retrained.empty())
      result.retrained = mean(added, length_, 2 * static_cast<std::size_t>(retrained));
  }

  std::vector<double> mean(const std::vector<std::vector<double>>& added, Index start,
                           std::size_t draws) const {
    std::vector<double> result(length_, 0.0);
    double total = 0.0;
    for (std::size_t d = 0; d < draws; ++d) {
      total += added[d].back();
      for (Index j = 0; j < length_; ++j) result[j] += added[d][start + j];
    }
    for (double& value : result) value /= total;
    return result;
  }

  const theory::FirstStage& first_;
  const PruningPoint& point_;
  Index s_;
  const theory::Retraining* retraining_;
  const Cells& cells_;
  const Indices& features_;
  const LawDraws& options_;
  Index m_, length_;
  std::vector<char> chosen_;
};

}  // namespace

namespace theory {

CoefficientDensity find_density(const FirstStage& first, const PruningPoint& point, Index nonzeros,
                                const Retraining* retraining, ConstVector edges,
                                const Indices& features, const LawDraws& options,
                                const Poll& poll) {
  check::finite("edges", edges);
  if (edges.size < 2) check::fail("edges must have length at least 2, got ", edges.size);
  for (Index i = 1; i < edges.size; ++i)
    if (!(edges(i) > edges(i - 1)))
      check::fail("edges must be strictly increasing, got ", edges(i - 1), " before ", edges(i));
  if (features.empty()) check::fail("features must not be empty");
  check::distinct("features", features, point.size);
  const Cells cells(edges);
  return Density(first, point, nonzeros, retraining, cells, features, options).find(poll);
}

}  // namespace theory

CoefficientDensity coefficient_density(const LinearGaussianProblem& problem,
                                       const PruningPoint& point, Index nonzeros, bool retrain,
                                       ConstVector edges, const Indices& features,
                                       const LawDraws& options, const std::function<void()>& poll) {
  const Interruptible interruptible(poll);
  theory::check_point(problem, point, {nonzeros}, options);
  const theory::FirstStage first = theory::first_stage(problem, point);
  const theory::RegressionRetraining retraining(first.problem, point);
  return theory::find_density(first, point, nonzeros, retrain ? &retraining : nullptr, edges,
                              features, options, poll);
}

}  // namespace overprune
