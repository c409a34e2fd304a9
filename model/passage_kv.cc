#include "model/passage_kv.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "model/kernels/byte_attention.h"
#include "model/kernels/packed_block.h"
#include "model/rotary.h"

namespace tandem {
namespace {

constexpr std::size_t kBlock = kernels::kBlockPositions;
constexpr std::uint32_t kVersion = 1;  // with the reserved bytes after it
constexpr std::size_t kChecksumBytes = 64;

using Header = std::array<std::uint32_t, 5>;

Header header_of(const DecoderConfig& config, int tokens) {
  return {kVersion, static_cast<std::uint32_t>(tokens),
          static_cast<std::uint32_t>(config.layer_count),
          static_cast<std::uint32_t>(config.kv_head_count),
          static_cast<std::uint32_t>(config.head_size)};
}

std::size_t blocks_of(int tokens) {
  return kv_blocks_for(static_cast<std::size_t>(tokens));
}

std::size_t head_bytes(const DecoderConfig& config) {
  return kernels::packed_block_bytes(static_cast<std::size_t>(config.head_size));
}

// Key heads of all layers of all blocks: what the members of a team share out.
std::size_t head_count(const DecoderConfig& config, int tokens) {
  return blocks_of(tokens) * static_cast<std::size_t>(config.layer_count) *
         static_cast<std::size_t>(config.kv_head_count);
}

std::size_t record_bytes(const DecoderConfig& config, int tokens) {
  return sizeof(Header) + head_count(config, tokens) * head_bytes(config) + kChecksumBytes;
}

// Positions of the `block`-th block that belong to the passage.
std::size_t positions_in(std::size_t block, int tokens) {
  return std::min(kBlock, static_cast<std::size_t>(tokens) - block * kBlock);
}

std::string checksum_of(std::string_view record) {
  return sha256_hex(record.substr(0, record.size() - kChecksumBytes));
}

// The place of one key head of one block.
struct HeadIndex {
  HeadIndex(const DecoderConfig& config, std::size_t index)
      : kv_head(static_cast<int>(index % static_cast<std::size_t>(config.kv_head_count))),
        layer(static_cast<int>(index / static_cast<std::size_t>(config.kv_head_count) %
                               static_cast<std::size_t>(config.layer_count))),
        block(index / static_cast<std::size_t>(config.kv_head_count) /
              static_cast<std::size_t>(config.layer_count)) {}

