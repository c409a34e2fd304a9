// Memory of a process that holds a model and computes 8 sequences of 2,048 tokens, until all of
// them are at their end. Peer: llama.cpp with a context for as many (bench/peers/memory.py).
//
// The whole of generator/ runs, with its scheduler and its caches. A process can be measured once,
// since it keeps its memory.
#include <string>
#include <thread>
#include <vector>

#include "bench/measure.h"
#include "bench/process_memory.h"
#include "bench/token_batch.h"
#include "generator/generator.h"
#include "model/threads.h"

namespace {

constexpr int kSequences = 8;
constexpr int kPromptTokens = 2016;
constexpr int kDecodedTokens = 32;

tandem::bench::Figures measure(const tandem::Generator& generator) {
  std::vector<std::thread> threads;
  threads.reserve(kSequences);
  for (int i = 0; i < kSequences; ++i) {
    threads.emplace_back([&generator, i] {
      const tandem::Prompt prompt{
          tandem::bench::some_tokens(kPromptTokens, static_cast<std::size_t>(i)), {}};
      tandem::GenerationOptions options;
      options.max_tokens = kDecodedTokens;
      generator.generate(prompt, options, nullptr);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return {{"resident after 8 x 2,048 tokens, MiB", tandem::bench::mebibytes("VmRSS")},
          {"most that was resident, MiB", tandem::bench::mebibytes("VmHWM")}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_memory FILE.gguf THREADS\n";
    return 2;
  }
  tandem::set_compute_threads(std::stoi(argv[2]));
  const auto generator = tandem::Generator::open(argv[1]);
  tandem::bench::answer_measurements([&] { return measure(*generator); });
}
