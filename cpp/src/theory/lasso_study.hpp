// The lasso and the elastic net of correlated features at given nonzeros, and least squares on
// their support, by draws of the law of v; docs/theory.md, section 10.
#pragma once

#include <array>
#include <vector>

#include "overprune/theory.hpp"
#include "theory/fixed_support.hpp"
#include "theory/groups.hpp"
#include "theory/second_stage.hpp"

namespace overprune::theory {

/// What the draws of v and the models on them depend on.
struct LassoSetting {
  double penalty = 0.0;  ///< kappa'
  double risk = 0.0;     ///< q
  double tau = 0.0;      ///< of the elastic net
};

/// One nonzeros of the grid. Draws are evaluated at a setting near the fixed point and at one more
/// for each unknown, between which their means are linear.
struct LassoPoint {
  Index position = 0, s = 0;              ///< in the grid's nonzeros
  std::vector<LassoSetting> settings;     ///< the first is the middle
  std::array<double, 2> nodes{0.0, 0.0};  ///< values of tau2 between which the forms are linear
  bool spectral = false;                  ///< tau2 > 0

  Index node_count(bool retrain) const { return !retrain ? 0 : spectral ? 2 : 1; }
};

/// Everything about one size of the rule `lasso`. Results do not depend on the number of workers.
class LassoStudy {
 public:
  /// @param basis  of a problem with one target; it and the grid are kept by reference
  LassoStudy(const WhiteBasis& basis, Index n, const Grid& grid, const DrawOptions& options);

  void run(Index workers, const Poll& poll);
  Index draws() const { return 2 * pairs_; }
  const Risks& risks(Index nonzeros) const { return risks_[nonzeros]; }  ///< NaN: out of reach
  double penalty(Index nonzeros) const { return penalties_[nonzeros]; }  ///< kappa

 private:
  struct Workspace;
  struct Pilot;
  struct Solved;

  bool closed_form(Index position);
  void choose_settings(const Poll& poll);
  void choose_nodes(Pilot& pilot, LassoPoint& point, const Poll& poll);
  void draw_until(Index target, Index workers, const Poll& poll);
  void visit(Workspace& space, const double* noise, double sign,
             std::vector<std::vector<double>>& results) const;
  void add(Workspace& space, const LassoPoint& point, const LassoSetting& setting,
           const double* noise, double sign, double* sums) const;
  Index setting_length(const LassoPoint& point) const;
  Solved solve(const LassoPoint& point, const std::vector<double>& mean) const;
  double retrained(const LassoPoint& point, const Solved& solved) const;
  bool estimate();

  const WhiteBasis& basis_;
  double n_;
  const Grid& grid_;
  DrawOptions options_;
  MatrixLaw law_;
  Remainder whole_;
  Index active_ = 0, pairs_ = 0;
  std::vector<Risks> risks_;
  std::vector<double> penalties_;
  std::vector<LassoPoint> points_;
  std::vector<Groups> groups_;
};

}  // namespace overprune::theory