  int kv_head;
  int layer;
  std::size_t block;
};

// One position between blocks of different types.
template <class From, class To>
void copy_position(const From* from, std::size_t position, To* to, std::size_t new_position,
                   std::size_t head_size) {
  std::array<float, kernels::kMaxHeadSize> key;
  std::array<float, kernels::kMaxHeadSize> value;
  kernels::read_key_value(from, head_size, position, key.data(), value.data());
  kernels::store_key_value(key.data(), value.data(), head_size, new_position, to);
}

}  // namespace

std::shared_ptr<const PassageKv> PassageKv::pack(const DecoderConfig& config,
                                                 const KvSequence& sequence, ThreadTeam& team) {
  const int tokens = sequence.length();
  TANDEM_CHECK(tokens > 0);
  std::string record(record_bytes(config, tokens), '\0');
  const Header header = header_of(config, tokens);
  std::memcpy(record.data(), header.data(), sizeof header);
  const auto head_size = static_cast<std::size_t>(config.head_size);
  auto* const heads = reinterpret_cast<std::byte*>(record.data()) + sizeof header;
  team.run([&](int member) {
    const auto share = share_of(head_count(config, tokens), member, team.size());
    for (std::size_t i = share.first; i < share.second; ++i) {
      const HeadIndex head(config, i);
      const std::size_t count = positions_in(head.block, tokens);
      const std::uint16_t* block = sequence.halves(head.block, head.layer, head.kv_head);
      std::vector<std::uint16_t> converted;
      if (sequence.type() == KvType::kInt8) {
        converted.resize(2 * kernels::block_elements(head_size));
        const std::byte* const bytes = sequence.memory(head.block, head.layer, head.kv_head);
        for (std::size_t p = 0; p < count; ++p)
          copy_position(bytes, p, converted.data(), p, head_size);
        block = converted.data();
      }
      kernels::pack_block(block, head_size, count, heads + i * head_bytes(config));
    }
  });
  const std::string checksum = checksum_of(record);
  std::copy(checksum.begin(), checksum.end(), record.end() - kChecksumBytes);
  return std::shared_ptr<const PassageKv>(new PassageKv(tokens, std::move(record)));
}

std::shared_ptr<const PassageKv> PassageKv::read(const DecoderConfig& config, std::string record) {
  Header header{};
  if (record.size() < sizeof header) return nullptr;
  std::memcpy(header.data(), record.data(), sizeof header);
  // A context is far shorter; beyond it the sizes below could overflow.
  constexpr std::uint32_t kMostTokens = 1u << 24;
  if (header[1] < 1 || header[1] > kMostTokens) return nullptr;
  const int tokens = static_cast<int>(header[1]);
  if (header != header_of(config, tokens) || record.size() != record_bytes(config, tokens) ||
      !record.ends_with(checksum_of(record)))
    return nullptr;
  return std::shared_ptr<const PassageKv>(new PassageKv(tokens, std::move(record)));
}

void PassageKv::append_to(const DecoderConfig& config, KvSequence& sequence,
                          ThreadTeam& team) const {
  const int offset = sequence.length();
  TANDEM_CHECK(static_cast<std::size_t>(offset + tokens_) <= sequence.blocks().size() * kBlock);
  // Keys already have the magnitude of their kind of attention.
  std::vector<RotaryTurn> turns;
  for (const AttentionKind& kind : config.attention_kinds)
    turns.push_back(rotary_turn(kind.frequencies, offset));
  const auto* const heads = reinterpret_cast<const std::byte*>(record_.data()) + sizeof(Header);
  const auto head_size = static_cast<std::size_t>(config.head_size);
  const std::size_t per_block = head_count(config, 1);
  // Neighbouring blocks of a passage meet in one block of the sequence, so a member takes a head of
  // all blocks and not a block of all heads.
  team.run([&](int member) {
    const auto share = share_of(per_block, member, team.size());
    for (std::size_t i = share.first; i < share.second; ++i) {
      const HeadIndex head(config, i);
      const auto kind =
          static_cast<std::size_t>(config.layer_attention[static_cast<std::size_t>(head.layer)]);
      for (std::size_t block = 0; block < blocks_of(tokens_); ++block) {
        const std::size_t position = static_cast<std::size_t>(offset) + block * kBlock;
        const std::size_t count = positions_in(block, tokens_);
        const auto unpack = [&](const kernels::BlockPlace& place) {
          kernels::unpack_block(heads + (block * per_block + i) * head_bytes(config), head_size,
                                count, config.rotary_pairs, turns[kind].cosines, turns[kind].sines,
                                place);
        };
        if (sequence.type() == KvType::kHalf) {
          const auto halves = [&](std::size_t index) {
            return index < sequence.blocks().size()
                       ? sequence.halves(index, head.layer, head.kv_head)
                       : nullptr;
          };
          unpack({halves(position / kBlock), halves(position / kBlock + 1), position % kBlock});
          continue;
        }
        std::vector<std::uint16_t> unpacked(2 * kernels::block_elements(head_size));
        unpack({unpacked.data(), nullptr, 0});
        for (std::size_t p = position; p < position + count; ++p)
          copy_position(unpacked.data(), p - position,
                        sequence.memory(p / kBlock, head.layer, head.kv_head), p % kBlock,
                        head_size);
      }
    }
  });
  sequence.advance(tokens_);
}

}  // namespace tandem
