// config.json of a Hugging Face folder. What is left out there is what `transformers` assumes.
//
// Two spellings of the rotary embedding are in use: `rope_theta` beside `rope_scaling` (and
// `rope_local_base_freq` for Gemma 3), and, since version 5 of `transformers`, one
// `rope_parameters` (for Gemma 3 one for each kind of layer).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "model/decoder_config.h"
#include "model/decoder_family.h"
#include "model/printable.h"

namespace tandem {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

class JsonSource : public ConfigSource {
 public:
  JsonSource(const std::filesystem::path& path, nlohmann::json object, std::string prefix = {})
      : ConfigSource(path.string()),
        path_(path),
        object_(std::move(object)),
        prefix_(std::move(prefix)) {}

  std::optional<std::int64_t> integer(std::string_view key) const override {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_integer()) fail_type(key, "an integer");
    if (value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX)
      fail(fmt::format("{} is {}", name(key), value->get<std::uint64_t>()));
    return value->get<std::int64_t>();
  }
  std::optional<double> number(std::string_view key) const override {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) fail_type(key, "a number");
    return value->get<double>();
  }
  std::optional<bool> boolean(std::string_view key) const override {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_boolean()) fail_type(key, "true or false");
    return value->get<bool>();
  }
  std::optional<std::string> text(std::string_view key) const override {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) fail_type(key, "a string");
    return value->get<std::string>();
  }
  std::optional<std::vector<std::string>> texts(std::string_view key) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_array()) fail_type(key, "a list of strings");
    std::vector<std::string> out;
    for (const auto& element : *value) {
      if (!element.is_string()) fail_type(key, "a list of strings");
      out.push_back(element.get<std::string>());
    }
    return out;
  }
  std::optional<JsonSource> object(std::string_view key) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_object()) fail_type(key, "an object");
    return JsonSource(path_, *value, name(key) + ".");
  }

  // True where the key stands, even as null.
  bool has(std::string_view key) const { return object_.contains(key); }

  // Refuses a setting that this program would not heed.
  void expect_flag(std::string_view key, bool supported) const {
    if (boolean(key).value_or(supported) != supported)
      unsupported(fmt::format("{} is {}", name(key), !supported));
  }
  void expect_text(std::string_view key, std::string_view supported) const {
    const auto value = text(key);
    if (value && *value != supported)
      unsupported(
          fmt::format("{} is \"{}\", expected \"{}\"", name(key), printable(*value), supported));
  }

 private:
  std::string name(std::string_view key) const override { return prefix_ + std::string(key); }

  const nlohmann::json* find(std::string_view key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  [[noreturn]] void fail_type(std::string_view key, std::string_view expected) const {
    fail(fmt::format("{} is not {}", name(key), expected));
  }

  std::filesystem::path path_;
  nlohmann::json object_;
  std::string prefix_;
};

struct HubFamily {
  std::string_view model_type;
  std::string_view class_name;
  std::string_view architecture;
  double rotary_base;
};
constexpr std::array<HubFamily, 5> kHubFamilies = {{
    {"llama", "LlamaForCausalLM", "llama", 1e4},
    {"mistral", "MistralForCausalLM", "llama", 1e4},
    {"qwen2", "Qwen2ForCausalLM", "qwen2", 1e4},
    {"qwen3", "Qwen3ForCausalLM", "qwen3", 1e4},
    {"gemma3_text", "Gemma3ForCausalLM", "gemma3", 1e6},
}};

const HubFamily& find_family(const JsonSource& source) {
  const std::string type = source.text("model_type").value_or("");
  for (const HubFamily& family : kHubFamilies) {
    if (family.model_type != type) continue;
    const auto classes = source.texts("architectures");
    if (classes && (classes->size() != 1 || classes->front() != family.class_name))
      source.unsupported(fmt::format("architectures is not [\"{}\"]", family.class_name));
    return family;
  }
  source.unsupported(fmt::format("the model_type \"{}\" is not known", printable(type)));
}

