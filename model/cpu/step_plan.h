// What a step computes: the tokens of all its segments, as rows of one matrix.
#ifndef TANDEM_MODEL_CPU_STEP_PLAN_H_
#define TANDEM_MODEL_CPU_STEP_PLAN_H_

#include <cstddef>
#include <span>
#include <vector>

#include "model/decoder_config.h"
#include "model/decoder_executor.h"

namespace tandem::cpu {

// So many rows go through a layer together. What one part of the layer leaves for the next is then
// still in the second-level cache, or nearly; a later block finds the keys of an earlier one in the
// cache. With less, tiles would pay too often for expanding the weights.
inline constexpr std::size_t kBlockRows = 256;

struct Row {
  KvSequence* sequence = nullptr;
  std::size_t position = 0;
  TokenId token = 0;
};

// Rows of a block at consecutive positions of one sequence, whose attention is computed together.
struct RowRun {
  std::size_t first_row = 0;
  std::size_t count = 0;
  bool by_tiles = false;
};

// The rows of a step that go through a layer together. Everything but the residual stream and the
// rotation is kept for one block at a time and numbers rows from its beginning.
struct RowBlock {
  std::size_t first_row = 0;
  std::size_t count = 0;
  std::size_t prompt_rows = 0;  // come first
  std::vector<RowRun> runs;     // of all rows
  bool wants_logits = false;    // of any row
};

struct StepPlan {
  std::vector<Row> rows;  // those of prompts come first, so that each kind is one range
  std::vector<RowBlock> blocks;
  std::vector<std::size_t> logit_rows;  // whose logits are wanted, in the order of the segments
  bool single_tokens = true;            // one row of each sequence
};

// Throws kInvalidArgument for a token outside the vocabulary.
StepPlan plan_step(std::span<const DecoderSegment> segments, const DecoderConfig& config);

}  // namespace tandem::cpu

#endif  // TANDEM_MODEL_CPU_STEP_PLAN_H_
