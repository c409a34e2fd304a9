// An encoder that costs nothing: a pseudo-random unit vector for each text, equal for equal texts
// and the same id.
// For tests of what stands around an encoder, never of what comes out of one.
#ifndef TANDEM_TESTS_SUPPORT_FAKE_ENCODER_H_
#define TANDEM_TESTS_SUPPORT_FAKE_ENCODER_H_

#include <atomic>
#include <cmath>
#include <functional>
#include <random>

#include "base/error.h"
#include "retriever/encoder.h"

namespace tandem::testing {

// A token for each word.
class WordTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, ControlTokens) const override {
    std::vector<TokenId> ids;
    bool inside = false;
    for (const char c : text) {
      const bool space = c == ' ' || c == '\n' || c == '\t';
      if (!space && !inside) ids.push_back(2);
      inside = !space;
    }
    return ids;
  }
  std::span<const TokenId> prefix() const override { return {&kBegin, 1}; }
  std::span<const TokenId> suffix() const override { return {&kEnd, 1}; }
  std::string token_bytes(TokenId) const override { return "x "; }
  bool is_control(TokenId id) const override { return id < 2; }
  std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
  std::size_t vocabulary_size() const override { return 3; }

 private:
  static constexpr TokenId kBegin = 0;
  static constexpr TokenId kEnd = 1;
};

class FakeEncoder : public Encoder {
 public:
  explicit FakeEncoder(std::string id = "fake-1", int dimension = 16, int max_tokens = 34)
      : id_(std::move(id)), dimension_(dimension), max_tokens_(max_tokens) {}

  const std::string& id() const override { return id_; }
  const std::string& name() const override { return id_; }
  int dimension() const override { return dimension_; }
  int max_tokens() const override { return max_tokens_; }
  const Tokenizer& tokenizer() const override { return tokenizer_; }
  Pooling pooling() const override { return Pooling::kMean; }
  std::vector<TokenId> tokens_of(const std::string& text, TextKind) const override {
    return tokenizer_.encode(text, ControlTokens::kAsText);
  }

  using Encoder::encode;
  std::vector<float> encode(std::span<const std::string> texts, TextKind, Urgency) const override {
    ++calls;
    encoded += texts.size();
    std::vector<float> vectors;
    for (const std::string& text : texts) {
      if (on_text) on_text(text);
      std::mt19937_64 random(std::hash<std::string>()(id_ + text));
      std::normal_distribution<float> normal;
      std::vector<float> vector(static_cast<std::size_t>(dimension_));
      float square = 0;
      for (float& value : vector) {
        value = normal(random);
        square += value * value;
      }
      for (const float value : vector) vectors.push_back(value / std::sqrt(square));
    }
    return vectors;
  }

  EncoderWork work(TextKind) const override { return {}; }

  mutable std::atomic<std::size_t> calls = 0;
  mutable std::atomic<std::size_t> encoded = 0;
  std::function<void(const std::string&)> on_text;

 private:
  std::string id_;
  int dimension_;
  int max_tokens_;
  WordTokenizer tokenizer_;
};

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_FAKE_ENCODER_H_
