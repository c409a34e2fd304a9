// Prefill and decoding, of one sequence and of several at once, at the level of the decoder: tokens
// in, the most likely next token out. Peer: llama.cpp on the same file (bench/peers/generation.py).
#include <memory>
#include <string>

#include "bench/measure.h"
#include "bench/token_batch.h"
#include "model/cpu_decoder.h"
#include "model/decoder_weights.h"

namespace {

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
    auto batch = this->batch(sequences, prompt_tokens);
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
    auto batch = this->batch(sequences, kShortPromptTokens);
    batch.prefill();
    const tandem::bench::Stopwatch stopwatch;
    for (std::size_t i = 0; i < kDecodedTokens; ++i) batch.decode();
    return static_cast<double>(sequences * kDecodedTokens) / stopwatch.seconds();
  }

 private:
  tandem::bench::TokenBatch batch(std::size_t sequences, std::size_t prompt_tokens) {
    return {*decoder_, *pool_, sequences, prompt_tokens, kDecodedTokens};
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
