// How the tokens of a step are put into passes of a few fixed shapes.
//
// A device computes fastest what it has computed before: CUDA records a pass and replays it as one
// launch (model/cuda/), which needs every size in it to be the same. So the sizes of a pass are
// rounded up to a few, and what is left over is padding: rows that are computed and dropped.
// Rounding costs at most half as much again of the attention, and none of the reading of weights,
// which is what a decoding step waits for.
//
// Decoded tokens of all sequences go into one pass, so that the weights are read once for them;
// pieces of prompts join others of their own length.
#ifndef TANDEM_MODEL_STEP_SHAPE_H_
#define TANDEM_MODEL_STEP_SHAPE_H_

#include <compare>
#include <cstddef>
#include <span>
#include <vector>

namespace tandem::device {

inline constexpr int kMostSequences = 64;   // of a pass
inline constexpr int kMostRows = 2048;      // of a pass: sequences * tokens
inline constexpr int kBlockPositions = 32;  // of the cache, as everywhere (model/kv_cache.h)

struct StepShape {
  int sequences = 0;
  int tokens = 0;  // of each sequence
  int blocks = 0;  // of the cache that each sequence may see; 0 for a fresh one
  int logits = 0;  // rows whose logits are wanted
  bool decoded = false;
  // Nothing but the tokens themselves is seen, each of which sees all before it: attention needs
  // neither the cache nor a mask.
  bool fresh = false;

  int rows() const { return sequences * tokens; }
  friend auto operator<=>(const StepShape&, const StepShape&) = default;
};

// What a sequence brings into a step.
struct SegmentSize {
  int past = 0;         // positions before
  int tokens = 0;       // at least 1
  int logit_count = 0;  // of the last tokens
  bool decoded = false;
};

// Consecutive tokens of a segment within one pass.
struct SegmentPiece {
  std::size_t segment = 0;
  int first = 0;
  int tokens = 0;
  int logit_count = 0;  // of its last tokens
};

// At most as many pieces as the shape has sequences, each with at most as many tokens.
struct StepPass {
  StepShape shape;
  std::vector<SegmentPiece> pieces;
};

// 1, 2, 3, 4, 6, 8, 12, 16, 24 and so on: the first that is not less than `count`.
int round_size(int count);
// The first power of two that is not less than `count`.
int round_power(int count);

// The passes of a step, to be computed in this order: a segment longer than a pass is several
// pieces, of which the later ones see the earlier. `window` is the smallest of the model's, or 0.
std::vector<StepPass> plan_step(std::span<const SegmentSize> segments, int window);

// Of the blocks that a pass of this shape sees, those within reach of layers with a window: the
// last ones of each sequence. All of them for a window of 0.
int blocks_within(const StepShape& shape, int window);
// The first of these blocks, in a sequence with `past` positions before its piece.
int first_block_within(int past, int window);

}  // namespace tandem::device

#endif  // TANDEM_MODEL_STEP_SHAPE_H_
