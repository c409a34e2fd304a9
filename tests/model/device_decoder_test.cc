// The executor for devices, on the processor: against the references that hold the other two.
#include "model/device_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>
#include <random>

#include "model/cpu_decoder.h"
#include "model/decoder_weights.h"
#include "model/torch_decoder.h"
#include "tests/support/errors.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using Logits = std::vector<float>;
using Tokens = std::vector<TokenId>;

constexpr DeviceDecoderOptions kSingle = {.single_precision = true};

// Records as a GPU does, as far as that is possible here: what was recorded is done again with
// nothing but the memory that it was recorded with.
class RecordingRuntime final : public DeviceRuntime {
 public:
  std::string device() const override { return "cpu"; }
  std::string description() const override { return "recording processor"; }
  DeviceMemory memory() const override { return {}; }
  double bytes_per_second() const override { return 0; }
  std::unique_ptr<RecordedWork> record(const std::function<void()>& work) override {
    work();
    return std::make_unique<Work>(*this, work);
  }

  int replays = 0;

 private:
  struct Work final : RecordedWork {
    Work(RecordingRuntime& owner, std::function<void()> work)
        : runtime(owner), recorded(std::move(work)) {}
    void replay() override {
      ++runtime.replays;
      recorded();
    }
    RecordingRuntime& runtime;
    std::function<void()> recorded;
  };
};

class Executor {
 public:
  explicit Executor(const std::filesystem::path& path, const DeviceDecoderOptions& options,
                    std::shared_ptr<DeviceRuntime> runtime = cpu_runtime()) {
    const DecoderWeights weights = DecoderWeights::open(path);
    decoder_ = DeviceDecoder::load(weights, weights.config(), std::move(runtime), options);
    pool_ = decoder_->make_pool(std::size_t{48} << 20, KvType::kHalf);
  }

  DeviceDecoder& decoder() { return *decoder_; }
  KvPool& pool() { return *pool_; }
  std::size_t vocabulary() const {
    return static_cast<std::size_t>(decoder_->config().vocabulary_size);
  }

  Logits forward(KvSequence& sequence, std::span<const TokenId> tokens, TokenKind kind,
                 std::size_t piece = 4096, int count = 1) {
    Logits logits(static_cast<std::size_t>(count) * vocabulary());
    while (!tokens.empty()) {
      const auto now = tokens.first(std::min(piece, tokens.size()));
      tokens = tokens.subspan(now.size());
      EXPECT_TRUE(sequence.reserve(sequence.length() + static_cast<int>(now.size())));
      const DecoderSegment segment{&sequence, now, kind, tokens.empty() ? count : 0};
      decoder_->forward({&segment, 1}, tokens.empty() ? std::span(logits) : std::span<float>());
    }
    return logits;
  }
  Logits forward(const Tokens& tokens, TokenKind kind, std::size_t piece = 4096) {
    KvSequence sequence(*pool_);
    return forward(sequence, tokens, kind, piece);
  }

 private:
  std::unique_ptr<DeviceDecoder> decoder_;
  std::unique_ptr<KvPool> pool_;
};

constexpr TokenKind kKinds[] = {TokenKind::kPrompt, TokenKind::kDecoded};

float largest_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(std::isfinite(a[i]));
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

double distance(std::span<const float> a, std::span<const float> b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += std::pow(double{a[i]} - double{b[i]}, 2);
  return std::sqrt(squares / static_cast<double>(a.size()));
}

double deviation(std::span<const float> x) {
  const Logits mean(x.size(), std::accumulate(x.begin(), x.end(), 0.0f) / std::ssize(x));
  return distance(x, mean);
}

class DeviceFamilyTest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr float kTolerance = 1e-4f;  // as of TorchDecoder

  Tokens longest() const {
    return testing::read_reference(folder_ / "logits.jsonl").back().at("tokens");
  }
  Tokens tokens(std::size_t count, unsigned seed, int vocabulary) const {
    std::mt19937 random(seed);
    Tokens tokens;
    for (std::size_t i = 0; i < count; ++i)
      tokens.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(vocabulary)));
    return tokens;
  }
  void expect_reference_logits(const DeviceDecoderOptions& options, double tolerance) const {
    Executor executor(folder_, options);
    double worst = 0;
    for (const auto& reference : testing::read_reference(folder_ / "logits.jsonl")) {
      const Tokens tokens = reference.at("tokens");
      const Logits expected = reference.at("logits");
      for (const TokenKind kind : kKinds) {
        const Logits logits = executor.forward(tokens, kind);
        const double difference = options.single_precision
                                      ? largest_difference(logits, expected)
                                      : distance(logits, expected) / deviation(expected);
        EXPECT_LE(difference, tolerance) << tokens.size() << " tokens";
        worst = std::max(worst, difference);
      }
    }
    std::cout << GetParam() << ": " << worst << "\n";
  }

  std::filesystem::path folder_ =
      testing::source_folder() / "tests/model/references/families" / GetParam();
};

