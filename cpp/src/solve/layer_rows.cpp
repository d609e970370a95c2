#include "solve/layer_rows.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "base/workers.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

constexpr Index kSample = 64;   // rows of a layer that stand for all
constexpr Index kChunk = 1024;  // rows of X that are copied together

}  // namespace

Indices sample_of_layer(Index rows) {
  const Index count = std::min(rows, kSample);
  Indices sample(count);
  for (Index i = 0; i < count; ++i) sample[i] = i * rows / count;
  return sample;
}

void fit_rows(const LayerProblem& layer, std::span<const Index> rows,
              std::span<const Indices> supports, bool refit, double damping, Index workers,
              const FitSink& sink, const Poll& poll) {
  struct Space {
    RowRefit solver;
    Buffer pull;
    std::vector<double> change, unfitted;
  };
  const Index p = layer.moment.rows, count = static_cast<Index>(rows.size()), most = row_group(p);
  const auto start = [&]() -> Task {
    return [&, space = std::make_shared<Space>()](Index group, const Poll& stop) {
      const Index first = group * most, own = std::min(most, count - first);
      const Block pull = space->pull.block(p, own);
      space->change.resize(p);
      space->unfitted.resize(own);
      space->solver.prepare(layer, rows.subspan(first, own), supports.subspan(first, own), pull,
                            space->unfitted.data());
      for (Index r = 0; r < own; ++r) {
        poll_now(stop);
        const double loss = space->unfitted[r];
        const RowSystem system{layer, supports[first + r], space->solver.off(r), pull.col(r), loss};
        const RowFit fit = refit ? space->solver.solve(system, damping, space->change.data())
                                 : RowFit{loss, loss, 0.0, 0};
        if (!refit) std::fill(space->change.begin(), space->change.end(), 0.0);
        sink(first + r, fit, space->change.data());
      }
    };
  };
  run_tasks((count + most - 1) / most, workers, start, [&](Index) { poll_now(poll); });
}

void LayerRows::copy_rows(Index first, Index count, Block out) const {
  constexpr Index few = 64;  // rows whose cache lines serve the columns beside one another
  for (Index from = 0; from < count; from += few) {
    const Index end = std::min(from + few, count);
    for (Index j = 0; j < out.cols; ++j)
      for (Index i = from; i < end; ++i) out(i, j) = scale * inputs(first + i, live[j]);
  }
}

void LayerRows::moment(Index first, Index end, Block out) const {
  const Index n = inputs.rows, p = out.cols;
  Buffer buffer;
  fill(out, 0.0);
  for (Index from = 0; from < n;) {
    if (from == first && first < end) {
      from = end;
      continue;
    }
    const Index count = std::min({kChunk, n - from, from < first ? first - from : n});
    const Block chunk = buffer.block(kChunk, p);
    copy_rows(from, count, chunk);
    kernels::active().gram(p, count, chunk.data, chunk.ld, out.data, out.ld);
    from += count;
  }
  const double mean = 1.0 / static_cast<double>(n - (end - first));
  for (Index j = 0; j < p; ++j)
    for (Index i = j; i < p; ++i) out(i, j) = out(j, i) = mean * out(i, j);
}

Block LayerRows::without(Index first, Index end, Buffer& buffer) const {
  const Index n = inputs.rows, count = n - (end - first);
  const Block out = buffer.block(count, static_cast<Index>(live.size()));
  copy_rows(0, first, out);
  copy_rows(end, n - end, {out.data + first, n - end, out.cols, out.ld});
  return out;
}

double LayerRows::mean_square(Index first, Index end, ConstBlock errors) const {
  const Index p = errors.rows;
  Buffer buffer, product;
  double sum = 0.0;
  for (Index from = first; from < end; from += kChunk) {
    const Index count = std::min(kChunk, end - from);
    const Block chunk = buffer.block(kChunk, p);
    copy_rows(from, count, chunk);
    const Block out = product.block(count, errors.cols);
    kernels::active().gemm(false, false, count, errors.cols, p, 1.0, chunk.data, chunk.ld,
                           errors.data, errors.ld, 0.0, out.data, out.ld);
    sum += norm2(out);
  }
  return sum / static_cast<double>(end - first);
}

FoldStudy::FoldStudy(const LayerRows& rows, const LayerProblem& layer, Index folds, Indices sample,
                     Indices counts)
    : rows_(rows),
      layer_(layer),
      folds_(folds),
      sample_(std::move(sample)),
      counts_(std::move(counts)) {}

void FoldStudy::judge(const MaskChooser& chooser, bool refit, double selection,
                      std::span<const double> dampings, Index workers, const Poll& poll,
                      std::vector<double>& measured, std::vector<double>& formula) const {
  const Index n = rows_.inputs.rows, p = layer_.moment.rows;
  const Index count = static_cast<Index>(sample_.size());
  Buffer moment_buffer, error_buffer, rest_buffer;
  const Block errors = error_buffer.block(p, count);
  LayerProblem rest{moment_buffer.block(p, p), layer_.weight, 0.0, {}};
  measured.assign(dampings.size(), 0.0);
  formula.assign(dampings.size(), 0.0);
  for (Index fold = 0; fold < folds_; ++fold) {
    // Folds are neighbouring rows, which depend on one another where rows do at all.
    const Index first = fold * n / folds_, end = (fold + 1) * n / folds_;
    const double share = static_cast<double>(end - first) / static_cast<double>(n);
    rows_.moment(first, end, rest.moment);
    rest.rows = static_cast<double>(n - (end - first));
    if (rest.rows <= static_cast<double>(p)) rest.inputs = rows_.without(first, end, rest_buffer);
    const auto supports = chooser.some(rest, selection, sample_, counts_, workers, poll);
    for (std::size_t d = 0; d < dampings.size(); ++d) {
      std::vector<double> predicted(count);
      const auto sink = [&](Index at, const RowFit& fit, const double* change) {
        predicted[at] = fit.predicted;
        const double* weight = rest.weight.col(sample_[at]);
        for (Index i = 0; i < p; ++i) errors(i, at) = -weight[i];
        for (std::size_t i = 0; i < supports[at].size(); ++i)
          errors(supports[at][i], at) = change[i];
      };
      fit_rows(rest, sample_, supports, refit, dampings[d], workers, sink, poll);
      measured[d] += share * rows_.mean_square(first, end, errors);
      for (const double own : predicted) formula[d] += share * own;
    }
  }
}

}  // namespace overprune
