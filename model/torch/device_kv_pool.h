// Keys and values of all sequences in tensors of a device.
//
// A layer has two tensors, keys and values: [blocks + 1, 32 positions, kv_heads, head_size]. The
// last block belongs to no sequence: padding is written there, and read by nobody.
#ifndef TANDEM_MODEL_TORCH_DEVICE_KV_POOL_H_
#define TANDEM_MODEL_TORCH_DEVICE_KV_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/decoder_config.h"
#include "model/kv_cache.h"
#include "model/torch/aten.h"

namespace tandem::device {

// Of a device, for one thread at a time.
class KvTensors {
 public:
  // Throws kResourceExhausted if the device has no memory for them.
  KvTensors(const DecoderConfig& config, std::size_t blocks, at::ScalarType type,
            at::Device device);

  at::Tensor& keys(std::size_t layer) { return keys_[layer]; }
  at::Tensor& values(std::size_t layer) { return values_[layer]; }
  at::ScalarType type() const { return keys_[0].scalar_type(); }
  std::int64_t padding_block() const { return padding_block_; }

  void copy(KvBlock from, KvBlock to);

 private:
  std::vector<at::Tensor> keys_;
  std::vector<at::Tensor> values_;
  std::int64_t padding_block_;
};

class DeviceKvPool final : public KvPool {
 public:
  // Takes all memory at once. `tensors` has room for `block_limit` blocks.
  DeviceKvPool(std::size_t block_bytes, std::size_t block_limit,
               std::shared_ptr<KvTensors> tensors);

  void copy(KvBlock from, KvBlock to) const override { tensors_->copy(from, to); }

 private:
  void grow(std::size_t) override {}

  std::shared_ptr<KvTensors> tensors_;
};

// Bytes of a block in all layers.
std::size_t kv_block_bytes(const DecoderConfig& config, at::ScalarType type);

}  // namespace tandem::device

#endif  // TANDEM_MODEL_TORCH_DEVICE_KV_POOL_H_
