# FAISS 1.7.3 or newer: target Faiss::faiss. Taken from -Dfaiss_ROOT=DIR (conda, vcpkg, own build),
# else what scripts/deps built with AVX2, else the system's.
#
# FAISS calls BLAS, and libtorch_cpu both exports one (MKL) and calls it by those exported names: the
# library that comes first in the link order serves both. It must be LibTorch's. With OpenBLAS first, the
# small products inside attention would each start OpenBLAS's own threads within LibTorch's, and encoding
# takes four times as long (seen). Hence LibTorch is named here, before BLAS.
include(CachePath)
find_package(LibTorch REQUIRED)
find_path(Faiss_INCLUDE_DIR faiss/IndexFlat.h
          HINTS ${faiss_ROOT}/include $ENV{faiss_ROOT}/include ${TANDEM_CACHE}/faiss-1.7.3/include)
find_library(Faiss_LIBRARY NAMES faiss_avx2 faiss
             HINTS ${faiss_ROOT}/lib $ENV{faiss_ROOT}/lib ${TANDEM_CACHE}/faiss-1.7.3/lib)
find_package(OpenMP REQUIRED COMPONENTS CXX)
set(BLA_VENDOR OpenBLAS)
find_package(BLAS REQUIRED)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Faiss REQUIRED_VARS Faiss_LIBRARY Faiss_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/deps, or give -Dfaiss_ROOT=DIR")

if(Faiss_FOUND AND NOT TARGET Faiss::faiss)
  add_library(Faiss::faiss UNKNOWN IMPORTED)
  set_target_properties(Faiss::faiss PROPERTIES
    IMPORTED_LOCATION "${Faiss_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Faiss_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "$<LINK_ONLY:LibTorch::cpu>;${BLAS_LIBRARIES};OpenMP::OpenMP_CXX")
endif()
