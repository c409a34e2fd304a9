#include "model/bert.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "model/aten.h"
#include "model/linear.h"
#include "model/tensors.h"
#include "model/threads.h"
#include "model/weights.h"

namespace tandem {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

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

// Some checkpoints carry the prefix of the model they were cut from.
std::string find_prefix(const WeightFile& file) {
  for (const char* prefix : {"", "bert.", "model."})
    if (file.find(std::string(prefix) + "embeddings.word_embeddings.weight") != nullptr)
      return prefix;
  throw Error(
      ErrorCode::kCorrupt,
      fmt::format("{} holds no tensor embeddings.word_embeddings.weight", file.path().string()),
      "give the folder of a BERT encoder in the Hugging Face format");
}

class ConfigReader {
 public:
  explicit ConfigReader(const std::filesystem::path& path) : path_(path) {
    json_ = nlohmann::json::parse(read_file(path, kMaxConfigBytes), nullptr, false);
    if (!json_.is_object()) fail("is not a JSON object");
  }

  int positive(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || !found->is_number_integer()) fail(fmt::format("lacks {}", key));
    const auto value = found->get<std::int64_t>();
    if (value < 1 || value > (1 << 24)) fail(fmt::format("has {} = {}", key, value));
    return static_cast<int>(value);
  }

  float epsilon() const {
    const auto found = json_.find("layer_norm_eps");
    if (found == json_.end()) return 1e-12f;
    if (!found->is_number()) fail("has a layer_norm_eps that is no number");
    const auto value = found->get<double>();
    if (!(value >= 0 && value < 1)) fail(fmt::format("has layer_norm_eps = {}", value));
    return static_cast<float>(value);
  }

  // Refuses a file whose `key` is there but has a value that this code does not implement.
  void require(const char* key, const char* supported) const {
    const auto found = json_.find(key);
    if (found == json_.end() || *found == supported) return;
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} has {} {}; only \"{}\" is supported", path_.string(), key,
                            found->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace),
                            supported),
                "choose an encoder of the BERT family, such as all-MiniLM-L6-v2");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} {}", path_.string(), what),
                "fetch the model again");
  }

 private:
  std::filesystem::path path_;
  nlohmann::json json_;
};

BertConfig read_config(const std::filesystem::path& path) {
  const ConfigReader reader(path);
  reader.require("model_type", "bert");
  reader.require("hidden_act", "gelu");
  reader.require("position_embedding_type", "absolute");
  BertConfig config;
  config.hidden_size = reader.positive("hidden_size");
  config.layer_count = reader.positive("num_hidden_layers");
  config.head_count = reader.positive("num_attention_heads");
  config.intermediate_size = reader.positive("intermediate_size");
  config.vocabulary_size = reader.positive("vocab_size");
  config.max_positions = reader.positive("max_position_embeddings");
  config.type_vocabulary_size = reader.positive("type_vocab_size");
  config.layer_norm_epsilon = reader.epsilon();
  if (config.hidden_size % config.head_count != 0)
    reader.fail(fmt::format("has hidden_size {} that num_attention_heads {} does not divide",
                            config.hidden_size, config.head_count));
  return config;
}

class Loader {
 public:
  Loader(const WeightFile& file, const BertConfig& config)
      : file_(file), prefix_(find_prefix(file)), config_(config) {}

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
  std::string prefix_;
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

}  // namespace

struct BertModel::Weights {
  BertConfig config;
  at::Tensor word_embeddings;
  // With the embedding of token type 0 added: single texts have no other type.
  at::Tensor position_embeddings;
  LayerNorm embedding_norm;
  std::vector<Layer> layers;

  at::Tensor normalize(const at::Tensor& x, const LayerNorm& norm) const {
    return at::layer_norm(x, {config.hidden_size}, norm.weight, norm.bias,
                          static_cast<double>(config.layer_norm_epsilon));
  }

  // [rows, hidden]: all tokens of all sequences, one after another.
  at::Tensor embed(std::span<const std::vector<TokenId>> sequences) const;
  at::Tensor attend(const at::Tensor& query_key_value,
                    const std::vector<LengthGroup>& groups) const;
};

at::Tensor BertModel::Weights::embed(std::span<const std::vector<TokenId>> sequences) const {
  std::int64_t rows = 0;
  for (const auto& sequence : sequences) rows += static_cast<std::int64_t>(sequence.size());
  at::Tensor ids = at::empty({rows}, at::kInt);
  at::Tensor positions = at::empty({rows}, at::kInt);
  int* id = ids.mutable_data_ptr<int>();
  int* position = positions.mutable_data_ptr<int>();
  for (const auto& sequence : sequences) {
    TANDEM_CHECK(!sequence.empty() &&
                 sequence.size() <= static_cast<std::size_t>(config.max_positions));
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      TANDEM_CHECK(sequence[i] >= 0 && sequence[i] < config.vocabulary_size);
      *id++ = sequence[i];
      *position++ = static_cast<int>(i);
    }
  }
  at::Tensor x = at::index_select(word_embeddings, 0, ids);
  x.add_(at::index_select(position_embeddings, 0, positions));
  return normalize(x, embedding_norm);
}

at::Tensor BertModel::Weights::attend(const at::Tensor& query_key_value,
                                      const std::vector<LengthGroup>& groups) const {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t heads = config.head_count;
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

BertModel::BertModel(std::unique_ptr<Weights> weights) : weights_(std::move(weights)) {}
BertModel::~BertModel() = default;

const BertConfig& BertModel::config() const {
  return weights_->config;
}

std::unique_ptr<BertModel> BertModel::load(const std::filesystem::path& folder) {
  const c10::InferenceMode inference;
  apply_compute_threads();
  auto weights = std::make_unique<Weights>();
  BertConfig& config = weights->config;
  config = read_config(folder / "config.json");
  const auto file = open_safetensors(folder / "model.safetensors");
  const Loader loader(*file, config);
  const std::int64_t hidden = config.hidden_size;
  weights->word_embeddings =
      loader.matrix("embeddings.word_embeddings.weight", config.vocabulary_size, hidden);
  weights->position_embeddings =
      loader.matrix("embeddings.position_embeddings.weight", config.max_positions, hidden);
  weights->position_embeddings.add_(
      loader.matrix("embeddings.token_type_embeddings.weight", config.type_vocabulary_size, hidden)
          .narrow(0, 0, 1));
  weights->embedding_norm = loader.norm("embeddings.LayerNorm");
  for (int i = 0; i < config.layer_count; ++i) weights->layers.push_back(loader.layer(i));
  return std::unique_ptr<BertModel>(new BertModel(std::move(weights)));
}

void BertModel::pooled_states(std::span<const std::vector<TokenId>> sequences, Pooling pooling,
                              std::span<float> out) const {
  const Weights& weights = *weights_;
  const std::int64_t hidden = weights.config.hidden_size;
  TANDEM_CHECK(out.size() == sequences.size() * static_cast<std::size_t>(hidden));
  if (sequences.empty()) return;
  const c10::InferenceMode inference;
  apply_compute_threads();

  const std::vector<LengthGroup> groups = group_by_length(sequences);
  at::Tensor x = weights.embed(sequences);
  for (const Layer& layer : weights.layers) {
    const at::Tensor context = weights.attend(layer.query_key_value(x), groups);
    x = weights.normalize(layer.attention_output(context).add_(x), layer.attention_norm);
    x = weights.normalize(layer.output(layer.intermediate(x)).add_(x), layer.output_norm);
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

}  // namespace tandem
