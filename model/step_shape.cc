#include "model/step_shape.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"

namespace tandem::device {
namespace {

int blocks_for(int positions) {
  return (positions + kBlockPositions - 1) / kBlockPositions;
}

// Pieces of one round that may share a pass.
struct Kind {
  bool decoded = false;
  bool fresh = false;
  int tokens = 0;  // rounded; 0 for decoded ones, which are together whatever their length
  friend auto operator<=>(const Kind&, const Kind&) = default;
};

StepPass make_pass(const Kind& kind, std::span<const SegmentPiece> pieces,
                   std::span<const SegmentSize> segments) {
  StepPass pass;
  pass.pieces.assign(pieces.begin(), pieces.end());
  int tokens = 0;
  int positions = 0;
  int logits = 0;
  for (const SegmentPiece& piece : pieces) {
    tokens = std::max(tokens, piece.tokens);
    positions = std::max(positions, segments[piece.segment].past + piece.first + piece.tokens);
    logits += piece.logit_count;
  }
  pass.shape.sequences = round_power(static_cast<int>(pieces.size()));
  pass.shape.tokens = round_size(tokens);
  pass.shape.blocks = kind.fresh ? 0 : round_size(blocks_for(positions));
  pass.shape.logits = logits == 0 ? 0 : round_power(logits);
  pass.shape.decoded = kind.decoded;
  pass.shape.fresh = kind.fresh;
  return pass;
}

void add_passes(const Kind& kind, std::span<const SegmentPiece> pieces,
                std::span<const SegmentSize> segments, std::vector<StepPass>& passes) {
  while (!pieces.empty()) {
    std::size_t count = 0;
    int tokens = 1;
    while (count < pieces.size() && count < static_cast<std::size_t>(kMostSequences)) {
      const int longest = std::max(tokens, round_size(pieces[count].tokens));
      if (count > 0 && round_power(static_cast<int>(count) + 1) * longest > kMostRows) break;
      tokens = longest;
      ++count;
    }
    passes.push_back(make_pass(kind, pieces.first(count), segments));
    pieces = pieces.subspan(count);
  }
}

}  // namespace

int round_power(int count) {
  TANDEM_CHECK(count > 0);
  int size = 1;
  while (size < count) size *= 2;
  return size;
}

int round_size(int count) {
  const int power = round_power(count);
  return power >= 4 && power / 4 * 3 >= count ? power / 4 * 3 : power;
}

std::vector<StepPass> plan_step(std::span<const SegmentSize> segments, int window) {
  std::vector<StepPass> passes;
  std::vector<int> done(segments.size(), 0);
  while (true) {
    std::map<Kind, std::vector<SegmentPiece>> round;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const SegmentSize& segment = segments[i];
      TANDEM_CHECK(segment.tokens > 0 && segment.logit_count <= segment.tokens);
      const int count = std::min(segment.tokens - done[i], kMostRows);
      if (count == 0) continue;
      SegmentPiece piece{i, done[i], count, 0};
      done[i] += count;
      const int after = segment.tokens - done[i];
      piece.logit_count = std::clamp(segment.logit_count - after, 0, count);
      Kind kind;
      kind.decoded = segment.decoded;
      kind.fresh =
          !segment.decoded && segment.past + piece.first == 0 && (window == 0 || window >= count);
      kind.tokens = segment.decoded ? 0 : round_size(count);
      round[kind].push_back(piece);
    }
    if (round.empty()) return passes;
    for (const auto& [kind, pieces] : round) add_passes(kind, pieces, segments, passes);
  }
}

int blocks_within(const StepShape& shape, int window) {
  if (window == 0) return shape.blocks;
  // So many positions in a row lie in at most so many blocks.
  const int positions = window + shape.tokens - 1;
  return std::min(shape.blocks, (positions + kBlockPositions - 2) / kBlockPositions + 1);
}

int first_block_within(int past, int window) {
  return window == 0 ? 0 : std::max(0, past + 1 - window) / kBlockPositions;
}

}  // namespace tandem::device
