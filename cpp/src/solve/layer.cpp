#include "overprune/layer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "base/team.hpp"
#include "kernels/table.hpp"
#include "solve/layer_rows.hpp"

namespace overprune {
namespace {

constexpr int kFoldDampings = 19;  // that tuning over folds tries

/// A power of two that brings the largest entry of a matrix near one.
double near_one(ConstMatrix values) {
  double largest = 0.0;
  Pace pace;
  for (Index i = 0; i < values.rows; ++i, pace(values.cols))
    for (Index j = 0; j < values.cols; ++j) largest = std::max(largest, std::abs(values(i, j)));
  return largest > 0.0 ? std::ldexp(1.0, -std::ilogb(largest)) : 1.0;
}

void check_layer_options(const LayerOptions& options, Index m, Index p, Index n) {
  check::position("rule", static_cast<int>(options.rule), kLayerRules);
  check::nonnegative("damping", options.damping);
  if (options.group > 0) {
    if (options.kept < 1 || options.kept > options.group)
      check::fail("pattern must keep between 1 and ", options.group, " of ", options.group,
                  " weights, got ", options.kept);
    if (p % options.group != 0)
      check::fail("pattern must divide the ", p, " inputs into whole groups, got groups of ",
                  options.group);
    if (options.whole_layer) check::fail("pattern must be used row by row, got the whole layer");
  } else {
    check::at_least("pattern (group)", options.group, 0);
    check::at_least("nonzeros", options.nonzeros, 1);
    const Index most = options.whole_layer ? m * p : p;
    if (options.nonzeros > most)
      check::fail("nonzeros must be at most ", most, ", got ", options.nonzeros);
  }
  if (options.folds != 0 && (options.folds < 2 || options.folds > n))
    check::fail("folds must be 0 or between 2 and the number of rows ", n, ", got ", options.folds);
}

/// One call.
class LayerPruner {
 public:
  LayerPruner(ConstMatrix weight, const LayerOptions& options, Index rows, Index workers,
              const Poll& poll)
      : weight_(weight), options_(options), workers_(workers), poll_(poll) {
    layer_.rows = static_cast<double>(rows);
    out_.m = weight.rows;
    out_.p = weight.cols;
  }

  PrunedLayer from_rows(ConstMatrix inputs) {
    Indices every(out_.p);
    std::iota(every.begin(), every.end(), Index{0});
    input_scale_ = near_one(inputs);
    layer_.moment = moment_buffer_.block(out_.p, out_.p);
    LayerRows{inputs, every, input_scale_}.moment(inputs.rows, inputs.rows, layer_.moment);
    take_live();
    rows_.emplace(LayerRows{inputs, live_, input_scale_});
    if (inputs.rows <= static_cast<Index>(live_.size()))
      layer_.inputs = rows_->without(inputs.rows, inputs.rows, rows_buffer_);
    return prune();
  }

  PrunedLayer from_moment(ConstMatrix moment) {
    // An even power of two, so that its root scales the inputs.
    double largest = 0.0;
    for (Index j = 0; j < out_.p; ++j) {
      if (moment(j, j) < 0.0)
        check::fail("second_moment must be positive semidefinite, got ", moment(j, j),
                    " on the diagonal at index ", j);
      largest = std::max(largest, moment(j, j));
    }
    if (largest > 0.0) input_scale_ = std::ldexp(1.0, -std::ilogb(largest) / 2);
    layer_.moment = moment_buffer_.block(out_.p, out_.p);
    copy_strided(moment, input_scale_ * input_scale_, layer_.moment);
    for (Index j = 0; j < out_.p; ++j)
      for (Index i = j; i < out_.p; ++i) layer_.moment(j, i) = layer_.moment(i, j);
    take_live();
    return prune();
  }

 private:
  /// Leaves the dead inputs out of the moments and takes the weights of the others.
  void take_live() {
    const Index p = out_.p;
    for (Index j = 0; j < p; ++j) (layer_.moment(j, j) > 0.0 ? live_ : out_.dead).push_back(j);
    const Index count = static_cast<Index>(live_.size());
    for (Index j = 0; j < count; ++j)
      for (Index i = 0; i < count; ++i)
        layer_.moment.data[i + j * count] = layer_.moment(live_[i], live_[j]);
    layer_.moment = {layer_.moment.data, count, count, count};
    weight_scale_ = near_one(weight_);
    layer_.weight = weight_buffer_.block(count, out_.m);
    Pace pace;
    for (Index t = 0; t < out_.m; ++t, pace(count))
      for (Index j = 0; j < count; ++j) layer_.weight(j, t) = weight_scale_ * weight_(t, live_[j]);
  }

