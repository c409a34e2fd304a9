// Going on past the context (model/kv_window.h), for blocks on a device.
#ifndef TANDEM_MODEL_TORCH_DEVICE_WINDOW_H_
#define TANDEM_MODEL_TORCH_DEVICE_WINDOW_H_

#include "model/decoder_config.h"
#include "model/torch/device_kv_pool.h"

namespace tandem::device {

// As tandem::forget_blocks(), of a sequence whose blocks are those of `tensors`.
bool forget_blocks(const DecoderConfig& config, KvSequence& sequence, int first, int count,
                   KvTensors& tensors);

}  // namespace tandem::device

#endif  // TANDEM_MODEL_TORCH_DEVICE_WINDOW_H_
