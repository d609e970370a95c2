// What one row of data does to the models of a classifier: means over a label, the teacher's field
// and the models' leave-one-out fields, which are jointly Gaussian; docs/theory.md, section 11.
#pragma once

#include "overprune/loss.hpp"

namespace overprune::theory {

/// The first training sees fields of overlaps m and q with width V.
struct FirstFields {
  double m = 0.0, q = 0.0, V = 0.0;
};
/// Means over a row: mh = E sum_y dZ G, qh = E sum_y Z G^2, Vh = -E sum_y Z dG.
struct FirstPush {
  double mh = 0.0, qh = 0.0, Vh = 0.0;
};
/// Everything is NaN where the fields are not those of any model.
/// @param field  variance of the teacher's field with its noise
FirstPush first_push(const Loss& loss, double field, const FirstFields& at);

/// The two trainings' fields. The first one pulls at the second's by b21 G1 / Vh.
struct SecondFields {
  FirstFields first;
  double Vh = 0.0;  ///< of the first training
  double m2 = 0.0, q12 = 0.0, q22 = 0.0;
  double V22 = 0.0, b21 = 0.0;
};
/// Means over a row: mh = E sum_y dZ g2, qh = E sum_y Z g2^2, both = E sum_y Z g1 g2 / Vh of the
/// first training, pull = -E sum_y Z dg2/dom1, Vh = -E sum_y Z dg2/dom2. For the square loss g2 is
/// divided by its own Vh, so that all stays finite where it interpolates.
struct SecondPush {
  double mh = 0.0, both = 0.0, qh = 0.0, pull = 0.0, Vh = 0.0;
};
/// Everything is NaN where the fields are not those of any model. For the square loss V and V22 are
/// not read.
SecondPush second_push(const Loss& loss, double field, const SecondFields& at);

}  // namespace overprune::theory
