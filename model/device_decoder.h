// Executes a decoder on a device of LibTorch: a GPU, or the processor, on which it is tested.
//
// A step is one or a few passes of fixed shapes (model/step_shape.h). Decoding passes are
// recorded when their shape comes the second time, and replayed from then on, because starting the
// hundreds of small kernels of a pass one by one takes longer than computing them. Choosing among
// the logits is left to the caller, on the host.
//
// Keys and values lie in blocks on the device, all of them from the start: what is recorded names
// addresses. They are of half precision, as CpuDecoder's are; the sum that runs through the layers,
// norms and rotations are of single precision, everything else is bfloat16.
//
// Unlike CpuDecoder's, the last bits of a token's logits may depend on what else is in the step:
// LibTorch chooses other kernels for other numbers of rows.
#ifndef TANDEM_MODEL_DEVICE_DECODER_H_
#define TANDEM_MODEL_DEVICE_DECODER_H_

#include <memory>

#include "model/decoder_executor.h"
#include "model/device_runtime.h"
#include "model/weights.h"

namespace tandem {

enum class DeviceWeightFormat {
  kFull,   // as computed with: bfloat16 unless `single_precision`
  kBytes,  // 8 bits, a scale for each row
};

struct DeviceDecoderOptions {
  DeviceWeightFormat weights = DeviceWeightFormat::kFull;
  // Computes with single precision throughout, the cache included: to tell a fault from rounding.
  bool single_precision = false;
};

class DeviceDecoder : public DecoderExecutor {
 public:
  // `weights` holds the tensors that `config` names, by their GGUF names; it is not needed later.
  // Throws kCorrupt for a missing, misshapen or not finite tensor and kResourceExhausted if the
  // device has no memory for them.
  static std::unique_ptr<DeviceDecoder> load(const WeightFile& weights, const DecoderConfig& config,
                                             std::shared_ptr<DeviceRuntime> runtime,
                                             const DeviceDecoderOptions& options = {});

  // Shapes that are recorded by now.
  virtual std::size_t recorded_shapes() const = 0;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_DEVICE_DECODER_H_
