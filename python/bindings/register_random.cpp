#include "overprune/random.hpp"

#include "quick.hpp"

namespace overprune::bindings {

namespace {

using Draw = void (*)(StreamKey, std::uint64_t, Index, double*);

/// `count` numbers of a stream; `purpose` as in the C++ enumeration Purpose.
template <Draw draw>
Array numbers(Index count, std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose) {
  Array out = new_array({count});
  double* data = out.mutable_data();
  {
    const ReleaseForMany release(count);
    draw({seed, stream, static_cast<Purpose>(purpose)}, 0, count, data);
  }
  return out;
}

/// Normals of a shape given by plain integers, at least 1; None where anything needs a closer look.
py::object quick_normals(const py::object& shape, const py::object& seed,
                         const py::object& stream) {
  const auto key = plain_unsigned(seed), number = plain_unsigned(stream);
  if (!key || !number) return py::none();
  std::vector<py::ssize_t> lengths;
  Index count = 1;
  const auto add = [&](py::handle value) {
    const auto length = plain_unsigned(value);
    if (!length || *length == 0 ||
        *length > (std::uint64_t{1} << 48) / static_cast<std::uint64_t>(count))
      return false;
    lengths.push_back(static_cast<py::ssize_t>(*length));
    count *= lengths.back();
    return true;
  };
  if (PyTuple_CheckExact(shape.ptr())) {
    for (const py::handle length : py::reinterpret_borrow<py::tuple>(shape))
      if (!add(length)) return py::none();
  } else if (!add(shape)) {
    return py::none();
  }
  Array out = new_array(std::move(lengths));
  double* data = out.mutable_data();
  {
    const ReleaseForMany release(count);
    standard_normal({*key, *number, Purpose::user}, 0, count, data);
  }
  return out;
}

}  // namespace

void register_random(py::module_& module) {
  module.def("standard_normal", &numbers<&standard_normal>);
  module.def("quick_normals", &quick_normals);
  module.def("uniform", &numbers<&uniform>);
  module.attr("PURPOSE_USER") = static_cast<std::uint32_t>(Purpose::user);
  module.attr("PURPOSE_SCORES") = static_cast<std::uint32_t>(Purpose::scores);
  module.attr("PURPOSE_FEATURES") = static_cast<std::uint32_t>(Purpose::features);
  module.attr("PURPOSE_BIAS") = static_cast<std::uint32_t>(Purpose::bias);
  module.attr("PURPOSE_SIGNAL") = static_cast<std::uint32_t>(Purpose::signal);
}

}  // namespace overprune::bindings
