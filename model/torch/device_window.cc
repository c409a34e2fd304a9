#include "model/torch/device_window.h"

#include <vector>

#include "model/rotary.h"
#include "model/step_shape.h"
#include "model/torch/tensor_rotation.h"

namespace tandem::device {
namespace {

// As rotate() wants it. Keys already have the magnitude of their kind of attention.
at::Tensor turn_by(const AttentionKind& kind, int positions, at::Device place) {
  const RotaryTurn turn = rotary_turn(kind.frequencies, positions);
  return at::complex(at::tensor(turn.cosines), at::tensor(turn.sines)).view({1, 1, -1}).to(place);
}

}  // namespace

bool forget_blocks(const DecoderConfig& config, KvSequence& sequence, int first, int count,
                   KvTensors& tensors) {
  if (!sequence.remove_blocks(first, count)) return false;
  const c10::InferenceMode inference;
  const at::Device place = tensors.keys(0).device();
  std::vector<at::Tensor> turns;
  for (const AttentionKind& kind : config.attention_kinds)
    turns.push_back(turn_by(kind, -count * kBlockPositions, place));
  const auto moved = sequence.blocks().subspan(static_cast<std::size_t>(first));
  at::Tensor blocks = at::empty({static_cast<std::int64_t>(moved.size())}, at::kLong);
  std::copy(moved.begin(), moved.end(), blocks.mutable_data_ptr<std::int64_t>());
  blocks = blocks.to(place);
  for (int layer = 0; layer < config.layer_count; ++layer) {
    const auto index = static_cast<std::size_t>(layer);
    at::Tensor& keys = tensors.keys(index);
    const at::Tensor turned = at::index_select(keys, 0, blocks).to(at::kFloat);
    rotate(turned.view({-1, config.kv_head_count, config.head_size}), config.rotary_pairs,
           turns[static_cast<std::size_t>(config.layer_attention[index])]);
    keys.index_copy_(0, blocks, turned.to(keys.scalar_type()));
  }
  return true;
}

}  // namespace tandem::device
