#include "overprune/random.hpp"

#include "register.hpp"

namespace overprune::bindings {

void register_random(py::module_& module) {
  module.def("standard_normal", [](Index count, std::uint64_t seed, std::uint64_t stream) {
    Array out = new_array({count});
    double* data = out.mutable_data();
    {
      const py::gil_scoped_release release;
      standard_normal({seed, stream, Purpose::user}, 0, count, data);
    }
    return out;
  });
  module.def("uniform_scores", [](Index count, std::uint64_t seed, std::uint64_t stream) {
    Array out = new_array({count});
    uniform({seed, stream, Purpose::scores}, 0, count, out.mutable_data());
    return out;
  });
  // Weights of random features, rows N(0, I/d) as DataProblem draws them.
  module.def("feature_normals", [](Index count, std::uint64_t seed, std::uint64_t stream) {
    Array out = new_array({count});
    standard_normal({seed, stream, Purpose::features}, 0, count, out.mutable_data());
    return out;
  });
}

}  // namespace overprune::bindings
