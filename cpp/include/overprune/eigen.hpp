// Adapters for programs that have Eigen, 3.3 or newer (tested with 3.4 and 5.0).
//
// The functions of the library take Eigen's matrices, vectors and expressions, and return Eigen's
// own matrices. In CMake the program links Eigen3::Eigen, too.
//
//     #include <overprune/eigen.hpp>
//
//     Eigen::VectorXd theta = overprune::least_squares(X, y);  // minimum norm
//     overprune::Indices support = overprune::top_k_magnitude(theta, 20);
//     Eigen::MatrixXd refit =
//         overprune::retrain_path(X.topRows(80), y.head(80), support, {10, 20});
//
// The adapters are header-only and not part of overprune.hpp. The compiled library knows no Eigen:
// only pointers, extents and strides cross into it. So flags, alignment, default storage order and
// version of Eigen may be any. (Within one program they must agree, as for Eigen itself.)
//
// Matrices, vectors, arrays, maps, refs, blocks, rows and transposes, of any strides, are read
// where they lie. Other expressions are evaluated once. Everything is double: floats do not
// compile, so write X.cast<double>(). The library checks shapes and throws std::invalid_argument.
#pragma once

#include "overprune/eigen/fits.hpp"
#include "overprune/eigen/problems.hpp"
#include "overprune/eigen/tables.hpp"
#include "overprune/eigen/views.hpp"
#include "overprune/overprune.hpp"
