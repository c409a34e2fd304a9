// Logits are compared with those of `transformers` on the same weights (references/make_llama.py).
#include "model/torch_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <thread>

#include "base/file.h"
#include "model/threads.h"
#include "tests/support/errors.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::bytes_of;
using testing::error_of;
using ::testing::HasSubstr;

// The reference sums in another order, over 30 layers, and stores five decimals; a wrong epsilon, a
// swapped pair or one quantised layer gives more than 0.01.
constexpr float kTolerance = 5e-4f;

using Logits = std::vector<float>;

float largest_difference(const Logits& a, const Logits& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

class SmolLm2Test : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!std::filesystem::exists(testing::generator_file())) return;
    model_ = TorchDecoder::load(DecoderWeights::open(testing::generator_file())).release();
    for (const auto& line : testing::read_reference(testing::source_folder() /
                                                    "tests/model/references/llama_smollm2.jsonl"))
      references_.push_back(line);
  }
  static void TearDownTestSuite() {
    delete model_;
    model_ = nullptr;
  }
  void SetUp() override {
    if (model_ == nullptr) GTEST_SKIP() << testing::generator_file() << " is not there";
  }

  static Logits forward(std::span<const TokenId> tokens, TorchDecoderCache& cache) {
    Logits logits(static_cast<std::size_t>(model_->config().vocabulary_size));
    model_->forward(tokens, cache, logits);
    return logits;
  }
  static Logits forward(std::span<const TokenId> tokens) {
    return forward(tokens, *model_->make_cache(static_cast<int>(tokens.size())));
  }
  static std::vector<TokenId> prompt(std::size_t index) {
    return references_[index].at("tokens").get<std::vector<TokenId>>();
  }
  static std::size_t last_prompt() { return references_.size() - 1; }

  static inline TorchDecoder* model_ = nullptr;
  static inline std::vector<nlohmann::json> references_;
};

TEST_F(SmolLm2Test, LogitsMatchTransformers) {
  ASSERT_EQ(references_.size(), 20u);
  float worst = 0;
  for (std::size_t i = 0; i < references_.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& reference = references_[i];
    const Logits logits = forward(prompt(i));
    const auto ids = reference.at("top_ids").get<std::vector<TokenId>>();
    const auto values = reference.at("top_logits").get<std::vector<float>>();
    for (std::size_t k = 0; k < ids.size(); ++k) {
      const float difference = std::abs(logits[static_cast<std::size_t>(ids[k])] - values[k]);
      worst = std::max(worst, difference);
      EXPECT_LE(difference, kTolerance) << "token " << ids[k];
    }
    const auto sample = reference.at("every_1024th").get<std::vector<float>>();
    for (std::size_t k = 0; k < sample.size(); ++k)
      EXPECT_NEAR(logits[k * 1024], sample[k], kTolerance);
    const double mean = std::accumulate(logits.begin(), logits.end(), 0.0) / logits.size();
    double squares = 0;
    for (const float value : logits) squares += (value - mean) * (value - mean);
    EXPECT_NEAR(mean, reference.at("mean").get<double>(), kTolerance);
    EXPECT_NEAR(std::sqrt(squares / logits.size()), reference.at("deviation").get<double>(),
                kTolerance);
  }
  RecordProperty("largest_difference", std::to_string(worst));
  std::cout << "largest difference: " << worst << "\n";
}

TEST_F(SmolLm2Test, PrefillInPiecesEqualsPrefillAtOnce) {
  const auto tokens = prompt(last_prompt());
  const Logits whole = forward(tokens);
  for (const std::size_t piece : {1, 7, 100, 256}) {
    // Pieces of one token are the slow path of decoding; a part of the prompt is enough for them.
    const std::size_t first = piece == 1 ? tokens.size() - 20 : piece;
    const auto cache = model_->make_cache(static_cast<int>(tokens.size()));
    model_->forward(std::span(tokens).first(first), *cache, {});
    Logits logits;
    for (std::size_t i = first; i < tokens.size(); i += piece)
      logits = forward(std::span(tokens).subspan(i, std::min(piece, tokens.size() - i)), *cache);
    EXPECT_LE(largest_difference(logits, whole), kTolerance) << piece;
    EXPECT_EQ(cache->length(), static_cast<int>(tokens.size()));
  }
}

