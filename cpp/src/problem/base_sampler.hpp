// What the samplers of the problems have in common.
#pragma once

#include "base/block.hpp"
#include "base/pace.hpp"
#include "overprune/problem.hpp"
#include "overprune/random.hpp"

namespace overprune {

/// Columns that are chosen and drawn at once: what they are made of is gathered.
inline constexpr Index kChosenAtOnce = 512;

/// A matrix that takes a stream's normals column after column.
void fill_normals(StreamKey key, Block out, const Poll& poll);
/// y += x beta.
void respond(ConstBlock x, ConstMatrix beta, Block y);
/// y += noise_std z, one stream for all targets.
void add_noise(double noise_std, std::uint64_t seed, std::uint64_t trial, Buffer& buffer, Block y);

/// Holds the response (n, m) and, where asked, the design (n, p), which the samplers fill. Where it
/// does not, they draw the columns.
class BaseSampler : public Sampler {
 public:
  BaseSampler(Index n, Index p, Index m, bool hold)
      : p_(p), hold_(hold), x_(x_buffer_.block(n, hold ? p : 0)), y_(y_buffer_.block(n, m)) {}
  ConstMatrix design() const override { return column_major(x_.data, x_.rows, x_.cols); }
  ConstMatrix response() const override { return column_major(y_.data, y_.rows, y_.cols); }
  void columns(Index first, Matrix out) const final;
  void chosen_columns(const Index* which, Matrix out) const final;

 private:
  /// Columns first, ..., first + out.cols - 1 of X.
  virtual void draw_columns(Index first, Block out) const = 0;
  /// The columns which[0..out.cols).
  virtual void draw_chosen(const Index* which, Block out) const = 0;

  Index p_;
  Buffer x_buffer_, y_buffer_;

 protected:
  const bool hold_;
  Block x_, y_;
  mutable Buffer scratch_;
};

}  // namespace overprune
