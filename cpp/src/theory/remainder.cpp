#include "theory/remainder.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "theory/rule_scores.hpp"

namespace overprune::theory {

Remainder::Remainder(const WhiteBasis& basis, const MatrixLaw& law, Indices kept)
    : kept_(std::move(kept)),
      signal_(basis.signal()),
      cross_(basis.cross()),
      energy_(basis.energy()),
      shift_(law.shift),
      mean_(law.mean) {
  if (whole()) return;
  const Index k = basis.features(), m = basis.targets(), r = basis.rank();
  const ConstMatrix all = basis.problem().beta();
  OwnedMatrix rest(k, m);
  copy_strided(all, 1.0, rest);
  own_beta_ = OwnedMatrix(k, m);
  own_mean_ = law.mean;
  // A null space of correlated features takes a part of beta that training cannot see.
  const bool seen = r == k || basis.diagonal();
  // E theta - beta = -Sigma^+ F D u, far below beta for features that are large beside tau.
  const OwnedMatrix bias = basis.solver(0.0).apply(scaled_rows(law.d, basis.signal()));
  for (Index t = 0; t < m; ++t)
    for (const Index i : kept_) {
      own_beta_(i, t) = all(i, t);
      own_mean_(i, t) = seen ? -bias(i, t) : law.mean(i, t) - all(i, t);
      rest(i, t) = 0.0;
    }
  own_signal_ = basis.root().apply_transposed(rest);
  own_cross_ = basis.root().apply(own_signal_);
  own_energy_ = weighted_gram(own_signal_, std::vector<double>(r, 1.0), own_signal_);
  own_shift_ = weighted_gram(basis.signal(), law.d, own_signal_);
  signal_ = own_signal_;
  cross_ = own_cross_;
  energy_ = own_energy_;
  shift_ = own_shift_;
  beta_ = own_beta_;
  mean_ = own_mean_;
}

void Remainder::shrink(const Indices& support, double tau, Block rows) const {
  if (whole() || tau == 0.0) return;
  for (Index t = 0; t < rows.cols; ++t)
    for (Index i = 0; i < rows.rows; ++i) rows(i, t) -= tau * beta_(support[i], t);
}

bool far_above(double signal, double noise) {
  return signal > 0x1p20 * noise;
}  // else errors are below 1e-9

std::vector<char> ScoreBounds::certain(double s) const {
  Indices order(most.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index i, Index j) { return most[i] > most[j]; });
  // A survivor is certain where fewer than s others may have a score as large; it is above its own
  // least.
  double bar = -1.0, before = 0.0;
  for (const Index i : order)
    if ((before += count[i]) > s) {
      bar = most[i];
      break;
    }
  std::vector<char> found;
  for (const double one : least) found.push_back(one > bar);
  return found;
}

ScoreBounds score_bounds(const WhiteBasis& basis, const MatrixLaw& law, double n, Rule rule) {
  ScoreBounds bounds;
  if (!traits(rule).scores_coefficients || !law.finite ||
      !far_above(trace(basis.energy()), trace(basis.noise())))
    return bounds;
  const std::vector<double> square = law.solver.square_rows();
  for (Index i = 0; i < basis.features(); ++i) {
    double size = 0.0;
    for (Index t = 0; t < basis.targets(); ++t) size = std::hypot(size, law.mean(i, t));
    const double spread = kBeyond * std::sqrt(square[i]) * std::sqrt(law.risk / n);
    const double weight = score_weight(rule, basis.problem().variances()(i));
    bounds.add(weight * (size - spread), weight * (size + spread), 1.0);
  }
  return bounds;
}

Indices certain_survivors(const ScoreBounds& bounds, Index s) {
  const std::vector<char> is_certain = bounds.certain(static_cast<double>(s));
  Indices survivors;
  for (std::size_t i = 0; i < is_certain.size(); ++i)
    if (is_certain[i]) survivors.push_back(static_cast<Index>(i));
  return survivors;
}

}  // namespace overprune::theory