void read_sizes(const JsonSource& source, DecoderConfig& config) {
  const bool gemma = config.architecture == "gemma3";
  config.layer_count = source.require_size("num_hidden_layers", kMaxDecoderLayers);
  config.hidden_size = source.require_size("hidden_size");
  config.intermediate_size = source.require_size("intermediate_size");
  config.head_count = source.require_size("num_attention_heads");
  config.kv_head_count = source.size("num_key_value_heads").value_or(config.head_count);
  config.vocabulary_size = source.require_size("vocab_size");
  config.context_length = source.require_size("max_position_embeddings");
  const bool own_size = gemma || config.architecture == "qwen3";
  const auto head_size =
      own_size ? std::optional(source.require_size("head_dim")) : source.size("head_dim");
  if (!head_size && config.hidden_size % config.head_count != 0)
    source.fail(fmt::format("num_attention_heads {} do not divide a hidden_size of {}",
                            config.head_count, config.hidden_size));
  config.head_size = head_size.value_or(config.hidden_size / config.head_count);
  config.rotary_size = config.head_size;
  config.norm_epsilon = static_cast<float>(source.positive("rms_norm_eps").value_or(1e-6));
  config.tied_output = source.boolean("tie_word_embeddings").value_or(gemma);
  if (!gemma) return;
  config.norm_weight_offset = 1;
  config.query_scale =
      static_cast<float>(1 / std::sqrt(source.positive("query_pre_attn_scalar").value_or(256)));
}

// Settings that are there in some models of these families, and would change the logits.
void refuse_unknown_settings(const JsonSource& source, const DecoderConfig& config) {
  source.expect_flag("attention_bias", false);
  source.expect_flag("mlp_bias", false);
  source.expect_flag("use_bidirectional_attention", false);
  if (source.number("partial_rotary_factor").value_or(1) != 1)
    source.unsupported("a rotary embedding of a part of each head");
  if (config.architecture == "gemma3")
    source.expect_text("hidden_activation", "gelu_pytorch_tanh");
  else
    source.expect_text("hidden_act", "silu");
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping"})
    if (source.number(key)) source.unsupported(fmt::format("{} is set", key));
  if (source.object("quantization_config"))
    source.unsupported("the weights are quantised in a format of their own");
}

// `source` is the object that describes the scaling, `model` the whole file.
RotaryScaling read_scaling(const JsonSource& source, const JsonSource& model,
                           const DecoderConfig& config) {
  RotaryScaling scaling;
  const std::string type =
      source.text("rope_type").value_or(source.text("type").value_or("default"));
  if (source.number("partial_rotary_factor").value_or(1) != 1)
    source.unsupported("a rotary embedding of a part of each head");
  if (type == "default") return scaling;
  scaling.factor = source.require_positive("factor");
  constexpr const char* kOriginal = "original_max_position_embeddings";
  scaling.original_context =
      model.size(kOriginal).value_or(source.size(kOriginal).value_or(config.context_length));
  if (type == "linear") {
    scaling.type = RotaryScalingType::kLinear;
  } else if (type == "llama3") {
    scaling.type = RotaryScalingType::kLlama3;
    scaling.low_turns = source.require_positive("low_freq_factor");
    scaling.high_turns = source.require_positive("high_freq_factor");
  } else if (type == "yarn") {
    scaling.type = RotaryScalingType::kYarn;
    scaling.beta_fast = source.positive("beta_fast").value_or(32);
    scaling.beta_slow = source.positive("beta_slow").value_or(1);
    scaling.magnitude = source.positive("attention_factor");
    source.expect_flag("truncate", true);
    if (source.number("mscale") || source.number("mscale_all_dim"))
      source.unsupported("rotary scaling \"yarn\" with a magnitude of mscale");
  } else {
    source.unsupported(fmt::format("rotary scaling \"{}\" is not known", printable(type)));
  }
  return scaling;
}

struct Rotary {
  double base = 0;
  RotaryScaling scaling;
};

// Of all layers, or of those of Gemma 3 that have no window.
Rotary read_rotary(const JsonSource& source, const DecoderConfig& config, double default_base) {
  const double base = source.positive("rope_theta").value_or(default_base);
  auto parameters = source.object("rope_parameters");
  if (parameters && parameters->has("full_attention"))
    parameters = parameters->object("full_attention");
  if (parameters)
    return {parameters->positive("rope_theta").value_or(base),
            read_scaling(*parameters, source, config)};
  const auto scaling = source.object("rope_scaling");
  return {base, scaling ? read_scaling(*scaling, source, config) : RotaryScaling()};
}

