// Loads what is needed to compute on an NVIDIA GPU, when it is asked for: the plug-in of
// model/cuda/, and with it libtorch_cuda and CUDA's libraries, after the plug-in of model/torch/.
// The program itself is linked to none of them.
#ifndef TANDEM_MODEL_CUDA_LOADER_H_
#define TANDEM_MODEL_CUDA_LOADER_H_

#include <filesystem>
#include <memory>

#include "model/cuda/plugin.h"
#include "model/device_runtime.h"

namespace tandem {

// Where the plug-in is, or would be; see model/plugin.h.
std::filesystem::path find_cuda_plugin();

// Loads a plug-in for the rest of the process. Throws kNotFound if there is no such file, and
// kUnsupported if it or a library that it needs cannot be loaded or was made for another version of
// Tandem or LibTorch.
const TandemCudaPlugin& load_cuda_plugin(const std::filesystem::path& path);

// Device `device` of a plug-in. Throws kUnsupported without a driver, without the device, or if
// LibTorch has no kernels for it. Safe from any thread; the plug-in must outlive what it gives.
std::shared_ptr<DeviceRuntime> open_cuda_device(const TandemCudaPlugin& plugin, int device);

// All of the above, for the first GPU.
std::shared_ptr<DeviceRuntime> open_cuda();

namespace detail {
// As open_cuda_device(), without asking LibTorch for its kernels.
std::shared_ptr<DeviceRuntime> make_cuda_runtime(const TandemCudaPlugin& plugin, int device);
}  // namespace detail

}  // namespace tandem

#endif  // TANDEM_MODEL_CUDA_LOADER_H_
