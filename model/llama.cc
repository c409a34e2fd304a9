#include "model/llama.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/aten.h"
#include "model/decoder_linear.h"
#include "model/llama_config.h"
#include "model/row_kernels.h"
#include "model/tensors.h"
#include "model/threads.h"

namespace tandem {
namespace {

struct Layer {
  at::Tensor attention_norm;       // [hidden]
  DecoderLinear query_key_value;   // [(heads + 2 kv_heads) * head_size, hidden]
  DecoderLinear attention_output;  // [hidden, heads * head_size]
  at::Tensor feed_forward_norm;
  DecoderLinear gate_up;  // [2 * intermediate, hidden]
  DecoderLinear down;     // [hidden, intermediate]
};

Layer load_layer(const GgufFile& file, const LlamaConfig& config, int index) {
  const std::string name = fmt::format("blk.{}.", index);
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size;
  const std::int64_t query = std::int64_t{config.head_count} * config.head_size;
  const std::int64_t key = std::int64_t{config.kv_head_count} * config.head_size;
  return {
      load_tensor(file, name + "attn_norm.weight", {hidden}),
      {file,
       {{name + "attn_q.weight", query},
        {name + "attn_k.weight", key},
        {name + "attn_v.weight", key}},
       hidden},
      {file, {{name + "attn_output.weight", hidden}}, query},
      load_tensor(file, name + "ffn_norm.weight", {hidden}),
      {file, {{name + "ffn_gate.weight", inner}, {name + "ffn_up.weight", inner}}, hidden},
      {file, {{name + "ffn_down.weight", hidden}}, inner},
  };
}

// y = x / sqrt(mean(x^2) + epsilon) * weight, row by row (Zhang and Sennrich 2019,
// arXiv:1910.07467, equation 4). LibTorch's own is a chain of seven operators on the CPU, which at
// one row costs more than the arithmetic.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, float epsilon) {
  constexpr std::int64_t kRowsPerTask = 32;
  const std::int64_t columns = x.size(1);
  at::Tensor out = at::empty_like(x);
  const float* in = x.const_data_ptr<float>();
  const float* scale = weight.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, x.size(0), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* from = in + row * columns;
      float* result = to + row * columns;
      double squares = 0;
      for (std::int64_t i = 0; i < columns; ++i) squares += double{from[i]} * double{from[i]};
      const auto mean = static_cast<float>(squares / static_cast<double>(columns));
      const float factor = 1.0f / std::sqrt(mean + epsilon);
      for (std::int64_t i = 0; i < columns; ++i) result[i] = from[i] * factor * scale[i];
    }
  });
  return out;
}

}  // namespace

struct LlamaCache::State {
  const void* model = nullptr;
  at::Tensor keys;    // [layers, kv_heads, capacity, head_size]
  at::Tensor values;  // the same
  int length = 0;

  int capacity() const { return static_cast<int>(keys.size(2)); }
};

LlamaCache::LlamaCache(std::unique_ptr<State> state) : state_(std::move(state)) {}
LlamaCache::~LlamaCache() = default;

int LlamaCache::length() const {
  return state_->length;
}

void LlamaCache::truncate(int length) {
  TANDEM_CHECK(length >= 0 && length <= state_->length);
  state_->length = length;
}

struct LlamaModel::Weights {
  LlamaConfig config;
  std::vector<double> frequencies;  // [rotary_size / 2]
  at::Tensor embedding;             // [vocabulary, hidden]
  std::vector<Layer> layers;
  at::Tensor output_norm;
  DecoderLinear output;  // [vocabulary, hidden]; the embedding where the file ties them

  at::Tensor embed(std::span<const TokenId> tokens) const;
  at::Tensor rotations(int first_position, std::int64_t count) const;
  at::Tensor attend(const Layer& layer, const at::Tensor& x, const at::Tensor& turn,
                    const std::optional<at::Tensor>& mask, at::Tensor keys,
                    at::Tensor values) const;
  at::Tensor attend_one(const at::Tensor& query, const at::Tensor& keys,
                        const at::Tensor& values) const;
  at::Tensor feed_forward(const Layer& layer, const at::Tensor& x) const;
};

at::Tensor LlamaModel::Weights::embed(std::span<const TokenId> tokens) const {
  at::Tensor ids = at::empty({static_cast<std::int64_t>(tokens.size())}, at::kInt);
  int* id = ids.mutable_data_ptr<int>();
  for (const TokenId token : tokens) {
    if (token < 0 || token >= config.vocabulary_size)
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("token {} is not in the vocabulary of {}", token, config.vocabulary_size));
    *id++ = token;
  }
  return at::index_select(embedding, 0, ids);
}

