#include "model/cpu_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/cpu/layers.h"
#include "model/cpu/linear.h"
#include "model/cpu/step_plan.h"
#include "model/kernels/attention.h"
#include "model/kernels/byte_attention.h"
#include "model/kernels/rows.h"
#include "model/kernels/thread_team.h"
#include "model/kernels/tile_attention.h"
#include "model/kernels/tiles.h"
#include "model/kv_window.h"

namespace tandem {
namespace {

using cpu::Input;
using cpu::kBlockRows;
using cpu::Layer;
using cpu::multiply;
using cpu::Row;
using cpu::RowBlock;
using cpu::RowRun;
using kernels::kGroup;
using kernels::kPanelRows;
using kernels::Matrix;
using kernels::Range;

// Panels are shared out in pairs, so that what one thread computes of a layer's inner activations
// is whole groups, which it can bring to 8 bits itself.
constexpr std::size_t kPanelsPerGroup = kGroup / kPanelRows;
// Numbers of a layer's inner activations that one thread computes before it goes on to use them:
// with as many more of their gates they stay in the second-level cache, whatever the model's size.
constexpr std::size_t kInnerNumbers = 16384;
static_assert(kInnerNumbers >= kBlockRows * kGroup);

// What one member of the team works on between two products: its share of the rows, or, where there
// are fewer rows than members, a copy of all of them, which costs less than another meeting.
struct Rows {
  std::vector<float> residual;  // [rows, hidden]
  Input normed;                 // [rows of a block, hidden]
  Input attended;               // [rows of a block, heads * head_size]
};

// A member's own.
struct Scratch {
  std::vector<float> output;  // [hidden]
  std::vector<float> gate;    // [rows of a block, some of inner]
  std::vector<float> up;
};

class Decoder final : public CpuDecoder {
 public:
  Decoder(const WeightFile& weights, const DecoderConfig& config, int threads);

  const DecoderConfig& config() const override { return config_; }
  std::size_t size_bytes() const override { return layers_.arena.used_bytes(); }
  std::string_view arithmetic() const override {
    return kernels::prefers_tiles() ? "tiles" : "rows";
  }
  std::size_t prompt_tokens_per_step() const override { return 256; }
  std::unique_ptr<KvPool> make_pool(std::size_t limit_bytes, KvType type) override {
    return std::make_unique<KvPool>(config_, limit_bytes, type);
  }
  void forward(std::span<const DecoderSegment> segments, std::span<float> logits) override;
  std::shared_ptr<const PassageKv> pack(const KvSequence& sequence) override {
    return PassageKv::pack(config_, sequence, team_);
  }
  void append(const PassageKv& passage, KvSequence& sequence) override {
    passage.append_to(config_, sequence, team_);
  }
  bool forget(KvSequence& sequence, int first_block, int count) override {
    return forget_blocks(config_, sequence, first_block, count, team_);
  }

 private:
  void reserve_rows(std::size_t count);
  bool copies_rows() const { return plan_.rows.size() < static_cast<std::size_t>(team_.size()); }

  const AttentionKind& attention_of(const Layer& layer) const {
    return config_.attention_kinds[layer.attention_index];
  }

  // The rows of a block that are the member's to work on between products.
  Range own_rows(int member, const RowBlock& block) const {
    return copies_rows() ? Range{0, block.count} : share_of(block.count, member, team_.size());
  }

  void step(int member, std::span<float> logits);
  void embed(int member, Rows& rows, const RowBlock& block);
  void run_layer(int member, int index, Rows& rows, const RowBlock& block);
  void prepare_rotation(Range own);
  void prepare_heads(const Layer& layer, int layer_index, const RowBlock& block, std::size_t row,
                     std::size_t kv_head);
  template <class Element>
  static std::span<const Element* const> blocks_of(const KvSequence& sequence, int layer_index,
                                                   std::size_t kv_head, std::size_t end);
  void attend(const Layer& layer, int layer_index, const RowBlock& block, const RowRun& rows,
              std::size_t kv_head);
  void attend_all(int member, const Layer& layer, int layer_index, const RowBlock& block);
  void feed_forward(int member, const Layer& layer, const Input& input, const RowBlock& block);

