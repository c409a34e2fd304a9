// What the readers of decoder configurations (decoder_config.h) share: what a family does that none
// of its files say, and the checks.
#ifndef TANDEM_MODEL_DECODER_FAMILY_H_
#define TANDEM_MODEL_DECODER_FAMILY_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/config_source.h"
#include "model/decoder_config.h"
#include "model/rotary.h"

namespace tandem {

constexpr std::int64_t kMaxDecoderLayers = 1024;

// Gemma 3: the rotary base of layers with a window, and every sixth layer has none.
constexpr double kGemmaLocalBase = 10000;
constexpr int kGemmaPattern = 6;

// A configuration with what is true for every model of `architecture` filled in; nullopt if the
// family is not known.
std::optional<DecoderConfig> decoder_family(std::string_view architecture);

// Refuses sizes that cannot be true together, and derives the scales that are not set yet.
void finish_sizes(DecoderConfig& config, const ConfigSource& source);

// Appends a kind of attention to config.attention_kinds; finish_sizes comes before it.
void add_attention(DecoderConfig& config, int window, double base, const RotaryScaling& scaling,
                   const ConfigSource& source);

}  // namespace tandem

#endif  // TANDEM_MODEL_DECODER_FAMILY_H_