TEST_F(SmolLm2Test, TruncatedCacheContinuesAsIfTheRestHadNeverBeen) {
  const auto tokens = prompt(17);
  const auto other = prompt(3);
  const auto cache = model_->make_cache(static_cast<int>(tokens.size() + other.size()));
  model_->forward(std::span(tokens).first(10), *cache, {});
  model_->forward(other, *cache, {});
  cache->truncate(10);
  EXPECT_EQ(cache->length(), 10);
  EXPECT_LE(largest_difference(forward(std::span(tokens).subspan(10), *cache), forward(tokens)),
            kTolerance);
}

TEST_F(SmolLm2Test, ThreadsWithTheirOwnCachesDoNotDisturbEachOther) {
  std::vector<Logits> results(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < results.size(); ++i)
    threads.emplace_back([&, i] { results[i] = forward(prompt(i)); });
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < results.size(); ++i)
    EXPECT_LE(largest_difference(results[i], forward(prompt(i))), kTolerance);
}

TEST_F(SmolLm2Test, RefusesMoreTokensThanTheCacheHolds) {
  const auto tokens = prompt(2);
  const auto cache = model_->make_cache(static_cast<int>(tokens.size()) - 1);
  EXPECT_EQ(testing::error_code_of([&] { model_->forward(tokens, *cache, {}); }),
            ErrorCode::kTooLarge);
  EXPECT_EQ(cache->length(), 0);
  EXPECT_EQ(testing::error_code_of(
                [&] { (void)model_->make_cache(model_->config().context_length + 1); }),
            ErrorCode::kTooLarge);
}

TEST_F(SmolLm2Test, RefusesTokensOutsideTheVocabulary) {
  for (const TokenId token : {-1, model_->config().vocabulary_size}) {
    const auto cache = model_->make_cache(4);
    EXPECT_EQ(testing::error_code_of([&] {
                model_->forward({&token, 1}, *cache, {});
              }),
              ErrorCode::kInvalidArgument);
  }
}

// A Llama of one layer: hidden size 8, two heads of 4 sharing one key head, 16 tokens.
struct TinyLlama {
  std::map<std::string, std::uint32_t> sizes = {
      {"llama.block_count", 1},          {"llama.embedding_length", 8},
      {"llama.feed_forward_length", 12}, {"llama.attention.head_count", 2},
      {"llama.context_length", 32},      {"llama.attention.head_count_kv", 1},
      {"llama.rope.dimension_count", 4},
  };
  // Sizes innermost first.
  std::map<std::string, std::vector<std::uint64_t>> tensors = {
      {"token_embd.weight", {8, 16}},       {"output_norm.weight", {8}},
      {"blk.0.attn_norm.weight", {8}},      {"blk.0.attn_q.weight", {8, 8}},
      {"blk.0.attn_k.weight", {8, 4}},      {"blk.0.attn_v.weight", {8, 4}},
      {"blk.0.attn_output.weight", {8, 8}}, {"blk.0.ffn_norm.weight", {8}},
      {"blk.0.ffn_gate.weight", {8, 12}},   {"blk.0.ffn_up.weight", {8, 12}},
      {"blk.0.ffn_down.weight", {12, 8}},
  };
  std::string architecture = "llama";
  std::string scaling = "none";
  // The last element of this tensor is `last_element`.
  std::string marked;
  float last_element = 0;

  std::unique_ptr<TorchDecoder> load() const {
    testing::GgufBuilder builder;
    builder.add("general.architecture", testing::kGgufString, testing::gguf_string(architecture));
    builder.add("llama.attention.layer_norm_rms_epsilon", testing::kGgufF32, bytes_of(1e-5f));
    builder.add("llama.rope.scaling.type", testing::kGgufString, testing::gguf_string(scaling));
    for (const auto& [key, value] : sizes) builder.add(key, testing::kGgufU32, bytes_of(value));
    for (const auto& [name, shape] : tensors) {
      std::vector<float> values(
          std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()));
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = 0.1f * static_cast<float>(i % 7) - 0.2f;
      if (name == marked) values.back() = last_element;
      builder.add_tensor(
          name, testing::kGgmlF32, shape,
          {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
    }
    const testing::TemporaryFolder folder;
    write_file_atomic(folder.path() / "tiny.gguf", builder.build());
    return TorchDecoder::load(DecoderWeights::open(folder.path() / "tiny.gguf"));
  }

  std::optional<Error> error() const {
    return error_of([&] { (void)load(); });
  }
};

TEST(TorchDecoderLoadTest, RunsAfterItsFileIsGone) {
  const auto model = TinyLlama().load();
  const auto cache = model->make_cache(32);
  Logits logits(16);
  const std::vector<TokenId> tokens = {3, 1, 4, 1, 5};
  model->forward(tokens, *cache, logits);
  EXPECT_TRUE(std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }));
}

