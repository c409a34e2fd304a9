// The CPU executor against the references that hold TorchDecoder, and against itself: what a token
// gets must not depend on what is computed beside it.
#include "model/cpu_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <ostream>

#include "model/decoder_weights.h"
#include "tests/support/errors.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"
#include "tests/support/tile_units.h"

namespace tandem {
namespace {

using Logits = std::vector<float>;
using Tokens = std::vector<TokenId>;

// Decoder and cache of one model file.
class Executor {
 public:
  explicit Executor(const std::filesystem::path& path, int threads = 2) {
    const DecoderWeights weights = DecoderWeights::open(path);
    decoder_ = CpuDecoder::load(weights, weights.config(), threads);
    keep(KvType::kHalf);
  }

  // What sequences keep their keys and values as from now on. There must be none.
  void keep(KvType type) {
    pool_ = std::make_unique<KvPool>(decoder_->config(), std::size_t{1} << 30, type);
  }

  CpuDecoder& decoder() { return *decoder_; }
  std::size_t vocabulary() const {
    return static_cast<std::size_t>(decoder_->config().vocabulary_size);
  }
  KvSequence sequence(std::size_t room) {
    KvSequence sequence(*pool_);
    EXPECT_TRUE(sequence.reserve(static_cast<int>(room)));
    return sequence;
  }

  // Logits after the last `count` tokens, appended to `sequence` in pieces of `piece`.
  Logits forward(KvSequence& sequence, std::span<const TokenId> tokens, TokenKind kind,
                 std::size_t piece, int count = 1) {
    Logits logits(static_cast<std::size_t>(count) * vocabulary());
    while (!tokens.empty()) {
      const auto now = tokens.first(std::min(piece, tokens.size()));
      tokens = tokens.subspan(now.size());
      const DecoderSegment segment{&sequence, now, kind, tokens.empty() ? count : 0};
      decoder_->forward({&segment, 1}, tokens.empty() ? std::span(logits) : std::span<float>());
    }
    return logits;
  }
  Logits forward(const Tokens& tokens, TokenKind kind, std::size_t piece = 4096) {
    KvSequence sequence = this->sequence(tokens.size());
    return forward(sequence, tokens, kind, piece);
  }

