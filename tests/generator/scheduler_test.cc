#include "generator/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <thread>
#include <utility>

#include "model/cpu_decoder.h"
#include "model/decoder_weights.h"
#include "model/device_decoder.h"
#include "model/torch_decoder.h"
#include "tests/support/errors.h"
#include "tests/support/json_lines.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using Tokens = std::vector<TokenId>;
using Logits = std::vector<float>;

std::unique_ptr<Scheduler> make_scheduler(const SchedulerOptions& options = {},
                                          int context_length = 0) {
  const DecoderWeights weights = DecoderWeights::open(testing::generator_file());
  DecoderConfig config = weights.config();
  if (context_length > 0) config.context_length = context_length;
  return std::make_unique<Scheduler>(CpuDecoder::load(weights, config, 2), options);
}

Tokens receive(TokenStream& stream) {
  Tokens tokens;
  while (const auto token = stream.next()) tokens.push_back(*token);
  return tokens;
}

void wait_until(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000 && !condition(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_TRUE(condition());
}

class SchedulerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(testing::generator_file()))
      GTEST_SKIP() << testing::generator_file() << " is not there";
    for (const auto& line : testing::read_reference(testing::source_folder() /
                                                    "tests/model/references/llama_smollm2.jsonl"))
      prompts_.push_back(line.at("tokens").get<Tokens>());
  }

  SequenceRequest request(std::size_t prompt, int max_tokens = 24) const {
    SequenceRequest request;
    request.prompt = prompts_[prompt];
    request.max_tokens = max_tokens;
    return request;
  }
  static SequenceRequest without_drafts(SequenceRequest request) {
    request.drafts = false;
    return request;
  }
  SequenceRequest sampled(std::size_t prompt, std::uint64_t seed) const {
    SequenceRequest request = this->request(prompt);
    request.sampling.temperature = 0.8f;
    request.sampling.seed = seed;
    return request;
  }

  // The prompts chosen, as passages, between a beginning and a question that are always the same.
  SequenceRequest with_passages(std::initializer_list<std::size_t> chosen) const {
    constexpr std::size_t kPassages[] = {12, 16, 19};
    SequenceRequest request = this->request(2, 12);
    for (const std::size_t i : chosen) {
      const Tokens& passage = prompts_[kPassages[i]];
      const int begin = static_cast<int>(request.prompt.size());
      request.prompt.insert(request.prompt.end(), passage.begin(), passage.end());
      request.passages.push_back({begin, begin + static_cast<int>(passage.size())});
    }
    request.prompt.insert(request.prompt.end(), prompts_[3].begin(), prompts_[3].end());
    return request;
  }
  static int tokens_in(const std::vector<PositionRange>& ranges) {
    int tokens = 0;
    for (const PositionRange& range : ranges) tokens += range.end - range.begin;
    return tokens;
  }

  std::vector<Tokens> prompts_;
};

TEST_F(SchedulerTest, TextDoesNotDependOnWhatElseRunsNorOnDrafts) {
  std::vector<SequenceRequest> requests;
  for (std::size_t i = 0; i < 8; ++i) requests.push_back(request(2 * i + 3));
  for (std::size_t i = 0; i < 4; ++i) requests.push_back(sampled(4 * i + 1, i));
  for (const KvType type : {KvType::kHalf, KvType::kInt8}) {
    std::vector<Tokens> alone;
    {
      const auto scheduler = make_scheduler({.cache_type = type});
      for (const auto& request : requests)
        alone.push_back(receive(*scheduler->submit(without_drafts(request))));
    }
    const auto scheduler = make_scheduler({.cache_type = type, .prompt_tokens = 48});
    std::vector<std::unique_ptr<TokenStream>> streams;
    streams.reserve(requests.size());
    for (const auto& request : requests) streams.push_back(scheduler->submit(request));
    for (std::size_t i = 0; i < streams.size(); ++i) EXPECT_EQ(receive(*streams[i]), alone[i]) << i;
    EXPECT_LT(scheduler->state().steps, 12u * 24);
  }
}

TEST_F(SchedulerTest, ACacheOfEightBitsHasRoomForNearlyTwiceAsManyTokens) {
  const auto halves = make_scheduler()->state();
  const auto bytes = make_scheduler({.cache_type = KvType::kInt8})->state();
  // 64 numbers of a head and a scale, for keys and for values.
  EXPECT_EQ(bytes.cache_position_bytes * 128, halves.cache_position_bytes * 68);
}

