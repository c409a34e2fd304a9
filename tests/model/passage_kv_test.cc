// Passages read by themselves, against one forward pass of the reference in which a mask keeps them
// apart.
#include "model/passage_kv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <random>

#include "model/cpu_decoder.h"
#include "model/decoder_weights.h"
#include "model/torch_decoder.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using Logits = std::vector<float>;
using Tokens = std::vector<TokenId>;

// A prompt whose passages have lengths that fill blocks and that do not, with tokens between them
// and none.
struct PassagesPrompt {
  explicit PassagesPrompt(int vocabulary) {
    std::mt19937 random(20261126);
    const auto add = [&](int count) {
      for (int i = 0; i < count; ++i)
        tokens.push_back(
            static_cast<TokenId>(random() % static_cast<unsigned>(std::min(vocabulary, 3000))));
    };
    add(5);
    for (const int length : {33, 32, 1, 4}) {
      const int begin = static_cast<int>(tokens.size());
      add(length);
      passages.push_back({begin, begin + length});
      if (length == 32) add(3);
    }
    add(3);
  }

  Tokens tokens;
  std::vector<PositionRange> passages;
};

class PassageKvTest : public ::testing::Test {
 protected:
  void open(const std::filesystem::path& path) {
    weights_ = std::make_unique<DecoderWeights>(DecoderWeights::open(path));
    decoder_ = CpuDecoder::load(*weights_, weights_->config(), 2);
    keep(KvType::kHalf);
  }
  void keep(KvType type) {
    pool_ = std::make_unique<KvPool>(decoder_->config(), std::size_t{1} << 30, type);
  }

  std::size_t vocabulary() const {
    return static_cast<std::size_t>(decoder_->config().vocabulary_size);
  }

  void compute(KvSequence& sequence, std::span<const TokenId> tokens, std::span<float> logits) {
    ASSERT_TRUE(sequence.reserve(sequence.length() + static_cast<int>(tokens.size())));
    const DecoderSegment segment{&sequence, tokens, TokenKind::kPrompt, logits.empty() ? 0 : 1};
    decoder_->forward({&segment, 1}, logits);
  }

  std::shared_ptr<const PassageKv> read(std::span<const TokenId> passage) {
    KvSequence sequence(*pool_);
    compute(sequence, passage, {});
    return decoder_->pack(sequence);
  }

  Logits with_passages_apart(const PassagesPrompt& prompt) {
    KvSequence sequence(*pool_);
    const std::span tokens(prompt.tokens);
    const auto part = [&](int begin, int end) {
      return tokens.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    };
    for (const PositionRange& passage : prompt.passages) {
      if (sequence.length() < passage.begin)
        compute(sequence, part(sequence.length(), passage.begin), {});
      EXPECT_TRUE(sequence.reserve(passage.end));
      decoder_->append(*read(part(passage.begin, passage.end)), sequence);
    }
    Logits logits(vocabulary());
    compute(sequence, part(sequence.length(), static_cast<int>(tokens.size())), logits);
    return logits;
  }

  Logits reference(const PassagesPrompt& prompt, std::span<const PositionRange> passages) {
    if (reference_ == nullptr) reference_ = TorchDecoder::load(*weights_);
    const auto cache = reference_->make_cache(static_cast<int>(prompt.tokens.size()));
    Logits logits(vocabulary());
    reference_->forward(prompt.tokens, *cache, logits, passages);
    return logits;
  }

  std::unique_ptr<DecoderWeights> weights_;
  std::unique_ptr<CpuDecoder> decoder_;
  std::unique_ptr<KvPool> pool_;
  std::unique_ptr<TorchDecoder> reference_;
};

double distance(const Logits& a, const Logits& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += std::pow(double{a[i]} - double{b[i]}, 2);
  return std::sqrt(squares / static_cast<double>(a.size()));
}

class PassageKvFamilyTest : public PassageKvTest,
                            public ::testing::WithParamInterface<const char*> {};

// 8 bits for keys and values cost some precision, a wrong mask or position far more.
TEST_P(PassageKvFamilyTest, LogitsAreThoseOfAForwardPassWithAMask) {
  open(testing::source_folder() / "tests/model/references/families" / GetParam());
  const PassagesPrompt prompt(decoder_->config().vocabulary_size);
  const Logits expected = reference(prompt, prompt.passages);
  const double without_mask = distance(reference(prompt, {}), expected);
  for (const KvType type : {KvType::kHalf, KvType::kInt8}) {
    keep(type);
    const double off = distance(with_passages_apart(prompt), expected);
    std::cout << GetParam() << ": off by " << off << ", without the mask by " << without_mask
              << "\n";
    EXPECT_LT(off, 0.1);
    EXPECT_LT(off, without_mask / 5);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, PassageKvFamilyTest,
                         ::testing::Values("llama", "mistral", "qwen2", "qwen2_window", "qwen3",
                                           "gemma3"),
                         [](const auto& name) { return std::string(name.param); });

TEST_F(PassageKvTest, ARealModelGivesTheLogitsOfTheMask) {
  if (!std::filesystem::exists(testing::generator_file()))
    GTEST_SKIP() << testing::generator_file() << " is not there";
  open(testing::generator_file());
  const PassagesPrompt prompt(decoder_->config().vocabulary_size);
  const Logits expected = reference(prompt, prompt.passages);
  const double without_mask = distance(reference(prompt, {}), expected);
  for (const KvType type : {KvType::kHalf, KvType::kInt8}) {
    keep(type);
    const double off = distance(with_passages_apart(prompt), expected);
    std::cout << "off by " << off << ", without the mask by " << without_mask << "\n";
    EXPECT_LT(off, 0.3);  // as far as 8-bit activations are off without any passage
    EXPECT_LT(off, without_mask / 5);
  }
}

class PassageRecordTest : public PassageKvTest {
 protected:
  void SetUp() override {
    open(testing::source_folder() / "tests/model/references/families/llama");
    passage_ = read(Tokens{5, 6, 7, 8, 9, 10, 11});
  }
  std::shared_ptr<const PassageKv> read_record(std::string record) const {
    return PassageKv::read(decoder_->config(), std::move(record));
  }

  std::shared_ptr<const PassageKv> passage_;
};

TEST_F(PassageRecordTest, ComesBackAsItWas) {
  const auto again = read_record(std::string(passage_->record()));
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->tokens(), 7);
  EXPECT_EQ(again->record(), passage_->record());
}

TEST_F(PassageRecordTest, DamageIsSeen) {
  const std::string record(passage_->record());
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    std::string damaged = record;
    damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
    EXPECT_EQ(read_record(damaged), nullptr);
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{3}, std::size_t{20}, record.size() / 2, record.size() - 1})
    EXPECT_EQ(read_record(record.substr(0, size)), nullptr);
  EXPECT_EQ(read_record(record + "x"), nullptr);
}

TEST_F(PassageRecordTest, OfAnotherModelIsNotTaken) {
  DecoderConfig other = decoder_->config();
  ++other.layer_count;
  EXPECT_EQ(PassageKv::read(other, std::string(passage_->record())), nullptr);
}

}  // namespace
}  // namespace tandem
