# find_package(sluis) for others: the installed libraries as sluis::base, sluis::audit,
# sluis::policy, sluis::client.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(sluis_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sluis)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/sluisConfig.cmake.in ${PROJECT_BINARY_DIR}/sluisConfig.cmake
  INSTALL_DESTINATION ${sluis_package_dir})
# Before 1.0 every minor version may break.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/sluisConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(
  FILES ${PROJECT_BINARY_DIR}/sluisConfig.cmake ${PROJECT_BINARY_DIR}/sluisConfigVersion.cmake
  DESTINATION ${sluis_package_dir} COMPONENT sluis_development)
install(EXPORT sluisTargets NAMESPACE sluis:: DESTINATION ${sluis_package_dir}
  COMPONENT sluis_development)
