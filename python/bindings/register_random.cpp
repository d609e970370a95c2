#include "overprune/random.hpp"

#include "register.hpp"

namespace overprune::bindings {

namespace {

using Draw = void (*)(StreamKey, std::uint64_t, Index, double*, Index);

/// `count` numbers of a stream; `purpose` as in the C++ enumeration Purpose.
template <Draw draw>
Array numbers(Index count, std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose,
              Index workers) {
  Array out = new_array({count});
  double* data = out.mutable_data();
  {
    const ReleaseForMany release(count);
    draw({seed, stream, static_cast<Purpose>(purpose)}, 0, count, data, workers);
  }
  return out;
}

}  // namespace

void register_random(py::module_& module) {
  using namespace py::literals;
  module.def("standard_normal", &numbers<&standard_normal>, "count"_a, "seed"_a, "stream"_a,
             "purpose"_a, "workers"_a = 1);
  module.def("uniform", &numbers<&uniform>, "count"_a, "seed"_a, "stream"_a, "purpose"_a,
             "workers"_a = 1);
  module.attr("PURPOSE_USER") = static_cast<std::uint32_t>(Purpose::user);
  module.attr("PURPOSE_SCORES") = static_cast<std::uint32_t>(Purpose::scores);
  module.attr("PURPOSE_FEATURES") = static_cast<std::uint32_t>(Purpose::features);
  module.attr("PURPOSE_BIAS") = static_cast<std::uint32_t>(Purpose::bias);
  module.attr("PURPOSE_SIGNAL") = static_cast<std::uint32_t>(Purpose::signal);
}

}  // namespace overprune::bindings
