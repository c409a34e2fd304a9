# FAISS 1.7.3 or newer: target Faiss::faiss. Taken from -Dfaiss_ROOT=DIR (conda, vcpkg, own build),
# else what scripts/deps built with AVX2, else the system's.
#
# BLAS is not named here: an archive gets it from retriever/blas.cc, which says why. A shared library
# brings its own. LibTorch then multiplies by that one too, which is right, but slow where it is OpenBLAS:
# the small products inside attention would each start OpenBLAS's own threads within LibTorch's, and
# encoding without tiles takes four times as long (seen).
include(CachePath)
find_path(Faiss_INCLUDE_DIR faiss/IndexFlat.h
          HINTS ${faiss_ROOT}/include $ENV{faiss_ROOT}/include ${TANDEM_CACHE}/faiss-1.7.3/include)
find_library(Faiss_LIBRARY NAMES faiss_avx2 faiss
             HINTS ${faiss_ROOT}/lib $ENV{faiss_ROOT}/lib ${TANDEM_CACHE}/faiss-1.7.3/lib)
find_package(OpenMP REQUIRED COMPONENTS CXX)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Faiss REQUIRED_VARS Faiss_LIBRARY Faiss_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/deps, or give -Dfaiss_ROOT=DIR")

if(Faiss_FOUND AND NOT TARGET Faiss::faiss)
  add_library(Faiss::faiss UNKNOWN IMPORTED)
  set_target_properties(Faiss::faiss PROPERTIES
    IMPORTED_LOCATION "${Faiss_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Faiss_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES OpenMP::OpenMP_CXX)
endif()