TEST_F(SchedulerTest, KnownBeginningsAndPassagesGiveTheSameTextInEightBits) {
  const auto scheduler = make_scheduler({.cache_type = KvType::kInt8});
  const auto with = with_passages({0, 2, 1});
  const Tokens first = receive(*scheduler->submit(with));
  const Tokens plain = receive(*scheduler->submit(request(17)));
  const auto computed = scheduler->state().prompt_tokens;
  const auto again = scheduler->submit(with);
  EXPECT_EQ(receive(*again), first);
  EXPECT_GE(again->reused_tokens(), tokens_in(with.passages));
  const auto beginning = scheduler->submit(request(17));
  EXPECT_EQ(receive(*beginning), plain);
  EXPECT_GT(beginning->reused_tokens(), 0);
  EXPECT_LT(scheduler->state().prompt_tokens - computed, 100u);
}

// The expanded weights in float, executed by LibTorch, may prefer another token only where both are
// about equally likely.
TEST_F(SchedulerTest, GreedyTokensAreThoseOfTheReferenceExecutor) {
  const auto scheduler = make_scheduler();
  const auto reference = TorchDecoder::load(DecoderWeights::open(testing::generator_file()));
  Logits logits(static_cast<std::size_t>(scheduler->config().vocabulary_size));
  int other = 0;
  int total = 0;
  for (const std::size_t prompt : {3, 11, 16, 17}) {
    const Tokens tokens = receive(*scheduler->submit(request(prompt, 16)));
    const auto cache = reference->make_cache(512);
    reference->forward(prompts_[prompt], *cache, logits);
    for (const TokenId& token : tokens) {
      const auto best = std::max_element(logits.begin(), logits.end());
      other += best - logits.begin() != token;
      ++total;
      EXPECT_GT(logits[static_cast<std::size_t>(token)], *best - 0.6f);
      reference->forward({&token, 1}, *cache, logits);
    }
  }
  EXPECT_LT(other, total / 8);
}

// The executor for devices, on the processor: with drafts, pieces of prompts, shared beginnings and
// several sequences in a step it says what the reference says.
TEST_F(SchedulerTest, DrivesTheExecutorForDevicesAlike) {
  const DecoderWeights weights = DecoderWeights::open(testing::generator_file());
  const auto reference = TorchDecoder::load(weights);
  Scheduler scheduler(
      DeviceDecoder::load(weights, weights.config(), cpu_runtime(), {.single_precision = true}),
      {.cache_bytes = std::size_t{64} << 20, .prompt_tokens = 48});
  constexpr std::size_t kPrompts[] = {3, 11, 3, 19};  // the last repeats itself
  std::vector<std::unique_ptr<TokenStream>> streams;
  for (const std::size_t prompt : kPrompts)
    streams.push_back(scheduler.submit(request(prompt, 24)));
  Logits logits(static_cast<std::size_t>(scheduler.config().vocabulary_size));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const auto cache = reference->make_cache(1100);
    reference->forward(prompts_[kPrompts[i]], *cache, logits);
    for (const TokenId& token : receive(*streams[i])) {
      const auto best = std::max_element(logits.begin(), logits.end());
      EXPECT_GT(logits[static_cast<std::size_t>(token)], *best - 1e-3f);
      reference->forward({&token, 1}, *cache, logits);
    }
  }
  EXPECT_GT(scheduler.state().accepted_tokens, 0u);
}

// Of the network's own logits, whatever the sampler did to them: a strong penalty and a temperature
// must not show. The tolerance is what quantised arithmetic costs.
TEST_F(SchedulerTest, LogProbabilitiesAreThoseOfTheReferenceExecutor) {
  const auto scheduler = make_scheduler();
  const auto reference = TorchDecoder::load(DecoderWeights::open(testing::generator_file()));
  Logits logits(static_cast<std::size_t>(scheduler->config().vocabulary_size));
  double difference = 0;
  int total = 0;
  for (const std::size_t prompt : {3, 11, 16, 17}) {
    SequenceRequest asked = sampled(prompt, prompt);
    asked.sampling.repetition_penalty = 3.0f;
    asked.top_log_probabilities = 5;
    const auto stream = scheduler->submit(asked);
    const auto cache = reference->make_cache(512);
    reference->forward(prompts_[prompt], *cache, logits);
    while (const auto token = stream->next()) {
      double sum = 0;
      for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
      const auto expected = [&](TokenId id) {
        return logits[static_cast<std::size_t>(id)] - std::log(sum);
      };
      const LogProbabilities& found = stream->log_probabilities();
      EXPECT_EQ(found.chosen.token, *token);
      ASSERT_EQ(found.top.size(), 5u);
      double of_top = 0;
      for (const auto& other : found.top) {
        difference += std::abs(other.log_probability - expected(other.token));
        ++total;
        EXPECT_NEAR(other.log_probability, expected(other.token), 0.8);
        EXPECT_LE(other.log_probability, found.top[0].log_probability);
        of_top += std::exp(other.log_probability);
        if (other.token == *token) {
          EXPECT_EQ(other.log_probability, found.chosen.log_probability);
        }
      }
      EXPECT_LE(of_top, 1.0001);
      EXPECT_NEAR(found.chosen.log_probability, expected(*token), 0.8);
      reference->forward({&*token, 1}, *cache, logits);
    }
  }
  EXPECT_GT(total, 200);
  EXPECT_LT(difference / total, 0.1);
}

