// The table of a classifier's predictions, and what goes into it.
#pragma once

#include <string>
#include <utility>

#include "base/limits.hpp"
#include "base/table_layout.hpp"
#include "overprune/classification.hpp"
#include "overprune/prune_path.hpp"
#include "theory/groups.hpp"

namespace overprune::theory {

/// Overlaps of a model, and its error.
struct LabelPoint {
  Estimate error{kNaN, 0.0}, teacher{kNaN, 0.0}, self{kNaN, 0.0};

  LabelPoint() = default;
  LabelPoint(double m, double q, double field)
      : error{label_error(m, q, field), 0.0}, teacher{m, 0.0}, self{q, 0.0} {}
};

/// Sizes write their own entries, so that they may do so at once.
class LabelTable {
 public:
  LabelTable(const Grid& grid, TableKind kind)
      : sizes_(static_cast<Index>(grid.sizes.size())),
        nonzeros_(static_cast<Index>(grid.nonzeros.size())) {
    TableLayout layout = grid_layout(kind, grid);
    layout.labels = layout.overlaps = true;
    table_ = make_table(layout);
  }
  void dense(Index size, const LabelPoint& point) { put("dense", size, point); }
  void pruned(Index rule, Index size, Index s, const LabelPoint& point) {
    put("pruned", (rule * sizes_ + size) * nonzeros_ + s, point);
  }
  void retrained(Index rule, Index size, Index s, const LabelPoint& point) {
    put("retrained", (rule * sizes_ + size) * nonzeros_ + s, point);
  }
  void draws(Index size, double count) { table_.find("draws")[size] = count; }
  RiskTable finish() { return std::move(table_); }

 private:
  void put(const std::string& stage, Index at, const LabelPoint& point) {
    const auto write = [&](const char* quantity, const Estimate& estimate) {
      const std::string name = stage + quantity;
      if (double* values = table_.find(name)) values[at] = estimate.value;
      if (double* errors = table_.find(name + "_stderr")) errors[at] = estimate.error;
    };
    write("_error", point.error);
    write("_teacher_overlap", point.teacher);
    write("_self_overlap", point.self);
  }

  Index sizes_, nonzeros_;
  RiskTable table_;
};

}  // namespace overprune::theory
