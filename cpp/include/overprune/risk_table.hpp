// The table that every prediction and simulation returns: named arrays over named dimensions.
//
//     const overprune::RiskTable found = overprune::predict(problem, 200, grid, {});
//     found["pruned_risk"];             // (rule, size, nonzeros) in C order
//     found.contains("dense_accuracy")  // only for problems with classes
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// The models of a grid point, in the order in which they are made.
enum class Stage : int { dense, pruned, compensated, retrained };
/// Names of the stages, by their number.
inline constexpr const char* kStageNames[] = {"dense", "pruned", "compensated", "retrained"};

/// The origin of a table: one bit each.
enum TableKind : unsigned {
  kSimulated = 1,        ///< simulate
  kExact = 2,            ///< predict for independent features
  kDrawn = 4,            ///< predict by draws
  kSimulatedRounds = 8,  ///< simulate_schedule
  kPredictedRounds = 16  ///< predict_schedule
};

/// A variable of tables: one quantity of the models of one stage, named `<stage>_<quantity>`.
struct TableVariable {
  Stage stage;           ///< whose models
  const char* quantity;  ///< what is measured: risk, accuracy, error or an overlap
  unsigned kinds;        ///< tables that have it
  unsigned errors = 0;   ///< tables that have its standard error, `<stage>_<quantity>_stderr`
};

/// All variables, in the order of the tables.
///
/// A table has the stages compensated and retrained where the run asks for them, and accuracies
/// where there are classes. Classifiers have errors in place of risks, and, where the truth is
/// known, the overlaps that errors are made of. Dense models have one number for each size; a
/// schedule has a single size. The other models have one number for each (rule, size, nonzeros), in
/// a schedule for each (rule, round).
inline constexpr TableVariable kTableVariables[] = {
    {Stage::dense, "risk", kSimulated | kExact | kDrawn | kSimulatedRounds | kPredictedRounds},
    {Stage::pruned, "risk", kSimulated | kExact | kDrawn | kSimulatedRounds | kPredictedRounds,
     kDrawn | kPredictedRounds},
    {Stage::retrained, "risk", kSimulated | kExact | kDrawn | kSimulatedRounds | kPredictedRounds,
     kDrawn | kPredictedRounds},
    {Stage::compensated, "risk", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::pruned, "penalty", kSimulated | kExact | kDrawn},
    {Stage::dense, "accuracy", kSimulated | kDrawn | kSimulatedRounds, kDrawn},
    {Stage::pruned, "accuracy", kSimulated | kDrawn | kSimulatedRounds, kDrawn},
    {Stage::retrained, "accuracy", kSimulated | kDrawn | kSimulatedRounds, kDrawn},
    {Stage::dense, "error", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::pruned, "error", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::retrained, "error", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::dense, "teacher_overlap", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::pruned, "teacher_overlap", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::retrained, "teacher_overlap", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::dense, "self_overlap", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::pruned, "self_overlap", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::retrained, "self_overlap", kSimulated | kExact | kDrawn, kDrawn},
};

/// A dimension of an array.
struct Dimension {
  std::string name;                                   ///< trial, rule, size, nonzeros or round
  Index length = 0;                                   ///< how many positions it has
  bool operator==(const Dimension&) const = default;  ///< the same name and length
};

/// Arrays by name. Array i is `names[i]`; its dimensions are `dimensions[i]`, the slowest first,
/// and its numbers, in C order, `values[i]`.
struct RiskTable {
  std::vector<std::string> names;                  ///< (arrays) such as "pruned_risk_stderr"
  std::vector<std::vector<Dimension>> dimensions;  ///< (arrays) of each array
  std::vector<std::vector<double>> values;         ///< (arrays) numbers of each array

  /// Whether there is an array.
  /// @param name  of the array
  bool contains(std::string_view name) const { return position(name) < names.size(); }
  /// The numbers of an array, in C order.
  /// @param name  of the array
  /// @throws std::out_of_range that lists the names there are
  const std::vector<double>& operator[](std::string_view name) const& { return values[at(name)]; }
  /// The same, to be written.
  /// @param name  of the array
  /// @throws std::out_of_range that lists the names there are
  std::vector<double>& operator[](std::string_view name) & { return values[at(name)]; }
  /// The same of a temporary table.
  /// @param name  of the array
  /// @throws std::out_of_range that lists the names there are
  std::vector<double> operator[](std::string_view name) && { return std::move(values[at(name)]); }
  /// The numbers of an array, in C order, to be written.
  /// @param name  of the array
  /// @return the first of them, or null where there is no such array
  double* find(std::string_view name);
  /// Appends an array of NaN.
  /// @param name  of the array; no other has it
  /// @param of    (dimensions) of the array, the slowest first
  void add(std::string name, std::vector<Dimension> of);

 private:
  std::size_t position(std::string_view name) const;  // names.size() where there is none
  std::size_t at(std::string_view name) const;
};

/// Joins tables of blocks of trials, in the order given.
///
/// It is for trials that your own threads, processes or machines run, each with its `first` and
/// `count`. The result is, bit for bit, the table of one call for all trials.
/// @param blocks  (any number) of one problem, grid and n
/// @return their trials, one after the other
/// @throws std::invalid_argument for blocks of different grids
RiskTable join(const std::vector<RiskTable>& blocks);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
