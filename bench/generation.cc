// Prefill and decoding of one sequence, and the time to the first token of a prompt as long as four
// retrieved passages make it. Peer: llama.cpp on the same file (bench/peers/generation.py).
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/measure.h"
#include "generator/generator.h"
#include "model/threads.h"

namespace {

constexpr int kPrefillTokens = 512;
constexpr int kPassagesTokens = 1000;
constexpr int kDecodedTokens = 64;

// A prompt of exactly `length` tokens. What it says does not matter to the time it takes.
std::vector<tandem::TokenId> make_prompt(const tandem::Tokenizer& tokenizer, std::size_t length) {
  std::string text;
  while (true) {
    text += "The quick brown fox jumps over the lazy dog, and then it writes a report about it. ";
    std::vector<tandem::TokenId> tokens = tokenizer.encode(text);
    if (tokens.size() < length) continue;
    tokens.resize(length);
    return tokens;
  }
}

double seconds_to_first_token(const tandem::Generator& generator, std::size_t prompt_tokens) {
  tandem::GenerationOptions options;
  options.max_tokens = 1;
  const tandem::bench::Stopwatch stopwatch;
  generator.generate(make_prompt(generator.tokenizer(), prompt_tokens), options,
                     [](std::string_view) { return true; });
  return stopwatch.seconds();
}

double decode_rate(const tandem::Generator& generator) {
  tandem::GenerationOptions options;
  options.max_tokens = kDecodedTokens;
  const auto prompt = make_prompt(generator.tokenizer(), 16);
  const tandem::GenerationResult result =
      generator.generate(prompt, options, [](std::string_view) { return true; });
  TANDEM_CHECK(result.completion_tokens > 1);
  // The first token comes out of the prefill.
  return (result.completion_tokens - 1) / result.decode_seconds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_generation FILE.gguf THREADS\n";
    return 2;
  }
  tandem::set_compute_threads(std::stoi(argv[2]));
  const auto generator = tandem::Generator::open(argv[1]);
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    return {
        {"prefill 512, tokens/s",
         kPrefillTokens / seconds_to_first_token(*generator, kPrefillTokens)},
        {"time to first token at 1000 tokens, s",
         seconds_to_first_token(*generator, kPassagesTokens)},
        {"decode 1 sequence, tokens/s", decode_rate(*generator)},
    };
  });
}
