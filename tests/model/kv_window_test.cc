#include "model/kv_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "model/cpu_decoder.h"
#include "model/decoder_weights.h"
#include "model/gguf.h"
#include "model/kernels/byte_attention.h"
#include "tests/support/half.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using Tokens = std::vector<TokenId>;

class KvWindowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(testing::generator_file()))
      GTEST_SKIP() << testing::generator_file() << " is not there";
    const DecoderWeights weights = DecoderWeights::open(testing::generator_file());
    decoder_ = CpuDecoder::load(weights, weights.config(), 2);
    pool_ = std::make_unique<KvPool>(decoder_->config(), std::size_t{256} << 20);
    const auto tokenizer = make_tokenizer(*open_gguf(testing::generator_file()));
    tokens_ = tokenizer->encode(read_file(testing::source_folder() / "LICENSE"));
    ASSERT_GT(tokens_.size(), 1200u);
  }

  void compute(KvSequence& sequence, std::span<const TokenId> tokens) {
    std::vector<float> logits(vocabulary());
    run(sequence, tokens, 1, logits);
  }
  // The sum of -log p of each of `tokens` but the first, after those before it.
  double surprise(KvSequence& sequence, std::span<const TokenId> tokens) {
    std::vector<float> logits(tokens.size() * vocabulary());
    run(sequence, tokens, static_cast<int>(tokens.size()), logits);
    double sum = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      const auto row = std::span(logits).subspan(i * vocabulary(), vocabulary());
      double total = 0;
      for (const float logit : row) total += std::exp(double{logit});
      sum += std::log(total) - double{row[static_cast<std::size_t>(tokens[i + 1])]};
    }
    return sum;
  }

  std::size_t vocabulary() const {
    return static_cast<std::size_t>(decoder_->config().vocabulary_size);
  }

  std::unique_ptr<CpuDecoder> decoder_;
  std::unique_ptr<KvPool> pool_;
  Tokens tokens_;

 private:
  void run(KvSequence& sequence, std::span<const TokenId> tokens, int logit_count,
           std::span<float> logits) {
    ASSERT_TRUE(sequence.reserve(sequence.length() + static_cast<int>(tokens.size())));
    const DecoderSegment segment{&sequence, tokens, TokenKind::kPrompt, logit_count};
    decoder_->forward({&segment, 1}, logits);
  }
};

// In the first layer, keys and values follow from a token and its position alone.
TEST_F(KvWindowTest, WhatFollowsMovesUpToThePositionsThatBecameFree) {
  constexpr int kFirst = 1;
  constexpr int kCount = 2;
  constexpr std::size_t kLength = 200;
  const Tokens whole(tokens_.begin(), tokens_.begin() + kLength);
  Tokens shorter = whole;
  shorter.erase(shorter.begin() + std::ptrdiff_t{kFirst} * 32,
                shorter.begin() + std::ptrdiff_t{kFirst + kCount} * 32);
  KvSequence sequence(*pool_);
  compute(sequence, whole);
  KvSequence other(*pool_);
  other.adopt(sequence.blocks(), sequence.length());
  const std::vector<KvBlock> blocks(other.blocks().begin(), other.blocks().end());
  ASSERT_TRUE(decoder_->forget(sequence, kFirst, kCount));
  EXPECT_EQ(sequence.length(), static_cast<int>(shorter.size()));
  KvSequence expected(*pool_);
  compute(expected, shorter);
  const auto size = static_cast<std::size_t>(decoder_->config().head_size);
  for (std::size_t position = 0; position < shorter.size(); ++position) {
    const std::uint16_t* const got = sequence.halves(position / 32, 0, 1);
    const std::uint16_t* const wanted = expected.halves(position / 32, 0, 1);
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t key = i * 32 + position % 32;
      const std::size_t value = (32 + position % 32) * size + i;
      ASSERT_NEAR(testing::from_half(got[key]), testing::from_half(wanted[key]), 0.02)
          << position << " " << i;
      ASSERT_EQ(got[value], wanted[value]) << position << " " << i;
    }
  }
  // Who shared the blocks still has them as they were.
  EXPECT_TRUE(std::equal(blocks.begin(), blocks.end(), other.blocks().begin()));
  KvSequence again(*pool_);
  compute(again, whole);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(pool_->users(blocks[i]), i == 0 ? 2 : 1);
    EXPECT_EQ(other.halves(i, 0, 1)[0], again.halves(i, 0, 1)[0]);
  }
}

