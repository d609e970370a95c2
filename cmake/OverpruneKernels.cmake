# overprune_add_kernels(target): compiles cpp/src/kernels once per instruction-set level into
# `target`.
#
# Eigen's namespace is renamed per level, so that no weak symbol of one level can be linked in place
# of another's: without it a program might run AVX-512 code on a processor that has none.
# tests/cpp/support/check_symbols.py proves it from the finished library.
file(GLOB OVERPRUNE_KERNEL_SOURCES CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/cpp/src/kernels/*.cpp")
list(FILTER OVERPRUNE_KERNEL_SOURCES EXCLUDE REGEX "/(dispatch|caches).cpp$")

if(NOT MSVC AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  set(OVERPRUNE_LEVELS "v2;v3;v4" CACHE STRING
    "Instruction-set levels: v2, v3 and v4 of x86-64, or generic")
else()
  set(OVERPRUNE_LEVELS "generic" CACHE STRING
    "Instruction-set levels: v2, v3 and v4 of x86-64, or generic")
endif()

function(overprune_add_kernels target)
  foreach(level IN LISTS OVERPRUNE_LEVELS)
    set(objects overprune_kernels_${level})
    add_library(${objects} OBJECT ${OVERPRUNE_KERNEL_SOURCES})
    overprune_unity(${objects} kernels ${OVERPRUNE_KERNEL_SOURCES})
    set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_compile_features(${objects} PRIVATE cxx_std_20)
    target_include_directories(${objects} PRIVATE cpp/include cpp/src)
    target_include_directories(${objects} SYSTEM PRIVATE ${OVERPRUNE_EIGEN_INCLUDE_DIRS})
    target_compile_definitions(${objects} PRIVATE OVERPRUNE_LEVEL=${level}
      Eigen=overprune_eigen_${level}
      EIGEN_DONT_PARALLELIZE EIGEN_MPL2_ONLY)
    overprune_warnings(${objects})
    # A quarter less code at the same speed: loops that Eigen has unrolled by hand need no second
    # vectoriser, and one copy of its product is enough.
    target_compile_options(${objects} PRIVATE
      $<$<CXX_COMPILER_ID:GNU>:-fno-ipa-cp-clone;-fvect-cost-model=very-cheap>)
    if(NOT MSVC)
      target_compile_options(${objects} PRIVATE $<$<CONFIG:>:-O3;-DNDEBUG>)
    endif()
    if(NOT level STREQUAL "generic")
      target_compile_options(${objects} PRIVATE -march=x86-64-${level})
      # g++ 12's own intrinsics headers warn falsely at level v4.
      target_compile_options(${objects} PRIVATE
        $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-uninitialized>)
      # For old processors: 5 % slower, a tenth smaller.
      if(level STREQUAL "v2" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${objects} PRIVATE $<$<CONFIG:Release>:-O2> -fpeel-loops)
      endif()
      string(TOUPPER ${level} upper)
      target_compile_definitions(${target} PRIVATE OVERPRUNE_HAS_${upper})
    else()
      target_compile_definitions(${target} PRIVATE OVERPRUNE_HAS_GENERIC)
    endif()
    # A contracted multiply-add rounds once where two operations round twice: every level must draw
    # the same bits. A square root that may set errno keeps the loops from being vectorised.
    # Scheduling before registers are allocated interleaves the chains of several vectors, which GCC
    # otherwise leaves one after the other.
    if(NOT MSVC)
      set_source_files_properties("${CMAKE_CURRENT_SOURCE_DIR}/cpp/src/kernels/normals.cpp"
        "${CMAKE_CURRENT_SOURCE_DIR}/cpp/src/kernels/elementwise.cpp"
        PROPERTIES COMPILE_OPTIONS
        "-ffp-contract=off;-fno-math-errno;$<$<CXX_COMPILER_ID:GNU>:-fschedule-insns;-fsched-pressure>")
      set_source_files_properties("${CMAKE_CURRENT_SOURCE_DIR}/cpp/src/kernels/truncated.cpp"
        PROPERTIES COMPILE_OPTIONS "-fno-math-errno;-fno-trapping-math")
    endif()
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
  endforeach()
endfunction()
