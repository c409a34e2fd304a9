# LibTorch's part for CUDA: target LibTorch::cuda, for the plug-in alone (model/cuda). Taken from
# -DLibTorch_ROOT=DIR, else from what `scripts/deps --cuda` unpacked.
#
# Neither CUDA's own libraries nor a driver are needed to link: libtorch_cuda finds the former when
# it is loaded.
include(CachePath)
find_package(LibTorch REQUIRED)
get_filename_component(LibTorch_LIBRARY_DIR ${LibTorch_CPU_LIBRARY} DIRECTORY)
foreach(name torch_cuda c10_cuda)
  string(TOUPPER ${name} upper)
  find_library(LibTorchCuda_${upper}_LIBRARY ${name}
               HINTS ${LibTorch_LIBRARY_DIR} ${TANDEM_CACHE}/libtorch-cuda-2.11.0/torch/lib)
endforeach()
# The headers of the version that LibTorch was built with come with it; a toolkit has them too.
set(LibTorchCuda_hints ${TANDEM_CACHE}/libtorch-2.11.0/nvidia/cu13 $ENV{CUDA_HOME} /usr/local/cuda)
find_path(LibTorchCuda_TOOLKIT_INCLUDE_DIR cuda_runtime_api.h
          HINTS ${LibTorchCuda_hints} PATH_SUFFIXES include)
find_library(LibTorchCuda_CUDART_LIBRARY NAMES libcudart.so.13 cudart
             HINTS ${LibTorchCuda_hints} PATH_SUFFIXES lib lib64)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorchCuda
  REQUIRED_VARS LibTorchCuda_TORCH_CUDA_LIBRARY LibTorchCuda_C10_CUDA_LIBRARY
                LibTorchCuda_CUDART_LIBRARY LibTorchCuda_TOOLKIT_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/deps --cuda, or give -DLibTorch_ROOT=DIR")

if(LibTorchCuda_FOUND AND NOT TARGET LibTorch::cuda)
  add_library(LibTorch::cuda INTERFACE IMPORTED)
  set_target_properties(LibTorch::cuda PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorchCuda_TOOLKIT_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES
      "${LibTorchCuda_TORCH_CUDA_LIBRARY};${LibTorchCuda_C10_CUDA_LIBRARY};LibTorch::cpu;${LibTorchCuda_CUDART_LIBRARY}")
endif()
