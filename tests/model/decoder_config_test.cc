#include "model/decoder_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "model/gguf.h"
#include "tests/support/errors.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using nlohmann::json;
using testing::bytes_of;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::Pointwise;

json config_of(const std::string& family) {
  return json::parse(read_file(testing::source_folder() / "tests/model/references/families" /
                               family / "config.json"));
}

DecoderConfig read(const std::string& config) {
  const testing::TemporaryFolder folder;
  write_file_atomic(folder.path() / "config.json", config);
  return read_decoder_config(folder.path());
}

// `family`'s configuration with the settings of `changes`; "-" removes one.
json changed(const std::string& family, const json& changes) {
  json config = config_of(family);
  for (const auto& [key, value] : changes.items()) {
    if (value == "-")
      config.erase(key);
    else
      config[key] = value;
  }
  return config;
}

void expect_same_attention(const DecoderConfig& a, const DecoderConfig& b) {
  EXPECT_EQ(a.layer_attention, b.layer_attention);
  ASSERT_EQ(a.attention_kinds.size(), b.attention_kinds.size());
  for (std::size_t i = 0; i < a.attention_kinds.size(); ++i) {
    EXPECT_EQ(a.attention_kinds[i].window, b.attention_kinds[i].window);
    EXPECT_EQ(a.attention_kinds[i].frequencies, b.attention_kinds[i].frequencies);
    EXPECT_EQ(a.attention_kinds[i].rotary_magnitude, b.attention_kinds[i].rotary_magnitude);
  }
}

TEST(DecoderConfigTest, OlderSpellingsMeanTheSame) {
  struct Case {
    std::string family;
    json changes;
  };
  const std::vector<Case> cases = {
      {"llama",
       {{"rope_parameters", "-"},
        {"rope_theta", 500},
        {"rope_scaling",
         {{"rope_type", "llama3"},
          {"factor", 8.0},
          {"low_freq_factor", 1.0},
          {"high_freq_factor", 4.0},
          {"original_max_position_embeddings", 16}}}}},
      {"llama", {{"head_dim", "-"}, {"tie_word_embeddings", "-"}, {"architectures", "-"}}},
      {"mistral", {{"rope_parameters", "-"}, {"rope_theta", 10000.0}, {"rope_scaling", nullptr}}},
      {"mistral", {{"rope_parameters", "-"}}},
      {"qwen2",
       {{"rope_parameters", "-"},
        {"rope_theta", 1000.0},
        {"layer_types", "-"},
        {"sliding_window", 64},
        {"rope_scaling",
         {{"type", "yarn"},
          {"factor", 4.0},
          {"beta_fast", 2},
          {"original_max_position_embeddings", 32}}}}},
      {"qwen2_window", {{"layer_types", "-"}}},
      {"gemma3",
       {{"rope_parameters", "-"},
        {"layer_types", "-"},
        {"sliding_window_pattern", 6},
        {"rope_theta", 1000.0},
        {"rope_local_base_freq", 10000.0},
        {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}}},
      {"gemma3", {{"layer_types", "-"}, {"tie_word_embeddings", "-"}}},
  };
  for (const auto& [family, changes] : cases) {
    SCOPED_TRACE(family + " " + changes.dump());
    const DecoderConfig config = read(changed(family, changes).dump());
    const DecoderConfig expected = read(config_of(family).dump());
    expect_same_attention(config, expected);
    EXPECT_EQ(config.head_size, expected.head_size);
    EXPECT_EQ(config.tied_output, expected.tied_output);
  }
}

TEST(DecoderConfigTest, SilenceAboutTheWindowOfMistralIsNotNull) {
  EXPECT_EQ(read(changed("mistral", {{"sliding_window", "-"}}).dump()).attention_kinds[0].window,
            4096);
  EXPECT_EQ(
      read(changed("mistral", {{"sliding_window", nullptr}}).dump()).attention_kinds[0].window, 0);
}

