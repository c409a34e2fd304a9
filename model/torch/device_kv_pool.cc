#include "model/torch/device_kv_pool.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "model/step_shape.h"

namespace tandem::device {

std::size_t kv_block_bytes(const DecoderConfig& config, at::ScalarType type) {
  return 2 * static_cast<std::size_t>(config.layer_count) *
         static_cast<std::size_t>(config.kv_head_count) *
         static_cast<std::size_t>(config.head_size) * kBlockPositions * c10::elementSize(type);
}

KvTensors::KvTensors(const DecoderConfig& config, std::size_t blocks, at::ScalarType type,
                     at::Device device)
    : padding_block_(static_cast<std::int64_t>(blocks)) {
  const std::int64_t shape[] = {padding_block_ + 1, kBlockPositions, config.kv_head_count,
                                config.head_size};
  const auto options = at::TensorOptions().dtype(type).device(device);
  try {
    // Cleared, because attention multiplies what it must not see by zero.
    for (int i = 0; i < config.layer_count; ++i) {
      keys_.push_back(at::zeros(shape, options));
      values_.push_back(at::zeros(shape, options));
    }
  } catch (const c10::Error&) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("{} has no memory for {} MB of keys and values", device.str(),
                            (blocks + 1) * kv_block_bytes(config, type) >> 20),
                "give the cache less, or free memory on the device");
  }
}

void KvTensors::copy(KvBlock from, KvBlock to) {
  const c10::InferenceMode inference;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    keys_[i].select(0, to).copy_(keys_[i].select(0, from));
    values_[i].select(0, to).copy_(values_[i].select(0, from));
  }
}

DeviceKvPool::DeviceKvPool(std::size_t block_bytes, std::size_t block_limit,
                           std::shared_ptr<KvTensors> tensors)
    : KvPool(block_bytes, block_limit), tensors_(std::move(tensors)) {}

}  // namespace tandem::device
