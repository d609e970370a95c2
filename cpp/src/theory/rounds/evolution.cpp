#include "theory/rounds/evolution.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace overprune::theory {
namespace {

/// The share of samples that stands for none where there are as many features as samples. The risk
/// is infinite there; later rounds only see that the noise is far above the signal.
constexpr double kNoShare = 1e-9;
/// The rank threshold of the memory equations: below it rounds repeat one another up to rounding.
constexpr double kRepeats = 1e-11;

OwnedMatrix part(const OwnedMatrix& from, Index row, Index col, Index rows, Index cols) {
  OwnedMatrix to(rows, cols);
  for (Index j = 0; j < cols; ++j)
    for (Index i = 0; i < rows; ++i) to(i, j) = from(row + i, col + j);
  return to;
}

void put(const OwnedMatrix& from, Index row, Index col, OwnedMatrix& to) {
  for (Index j = 0; j < from.cols(); ++j)
    for (Index i = 0; i < from.rows(); ++i) to(row + i, col + j) = from(i, j);
}

/// R with R'R = the symmetric matrix, whose negative eigenvalues are rounding errors.
OwnedMatrix symmetric_root(OwnedMatrix matrix) {
  const Index m = matrix.rows();
  std::vector<double> values(m);
  if (m == 1) {
    matrix(0, 0) = std::sqrt(std::max(matrix(0, 0), 0.0));
    return matrix;
  }
  kernels::active().symmetric_eigen(m, matrix.begin(), m, values.data());
  OwnedMatrix root(m, m);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < m; ++j)
      for (Index v = 0; v < m; ++v)
        root(i, j) += std::sqrt(std::max(values[v], 0.0)) * matrix(i, v) * matrix(j, v);
  return root;
}

}  // namespace

void Forms::add(double factor, const Forms& other) {
  first.add(factor, other.first);
  second.add(factor, other.second);
  first_trace += factor * other.first_trace;
  second_trace += factor * other.second_trace;
  pruned += factor * other.pruned;
}

Evolution::Evolution(double n, OwnedMatrix noise, OwnedMatrix signal, const OwnedMatrix& error,
                     double share, const OwnedMatrix& overlap)
    : n_(n), noise_(std::move(noise)), signal_(std::move(signal)) {
  append(risk_of(error, share), overlap);
}

/// Omega_tt, symmetric: error / share; notes its trace, or that it diverges.
OwnedMatrix Evolution::risk_of(const OwnedMatrix& error, double share) {
  const Index m = targets();
  const bool diverges = share < kNoShare && trace(error) > 0.0;
  OwnedMatrix own(m, m);
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i)
      own(i, j) = 0.5 * (error(i, j) + error(j, i)) / std::max(share, kNoShare);
  round_.risk = diverges ? std::numeric_limits<double>::infinity() : std::max(trace(own), 0.0);
  return own;
}

/// Takes Omega_tt, and Omega_lt from the rho of the round.
void Evolution::append(OwnedMatrix own, const OwnedMatrix& overlap) {
  const Index m = targets(), before = rounds_ * m;
  OwnedMatrix omega(before + m, before + m), overlaps(before + m, m);
  put(omega_, 0, 0, omega);
  put(overlap_, 0, 0, overlaps);
  put(overlap, before, 0, overlaps);
  OwnedMatrix conditional = own;
  if (before > 0) {
    const OwnedMatrix cross = product(omega_, round_.rho);
    put(cross, 0, before, omega);
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < before; ++i) omega(before + j, i) = cross(i, j);
    conditional.add(-1.0, product(transposed(round_.rho), cross));
  }
  // The noise of the draws may make eigenvalues negative, which `symmetric_root` drops. Omega gets
  // the root's square in their place, so that it is the covariance of the residuals as drawn.
  own.add(-1.0, conditional);
  round_.root = symmetric_root(std::move(conditional));
  own.add(1.0, product(transposed(round_.root), round_.root));
  put(own, before, before, omega);
  omega_ = std::move(omega);
  overlap_ = std::move(overlaps);
  for (double& entry : round_.root) entry /= std::sqrt(n_);
  ++rounds_;
}

