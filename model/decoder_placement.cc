#include "model/decoder_placement.h"

#include "base/error.h"
#include "base/log.h"
#include "model/cpu_decoder.h"
#include "model/cuda_loader.h"
#include "model/threads.h"

namespace tandem {
namespace {

// Null where the processor is to compute.
std::shared_ptr<DeviceRuntime> choose_runtime(DecoderDevice device) {
  if (device == DecoderDevice::kCpu) return nullptr;
  try {
    auto runtime = open_cuda();
    log_info("generating on {}", runtime->description());
    return runtime;
  } catch (const Error& error) {
    if (device == DecoderDevice::kCuda) throw;
    log_info("generating on the processor: {}", error.message());
    return nullptr;
  }
}

}  // namespace

std::unique_ptr<DecoderExecutor> load_decoder(const WeightFile& weights,
                                              const DecoderConfig& config,
                                              const DecoderPlacement& placement) {
  if (auto runtime = choose_runtime(placement.device))
    return DeviceDecoder::load(weights, config, std::move(runtime),
                               {.weights = placement.gpu_weights});
  return CpuDecoder::load(weights, config, compute_threads());
}

}  // namespace tandem