  DecoderConfig config_;
  ThreadTeam team_;
  std::size_t hidden_;
  std::size_t inner_;
  std::size_t head_size_;
  std::size_t heads_;
  std::size_t kv_heads_;
  cpu::Layers layers_;

  // Of the step in progress.
  cpu::StepPlan plan_;
  std::size_t row_capacity_ = 0;
  std::size_t logit_capacity_ = 0;
  Rows shared_;
  std::vector<Rows> copies_;      // by member
  std::vector<Scratch> scratch_;  // by member
  // Of a block's rows.
  std::vector<float> query_key_value_;  // [rows, heads + 2 kv_heads, head_size]
  std::vector<float> attended_;         // [rows, heads, head_size]
  Input activated_;                     // [rows, inner]
  std::vector<float> output_of_layer_;  // [rows, hidden]
  // Of all rows.
  Input last_;  // [logit rows, hidden]
  // [kind][row, rotary_size / 2]
  std::vector<std::vector<float>> cosines_;
  std::vector<std::vector<float>> sines_;
};

Decoder::Decoder(const WeightFile& weights, const DecoderConfig& config, int threads)
    : config_(config),
      team_(threads),
      hidden_(static_cast<std::size_t>(config.hidden_size)),
      inner_(static_cast<std::size_t>(config.intermediate_size)),
      head_size_(static_cast<std::size_t>(config.head_size)),
      heads_(static_cast<std::size_t>(config.head_count)),
      kv_heads_(static_cast<std::size_t>(config.kv_head_count)) {
  if (head_size_ > kernels::kMaxHeadSize)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} has heads of {} numbers", weights.path().string(), head_size_),
                fmt::format("choose a model with heads of at most {}", kernels::kMaxHeadSize));
  layers_ = cpu::load_layers(weights, config_);
  copies_.resize(static_cast<std::size_t>(threads));
  scratch_.resize(static_cast<std::size_t>(threads));
  cosines_.resize(config_.attention_kinds.size());
  sines_.resize(config_.attention_kinds.size());
}

void Decoder::reserve_rows(std::size_t count) {
  if (plan_.logit_rows.size() > logit_capacity_) {
    logit_capacity_ = plan_.logit_rows.size();
    last_.resize(logit_capacity_, hidden_, layers_.forms);
  }
  if (count <= row_capacity_) return;
  row_capacity_ = count;
  const std::size_t of_block = std::min(count, kBlockRows);
  const std::size_t query = heads_ * head_size_;
  const auto make = [&](Rows& rows, std::size_t size) {
    rows.residual.resize(size * hidden_);
    rows.normed.resize(std::min(size, kBlockRows), hidden_, layers_.forms);
    rows.attended.resize(std::min(size, kBlockRows), query, layers_.forms);
  };
  make(shared_, count);
  const std::size_t copied = std::min(count, copies_.size());
  for (Rows& copy : copies_) make(copy, copied);
  for (Scratch& scratch : scratch_) {
    scratch.output.resize(hidden_);
    scratch.gate.resize(kInnerNumbers);
    scratch.up.resize(kInnerNumbers);
  }
  query_key_value_.resize(of_block * (query + 2 * kv_heads_ * head_size_));
  attended_.resize(of_block * query);
  activated_.resize(of_block, inner_, layers_.forms);
  output_of_layer_.resize(of_block * hidden_);
  const std::size_t pairs = static_cast<std::size_t>(config_.rotary_size) / 2;
  for (auto& table : cosines_) table.resize(count * pairs);
  for (auto& table : sines_) table.resize(count * pairs);
}

void Decoder::forward(std::span<const DecoderSegment> segments, std::span<float> logits) {
  plan_ = cpu::plan_step(segments, config_);
  TANDEM_CHECK(logits.size() ==
               plan_.logit_rows.size() * static_cast<std::size_t>(config_.vocabulary_size));
  if (plan_.rows.empty()) return;
  reserve_rows(plan_.rows.size());
  team_.run([&](int member) { step(member, logits); });
  for (const DecoderSegment& segment : segments)
    segment.sequence->advance(static_cast<int>(segment.tokens.size()));
}