TEST_F(SchedulerTest, LogProbabilitiesDoNotDependOnDraftsNorChangeTheText) {
  // The text of prompt 19 is made of drafts, see below.
  const auto all_of = [&](TokenStream& stream) {
    std::vector<std::pair<TokenId, float>> all;
    while (stream.next()) {
      for (const auto& top : stream.log_probabilities().top)
        all.emplace_back(top.token, top.log_probability);
    }
    return all;
  };
  SequenceRequest asked = request(19, 64);
  asked.top_log_probabilities = 2;
  const auto plain = make_scheduler();
  const auto drafting = make_scheduler();
  const auto expected = all_of(*plain->submit(without_drafts(asked)));
  EXPECT_EQ(plain->state().drafted_tokens, 0u);
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(all_of(*drafting->submit(asked)), expected);
  EXPECT_GT(drafting->state().accepted_tokens, 0u);
  Tokens greedy;
  for (std::size_t i = 0; i < expected.size(); i += 2) greedy.push_back(expected[i].first);
  EXPECT_EQ(receive(*drafting->submit(request(19, 64))), greedy);
}

TEST_F(SchedulerTest, DraftsSaveSteps) {
  // The prompt repeats eight sentences, so what follows is in it.
  const auto scheduler = make_scheduler();
  const Tokens tokens = receive(*scheduler->submit(request(19, 64)));
  // The last step is counted after its tokens were given out.
  wait_until([&] { return scheduler->state().decoded_tokens == tokens.size(); });
  const SchedulerState state = scheduler->state();
  EXPECT_GT(state.accepted_tokens, tokens.size() / 2);
  EXPECT_LT(state.steps, tokens.size());
}

TEST_F(SchedulerTest, AKnownBeginningIsNotComputedAgain) {
  const auto scheduler = make_scheduler();
  const auto first = scheduler->submit(request(18));
  const Tokens text = receive(*first);
  EXPECT_EQ(first->reused_tokens(), 0);
  const auto second = scheduler->submit(request(18));
  EXPECT_EQ(receive(*second), text);
  EXPECT_GE(second->reused_tokens(), static_cast<int>(prompts_[18].size()) - 32);
  SequenceRequest changed = request(18);
  changed.prompt[40] = 5;
  const auto third = scheduler->submit(changed);
  receive(*third);
  EXPECT_EQ(third->reused_tokens(), 32);
}

TEST_F(SchedulerTest, ALongPromptDoesNotStallAStream) {
  const auto scheduler = make_scheduler({.prompt_tokens = 32});
  const auto stream = scheduler->submit(without_drafts(request(3, 400)));
  ASSERT_TRUE(stream->next());
  const auto steps_before = scheduler->state().steps;
  const auto given_before = scheduler->state().decoded_tokens;
  const auto late = scheduler->submit(request(18, 1));
  receive(*late);
  const auto steps = scheduler->state().steps - steps_before;
  EXPECT_GE(steps, prompts_[18].size() / 32);
  // A token for the stream in every step but, perhaps, those in which it had just ended.
  EXPECT_GE(scheduler->state().decoded_tokens - given_before, steps);
  stream->cancel();
}

TEST_F(SchedulerTest, EndsAtTheEndTokenOrAtTheLimit) {
  const auto scheduler = make_scheduler();
  const auto all = scheduler->submit(request(2, 8));
  const Tokens tokens = receive(*all);
  EXPECT_EQ(tokens.size(), 8u);
  EXPECT_FALSE(all->ended());
  SequenceRequest shorter = request(2, 8);
  shorter.ends = {tokens[5]};
  const auto ended = scheduler->submit(shorter);
  const Tokens begun = receive(*ended);
  EXPECT_TRUE(ended->ended());
  EXPECT_LE(begun.size(), 5u);
  EXPECT_TRUE(std::equal(begun.begin(), begun.end(), tokens.begin()));
}

