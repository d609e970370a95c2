#include "overprune/layer.hpp"

#include <iterator>

#include "register.hpp"

/// A rule is its name in Python.
template <>
struct pybind11::detail::type_caster<overprune::LayerRule> {
  PYBIND11_TYPE_CASTER(overprune::LayerRule, const_name("str"));
  bool load(handle source, bool) {
    if (!isinstance<str>(source)) return false;
    const auto text = source.cast<std::string>();
    for (std::size_t i = 0; i < std::size(overprune::kLayerRules); ++i)
      if (text == overprune::kLayerRules[i]) {
        value = static_cast<overprune::LayerRule>(i);
        return true;
      }
    return false;
  }
  static handle cast(overprune::LayerRule rule, return_value_policy, handle) {
    return str(overprune::kLayerRules[static_cast<int>(rule)]).release();
  }
};

namespace overprune::bindings {
namespace {

py::dict to_layer_dict(const PrunedLayer& layer) {
  py::dict out;
  const std::vector<py::ssize_t> shape = {layer.m, layer.p}, rows = {layer.m};
  out["weight"] = to_array(layer.weight, shape);
  py::array_t<bool> mask(shape);
  std::copy(layer.mask.begin(), layer.mask.end(), mask.mutable_data());
  out["mask"] = mask;
  out["output_power"] = to_array(layer.output_power, rows);
  out["training_loss"] = to_array(layer.training_loss, rows);
  out["predicted_loss"] = to_array(layer.predicted_loss, rows);
  out["degrees_of_freedom"] = to_array(layer.degrees_of_freedom, rows);
  out["rank"] = to_array(layer.rank, rows);
  out["dead"] = to_array(layer.dead, {static_cast<py::ssize_t>(layer.dead.size())});
  out["damping"] = layer.damping;
  out["selection_factor"] = layer.selection_factor;
  return out;
}

py::dict bind_rows(const Array& weight, const Array& inputs, const LayerOptions& options,
                   Index workers) {
  const ConstMatrix layer = as_matrix(weight, "weight"), rows = as_matrix(inputs, "inputs");
  PrunedLayer pruned;
  {
    const LongWork work;
    pruned = prune_layer(layer, rows, options, workers, interruptible());
  }
  return to_layer_dict(pruned);
}

py::dict bind_moment(const Array& weight, const Array& second_moment, Index rows,
                     const LayerOptions& options, Index workers) {
  const ConstMatrix layer = as_matrix(weight, "weight"),
                    moment = as_matrix(second_moment, "second_moment");
  PrunedLayer pruned;
  {
    const LongWork work;
    pruned = prune_layer(layer, moment, rows, options, workers, interruptible());
  }
  return to_layer_dict(pruned);
}

}  // namespace

void register_layer(py::module_& module) {
  py::list rules;
  for (const char* rule : kLayerRules) rules.append(rule);
  module.attr("LAYER_RULES") = py::tuple(rules);
  Fields<LayerOptions>(module, "LayerOptions")
      .field("rule", &LayerOptions::rule)
      .field("nonzeros", &LayerOptions::nonzeros)
      .field("whole_layer", &LayerOptions::whole_layer)
      .field("kept", &LayerOptions::kept)
      .field("group", &LayerOptions::group)
      .field("refit", &LayerOptions::refit)
      .field("damping", &LayerOptions::damping)
      .field("tune_damping", &LayerOptions::tune_damping)
      .field("folds", &LayerOptions::folds)
      .field("seed", &LayerOptions::seed);
  module.def("prune_layer_rows", &bind_rows);
  module.def("prune_layer_moment", &bind_moment);
  module.def("prune_layer_bytes", &prune_layer_bytes);
}

}  // namespace overprune::bindings
