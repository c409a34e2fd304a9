#include "model/kv_window.h"

#include <algorithm>
#include <vector>

#include "model/kernels/attention.h"
#include "model/kernels/byte_attention.h"
#include "model/kernels/rows.h"
#include "model/kernels/turn_block.h"
#include "model/rotary.h"

namespace tandem {
namespace {

constexpr int kBlock = static_cast<int>(kernels::kBlockPositions);

// As turn_block() for a block of byte_attention.h. Values come back as they were: the largest
// number of each is 127 times its scale, which therefore stays.
void turn_bytes(const DecoderConfig& config, const RotaryTurn& turn, std::byte* block) {
  const auto head_size = static_cast<std::size_t>(config.head_size);
  std::vector<float> key(head_size);
  std::vector<float> value(head_size);
  for (std::size_t position = 0; position < kernels::kBlockPositions; ++position) {
    kernels::read_key_value(block, head_size, position, key.data(), value.data());
    kernels::rotate(config.rotary_pairs, key.data(), turn.cosines, turn.sines.data());
    kernels::store_key_value(key.data(), value.data(), head_size, position, block);
  }
}

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
        for (int head = 0; head < config.kv_head_count; ++head) {
          if (sequence.type() == KvType::kInt8)
            turn_bytes(config, turn, sequence.memory(i, layer, head));
          else
            kernels::turn_block(sequence.halves(i, layer, head),
                                static_cast<std::size_t>(config.head_size), config.rotary_pairs,
                                turn.cosines, turn.sines);
        }
      }
    }
  });
  return true;
}

}  // namespace tandem
