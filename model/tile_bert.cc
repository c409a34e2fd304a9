// BERT by tiles (model/kernels/tiles.h). Weights and what enters a product are in bfloat16; sums,
// the residual stream and its norms in float.
//
// A text meets no other one within the network, so texts are shared out among threads, and each
// thread takes its own through all layers without waiting for anybody: some hundred rows at a time,
// few enough for their activations to stay in its second-level cache, and enough for the weights,
// which do not, to be worth fetching.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.h"
#include "model/bert_executors.h"
#include "model/kernels/page_memory.h"
#include "model/kernels/rows.h"
#include "model/kernels/thread_team.h"
#include "model/kernels/tile_matrix.h"
#include "model/kernels/tile_self_attention.h"
#include "model/threads.h"

namespace tandem {
namespace {

using kernels::BrainRows;
using kernels::TileActivation;
using kernels::TileMatrix;
using Sequences = std::span<const std::vector<TokenId>>;

// A thread takes texts until it has so many rows. Measured with MiniLM: 128 to 512 are within 5 %.
constexpr std::size_t kRowsAtOnce = 256;
// Of threads that compute in the background: a quarter of a processor that somebody else wants too.
// With 10 documents are hardly encoded any more beside another program that computes.
constexpr int kBackgroundNiceness = 5;

struct Norm {
  std::vector<float> weight;
  std::vector<float> bias;
};

struct Layer {
  TileMatrix query_key_value;
  TileMatrix attention_output;
  Norm attention_norm;
  TileMatrix intermediate;
  TileMatrix output;
  Norm output_norm;
};

// What one call computes.
struct Batch {
  Sequences sequences;
  std::span<const std::size_t> first_lengths;  // empty, or one for each sequence
  Pooling pooling;

  Batch part(std::size_t first, std::size_t count) const {
    return {sequences.subspan(first, count),
            first_lengths.empty() ? first_lengths : first_lengths.subspan(first, count), pooling};
  }
};

// Texts [first, last) of a batch.
struct Share {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t rows = 0;
};

std::vector<Share> share_out(Sequences sequences) {
  std::vector<Share> shares;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (shares.empty() || shares.back().rows + sequences[i].size() > kRowsAtOnce)
      shares.push_back({i, i, 0});
    shares.back().last = i + 1;
    shares.back().rows += sequences[i].size();
  }
  return shares;
}

// Activations of one thread.
struct Scratch {
  Scratch(const BertConfig& config, std::size_t row_count) : rows(row_count) {
    const auto hidden = static_cast<std::size_t>(config.hidden_size);
    // attend_to_all() reads whole tiles of rows, from wherever a text begins.
    const std::size_t padded = rows + 16;
    states.resize(rows * hidden);
    normed = BrainRows(padded, hidden);
    parts = BrainRows(padded, 3 * hidden);
    attended = BrainRows(padded, hidden);
    inner = BrainRows(padded, static_cast<std::size_t>(config.intermediate_size));
  }

  std::size_t rows;
  std::vector<float> states;  // [rows, hidden]
  BrainRows normed;           // the same, as the input of products
  BrainRows parts;            // queries, keys and values
  BrainRows attended;
  BrainRows inner;
};

class TileBert final : public BertModel {
 public:
  explicit TileBert(const BertCheckpoint& checkpoint);

  const BertConfig& config() const override { return config_; }
  void pooled_states(Sequences sequences, std::span<const std::size_t> first_lengths,
                     Pooling pooling, Urgency urgency, std::span<float> out) const override;

 private:
  void run(const Batch& batch, float* out, Scratch& scratch) const;
  void embed(const Batch& batch, Scratch& scratch) const;
  void normalize(const Norm& norm, std::size_t count, Scratch& scratch) const;
  void pool(const Batch& batch, float* out, const Scratch& scratch) const;

  std::unique_ptr<Scratch> take_scratch(std::size_t rows) const;
  void give_back(std::unique_ptr<Scratch> scratch) const;

  BertConfig config_;
  std::size_t hidden_;
  kernels::PageArena arena_;
  std::vector<float> word_embeddings_;  // [vocabulary, hidden]
  // [positions, hidden], with the embedding of token type 0 added: single texts have no other type.
  std::vector<float> position_embeddings_;
  std::vector<float> second_type_;  // [hidden], type 1 less type 0; empty without a type 1
  Norm embedding_norm_;
  std::vector<Layer> layers_;

  mutable std::mutex team_mutex_;
  mutable ThreadTeam team_;
  mutable std::mutex background_mutex_;
  // Its caller, a member of any team, only waits.
  mutable ThreadTeam background_team_;
  mutable std::mutex scratch_mutex_;
  mutable std::vector<std::unique_ptr<Scratch>> scratch_;
};

class Loader {
 public:
  Loader(const BertCheckpoint& checkpoint, kernels::PageArena& arena)
      : checkpoint_(checkpoint), arena_(arena) {}

