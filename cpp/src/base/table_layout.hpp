// Which arrays a run's table has.
#pragma once

#include <vector>

#include "overprune/pruning.hpp"
#include "overprune/risk_table.hpp"

namespace overprune {

/// What decides about a table besides the list of variables.
struct TableLayout {
  TableKind kind;
  std::vector<Dimension> trials;  ///< the dimension of trials, or none
  std::vector<Dimension> dense;   ///< of the numbers of dense models
  std::vector<Dimension> pruned;  ///< of those of all others
  bool retrain = true;
  bool compensate = false;
  bool classes = false;
  bool penalties = false;  ///< whether a rule trains its own models with a penalty
  bool labels = false;     ///< classifiers: errors, no risks
  bool overlaps = false;   ///< of classifiers whose truth is known
};

/// The layout of a grid, in integers or in real numbers.
template <class AnyGrid>
TableLayout grid_layout(TableKind kind, const AnyGrid& grid, std::vector<Dimension> trials = {}) {
  const auto length = [](const auto& axis) { return static_cast<Index>(axis.size()); };
  const Dimension size{"size", length(grid.sizes)};
  return {kind,         std::move(trials),
          {size},       {{"rule", length(grid.rules)}, size, {"nonzeros", length(grid.nonzeros)}},
          grid.retrain, grid.compensate,
          false,        any_of_rules(grid.rules, &RuleTraits::trains_itself)};
}

/// The table of a layout, all of it NaN.
RiskTable make_table(const TableLayout& layout);

}  // namespace overprune