TEST_P(DeviceFamilyTest, LogitsMatchTransformers) {
  expect_reference_logits(kSingle, kTolerance);
}

// Root mean square, as a part of the logits' own deviation.
TEST_P(DeviceFamilyTest, LogitsMatchTransformersAsFarAsSixteenBitsGo) {
  expect_reference_logits({}, 0.03);
}

TEST_P(DeviceFamilyTest, LogitsMatchTransformersAsFarAsEightBitsGo) {
  expect_reference_logits({.weights = DeviceWeightFormat::kBytes}, 0.06);
}

TEST_P(DeviceFamilyTest, PiecesEqualTheWhole) {
  Executor executor(folder_, kSingle);
  const Tokens tokens = longest();
  const Logits whole = executor.forward(tokens, TokenKind::kPrompt);
  for (const TokenKind kind : kKinds)
    for (const std::size_t piece : {1, 2, 7, 50})
      EXPECT_LE(largest_difference(executor.forward(tokens, kind, piece), whole), kTolerance)
          << piece;
}

// Sequences of several lengths, some in their prompt, some decoding with and without a draft.
TEST_P(DeviceFamilyTest, ASequenceGetsTheSameAloneAndInAStepWithOthers) {
  Executor executor(folder_, kSingle);
  const int vocabulary = executor.decoder().config().vocabulary_size;
  struct Part {
    std::size_t past;
    std::size_t tokens;
    TokenKind kind;
    int logits;
  };
  const Part parts[] = {
      {40, 1, TokenKind::kDecoded, 1}, {0, 33, TokenKind::kPrompt, 1},
      {3, 5, TokenKind::kDecoded, 5},  {64, 20, TokenKind::kPrompt, 0},
      {70, 1, TokenKind::kDecoded, 1}, {0, 40, TokenKind::kPrompt, 2},
  };
  std::vector<Tokens> texts;
  std::vector<KvSequence> sequences;
  std::vector<DecoderSegment> segments;
  Logits expected;
  for (const Part& part : parts) {
    texts.push_back(
        tokens(part.past + part.tokens, static_cast<unsigned>(texts.size()), vocabulary));
    sequences.emplace_back(executor.pool());
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto before = std::span(texts[i]).first(parts[i].past);
    const auto now = std::span(texts[i]).subspan(parts[i].past);
    KvSequence alone(executor.pool());
    (void)executor.forward(alone, before, TokenKind::kPrompt);
    const Logits logits =
        executor.forward(alone, now, parts[i].kind, 4096, std::max(1, parts[i].logits));
    if (parts[i].logits > 0) expected.insert(expected.end(), logits.begin(), logits.end());
    (void)executor.forward(sequences[i], before, TokenKind::kPrompt);
    ASSERT_TRUE(sequences[i].reserve(static_cast<int>(texts[i].size())));
    segments.push_back({&sequences[i], now, parts[i].kind, parts[i].logits});
  }
  Logits together(expected.size());
  executor.decoder().forward(segments, together);
  EXPECT_LE(largest_difference(together, expected), kTolerance);
  for (std::size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(sequences[i].length(), static_cast<int>(texts[i].size()));
}

TEST_P(DeviceFamilyTest, RecordedPassesGiveTheSameAsTheFirst) {
  const auto runtime = std::make_shared<RecordingRuntime>();
  Executor plain(folder_, kSingle);
  Executor recording(folder_, kSingle, runtime);
  const int vocabulary = plain.decoder().config().vocabulary_size;
  const Tokens texts[] = {tokens(70, 1, vocabulary), tokens(90, 2, vocabulary)};
  const auto decode = [&](Executor& executor) {
    std::vector<KvSequence> sequences;
    for (int i = 0; i < 2; ++i) sequences.emplace_back(executor.pool());
    Logits all;
    for (std::size_t step = 0; step < 70; ++step) {
      std::vector<DecoderSegment> segments;
      for (std::size_t i = 0; i < 2; ++i) {
        // One sequence is ahead of the other, and joins later.
        if (i == 0 && step < 5) continue;
        EXPECT_TRUE(sequences[i].reserve(sequences[i].length() + 1));
        segments.push_back(
            {&sequences[i],
             std::span(texts[i]).subspan(static_cast<std::size_t>(sequences[i].length()), 1),
             TokenKind::kDecoded, 1});
      }
      Logits logits(segments.size() * static_cast<std::size_t>(vocabulary));
      executor.decoder().forward(segments, logits);
      all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
  };
  EXPECT_LE(largest_difference(decode(recording), decode(plain)), 1e-6f);
  // One sequence of one block; two of one, two and three blocks.
  EXPECT_EQ(recording.decoder().recorded_shapes(), 4u);
  EXPECT_EQ(runtime->replays, 70 - 2 * 4);
  EXPECT_EQ(plain.decoder().recorded_shapes(), 0u);
}

TEST_P(DeviceFamilyTest, PassagesReadByThemselvesMatchTheReferenceWithAMask) {
  const DecoderWeights weights = DecoderWeights::open(folder_);
  const auto reference = TorchDecoder::load(weights);
  Executor executor(folder_, kSingle);
  const Tokens text = tokens(90, 7, weights.config().vocabulary_size);
  const PositionRange passages[] = {{5, 38}, {38, 40}, {43, 75}};
  KvSequence sequence(executor.pool());
  const auto part = [&](int begin, int end) {
    return std::span(text).subspan(static_cast<std::size_t>(begin),
                                   static_cast<std::size_t>(end - begin));
  };
  for (const PositionRange& passage : passages) {
    (void)executor.forward(sequence, part(sequence.length(), passage.begin), TokenKind::kPrompt);
    KvSequence alone(executor.pool());
    (void)executor.forward(alone, part(passage.begin, passage.end), TokenKind::kPrompt);
    const auto kv = executor.decoder().pack(alone);
    ASSERT_TRUE(sequence.reserve(passage.end));
    executor.decoder().append(*kv, sequence);
    EXPECT_EQ(sequence.length(), passage.end);
  }
  const Logits logits = executor.forward(sequence, part(75, 90), TokenKind::kPrompt);
  const auto cache = reference->make_cache(90);
  Logits expected(executor.vocabulary());
  reference->forward(text, *cache, expected, passages);
  Logits otherwise(executor.vocabulary());
  cache->truncate(0);
  reference->forward(text, *cache, otherwise);
  // The record keeps keys with 8 bits.
  EXPECT_LE(distance(logits, expected), 0.05);
  // Small windows hide the passages from the last token either way.
  const auto& kinds = weights.config().attention_kinds;
  if (std::ranges::all_of(kinds, [](const auto& kind) { return kind.window == 0; })) {
    EXPECT_GE(distance(logits, otherwise), 4 * distance(logits, expected));
  }
}

TEST_P(DeviceFamilyTest, SequencesThatShareABlockDoNotWriteIntoEachOther) {
  Executor executor(folder_, kSingle);
  const int vocabulary = executor.decoder().config().vocabulary_size;
  const Tokens first = tokens(50, 1, vocabulary);
  Tokens second = tokens(50, 2, vocabulary);
  std::copy_n(first.begin(), 40, second.begin());
  KvSequence one(executor.pool());
  (void)executor.forward(one, std::span(first).first(40), TokenKind::kPrompt);
  KvSequence two(executor.pool());
  two.adopt(one.blocks(), 40);
  const Logits of_two = executor.forward(two, std::span(second).subspan(40), TokenKind::kPrompt);
  const Logits of_one = executor.forward(one, std::span(first).subspan(40), TokenKind::kPrompt);
  EXPECT_LE(largest_difference(of_one, executor.forward(first, TokenKind::kPrompt)), kTolerance);
  EXPECT_LE(largest_difference(of_two, executor.forward(second, TokenKind::kPrompt)), kTolerance);
}

// Both executors have computed the same and forget the same.
TEST_P(DeviceFamilyTest, WhatFollowsForgottenBlocksIsThatOfTheProcessor) {
  const DecoderWeights weights = DecoderWeights::open(folder_);
  const auto processor = CpuDecoder::load(weights, weights.config(), 2);
  const auto pool = processor->make_pool(std::size_t{48} << 20, KvType::kHalf);
  Executor executor(folder_, kSingle);
  const Tokens text = tokens(140, 7, weights.config().vocabulary_size);
  const auto begun = std::span(text).first(130);
  const auto rest = std::span(text).subspan(130);
  KvSequence sequence(executor.pool());
  (void)executor.forward(sequence, begun, TokenKind::kPrompt);
  KvSequence unforgetting(executor.pool());
  unforgetting.adopt(sequence.blocks(), sequence.length());
  ASSERT_TRUE(executor.decoder().forget(sequence, 1, 2));
  const Logits logits = executor.forward(sequence, rest, TokenKind::kPrompt);

  KvSequence other(*pool);
  Logits expected(executor.vocabulary());
  for (const auto& part : {begun, rest}) {
    ASSERT_TRUE(other.reserve(other.length() + static_cast<int>(part.size())));
    const DecoderSegment segment{&other, part, TokenKind::kDecoded, 1};
    processor->forward({&segment, 1}, expected);
    if (part.size() == begun.size()) {
      ASSERT_TRUE(processor->forget(other, 1, 2));
    }
  }
  // Keys and values have half precision there.
  EXPECT_LE(distance(logits, expected), 0.01);
  const Logits otherwise = executor.forward(unforgetting, rest, TokenKind::kPrompt);
  const auto& kinds = weights.config().attention_kinds;
  if (std::ranges::all_of(kinds, [](const auto& kind) { return kind.window == 0; })) {
    EXPECT_GE(distance(logits, otherwise), 4 * distance(logits, expected));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, DeviceFamilyTest,
                         ::testing::Values("llama", "mistral", "qwen2", "qwen2_window", "qwen3",
                                           "gemma3"),
                         [](const auto& name) { return std::string(name.param); });

class DeviceDecoderTest : public ::testing::Test {
 protected:
  std::filesystem::path folder_ =
      testing::source_folder() / "tests/model/references/families/llama";
};

TEST_F(DeviceDecoderTest, ATokenOutsideTheVocabularyIsRefusedBeforeAnyWork) {
  Executor executor(folder_, kSingle);
  KvSequence sequence(executor.pool());
  for (const TokenId token : {-1, executor.decoder().config().vocabulary_size}) {
    const Tokens tokens = {1, token};
    EXPECT_EQ(testing::error_code_of(
                  [&] { (void)executor.forward(sequence, tokens, TokenKind::kPrompt); }),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(sequence.length(), 0);
  }
}

TEST_F(DeviceDecoderTest, ACacheThatDoesNotFitTheDeviceIsRefused) {
  const DecoderWeights weights = DecoderWeights::open(folder_);
  const auto decoder = DeviceDecoder::load(weights, weights.config(), cpu_runtime());
  EXPECT_EQ(testing::error_code_of(
                [&] { (void)decoder->make_pool(std::size_t{1} << 60, KvType::kHalf); }),
            ErrorCode::kResourceExhausted);
}

TEST_F(DeviceDecoderTest, BytesTakeHalfOfTheMemory) {
  Executor full(folder_, {});
  Executor bytes(folder_, {.weights = DeviceWeightFormat::kBytes});
  EXPECT_LT(bytes.decoder().size_bytes(), full.decoder().size_bytes() * 6 / 10);
}

TEST(DeviceSmolLm2Test, LogitsMatchTransformers) {
  if (!std::filesystem::exists(testing::generator_file()))
    GTEST_SKIP() << testing::generator_file() << " is not there";
  Executor single(testing::generator_file(), kSingle);
  Executor bytes(testing::generator_file(), {.weights = DeviceWeightFormat::kBytes});
  std::size_t likeliest = 0;
  const auto references = testing::read_reference(testing::source_folder() /
                                                  "tests/model/references/llama_smollm2.jsonl");
  constexpr std::size_t kTexts = 8;  // those after them are longer, which takes minutes here
  for (const auto& reference : std::span(references).first(kTexts)) {
    const Tokens tokens = reference.at("tokens");
    const auto ids = reference.at("top_ids").get<std::vector<std::size_t>>();
    const auto values = reference.at("top_logits").get<Logits>();
    const Logits logits = single.forward(tokens, TokenKind::kPrompt, 100);
    Logits top;
    for (const std::size_t id : ids) top.push_back(logits[id]);
    EXPECT_LE(largest_difference(top, values), 5e-4f);
    const Logits rounded = bytes.forward(tokens, TokenKind::kPrompt, 100);
    const auto best = static_cast<std::size_t>(std::ranges::max_element(rounded) - rounded.begin());
    if (best == ids[0]) ++likeliest;
  }
  std::cout << "with weights of 8 bits, " << likeliest << " of " << kTexts << " continue alike\n";
  EXPECT_GE(likeliest, kTexts - 1);
}

}  // namespace
}  // namespace tandem