  PrunedLayer prune() {
    const std::size_t m = static_cast<std::size_t>(out_.m), all = m * weight_.cols;
    out_.weight.assign(all, 0.0);
    out_.mask.assign(all, 0);
    for (auto* values :
         {&out_.output_power, &out_.training_loss, &out_.predicted_loss, &out_.degrees_of_freedom})
      values->assign(m, 0.0);
    out_.rank.assign(m, 0);
    out_.damping = options_.damping;
    if (live_.empty()) return std::move(out_);
    const MaskChooser chooser(options_, live_, out_.p);
    const double unit = input_scale_ * input_scale_;
    double damping = options_.damping * unit;
    if (options_.tune_damping && options_.refit) damping = best_damping(chooser);
    out_.damping = options_.tune_damping ? damping / unit : options_.damping;
    const std::vector<Indices> supports = chooser.all(layer_, damping, workers_, poll_);
    fit(supports, damping);
    if (options_.folds > 0) judge_selection(chooser, supports, damping);
    for (const auto* values : {&out_.weight, &out_.training_loss, &out_.predicted_loss})
      check::solved(*values);
    return std::move(out_);
  }

  /// Rows that stand for the layer, with as many weights as a row keeps in the mean.
  FoldStudy study(Indices sample, Indices counts) const {
    return {*rows_, layer_, options_.folds, std::move(sample), std::move(counts)};
  }

  double best_damping(const MaskChooser& chooser) {
    const Index p = layer_.moment.rows;
    double unit = 0.0;
    for (Index j = 0; j < p; ++j) unit += layer_.moment(j, j) / static_cast<double>(p);
    const Indices sample = sample_of_layer(out_.m);
    const Indices counts(sample.size(), chooser.mean_count(out_.m));
    if (options_.folds > 0) {
      std::vector<double> dampings = damping_grid(kFoldDampings), measured, formula;
      for (double& damping : dampings) damping *= unit;
      study(sample, counts).judge(chooser, true, 0.0, dampings, workers_, poll_, measured, formula);
      return dampings[std::min_element(measured.begin(), measured.end()) - measured.begin()];
    }
    const auto supports = chooser.some(layer_, 0.0, sample, counts, workers_, poll_);
    RowRefit refit;
    DampingCurve curve(layer_.rows);
    Buffer buffer;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const Block pull = buffer.block(p, 1);
      double unfitted = 0.0;
      refit.prepare(layer_, {&sample[i], 1}, {&supports[i], 1}, pull, &unfitted);
      curve.add({layer_, supports[i], refit.off(0), pull.data, unfitted});
    }
    return curve.best(unit);
  }

  void fit(const std::vector<Indices>& supports, double damping) {
    Indices rows(out_.m);
    std::iota(rows.begin(), rows.end(), Index{0});
    const double loss = 1.0 / (weight_scale_ * weight_scale_ * input_scale_ * input_scale_);
    const auto sink = [&](Index t, const RowFit& fit, const double* change) {
      out_.training_loss[t] = loss * fit.training;
      out_.predicted_loss[t] = loss * fit.predicted;
      out_.degrees_of_freedom[t] = fit.degrees;
      out_.rank[t] = fit.rank;
      double* weight = out_.weight.data() + t * out_.p;
      for (std::size_t i = 0; i < supports[t].size(); ++i) {
        const Index at = live_[supports[t][i]];
        weight[at] = weight_(t, at) + change[i] / weight_scale_;
        out_.mask[t * out_.p + at] = 1;
      }
    };
    fit_rows(layer_, rows, supports, options_.refit, damping, workers_, sink, poll_);
    const std::vector<Indices> nothing(out_.m);
    const auto power = [&](Index t, const RowFit& fit, const double*) {
      out_.output_power[t] = loss * fit.training;
    };
    fit_rows(layer_, rows, nothing, false, 0.0, workers_, power, poll_);
  }

