// Classifiers of independent features: sums over atoms; docs/theory.md, section 11.
#pragma once

#include <memory>

#include "theory/classes/second_training.hpp"
#include "theory/selection.hpp"

namespace overprune::theory {

/// The first k features, trained and pruned.
class TrainedAtoms {
 public:
  /// @param field  variance of the teacher's field with its noise
  TrainedAtoms(const Features& features, double field, double n, double k, const Loss& loss,
               double ridge);
  TrainedAtoms(const TrainedAtoms&) = delete;

  const FirstTraining& first() const { return first_; }
  void select(Rule rule);
  /// The survivors of pruning to s, from here on.
  void keep(double s);
  /// Whether at most features without variance went.
  bool keeps_all() const { return kept_.total == atoms_.total; }
  /// Overlaps of the pruned model: m and q.
  std::pair<double, double> pruned() const;
  SecondTraining retrained(double ridge) const;
  /// The same, with what it remembers of the first training on supports of any rule.
  SecondTraining remembering(double ridge) const;
  SecondTraining whole(double ridge) const { return trained_on(energies_, ridge); }

 private:
  SecondTraining trained_on(const Energies& energies, double ridge) const;
  Supports supports() const;

  const Features& features_;
  double field_, n_, k_;
  const Loss& loss_;
  Atoms atoms_, scaled_;  // the truth's signal, and kappa times it
  std::vector<double> signal_, coefficient_;
  Energies energies_;
  FirstTraining first_;
  DenseLaw law_;
  std::unique_ptr<Selection> selection_;
  Kept kept_;
};

}  // namespace overprune::theory
