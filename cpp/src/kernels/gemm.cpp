// Products of our own: panels of both operands, packed so that a tile in registers reads them in
// order.
//
// An entry of C is a sum over blocks of the depth, each summed in order by the same fused
// operations. Where the entry lies in a tile, a block or a part of a product changes nothing: its
// bits depend on its row of op(A), its column of op(B), alpha, beta and k alone. Products with at
// most kSkinny columns go another way (skinny.cpp), of which the same is true.
#include "kernels/caches.hpp"
#include "kernels/panels.hpp"
#include "kernels/scratch.hpp"
#include "kernels/shared.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr int kNarrow = kSide == 6 ? 4 : kSide / 2;  // of the last columns' tile, where few
constexpr Size kWarm = 8192;                         // entries of C that are finished at once
constexpr Size kAtMostUnseen = 10 * kWorthALook;     // multiplications from one look to the next
constexpr Size kUnpacked = 64;  // lines of the other operand that do not pay for packing

Size lesser(Size a, Size b) { return a < b ? a : b; }

Size rounded_up(Size value, Size step) { return (value + step - 1) / step * step; }

/// `size` in as few equal parts as `most` allows, each but the last a multiple of `step`.
Size even_part(Size size, Size most, Size step) {
  if (size <= most) return rounded_up(size, step);
  const Size parts = (size + most - 1) / most;
  return rounded_up((size + parts - 1) / parts, step);
}

/// C += alpha op(A) op(B), or C = where `fresh`; of a symmetric C the lower triangle alone.
template <class T>
struct Product {
  static constexpr Size kTall = kUp * kLanes<T>;
  using Multiply = void (*)(Size, Size, const Operand<T>&, Size, Operand<T>, Target<T>);

  Size m, n, k;
  T alpha;
  Lines<T> left, right;
  bool fresh, lower;
  T* c;
  Size ldc;
  const Finish* finish = nullptr;
  Size row = 0, column = 0;  // of C in the result that `finish` speaks of

  // What `prepare` decides: the blocks, and which operand is read where it lies.
  Size rows = 0, columns = 0, depth = 0;
  bool left_lies = false, right_lies = false;
  T *packed_left = nullptr, *packed_right = nullptr;

  /// Rows i, ..., i + high - 1 and columns j, ..., j + wide - 1 of C over `thick` depths from l on.
  struct Block {
    Size i, j, l, high, wide, thick;
  };

  void prepare() {
    static const Blocks most = product_blocks(sizeof(T));
    depth = even_part(k, kDepth, 8);
    rows = even_part(m, most.rows < kTall ? kTall : most.rows / kTall * kTall, kTall);
    columns = even_part(n, most.columns / kSide * kSide, kSide);
    left_lies = !left.deep && n <= kUnpacked;
    right_lies = m <= (right.deep ? kUnpacked : kTall);
    packed_left = scratch(Scratch::packing, (rows + columns) * lesser(k, depth));
    packed_right = packed_left + rows * lesser(k, depth);
  }

  /// The rows that are not read where they lie: all, or those short of a packet.
  void pack_left(const Block& at) const {
    constexpr Size width = kLanes<T>;
    const Lines<T> lines = left.from(at.i, at.l);
    if (!left_lies) pack_panels<T, kTall>(lines, at.high / kTall, at.thick, packed_left);
    const Size done = left_lies ? at.high / width * width : at.high / kTall * kTall;
    const Size rest = at.high - done;
    T* to = packed_left + done * at.thick;
    if (rest > 2 * width)
      pack<T, kTall>(lines.from(done, 0), rest, at.thick, to);
    else if (rest > width)
      pack<T, 2 * width>(lines.from(done, 0), rest, at.thick, to);
    else if (rest > 0)
      pack<T, width>(lines.from(done, 0), rest, at.thick, to);
  }

  /// Columns of the next tile where so many are left: two narrow ones may reach the end together.
  static Size tile_columns(Size rest) {
    return rest <= kNarrow || (rest > kSide && rest <= 2 * kNarrow) ? kNarrow : kSide;
  }

