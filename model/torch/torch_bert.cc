#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "model/torch/aten.h"
#include "model/torch/executors.h"
#include "model/torch/linear.h"
#include "model/torch/tensors.h"
#include "model/torch/torch_threads.h"
#include "model/weights.h"

namespace tandem {
namespace {

struct LayerNorm {
  at::Tensor weight;
  at::Tensor bias;
};

struct Layer {
  PackedLinear query_key_value;
  PackedLinear attention_output;
  LayerNorm attention_norm;
  PackedLinear intermediate;
  PackedLinear output;
  LayerNorm output_norm;
};

class Loader {
 public:
  explicit Loader(const BertCheckpoint& checkpoint)
      : file_(*checkpoint.file), prefix_(checkpoint.prefix), config_(checkpoint.config) {}

  at::Tensor matrix(const std::string& name, std::int64_t rows, std::int64_t columns) const {
    return load_tensor(file_, prefix_ + name, {rows, columns});
  }
  at::Tensor vector(const std::string& name, std::int64_t size) const {
    return load_tensor(file_, prefix_ + name, {size});
  }

  LayerNorm norm(const std::string& name) const {
    return {vector(name + ".weight", config_.hidden_size),
            vector(name + ".bias", config_.hidden_size)};
  }

  PackedLinear linear(const std::string& name, std::int64_t out, std::int64_t in,
                      Activation activation = Activation::kNone) const {
    return {matrix(name + ".weight", out, in), vector(name + ".bias", out), activation};
  }

  Layer layer(int index) const {
    const std::string name = fmt::format("encoder.layer.{}.", index);
    const std::string self = name + "attention.self.";
    const std::int64_t hidden = config_.hidden_size;
    const std::int64_t inner = config_.intermediate_size;
    std::vector<RowBlock> weights;
    std::vector<at::Tensor> biases;
    for (const char* part : {"query", "key", "value"}) {
      weights.push_back({prefix_ + self + part + ".weight", hidden});
      biases.push_back(vector(self + part + ".bias", hidden));
    }
    return {PackedLinear(load_stacked(file_, weights, hidden), at::cat(biases), Activation::kNone),
            linear(name + "attention.output.dense", hidden, hidden),
            norm(name + "attention.output.LayerNorm"),
            linear(name + "intermediate.dense", inner, hidden, Activation::kGelu),
            linear(name + "output.dense", hidden, inner),
            norm(name + "output.LayerNorm")};
  }

 private:
  const WeightFile& file_;
  const std::string& prefix_;
  const BertConfig& config_;
};

// Consecutive sequences of equal length: their rows form a dense [count, length, hidden] block, so
// that attention needs neither padding nor a mask.
struct LengthGroup {
  std::int64_t first_row = 0;
  std::int64_t count = 0;
  std::int64_t length = 0;

  std::int64_t rows() const { return count * length; }
};

std::vector<LengthGroup> group_by_length(std::span<const std::vector<TokenId>> sequences) {
  std::vector<LengthGroup> groups;
  std::int64_t row = 0;
  for (const auto& sequence : sequences) {
    const auto length = static_cast<std::int64_t>(sequence.size());
    if (groups.empty() || groups.back().length != length) groups.push_back({row, 0, length});
    ++groups.back().count;
    row += length;
  }
  return groups;
}

class TorchBert final : public BertModel {
 public:
  explicit TorchBert(const BertCheckpoint& checkpoint);

  const BertConfig& config() const override { return config_; }
  void pooled_states(std::span<const std::vector<TokenId>> sequences,
                     std::span<const std::size_t> first_lengths, Pooling pooling, Urgency urgency,
                     std::span<float> out) const override;

 private:
  at::Tensor normalize(const at::Tensor& x, const LayerNorm& norm) const {
    return at::layer_norm(x, {config_.hidden_size}, norm.weight, norm.bias,
                          static_cast<double>(config_.layer_norm_epsilon));
  }
  // [rows, hidden]: all tokens of all sequences, one after another.
  at::Tensor embed(std::span<const std::vector<TokenId>> sequences,
                   std::span<const std::size_t> first_lengths) const;
  at::Tensor attend(const at::Tensor& query_key_value,
                    const std::vector<LengthGroup>& groups) const;

