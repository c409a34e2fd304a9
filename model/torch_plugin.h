// What libtandem_torch.so gives the program that opens it: what LibTorch computes.
//
// LibTorch costs a start a third of a second and a process 108 MiB, and a processor with tiles
// answers without it. So nothing outside model/torch/ is linked to it: the loaders that need it
// (BertModel::load, TorchDecoder::load, DeviceDecoder::load, DeviceVectors::load, open_cuda) ask
// here.
//
// A room above that computes with LibTorch makes a plug-in and a table of its own, and opens it
// after this one, whose LibTorch it then gets. CONTRIBUTING.md lists the steps.
#ifndef TANDEM_MODEL_TORCH_PLUGIN_H_
#define TANDEM_MODEL_TORCH_PLUGIN_H_

#include <filesystem>
#include <memory>

#include "model/bert_executors.h"
#include "model/device_decoder.h"
#include "model/device_vectors.h"
#include "model/torch_decoder.h"

namespace tandem {

struct TorchPlugin {
  const char* build;          // plugin_build() of the plug-in; first, so that it can always be read
  const char* torch_version;  // of the headers that it was compiled with

  std::unique_ptr<BertModel> (*load_bert)(const BertCheckpoint& checkpoint);
  std::unique_ptr<TorchDecoder> (*load_decoder)(const DecoderWeights& weights);
  std::unique_ptr<DeviceDecoder> (*load_device_decoder)(const WeightFile& weights,
                                                        const DecoderConfig& config,
                                                        std::shared_ptr<DeviceRuntime> runtime,
                                                        const DeviceDecoderOptions& options);
  std::unique_ptr<DeviceVectors> (*load_device_vectors)(std::span<const std::uint16_t> values,
                                                        std::size_t dimension, HalfPrecision type,
                                                        const DeviceRuntime& runtime,
                                                        const DeviceVectorsOptions& options);

  // The folder of the LibTorch that is in use.
  std::filesystem::path (*torch_folder)();
  // Whether it knows kernels for CUDA in this process, and a device to use them on. LibTorch asks
  // for the latter once, and keeps the answer.
  bool (*cuda_kernels_registered)();
  bool (*cuda_usable)();
};

// The plug-in's one function. It is given compute_threads() of the program.
inline constexpr const char* kTorchPluginFunction = "tandem_torch_plugin";
using TorchPluginFunction = const TorchPlugin* (*)(int (*compute_threads)());

// Opens the plug-in at the first call. LibTorch is the one in the folder that TANDEM_LIBTORCH
// names, else the one that the plug-in was built with or has beside it, else that of the PyTorch
// that python3 imports. Safe from any thread.
//
// Throws kNotFound if there is no plug-in, and kUnsupported if it cannot be loaded, for want of a
// LibTorch for example, or was built from other sources; a later call tries again.
const TorchPlugin& torch_plugin();

// The plug-in at `path`, as torch_plugin() opens it.
const TorchPlugin& load_torch_plugin(const std::filesystem::path& path);

}  // namespace tandem

#endif  // TANDEM_MODEL_TORCH_PLUGIN_H_
