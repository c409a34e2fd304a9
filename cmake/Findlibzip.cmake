# libzip, by pkg-config: target libzip::zip. Its own CMake files want its command-line tools installed.
find_package(PkgConfig REQUIRED)
pkg_check_modules(libzip_PC REQUIRED IMPORTED_TARGET libzip)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(libzip REQUIRED_VARS libzip_PC_LINK_LIBRARIES)
if(libzip_FOUND AND NOT TARGET libzip::zip)
  add_library(libzip::zip ALIAS PkgConfig::libzip_PC)
endif()