/// The linear equations of (rho, c):
///
///     E e'Q (u + e rho - w c)        = (1 - b) Omega c + b Omega rho
///     N + E (e - w)'Q (u + e rho - w c) - E (u_l - u)'u = Omega rho,
///
/// each row and unknown in units of its round's residual.
void Evolution::solve(const Forms& forms, double b) {
  const Index m = targets(), k = rounds_ * m;
  const OwnedMatrix& G = forms.first;
  const Index u = 0, e = m, w = m + k;
  OwnedMatrix A(2 * k, 2 * k), right(2 * k, m), x(2 * k, m);
  std::vector<double> unit(k);
  for (Index i = 0; i < k; ++i) unit[i] = omega_(i, i) > 0.0 ? std::sqrt(omega_(i, i)) : 1.0;
  for (Index i = 0; i < k; ++i) {
    for (Index j = 0; j < k; ++j) {
      const double scale = 1.0 / (unit[i] * unit[j]), omega = omega_(i, j);
      A(i, j) = scale * (b * omega - G(e + i, e + j));
      A(i, k + j) = scale * ((1.0 - b) * omega + G(e + i, w + j));
      A(k + i, j) = scale * (omega - G(e + i, e + j) + G(w + i, e + j));
      A(k + i, k + j) = scale * (G(e + i, w + j) - G(w + i, w + j));
    }
    for (Index j = 0; j < m; ++j) {
      right(i, j) = G(e + i, u + j) / unit[i];
      right(k + i, j) =
          (noise_(i % m, j) + G(e + i, u + j) - G(w + i, u + j) - overlap_(i, j)) / unit[i];
    }
  }
  // Rounds that repeat one another, or leave nothing unexplained, make the equations singular but
  // consistent.
  double condition = 1.0;
  kernels::active().min_norm(2 * k, 2 * k, m, A.begin(), 2 * k, right.begin(), 2 * k, kRepeats,
                             x.begin(), 2 * k, &condition);
  round_.rho = part(x, 0, 0, k, m);
  round_.c = part(x, k, 0, k, m);
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < k; ++i) {
      round_.rho(i, j) /= unit[i];
      round_.c(i, j) /= unit[i];
    }
}

void Evolution::advance(const Forms& forms) {
  const Index m = targets(), k = rounds_ * m;
  const bool full = forms.first_trace >= n_ && forms.second_trace >= n_;
  const double b = full ? 1.0 - kNoShare : forms.first_trace / n_;
  solve(forms, b);
  // u_t = Q Z a but for its new noise.
  OwnedMatrix a(m + 2 * k, m);
  for (Index j = 0; j < m; ++j) {
    a(j, j) = 1.0;
    for (Index i = 0; i < k; ++i) {
      a(m + i, j) = round_.rho(i, j);
      a(m + k + i, j) = -round_.c(i, j);
    }
  }
  const double B = forms.second_trace / n_;
  const OwnedMatrix linear = product(part(forms.first, 0, 0, m, m + 2 * k), a);
  OwnedMatrix error = noise_, overlap(m, m);
  error.add(1.0, signal_);
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i) {
      error(i, j) -= linear(i, j) + linear(j, i);
      overlap(i, j) = linear(j, i) - signal_(i, j);
    }
  error.add(1.0, product(transposed(a), product(forms.second, a)));
  error.add(-B, product(transposed(round_.rho), product(omega_, round_.rho)));
  append(risk_of(error, full ? 0.0 : 1.0 - B), overlap);
}

void Evolution::repeat() {
  const Index m = targets(), before = (rounds_ - 1) * m;
  OwnedMatrix rho(before + m, m), c(before + m, m);
  for (Index j = 0; j < m; ++j) rho(before + j, j) = 1.0;
  put(round_.c, 0, 0, c);
  round_.rho = std::move(rho);
  round_.c = std::move(c);
  append(part(omega_, before, before, m, m), part(overlap_, before, 0, m, m));
}

}  // namespace overprune::theory
