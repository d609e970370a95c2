# Headers, library, CMake package and pkg-config file: the component `devel` of a plain install and
# of the wheel alike. All of them find one another from where they lie: the folder may be moved.
# Beside a shared library the component `static` has the archive.
include(CMakePackageConfigHelpers)

set(_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/overprune")
install(DIRECTORY cpp/include/overprune "${CMAKE_CURRENT_BINARY_DIR}/include/overprune"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT devel FILES_MATCHING PATTERN "*.hpp")
install(TARGETS overprune EXPORT overprune-targets
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT devel
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT devel
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT devel)
install(EXPORT overprune-targets NAMESPACE overprune:: DESTINATION "${_config_dir}" COMPONENT devel)
if(TARGET overprune_static)
  install(TARGETS overprune_static EXPORT overprune-static-targets
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT static)
  install(EXPORT overprune-static-targets NAMESPACE overprune::
          DESTINATION "${_config_dir}" COMPONENT static)
endif()
configure_package_config_file(cmake/overprune-config.cmake.in overprune-config.cmake
                              INSTALL_DESTINATION "${_config_dir}")
write_basic_package_version_file(overprune-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/overprune-config.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/overprune-config-version.cmake"
        DESTINATION "${_config_dir}" COMPONENT devel)

# From the folder of overprune.pc to the prefix.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
           BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig"
           OUTPUT_VARIABLE OVERPRUNE_PC_PREFIX)
if(BUILD_SHARED_LIBS AND NOT WIN32)
  set(OVERPRUNE_PC_RPATH "-Wl,-rpath,\${libdir} ")  # no loader looks into a Python package
endif()
configure_file(cmake/overprune.pc.in overprune.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/overprune.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT devel)