  void pack_right(const Block& at) const {
    const Lines<T> lines = right.from(at.j, at.l);
    Size done = 0;
    while (at.wide - done >= kSide && tile_columns(at.wide - done) == kSide) done += kSide;
    if (!right_lies) pack_panels<T, kSide>(lines, done / kSide, at.thick, packed_right);
    for (; done < at.wide; done += tile_columns(at.wide - done)) {
      const Size rest = at.wide - done;
      T* to = packed_right + done * at.thick;
      if (tile_columns(rest) == kSide)
        pack<T, kSide>(lines.from(done, 0), rest, at.thick, to);
      else
        pack<T, kNarrow>(lines.from(done, 0), lesser(rest, kNarrow), at.thick, to);
    }
  }

  /// The tiles of so many rows and columns of which the right panel lies where it lies.
  static Multiply choose(Size high, Size wide, bool lies) {
    static constexpr Multiply all[3][2][2] = {
        {{tiles<T, 1, kNarrow, true>, tiles<T, 1, kNarrow, false>},
         {tiles<T, 1, kSide, true>, tiles<T, 1, kSide, false>}},
        {{tiles<T, 2, kNarrow, true>, tiles<T, 2, kNarrow, false>},
         {tiles<T, 2, kSide, true>, tiles<T, 2, kSide, false>}},
        {{tiles<T, kUp, kNarrow, true>, tiles<T, kUp, kNarrow, false>},
         {tiles<T, kUp, kSide, true>, tiles<T, kUp, kSide, false>}}};
    return all[(high - 1) / kLanes<T>][wide > kNarrow][lies];
  }

  /// The tiles of columns y, ..., y + wide - 1 of the block.
  void multiply_columns(const Block& at, Size y, Size wide) const {
    const Size j = at.j + y;
    const bool lies = right_lies && wide == kSide, full = wide == kSide || wide == kNarrow;
    const Operand<T> b{lies ? right.from(j, at.l).at : packed_right + y * at.thick,
                       right.deep ? right.ld : 1, right.deep ? 1 : right.ld};
    // Tiles above the diagonal are left out.
    for (Size x = lower && j > at.i ? (j - at.i) / kTall * kTall : 0; x < at.high;) {
      const Size i = at.i + x, skew = lower ? i - j : m + n;
      Size high = lesser(at.high - x, kTall), below = kTall * at.thick;
      Operand<T> a{packed_left + x * at.thick, 1, rounded_up(high, kLanes<T>)};
      if (left_lies && high >= kLanes<T>) {
        a = {left.from(i, at.l).at, 1, left.ld};
        high = high / kLanes<T> * kLanes<T>;
        below = kTall;
      }
      const bool whole = high == kTall && full && skew >= wide - 1;
      const Size count = whole ? (at.high - x) / kTall : 1;
      choose(high, wide, lies)(count, at.thick, a, below, b,
                               {c + i + j * ldc, ldc, alpha, fresh && at.l == 0, high, wide, skew});
      x += count * high;
    }
  }

  void multiply_block(const Block& at) const {
    const bool last = finish && at.l + at.thick == k;
    Size finished = 0;
    for (Size y = 0, end = 0; y < at.wide; y = end) {
      end = lesser(y + tile_columns(at.wide - y), at.wide);
      multiply_columns(at, y, end - y);
      if (!last || (end < at.wide && at.high * (end - finished) < kWarm)) continue;
      finish->call(finish->context, row + at.i, at.high, column + at.j + finished, end - finished);
      finished = end;
    }
  }

  void run() {
    prepare();
    Size unseen = m * n * k < kWorthALook ? 0 : kAtMostUnseen;  // a small product never looks
    for (Size j = 0; j < n; j += columns)
      for (Size l = 0; l < k; l += depth) {
        Block at{0, j, l, 0, lesser(n - j, columns), lesser(k - l, depth)};
        pack_right(at);
        for (at.i = lower ? j / rows * rows : 0; at.i < m; at.i += rows) {
          if (unseen >= kAtMostUnseen) {
            look();
            unseen = 0;
          }
          at.high = lesser(m - at.i, rows);
          unseen += at.high * at.wide * at.thick;
          pack_left(at);
          multiply_block(at);
        }
      }
  }
};