TEST_F(SchedulerTest, WhoLeavesIsNotComputedFor) {
  const auto scheduler = make_scheduler();
  auto stream = scheduler->submit(request(3, 4000));
  ASSERT_TRUE(stream->next());
  EXPECT_EQ(scheduler->state().running, 1u);
  stream.reset();
  const auto other = scheduler->submit(request(4, 2));
  receive(*other);
  wait_until([&] { return scheduler->state().decoded_tokens > 0; });
  const auto last = scheduler->submit(request(4, 2));
  receive(*last);
  EXPECT_LE(scheduler->state().running, 1u);
}

TEST_F(SchedulerTest, WaitsForRoomInTheCacheAndRefusesWhatNeverFits) {
  // Four blocks of 32 positions.
  constexpr std::size_t kBlockBytes = std::size_t{30} * 3 * 2 * 64 * 32 * 2;
  const auto scheduler = make_scheduler({.cache_bytes = 4 * kBlockBytes});
  EXPECT_EQ(testing::error_code_of([&] { scheduler->submit(request(1, 4 * 32)); }),
            ErrorCode::kTooLarge);
  std::vector<std::unique_ptr<TokenStream>> streams(6);
  for (auto& stream : streams) stream = scheduler->submit(request(1, 80));
  const Tokens first = receive(*streams[0]);
  EXPECT_EQ(first.size(), 80u);
  for (std::size_t i = 1; i < streams.size(); ++i) EXPECT_EQ(receive(*streams[i]), first);
}

