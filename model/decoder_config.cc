// Metadata of a GGUF. What is left out there is what llama.cpp assumes.
#include "model/decoder_config.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>

#include "model/decoder_family.h"
#include "model/gguf.h"
#include "model/printable.h"

namespace tandem {
namespace {

// Keys are those below the architecture: "block_count" is read from "llama.block_count".
class GgufSource : public ConfigSource {
 public:
  GgufSource(const GgufFile& file, const std::string& architecture)
      : ConfigSource(file.path().string()), file_(file), prefix_(architecture + ".") {}

  std::optional<std::int64_t> integer(std::string_view key) const override {
    return file_.integer(name(key));
  }
  std::optional<double> number(std::string_view key) const override {
    return file_.number(name(key));
  }
  std::optional<bool> boolean(std::string_view key) const override {
    return file_.boolean(name(key));
  }
  std::optional<std::string> text(std::string_view key) const override {
    const auto value = file_.text(name(key));
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }

 private:
  std::string name(std::string_view key) const override { return prefix_ + std::string(key); }

  const GgufFile& file_;
  std::string prefix_;
};

void read_sizes(const GgufFile& file, const GgufSource& source, DecoderConfig& config) {
  config.layer_count = source.require_size("block_count", kMaxDecoderLayers);
  config.hidden_size = source.require_size("embedding_length");
  config.intermediate_size = source.require_size("feed_forward_length");
  config.head_count = source.require_size("attention.head_count");
  config.kv_head_count = source.size("attention.head_count_kv").value_or(config.head_count);
  config.context_length = source.require_size("context_length");
  const auto key_size = source.size("attention.key_length");
  if (!key_size && config.hidden_size % config.head_count != 0)
    source.fail(fmt::format("{} heads do not divide a hidden size of {}", config.head_count,
                            config.hidden_size));
  config.head_size = key_size.value_or(config.hidden_size / config.head_count);
  if (source.size("attention.value_length").value_or(config.head_size) != config.head_size)
    source.unsupported("keys and values have heads of different sizes");
  config.rotary_size = source.size("rope.dimension_count").value_or(config.head_size);
  config.norm_epsilon =
      static_cast<float>(source.positive("attention.layer_norm_rms_epsilon").value_or(1e-5));

  const TensorView* embedding = file.find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    source.fail("tensor token_embd.weight is missing");
  if (embedding->shape[0] < 1 || embedding->shape[0] > ConfigSource::kMaxSize)
    source.fail(fmt::format("the vocabulary has {} tokens", embedding->shape[0]));
  config.vocabulary_size = static_cast<int>(embedding->shape[0]);
  config.tied_output = file.find("output.weight") == nullptr;
}

RotaryScaling read_scaling(const GgufSource& source, const DecoderConfig& config) {
  RotaryScaling scaling;
  // A factor without a type is a linear one.
  const auto type = source.text("rope.scaling.type").value_or("linear");
  if (type == "none") return scaling;
  scaling.factor = source.positive("rope.scaling.factor")
                       .value_or(source.positive("rope.scale_linear").value_or(1.0));
  if (type == "linear") {
    scaling.type = RotaryScalingType::kLinear;
    return scaling;
  }
  if (type != "yarn")
    source.unsupported(fmt::format("rotary scaling \"{}\" is not known", printable(type)));
  if (source.number("rope.scaling.yarn_log_multiplier").value_or(0) != 0)
    source.unsupported("rotary scaling \"yarn\" with a log multiplier is not known");
  scaling.type = RotaryScalingType::kYarn;
  scaling.original_context =
      source.size("rope.scaling.original_context_length").value_or(config.context_length);
  scaling.beta_fast = source.positive("rope.scaling.yarn_beta_fast").value_or(32);
  scaling.beta_slow = source.positive("rope.scaling.yarn_beta_slow").value_or(1);
  scaling.magnitude =
      rotary_magnitude(scaling) * source.positive("rope.scaling.attn_factor").value_or(1);
  return scaling;
}

// Llama 3.1 and later: converters write the scaling of each frequency as a tensor.
void divide_frequencies(const GgufFile& file, const GgufSource& source, DecoderConfig& config) {
  if (file.find("rope_freqs.weight") == nullptr) return;
  std::vector<float> factors(static_cast<std::size_t>(config.rotary_size) / 2);
  const std::array<std::int64_t, 1> shape = {config.rotary_size / 2};
  dequantize(file.require("rope_freqs.weight", shape), factors);
  for (AttentionKind& kind : config.attention_kinds) {
    for (std::size_t i = 0; i < factors.size(); ++i) {
      if (!(factors[i] > 0 && std::isfinite(factors[i])))
        source.fail("tensor rope_freqs.weight holds a factor that is not above 0");
      kind.frequencies[i] /= factors[i];
    }
  }
}

// Llama-like: all layers alike.
void read_attention(const GgufFile& file, const GgufSource& source, DecoderConfig& config) {
  int window = 0;
  if (source.integer("attention.sliding_window").value_or(0) != 0)
    window = source.require_size("attention.sliding_window", INT32_MAX);
  if (config.architecture != "llama") {
    // Which layers of a Qwen would have it is not written down.
    if (window != 0 && window < config.context_length)
      source.unsupported(fmt::format("a sliding window of {} in some of the layers", window));
    window = 0;
  }
  const double base = source.positive("rope.freq_base").value_or(10000);
  add_attention(config, window, base, read_scaling(source, config), source);
  if (config.architecture == "llama") divide_frequencies(file, source, config);
  config.layer_attention.assign(static_cast<std::size_t>(config.layer_count), 0);
}

// Kind 0 sees a window, kind 1 all positions. Rotary scaling is that of the second; older files
// leave out all but the size of the window.
void read_gemma_attention(const GgufSource& source, DecoderConfig& config) {
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping"})
    if (source.number(key).value_or(0) != 0)
      source.unsupported(fmt::format("a Gemma 3 with {}", key));
  const int window = source.require_size("attention.sliding_window", INT32_MAX);
  const int pattern =
      source.size("attention.sliding_window_pattern", kMaxDecoderLayers).value_or(kGemmaPattern);
  const double local_base = source.positive("rope.freq_base_swa").value_or(kGemmaLocalBase);
  add_attention(config, window, local_base, {}, source);
  const double base = source.positive("rope.freq_base").value_or(10000);
  add_attention(config, 0, base, read_scaling(source, config), source);
  for (int layer = 0; layer < config.layer_count; ++layer)
    config.layer_attention.push_back((layer + 1) % pattern == 0 ? 1 : 0);
}

// Gemma 3 27B divides by the root of hidden_size / head_count, which no key says; llama.cpp, too,
// knows it by its number of layers.
constexpr int kGemma27bLayers = 62;

}  // namespace

DecoderConfig read_decoder_config(const GgufFile& file) {
  const std::string architecture(file.text("general.architecture").value_or(""));
  const GgufSource source(file, architecture);
  const auto family = decoder_family(architecture);
  if (!family)
    source.unsupported(
        fmt::format("the architecture \"{}\" is not known", printable(architecture)));
  DecoderConfig config = *family;
  if (architecture == "llama") config.rotary_pairs = RotaryPairs::kNeighbours;
  read_sizes(file, source, config);
  if (architecture == "gemma3" && config.layer_count == kGemma27bLayers)
    config.query_scale = 1.0f / std::sqrt(static_cast<float>(config.hidden_size) /
                                          static_cast<float>(config.head_count));
  finish_sizes(config, source);
  if (architecture == "gemma3")
    read_gemma_attention(source, config);
  else
    read_attention(file, source, config);
  return config;
}

}  // namespace tandem
