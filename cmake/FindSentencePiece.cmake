# SentencePiece, by pkg-config: target SentencePiece::sentencepiece.
find_package(PkgConfig REQUIRED)
pkg_check_modules(SentencePiece_PC REQUIRED IMPORTED_TARGET sentencepiece)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SentencePiece REQUIRED_VARS SentencePiece_PC_LINK_LIBRARIES)
if(SentencePiece_FOUND AND NOT TARGET SentencePiece::sentencepiece)
  add_library(SentencePiece::sentencepiece ALIAS PkgConfig::SentencePiece_PC)
endif()
