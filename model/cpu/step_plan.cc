#include "model/cpu/step_plan.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/kernels/attention.h"
#include "model/kernels/tile_attention.h"
#include "model/kernels/tiles.h"

namespace tandem::cpu {
namespace {

void add_rows(const DecoderSegment& segment, const DecoderConfig& config, StepPlan& plan) {
  TANDEM_CHECK(!segment.tokens.empty() && segment.logit_count >= 0);
  TANDEM_CHECK(static_cast<std::size_t>(segment.logit_count) <= segment.tokens.size());
  const bool prompt = segment.kind == TokenKind::kPrompt;
  const bool by_tiles = prompt && kernels::prefers_tiles() &&
                        kernels::tiles_take_heads(static_cast<std::size_t>(config.head_size));
  plan.single_tokens &= segment.tokens.size() == 1;
  auto position = static_cast<std::size_t>(segment.sequence->length());
  TANDEM_CHECK(position + segment.tokens.size() <=
               segment.sequence->blocks().size() * kernels::kBlockPositions);
  bool run_ends = true;
  for (const TokenId token : segment.tokens) {
    if (token < 0 || token >= config.vocabulary_size)
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("token {} is not in the vocabulary of {}", token, config.vocabulary_size));
    if (plan.rows.size() % kBlockRows == 0) {
      plan.blocks.emplace_back().first_row = plan.rows.size();
      run_ends = true;
    }
    RowBlock& block = plan.blocks.back();
    if (run_ends) block.runs.push_back({block.count, 0, by_tiles});
    run_ends = ++block.runs.back().count == kernels::kTileQueries;
    ++block.count;
    if (prompt) ++block.prompt_rows;
    plan.rows.push_back({segment.sequence, position++, token});
  }
}

}  // namespace

StepPlan plan_step(std::span<const DecoderSegment> segments, const DecoderConfig& config) {
  StepPlan plan;
  std::vector<std::size_t> first_rows(segments.size());
  for (const TokenKind kind : {TokenKind::kPrompt, TokenKind::kDecoded}) {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (segments[i].kind != kind) continue;
      first_rows[i] = plan.rows.size();
      add_rows(segments[i], config, plan);
    }
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto wanted = static_cast<std::size_t>(segments[i].logit_count);
    const std::size_t end = first_rows[i] + segments[i].tokens.size();
    for (std::size_t row = end - wanted; row < end; ++row) {
      plan.logit_rows.push_back(row);
      plan.blocks[row / kBlockRows].wants_logits = true;
    }
  }
  return plan;
}

}  // namespace tandem::cpu
