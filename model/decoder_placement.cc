#include "model/decoder_placement.h"

#include "base/error.h"
#include "base/log.h"
#include "model/cpu_decoder.h"
#include "model/cuda_loader.h"
#include "model/threads.h"

namespace tandem {

std::shared_ptr<DeviceRuntime> choose_runtime(DecoderDevice device) {
  if (device == DecoderDevice::kCpu) return nullptr;
  try {
    return open_cuda();
  } catch (const Error& error) {
    if (device == DecoderDevice::kCuda) throw;
    log_info("computing on the processor: {}", error.message());
    return nullptr;
  }
}

std::unique_ptr<DecoderExecutor> load_decoder(const WeightFile& weights,
                                              const DecoderConfig& config,
                                              const DecoderPlacement& placement) {
  if (auto runtime = choose_runtime(placement.device)) {
    log_info("generating on {}", runtime->description());
    return DeviceDecoder::load(weights, config, std::move(runtime),
                               {.weights = placement.gpu_weights});
  }
  return CpuDecoder::load(weights, config, compute_threads());
}

}  // namespace tandem
