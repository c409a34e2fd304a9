// A chat model of a few thousand random weights, as a GGUF with its tokenizer: each byte is a
// token.
#ifndef TANDEM_TESTS_SUPPORT_CHAT_GGUF_H_
#define TANDEM_TESTS_SUPPORT_CHAT_GGUF_H_

#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/support/gguf_builder.h"
#include "tests/support/sentence_piece_gguf.h"

namespace tandem::testing {

// Of the Llama family, with two layers.
inline std::string chat_gguf(std::uint32_t context_length = 2048) {
  constexpr std::uint64_t kHidden = 64;
  constexpr std::uint64_t kKey = 32;  // two heads of 16 for keys and values, four for queries
  const std::vector<Piece> pieces = sample_pieces();
  GgufBuilder builder = sentence_piece_gguf(pieces);
  const auto size = [&](const std::string& key, std::uint64_t value) {
    builder.add("llama." + key, kGgufU32, bytes_of(static_cast<std::uint32_t>(value)));
  };
  builder.add("general.architecture", kGgufString, gguf_string("llama"));
  builder.add("llama.attention.layer_norm_rms_epsilon", kGgufF32, bytes_of(1e-5F));
  builder.add("tokenizer.chat_template", kGgufString,
              gguf_string("{% for message in messages %}<turn>{{ message['role'] }}\n"
                          "{{ message['content'] }}</s>{% endfor %}<turn>assistant\n"));
  size("block_count", 2);
  size("embedding_length", kHidden);
  size("feed_forward_length", kHidden);
  size("attention.head_count", 4);
  size("attention.head_count_kv", 2);
  size("context_length", context_length);
  size("rope.dimension_count", 16);

  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  const auto tensor = [&](const std::string& name, const std::vector<std::uint64_t>& sizes,
                          float mean, float deviation) {
    std::vector<float> values(
        std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{1}, std::multiplies<>()));
    for (float& value : values) value = mean + deviation * normal(random);
    builder.add_tensor(
        name, kGgmlF32, sizes,
        {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  };
  const auto matrix = [&](const std::string& name, std::uint64_t columns, std::uint64_t rows) {
    tensor(name, {columns, rows}, 0, 0.1F);
  };
  matrix("token_embd.weight", kHidden, pieces.size());
  matrix("output.weight", kHidden, pieces.size());
  tensor("output_norm.weight", {kHidden}, 1, 0.1F);
  for (const char* const layer : {"blk.0.", "blk.1."}) {
    const std::string name = layer;
    tensor(name + "attn_norm.weight", {kHidden}, 1, 0.1F);
    tensor(name + "ffn_norm.weight", {kHidden}, 1, 0.1F);
    matrix(name + "attn_q.weight", kHidden, kHidden);
    matrix(name + "attn_k.weight", kHidden, kKey);
    matrix(name + "attn_v.weight", kHidden, kKey);
    matrix(name + "attn_output.weight", kHidden, kHidden);
    matrix(name + "ffn_gate.weight", kHidden, kHidden);
    matrix(name + "ffn_up.weight", kHidden, kHidden);
    matrix(name + "ffn_down.weight", kHidden, kHidden);
  }
  return builder.build();
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_CHAT_GGUF_H_
