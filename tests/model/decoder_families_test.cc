// Tiny decoders of every family against `transformers` (references/make_families.py), and Gemma 3
// 270M against the same on its dequantised weights (references/make_gemma.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>

#include "base/file.h"
#include "model/torch_decoder.h"
#include "tests/support/decoder_gguf.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using Logits = std::vector<float>;

// References have six decimals; sums are taken in another order.
constexpr float kTolerance = 1e-4f;

float largest_difference(const Logits& a, const Logits& b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

Logits forward(const TorchDecoder& model, std::span<const TokenId> tokens,
               TorchDecoderCache& cache) {
  Logits logits(static_cast<std::size_t>(model.config().vocabulary_size));
  model.forward(tokens, cache, logits);
  return logits;
}

Logits forward(const TorchDecoder& model, std::span<const TokenId> tokens) {
  return forward(model, tokens, *model.make_cache(static_cast<int>(tokens.size())));
}

// In pieces of `piece` tokens.
Logits forward_in_pieces(const TorchDecoder& model, std::span<const TokenId> tokens,
                         std::size_t piece) {
  const auto cache = model.make_cache(static_cast<int>(tokens.size()));
  Logits logits;
  for (std::size_t i = 0; i < tokens.size(); i += piece)
    logits = forward(model, tokens.subspan(i, std::min(piece, tokens.size() - i)), *cache);
  return logits;
}

class DecoderFamilyTest : public ::testing::TestWithParam<const char*> {
 protected:
  DecoderFamilyTest()
      : folder_(testing::source_folder() / "tests/model/references/families" / GetParam()),
        model_(TorchDecoder::load(DecoderWeights::open(folder_))) {}

  void expect_reference_logits(const TorchDecoder& model) const {
    const auto references = testing::read_reference(folder_ / "logits.jsonl");
    ASSERT_EQ(references.size(), 6u);
    float worst = 0;
    for (const auto& reference : references) {
      const auto tokens = reference.at("tokens").get<std::vector<TokenId>>();
      const float difference =
          largest_difference(forward(model, tokens), reference.at("logits").get<Logits>());
      EXPECT_LE(difference, kTolerance) << tokens.size() << " tokens";
      worst = std::max(worst, difference);
    }
    std::cout << GetParam() << ": largest difference " << worst << "\n";
  }

  std::vector<TokenId> longest() const {
    return testing::read_reference(folder_ / "logits.jsonl").back().at("tokens");
  }

  std::filesystem::path folder_;
  std::unique_ptr<TorchDecoder> model_;
};

TEST_P(DecoderFamilyTest, LogitsMatchTransformers) {
  expect_reference_logits(*model_);
}

TEST_P(DecoderFamilyTest, PrefillInPiecesEqualsPrefillAtOnce) {
  const auto tokens = longest();
  const Logits whole = forward(*model_, tokens);
  for (const std::size_t piece : {1, 2, 7, 50})
    EXPECT_LE(largest_difference(forward_in_pieces(*model_, tokens, piece), whole), kTolerance)
        << piece;
}

TEST_P(DecoderFamilyTest, TheSameModelAsGgufGivesTheSameLogits) {
  // How many layers of a Qwen have a window cannot be said in a GGUF.
  if (std::string_view(GetParam()) == "qwen2_window") return;
  const testing::TemporaryFolder folder;
  write_file_atomic(folder.path() / "model.gguf", testing::DecoderGguf(folder_).build());
  const auto model = TorchDecoder::load(DecoderWeights::open(folder.path() / "model.gguf"));
  expect_reference_logits(*model);
}

INSTANTIATE_TEST_SUITE_P(Families, DecoderFamilyTest,
                         ::testing::Values("llama", "mistral", "qwen2", "qwen2_window", "qwen3",
                                           "gemma3"),
                         [](const auto& name) { return std::string(name.param); });

class Gemma3Test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(testing::gemma_file()))
      GTEST_SKIP() << testing::gemma_file() << " is not there";
    model_ = TorchDecoder::load(DecoderWeights::open(testing::gemma_file()));
  }
  std::unique_ptr<TorchDecoder> model_;
};

// Logits reach 30 here, and the longest prompt is three windows of tokens.
TEST_F(Gemma3Test, LogitsMatchTransformers) {
  constexpr float kGemmaTolerance = 1e-3f;
  const auto references = testing::read_reference(testing::source_folder() /
                                                  "tests/model/references/gemma3_270m.jsonl");
  ASSERT_EQ(references.size(), 5u);
  float worst = 0;
  for (const auto& reference : references) {
    const auto tokens = reference.at("tokens").get<std::vector<TokenId>>();
    SCOPED_TRACE(tokens.size());
    const Logits logits = forward(*model_, tokens);
    const auto ids = reference.at("top_ids").get<std::vector<std::size_t>>();
    Logits top;
    for (const std::size_t id : ids) top.push_back(logits[id]);
    Logits sample;
    for (std::size_t i = 0; i < logits.size(); i += 4096) sample.push_back(logits[i]);
    for (const float difference :
         {largest_difference(top, reference.at("top_logits").get<Logits>()),
          largest_difference(sample, reference.at("every_4096th").get<Logits>())}) {
      EXPECT_LE(difference, kGemmaTolerance);
      worst = std::max(worst, difference);
    }
    const double mean = std::accumulate(logits.begin(), logits.end(), 0.0) / std::ssize(logits);
    EXPECT_NEAR(mean, reference.at("mean").get<double>(), kGemmaTolerance);
  }
  std::cout << "largest difference: " << worst << "\n";
}

}  // namespace
}  // namespace tandem
