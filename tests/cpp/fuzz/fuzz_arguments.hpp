// Arguments for fuzz.cpp: numbers of every kind behind views of every kind, a few of them wrong on
// purpose.
//
// An array lies in a heap buffer of exactly the length that its view spans, so that a sanitizer
// sees every read outside of it; what the view leaves out holds a NaN of its own, which nothing may
// read or change.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "overprune/pruning.hpp"
#include "overprune/scalar_function.hpp"
#include "overprune/types.hpp"

namespace fuzz {

using namespace overprune;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kGuard = 0x7FF85CA1AB1E0000;  // a NaN that no arithmetic makes

/// What an array's numbers look like.
enum class Kind { plain, ties, positive, probability, any };

/// The numbers of one array behind a view.
class Numbers {
 public:
  Numbers(Index rows, Index cols, Index row_stride, Index col_stride)
      : rows_(rows), cols_(cols), row_stride_(row_stride), col_stride_(col_stride) {
    Index low = 0, high = -1;
    if (rows > 0 && cols > 0) {
      const Index down = (rows - 1) * row_stride, right = (cols - 1) * col_stride;
      low = std::min(down, Index{0}) + std::min(right, Index{0});
      high = std::max(down, Index{0}) + std::max(right, Index{0});
    }
    length_ = high - low + 1;
    memory_.reset(new double[static_cast<std::size_t>(length_)]);
    std::fill_n(memory_.get(), length_, std::bit_cast<double>(kGuard));
    data_ = memory_.get() - low;
  }

  void forget_data() { data_ = nullptr; }
  Matrix matrix() const { return {data_, rows_, cols_, row_stride_, col_stride_}; }
  Vector vector() const { return {data_, rows_, row_stride_}; }
  Index length() const { return length_; }

  std::vector<std::uint64_t> bits() const {
    std::vector<std::uint64_t> found(length_);
    for (Index i = 0; i < length_; ++i) found[i] = std::bit_cast<std::uint64_t>(memory_[i]);
    return found;
  }

  /// Whether what the view leaves out is as it was.
  bool padding_is_untouched() const {
    std::vector<char> inside(length_, 0);
    for (Index j = 0; j < cols_; ++j)
      for (Index i = 0; i < rows_; ++i)
        inside[data_ + i * row_stride_ + j * col_stride_ - memory_.get()] = 1;
    for (Index i = 0; i < length_; ++i)
      if (!inside[i] && std::bit_cast<std::uint64_t>(memory_[i]) != kGuard) return false;
    return true;
  }

 private:
  Index rows_, cols_, row_stride_, col_stride_, length_ = 0;
  std::unique_ptr<double[]> memory_;
  double* data_ = nullptr;
};

/// Draws the arguments of one call and remembers what is wrong with them.
class Arguments {
 public:
  explicit Arguments(std::uint64_t seed, bool honest) : state_(seed), honest_(honest) {}

  bool wrong = false;    ///< something was drawn that the function must refuse
  std::string mistakes;  ///< where they were made
  bool extreme = false;  ///< numbers so large or small that a finite answer may not exist

