# LibTorch for the CPU, out of an unpacked PyTorch wheel: target LibTorch::cpu.
#
# Torch's own TorchConfig.cmake is not used: the wheel's wants nvcc and CUDA libraries and links
# libtorch_cuda into every program, which costs half a second and 250 MB at each start.
# -DLibTorch_ROOT=DIR names a folder that holds include/ and lib/.
include(CachePath)
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h
          HINTS ${TANDEM_CACHE}/libtorch-2.11.0/torch/include PATH_SUFFIXES include)
find_library(LibTorch_CPU_LIBRARY torch_cpu
             HINTS ${TANDEM_CACHE}/libtorch-2.11.0/torch/lib PATH_SUFFIXES lib)
find_library(LibTorch_C10_LIBRARY c10
             HINTS ${TANDEM_CACHE}/libtorch-2.11.0/torch/lib PATH_SUFFIXES lib)

if(LibTorch_INCLUDE_DIR)
  file(STRINGS ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h LibTorch_VERSION
       REGEX "^ *\"[0-9.]+.*\"$")
  string(REGEX MATCH "[0-9][^\"]*" LibTorch_VERSION "${LibTorch_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  LibTorch REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/deps, or give -DLibTorch_ROOT=DIR")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  add_library(LibTorch::cpu INTERFACE IMPORTED)
  set_target_properties(LibTorch::cpu PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES
      "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${LibTorch_CPU_LIBRARY};${LibTorch_C10_LIBRARY}")
endif()
