// Adapters for programs that have Eigen, 3.3 or newer (tested with 3.4 and 5.0): the functions of
// the library with Eigen's matrices, vectors and expressions as arguments, and Eigen's own matrices
// as results.
//
//     #include <overprune/eigen.hpp>                                       // CMake: link
//     Eigen3::Eigen, too Eigen::VectorXd theta = overprune::least_squares(X, y);              //
//     minimum norm overprune::Indices support = overprune::top_k_magnitude(theta, 20);
//     Eigen::MatrixXd refit = overprune::retrain_path(X.topRows(80), y.head(80), support, {10,
//     20});
//
// Header-only, and not part of overprune.hpp: the compiled library knows no Eigen, and no object of
// Eigen's crosses into it, only pointers, extents and strides. So it does not matter with which
// flags, alignment, default storage order or version of Eigen the program is compiled. (Within one
// program these must agree, as for Eigen itself.)
//
// What has memory of its own (matrices, vectors, arrays, maps, refs, blocks, rows, transposes, any
// strides) is read where it lies; other expressions are evaluated once. Everything is double:
// floats do not compile, write X.cast<double>(). Shapes are checked by the library, which throws
// std::invalid_argument.
#pragma once

#include "overprune/eigen/fits.hpp"
#include "overprune/eigen/problems.hpp"
#include "overprune/eigen/tables.hpp"
#include "overprune/eigen/views.hpp"
#include "overprune/overprune.hpp"
