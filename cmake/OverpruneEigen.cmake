# Finds Eigen 3.4, also inside the prefix of the PyPI package cmeel-eigen
# (<site-packages>/cmeel.prefix), and defines the variable OVERPRUNE_EIGEN_INCLUDE_DIRS. Only the
# kernels see it.
set(_eigen_hints "")
file(TO_CMAKE_PATH "$ENV{CMAKE_PREFIX_PATH}" _environment_prefixes)
foreach(_prefix IN LISTS CMAKE_PREFIX_PATH _environment_prefixes)
  list(APPEND _eigen_hints "${_prefix}/cmeel.prefix")
endforeach()
if(DEFINED SKBUILD_PLATLIB_DIR)
  list(APPEND _eigen_hints "${SKBUILD_PLATLIB_DIR}/cmeel.prefix")
endif()
# The version is checked afterwards: asking for 3.4 here would refuse a package that reports another
# major.
find_package(Eigen3 CONFIG REQUIRED HINTS ${_eigen_hints})
if(Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR
    "overprune needs Eigen 3.4 or newer, found ${Eigen3_VERSION} in ${Eigen3_DIR}")
endif()
get_target_property(OVERPRUNE_EIGEN_INCLUDE_DIRS Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
message(STATUS "overprune: Eigen ${Eigen3_VERSION} from ${OVERPRUNE_EIGEN_INCLUDE_DIRS}")