// e^(i * position * frequency) for every position and pair: [count, 1, rotary_size / 2], complex.
at::Tensor LlamaModel::Weights::rotations(int first_position, std::int64_t count) const {
  const auto pairs = static_cast<std::int64_t>(frequencies.size());
  at::Tensor turn = at::empty({count, 1, pairs}, at::kComplexFloat);
  auto* out = reinterpret_cast<std::complex<float>*>(turn.mutable_data_ptr<c10::complex<float>>());
  for (std::int64_t row = 0; row < count; ++row)
    for (const double frequency : frequencies)
      *out++ = std::complex<float>(
          std::polar(1.0, static_cast<double>(first_position + row) * frequency));
  return turn;
}

// `keys` and `values` are [kv_heads, positions, head_size], where the last x.size(0) positions are
// those of `x` and are filled in here.
//
// The heads that share a key head ("repeat" of them) form one group, so that keys are read as they
// lie in the cache and never copied for each head.
at::Tensor LlamaModel::Weights::attend(const Layer& layer, const at::Tensor& x,
                                       const at::Tensor& turn,
                                       const std::optional<at::Tensor>& mask, at::Tensor keys,
                                       at::Tensor values) const {
  const std::int64_t rows = x.size(0);
  const std::int64_t heads = config.head_count;
  const std::int64_t kv_heads = config.kv_head_count;
  const std::int64_t repeat = heads / kv_heads;
  const std::int64_t size = config.head_size;
  const at::Tensor parts = layer.query_key_value(x).view({rows, heads + 2 * kv_heads, size});

  // Rotary embedding (Su et al. 2021, arXiv:2104.09864, equation 13): a pair of neighbours is a
  // complex number, turned by its position.
  at::Tensor pairs = at::view_as_complex(parts.narrow(1, 0, heads + kv_heads)
                                             .narrow(2, 0, config.rotary_size)
                                             .unflatten(2, {config.rotary_size / 2, 2}));
  pairs.mul_(turn);

  const std::int64_t past = keys.size(1) - rows;
  keys.narrow(1, past, rows).copy_(parts.narrow(1, heads, kv_heads).transpose(0, 1));
  values.narrow(1, past, rows).copy_(parts.narrow(1, heads + kv_heads, kv_heads).transpose(0, 1));

  if (rows == 1) return layer.attention_output(attend_one(parts[0], keys, values));
  const at::Tensor query = parts.narrow(1, 0, heads).view({rows, kv_heads, repeat, size});
  const std::int64_t positions = keys.size(1);
  const at::Tensor context = std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(
      query.permute({1, 2, 0, 3}), keys.unsqueeze(1).expand({kv_heads, repeat, positions, size}),
      values.unsqueeze(1).expand({kv_heads, repeat, positions, size}), 0.0,
      /*is_causal=*/!mask.has_value(), mask));
  return layer.attention_output(context.permute({2, 0, 1, 3}).reshape({rows, heads * size}));
}

// `query` is [at least heads, head_size]; the result is [1, heads * head_size].
at::Tensor LlamaModel::Weights::attend_one(const at::Tensor& query, const at::Tensor& keys,
                                           const at::Tensor& values) const {
  const auto size = static_cast<std::size_t>(config.head_size);
  const auto group = static_cast<std::size_t>(config.head_count / config.kv_head_count) * size;
  const auto positions = static_cast<std::size_t>(keys.size(1)) * size;
  at::Tensor out = at::empty({1, std::int64_t{config.head_count} * config.head_size}, at::kFloat);
  for (std::int64_t head = 0; head < config.kv_head_count; ++head) {
    const auto offset = static_cast<std::size_t>(head) * group;
    attend_row({query.const_data_ptr<float>() + offset, group},
               {keys.const_data_ptr<float>() + head * keys.stride(0), positions},
               {values.const_data_ptr<float>() + head * values.stride(0), positions}, size,
               {out.mutable_data_ptr<float>() + offset, group});
  }
  return out;
}

// SwiGLU: down(silu(gate(x)) * up(x)) (Shazeer 2020, arXiv:2002.05202, equation 6).
at::Tensor LlamaModel::Weights::feed_forward(const Layer& layer, const at::Tensor& x) const {
  const std::int64_t inner = config.intermediate_size;
  const at::Tensor both = layer.gate_up(x);
  at::Tensor gate = both.narrow(1, 0, inner);
  at::silu_(gate).mul_(both.narrow(1, inner, inner));
  return layer.down(gate);
}

