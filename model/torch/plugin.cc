// The function by which libtandem_torch.so is known.
#include <dlfcn.h>
#include <torch/headeronly/version.h>

#include "model/plugin.h"
#include "model/threads.h"
#include "model/torch/aten.h"
#include "model/torch/executors.h"
#include "model/torch_plugin.h"

namespace tandem {
namespace {

// Operators without which neither a step of a decoder nor a search can be computed.
constexpr const char* kNeededKernels[] = {"aten::mm",
                                          "aten::topk",
                                          "aten::index_select",
                                          "aten::silu",
                                          "aten::_scaled_dot_product_flash_attention",
                                          "aten::_scaled_dot_product_efficient_attention"};

std::filesystem::path torch_folder() {
  Dl_info place{};
  if (::dladdr(reinterpret_cast<const void*>(&at::globalContext), &place) == 0 ||
      place.dli_fname == nullptr)
    return {};
  return std::filesystem::path(place.dli_fname).parent_path();
}

bool cuda_kernels_registered() {
  for (const char* const name : kNeededKernels) {
    const auto op = c10::Dispatcher::singleton().findSchema({name, ""});
    if (!op || !op->hasKernelForDispatchKey(c10::DispatchKey::CUDA)) return false;
  }
  return true;
}

bool cuda_usable() {
  return at::globalContext().hasCUDA();
}

}  // namespace
}  // namespace tandem

extern "C" __attribute__((visibility("default"))) const tandem::TorchPlugin* tandem_torch_plugin(
    int (*compute_threads)()) {
  tandem::follow_compute_threads(compute_threads);
  static const tandem::TorchPlugin plugin = {tandem::plugin_build().data(),
                                             TORCH_VERSION,
                                             &tandem::torch_executors::load_bert,
                                             &tandem::torch_executors::load_decoder,
                                             &tandem::torch_executors::load_device_decoder,
                                             &tandem::torch_executors::load_device_vectors,
                                             &tandem::torch_folder,
                                             &tandem::cuda_kernels_registered,
                                             &tandem::cuda_usable};
  return &plugin;
}
