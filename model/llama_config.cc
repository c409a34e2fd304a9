#include "model/llama_config.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "base/error.h"

namespace tandem {
namespace {

constexpr const char* kFetchAgain = "fetch the model again";
constexpr const char* kChooseLlama =
    "choose a GGUF of the Llama family, such as SmolLM2, TinyLlama or Llama 3";

// Far above any model of this family, far below what would overflow a product of two.
constexpr std::int64_t kMaxSize = 1 << 24;
constexpr std::int64_t kMaxLayers = 1024;

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 64)) out.push_back(c >= ' ' && c <= '~' ? c : '?');
  return out;
}

class Metadata {
 public:
  explicit Metadata(const GgufFile& file) : file_(file) {}

  std::optional<int> size(const std::string& key, std::int64_t max = kMaxSize) const {
    const auto value = file_.integer(key);
    if (!value) return std::nullopt;
    if (*value < 1 || *value > max) fail(fmt::format("{} is {}", key, *value));
    return static_cast<int>(*value);
  }

  int require_size(const std::string& key, std::int64_t max = kMaxSize) const {
    const auto value = size(key, max);
    if (!value) fail(fmt::format("{} is missing", key));
    return *value;
  }

  // A finite number above zero.
  std::optional<double> positive(const std::string& key) const {
    const auto value = file_.number(key);
    if (value && !(*value > 0 && *value < std::numeric_limits<float>::max()))
      fail(fmt::format("{} is {}", key, *value));
    return value;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kCorrupt, fmt::format("{}: {}", file_.path().string(), what),
                kFetchAgain);
  }

 private:
  const GgufFile& file_;
};

[[noreturn]] void unsupported(const GgufFile& file, const std::string& what) {
  throw Error(ErrorCode::kUnsupported, fmt::format("{}: {}", file.path().string(), what),
              kChooseLlama);
}

bool is_known_tensor(std::string_view name, int layer_count) {
  constexpr std::array<std::string_view, 4> kModel = {"token_embd.weight", "output_norm.weight",
                                                      "output.weight", "rope_freqs.weight"};
  constexpr std::array<std::string_view, 9> kLayer = {
      "attn_norm.weight", "attn_q.weight",      "attn_k.weight",
      "attn_v.weight",    "attn_output.weight", "ffn_norm.weight",
      "ffn_gate.weight",  "ffn_down.weight",    "ffn_up.weight"};
  for (const auto known : kModel)
    if (name == known) return true;
  if (!name.starts_with("blk.")) return false;
  name.remove_prefix(4);
  int layer = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (error != std::errc() || layer < 0 || layer >= layer_count) return false;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  for (const auto known : kLayer)
    if (name.size() == known.size() + 1 && name.front() == '.' && name.ends_with(known))
      return true;
  return false;
}

}  // namespace

LlamaConfig read_llama_config(const GgufFile& file) {
  const auto architecture = file.text("general.architecture");
  if (!architecture || *architecture != "llama")
    unsupported(file, fmt::format("the architecture is \"{}\", not \"llama\"",
                                  architecture ? printable(*architecture) : ""));
  const Metadata metadata(file);
  LlamaConfig config;
  config.layer_count = metadata.require_size("llama.block_count", kMaxLayers);
  config.hidden_size = metadata.require_size("llama.embedding_length");
  config.intermediate_size = metadata.require_size("llama.feed_forward_length");
  config.head_count = metadata.require_size("llama.attention.head_count");
  config.kv_head_count = metadata.size("llama.attention.head_count_kv").value_or(config.head_count);
  config.context_length = metadata.require_size("llama.context_length");
  const auto key_size = metadata.size("llama.attention.key_length");
  if (!key_size && config.hidden_size % config.head_count != 0)
    metadata.fail(fmt::format("{} heads do not divide a hidden size of {}", config.head_count,
                              config.hidden_size));
  config.head_size = key_size.value_or(config.hidden_size / config.head_count);
  if (metadata.size("llama.attention.value_length").value_or(config.head_size) != config.head_size)
    unsupported(file, "keys and values have heads of different sizes");
  if (config.head_count % config.kv_head_count != 0)
    metadata.fail(fmt::format("{} key heads do not divide {} query heads", config.kv_head_count,
                              config.head_count));
  config.rotary_size = metadata.size("llama.rope.dimension_count").value_or(config.head_size);
  if (config.rotary_size % 2 != 0 || config.rotary_size > config.head_size)
    metadata.fail(fmt::format("llama.rope.dimension_count is {} for heads of {}",
                              config.rotary_size, config.head_size));
  config.rms_norm_epsilon = static_cast<float>(
      metadata.positive("llama.attention.layer_norm_rms_epsilon").value_or(1e-5));
  config.rotary_base =
      static_cast<float>(metadata.positive("llama.rope.freq_base").value_or(10000.0));

  const TensorView* embedding = file.find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    metadata.fail("tensor token_embd.weight is missing");
  if (embedding->shape[0] < 1 || embedding->shape[0] > kMaxSize)
    metadata.fail(fmt::format("the vocabulary has {} tokens", embedding->shape[0]));
  config.vocabulary_size = static_cast<int>(embedding->shape[0]);
  return config;
}

std::vector<double> rotary_frequencies(const GgufFile& file, const LlamaConfig& config) {
  const auto scaling = file.text("llama.rope.scaling.type").value_or("none");
  if (scaling != "none" && scaling != "linear")
    unsupported(file, fmt::format("rotary scaling \"{}\"", printable(scaling)));
  const Metadata metadata(file);
  const double divisor =
      scaling == "linear" ? metadata.positive("llama.rope.scaling.factor").value_or(1.0) : 1.0;

  const auto pairs = static_cast<std::size_t>(config.rotary_size) / 2;
  std::vector<float> factors(pairs, 1.0f);
  if (file.find("rope_freqs.weight") != nullptr) {
    const std::array<std::int64_t, 1> shape = {static_cast<std::int64_t>(pairs)};
    dequantize(file.require("rope_freqs.weight", shape), factors);
  }
  std::vector<double> frequencies(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    const auto exponent = -2.0 * static_cast<double>(i) / config.rotary_size;
    if (!(factors[i] > 0)) metadata.fail("tensor rope_freqs.weight holds a factor not above 0");
    frequencies[i] =
        std::pow(static_cast<double>(config.rotary_base), exponent) / divisor / factors[i];
  }
  return frequencies;
}

void check_llama_tensors(const GgufFile& file, const LlamaConfig& config) {
  for (const TensorView& tensor : file.tensors())
    if (!is_known_tensor(tensor.name, config.layer_count))
      unsupported(file,
                  fmt::format("tensor {} belongs to no layer of a Llama", printable(tensor.name)));
}

}  // namespace tandem