TEST_F(KvWindowTest, ACacheOfEightBitsMovesUpAsWell) {
  constexpr std::size_t kLength = 120;
  const Tokens whole(tokens_.begin(), tokens_.begin() + kLength);
  Tokens shorter = whole;
  shorter.erase(shorter.begin() + 32, shorter.begin() + 64);
  pool_ = decoder_->make_pool(std::size_t{64} << 20, KvType::kInt8);
  KvSequence sequence(*pool_);
  compute(sequence, whole);
  ASSERT_TRUE(decoder_->forget(sequence, 1, 1));
  KvSequence expected(*pool_);
  compute(expected, shorter);
  const auto size = static_cast<std::size_t>(decoder_->config().head_size);
  std::vector<float> got(2 * size);
  std::vector<float> wanted(2 * size);
  for (std::size_t position = 0; position < shorter.size(); ++position) {
    const auto read = [&](const KvSequence& from, std::vector<float>& to) {
      kernels::read_key_value(from.memory(position / 32, 0, 1), size, position % 32, to.data(),
                              &to[size]);
    };
    read(sequence, got);
    read(expected, wanted);
    const float largest = std::abs(
        *std::max_element(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(size),
                          [](float a, float b) { return std::abs(a) < std::abs(b); }));
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_NEAR(got[i], wanted[i], 0.03f * largest) << position << " " << i;
      ASSERT_NEAR(got[size + i], wanted[size + i], 1e-4) << position << " " << i;
    }
  }
}

TEST_F(KvWindowTest, TextStaysAsLikelyAsWithinTheContext) {
  constexpr int kContext = 512;
  constexpr std::size_t kTested = 200;
  KvSequence whole(*pool_);
  compute(whole, std::span(tokens_).first(1000));
  const double with_all = surprise(whole, std::span(tokens_).subspan(1000, kTested));

  // Sinks and a window; and what comes of a window whose first positions are not kept.
  double windowed[2];
  for (const int sinks : {kSinkBlocks, 0}) {
    KvSequence sequence(*pool_);
    for (std::size_t i = 0; i < 1000; i += 40) {
      if (sequence.length() + 40 > kContext) {
        ASSERT_TRUE(decoder_->forget(sequence, sinks, forgotten_blocks(kContext)));
      }
      compute(sequence, std::span(tokens_).subspan(i, 40));
    }
    ASSERT_TRUE(decoder_->forget(sequence, sinks, forgotten_blocks(kContext)));
    windowed[sinks] = surprise(sequence, std::span(tokens_).subspan(1000, kTested));
  }
  RecordProperty("nats with all", std::to_string(with_all / kTested));
  RecordProperty("nats with sinks", std::to_string(windowed[1] / kTested));
  RecordProperty("nats without", std::to_string(windowed[0] / kTested));
  EXPECT_LT(windowed[1], with_all + 0.3 * kTested);
  EXPECT_LT(windowed[1], windowed[0]);
}

TEST_F(KvWindowTest, IsRefusedWhereThePoolHasNoRoomForCopies) {
  KvPool pool(decoder_->config(), pool_->block_bytes() * 6);
  KvSequence sequence(pool);
  ASSERT_TRUE(sequence.reserve(6 * 32));
  sequence.advance(6 * 32);
  KvSequence other(pool);
  other.adopt(sequence.blocks(), sequence.length());
  EXPECT_FALSE(decoder_->forget(sequence, 1, 2));
  EXPECT_EQ(sequence.length(), 6 * 32);
  other.clear();
  EXPECT_TRUE(decoder_->forget(sequence, 1, 2));
  EXPECT_EQ(pool.blocks_in_use(), 4u);
}

}  // namespace
}  // namespace tandem
