#include "theory/remainder.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace overprune::theory {
namespace {

double trace(ConstBlock block) {
  double sum = 0.0;
  for (Index t = 0; t < block.rows; ++t) sum += block(t, t);
  return sum;
}

}  // namespace

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
  const Block beta = beta_buffer_.block(k, m), mean = mean_buffer_.block(k, m);
  Buffer rest_buffer;
  const Block rest = rest_buffer.block(k, m), signal = signal_buffer_.block(r, m);
  fill(beta, 0.0);
  copy(law.mean, mean);
  // A null space of correlated features takes a part of beta that training cannot see.
  const bool seen = r == k || basis.diagonal();
  copy_strided(all, 1.0, rest);
  // E theta - beta = -Sigma^+ F D u, far below beta for features that are large beside tau.
  Buffer shrunk_buffer, bias_buffer, inverse_buffer;
  const Block shrunk = shrunk_buffer.block(r, m), bias = bias_buffer.block(k, m);
  for (Index t = 0; t < m; ++t)
    for (Index j = 0; j < r; ++j) shrunk(j, t) = law.d[j] * basis.signal()(j, t);
  basis.solver(0.0, inverse_buffer).apply(shrunk, bias);
  for (Index t = 0; t < m; ++t)
    for (const Index i : kept_) {
      beta(i, t) = all(i, t);
      mean(i, t) = seen ? -bias(i, t) : law.mean(i, t) - all(i, t);
      rest(i, t) = 0.0;
    }
  beta_ = beta;
  mean_ = mean;
  basis.root().apply_transposed(rest, signal);
  const Block cross = cross_buffer_.block(k, m), energy = energy_buffer_.block(m, m),
              shift = shift_buffer_.block(m, m);
  basis.root().apply(signal, cross);
  weighted_gram(signal, std::vector<double>(r, 1.0), signal, energy);
  weighted_gram(basis.signal(), law.d, signal, shift);
  signal_ = signal;
  cross_ = cross;
  energy_ = energy;
  shift_ = shift;
}

bool far_above(double signal, double noise) {
  return signal > 0x1p20 * noise;
}  // else errors are below 1e-9

std::vector<char> certain(const std::vector<double>& least, const std::vector<double>& most,
                          const std::vector<double>& count, double s) {
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

Indices certain_survivors(const WhiteBasis& basis, const MatrixLaw& law, double n, Rule rule,
                          Index s) {
  const Index k = basis.features(), m = basis.targets();
  if (rule == Rule::random || !law.finite ||
      !far_above(trace(basis.energy()), trace(basis.noise())))
    return {};
  const std::vector<double> square = law.solver.square_rows();
  std::vector<double> least(k), most(k);
  for (Index i = 0; i < k; ++i) {
    double size = 0.0;
    for (Index t = 0; t < m; ++t) size = std::hypot(size, law.mean(i, t));
    const double spread = kBeyond * std::sqrt(square[i]) * std::sqrt(law.risk / n);
    const double weight = rule == Rule::hessian ? basis.root_variances()[i] : 1.0;
    least[i] = weight * (size - spread);
    most[i] = weight * (size + spread);
  }
  const std::vector<char> is_certain =
      certain(least, most, std::vector<double>(k, 1.0), static_cast<double>(s));
  Indices survivors;
  for (Index i = 0; i < k; ++i)
    if (is_certain[i]) survivors.push_back(i);
  return survivors;
}

}  // namespace overprune::theory
