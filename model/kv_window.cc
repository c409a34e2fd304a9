#include "model/kv_window.h"

#include <algorithm>
#include <vector>

#include "model/kernels/attention.h"
#include "model/kernels/turn_block.h"
#include "model/rotary.h"

namespace tandem {
namespace {

constexpr int kBlock = static_cast<int>(kernels::kBlockPositions);

}  // namespace

int forgotten_blocks(int context_length) {
  return std::max(1, context_length / 4 / kBlock);
}

bool window_fits(int context_length) {
  return context_length / kBlock >= 2 * (kSinkBlocks + forgotten_blocks(context_length));
}

bool forget_blocks(const DecoderConfig& config, KvSequence& sequence, int first, int count,
                   ThreadTeam& team) {
  if (!sequence.remove_blocks(first, count)) return false;
  std::vector<RotaryTurn> turns;
  for (const AttentionKind& kind : config.attention_kinds)
    turns.push_back(rotary_turn(kind.frequencies, -count * kBlock));
  const auto from = static_cast<std::size_t>(first);
  const std::size_t left = sequence.blocks().size() - from;
  team.run([&](int member) {
    const auto share = share_of(left, member, team.size());
    for (std::size_t i = from + share.first; i < from + share.second; ++i) {
      for (int layer = 0; layer < config.layer_count; ++layer) {
        const RotaryTurn& turn = turns[static_cast<std::size_t>(
            config.layer_attention[static_cast<std::size_t>(layer)])];
        for (int head = 0; head < config.kv_head_count; ++head)
          kernels::turn_block(sequence.memory(i, layer, head),
                              static_cast<std::size_t>(config.head_size), config.rotary_pairs,
                              turn.cosines, turn.sines);
      }
    }
  });
  return true;
}

}  // namespace tandem
