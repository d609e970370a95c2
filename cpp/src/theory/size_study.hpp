// Risks of one size by draws of the coefficients' law: any covariance, several targets;
// docs/theory.md, sections 6 and 9.
#pragma once

#include <array>
#include <deque>
#include <vector>

#include "overprune/theory.hpp"
#include "theory/fixed_support.hpp"
#include "theory/groups.hpp"
#include "theory/model_draws.hpp"
#include "theory/second_stage.hpp"

namespace overprune::theory {

/// A (rule, nonzeros) whose risk needs draws. What one pair of draws adds to it: the excess risks
/// of the pruned and of the compensated model, then for each node tr Q, tr Q^2, G (c, c), K (c, c)
/// over the columns A = [u' e w], or u' alone where the support does not depend on the training
/// noise.
struct Point {
  Rule rule;
  Index rule_position = 0, position = 0;  ///< in the grid's rules and nonzeros
  Index s = 0, c = 0;
  Index remainder = 0;    ///< that u' is of
  bool spectral = false;  ///< tau2 > 0: the forms are kept at two values of it, linear in between
  std::array<double, 2> nodes{0.0, 0.0};  ///< tau2
  bool done = false;

  Index node_count() const { return spectral ? 2 : 1; }
  Index node(Index i) const { return 2 + i * (2 + 2 * c * c); }
  Index length() const { return node(node_count()); }
  /// The forms at one node of a vector of means.
  FormMeans means(const std::vector<double>& mean, Index i) const {
    const double* at = mean.data() + node(i);
    return {at[0], at[1], {at + 2, c, c, c}, {at + 2 + c * c, c, c, c}};
  }
};

/// Everything about one size. Results do not depend on the number of workers.
class SizeStudy {
 public:
  SizeStudy(const WhiteBasis& basis, Index n, const Grid& grid, const DrawOptions& options);

  void run(Index workers, const Poll& poll);
  Index draws() const { return 2 * pairs_; }
  const MatrixLaw& law() const { return law_; }
  /// @param rule, nonzeros  positions in the grid; nonzeros at most the size
  const Risks& risks(Index rule, Index nonzeros) const { return risks_[rule * active_ + nonzeros]; }
  /// The points that were drawn, and the second training's effective ridge and memory at point
  /// number i.
  const std::vector<Point>& points() const { return points_; }
  SecondStage second_stage(std::size_t i) const {
    return second_stage(points_[i], groups_[i].mean());
  }

 private:
  struct Workspace;
  using Results = std::vector<std::vector<double>>;  // per point

  /// Fills in what has a closed form and lists the rest.
  void plan(const Poll& poll);
  bool closed_form(Rule rule, Index s, Risks& risks) const;
  void choose_nodes(const Poll& poll);
  void draw_until(Index target, Index workers, const Poll& poll);
  void visit(Workspace& space, Results& results) const;
  void visit_rule(Rule rule, const Indices& order, Workspace& space, Results& results) const;
  void add_projected(const Point& point, ConstBlock G, Index rank, std::vector<double>& sums) const;
  void add_forms(const Point& point, Index node, Traces traces, ConstBlock G, ConstBlock K,
                 std::vector<double>& sums) const;
  void add_spectral(const Point& point, ConstBlock y, Workspace& space,
                    std::vector<double>& sums) const;
  /// The first `count` columns of A = [u' e w] for a point, of the rows of all remainders.
  ConstBlock columns_of(const Point& point, Index count, ConstBlock rows, Buffer& buffer) const;
  /// The number of the remainder without these features, which every draw keeps.
  Index remainder_without(Indices kept);
  bool compensates() const { return grid_.compensate && law_.finite; }
  bool estimate();
  SecondStage second_stage(const Point& point, const std::vector<double>& mean) const;

  const WhiteBasis& basis_;
  double n_;
  const Grid& grid_;
  DrawOptions options_;
  MatrixLaw law_;
  double whole_;  // risk of retraining all features
  Index active_ = 0, pairs_ = 0;
  std::vector<Risks> risks_;
  std::deque<Remainder> remainders_;  // the first is whole
  std::vector<Point> points_;
  std::vector<Groups> groups_;
};

}  // namespace overprune::theory