void scale(Size m, Size n, double factor, double* c, Size ldc) {
  for (Size j = 0; j < n; ++j)
    for (Size i = 0; i < m; ++i) c[i + j * ldc] = factor == 0.0 ? 0.0 : factor * c[i + j * ldc];
}

/// `gemm` in this thread, for rows from `row` and columns from `column` of what `finish` speaks of,
/// if there is any.
void multiply(bool transpose_a, bool transpose_b, Size m, Size n, Size k, double alpha,
              const double* a, Size lda, const double* b, Size ldb, double beta, double* c,
              Size ldc, const Finish* finish = nullptr, Size row = 0, Size column = 0) {
  const bool few = !transpose_b && is_skinny(transpose_a, m, n, k);
  if (beta != 1.0 && (beta != 0.0 || few || k == 0)) scale(m, n, beta, c, ldc);
  if (few || k == 0) {
    if (few) skinny(transpose_a, m, n, k, alpha, a, lda, b, ldb, c, ldc);
    if (finish) finish->call(finish->context, row, m, column, n);
    return;
  }
  Product<double>{.m = m,
                  .n = n,
                  .k = k,
                  .alpha = alpha,
                  .left = {a, lda, transpose_a},
                  .right = {b, ldb, !transpose_b},
                  .fresh = beta == 0.0,
                  .lower = false,
                  .c = c,
                  .ldc = ldc,
                  .finish = finish,
                  .row = row,
                  .column = column}
      .run();
}

}  // namespace

void gemm(bool transpose_a, bool transpose_b, Size m, Size n, Size k, double alpha, const double* a,
          Size lda, const double* b, Size ldb, double beta, double* c, Size ldc) {
  if (m == 0 || n == 0) return;
  share_result(m, n, k, [=](Size i, Size rows, Size j, Size columns) {
    multiply(transpose_a, transpose_b, rows, columns, k, alpha, a + i * (transpose_a ? lda : 1),
             lda, b + j * (transpose_b ? 1 : ldb), ldb, beta, c + i + j * ldc, ldc);
  });
}

void finished_gemm(bool transpose_a, bool transpose_b, Size m, Size n, Size k, const double* a,
                   Size lda, const double* b, Size ldb, double* c, Size ldc, const Finish& finish) {
  if (m == 0 || n == 0) return;
  share_result(m, n, k, [=, &finish](Size i, Size rows, Size j, Size columns) {
    multiply(transpose_a, transpose_b, rows, columns, k, 1.0, a + i * (transpose_a ? lda : 1), lda,
             b + j * (transpose_b ? 1 : ldb), ldb, 0.0, c + i + j * ldc, ldc, &finish, i, j);
  });
}

void symmetric_product(bool transpose, Size n, Size k, double alpha, const double* a, Size lda,
                       double* c, Size ldc) {
  if (n == 0) return;
  share_triangle(n, k, [=](Size first, Size count) {
    const double* own = a + first * (transpose ? lda : 1);
    if (first > 0)
      multiply(transpose, !transpose, count, first, k, alpha, own, lda, a, lda, 1.0, c + first,
               ldc);
    Product<double>{.m = count,
                    .n = count,
                    .k = k,
                    .alpha = alpha,
                    .left = {own, lda, transpose},
                    .right = {own, lda, transpose},
                    .fresh = false,
                    .lower = true,
                    .c = c + first * (ldc + 1),
                    .ldc = ldc}
        .run();
  });
}

void gram(Size n, Size k, const double* a, Size lda, double* c, Size ldc) {
  symmetric_product(true, n, k, 1.0, a, lda, c, ldc);
}

void row_gram(Size n, Size k, const double* a, Size lda, double* c, Size ldc) {
  symmetric_product(false, n, k, 1.0, a, lda, c, ldc);
}

OVERPRUNE_END_LEVEL
