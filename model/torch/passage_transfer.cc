#include "model/torch/passage_transfer.h"

#include <limits>

#include "base/error.h"
#include "model/kernels/attention.h"
#include "model/step_shape.h"

namespace tandem::device {
namespace {

constexpr std::size_t kBlock = kernels::kBlockPositions;

// One thread is enough for what happens once for a passage.
constexpr int kThreads = 1;

// A sequence in this process's memory, in the layout that records are made from.
struct HostSequence {
  HostSequence(const DecoderConfig& config, int positions)
      : pool(config, std::numeric_limits<std::size_t>::max()), sequence(pool) {
    TANDEM_CHECK(sequence.reserve(positions));
  }
  KvPool pool;
  KvSequence sequence;
};

// Where the positions [first, first + count) of a sequence lie in a layer's tensor.
at::Tensor slots_of(const KvSequence& sequence, int first, int count) {
  at::Tensor slots = at::empty({count}, at::kLong);
  auto* slot = slots.mutable_data_ptr<std::int64_t>();
  for (int position = first; position < first + count; ++position) {
    const auto block = sequence.blocks()[static_cast<std::size_t>(position / kBlockPositions)];
    *slot++ = std::int64_t{block} * kBlockPositions + position % kBlockPositions;
  }
  return slots;
}

at::Tensor by_slot(const at::Tensor& layer) {
  return layer.view({-1, layer.size(2), layer.size(3)});
}

}  // namespace

std::shared_ptr<const PassageKv> pack_passage(const DecoderConfig& config,
                                              const KvSequence& sequence, KvTensors& tensors) {
  const c10::InferenceMode inference;
  const auto size = static_cast<std::size_t>(config.head_size);
  const auto kv_heads = static_cast<std::size_t>(config.kv_head_count);
  HostSequence host(config, sequence.length());
  const at::Tensor slots = slots_of(sequence, 0, sequence.length()).to(tensors.keys(0).device());
  for (int layer = 0; layer < config.layer_count; ++layer) {
    const auto fetch = [&](const at::Tensor& tensor) {
      return at::index_select(by_slot(tensor), 0, slots).to(at::kCPU, at::kFloat);
    };
    const at::Tensor keys = fetch(tensors.keys(static_cast<std::size_t>(layer)));
    const at::Tensor values = fetch(tensors.values(static_cast<std::size_t>(layer)));
    const float* key = keys.const_data_ptr<float>();
    const float* value = values.const_data_ptr<float>();
    for (std::size_t position = 0; position < static_cast<std::size_t>(sequence.length());
         ++position) {
      for (std::size_t head = 0; head < kv_heads; ++head, key += size, value += size)
        kernels::store_key_value(
            key, value, size, position % kBlock,
            host.sequence.halves(position / kBlock, layer, static_cast<int>(head)));
    }
  }
  host.sequence.advance(sequence.length());
  ThreadTeam team(kThreads);
  return PassageKv::pack(config, host.sequence, team);
}

void append_passage(const DecoderConfig& config, const PassageKv& passage, KvSequence& sequence,
                    KvTensors& tensors) {
  const c10::InferenceMode inference;
  const int offset = sequence.length();
  const int tokens = passage.tokens();
  // What is before the passage is not read; only where it ends matters.
  HostSequence host(config, offset + tokens);
  host.sequence.advance(offset);
  ThreadTeam team(kThreads);
  passage.append_to(config, host.sequence, team);

  const auto size = static_cast<std::size_t>(config.head_size);
  const auto kv_heads = static_cast<std::size_t>(config.kv_head_count);
  const std::size_t padded = kernels::padded_head(size);
  const at::Tensor slots = slots_of(sequence, offset, tokens).to(tensors.keys(0).device());
  at::Tensor keys = at::empty({tokens, config.kv_head_count, config.head_size}, at::kHalf);
  at::Tensor values = at::empty_like(keys);
  for (int layer = 0; layer < config.layer_count; ++layer) {
    auto* key = static_cast<std::uint16_t*>(keys.mutable_data_ptr());
    auto* value = static_cast<std::uint16_t*>(values.mutable_data_ptr());
    for (auto position = static_cast<std::size_t>(offset);
         position < static_cast<std::size_t>(offset + tokens); ++position) {
      for (std::size_t head = 0; head < kv_heads; ++head) {
        const std::uint16_t* const block =
            host.sequence.halves(position / kBlock, layer, static_cast<int>(head));
        const std::uint16_t* const block_values = block + kernels::block_elements(size);
        for (std::size_t i = 0; i < size; ++i) {
          *key++ = block[i * kBlock + position % kBlock];
          *value++ = block_values[position % kBlock * padded + i];
        }
      }
    }
    const auto index = static_cast<std::size_t>(layer);
    const auto store = [&](const at::Tensor& to, const at::Tensor& from) {
      by_slot(to).index_copy_(0, slots, from.to(to.device(), to.scalar_type()));
    };
    store(tensors.keys(index), keys);
    store(tensors.values(index), values);
  }
  sequence.advance(tokens);
}

}  // namespace tandem::device