  void judge_selection(const MaskChooser& chooser, const std::vector<Indices>& supports,
                       double damping) {
    const Indices sample = sample_of_layer(out_.m);
    Indices counts;
    for (const Index t : sample) counts.push_back(static_cast<Index>(supports[t].size()));
    std::vector<double> measured, formula;
    study(sample, counts)
        .judge(chooser, options_.refit, damping, {&damping, 1}, workers_, poll_, measured, formula);
    if (!(formula[0] > 0.0)) return;
    // The logarithm of the ratio falls as one over the rows, nearly.
    const double folds = static_cast<double>(options_.folds);
    out_.selection_factor = std::pow(measured[0] / formula[0], (folds - 1.0) / folds);
    for (double& own : out_.predicted_loss) own *= out_.selection_factor;
  }

  ConstMatrix weight_;
  const LayerOptions& options_;
  Index workers_;
  const Poll& poll_;
  PrunedLayer out_;
  LayerProblem layer_;
  std::optional<LayerRows> rows_;
  Indices live_;
  double input_scale_ = 1.0, weight_scale_ = 1.0;
  Buffer moment_buffer_, weight_buffer_, rows_buffer_;
};

void check_layer_weight(ConstMatrix weight, Index p, const char* beside) {
  check::at_least("weight (rows)", weight.rows, 1);
  check::at_least("weight (columns)", weight.cols, 1);
  check::same(beside, weight.cols, p);
  check::finite("weight", weight);
}

}  // namespace

PrunedLayer prune_layer(ConstMatrix weight, ConstMatrix inputs, const LayerOptions& options,
                        Index workers, const Poll& poll) {
  const Interruptible interruptible(poll);
  const TeamScope scope(workers);
  check::view("weight", weight);
  check::view("inputs", inputs);
  check_layer_weight(weight, inputs.cols, "inputs (columns)");
  check::at_least("inputs (rows)", inputs.rows, 1);
  check::finite("inputs", inputs);
  check_layer_options(options, weight.rows, weight.cols, inputs.rows);
  return LayerPruner(weight, options, inputs.rows, workers, poll).from_rows(inputs);
}

PrunedLayer prune_layer(ConstMatrix weight, ConstMatrix second_moment, Index rows,
                        const LayerOptions& options, Index workers, const Poll& poll) {
  const Interruptible interruptible(poll);
  const TeamScope scope(workers);
  check::view("weight", weight);
  check::view("second_moment", second_moment);
  check_layer_weight(weight, second_moment.cols, "second_moment (columns)");
  check::same("second_moment (rows)", second_moment.cols, second_moment.rows);
  check::finite("second_moment", second_moment);
  check::symmetric("second_moment", second_moment);
  check::at_least("rows", rows, 1);
  check_layer_options(options, weight.rows, weight.cols, rows);
  if (options.folds > 0)
    check::fail("folds must be 0 without the calibration rows, got ", options.folds);
  return LayerPruner(weight, options, rows, workers, poll).from_moment(second_moment);
}

double prune_layer_bytes(Index m, Index p, const LayerOptions& options, Index workers) {
  const double inputs = static_cast<double>(p), outputs = static_cast<double>(m);
  const bool is_surgeon = options.rule == LayerRule::surgeon;
  double kept = static_cast<double>(options.nonzeros);
  if (options.group > 0)
    kept = inputs * static_cast<double>(options.kept) / static_cast<double>(options.group);
  const double largest = options.whole_layer ? inputs : kept;
  // The moments; the weights, the result and what is kept; for the surgeon a metric with its
  // inverse, and two integers or doubles a removal where the rows compete.
  double numbers =
      inputs * inputs + 2.125 * inputs * outputs + (options.whole_layer ? kept : kept * outputs);
  if (is_surgeon) numbers += 2.0 * inputs * inputs;
  if (is_surgeon && options.whole_layer) numbers += 2.0 * inputs * outputs;
  // X itself where its rows are few, and without a fold, with the moments of what is left.
  numbers += (options.folds > 0 ? 3.0 : 1.0) * inputs * inputs;
  const double surgeon = is_surgeon ? 2.0 * inputs * inputs + 40.0 * inputs : 0.0;
  const double refit = largest * largest + 2.0 * static_cast<double>(row_group(p) + 1) * inputs;
  numbers += static_cast<double>(workers) * (is_surgeon ? std::max(surgeon, refit) : refit);
  return 8.0 * numbers;
}

}  // namespace overprune
