// Classifiers of correlated features at one size: means over draws of the first training's law;
// docs/theory.md, section 11.
#pragma once

#include <memory>
#include <vector>

#include "overprune/theory.hpp"
#include "theory/classes/label_table.hpp"
#include "theory/classes/second_training.hpp"
#include "theory/model_draws.hpp"

namespace overprune::theory {

/// Training all features of a problem: coordinates, scalars, and the law of the coefficients.
class TrainedLabels {
 public:
  /// @param part   the problem of the teacher's field, which must outlive it
  /// @param field  variance of the teacher's field with its noise
  TrainedLabels(const LinearGaussianProblem& part, double field, double n, const Loss& loss,
                double ridge);
  TrainedLabels(const TrainedLabels&) = delete;

  const WhiteBasis& basis() const { return basis_; }
  const FirstTraining& first() const { return first_; }
  /// Whether the law has been found, and is finite.
  bool has_draws() const { return first_.converged && first_.omega < kInfinity; }
  const MatrixLaw& law() const { return *law_; }

 private:
  WhiteBasis basis_;
  FirstTraining first_;
  std::unique_ptr<MatrixLaw> law_;
};

/// The eigenvalues of a problem's covariance, with the truth's energy.
Energies energies_of(const WhiteBasis& basis);

/// Everything about one size.
class LabelStudy {
 public:
  LabelStudy(const LinearGaussianProblem& part, double field, double n, const Grid& grid,
             double ridge, const DrawOptions& options);
  void run(Index workers, const Poll& poll);
  void write(Index size, LabelTable& table) const;
  const FirstTraining& trained() const { return trained_.first(); }
  /// The second training at the first point, whose rule looks at the model.
  const SecondTraining& second() const { return points_.front().second; }

 private:
  struct Point {
    Rule rule;
    Index rule_position, position, s;
    LabelPoint pruned, retrained;
    SecondTraining second;
    bool done = false;
  };
  /// What one pair of draws says about one point.
  struct Sampled {
    double m = 0.0, q = 0.0;  // of the pruned model
    Supports supports;
  };

  LabelPoint trained_alike(const Energies& energies) const;
  void fix_support(Point& point);
  void draw(Index first, Index count, Index workers, const Poll& poll);
  void sample(ModelDraws& draws, std::vector<Sampled>& found) const;
  std::vector<double> fit(ConstBlock theta) const;
  Supports forms_of(const Indices& order, Index s, ConstBlock images) const;
  bool estimate();
  void estimate(std::size_t i, Point& point) const;
  std::vector<Supports> groups_of(std::size_t point, Index groups) const;

  double field_, n_;
  const Grid& grid_;
  const DrawOptions& options_;
  TrainedLabels trained_;
  std::vector<Point> points_;
  std::vector<std::vector<Sampled>> pairs_;  // (pairs) each (points)
};

}  // namespace overprune::theory