 private:
  std::unique_ptr<CpuDecoder> decoder_;
  std::unique_ptr<KvPool> pool_;
};

constexpr TokenKind kKinds[] = {TokenKind::kPrompt, TokenKind::kDecoded};

float largest_difference(const Logits& a, const Logits& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

class CpuFamilyTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::filesystem::path folder_ =
      testing::source_folder() / "tests/model/references/families" / GetParam();
};

// Weights and activations are floats here; only the cache is rounded.
TEST_P(CpuFamilyTest, LogitsMatchTransformers) {
  Executor executor(folder_);
  // Of logits up to 10.
  for (const auto& [type, tolerance] : {std::pair{KvType::kHalf, 0.1f}, {KvType::kInt8, 0.2f}}) {
    executor.keep(type);
    float worst = 0;
    for (const auto& reference : testing::read_reference(folder_ / "logits.jsonl")) {
      const Tokens tokens = reference.at("tokens");
      const Logits expected = reference.at("logits");
      for (const TokenKind kind : kKinds) {
        const float difference = largest_difference(executor.forward(tokens, kind), expected);
        EXPECT_LE(difference, tolerance) << tokens.size() << " tokens";
        worst = std::max(worst, difference);
      }
    }
    std::cout << GetParam() << ": largest difference " << worst << "\n";
  }
}

TEST_P(CpuFamilyTest, PiecesGiveTheSameBitsAsTheWhole) {
  Executor executor(folder_);
  const Tokens tokens = testing::read_reference(folder_ / "logits.jsonl").back().at("tokens");
  for (const KvType type : {KvType::kHalf, KvType::kInt8}) {
    executor.keep(type);
    for (const TokenKind kind : kKinds) {
      const Logits whole = executor.forward(tokens, kind);
      for (const std::size_t piece : {1, 2, 7, 50})
        EXPECT_EQ(executor.forward(tokens, kind, piece), whole) << piece;
    }
  }
}

// Many rows go through a layer in blocks; the border falls into a sequence.
TEST_P(CpuFamilyTest, RowsOfManyBlocksGetTheBitsOfTheirSequenceAlone) {
  constexpr std::size_t kSequences = 7;
  Executor executor(folder_);
  const Tokens reference = testing::read_reference(folder_ / "logits.jsonl").back().at("tokens");
  std::vector<Tokens> prompts;
  std::vector<KvSequence> sequences;
  for (std::size_t i = 0; i < kSequences; ++i) {
    Tokens& prompt = prompts.emplace_back(reference);
    std::rotate(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(i), prompt.end());
    prompt.resize(prompt.size() - i);
    sequences.push_back(executor.sequence(prompt.size()));
  }
  const auto kind = [](std::size_t i) {
    return i % 3 == 2 ? TokenKind::kDecoded : TokenKind::kPrompt;
  };
  std::vector<DecoderSegment> segments;
  std::size_t rows = 0;
  for (std::size_t i = 0; i < kSequences; ++i) {
    segments.push_back({&sequences[i], prompts[i], kind(i), static_cast<int>(prompts[i].size())});
    rows += prompts[i].size();
  }
  ASSERT_GT(rows, 3 * 256u);
  Logits batch(rows * executor.vocabulary());
  executor.decoder().forward(segments, batch);
  for (std::size_t i = 0; i < kSequences; ++i) {
    KvSequence sequence = executor.sequence(prompts[i].size());
    const auto count = static_cast<int>(prompts[i].size());
    const Logits alone = executor.forward(sequence, prompts[i], kind(i), prompts[i].size(), count);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), batch.begin())) << i;
    batch.erase(batch.begin(), batch.begin() + std::ssize(alone));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, CpuFamilyTest,
                         ::testing::Values("llama", "mistral", "qwen2", "qwen2_window", "qwen3",
                                           "gemma3"),
                         [](const auto& name) { return std::string(name.param); });

struct RealModel {
  const char* name;
  const char* references;
  std::filesystem::path (*file)();
  std::size_t texts;  // the first so many references are text; after random tokens, where nothing
                      // is likely, every rounding shows
  float tolerance;    // of the root mean square over the most likely tokens, whose logits reach 30
  // Of the ratio that a cache of 8 bits makes. Over a few hundred tokens a sum in another order
  // changes perplexity by as much.
  double perplexity_tolerance;
  // What multiplies the rows of prompts: tiles, by the best unit there is, or nothing but bytes.
  bool tiles;
};

constexpr RealModel kSmolLm2 = {
    "smollm2", "llama_smollm2.jsonl", testing::generator_file, 20, 0.25f, 0.005, false};
constexpr RealModel kGemma3 = {"gemma3", "gemma3_270m.jsonl", testing::gemma_file, 3, 0.4f, 0.03,
                               false};

constexpr RealModel with_tiles(RealModel model) {
  model.tiles = true;
  return model;
}

void PrintTo(const RealModel& model, std::ostream* out) {
  *out << model.name;
}

class CpuDecoderTest : public ::testing::TestWithParam<RealModel> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(GetParam().file()))
      GTEST_SKIP() << GetParam().file() << " is not there";
    if (GetParam().tiles && !kernels::prefers_tiles())
      GTEST_SKIP() << "this processor has no tiles";
    executor_ = std::make_unique<Executor>(GetParam().file());
    for (const auto& line : testing::read_reference(testing::source_folder() / "tests/model" /
                                                    "references" / GetParam().references))
      references_.push_back(line);
  }
  Tokens tokens_of(std::size_t index) const { return references_[index].at("tokens"); }

  testing::ChosenTileUnit unit_{GetParam().tiles ? kernels::TileUnit::kRegisters
                                                 : kernels::TileUnit::kNone};
  std::unique_ptr<Executor> executor_;
  std::vector<nlohmann::json> references_;
};

