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

/// What a table is of: one bit each.
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
  const char* quantity;  ///< what is measured of them
  unsigned kinds;        ///< tables that have it
  unsigned errors = 0;   ///< tables that have its standard error, `<stage>_<quantity>_stderr`
};

/// All variables, in the order in which tables have them. Tables have a variable of the stages
/// compensated and retrained where the run asks for the stage, and accuracies where there are
/// classes. Dense models have one number for each size (none of a schedule, whose size is one), the
/// others one for each (rule, size, nonzeros), or (rule, round) of a schedule.
inline constexpr TableVariable kTableVariables[] = {
    {Stage::dense, "risk", kSimulated | kExact | kDrawn | kSimulatedRounds | kPredictedRounds},
    {Stage::pruned, "risk", kSimulated | kExact | kDrawn | kSimulatedRounds | kPredictedRounds,
     kDrawn | kPredictedRounds},
    {Stage::retrained, "risk", kSimulated | kExact | kDrawn | kSimulatedRounds | kPredictedRounds,
     kDrawn | kPredictedRounds},
    {Stage::compensated, "risk", kSimulated | kExact | kDrawn, kDrawn},
    {Stage::dense, "accuracy", kSimulated | kDrawn | kSimulatedRounds, kDrawn},
    {Stage::pruned, "accuracy", kSimulated | kDrawn | kSimulatedRounds, kDrawn},
    {Stage::retrained, "accuracy", kSimulated | kDrawn | kSimulatedRounds, kDrawn},
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
  std::vector<std::string> names;                  ///< "dense_risk", "pruned_risk_stderr", "draws"
  std::vector<std::vector<Dimension>> dimensions;  ///< of each array
  std::vector<std::vector<double>> values;         ///< of each array

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
  /// The same of a table that is about to go.
  /// @param name  of the array
  /// @throws std::out_of_range that lists the names there are
  std::vector<double> operator[](std::string_view name) && { return std::move(values[at(name)]); }
  /// The numbers of an array, in C order, to be written.
  /// @param name  of the array
  /// @return the first of them, or null where there is no such array
  double* find(std::string_view name);
  /// Appends an array of NaN.
  /// @param name  that no array has
  /// @param of    its dimensions
  void add(std::string name, std::vector<Dimension> of);

 private:
  std::size_t position(std::string_view name) const;  // names.size() where there is none
  std::size_t at(std::string_view name) const;
};

/// Tables of blocks of trials as one, in the order given: for trials that threads, processes or
/// machines of your own run, each with its `first` and `count`. Bit for bit what one call for all
/// of them returns.
/// @param blocks  (any number) of one problem, grid and n
/// @return their trials, one after the other
/// @throws std::invalid_argument for blocks of different grids
RiskTable join(const std::vector<RiskTable>& blocks);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