void Decoder::prepare_rotation(Range own) {
  for (std::size_t kind = 0; kind < config_.attention_kinds.size(); ++kind) {
    const AttentionKind& attention = config_.attention_kinds[kind];
    const std::size_t pairs = attention.frequencies.size();
    for (std::size_t row = own.first; row < own.second; ++row) {
      for (std::size_t i = 0; i < pairs; ++i) {
        const double angle =
            static_cast<double>(plan_.rows[row].position) * attention.frequencies[i];
        cosines_[kind][row * pairs + i] =
            static_cast<float>(std::cos(angle)) * attention.rotary_magnitude;
        sines_[kind][row * pairs + i] =
            static_cast<float>(std::sin(angle)) * attention.rotary_magnitude;
      }
    }
  }
}

// Bias, norm and rotation of the key head and the query heads that share it; key and value go to
// the cache.
void Decoder::prepare_heads(const Layer& layer, int layer_index, const RowBlock& block,
                            std::size_t row, std::size_t kv_head) {
  const std::size_t all_heads = heads_ + 2 * kv_heads_;
  const std::size_t repeat = heads_ / kv_heads_;
  float* const parts = query_key_value_.data() + row * all_heads * head_size_;
  const std::size_t pairs = attention_of(layer).frequencies.size();
  const std::size_t angles = (block.first_row + row) * pairs;
  const std::span<const float> cosines(&cosines_[layer.attention_index][angles], pairs);
  const float* const sines = &sines_[layer.attention_index][angles];
  const auto prepare = [&](std::size_t head, const std::vector<float>& norm, bool rotated) {
    float* const x = parts + head * head_size_;
    if (!layer.query_key_value_bias.empty())
      kernels::add({x, head_size_}, &layer.query_key_value_bias[head * head_size_]);
    if (rotated && !norm.empty())
      kernels::rms_norm({x, head_size_}, norm.data(), config_.norm_epsilon, x);
    if (rotated) kernels::rotate(config_.rotary_pairs, x, cosines, sines);
  };
  for (std::size_t i = 0; i < repeat; ++i) prepare(kv_head * repeat + i, layer.query_norm, true);
  prepare(heads_ + kv_head, layer.key_norm, true);
  prepare(heads_ + kv_heads_ + kv_head, {}, false);
  const std::size_t position = plan_.rows[block.first_row + row].position;
  const KvSequence& sequence = *plan_.rows[block.first_row + row].sequence;
  const auto store = [&](auto* to) {
    kernels::store_key_value(parts + (heads_ + kv_head) * head_size_,
                             parts + (heads_ + kv_heads_ + kv_head) * head_size_, head_size_,
                             position % kernels::kBlockPositions, to);
  };
  const std::size_t index = position / kernels::kBlockPositions;
  if (sequence.type() == KvType::kInt8)
    store(sequence.memory(index, layer_index, static_cast<int>(kv_head)));
  else
    store(sequence.halves(index, layer_index, static_cast<int>(kv_head)));
}

// The blocks of a key head of a layer that hold positions [0, end). Valid until the thread's next
// call.
template <class Element>
std::span<const Element* const> Decoder::blocks_of(const KvSequence& sequence, int layer_index,
                                                   std::size_t kv_head, std::size_t end) {
  thread_local std::vector<const Element*> blocks;
  blocks.clear();
  for (std::size_t i = 0; i * kernels::kBlockPositions < end; ++i)
    blocks.push_back(reinterpret_cast<const Element*>(
        sequence.memory(i, layer_index, static_cast<int>(kv_head))));
  return blocks;
}