// Activations of 8 bits cost some precision: as much as they cost llama.cpp. Beside them it hardly
// shows whether keys and values have 8 bits too.
TEST_P(CpuDecoderTest, LogitsMatchTransformersAsFarAsEightBitsGo) {
  for (const auto& [type, kind] : {std::pair{KvType::kHalf, TokenKind::kPrompt},
                                   {KvType::kHalf, TokenKind::kDecoded},
                                   {KvType::kInt8, TokenKind::kPrompt},
                                   {KvType::kInt8, TokenKind::kDecoded}}) {
    executor_->keep(type);
    double squares = 0;
    std::size_t count = 0;
    for (std::size_t text = 0; text < GetParam().texts; ++text) {
      const auto& reference = references_[text];
      const Logits logits = executor_->forward(reference.at("tokens").get<Tokens>(), kind);
      const auto ids = reference.at("top_ids").get<std::vector<std::size_t>>();
      const auto top = reference.at("top_logits").get<Logits>();
      for (std::size_t i = 0; i < ids.size(); ++i) {
        squares += std::pow(double{logits[ids[i]]} - double{top[i]}, 2);
        ++count;
      }
      // Another token may win only where the two were about equally likely.
      const auto best =
          static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      const auto place = std::find(ids.begin(), ids.end(), best) - ids.begin();
      ASSERT_LT(place, std::ssize(ids));
      EXPECT_LT(top[0] - top[static_cast<std::size_t>(place)], 0.5f);
    }
    const double deviation = std::sqrt(squares / static_cast<double>(count));
    EXPECT_LT(deviation, GetParam().tolerance);
    std::cout << (kind == TokenKind::kPrompt ? "prompt" : "decoded")
              << (type == KvType::kHalf ? "" : ", cache of 8 bits") << ": root mean square "
              << deviation << "\n";
  }
}

// A text is predicted as well from keys and values in 8 bits.
TEST_P(CpuDecoderTest, ACacheOfEightBitsKeepsThePerplexity) {
  const Tokens tokens = tokens_of(references_.size() - 1);
  std::vector<double> perplexities;
  for (const KvType type : {KvType::kHalf, KvType::kInt8}) {
    executor_->keep(type);
    KvSequence sequence = executor_->sequence(tokens.size());
    const Logits logits = executor_->forward(sequence, tokens, TokenKind::kDecoded, tokens.size(),
                                             static_cast<int>(tokens.size()));
    double sum = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      const auto row =
          std::span(logits).subspan(i * executor_->vocabulary(), executor_->vocabulary());
      const double largest = double{*std::max_element(row.begin(), row.end())};
      double total = 0;
      for (const float logit : row) total += std::exp(double{logit} - largest);
      sum += largest + std::log(total) - double{row[static_cast<std::size_t>(tokens[i + 1])]};
    }
    perplexities.push_back(std::exp(sum / static_cast<double>(tokens.size() - 1)));
  }
  std::cout << "perplexity " << perplexities[0] << " and " << perplexities[1] << "\n";
  EXPECT_NE(perplexities[0], perplexities[1]);
  EXPECT_NEAR(perplexities[1] / perplexities[0], 1, GetParam().perplexity_tolerance);
}

TEST_P(CpuDecoderTest, PiecesGiveTheSameBitsAsTheWhole) {
  Tokens tokens = tokens_of(references_.size() - 2);
  tokens.resize(std::min<std::size_t>(tokens.size(), 75));
  for (const TokenKind kind : kKinds) {
    const Logits whole = executor_->forward(tokens, kind);
    for (const std::size_t piece : {1, 5, 64})
      EXPECT_EQ(executor_->forward(tokens, kind, piece), whole) << piece;
  }
  // Longer than what goes through a layer at once.
  const Tokens more = tokens_of(references_.size() - 1);
  ASSERT_GT(more.size(), 600u);
  EXPECT_EQ(executor_->forward(more, TokenKind::kPrompt, 100),
            executor_->forward(more, TokenKind::kPrompt));
}