  std::vector<float> values(const std::string& name, std::vector<std::int64_t> shape) const {
    return dequantize(checkpoint_.file->require(checkpoint_.prefix + name, shape));
  }
  Norm norm(const std::string& name) const {
    const std::int64_t hidden = checkpoint_.config.hidden_size;
    return {values(name + ".weight", {hidden}), values(name + ".bias", {hidden})};
  }
  // Layers that read the same input become one.
  TileMatrix linear(const std::vector<std::string>& names, std::int64_t out,
                    std::int64_t in) const {
    std::vector<float> weights;
    std::vector<float> bias;
    for (const std::string& name : names) {
      append(weights, values(name + ".weight", {out, in}));
      append(bias, values(name + ".bias", {out}));
    }
    return {weights, bias, arena_};
  }
  Layer layer(int index) const {
    const std::string name = fmt::format("encoder.layer.{}.", index);
    const std::string self = name + "attention.self.";
    const std::int64_t hidden = checkpoint_.config.hidden_size;
    const std::int64_t inner = checkpoint_.config.intermediate_size;
    return {linear({self + "query", self + "key", self + "value"}, hidden, hidden),
            linear({name + "attention.output.dense"}, hidden, hidden),
            norm(name + "attention.output.LayerNorm"),
            linear({name + "intermediate.dense"}, inner, hidden),
            linear({name + "output.dense"}, hidden, inner),
            norm(name + "output.LayerNorm")};
  }

 private:
  static void append(std::vector<float>& to, const std::vector<float>& values) {
    to.insert(to.end(), values.begin(), values.end());
  }