void Decoder::attend(const Layer& layer, int layer_index, const RowBlock& block, const RowRun& rows,
                     std::size_t kv_head) {
  const Row& first = plan_.rows[block.first_row + rows.first_row];
  const std::size_t head = kv_head * (heads_ / kv_heads_);
  kernels::QueryRun run;
  run.query_stride = (heads_ + 2 * kv_heads_) * head_size_;
  run.query = query_key_value_.data() + rows.first_row * run.query_stride + head * head_size_;
  run.out_stride = heads_ * head_size_;
  run.out = attended_.data() + rows.first_row * run.out_stride + head * head_size_;
  run.rows = rows.count;
  run.heads = heads_ / kv_heads_;
  run.head_size = head_size_;
  run.first_position = first.position;
  run.window = static_cast<std::size_t>(attention_of(layer).window);
  run.scale = config_.query_scale;
  const auto attend_over = [&](const auto& blocks) {
    if (rows.by_tiles)
      kernels::attend_tiles(run, blocks);
    else
      kernels::attend(run, blocks);
  };
  const std::size_t end = run.end_of(run.rows - 1);
  if (first.sequence->type() == KvType::kInt8)
    attend_over(blocks_of<std::byte>(*first.sequence, layer_index, kv_head, end));
  else
    attend_over(blocks_of<std::uint16_t>(*first.sequence, layer_index, kv_head, end));
}

// Runs differ in how many positions they see, so members take turns.
void Decoder::attend_all(int member, const Layer& layer, int layer_index, const RowBlock& block) {
  const auto stride = static_cast<std::size_t>(team_.size());
  for (auto i = static_cast<std::size_t>(member); i < block.runs.size() * kv_heads_; i += stride)
    attend(layer, layer_index, block, block.runs[i / kv_heads_], i % kv_heads_);
}

// Each member computes some columns of gate and up, activates them, and leaves them ready for the
// next product.
void Decoder::feed_forward(int member, const Layer& layer, const Input& input,
                           const RowBlock& block) {
  const std::size_t panels = layer.gate.panels();
  const auto [first, last] =
      share_of((panels + kPanelsPerGroup - 1) / kPanelsPerGroup, member, team_.size());
  const std::size_t groups = kInnerNumbers / block.count / kGroup;
  const std::size_t stride = groups * kGroup;
  Scratch& scratch = scratch_[static_cast<std::size_t>(member)];
  for (std::size_t group = first; group < last; group += groups) {
    const Range own = {group * kPanelsPerGroup,
                       std::min(std::min(group + groups, last) * kPanelsPerGroup, panels)};
    multiply(layer.gate, own, input, block.prompt_rows, block.count, scratch.gate.data(), stride);
    multiply(layer.up, own, input, block.prompt_rows, block.count, scratch.up.data(), stride);
    const std::size_t begin = group * kGroup;
    const std::size_t width = std::min(own.second * kPanelRows, inner_) - begin;
    for (std::size_t row = 0; row < block.count; ++row) {
      const std::span<float> gate(scratch.gate.data() + row * stride, width);
      kernels::activate(config_.activation, gate, scratch.up.data() + row * stride);
      activated_.write(gate, row, row < block.prompt_rows, begin);
    }
  }
}

void Decoder::embed(int member, Rows& rows, const RowBlock& block) {
  const Matrix& embedding =
      config_.tied_output ? layers_.output.matrices().front() : layers_.embedding;
  const Range own = own_rows(member, block);
  for (std::size_t row = block.first_row + own.first; row < block.first_row + own.second; ++row) {
    const std::span<float> x(rows.residual.data() + row * hidden_, hidden_);
    embedding.expand_row(static_cast<std::size_t>(plan_.rows[row].token), x);
    if (config_.embedding_scale != 1.0f) kernels::scale(x, config_.embedding_scale);
  }
}

