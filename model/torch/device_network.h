// The layers of a decoder as operations of LibTorch on a device: written once for the processor and
// for GPUs, and free of anything whose size or course depends on the numbers, so that a pass can be
// recorded.
#ifndef TANDEM_MODEL_TORCH_DEVICE_NETWORK_H_
#define TANDEM_MODEL_TORCH_DEVICE_NETWORK_H_

#include <cstddef>
#include <string>
#include <vector>

#include "model/decoder_config.h"
#include "model/step_shape.h"
#include "model/torch/aten.h"
#include "model/torch/device_kv_pool.h"
#include "model/torch/device_linear.h"
#include "model/torch/tensors.h"
#include "model/weights.h"

namespace tandem::device {

// What a kind of attention (DecoderConfig::attention_kinds) sees of the cache in a pass.
struct KindInputs {
  at::Tensor table;  // [sequences * blocks_within()], blocks of the cache
  at::Tensor first;  // [sequences], the position at which the first of these begins
};

// Of a pass; whole numbers of 64 bits, on the device. Padding has block and slots of its own, that
// none reads.
struct PassInputs {
  at::Tensor tokens;      // [sequences * tokens]
  at::Tensor positions;   // [sequences * tokens]
  at::Tensor slots;       // [sequences * tokens]: where a token's key and value go in the cache
  at::Tensor logit_rows;  // [logits], of the above
  std::vector<KindInputs> kinds;  // by kind; empty tensors for a fresh pass
};

// Immutable; run() is for one thread at a time for one cache.
class DeviceNetwork {
 public:
  // `type` is what is computed with. Throws as load_tensor() does.
  DeviceNetwork(const WeightFile& weights, const DecoderConfig& config, DeviceWeightFormat format,
                at::ScalarType type, at::Device device);

  const DecoderConfig& config() const { return config_; }
  at::Device device() const { return device_; }
  std::size_t size_bytes() const;

  // Writes keys and values of all tokens to `cache` and gives the logits, [logits, vocabulary],
  // float; an undefined tensor where none are wanted.
  at::Tensor run(const StepShape& shape, const PassInputs& inputs, KvTensors& cache) const;

 private:
  // Tensors of parts that a family lacks stay undefined.
  struct Layer {
    std::size_t kind = 0;
    at::Tensor attention_norm;  // [hidden]
    DeviceLinear query_key_value;
    at::Tensor query_key_value_bias;  // [(heads + 2 kv_heads) * head_size]
    at::Tensor query_key_norm;        // [heads + kv_heads, head_size]
    DeviceLinear attention_output;
    at::Tensor after_attention_norm;
    at::Tensor feed_forward_norm;
    DeviceLinear gate_up;
    DeviceLinear down;
    at::Tensor after_feed_forward_norm;
  };
  // What all layers of a kind share within a pass.
  struct KindState {
    at::Tensor turn;  // [rows, 1, rotary_size / 2], complex
    at::Tensor mask;  // [sequences, 1, group * tokens, positions]; undefined for a fresh pass
    at::Tensor table;
  };

  Layer load_layer(const WeightFile& weights, int index, DeviceWeightFormat format) const;
  at::Tensor load_norm(const WeightFile& weights, const std::string& name, std::int64_t size) const;
  DeviceLinear load_linear(const WeightFile& weights, const std::vector<RowBlock>& blocks,
                           std::int64_t columns, DeviceWeightFormat format) const;

  KindState prepare(const StepShape& shape, std::size_t kind, const PassInputs& inputs,
                    at::ScalarType cache_type) const;
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const;
  at::Tensor attend(const Layer& layer, const StepShape& shape, const KindState& state,
                    const at::Tensor& slots, const at::Tensor& x, const at::Tensor& keys,
                    const at::Tensor& values) const;
  at::Tensor attend_to_cache(const StepShape& shape, const KindState& state,
                             const at::Tensor& query, const at::Tensor& keys,
                             const at::Tensor& values) const;
  at::Tensor attend_to_itself(const StepShape& shape, const at::Tensor& query,
                              const at::Tensor& key, const at::Tensor& value) const;
  at::Tensor feed_forward(const Layer& layer, const at::Tensor& x) const;

  DecoderConfig config_;
  at::ScalarType type_;
  at::Device device_;
  DeviceLinear embedding_;  // empty where the output layer is the embedding
  std::vector<Layer> layers_;
  at::Tensor output_norm_;
  DeviceLinear output_;
  std::vector<at::Tensor> frequencies_;  // by kind, [rotary_size / 2], double
};

}  // namespace tandem::device

#endif  // TANDEM_MODEL_TORCH_DEVICE_NETWORK_H_