  BertConfig config_;
  at::Tensor word_embeddings_;
  // With the embedding of token type 0 added: single texts have no other type.
  at::Tensor position_embeddings_;
  at::Tensor second_type_;  // [hidden], type 1 less type 0; undefined without a type 1
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
};

TorchBert::TorchBert(const BertCheckpoint& checkpoint) : config_(checkpoint.config) {
  const c10::InferenceMode inference;
  apply_torch_threads();
  const Loader loader(checkpoint);
  const std::int64_t hidden = config_.hidden_size;
  word_embeddings_ =
      loader.matrix("embeddings.word_embeddings.weight", config_.vocabulary_size, hidden);
  position_embeddings_ = loader
                             .matrix("embeddings.position_embeddings.weight",
                                     config_.first_position + config_.max_positions, hidden)
                             .narrow(0, config_.first_position, config_.max_positions);
  const at::Tensor types = loader.matrix("embeddings.token_type_embeddings.weight",
                                         config_.type_vocabulary_size, hidden);
  position_embeddings_.add_(types.narrow(0, 0, 1));
  if (config_.type_vocabulary_size > 1) second_type_ = types.select(0, 1) - types.select(0, 0);
  embedding_norm_ = loader.norm("embeddings.LayerNorm");
  for (int i = 0; i < config_.layer_count; ++i) layers_.push_back(loader.layer(i));
}

at::Tensor TorchBert::embed(std::span<const std::vector<TokenId>> sequences,
                            std::span<const std::size_t> first_lengths) const {
  std::int64_t rows = 0;
  for (const auto& sequence : sequences) rows += static_cast<std::int64_t>(sequence.size());
  at::Tensor ids = at::empty({rows}, at::kInt);
  at::Tensor positions = at::empty({rows}, at::kInt);
  int* id = ids.mutable_data_ptr<int>();
  int* position = positions.mutable_data_ptr<int>();
  for (const auto& sequence : sequences) {
    TANDEM_CHECK(!sequence.empty() &&
                 sequence.size() <= static_cast<std::size_t>(config_.max_positions));
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      TANDEM_CHECK(sequence[i] >= 0 && sequence[i] < config_.vocabulary_size);
      *id++ = sequence[i];
      *position++ = static_cast<int>(i);
    }
  }
  at::Tensor x = at::index_select(word_embeddings_, 0, ids);
  x.add_(at::index_select(position_embeddings_, 0, positions));
  std::int64_t row = 0;
  for (std::size_t i = 0; i < first_lengths.size(); ++i) {
    const auto length = static_cast<std::int64_t>(sequences[i].size());
    const auto first = static_cast<std::int64_t>(std::min(first_lengths[i], sequences[i].size()));
    x.narrow(0, row + first, length - first).add_(second_type_);
    row += length;
  }
  return normalize(x, embedding_norm_);
}

at::Tensor TorchBert::attend(const at::Tensor& query_key_value,
                             const std::vector<LengthGroup>& groups) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t heads = config_.head_count;
  const auto attend_group = [&](const LengthGroup& group) {
    const at::Tensor parts = query_key_value.narrow(0, group.first_row, group.rows())
                                 .view({group.count, group.length, 3, heads, hidden / heads})
                                 .permute({2, 0, 3, 1, 4});
    const at::Tensor context =
        std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(parts[0], parts[1], parts[2]));
    return context.transpose(1, 2).reshape({group.rows(), hidden});
  };
  if (groups.size() == 1) return attend_group(groups.front());
  std::vector<at::Tensor> contexts;
  contexts.reserve(groups.size());
  for (const LengthGroup& group : groups) contexts.push_back(attend_group(group));
  return at::cat(contexts);
}

void TorchBert::pooled_states(std::span<const std::vector<TokenId>> sequences,
                              std::span<const std::size_t> first_lengths, Pooling pooling, Urgency,
                              std::span<float> out) const {
  const std::int64_t hidden = config_.hidden_size;
  TANDEM_CHECK(out.size() == sequences.size() * static_cast<std::size_t>(hidden));
  TANDEM_CHECK(first_lengths.empty() ||
               (first_lengths.size() == sequences.size() && second_type_.defined()));
  if (sequences.empty()) return;
  const c10::InferenceMode inference;
  apply_torch_threads();

  const std::vector<LengthGroup> groups = group_by_length(sequences);
  at::Tensor x = embed(sequences, first_lengths);
  for (const Layer& layer : layers_) {
    const at::Tensor context = attend(layer.query_key_value(x), groups);
    x = normalize(layer.attention_output(context).add_(x), layer.attention_norm);
    x = normalize(layer.output(layer.intermediate(x)).add_(x), layer.output_norm);
  }

  at::Tensor pooled =
      at::from_blob(out.data(), {static_cast<std::int64_t>(sequences.size()), hidden}, at::kFloat);
  std::int64_t sequence = 0;
  for (const LengthGroup& group : groups) {
    const at::Tensor states =
        x.narrow(0, group.first_row, group.rows()).view({group.count, group.length, hidden});
    pooled.narrow(0, sequence, group.count)
        .copy_(pooling == Pooling::kCls ? states.select(1, 0) : states.mean(1));
    sequence += group.count;
  }
}

}  // namespace

std::unique_ptr<BertModel> torch_executors::load_bert(const BertCheckpoint& checkpoint) {
  return std::make_unique<TorchBert>(checkpoint);
}

}  // namespace tandem
