# cpp-httplib, by pkg-config: target httplib::httplib. Debian ships it compiled; its features
# (OpenSSL, zlib, brotli) are defined by the flags of its .pc file, which must reach every user.
find_package(PkgConfig REQUIRED)
pkg_check_modules(httplib_PC REQUIRED IMPORTED_TARGET cpp-httplib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(httplib REQUIRED_VARS httplib_PC_LINK_LIBRARIES)
if(httplib_FOUND AND NOT TARGET httplib::httplib)
  add_library(httplib::httplib ALIAS PkgConfig::httplib_PC)
endif()