// What members keep for themselves from one block to the next is the residual stream alone: they
// may be in different blocks, and share out a smaller one in another way.
void Decoder::run_layer(int member, int index, Rows& rows, const RowBlock& block) {
  const Layer& layer = layers_.layers[static_cast<std::size_t>(index)];
  const std::size_t count = block.count;
  const Range own = own_rows(member, block);
  const auto residual = [&](std::size_t row) {
    return std::span<float>(rows.residual.data() + (block.first_row + row) * hidden_, hidden_);
  };
  const auto norm = [&](const std::vector<float>& weight, std::size_t row) {
    float* const normed = rows.normed.row(row);
    kernels::rms_norm(residual(row), weight.data(), config_.norm_epsilon, normed);
    rows.normed.write({normed, hidden_}, row, row < block.prompt_rows);
  };
  const auto add_output = [&](const std::vector<float>& after_norm, std::size_t row) {
    float* const output = output_of_layer_.data() + row * hidden_;
    float* const scratch = scratch_[static_cast<std::size_t>(member)].output.data();
    if (!after_norm.empty())
      kernels::rms_norm({output, hidden_}, after_norm.data(), config_.norm_epsilon, scratch);
    kernels::add(residual(row), after_norm.empty() ? output : scratch);
  };

  for (std::size_t row = own.first; row < own.second; ++row) norm(layer.attention_norm, row);
  if (!copies_rows()) team_.barrier();
  layer.query_key_value.multiply_share(member, team_.size(), rows.normed, block.prompt_rows, count,
                                       query_key_value_.data(),
                                       (heads_ + 2 * kv_heads_) * head_size_);
  team_.barrier();

  const std::size_t items = count * kv_heads_;
  const auto stride = static_cast<std::size_t>(team_.size());
  const auto start = static_cast<std::size_t>(member);
  for (std::size_t i = start; i < items; i += stride) {
    prepare_heads(layer, index, block, i / kv_heads_, i % kv_heads_);
    if (plan_.single_tokens) attend(layer, index, block, block.runs[i / kv_heads_], i % kv_heads_);
  }
  team_.barrier();
  // Of the last layer other steps need keys and values alone.
  if (index + 1 == config_.layer_count && !block.wants_logits) return;
  if (!plan_.single_tokens) {
    attend_all(member, layer, index, block);
    team_.barrier();
  }

  const std::size_t query = heads_ * head_size_;
  for (std::size_t row = own.first; row < own.second; ++row)
    rows.attended.write({attended_.data() + row * query, query}, row, row < block.prompt_rows);
  if (!copies_rows()) team_.barrier();
  layer.attention_output.multiply_share(member, team_.size(), rows.attended, block.prompt_rows,
                                        count, output_of_layer_.data(), hidden_);
  team_.barrier();

  for (std::size_t row = own.first; row < own.second; ++row) {
    add_output(layer.after_attention_norm, row);
    norm(layer.feed_forward_norm, row);
  }
  if (!copies_rows()) team_.barrier();
  feed_forward(member, layer, rows.normed, block);
  team_.barrier();
  layer.down.multiply_share(member, team_.size(), activated_, block.prompt_rows, count,
                            output_of_layer_.data(), hidden_);
  team_.barrier();
  for (std::size_t row = own.first; row < own.second; ++row)
    add_output(layer.after_feed_forward_norm, row);
}

void Decoder::step(int member, std::span<float> logits) {
  Rows& rows = copies_rows() ? copies_[static_cast<std::size_t>(member)] : shared_;
  for (const RowBlock& block : plan_.blocks) embed(member, rows, block);
  prepare_rotation(share_of(plan_.rows.size(), member, team_.size()));
  for (int i = 0; i < config_.layer_count; ++i)
    for (const RowBlock& block : plan_.blocks) run_layer(member, i, rows, block);

  if (plan_.logit_rows.empty()) return;
  // Rows of the residual stream are their member's until here.
  if (!copies_rows()) team_.barrier();
  const Range of_logits = share_of(plan_.logit_rows.size(), member, team_.size());
  for (std::size_t i = of_logits.first; i < of_logits.second; ++i) {
    float* const normed = last_.row(i);
    kernels::rms_norm({rows.residual.data() + plan_.logit_rows[i] * hidden_, hidden_},
                      layers_.output_norm.data(), config_.norm_epsilon, normed);
    last_.write({normed, hidden_}, i, /*of_prompt=*/false);
  }
  team_.barrier();
  layers_.output.multiply_share(member, team_.size(), last_, /*prompt_rows=*/0,
                                plan_.logit_rows.size(), logits.data(),
                                static_cast<std::size_t>(config_.vocabulary_size));
}

}  // namespace

std::unique_ptr<CpuDecoder> CpuDecoder::load(const WeightFile& weights, const DecoderConfig& config,
                                             int threads) {
  return std::make_unique<Decoder>(weights, config, threads);
}

}  // namespace tandem