TEST(TorchDecoderLoadTest, RefusesNumbersThatCannotBeTrue) {
  struct Case {
    std::string key;
    std::uint32_t value;
  };
  const std::vector<Case> cases = {
      {"llama.block_count", 0},
      {"llama.block_count", 2},
      {"llama.block_count", 4'000'000'000u},
      {"llama.embedding_length", 0},
      {"llama.embedding_length", 10},
      {"llama.embedding_length", 1u << 24},
      {"llama.feed_forward_length", 0},
      {"llama.feed_forward_length", 4'000'000'000u},
      {"llama.attention.head_count", 0},
      {"llama.attention.head_count", 3},
      {"llama.attention.head_count", 16'000'000},
      {"llama.attention.head_count_kv", 0},
      {"llama.attention.head_count_kv", 4},
      {"llama.context_length", 0},
      {"llama.rope.dimension_count", 3},
      {"llama.rope.dimension_count", 6},
  };
  for (const auto& [key, value] : cases) {
    SCOPED_TRACE(key + " = " + std::to_string(value));
    TinyLlama tiny;
    tiny.sizes[key] = value;
    const auto error = tiny.error();
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << error->what();
  }
}

TEST(TorchDecoderLoadTest, NamesWhatIsMissing) {
  for (const auto& [name, shape] : TinyLlama().tensors) {
    TinyLlama tiny;
    tiny.tensors.erase(name);
    const auto error = tiny.error();
    ASSERT_TRUE(error.has_value()) << name;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt);
    EXPECT_THAT(error->message(), HasSubstr(name));
  }
  for (const char* key : {"llama.block_count", "llama.embedding_length", "llama.context_length"}) {
    TinyLlama tiny;
    tiny.sizes.erase(key);
    const auto error = tiny.error();
    ASSERT_TRUE(error.has_value()) << key;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt);
    EXPECT_THAT(error->message(), HasSubstr(key));
  }
}

TEST(TorchDecoderLoadTest, NamesTheTensorThatHoldsValuesThatAreNotFinite) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    for (const char* name : {"token_embd.weight", "blk.0.ffn_norm.weight", "blk.0.attn_v.weight"}) {
      TinyLlama tiny;
      tiny.marked = name;
      tiny.last_element = value;
      const auto error = tiny.error();
      ASSERT_TRUE(error.has_value()) << name;
      EXPECT_EQ(error->code(), ErrorCode::kCorrupt);
      EXPECT_THAT(error->message(), HasSubstr(name));
    }
  }
}

TEST(TorchDecoderLoadTest, RefusesWhatItWouldComputeWrongly) {
  TinyLlama other;
  other.architecture = "mamba\n";
  TinyLlama scaled;
  scaled.scaling = "longrope";
  TinyLlama biased;
  biased.tensors["blk.0.attn_q.bias"] = {8};
  TinyLlama beyond;
  beyond.tensors["blk.1.attn_norm.weight"] = {8};
  for (const auto& tiny : {other, scaled, biased, beyond}) {
    const auto error = tiny.error();
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), ErrorCode::kUnsupported) << error->what();
  }
}

TEST(ThreadsTest, ANewThreadComputesWithTheChosenNumber) {
  set_compute_threads(1);
  EXPECT_EQ(compute_threads(), 1);
  set_compute_threads(0);
  EXPECT_GE(compute_threads(), 1);
  EXPECT_EQ(testing::error_code_of([] { set_compute_threads(-1); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem
