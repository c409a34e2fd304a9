// Prefill and decoding, of one sequence and of several at once, at the level of the decoder: tokens
// in, the most likely next token out. Peer: llama.cpp on the same file (bench/peers/generation.py).
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/measure.h"
#include "model/cpu_decoder.h"
#include "model/decoder_weights.h"

namespace {

using tandem::DecoderSegment;
using tandem::KvSequence;
using tandem::TokenId;
using tandem::TokenKind;

constexpr std::size_t kPromptTokens = 512;
constexpr std::size_t kPassagesTokens = 1000;  // a prompt with four retrieved passages
constexpr std::size_t kShortPromptTokens = 16;
constexpr std::size_t kDecodedTokens = 48;
constexpr std::size_t kPoolBytes = std::size_t{1} << 30;

class Engine {
 public:
  Engine(const char* path, int threads) {
    const auto weights = tandem::DecoderWeights::open(path);
    decoder_ = tandem::CpuDecoder::load(weights, weights.config(), threads);
    pool_ = std::make_unique<tandem::KvPool>(decoder_->config(), kPoolBytes);
  }

  // Until the first token of each sequence is chosen.
  double seconds_to_first_token(std::size_t sequences, std::size_t prompt_tokens) {
    Batch batch(*this, sequences, prompt_tokens);
    const tandem::bench::Stopwatch stopwatch;
    batch.prefill();
    return stopwatch.seconds();
  }

  // Tokens of the prompts per second.
  double prefill_rate(std::size_t sequences) {
    return static_cast<double>(sequences * kPromptTokens) /
           seconds_to_first_token(sequences, kPromptTokens);
  }

  // Tokens chosen per second, of all sequences together.
  double decode_rate(std::size_t sequences) {
    Batch batch(*this, sequences, kShortPromptTokens);
    batch.prefill();
    const tandem::bench::Stopwatch stopwatch;
    for (std::size_t i = 0; i < kDecodedTokens; ++i) batch.decode();
    return static_cast<double>(sequences * kDecodedTokens) / stopwatch.seconds();
  }

 private:
  class Batch {
   public:
    Batch(Engine& engine, std::size_t count, std::size_t prompt_tokens)
        : engine_(engine), next_(count) {
      for (std::size_t i = 0; i < count; ++i) {
        sequences_.emplace_back(*engine.pool_);
        TANDEM_CHECK(sequences_.back().reserve(static_cast<int>(prompt_tokens + kDecodedTokens)));
        // What a prompt says does not matter to the time it takes; the peer makes the same ones.
        std::vector<TokenId>& prompt = prompts_.emplace_back(prompt_tokens);
        for (std::size_t k = 0; k < prompt_tokens; ++k)
          prompt[k] = static_cast<TokenId>(1000 + (k * 37 + i * 101) % 3000);
      }
      logits_.resize(count * engine.vocabulary());
    }

    void prefill() {
      std::vector<DecoderSegment> segments;
      for (std::size_t i = 0; i < prompts_.size(); ++i)
        segments.push_back({&sequences_[i], prompts_[i], TokenKind::kPrompt, 1});
      run(segments);
    }
    void decode() {
      std::vector<DecoderSegment> segments;
      for (std::size_t i = 0; i < next_.size(); ++i)
        segments.push_back({&sequences_[i], {&next_[i], 1}, TokenKind::kDecoded, 1});
      run(segments);
    }

   private:
    void run(const std::vector<DecoderSegment>& segments) {
      engine_.decoder_->forward(segments, logits_);
      for (std::size_t i = 0; i < next_.size(); ++i) {
        const auto row = logits_.begin() + static_cast<std::ptrdiff_t>(i * engine_.vocabulary());
        const auto end = row + static_cast<std::ptrdiff_t>(engine_.vocabulary());
        next_[i] = static_cast<TokenId>(std::max_element(row, end) - row);
      }
    }

    Engine& engine_;
    std::vector<KvSequence> sequences_;
    std::vector<std::vector<TokenId>> prompts_;
    std::vector<TokenId> next_;
    std::vector<float> logits_;
  };

  std::size_t vocabulary() const {
    return static_cast<std::size_t>(decoder_->config().vocabulary_size);
  }

  std::unique_ptr<tandem::CpuDecoder> decoder_;
  std::unique_ptr<tandem::KvPool> pool_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_generation FILE.gguf THREADS\n";
    return 2;
  }
  Engine engine(argv[1], std::stoi(argv[2]));
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    return {
        {"prefill 512, tokens/s", engine.prefill_rate(1)},
        {"prefill 4 x 512, tokens/s", engine.prefill_rate(4)},
        {"time to first token at 1000 tokens, s",
         engine.seconds_to_first_token(1, kPassagesTokens)},
        {"decode 1 sequence, tokens/s", engine.decode_rate(1)},
        {"decode 4 sequences, tokens/s", engine.decode_rate(4)},
        {"decode 8 sequences, tokens/s", engine.decode_rate(8)},
    };
  });
}