  const BertCheckpoint& checkpoint_;
  kernels::PageArena& arena_;
};

TileBert::TileBert(const BertCheckpoint& checkpoint)
    : config_(checkpoint.config),
      hidden_(static_cast<std::size_t>(config_.hidden_size)),
      team_(compute_threads()),
      background_team_(compute_threads() + 1, kBackgroundNiceness) {
  const Loader loader(checkpoint, arena_);
  const std::int64_t hidden = config_.hidden_size;
  word_embeddings_ =
      loader.values("embeddings.word_embeddings.weight", {config_.vocabulary_size, hidden});
  position_embeddings_ = loader.values("embeddings.position_embeddings.weight",
                                       {config_.first_position + config_.max_positions, hidden});
  position_embeddings_.erase(position_embeddings_.begin(),
                             position_embeddings_.begin() + config_.first_position * hidden);
  const std::vector<float> types = loader.values("embeddings.token_type_embeddings.weight",
                                                 {config_.type_vocabulary_size, hidden});
  for (std::size_t i = 0; i < position_embeddings_.size(); ++i)
    position_embeddings_[i] += types[i % hidden_];
  if (config_.type_vocabulary_size > 1) {
    second_type_.resize(hidden_);
    for (std::size_t i = 0; i < hidden_; ++i) second_type_[i] = types[hidden_ + i] - types[i];
  }
  embedding_norm_ = loader.norm("embeddings.LayerNorm");
  for (int i = 0; i < config_.layer_count; ++i) layers_.push_back(loader.layer(i));
}

// States to the norms of themselves, ready for the next product.
void TileBert::normalize(const Norm& norm, std::size_t count, Scratch& scratch) const {
  for (std::size_t row = 0; row < count; ++row) {
    const std::span<float> x(scratch.states.data() + row * hidden_, hidden_);
    kernels::layer_norm(x, norm.weight.data(), norm.bias.data(), config_.layer_norm_epsilon,
                        x.data());
    scratch.normed.write(x, row);
  }
}

void TileBert::embed(const Batch& batch, Scratch& scratch) const {
  float* x = scratch.states.data();
  for (std::size_t i = 0; i < batch.sequences.size(); ++i) {
    const auto& sequence = batch.sequences[i];
    const std::size_t first_length =
        batch.first_lengths.empty() ? sequence.size() : batch.first_lengths[i];
    TANDEM_CHECK(!sequence.empty() &&
                 sequence.size() <= static_cast<std::size_t>(config_.max_positions));
    for (std::size_t position = 0; position < sequence.size(); ++position, x += hidden_) {
      const TokenId token = sequence[position];
      TANDEM_CHECK(token >= 0 && token < config_.vocabulary_size);
      std::copy_n(word_embeddings_.data() + static_cast<std::size_t>(token) * hidden_, hidden_, x);
      kernels::add({x, hidden_}, position_embeddings_.data() + position * hidden_);
      if (position >= first_length) kernels::add({x, hidden_}, second_type_.data());
    }
  }
}

void TileBert::pool(const Batch& batch, float* out, const Scratch& scratch) const {
  const float* x = scratch.states.data();
  for (const auto& sequence : batch.sequences) {
    const std::span<float> pooled(out, hidden_);
    std::copy_n(x, hidden_, out);
    if (batch.pooling == Pooling::kMean) {
      for (std::size_t row = 1; row < sequence.size(); ++row)
        kernels::add(pooled, x + row * hidden_);
      kernels::scale(pooled, 1.0f / static_cast<float>(sequence.size()));
    }
    x += sequence.size() * hidden_;
    out += hidden_;
  }
}

void TileBert::run(const Batch& batch, float* out, Scratch& scratch) const {
  embed(batch, scratch);
  std::size_t count = 0;
  for (const auto& sequence : batch.sequences) count += sequence.size();
  normalize(embedding_norm_, count, scratch);
  const auto heads = static_cast<std::size_t>(config_.head_count);
  for (const Layer& layer : layers_) {
    layer.query_key_value.multiply(scratch.normed, count, TileActivation::kNone, scratch.parts);
    std::size_t row = 0;
    for (const auto& sequence : batch.sequences) {
      kernels::attend_to_all(scratch.parts, row, sequence.size(), heads, hidden_ / heads,
                             scratch.attended);
      row += sequence.size();
    }
    layer.attention_output.multiply_add(scratch.attended, count, scratch.states.data());
    normalize(layer.attention_norm, count, scratch);
    layer.intermediate.multiply(scratch.normed, count, TileActivation::kGelu, scratch.inner);
    layer.output.multiply_add(scratch.inner, count, scratch.states.data());
    normalize(layer.output_norm, count, scratch);
  }
  pool(batch, out, scratch);
}

std::unique_ptr<Scratch> TileBert::take_scratch(std::size_t rows) const {
  {
    const std::lock_guard lock(scratch_mutex_);
    if (!scratch_.empty() && scratch_.back()->rows >= rows) {
      auto scratch = std::move(scratch_.back());
      scratch_.pop_back();
      return scratch;
    }
  }
  return std::make_unique<Scratch>(config_, std::max(rows, kRowsAtOnce));
}

void TileBert::give_back(std::unique_ptr<Scratch> scratch) const {
  const std::lock_guard lock(scratch_mutex_);
  if (scratch_.size() < 2 * static_cast<std::size_t>(team_.size()))
    scratch_.push_back(std::move(scratch));
}

void TileBert::pooled_states(Sequences sequences, std::span<const std::size_t> first_lengths,
                             Pooling pooling, Urgency urgency, std::span<float> out) const {
  TANDEM_CHECK(out.size() == sequences.size() * hidden_);
  TANDEM_CHECK(first_lengths.empty() ||
               (first_lengths.size() == sequences.size() && !second_type_.empty()));
  if (sequences.empty()) return;
  const Batch batch = {sequences, first_lengths, pooling};
  const std::vector<Share> shares = share_out(sequences);
  std::atomic<std::size_t> next{0};
  const auto work = [&](std::unique_ptr<Scratch>& scratch) {
    for (std::size_t i = next++; i < shares.size(); i = next++) {
      const Share& share = shares[i];
      run(batch.part(share.first, share.last - share.first), out.data() + share.first * hidden_,
          *scratch);
    }
  };
  std::size_t rows = 0;
  for (const Share& share : shares) rows = std::max(rows, share.rows);
  // A question, of one share, needs no team; and while another batch has it, whoever else comes
  // computes alone instead of waiting for it to end.
  const bool background = urgency == Urgency::kBackground;
  std::unique_lock lock(background ? background_mutex_ : team_mutex_, std::defer_lock);
  if (background) lock.lock();
  const bool together = background || (shares.size() > 1 && lock.try_lock());
  const auto threads = static_cast<std::size_t>(team_.size());
  std::vector<std::unique_ptr<Scratch>> scratch(together ? std::min(threads, shares.size()) : 1);
  for (auto& own : scratch) own = take_scratch(rows);
  const auto work_as = [&](int member) {
    const auto i = static_cast<std::size_t>(member);
    if (i < scratch.size()) work(scratch[i]);
  };
  if (background) {
    background_team_.run([&](int member) {
      if (member > 0) work_as(member - 1);
    });
  } else if (together) {
    team_.run(work_as);
  } else {
    work_as(0);
  }
  for (auto& own : scratch) give_back(std::move(own));
}

}  // namespace

bool tiles_take_bert(const BertConfig& config) {
  return kernels::tile_unit() != kernels::TileUnit::kNone &&
         config.hidden_size / config.head_count % 32 == 0 && config.hidden_size % 32 == 0 &&
         config.intermediate_size % 32 == 0;
}

std::unique_ptr<BertModel> make_tile_bert(const BertCheckpoint& checkpoint) {
  return std::make_unique<TileBert>(checkpoint);
}

}  // namespace tandem
