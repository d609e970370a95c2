# overprune_optimize(target [FAST sources...]): how a Release build compiles what is not a kernel. The time is spent in
# the kernels and in the `FAST` sources; the rest is compiled for size. With -O2 everywhere the wheel is a fifth larger
# and nothing is faster by more than the noise of 5 %, but for calls of a few microseconds (bench/README.md).
option(OVERPRUNE_IPO "With GCC, optimize across files: smaller by a twentieth, but every change links for long" OFF)

function(overprune_optimize target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FAST")
  if(NOT MSVC)
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-Os>)
    set_source_files_properties(${arg_FAST} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-O2>)
  endif()
  if(OVERPRUNE_IPO AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # an archive of others would need their very version
    include(CheckIPOSupported)
    check_ipo_supported(RESULT supported LANGUAGES CXX)
    set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION ${supported})
    target_link_options(${target} PRIVATE -flto-partition=one)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL "MODULE_LIBRARY")
      target_compile_options(${target} PRIVATE -ffat-lto-objects)  # machine code, too: for an archive
    endif()
  endif()
endfunction()

# overprune_archive(archive target): the objects of `target` as a static library that no longer asks to be optimized
# when a program is linked with it.
function(overprune_archive archive target)
  list(TRANSFORM OVERPRUNE_LEVELS REPLACE "(.+)" "$<TARGET_OBJECTS:overprune_kernels_\\1>" OUTPUT_VARIABLE kernels)
  add_library(${archive} STATIC $<TARGET_OBJECTS:${target}> ${kernels})
  set_target_properties(${archive} PROPERTIES LINKER_LANGUAGE CXX)
  if(OVERPRUNE_IPO AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_OBJCOPY)
    add_custom_command(TARGET ${archive} POST_BUILD VERBATIM
      COMMAND ${CMAKE_OBJCOPY} --wildcard --remove-section=.gnu.lto_* $<TARGET_FILE:${archive}>)
  endif()
endfunction()
