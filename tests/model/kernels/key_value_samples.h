// Random keys and values, kept in blocks as a cache has them.
#ifndef TANDEM_TESTS_MODEL_KERNELS_KEY_VALUE_SAMPLES_H_
#define TANDEM_TESTS_MODEL_KERNELS_KEY_VALUE_SAMPLES_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "model/kernels/attention.h"
#include "model/kernels/byte_attention.h"

namespace tandem::testing {

constexpr std::size_t block_size(std::size_t head_size, const std::uint16_t*) {
  return 2 * kernels::block_elements(head_size);
}
constexpr std::size_t block_size(std::size_t head_size, const std::byte*) {
  return kernels::byte_block_bytes(head_size);
}

// `Element` says how they are kept: std::uint16_t for halves, std::byte for 8 bits. Numbers are
// normally distributed; with `large_channels`, two channels of the keys are far larger than others,
// as after norms.
template <class Element>
struct KeyValueSamples {
  static constexpr std::size_t kPositions = 75;

  KeyValueSamples(std::size_t head_size, std::mt19937& random, bool large_channels = false)
      : keys(kPositions * head_size), values(kPositions * head_size) {
    for (auto* numbers : {&keys, &values})
      for (float& value : *numbers) value = std::normal_distribution<float>()(random);
    const std::size_t count =
        (kPositions + kernels::kBlockPositions - 1) / kernels::kBlockPositions;
    memory.resize(
        count, std::vector<Element>(block_size(head_size, static_cast<const Element*>(nullptr))));
    for (std::size_t i = 0; i < kPositions; ++i) {
      if (large_channels) {
        keys[i * head_size + 1] *= 15;
        keys[i * head_size + 5] += 20;
      }
      kernels::store_key_value(&keys[i * head_size], &values[i * head_size], head_size,
                               i % kernels::kBlockPositions,
                               memory[i / kernels::kBlockPositions].data());
    }
    for (const auto& block : memory) blocks.push_back(block.data());
  }

  std::vector<float> keys;  // [positions, head_size], as they were before they were kept
  std::vector<float> values;
  std::vector<std::vector<Element>> memory;
  std::vector<const Element*> blocks;
};

// Row `row` alone of what `run` describes, its results at `out`.
inline kernels::QueryRun single_row(const kernels::QueryRun& run, std::size_t row, float* out) {
  kernels::QueryRun alone = run;
  alone.query = run.query + row * run.query_stride;
  alone.out = out;
  alone.rows = 1;
  alone.first_position = run.first_position + row;
  return alone;
}

// Heads [heads, head_size] of one row that sees positions [begin, end).
inline kernels::QueryRun row_over(std::span<const float> query, std::size_t head_size, float scale,
                                  std::size_t begin, std::size_t end, float* out) {
  kernels::QueryRun run;
  run.query = query.data();
  run.out = out;
  run.heads = query.size() / head_size;
  run.head_size = head_size;
  run.first_position = end - 1;
  run.window = end - begin;
  run.scale = scale;
  return run;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_MODEL_KERNELS_KEY_VALUE_SAMPLES_H_
