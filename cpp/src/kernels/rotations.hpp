// Plane rotations of the columns of a matrix, recorded and applied many sweeps at a time.
//
// A few rows of the matrix stay in cache while all recorded sweeps pass over them (Van Zee, van de
// Geijn, Quintana-Orti, 2014). The symmetric eigensolver, eigen.cpp, uses them.
#pragma once

#include <vector>

#include "kernels/maps.hpp"
#include "kernels/packet.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

using Vector = Eigen::VectorXd;

/// Rotations of columns i and i + 1 by (x_i, x_{i+1}) = (c x_i - s x_{i+1}, s x_i + c x_{i+1}),
/// recorded sweep by sweep, every sweep for falling i, and applied to the columns of a matrix.
class Rotations {
 public:
  Rotations(Size n, double* a, Size lda)
      : n_(n),
        a_(a),
        lda_(lda),
        most_(Eigen::numext::maxi<Size>(Size{1} << 16, 16 * n)),
        recorded_(2 * (most_ + kSweeps * (n + kSweeps))),
        rows_(Vector::Zero(kRows * (n + 2 * kSweeps))) {}

  void add(Size i, double c, double s) { wave_.push_back({i, sweeps_, c, s}); }

  void end_sweep() {
    if (++sweeps_ == kSweeps) end_wave();
    if (used_ >= 2 * most_) apply();
  }

  void finish() {
    end_wave();
    apply();
  }

 private:
  static constexpr int kSweeps = kWidth == 8 ? 4 : 2;  // of a wave: what the registers hold
  static constexpr int kPackets = 4;
  static constexpr Size kRows = kPackets * kWidth;

  struct Rotation {
    Size i, sweep;
    double c, s;
  };
  /// Sweeps that follow one another through the columns: at step i sweep w rotates columns i + w, i
  /// + w + 1.
  struct Wave {
    Size first, steps;  // i = first, first - 1, ...
    Size at;            // of its pairs (c, s), (steps, kSweeps), an identity where a sweep has none
  };

  void end_wave() {
    Size low = n_, high = 0;
    for (const Rotation& rotation : wave_) {
      low = Eigen::numext::mini(low, rotation.i);
      high = Eigen::numext::maxi(high, rotation.i);
    }
    if (!wave_.empty()) {
      const Wave wave{high, high - low + kSweeps, used_};
      used_ += 2 * kSweeps * wave.steps;
      for (Size at = wave.at; at < used_; at += 2) {
        recorded_(at) = 1.0;
        recorded_(at + 1) = 0.0;
      }
      for (const Rotation& rotation : wave_) {
        const Size step = high - rotation.i + rotation.sweep;
        recorded_(wave.at + 2 * (step * kSweeps + rotation.sweep)) = rotation.c;
        recorded_(wave.at + 2 * (step * kSweeps + rotation.sweep) + 1) = rotation.s;
      }
      waves_.push_back(wave);
    }
    wave_.clear();
    sweeps_ = 0;
  }

  /// A few rows at a time, side by side in `rows_` between empty columns that a wave may touch.
  void apply() {
    if (waves_.empty()) return;
    double* const columns = rows_.data() + kRows * kSweeps;
    for (Size first = 0; first < n_; first += kRows) {
      look();
      const Size rows = n_ - first < kRows ? n_ - first : kRows;
      for (Size j = 0; j < n_; ++j)
        for (Size i = 0; i < rows; ++i) columns[j * kRows + i] = a_[first + i + j * lda_];
      for (const Wave& wave : waves_) run(wave, columns);
      for (Size j = 0; j < n_; ++j)
        for (Size i = 0; i < rows; ++i) a_[first + i + j * lda_] = columns[j * kRows + i];
    }
    waves_.clear();
    used_ = 0;
  }

  void run(const Wave& wave, double* columns) const {
    Packet held[kSweeps][kPackets];  // column i + w + 1 as sweep w left it
    double* column = columns + wave.first * kRows;
    for (int w = 0; w < kSweeps; ++w)
      for (int r = 0; r < kPackets; ++r) held[w][r] = load(column + (w + 1) * kRows + r * kWidth);
    const double* rotation = recorded_.data() + wave.at;
    for (Size step = 0; step < wave.steps; ++step, column -= kRows, rotation += 2 * kSweeps) {
      Packet c[kSweeps], s[kSweeps];
      for (int w = 0; w < kSweeps; ++w) {
        c[w] = spread(rotation[2 * w]);
        s[w] = spread(rotation[2 * w + 1]);
      }
      for (int r = 0; r < kPackets; ++r) {
        Packet x = load(column + r * kWidth);
        for (int w = 0; w < kSweeps; ++w) {
          const Packet above = add_product(Eigen::internal::pmul(s[w], x), c[w], held[w][r]);
          held[w][r] = subtract_product(Eigen::internal::pmul(c[w], x), s[w], held[w][r]);
          x = above;
        }
        store(column + kSweeps * kRows + r * kWidth, x);
      }
    }
    for (int w = 0; w < kSweeps; ++w)
      for (int r = 0; r < kPackets; ++r) store(column + (w + 1) * kRows + r * kWidth, held[w][r]);
  }

  Size n_;
  double* a_;
  Size lda_, most_, sweeps_ = 0, used_ = 0;
  Vector recorded_, rows_;
  std::vector<Rotation> wave_;
  std::vector<Wave> waves_;
};

}  // namespace
OVERPRUNE_END_LEVEL
