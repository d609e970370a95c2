#include "overprune/risk_table.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "base/check.hpp"
#include "base/table_layout.hpp"

namespace overprune {

std::size_t RiskTable::position(std::string_view name) const {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::size_t RiskTable::at(std::string_view name) const {
  const std::size_t found = position(name);
  if (found < names.size()) return found;
  std::string message = "the table has no " + std::string(name) + ", but";
  for (const std::string& there : names) message += " " + there;
  throw std::out_of_range(message);
}

double* RiskTable::find(std::string_view name) {
  const std::size_t found = position(name);
  return found < names.size() ? values[found].data() : nullptr;
}

void RiskTable::add(std::string name, std::vector<Dimension> of) {
  const Index count = std::accumulate(of.begin(), of.end(), Index{1},
                                      [](Index n, const Dimension& d) { return n * d.length; });
  names.push_back(std::move(name));
  dimensions.push_back(std::move(of));
  values.emplace_back(count, std::numeric_limits<double>::quiet_NaN());
}

RiskTable join(const std::vector<RiskTable>& blocks) {
  RiskTable all;
  for (const RiskTable& block : blocks) {
    if (all.names.empty()) {
      all = block;
      continue;
    }
    bool alike = block.names == all.names;
    for (std::size_t i = 0; alike && i < all.names.size(); ++i) {
      std::vector<Dimension>& to = all.dimensions[i];
      const std::vector<Dimension>& from = block.dimensions[i];
      alike = from.size() == to.size() && std::equal(from.begin() + 1, from.end(), to.begin() + 1);
      to[0].length += from[0].length;
      all.values[i].insert(all.values[i].end(), block.values[i].begin(), block.values[i].end());
    }
    if (!alike) check::fail("blocks must be of one grid, got one with other arrays than the first");
  }
  return all;
}

namespace {

bool has(const TableLayout& layout, const TableVariable& variable) {
  if (variable.stage == Stage::retrained && !layout.retrain) return false;
  if (variable.stage == Stage::compensated && !layout.compensate) return false;
  const std::string_view quantity = variable.quantity;
  if (quantity == "accuracy" && !layout.classes) return false;
  if (quantity == "risk" && layout.labels) return false;
  if (quantity == "error" && !layout.labels) return false;
  if (quantity.ends_with("overlap") && !layout.overlaps) return false;
  return (variable.kinds & layout.kind) != 0;
}

void add(const TableLayout& layout, const TableVariable& variable, const char* ending,
         RiskTable& table) {
  std::vector<Dimension> dimensions = layout.trials;
  const auto& of = variable.stage == Stage::dense ? layout.dense : layout.pruned;
  dimensions.insert(dimensions.end(), of.begin(), of.end());
  table.add(
      std::string(kStageNames[static_cast<int>(variable.stage)]) + "_" + variable.quantity + ending,
      std::move(dimensions));
}

}  // namespace

RiskTable make_table(const TableLayout& layout) {
  RiskTable table;
  const auto add_all = [&](const auto& is_wanted, bool values, bool errors) {
    for (const TableVariable& variable : kTableVariables) {
      if (!has(layout, variable) || !is_wanted(variable.stage)) continue;
      const bool is_first = values && table.names.empty();
      if (values) add(layout, variable, "", table);
      if (errors && (variable.errors & layout.kind) != 0) add(layout, variable, "_stderr", table);
      if (is_first && layout.kind == kDrawn) table.add("draws", layout.dense);
    }
  };
  const auto every = [](Stage) { return true; };
  if (layout.kind == kDrawn) {  // every number beside its error, the dense models first
    add_all([](Stage stage) { return stage == Stage::dense; }, true, true);
    add_all([](Stage stage) { return stage != Stage::dense; }, true, true);
    return table;
  }
  add_all(every, true, false);
  add_all(every, false, true);
  if (layout.kind == kPredictedRounds) table.add("draws", {layout.pruned.front()});
  return table;
}

}  // namespace overprune