// Of those with a window.
Rotary read_local_rotary(const JsonSource& source, const DecoderConfig& config) {
  const double base = source.positive("rope_local_base_freq").value_or(kGemmaLocalBase);
  const auto parameters = source.object("rope_parameters");
  const auto local = parameters ? parameters->object("sliding_attention") : std::nullopt;
  if (!local) return {base, {}};
  return {local->positive("rope_theta").value_or(base), read_scaling(*local, source, config)};
}

// Which layers see a window only.
std::vector<bool> read_window_layers(const JsonSource& source, const DecoderConfig& config) {
  const auto count = static_cast<std::size_t>(config.layer_count);
  std::vector<bool> layers(count);
  if (const auto types = source.texts("layer_types")) {
    if (types->size() != count)
      source.fail(fmt::format("layer_types names {} layers of {}", types->size(), count));
    for (std::size_t i = 0; i < count; ++i) {
      layers[i] = (*types)[i] == "sliding_attention";
      if (!layers[i] && (*types)[i] != "full_attention")
        source.unsupported(fmt::format("a layer of type \"{}\"", printable((*types)[i])));
    }
  } else if (config.architecture == "gemma3") {
    const int pattern =
        source.size("sliding_window_pattern", kMaxDecoderLayers).value_or(kGemmaPattern);
    for (int i = 0; i < config.layer_count; ++i)
      layers[static_cast<std::size_t>(i)] = (i + 1) % pattern != 0;
  } else if (source.boolean("use_sliding_window").value_or(false)) {
    const auto first = source.integer("max_window_layers").value_or(28);
    for (int i = 0; i < config.layer_count; ++i) layers[static_cast<std::size_t>(i)] = i >= first;
  }
  return layers;
}

int read_window(const JsonSource& source, const HubFamily& family) {
  if (family.model_type == "llama") return 0;
  if (family.architecture == "qwen2" || family.architecture == "qwen3")
    if (!source.boolean("use_sliding_window").value_or(false)) return 0;
  // Null says that there is none, silence that it is the usual one.
  return source.has("sliding_window") ? source.size("sliding_window", INT32_MAX).value_or(0) : 4096;
}

void read_attention(const JsonSource& source, const HubFamily& family, DecoderConfig& config) {
  const int window = read_window(source, family);
  const bool gemma = config.architecture == "gemma3";
  const auto count = static_cast<std::size_t>(config.layer_count);
  const std::vector<bool> with_window = config.architecture == "llama"
                                            ? std::vector<bool>(count, window != 0)
                                            : read_window_layers(source, config);
  const Rotary rotary = read_rotary(source, config, family.rotary_base);
  const Rotary local = gemma ? read_local_rotary(source, config) : rotary;
  std::array<int, 2> kind_of = {-1, -1};  // of layers without and with a window
  for (const bool windowed : with_window) {
    if (windowed && window == 0)
      source.fail("layers have a sliding window whose size is not stated");
    int& kind = kind_of[windowed ? 1 : 0];
    if (kind < 0) {
      kind = static_cast<int>(config.attention_kinds.size());
      const Rotary& turn = windowed ? local : rotary;
      add_attention(config, windowed ? window : 0, turn.base, turn.scaling, source);
    }
    config.layer_attention.push_back(kind);
  }
}

}  // namespace

DecoderConfig read_decoder_config(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config.json";
  const auto json = nlohmann::json::parse(read_file(path, kMaxConfigBytes), nullptr, false);
  const JsonSource source(path, json);
  if (!json.is_object()) source.fail("it is not a JSON object");
  const HubFamily& family = find_family(source);
  DecoderConfig config = decoder_family(family.architecture).value();
  refuse_unknown_settings(source, config);
  read_sizes(source, config);
  finish_sizes(config, source);
  read_attention(source, family, config);
  return config;
}

}  // namespace tandem
