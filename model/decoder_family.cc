#include "model/decoder_family.h"

#include <fmt/format.h>

#include <cmath>
#include <string>

namespace tandem {

std::optional<DecoderConfig> decoder_family(std::string_view architecture) {
  DecoderConfig config;
  config.architecture = architecture;
  config.rotary_pairs = RotaryPairs::kHalves;
  if (architecture == "llama") return config;
  if (architecture == "qwen2") {
    config.query_key_value_bias = true;
    return config;
  }
  if (architecture == "qwen3") {
    config.query_key_norm = true;
    return config;
  }
  if (architecture == "gemma3") {
    config.activation = DecoderActivation::kGeluTanh;
    config.query_key_norm = true;
    config.norm_after = true;
    return config;
  }
  return std::nullopt;
}

void finish_sizes(DecoderConfig& config, const ConfigSource& source) {
  if (config.head_count % config.kv_head_count != 0)
    source.fail(fmt::format("{} key heads do not divide {} query heads", config.kv_head_count,
                            config.head_count));
  const std::int64_t heads = config.head_count + 2 * std::int64_t{config.kv_head_count};
  if (heads * config.head_size > ConfigSource::kMaxSize)
    source.fail(fmt::format("{} query heads and {} key heads of {} are too many", config.head_count,
                            config.kv_head_count, config.head_size));
  if (config.rotary_size % 2 != 0 || config.rotary_size > config.head_size)
    source.fail(fmt::format("the rotary embedding turns {} numbers of a head of {}",
                            config.rotary_size, config.head_size));
  if (config.query_scale == 0)
    config.query_scale = 1.0f / std::sqrt(static_cast<float>(config.head_size));
  if (config.architecture == "gemma3")
    config.embedding_scale = std::sqrt(static_cast<float>(config.hidden_size));
}

void add_attention(DecoderConfig& config, int window, double base, const RotaryScaling& scaling,
                   const ConfigSource& source) {
  if (!(base > 1)) source.fail(fmt::format("the rotary base is {}, expected one above 1", base));
  if (scaling.type == RotaryScalingType::kLlama3 && !(scaling.low_turns < scaling.high_turns))
    source.fail(
        fmt::format("the rotary scaling keeps frequencies above {} turns and divides those "
                    "below {}",
                    scaling.high_turns, scaling.low_turns));
  AttentionKind kind;
  kind.window = window;
  kind.frequencies = rotary_frequencies(base, config.rotary_size, scaling);
  kind.rotary_magnitude = rotary_magnitude(scaling);
  for (const double frequency : kind.frequencies)
    if (!(frequency > 0 && std::isfinite(frequency)))
      source.fail(fmt::format("the rotary scaling gives a frequency of {}", frequency));
  if (!(kind.rotary_magnitude > 0 && std::isfinite(kind.rotary_magnitude)))
    source.fail(fmt::format("the rotary scaling has a magnitude of {}", kind.rotary_magnitude));
  config.attention_kinds.push_back(std::move(kind));
}

}  // namespace tandem
