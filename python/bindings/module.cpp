// The module: what each topic registers, and the facts of the build. No numerics here.
#include "overprune/build_info.hpp"
#include "overprune/version.hpp"
#include "register.hpp"

PYBIND11_MODULE(_core, module) {
  using namespace overprune;
  namespace py = pybind11;
  module.doc() = "Compiled core of overprune.";
  module.attr("__version__") = OVERPRUNE_VERSION;
  module.def("build_info", [] {
    const BuildInfo info = build_info();
    py::dict facts;
    facts["version"] = info.version;
    facts["kernel_level"] = info.kernel_level;
    facts["kernel_levels"] = info.kernel_levels;
    facts["caches"] = info.caches;
    facts["tile"] = info.tile;
    facts["compiler"] = info.compiler;
    facts["build_type"] = info.build_type;
    facts["eigen"] = info.eigen;
    facts["pybind11"] = PYBIND11_TOSTRING(PYBIND11_VERSION_MAJOR) "." PYBIND11_TOSTRING(
        PYBIND11_VERSION_MINOR) "." PYBIND11_TOSTRING(PYBIND11_VERSION_PATCH);
    facts["assertions"] = info.assertions;
    return facts;
  });
  bindings::register_classifier(module);
  bindings::register_features(module);
  bindings::register_finite(module);
  bindings::register_least_squares(module);
  bindings::register_loss(module);
  bindings::register_problem(module);
  bindings::register_lasso(module);
  bindings::register_laws(module);  // after the problems, whose name their signatures hold
  bindings::register_layer(module);
  bindings::register_prune_path(module);
  bindings::register_estimate(module);  // after the grid
  bindings::register_pruning(module);
  bindings::register_random(module);
  bindings::register_simulate(module);  // after the grid of prune_path
  bindings::register_theory(module);
  bindings::register_classifier_theory(module);  // after the grid and the draws
  bindings::register_schedule(module);           // after the trials and draws of both
  bindings::register_phase(module);              // after the features of theory
}