TEST(DecoderConfigTest, GemmaHasTwoKindsOfAttention) {
  const DecoderConfig config = read(config_of("gemma3").dump());
  EXPECT_THAT(config.layer_attention, ElementsAre(0, 0, 0, 0, 0, 1, 0));
  ASSERT_EQ(config.attention_kinds.size(), 2u);
  EXPECT_EQ(config.attention_kinds[0].window, 6);
  EXPECT_EQ(config.attention_kinds[1].window, 0);
  EXPECT_THAT(config.attention_kinds[0].frequencies,
              Pointwise(DoubleNear(1e-12), {1.0, 0.1, 0.01, 0.001}));
  EXPECT_DOUBLE_EQ(config.attention_kinds[1].frequencies[0], 0.125);
  EXPECT_FLOAT_EQ(config.query_scale, 1 / std::sqrt(12.0f));
  EXPECT_FLOAT_EQ(config.embedding_scale, std::sqrt(32.0f));
  EXPECT_EQ(config.norm_weight_offset, 1.0f);
}

TEST(DecoderConfigTest, RefusesSettingsThatAreWrongOrUnknown) {
  const auto yarn = [](const json& changes) {
    json rotary = config_of("qwen2").at("rope_parameters");
    rotary.update(changes);
    return json{{"rope_parameters", rotary}};
  };
  const auto llama3 = [](const json& changes) {
    json rotary = config_of("llama").at("rope_parameters");
    rotary.update(changes);
    return json{{"rope_parameters", rotary}};
  };
  struct Case {
    std::string family;
    json changes;
    ErrorCode code;
    std::string message;
  };
  constexpr ErrorCode kCorrupt = ErrorCode::kCorrupt;
  constexpr ErrorCode kUnsupported = ErrorCode::kUnsupported;
  const std::vector<Case> cases = {
      {"llama", {{"model_type", "-"}}, kUnsupported, "model_type"},
      {"llama", {{"model_type", "mamba"}}, kUnsupported, "mamba"},
      {"llama", {{"model_type", 3}}, kCorrupt, "model_type is not a string"},
      {"llama", {{"architectures", {"LlamaModel"}}}, kUnsupported, "LlamaForCausalLM"},
      {"llama", {{"num_hidden_layers", "-"}}, kCorrupt, "num_hidden_layers is missing"},
      {"llama", {{"num_hidden_layers", 1025}}, kCorrupt, "num_hidden_layers is 1025"},
      {"llama", {{"num_hidden_layers", 2.5}}, kCorrupt, "num_hidden_layers is not an integer"},
      {"llama", {{"hidden_size", 0}}, kCorrupt, "hidden_size is 0"},
      {"llama", {{"hidden_size", -32}}, kCorrupt, "hidden_size is -32"},
      {"llama", {{"hidden_size", 18446744073709551615u}}, kCorrupt, "hidden_size"},
      {"llama", {{"hidden_size", 33}, {"head_dim", "-"}}, kCorrupt, "num_attention_heads"},
      {"llama", {{"vocab_size", 1 << 25}}, kCorrupt, "vocab_size"},
      {"llama", {{"num_attention_heads", 1 << 24}}, kCorrupt, "query heads"},
      {"llama", {{"num_key_value_heads", 3}}, kCorrupt, "3 key heads"},
      {"llama", {{"num_key_value_heads", 8}}, kCorrupt, "8 key heads"},
      {"llama", {{"head_dim", 9}}, kCorrupt, "head of 9"},
      {"llama", {{"head_dim", 1 << 24}}, kCorrupt, "too many"},
      {"llama", {{"rms_norm_eps", -1e-5}}, kCorrupt, "rms_norm_eps"},
      {"llama", {{"rms_norm_eps", "small"}}, kCorrupt, "rms_norm_eps is not a number"},
      {"llama", {{"hidden_act", "gelu"}}, kUnsupported, "hidden_act"},
      {"llama", {{"attention_bias", true}}, kUnsupported, "attention_bias is true"},
      {"llama", {{"mlp_bias", true}}, kUnsupported, "mlp_bias is true"},
      {"llama", {{"tie_word_embeddings", 1}}, kCorrupt, "tie_word_embeddings is not true or false"},
      {"llama", {{"partial_rotary_factor", 0.5}}, kUnsupported, "a part of each head"},
      {"llama", {{"quantization_config", {{"bits", 4}}}}, kUnsupported, "quantised"},
      {"llama", {{"rope_parameters", 7}}, kCorrupt, "rope_parameters is not an object"},
      {"llama", llama3({{"rope_type", "longrope"}}), kUnsupported, "longrope"},
      {"llama", llama3({{"rope_theta", 1.0}}), kCorrupt, "rotary base"},
      {"llama", llama3({{"rope_theta", 0}}), kCorrupt, "rope_parameters.rope_theta is 0"},
      {"llama", llama3({{"factor", nullptr}}), kCorrupt, "rope_parameters.factor is missing"},
      {"llama", llama3({{"factor", 0}}), kCorrupt, "rope_parameters.factor is 0"},
      {"llama", llama3({{"high_freq_factor", 1.0}}), kCorrupt, "turns"},
      {"llama", llama3({{"original_max_position_embeddings", 0}}), kCorrupt, "original_max"},
      {"mistral", {{"sliding_window", 0}}, kCorrupt, "sliding_window is 0"},
      {"qwen2", yarn({{"attention_factor", 1e-60}}), kCorrupt, "attention_factor is 1e-60"},
      {"qwen2", yarn({{"factor", -4.0}}), kCorrupt, "factor is -4"},
      {"qwen2", yarn({{"mscale", 1.0}}), kUnsupported, "mscale"},
      {"qwen2", yarn({{"truncate", false}}), kUnsupported, "truncate is false"},
      {"qwen2", yarn({{"beta_slow", 0}}), kCorrupt, "beta_slow is 0"},
      {"qwen2_window", {{"use_sliding_window", false}}, kCorrupt, "size is not stated"},
      {"qwen2_window", {{"layer_types", {"full_attention"}}}, kCorrupt, "1 layers of 3"},
      {"qwen2_window",
       {{"layer_types", {"full_attention", "linear_attention", "full_attention"}}},
       kUnsupported,
       "linear_attention"},
      {"qwen2_window", {{"layer_types", {1, 2, 3}}}, kCorrupt, "layer_types is not a list"},
      {"qwen3", {{"head_dim", "-"}}, kCorrupt, "head_dim is missing"},
      {"gemma3", {{"hidden_activation", "silu"}}, kUnsupported, "hidden_activation"},
      {"gemma3", {{"final_logit_softcapping", 30.0}}, kUnsupported, "final_logit_softcapping"},
      {"gemma3", {{"attn_logit_softcapping", 50.0}}, kUnsupported, "attn_logit_softcapping"},
      {"gemma3", {{"use_bidirectional_attention", true}}, kUnsupported, "bidirectional"},
      {"gemma3", {{"query_pre_attn_scalar", 0}}, kCorrupt, "query_pre_attn_scalar is 0"},
  };
  for (const auto& [family, changes, code, message] : cases) {
    SCOPED_TRACE(family + " " + changes.dump());
    const auto error = error_of([&] { (void)read(changed(family, changes).dump()); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), code) << error->what();
    EXPECT_THAT(error->message(), HasSubstr(message));
    EXPECT_THAT(error->message(), HasSubstr("config.json"));
    EXPECT_FALSE(error->advice().empty());
  }
}