  std::uint64_t bits() {  // splitmix64
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  Index below(Index n) { return static_cast<Index>(bits() % static_cast<std::uint64_t>(n)); }
  Index between(Index low, Index high) { return low + below(high - low + 1); }
  bool one_in(Index n) { return below(n) == 0; }
  double unit() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  bool flip() { return one_in(2); }
  bool mistake(Index odds, int line = __builtin_LINE()) {
    if (honest_ || !one_in(odds)) return false;
    mistakes += " line " + std::to_string(line);
    return wrong = true;
  }

  /// `right`, or now and then a length that is not.
  Index extent(Index right) {
    if (!mistake(60)) return right;
    const Index others[] = {right + 1, right - 1, -right, 0, -1, right + 7};
    Index other = others[below(6)];
    while (other == right) other = others[below(6)];
    return other;
  }
  /// An extent in [1, most], or now and then one that is not positive.
  Index size(Index most) { return mistake(60) ? -below(3) : between(1, most); }
  Index count(Index low, Index high) {
    if (!mistake(60)) return between(low, high);
    const Index others[] = {low - 1, high + 1, -1000, std::numeric_limits<Index>::min(),
                            std::numeric_limits<Index>::max()};
    return others[below(5)];
  }
  /// The same where there is no upper end.
  Index at_least(Index low, Index high) {
    return mistake(60) ? low - 1 - below(3) : between(low, high);
  }
  double nonnegative(double scale = 1.0) {
    if (mistake(60)) {
      const double bad[] = {-1.0, kNaN, kInfinity, -kInfinity, -5e-324};
      return bad[below(5)];
    }
    return one_in(3) ? 0.0 : scale * unit();
  }
  Rule rule() { return static_cast<Rule>(below(4)); }
  std::vector<Rule> rules(bool oracle = true) {
    std::vector<Rule> found;
    for (int r = 0; r < 4; ++r)
      if (flip() && (oracle || static_cast<Rule>(r) != Rule::oracle))
        found.push_back(static_cast<Rule>(r));
    if (found.empty()) found.push_back(Rule::magnitude);
    if (mistake(60)) found.push_back(found[0]);
    if (mistake(60)) found.clear();
    return found;
  }
  ScalarFunction function() { return static_cast<Activation>(below(7)); }

  /// Strictly increasing integers in [1, most].
  Indices increasing(Index most) {
    Indices found;
    for (Index k = 1; k <= most; ++k)
      if (one_in(3)) found.push_back(k);
    if (found.empty()) found.push_back(between(1, most));
    if (mistake(60)) found.push_back(most + 1 + below(3));
    if (mistake(60)) found.insert(found.begin(), -below(3));
    if (mistake(60)) found.push_back(found.back());
    if (mistake(60)) found.clear();
    return found;
  }
  /// At least `least` distinct integers in [0, most), in any order.
  Indices distinct(Index most, Index least = 1) {
    Indices found(most);
    for (Index i = 0; i < most; ++i) found[i] = i;
    for (Index i = most; i-- > 1;) std::swap(found[i], found[below(i + 1)]);
    found.resize(between(std::min(least, most), most));
    if (mistake(60)) found.push_back(found.empty() ? -1 : found[0]);
    if (mistake(60)) found[below(static_cast<Index>(found.size()))] = flip() ? most : -1;
    return found;
  }

  /// An array (rows, cols) of any layout; `output`: each element in a place of its own, and nothing
  /// in it.
  Numbers array(Index rows, Index cols, Kind kind = Kind::plain) {
    Numbers numbers = layout(rows, cols, false);
    if (numbers.length() == 0 && flip()) numbers.forget_data();
    const Matrix view = numbers.matrix();
    const double scale = one_in(12) ? unusual_scale() : 1.0;
    const bool rough = one_in(12), units = one_in(16), constants = one_in(16);
    for (Index j = 0; j < cols; ++j) {
      const double size = units ? unusual_scale() : scale, first = number(kind, size, rough);
      const bool constant = constants && flip();
      for (Index i = 0; i < rows; ++i) view(i, j) = constant ? first : number(kind, size, rough);
    }
    if (rows > 0 && cols > 0 && kind != Kind::any && mistake(40)) {
      const double bad[] = {kNaN, kInfinity, -kInfinity};
      view(below(rows), below(cols)) = bad[below(3)];
    }
    return numbers;
  }
  Numbers output(Index rows, Index cols) { return layout(rows, cols, true); }

  /// A symmetric positive semidefinite matrix (p, p), now and then one that is not.
  Numbers covariance(Index p, Index extent_of_view) {
    Numbers numbers = layout(extent_of_view, extent_of_view, true);
    if (p < 1 || extent_of_view < p) return numbers;
    const Matrix view = numbers.matrix();
    const Index rank = one_in(4) ? between(1, p) : p;
    std::vector<double> root(p * rank);
    for (double& value : root) value = number(Kind::plain, 1.0, false);
    const double scale = one_in(12) ? unusual_scale() : 1.0;
    for (Index i = 0; i < extent_of_view; ++i)
      for (Index j = 0; j < extent_of_view; ++j) {
        double sum = 0.0;
        for (Index r = 0; r < rank && i < p && j < p; ++r)
          sum += root[i * rank + r] * root[j * rank + r];
        view(i, j) = scale * sum;
      }
    if (mistake(30)) spoil(view, p, scale);
    return numbers;
  }

 private:
  /// Leaves a covariance that is not symmetric, or not finite.
  void spoil(Matrix view, Index p, double scale) {
    if (p > 1 && flip()) {
      view(0, p - 1) += 0.5 * scale * (1.0 + std::abs(view(0, 0)));
      for (Index i = 0; i < p; ++i) view(i, i) = std::min(view(i, i), 4.0 * scale);
    } else {
      view(below(p), below(p)) = flip() ? kNaN : kInfinity;
    }
  }

  double unusual_scale() {
    extreme = true;
    const double scales[] = {1e-300, 1e-160, 1e-100, 1e-30, 1e30, 1e100, 1e160, 1e300};
    return scales[below(8)];
  }
  double number(Kind kind, double scale, bool rough) {
    if (kind == Kind::any && one_in(4)) {
      const double odd[] = {kInfinity, -kInfinity, 0.0, -0.0, 1.0};
      return odd[below(5)];
    }
    if (rough && flip()) {
      extreme = true;
      const double odd[] = {0.0, -0.0, 5e-324, -2e-310, 2.3e-308, 1e300, -1e300, 1.7e308, 1e-300};
      const double value = odd[below(9)];
      return kind == Kind::positive || kind == Kind::probability ? std::abs(value) : value;
    }
    if (kind == Kind::ties) return static_cast<double>(between(-2, 2));
    if (kind == Kind::positive) return one_in(6) ? 0.0 : scale * (0.01 + 3.0 * unit());
    if (kind == Kind::probability) return scale * (0.01 + unit());
    return scale * (one_in(8) ? 0.0 : 4.0 * unit() - 2.0);
  }

  Numbers layout(Index rows, Index cols, bool output) {
    const Index r = std::max(rows, Index{1}), c = std::max(cols, Index{1});
    Index down = 1, right = r;
    switch (below(6)) {
      case 0:  // column-major, perhaps padded
        right = r + below(3);
        break;
      case 1:  // row-major, perhaps padded
        right = 1;
        down = c + below(3);
        break;
      case 2:  // with gaps everywhere
        down = between(1, 3);
        right = down * r + below(4);
        break;
      case 3:
        right = between(1, 3);
        down = right * c + below(4);
        break;
      case 4:  // one row or column for all
        if (!output) (flip() ? down : right) = 0;
        break;
      default:
        break;
    }
    if (one_in(4)) down = -down;
    if (one_in(4)) right = -right;
    return {rows, cols, down, right};
  }

  std::uint64_t state_;
  bool honest_;
};

}  // namespace fuzz
