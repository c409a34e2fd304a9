#include "model/device/device_kv_window.h"

#include "model/kernels/attention.h"
#include "model/rotary.h"

namespace tandem::device {
namespace {

// Keys [..., head_size] turned by one angle for each pair.
at::Tensor turned(const at::Tensor& keys, const DecoderConfig& config, const RotaryTurn& turn) {
  const auto pairs = static_cast<std::int64_t>(turn.cosines.size());
  const auto angles = [&](const std::vector<float>& values) {
    return at::tensor(values, keys.options());
  };
  const at::Tensor cosines = angles(turn.cosines);
  const at::Tensor sines = angles(turn.sines);
  const at::Tensor part = keys.narrow(-1, 0, 2 * pairs);
  const bool neighbours = config.rotary_pairs == RotaryPairs::kNeighbours;
  const at::Tensor first =
      neighbours ? part.slice(-1, 0, std::nullopt, 2) : part.narrow(-1, 0, pairs);
  const at::Tensor second =
      neighbours ? part.slice(-1, 1, std::nullopt, 2) : part.narrow(-1, pairs, pairs);
  const at::Tensor a = first * cosines - second * sines;
  const at::Tensor b = second * cosines + first * sines;
  at::Tensor result = keys.clone();
  result.narrow(-1, 0, 2 * pairs)
      .copy_(neighbours ? at::stack({a, b}, -1).flatten(-2) : at::cat({a, b}, -1));
  return result;
}

}  // namespace

bool forget_blocks(const DecoderConfig& config, KvSequence& sequence, int first, int count,
                   KvTensors& tensors) {
  const c10::InferenceMode inference;
  if (!sequence.remove_blocks(first, count)) return false;
  const auto left = sequence.blocks().subspan(static_cast<std::size_t>(first));
  if (left.empty()) return true;
  const at::Tensor blocks =
      at::tensor(std::vector<std::int64_t>(left.begin(), left.end()), at::kLong)
          .to(tensors.keys(0).device());
  std::vector<RotaryTurn> turns;
  for (const AttentionKind& kind : config.attention_kinds)
    turns.push_back(
        rotary_turn(kind.frequencies, -count * static_cast<int>(kernels::kBlockPositions)));
  for (std::size_t layer = 0; layer < static_cast<std::size_t>(config.layer_count); ++layer) {
    at::Tensor& keys = tensors.keys(layer);
    const at::Tensor moved = turned(keys.index_select(0, blocks).to(at::kFloat), config,
                                    turns[static_cast<std::size_t>(config.layer_attention[layer])]);
    keys.index_copy_(0, blocks, moved.to(keys.scalar_type()));
  }
  return true;
}

}  // namespace tandem::device
