# Headers, library and CMake package: the component `devel` of a plain install and of the wheel alike.
include(CMakePackageConfigHelpers)

set(_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/overprune")
install(DIRECTORY cpp/include/overprune "${CMAKE_CURRENT_BINARY_DIR}/include/overprune"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT devel FILES_MATCHING PATTERN "*.hpp")
install(TARGETS overprune EXPORT overprune-targets
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT devel)
install(EXPORT overprune-targets NAMESPACE overprune:: DESTINATION "${_config_dir}" COMPONENT devel)
configure_package_config_file(cmake/overprune-config.cmake.in overprune-config.cmake
                              INSTALL_DESTINATION "${_config_dir}")
write_basic_package_version_file(overprune-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/overprune-config.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/overprune-config-version.cmake"
        DESTINATION "${_config_dir}" COMPONENT devel)