TEST_P(CpuDecoderTest, ASequenceGetsTheSameBitsAloneAndInABatch) {
  std::vector<Logits> alone;
  std::vector<Tokens> prompts;
  for (std::size_t i = 0; i < std::min<std::size_t>(references_.size(), 9); ++i) {
    prompts.push_back(tokens_of(i));
    alone.push_back(
        executor_->forward(prompts[i], i % 3 == 0 ? TokenKind::kPrompt : TokenKind::kDecoded));
  }
  std::vector<KvSequence> sequences;
  std::vector<DecoderSegment> segments;
  sequences.reserve(prompts.size());
  for (const Tokens& prompt : prompts) sequences.push_back(executor_->sequence(prompt.size()));
  for (std::size_t i = 0; i < prompts.size(); ++i)
    segments.push_back(
        {&sequences[i], prompts[i], i % 3 == 0 ? TokenKind::kPrompt : TokenKind::kDecoded, 1});
  Logits batch(prompts.size() * executor_->vocabulary());
  executor_->decoder().forward(segments, batch);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto first = batch.begin() + static_cast<std::ptrdiff_t>(i * executor_->vocabulary());
    EXPECT_TRUE(std::equal(alone[i].begin(), alone[i].end(), first)) << i;
  }
}

TEST_P(CpuDecoderTest, LogitsOfADraftAreThoseOfItsTokensOneByOne) {
  const Tokens prompt = tokens_of(1);
  const Tokens draft = {17, 260, 4000, 11, 9};
  const auto vocabulary = static_cast<std::ptrdiff_t>(executor_->vocabulary());
  KvSequence together = executor_->sequence(64);
  executor_->forward(together, prompt, TokenKind::kPrompt, 4096);
  const Logits rows = executor_->forward(together, draft, TokenKind::kDecoded, 4096,
                                         static_cast<int>(draft.size()));
  // What was rejected leaves no trace.
  together.truncate(static_cast<int>(prompt.size()) + 2);
  ASSERT_TRUE(together.reserve(64));
  KvSequence one_by_one = executor_->sequence(64);
  executor_->forward(one_by_one, prompt, TokenKind::kPrompt, 4096);
  for (std::size_t i = 0; i < draft.size(); ++i) {
    const std::span<const TokenId> token(&draft[i], 1);
    const Logits logits = executor_->forward(one_by_one, token, TokenKind::kDecoded, 1);
    const auto row = rows.begin() + static_cast<std::ptrdiff_t>(i) * vocabulary;
    EXPECT_TRUE(std::equal(logits.begin(), logits.end(), row)) << i;
    if (i == 2) {
      EXPECT_EQ(executor_->forward(together, token, TokenKind::kDecoded, 1), logits);
    }
  }
}

TEST_P(CpuDecoderTest, TheNumberOfThreadsChangesNothing) {
  const Tokens tokens = tokens_of(2);
  for (const TokenKind kind : kKinds) {
    const Logits expected = executor_->forward(tokens, kind);
    for (const int threads : {1, 3}) {
      Executor other(GetParam().file(), threads);
      EXPECT_EQ(other.forward(tokens, kind, 16), expected) << threads;
    }
  }
}

TEST_P(CpuDecoderTest, ATokenOutsideTheVocabularyIsRefusedBeforeAnyWork) {
  KvSequence sequence = executor_->sequence(8);
  for (const TokenId token : {-1, executor_->decoder().config().vocabulary_size}) {
    const Tokens tokens = {5, token};
    EXPECT_EQ(testing::error_code_of(
                  [&] { executor_->forward(sequence, tokens, TokenKind::kDecoded, 2); }),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(sequence.length(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(RealModels, CpuDecoderTest,
                         ::testing::Values(kSmolLm2, with_tiles(kSmolLm2), kGemma3,
                                           with_tiles(kGemma3)),
                         [](const auto& model) {
                           return std::string(model.param.name) +
                                  (model.param.tiles ? "_tiles" : "");
                         });

}  // namespace
}  // namespace tandem
