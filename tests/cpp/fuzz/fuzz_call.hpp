// One call of fuzz.cpp: what it was given, whether it was refused, and what it may return.
#pragma once

#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "fuzz_arguments.hpp"

namespace fuzz {

/// What a target found wrong with the library; ends the call.
struct Defect : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The arguments of one call and the judgement of its outcome.
class Call : public Arguments {
 public:
  using Arguments::Arguments;

  bool may_refuse = false;  ///< good arguments, too, may meet a documented std::invalid_argument
  bool refused = false;

  /// Inputs are watched: the call must not change them.
  Numbers& input(Numbers&& numbers) {
    kept_.push_back(std::make_unique<Numbers>(std::move(numbers)));
    before_.push_back(kept_.back()->bits());
    return *kept_.back();
  }
  Numbers& output(Index rows, Index cols) {
    outputs_.push_back(std::make_unique<Numbers>(Arguments::output(rows, cols)));
    return *outputs_.back();
  }
  ConstMatrix matrix(Index rows, Index cols, Kind kind = Kind::plain) {
    return input(array(rows, cols, kind)).matrix();
  }
  ConstVector vector(Index size, Kind kind = Kind::plain) {
    return input(array(size, 1, kind)).vector();
  }
  ConstMatrix symmetric(Index p) { return input(covariance(p, extent(p))).matrix(); }

  /// Runs the function under test: true where it claims success.
  bool operator()(const std::function<void()>& function) {
    std::string refusal;
    try {
      function();
    } catch (const std::invalid_argument& error) {
      refused = true;
      refusal = error.what();
    }
    for (std::size_t i = 0; i < kept_.size(); ++i)
      if (kept_[i]->bits() != before_[i]) throw Defect("changed an input");
    for (const auto& output : outputs_)
      if (!output->padding_is_untouched()) throw Defect("wrote between the elements of an output");
    if (refused && refusal.empty()) throw Defect("refused without a message");
    if (refused && !wrong && !may_refuse) throw Defect("refused good arguments: " + refusal);
    if (!refused && wrong) throw Defect("took wrong arguments:" + mistakes);
    return !refused;
  }

  /// The inputs, for a person to look at.
  std::string inputs() const {
    std::ostringstream text;
    text.precision(17);
    for (const auto& input : kept_) {
      const ConstMatrix view = input->matrix();
      text << "  (" << view.rows << ", " << view.cols << ")";
      for (Index i = 0; i < view.rows && view.data; ++i)
        for (Index j = 0; j < view.cols; ++j) text << " " << view(i, j);
      text << "\n";
    }
    return text.str();
  }

  /// Every number is there and none is NaN; none is infinite unless that is documented or nothing
  /// else is possible.
  void number(double value, const char* name, bool infinite = false) const {
    if (std::isnan(value)) throw Defect(std::string(name) + " is NaN");
    if (std::isinf(value) && !infinite && !extreme)
      throw Defect(std::string(name) + " is infinite");
  }
  void numbers(const std::vector<double>& values, Index expected, const char* name,
               bool infinite = false) const {
    if (static_cast<Index>(values.size()) != expected)
      throw Defect(std::string(name) + " has the wrong length");
    for (const double value : values) number(value, name, infinite);
  }
  void numbers(ConstMatrix values, const char* name, bool infinite = false) const {
    for (Index j = 0; j < values.cols; ++j)
      for (Index i = 0; i < values.rows; ++i) number(values(i, j), name, infinite);
  }
  void numbers(ConstVector values, const char* name) const {
    numbers(ConstMatrix{values.data, values.size, 1, values.stride, 0}, name);
  }
  /// (outer, K, S) numbers, NaN exactly where nonzeros > size.
  template <class Number>
  void grid(const std::vector<double>& values, Index outer, const std::vector<Number>& sizes,
            const std::vector<Number>& nonzeros, const char* name, bool infinite) const {
    const std::size_t block = sizes.size() * nonzeros.size();
    if (values.size() != static_cast<std::size_t>(outer) * block)
      throw Defect(std::string(name) + " has the wrong length");
    for (std::size_t at = 0; at < values.size(); ++at) {
      const bool skipped =
          nonzeros[at % nonzeros.size()] > sizes[at / nonzeros.size() % sizes.size()];
      if (!skipped) number(values[at], name, infinite);
      if (skipped && !std::isnan(values[at]))
        throw Defect(std::string(name) + " beyond the size is a number");
    }
  }
  void indices(const Indices& values, Index expected, Index end, const char* name) const {
    if (static_cast<Index>(values.size()) != expected)
      throw Defect(std::string(name) + " has the wrong length");
    Indices sorted = values;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i)
      if (sorted[i] < 0 || sorted[i] >= end || (i > 0 && sorted[i] == sorted[i - 1]))
        throw Defect(std::string(name) + " holds no distinct indices");
  }

 private:
  std::vector<std::unique_ptr<Numbers>> kept_, outputs_;
  std::vector<std::vector<std::uint64_t>> before_;
};

struct Target {
  const char* name;
  void (*function)(Call&);
};

extern const std::vector<Target> kArrayTargets;  ///< functions of arrays: fuzz_arrays.cpp
extern const std::vector<Target>
    kProblemTargets;  ///< problems, theory and simulation: fuzz_problems.cpp

}  // namespace fuzz
