#include "problem/spectrum.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "overprune/prune_path.hpp"

namespace overprune {
namespace theory {
namespace {

std::uint64_t hash_of(double eigenvalue, double coefficient, bool gaussian) {
  std::uint64_t h = std::bit_cast<std::uint64_t>(eigenvalue) * 0x9E3779B97F4A7C15U;
  h = (h ^ (h >> 29)) + std::bit_cast<std::uint64_t>(coefficient) + (gaussian ? 1U : 0U);
  h *= 0xBF58476D1CE4E5B9U;
  return h ^ (h >> 32);
}

void check_feature(double eigenvalue, double coefficient, Index i, const char* name) {
  if (!(eigenvalue >= 0.0) || !std::isfinite(eigenvalue))
    check::fail("eigenvalues must be finite and at least 0, got ", eigenvalue, " at index ", i);
  if (!std::isfinite(coefficient))
    check::fail(name, " must be finite, got ", coefficient, " at index ", i);
}

}  // namespace

Features::Features(ConstVector eigenvalues, ConstVector beta, double noise_std) {
  check::view("eigenvalues", eigenvalues);
  check::view("beta", beta);
  check::same("beta", eigenvalues.size, beta.size);
  check::nonnegative("noise_std", noise_std);
  finite_ = true;
  double lam = 0.0, coefficient = 0.0;
  Index start = 0;
  Pace pace;
  for (Index i = 0; i < eigenvalues.size; ++i) {
    pace(1);
    // A feature equal to the one before it, which was checked, needs no check.
    if (i > 0 && eigenvalues(i) == lam && std::abs(beta(i)) == coefficient) continue;
    pace(64);  // a place in the hash table is found in memory, not in cache
    check_feature(eigenvalues(i), beta(i), i, "beta");
    if (i > start) add(lam, coefficient, false, static_cast<double>(i - start));
    start = i;
    lam = eigenvalues(i);
    coefficient = std::abs(beta(i));
  }
  if (eigenvalues.size > start)
    add(lam, coefficient, false, static_cast<double>(eigenvalues.size - start));
  finish(noise_std);
}

Features::Features(const Spectrum& spectrum) {
  const Index blocks = spectrum.eigenvalues.size;
  if (blocks == 0) check::fail("eigenvalues must not be empty");
  check::view("eigenvalues", spectrum.eigenvalues);
  check::view("weights", spectrum.weights);
  check::view("signal", spectrum.signal);
  check::same("weights", blocks, spectrum.weights.size);
  check::same("signal", blocks, spectrum.signal.size);
  if (!spectrum.gaussian.empty())
    check::same("gaussian", blocks, static_cast<Index>(spectrum.gaussian.size()));
  check::nonnegative("noise_std", spectrum.noise_std);
  for (Index i = 0; i < blocks; ++i) {
    check_feature(spectrum.eigenvalues(i), spectrum.signal(i), i, "signal");
    if (!(spectrum.weights(i) > 0.0) || !std::isfinite(spectrum.weights(i)))
      check::fail("weights must be finite and above 0, got ", spectrum.weights(i), " at index ", i);
    const double signal = std::abs(spectrum.signal(i));
    const bool gaussian = !spectrum.gaussian.empty() && spectrum.gaussian[i] && signal > 0.0;
    add(spectrum.eigenvalues(i), signal, gaussian, spectrum.weights(i));
  }
  finish(spectrum.noise_std);
}

void Features::add(double eigenvalue, double coefficient, bool gaussian, double count) {
  run_atom_.push_back(eigenvalue > 0.0 ? atom(eigenvalue, coefficient, gaussian) : -1);
  count_.push_back(count);
  end_.push_back(size() + count);
  energy_.push_back(eigenvalue * coefficient * coefficient);
}

/// The number of the atom with this eigenvalue and coefficient; a new one is added.
Index Features::atom(double eigenvalue, double coefficient, bool gaussian) {
  if (2 * signal_.size() >= slots_.size()) rehash(std::max<std::size_t>(64, 2 * slots_.size()));
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash_of(eigenvalue, coefficient, gaussian) & mask;
  for (; slots_[slot] >= 0; slot = (slot + 1) & mask) {
    const Index a = slots_[slot];
    if (eigenvalue_[a] == eigenvalue && coefficient_[a] == coefficient &&
        (gaussian_[a] != 0) == gaussian)
      return a;
  }
  slots_[slot] = atoms();
  eigenvalue_.push_back(eigenvalue);
  coefficient_.push_back(coefficient);
  signal_.push_back(coefficient * std::sqrt(eigenvalue));
  gaussian_.push_back(gaussian ? 1 : 0);
  any_gaussian_ = any_gaussian_ || gaussian;
  return slots_[slot];
}

void Features::rehash(std::size_t slots) {
  slots_.assign(slots, -1);
  Pace pace;
  for (std::size_t a = 0; a < signal_.size(); ++a) {
    pace(16);
    std::size_t slot = hash_of(eigenvalue_[a], coefficient_[a], gaussian_[a] != 0) & (slots - 1);
    while (slots_[slot] >= 0) slot = (slot + 1) & (slots - 1);
    slots_[slot] = static_cast<Index>(a);
  }
}

void Features::finish(double noise_std) {
  slots_ = {};
  noise_.resize(end_.size());
  look();
  // From the tail, so that the smallest noise is a sum of few terms and never a difference.
  double noise = noise_std * noise_std;
  for (std::size_t run = end_.size(); run-- > 0;) {
    noise_[run] = noise;
    noise += count_[run] * energy_[run];
  }
  null_risk_ = noise;
  look();
  if (!std::isfinite(noise_std * noise_std))
    check::fail("noise_std must have a finite square, got ", noise_std);
  if (!std::isfinite(null_risk_))
    check::fail("eigenvalues must have a finite risk of theta = 0 with these coefficients, got ",
                null_risk_);
  by_signal_.resize(signal_.size());
  std::iota(by_signal_.begin(), by_signal_.end(), Index{0});
  Pace pace;
  std::stable_sort(by_signal_.begin(), by_signal_.end(), [&](Index a, Index b) {
    pace(4);
    return signal_[a] > signal_[b];
  });
}

Growing::Growing(const Features& features) : features_(features) {}

void Growing::grow(double k, Atoms& atoms) {
  const Features& f = features_;
  const auto count = [](std::vector<double>& counts, double& total, Index atom, double more) {
    if (atom < 0) return;  // no variance
    if (atom >= static_cast<Index>(counts.size())) counts.resize(atom + 1, 0.0);
    counts[atom] += more;
    total += more;
  };
  Pace pace;
  for (; run_ < f.end_.size() && f.end_[run_] <= k; ++run_, pace(8))
    count(count_, total_, f.run_atom_[run_], f.count_[run_]);
  look();
  atoms.count = count_;
  atoms.total = total_;
  atoms.noise = run_ > 0 ? f.noise_[run_ - 1] : f.null_risk_;
  const double start = run_ > 0 ? f.end_[run_ - 1] : 0.0;
  if (run_ < f.end_.size() && start < k) {  // a part of the next run
    count(atoms.count, atoms.total, f.run_atom_[run_], k - start);
    atoms.noise = f.noise_[run_] + (f.end_[run_] - k) * f.energy_[run_];
  }
  atoms.eigenvalue = f.eigenvalue_.data();
  atoms.coefficient = f.coefficient_.data();
  atoms.signal = f.signal_.data();
  atoms.gaussian = f.any_gaussian_ ? f.gaussian_.data() : nullptr;
}

}  // namespace theory

GroupedFeatures::GroupedFeatures(ConstVector eigenvalues, ConstVector beta, double noise_std)
    : features_(std::make_shared<const theory::Features>(eigenvalues, beta, noise_std)) {}
GroupedFeatures::GroupedFeatures(const Spectrum& spectrum)
    : features_(std::make_shared<const theory::Features>(spectrum)) {}
double GroupedFeatures::total() const { return features_->size(); }
double GroupedFeatures::null_risk() const { return features_->null_risk(); }
Index GroupedFeatures::runs() const { return features_->runs(); }
Index GroupedFeatures::atoms() const { return features_->atoms(); }

namespace {

void check_axis(const char* name, const std::vector<double>& values) {
  if (values.empty()) check::fail(name, " must not be empty");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] > 0.0) || !std::isfinite(values[i]))
      check::fail(name, " must be finite and above 0, got ", values[i]);
    if (i > 0 && !(values[i] > values[i - 1]))
      check::fail(name, " must be strictly increasing, got ", values[i - 1], " before ", values[i]);
  }
}

}  // namespace

void check_grid(const RealGrid& grid, double total) {
  check_axis("sizes", grid.sizes);
  check_axis("nonzeros", grid.nonzeros);
  if (grid.sizes.back() > total * (1.0 + 1e-12))
    check::fail("sizes must be at most the total weight ", total, ", got ", grid.sizes.back());
  check_rules(grid.rules);
  for (const Rule rule : grid.rules)
    if (grid.compensate) check_cuts(rule, "compensation");
  check::nonnegative("ridge", grid.ridge);
  check::nonnegative("retrain_ridge", grid.retrain_ridge);
}

}  // namespace overprune
