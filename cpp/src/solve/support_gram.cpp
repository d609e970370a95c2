#include <algorithm>

#include "kernels/table.hpp"
#include "solve/retraining.hpp"

namespace overprune {

void SupportGram::start(const Design& x, ConstBlock y, Index most) {
  x_ = x;
  y_ = y;
  count_ = 0;
  columns_ = column_buffer_.block(x.rows, most);
  gram_ = gram_buffer_.block(most, most);
  response_ = response_buffer_.block(most, y.cols);
  // How many features enter depends on the data: the buffers get their largest size now.
  const Index entering = std::max<Index>(most / 2, 1);
  entered_columns_.block(x.rows, entering);
  products_.block(most, std::max(entering, y.cols));
  features_.resize(most);
  slots_.reserve(most);
  entered_.reserve(most);
  fetched_.reserve(most);
  free_.reserve(most);
  rank_.assign(x.cols, -1);
}

void SupportGram::need(Index n, Index p, Index m, Index most, Index count, MemoryNeed& need) {
  const Index entering = std::max<Index>(most / 2, 1);
  need.hold(n * most + most * most + most * m + n * entering + most * std::max(entering, m));
  need.hold(5 * most + p);  // indices
  need.product(count / 2, count / 2, n);
  need.product(count, entering, n);
}

void SupportGram::hold(const Index* order, Index count, const Poll& poll) {
  place(order, count);
  // The products of all columns with one another are symmetric and cost half: they are the cheaper
  // way once half of the columns enter.
  if (2 * static_cast<Index>(entered_.size()) > count_)
    form_all(poll);
  else if (!entered_.empty())
    form_entered(poll);
}

/// Slots for order[0..count): features that are held keep theirs; those that enter take slots not
/// used yet, then the places of features not asked for.
void SupportGram::place(const Index* order, Index count) {
  slots_.resize(count);
  entered_.clear();
  free_.clear();
  for (Index r = 0; r < count; ++r) rank_[order[r]] = r;
  for (Index slot = 0; slot < count_; ++slot) {
    Index& rank = rank_[features_[slot]];
    if (rank >= 0) {
      slots_[rank] = slot;
      rank = -1;
    } else {
      free_.push_back(slot);
    }
  }
  for (Index r = 0; r < count; ++r) {
    const Index feature = order[r];
    if (rank_[feature] < 0) continue;
    rank_[feature] = -1;
    Index slot = count_;
    if (count_ < gram_.cols) {
      ++count_;
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[r] = slot;
    features_[slot] = feature;
    entered_.push_back(slot);
  }
  fetch_entered();
}

/// The columns of the features that came in. Drawn ones come together: one alone may cost as much
/// as many.
void SupportGram::fetch_entered() {
  const Index count = static_cast<Index>(entered_.size());
  if (x_.held()) {
    for (const Index slot : entered_) x_.copy_columns(features_[slot], columns_.columns(slot, 1));
    return;
  }
  const Index most = std::max<Index>(gram_.cols / 2, 1);
  const Block together = entered_columns_.block(x_.rows, most);
  for (Index first = 0; first < count; first += most) {
    const Block drawn = together.columns(0, std::min(most, count - first));
    fetched_.clear();
    for (Index e = first; e < first + drawn.cols; ++e) fetched_.push_back(features_[entered_[e]]);
    x_.copy_chosen(fetched_.data(), drawn);
    for (Index e = 0; e < drawn.cols; ++e)
      copy(drawn.columns(e, 1), columns_.columns(entered_[first + e], 1));
  }
}

void SupportGram::form_all(const Poll& poll) {
  const auto& kernel = kernels::active();
  const Index n = x_.rows, chunk = columns_per_poll(count_ * count_);
  for (Index j = 0; j < count_; ++j) std::fill_n(gram_.col(j) + j, count_ - j, 0.0);
  for (Index first = 0; first < n; first += chunk) {
    poll_now(poll);
    kernel.gram(count_, std::min(chunk, n - first), columns_.data + first, columns_.ld, gram_.data,
                gram_.ld);
  }
  for (Index j = 0; j < count_; ++j)
    for (Index i = j + 1; i < count_; ++i) gram_(j, i) = gram_(i, j);
  kernel.gemm(true, false, count_, y_.cols, n, 1.0, columns_.data, columns_.ld, y_.data, y_.ld, 0.0,
              response_.data, response_.ld);
}

void SupportGram::form_entered(const Poll& poll) {
  const auto& kernel = kernels::active();
  const Index n = x_.rows, m = y_.cols, count = static_cast<Index>(entered_.size());
  // `hold` forms all products anew where more features than this enter.
  const Index most = std::max<Index>(gram_.cols / 2, 1);
  const Block entered = entered_columns_.block(n, most);
  gather_columns(columns_, entered_.data(), count, entered);
  const Block products = products_.block(gram_.cols, std::max(most, m)).top(count_);
  const Index chunk = columns_per_poll(2 * count_ * n);
  for (Index first = 0; first < count; first += chunk) {
    poll_now(poll);
    kernel.gemm(true, false, count_, std::min(chunk, count - first), n, 1.0, columns_.data,
                columns_.ld, entered.col(first), entered.ld, 0.0, products.col(first), products.ld);
  }
  for (Index e = 0; e < count; ++e) {
    const Index slot = entered_[e];
    std::copy_n(products.col(e), count_, gram_.col(slot));
    for (Index i = 0; i < count_; ++i) gram_(slot, i) = products(i, e);
  }
  kernel.gemm(true, false, count, m, n, 1.0, entered.data, entered.ld, y_.data, y_.ld, 0.0,
              products.data, products.ld);
  for (Index t = 0; t < m; ++t)
    for (Index e = 0; e < count; ++e) response_(entered_[e], t) = products(e, t);
}

}  // namespace overprune
