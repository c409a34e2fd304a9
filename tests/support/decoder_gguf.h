// A decoder of a Hugging Face folder written as llama.cpp's converter writes it, in F32: its names,
// its order of rows, and only the metadata that it states.
#ifndef TANDEM_TESTS_SUPPORT_DECODER_GGUF_H_
#define TANDEM_TESTS_SUPPORT_DECODER_GGUF_H_

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "model/decoder_weights.h"
#include "tests/support/gguf_builder.h"

namespace tandem::testing {

class DecoderGguf {
 public:
  explicit DecoderGguf(const std::filesystem::path& folder)
      : config_(nlohmann::json::parse(read_file(folder / "config.json"))) {
    const std::string type = config_.at("model_type");
    architecture_ = type == "mistral" ? "llama" : type == "gemma3_text" ? "gemma3" : type;
    builder_.add("general.architecture", kGgufString, gguf_string(architecture_));
    add_sizes();
    add_rotary(architecture_ == "gemma3" ? config_.at("rope_parameters").at("full_attention")
                                         : config_.at("rope_parameters"));
    const auto weights = DecoderWeights::open(folder);
    for (const TensorView& tensor : weights.tensors()) add_tensor(tensor);
  }

  std::string build() const { return builder_.build(); }

 private:
  using Values = std::vector<float>;

  void add_size(const char* key, const char* setting) {
    const auto found = config_.find(setting);
    if (found == config_.end() || found->is_null()) return;
    builder_.add(architecture_ + "." + key, kGgufU32, bytes_of(found->get<std::uint32_t>()));
  }
  void add_number(const char* key, double value) {
    builder_.add(architecture_ + "." + key, kGgufF32, bytes_of(static_cast<float>(value)));
  }

  void add_sizes() {
    add_size("block_count", "num_hidden_layers");
    add_size("embedding_length", "hidden_size");
    add_size("feed_forward_length", "intermediate_size");
    add_size("attention.head_count", "num_attention_heads");
    add_size("attention.head_count_kv", "num_key_value_heads");
    add_size("attention.key_length", "head_dim");
    add_size("attention.value_length", "head_dim");
    add_size("attention.sliding_window", "sliding_window");
    add_size("context_length", "max_position_embeddings");
    if (architecture_ == "llama") add_size("rope.dimension_count", "head_dim");
    add_number("attention.layer_norm_rms_epsilon", config_.at("rms_norm_eps"));
  }

  void add_rotary(const nlohmann::json& rotary) {
    add_number("rope.freq_base", rotary.at("rope_theta"));
    const std::string type = rotary.at("rope_type");
    if (type == "llama3") add_rope_freqs(rotary);
    if (type != "linear" && type != "yarn") return;
    builder_.add(architecture_ + ".rope.scaling.type", kGgufString, gguf_string(type));
    add_number("rope.scaling.factor", rotary.at("factor"));
    if (type != "yarn") return;
    builder_.add(architecture_ + ".rope.scaling.original_context_length", kGgufU32,
                 bytes_of(rotary.at("original_max_position_embeddings").get<std::uint32_t>()));
    add_number("rope.scaling.yarn_beta_fast", rotary.at("beta_fast"));
  }

  // Divisors of the frequencies, as the converter computes them for Llama 3.1.
  void add_rope_freqs(const nlohmann::json& rotary) {
    const int size = config_.at("head_dim");
    const double context = rotary.at("original_max_position_embeddings");
    const double low = rotary.at("low_freq_factor");
    const double high = rotary.at("high_freq_factor");
    const double factor = rotary.at("factor");
    Values factors;
    for (int i = 0; i < size; i += 2) {
      const double length =
          2 * std::numbers::pi * std::pow(rotary.at("rope_theta").get<double>(), double(i) / size);
      const double smooth = (context / length - low) / (high - low);
      factors.push_back(static_cast<float>(length < context / high ? 1
                                           : length > context / low
                                               ? factor
                                               : 1 / ((1 - smooth) / factor + smooth)));
    }
    add("rope_freqs.weight", {factors.size()}, factors);
  }

  void add_tensor(const TensorView& tensor) {
    Values values(static_cast<std::size_t>(tensor.element_count()));
    dequantize(tensor, values);
    if (architecture_ == "llama" && tensor.name.ends_with("attn_q.weight"))
      values = interleave(values, config_.at("num_attention_heads"), tensor.shape[0]);
    if (architecture_ == "llama" && tensor.name.ends_with("attn_k.weight"))
      values = interleave(values, config_.at("num_key_value_heads"), tensor.shape[0]);
    if (architecture_ == "gemma3" && tensor.shape.size() == 1)
      for (float& value : values) value += 1;
    // A GGUF of Gemma has no other query scale than that of the head size; a norm can carry it.
    if (architecture_ == "gemma3" && tensor.name.ends_with("attn_q_norm.weight"))
      for (float& value : values)
        value *= std::sqrt(config_.at("head_dim").get<float>() /
                           config_.at("query_pre_attn_scalar").get<float>());
    add(tensor.name, {tensor.shape.rbegin(), tensor.shape.rend()}, values);
  }

  void add(std::string_view name, const std::vector<std::uint64_t>& sizes, const Values& values) {
    builder_.add_tensor(
        name, kGgmlF32, sizes,
        {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  }

  // Rows i and i + half of a head become neighbours.
  static Values interleave(const Values& values, int heads, std::int64_t rows) {
    const std::size_t size = static_cast<std::size_t>(rows) / static_cast<std::size_t>(heads);
    const std::size_t columns = values.size() / static_cast<std::size_t>(rows);
    Values out(values.size());
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      const std::size_t within = row % size;
      const std::size_t target = row - within + within % (size / 2) * 2 + within / (size / 2);
      for (std::size_t i = 0; i < columns; ++i)
        out[target * columns + i] = values[row * columns + i];
    }
    return out;
  }

  nlohmann::json config_;
  std::string architecture_;
  GgufBuilder builder_;
};

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_DECODER_GGUF_H_
