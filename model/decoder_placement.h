// On which device a decoder computes.
#ifndef TANDEM_MODEL_DECODER_PLACEMENT_H_
#define TANDEM_MODEL_DECODER_PLACEMENT_H_

#include <memory>

#include "model/decoder_executor.h"
#include "model/device_decoder.h"
#include "model/weights.h"

namespace tandem {

enum class DecoderDevice {
  kCpu,
  kCuda,  // the first NVIDIA GPU
  kAuto,  // the GPU if one can be used, else the processor
};

struct DecoderPlacement {
  DecoderDevice device = DecoderDevice::kCpu;
  DeviceWeightFormat gpu_weights = DeviceWeightFormat::kFull;
};

// The device; null for the processor. Throws what open_cuda() does where a GPU was asked for and
// cannot be used; kAuto writes it to the log.
std::shared_ptr<DeviceRuntime> choose_runtime(DecoderDevice device);

// As CpuDecoder::load(), with compute_threads(), DeviceDecoder::load() or choose_runtime() do.
std::unique_ptr<DecoderExecutor> load_decoder(const WeightFile& weights,
                                              const DecoderConfig& config,
                                              const DecoderPlacement& placement);

}  // namespace tandem

#endif  // TANDEM_MODEL_DECODER_PLACEMENT_H_