TEST(DecoderConfigTest, RefusesWhatIsNoConfiguration) {
  for (const char* text : {"", "{", "[]", "7", "null", "\xff\xfe"}) {
    const auto error = error_of([&] { (void)read(text); });
    ASSERT_TRUE(error.has_value()) << text;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt);
  }
  const testing::TemporaryFolder empty;
  EXPECT_EQ(testing::error_code_of([&] { (void)read_decoder_config(empty.path()); }),
            ErrorCode::kNotFound);
}

// The metadata of a GGUF, keys below its architecture.
struct Metadata {
  std::string architecture;
  std::map<std::string, std::uint32_t> sizes = {
      {"block_count", 12},         {"embedding_length", 64}, {"feed_forward_length", 64},
      {"attention.head_count", 4}, {"context_length", 512},  {"attention.head_count_kv", 2},
  };
  std::map<std::string, float> numbers = {};
  std::map<std::string, std::string> texts = {};

  DecoderConfig read() const {
    testing::GgufBuilder builder;
    builder.add("general.architecture", testing::kGgufString, testing::gguf_string(architecture));
    for (const auto& [key, value] : sizes)
      builder.add(architecture + "." + key, testing::kGgufU32, bytes_of(value));
    for (const auto& [key, value] : numbers)
      builder.add(architecture + "." + key, testing::kGgufF32, bytes_of(value));
    for (const auto& [key, value] : texts)
      builder.add(architecture + "." + key, testing::kGgufString, testing::gguf_string(value));
    builder.add_tensor("token_embd.weight", testing::kGgmlF32, {64, 8}, std::string(2048, '\0'));
    const testing::TemporaryFolder folder;
    write_file_atomic(folder.path() / "tiny.gguf", builder.build());
    return read_decoder_config(*open_gguf(folder.path() / "tiny.gguf"));
  }
};