TEST_F(SchedulerTest, RefusesWhatWouldStopOthers) {
  const auto scheduler = make_scheduler();
  SequenceRequest outside = request(1);
  outside.prompt.push_back(scheduler->config().vocabulary_size);
  SequenceRequest senseless = request(1);
  senseless.sampling.temperature = -1;
  for (const SequenceRequest& bad : {outside, senseless})
    EXPECT_EQ(testing::error_code_of([&] { scheduler->submit(bad); }), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(receive(*scheduler->submit(request(1))).empty());
}

TEST_F(SchedulerTest, PassagesReadByThemselvesAreComputedOnce) {
  const testing::TemporaryFolder folder;
  const SequenceRequest question = with_passages({0, 1});
  const int passage_tokens = tokens_in(question.passages);
  const int prompt_tokens = static_cast<int>(question.prompt.size());
  Tokens text;
  {
    const auto disk = ByteCache::open(folder.path(), 1u << 30);
    const auto scheduler = make_scheduler({.passages = {.disk = disk.get(), .model = "a"}});
    const auto first = scheduler->submit(question);
    text = receive(*first);
    EXPECT_EQ(first->reused_tokens(), 0);
    const auto again = scheduler->submit(question);
    EXPECT_EQ(receive(*again), text);
    EXPECT_GE(again->reused_tokens(), passage_tokens);
    // In another order, the same passages stand at other places.
    const auto turned = scheduler->submit(with_passages({1, 0}));
    receive(*turned);
    EXPECT_GE(turned->reused_tokens(), passage_tokens);
    wait_until([&] { return scheduler->state().running == 0; });
    EXPECT_LT(scheduler->state().prompt_tokens,
              static_cast<std::uint64_t>(3 * prompt_tokens - 2 * passage_tokens + 1));
  }
  const auto disk = ByteCache::open(folder.path(), 1u << 30);
  for (const std::string model : {"a", "b"}) {
    const auto scheduler = make_scheduler({.passages = {.disk = disk.get(), .model = model}});
    const auto later = scheduler->submit(question);
    EXPECT_EQ(receive(*later), text);
    EXPECT_EQ(later->reused_tokens(), model == "a" ? passage_tokens : 0);
  }
}

TEST_F(SchedulerTest, WhoWaitsForTheSamePassageSharesItsReading) {
  const SequenceRequest question = with_passages({0, 1, 2});
  Tokens alone;
  {
    const auto scheduler = make_scheduler();
    alone = receive(*scheduler->submit(question));
  }
  const auto scheduler = make_scheduler({.prompt_tokens = 16});
  // Keeps the scheduler busy until all that follow are waiting.
  const auto busy = scheduler->submit(request(18, 4));
  std::vector<std::unique_ptr<TokenStream>> streams(4);
  for (auto& stream : streams) stream = scheduler->submit(question);
  streams[0].reset();  // whoever leaves does not take the passage away
  for (std::size_t i = 1; i < streams.size(); ++i) EXPECT_EQ(receive(*streams[i]), alone) << i;
  receive(*busy);
  wait_until([&] { return scheduler->state().running == 0; });
  const auto own = question.prompt.size() - static_cast<std::size_t>(tokens_in(question.passages));
  EXPECT_LE(scheduler->state().prompt_tokens,
            prompts_[18].size() + 4 * own + static_cast<std::size_t>(tokens_in(question.passages)));
}

TEST_F(SchedulerTest, PassagesCountIntoTheRoomThatARequestNeeds) {
  constexpr std::size_t kBlockBytes = std::size_t{30} * 3 * 2 * 64 * 32 * 2;
  SequenceRequest question = with_passages({0, 1});
  question.max_tokens = 8;
  Tokens alone;
  {
    const auto scheduler = make_scheduler();
    alone = receive(*scheduler->submit(question));
  }
  const auto blocks = [](std::size_t tokens) { return (tokens + 31) / 32; };
  std::size_t needed = blocks(question.prompt.size() + 8);
  for (const auto& range : question.passages)
    needed += blocks(static_cast<std::size_t>(range.end - range.begin));
  const auto small = make_scheduler({.cache_bytes = (needed - 1) * kBlockBytes});
  EXPECT_EQ(testing::error_code_of([&] { small->submit(question); }), ErrorCode::kTooLarge);
  const auto scheduler = make_scheduler({.cache_bytes = needed * kBlockBytes});
  std::vector<std::unique_ptr<TokenStream>> streams(4);
  for (auto& stream : streams) stream = scheduler->submit(question);
  for (auto& stream : streams) EXPECT_EQ(receive(*stream), alone);
}

TEST_F(SchedulerTest, WithAWindowTextGoesOnPastTheContext) {
  constexpr int kContext = 150;  // not a whole number of blocks
  const auto longer = [&](std::size_t prompt, int max_tokens) {
    SequenceRequest request = this->request(prompt, max_tokens);
    request.sampling.temperature = 0.8f;  // or it may run in circles, which drafts would follow
    request.sampling.seed = prompt;
    return request;
  };
  const std::vector<SequenceRequest> requests = {longer(3, 250), longer(19, 150), longer(18, 20)};
  ASSERT_GT(prompts_[18].size(), 2u * kContext);
  std::vector<Tokens> alone;
  for (const auto& request : requests) {
    const auto scheduler = make_scheduler({.window = true}, kContext);
    EXPECT_TRUE(scheduler->goes_past_context());
    alone.push_back(receive(*scheduler->submit(without_drafts(request))));
    EXPECT_EQ(alone.back().size(), static_cast<std::size_t>(request.max_tokens));
  }
  // The same, in smaller pieces, with drafts, beside one another, and with shared beginnings.
  const auto scheduler = make_scheduler({.prompt_tokens = 40, .window = true}, kContext);
  std::vector<std::unique_ptr<TokenStream>> streams;
  for (int i = 0; i < 2; ++i)
    for (const auto& request : requests) streams.push_back(scheduler->submit(request));
  for (std::size_t i = 0; i < streams.size(); ++i)
    EXPECT_EQ(receive(*streams[i]), alone[i % requests.size()]) << i;
  wait_until([&] { return scheduler->state().running == 0; });
  // Nothing was lost on the way: only beginnings are still held.
  EXPECT_LE(scheduler->state().cache_blocks_in_use, 3u * (kContext / 32));
}

TEST_F(SchedulerTest, AWindowNeedsNoMoreRoomThanTheContext) {
  constexpr std::size_t kBlockBytes = std::size_t{30} * 3 * 2 * 64 * 32 * 2;
  const auto scheduler =
      make_scheduler({.cache_bytes = 9 * kBlockBytes, .window = true}, /*context_length=*/128);
  std::vector<std::unique_ptr<TokenStream>> streams;
  streams.reserve(3);
  // The same beginning, which they share until they forget.
  for (int i = 0; i < 3; ++i) streams.push_back(scheduler->submit(request(16, 160)));
  const Tokens first = receive(*streams[0]);
  EXPECT_EQ(first.size(), 160u);
  for (std::size_t i = 1; i < streams.size(); ++i) EXPECT_EQ(receive(*streams[i]), first);
}

TEST_F(SchedulerTest, EndingItEndsEveryStream) {
  auto scheduler = make_scheduler({.max_running = 1});
  const auto running = scheduler->submit(request(3, 4000));
  const auto waiting = scheduler->submit(request(4, 4000));
  ASSERT_TRUE(running->next());
  scheduler.reset();
  receive(*running);
  EXPECT_TRUE(receive(*waiting).empty());
  EXPECT_FALSE(running->ended());
}

}  // namespace
}  // namespace tandem
