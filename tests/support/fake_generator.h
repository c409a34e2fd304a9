// A generator that computes nothing: its tokens are bytes, and it answers what a test says. For
// tests of what stands around a generator.
#ifndef TANDEM_TESTS_SUPPORT_FAKE_GENERATOR_H_
#define TANDEM_TESTS_SUPPORT_FAKE_GENERATOR_H_

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "generator/generator.h"

namespace tandem::testing {

// A token for each byte.
class ByteTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, ControlTokens) const override {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::span<const TokenId> prefix() const override { return {}; }
  std::span<const TokenId> suffix() const override { return {}; }
  std::string token_bytes(TokenId id) const override { return {static_cast<char>(id)}; }
  bool is_control(TokenId) const override { return false; }
  std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
  std::size_t vocabulary_size() const override { return 257; }
};

inline std::string text_of_bytes(std::span<const TokenId> tokens) {
  std::string text;
  for (const TokenId token : tokens) text += static_cast<char>(token);
  return text;
}

class FakeGenerator : public Generator {
 public:
  static constexpr TokenId kEndOfTurn = 256;

  const std::string& name() const override { return name_; }
  int context_length() const override { return 4'000; }
  bool goes_past_context() const override { return false; }
  PassageReading passage_reading() const override { return PassageReading::kTogether; }
  const Tokenizer& tokenizer() const override { return tokenizer_; }
  std::string spell(TokenId) const override { return {}; }
  std::optional<TokenId> end_of_turn() const override { return kEndOfTurn; }
  SchedulerState state() const override { return {}; }

  // The messages, a line each.
  Prompt render(std::span<const ChatMessage> messages, PassageReading) const override {
    Prompt prompt;
    for (const ChatMessage& message : messages)
      for (const char c : message.content + "\n")
        prompt.tokens.push_back(static_cast<unsigned char>(c));
    return prompt;
  }

  GenerationResult generate(const Prompt& prompt, const GenerationOptions& options,
                            const TextSink&) const override {
    EXPECT_EQ(options.sampling.temperature, 0);
    max_tokens = options.max_tokens;
    const std::size_t now = ++running_;
    for (std::size_t most = most_running; most < now;)
      if (most_running.compare_exchange_weak(most, now)) break;
    GenerationResult result;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --running_;
    result.text = reply(text_of_bytes(prompt.tokens));
    return result;
  }

  std::function<std::string(const std::string& prompt)> reply;
  mutable std::atomic<std::size_t> most_running = 0;
  mutable std::atomic<int> max_tokens = 0;

 private:
  std::string name_ = "fake";
  ByteTokenizer tokenizer_;
  mutable std::atomic<std::size_t> running_ = 0;
};

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_FAKE_GENERATOR_H_