TEST(DecoderConfigTest, GgufOfGemmaLeavesOutWhatLlamaCppAssumes) {
  Metadata gemma{"gemma3"};
  gemma.sizes["attention.sliding_window"] = 128;
  gemma.numbers["rope.freq_base"] = 1e6f;
  const DecoderConfig config = gemma.read();
  EXPECT_THAT(config.layer_attention, ElementsAre(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1));
  EXPECT_EQ(config.attention_kinds[0].window, 128);
  EXPECT_DOUBLE_EQ(config.attention_kinds[0].frequencies[4], std::pow(1e4, -0.5));
  EXPECT_DOUBLE_EQ(config.attention_kinds[1].frequencies[4], std::pow(1e6, -0.5));
  EXPECT_FLOAT_EQ(config.query_scale, 0.25f);
  EXPECT_FLOAT_EQ(config.embedding_scale, 8.0f);
  EXPECT_EQ(config.norm_weight_offset, 0.0f);
  EXPECT_TRUE(config.tied_output);

  gemma.sizes["block_count"] = 62;  // the 27B: scaled by hidden size / heads instead
  gemma.sizes["attention.key_length"] = 32;
  EXPECT_FLOAT_EQ(gemma.read().query_scale, 0.25f);
}

TEST(DecoderConfigTest, GgufScalesTheGlobalLayersOfGemmaOnly) {
  Metadata gemma{"gemma3"};
  gemma.sizes["attention.sliding_window"] = 128;
  gemma.texts["rope.scaling.type"] = "linear";
  gemma.numbers["rope.scaling.factor"] = 8;
  const DecoderConfig config = gemma.read();
  EXPECT_DOUBLE_EQ(config.attention_kinds[0].frequencies[0], 1.0);
  EXPECT_DOUBLE_EQ(config.attention_kinds[1].frequencies[0], 0.125);
}

TEST(DecoderConfigTest, GgufPairsOfLlamaAreNeighbours) {
  EXPECT_EQ(Metadata{"llama"}.read().rotary_pairs, RotaryPairs::kNeighbours);
  EXPECT_EQ(Metadata{"qwen2"}.read().rotary_pairs, RotaryPairs::kHalves);
  EXPECT_EQ(read(config_of("llama").dump()).rotary_pairs, RotaryPairs::kHalves);
}

TEST(DecoderConfigTest, GgufRefusals) {
  const auto with = [](const char* architecture, const char* key, std::uint32_t value) {
    Metadata metadata{architecture};
    metadata.sizes[key] = value;
    return metadata;
  };
  Metadata capped = with("gemma3", "attention.sliding_window", 128);
  capped.numbers["final_logit_softcapping"] = 30;
  Metadata scaled{"qwen2"};
  scaled.texts["rope.scaling.type"] = "longrope";
  Metadata base{"qwen3"};
  base.numbers["rope.freq_base"] = 1;
  struct Case {
    Metadata metadata;
    ErrorCode code;
    std::string message;
  };
  const std::vector<Case> cases = {
      {Metadata{"gemma3"}, ErrorCode::kCorrupt, "gemma3.attention.sliding_window is missing"},
      {capped, ErrorCode::kUnsupported, "final_logit_softcapping"},
      {scaled, ErrorCode::kUnsupported, "longrope"},
      {base, ErrorCode::kCorrupt, "rotary base is 1"},
      {Metadata{"mamba"}, ErrorCode::kUnsupported, "mamba"},
      {with("qwen2", "attention.sliding_window", 128), ErrorCode::kUnsupported, "window of 128"},
      {with("qwen3", "attention.value_length", 8), ErrorCode::kUnsupported, "different sizes"},
      {with("qwen3", "attention.key_length", 1 << 24), ErrorCode::kCorrupt, "too many"},
      {with("qwen3", "block_count", 1025), ErrorCode::kCorrupt, "qwen3.block_count is 1025"},
  };
  for (const auto& [metadata, code, message] : cases) {
    SCOPED_TRACE(message);
    const auto error = error_of([&] { (void)metadata.read(); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), code) << error->what();
    EXPECT_THAT(error->message(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace tandem