LlamaModel::LlamaModel(std::unique_ptr<Weights> weights) : weights_(std::move(weights)) {}
LlamaModel::~LlamaModel() = default;

const LlamaConfig& LlamaModel::config() const {
  return weights_->config;
}

std::unique_ptr<LlamaModel> LlamaModel::load(const GgufFile& file) {
  const c10::InferenceMode inference;
  apply_compute_threads();
  auto weights = std::make_unique<Weights>();
  const LlamaConfig& config = weights->config = read_llama_config(file);
  check_llama_tensors(file, config);
  weights->frequencies = rotary_frequencies(file, config);
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t vocabulary = config.vocabulary_size;
  for (int i = 0; i < config.layer_count; ++i)
    weights->layers.push_back(load_layer(file, config, i));
  weights->output_norm = load_tensor(file, "output_norm.weight", {hidden});
  const bool tied = file.find("output.weight") == nullptr;
  weights->output =
      DecoderLinear(file, {{tied ? "token_embd.weight" : "output.weight", vocabulary}}, hidden);
  weights->embedding = tied ? weights->output.weight()
                            : load_tensor(file, "token_embd.weight", {vocabulary, hidden});
  return std::unique_ptr<LlamaModel>(new LlamaModel(std::move(weights)));
}

std::unique_ptr<LlamaCache> LlamaModel::make_cache(int capacity) const {
  const LlamaConfig& config = weights_->config;
  TANDEM_CHECK(capacity > 0);
  if (capacity > config.context_length)
    throw Error(ErrorCode::kTooLarge,
                fmt::format("{} positions are more than the model's context of {}", capacity,
                            config.context_length));
  const c10::InferenceMode inference;
  auto state = std::make_unique<LlamaCache::State>();
  const std::array<std::int64_t, 4> shape = {config.layer_count, config.kv_head_count, capacity,
                                             config.head_size};
  try {
    state->keys = at::empty(shape, at::kFloat);
    state->values = at::empty(shape, at::kFloat);
  } catch (const c10::Error&) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("no memory for a context of {} tokens", capacity),
                "ask for fewer tokens, or free memory on this machine");
  }
  state->model = weights_.get();
  return std::unique_ptr<LlamaCache>(new LlamaCache(std::move(state)));
}

void LlamaModel::forward(std::span<const TokenId> tokens, LlamaCache& cache,
                         std::span<float> logits) const {
  const Weights& weights = *weights_;
  const LlamaConfig& config = weights.config;
  LlamaCache::State& state = *cache.state_;
  TANDEM_CHECK(state.model == weights_.get());
  TANDEM_CHECK(logits.empty() || logits.size() == static_cast<std::size_t>(config.vocabulary_size));
  if (tokens.size() > static_cast<std::size_t>(state.capacity() - state.length))
    throw Error(ErrorCode::kTooLarge, fmt::format("{} tokens after {} do not fit a cache of {}",
                                                  tokens.size(), state.length, state.capacity()));
  if (tokens.empty()) {
    TANDEM_CHECK(logits.empty());
    return;
  }
  const c10::InferenceMode inference;
  apply_compute_threads();

  const auto rows = static_cast<std::int64_t>(tokens.size());
  const std::int64_t positions = state.length + rows;
  at::Tensor x = weights.embed(tokens);
  const at::Tensor turn = weights.rotations(state.length, rows);
  // LibTorch's own causal mask is that of a square: with earlier positions in the cache, row i
  // would see columns 0 to i instead of 0 to length + i.
  std::optional<at::Tensor> mask;
  if (state.length > 0 && rows > 1)
    mask = at::full({1, 1, rows, positions}, -std::numeric_limits<float>::infinity(), at::kFloat)
               .triu_(state.length + 1);

  const float epsilon = config.rms_norm_epsilon;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const Layer& layer = weights.layers[i];
    const auto index = static_cast<std::int64_t>(i);
    x.add_(weights.attend(layer, rms_norm(x, layer.attention_norm, epsilon), turn, mask,
                          state.keys.select(0, index).narrow(1, 0, positions),
                          state.values.select(0, index).narrow(1, 0, positions)));
    x.add_(weights.feed_forward(layer, rms_norm(x, layer.feed_forward_norm, epsilon)));
  }
  state.length += static_cast<int>(rows);
  if (logits.empty()) return;

  const at::Tensor last = rms_norm(x.narrow(0, rows - 1, 1), weights.output_norm, epsilon);
  at::from_blob(logits.data(), {1, config.vocabulary_size}, at::kFloat).copy_(weights.output(last));
}

}  // namespace tandem
