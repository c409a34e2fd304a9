#include "model/kernels/packed_block.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/model/kernels/key_value_samples.h"
#include "tests/support/half.h"
#include "tests/support/simd_targets.h"

namespace tandem::kernels {
namespace {

class PackedBlockTest : public testing::SimdTest {
 protected:
  // [32 positions][head_size]; some channels of keys are far larger than others.
  std::vector<float> numbers(std::size_t size, bool uneven) {
    std::vector<float> values(kBlockPositions * size);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = std::normal_distribution<float>()(random_) * (uneven && i % size == 3 ? 40 : 1);
    return values;
  }

  std::mt19937 random_{20261126};
};

// A block with the first `count` of `keys` and `values`, and large numbers in all other positions.
std::vector<std::uint16_t> block_of(const std::vector<float>& keys,
                                    const std::vector<float>& values, std::size_t size,
                                    std::size_t count) {
  std::vector<std::uint16_t> block(2 * block_elements(size));
  const std::vector<float> large(size, 1000);
  for (std::size_t p = 0; p < kBlockPositions; ++p)
    store_key_value(p < count ? &keys[p * size] : large.data(),
                    p < count ? &values[p * size] : large.data(), size, p, block.data());
  return block;
}

// Attention with one query that looks at position `position` alone gives back its value; this reads
// blocks by what they mean and not by where their numbers lie.
std::vector<float> value_at(const std::vector<const std::uint16_t*>& blocks, std::size_t size,
                            std::size_t position) {
  const std::vector<float> query(size);
  std::vector<float> value(size);
  attend(testing::row_over(query, size, 1, position, position + 1, value.data()), blocks);
  return value;
}

TEST_P(PackedBlockTest, PositionsComeBackTurnedAndMoved) {
  for (const std::size_t size : {std::size_t{10}, std::size_t{64}}) {
    for (const RotaryPairs pairs : {RotaryPairs::kNeighbours, RotaryPairs::kHalves}) {
      for (const auto& [count, shift] :
           std::vector<std::pair<std::size_t, std::size_t>>{{32, 0}, {32, 5}, {7, 30}, {1, 31}}) {
        SCOPED_TRACE(size * 10000 + count * 100 + shift);
        const std::vector<float> keys = numbers(size, true);
        const std::vector<float> values = numbers(size, false);
        std::vector<std::byte> packed(packed_block_bytes(size));
        pack_block(block_of(keys, values, size, count).data(), size, count, packed.data());

        // The last two channels do not turn.
        const std::size_t turned = size / 2 - 1;
        std::vector<float> cosines(turned);
        std::vector<float> sines(turned);
        for (std::size_t i = 0; i < turned; ++i) {
          const double angle = 0.3 * static_cast<double>(i + 1);
          cosines[i] = static_cast<float>(std::cos(angle));
          sines[i] = static_cast<float>(std::sin(angle));
        }
        std::vector<std::uint16_t> first(2 * block_elements(size));
        std::vector<std::uint16_t> second(first);
        unpack_block(packed.data(), size, count, pairs, cosines, sines,
                     {first.data(), shift + count > 32 ? second.data() : nullptr, shift});

        for (std::size_t p = 0; p < count; ++p) {
          const std::uint16_t* const block = shift + p < 32 ? first.data() : second.data();
          const std::size_t position = (shift + p) % 32;
          const std::vector<float> value = value_at({first.data(), second.data()}, size, shift + p);
          for (std::size_t i = 0; i < size; ++i) {
            double expected = keys[p * size + i];
            const std::size_t pair = pairs == RotaryPairs::kNeighbours ? i / 2 : i % turned;
            if (i < 2 * turned) {
              const bool is_first = pairs == RotaryPairs::kNeighbours ? i % 2 == 0 : i < turned;
              const std::size_t other = pairs == RotaryPairs::kNeighbours ? i ^ 1
                                        : is_first                        ? i + turned
                                                                          : i - turned;
              expected = expected * cosines[pair] +
                         (is_first ? -1 : 1) * double{keys[p * size + other]} * double{sines[pair]};
            }
            // Half a step of 1/127 of the largest number of each of two channels.
            const bool large = i < 4 || (i >= turned && i < turned + 4);
            ASSERT_NEAR(testing::from_half(block[i * 32 + position]), expected, large ? 1.2 : 0.05)
                << p << " " << i;
            ASSERT_NEAR(value[i], values[p * size + i], 0.02) << p << " " << i;
          }
        }
      }
    }
  }
}

TEST_P(PackedBlockTest, NothingElseIsTouched) {
  constexpr std::size_t kSize = 16;
  const std::vector<float> zeros(kBlockPositions * kSize);
  std::vector<std::byte> packed(packed_block_bytes(kSize));
  pack_block(block_of(zeros, zeros, kSize, 4).data(), kSize, 4, packed.data());
  std::vector<std::uint16_t> block(2 * block_elements(kSize), 0x1234);
  unpack_block(packed.data(), kSize, 4, RotaryPairs::kHalves, {}, {}, {block.data(), nullptr, 10});
  for (std::size_t i = 0; i < kSize; ++i) {
    for (std::size_t p = 0; p < kBlockPositions; ++p) {
      const std::uint16_t expected = p >= 10 && p < 14 ? 0 : 0x1234;
      ASSERT_EQ(block[i * 32 + p], expected);
      ASSERT_EQ(block[block_elements(kSize) + p * kSize + i], expected);
    }
  }
}

TANDEM_FOR_EVERY_SIMD_TARGET(PackedBlockTest);

}  // namespace
}  // namespace tandem::kernels
