// How close decoding one sequence comes to the machine's limit: bytes of weights read per second,
// against a plain read of as many bytes by as many threads.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "bench/token_batch.h"
#include "model/cpu_decoder.h"
#include "model/decoder_weights.h"
#include "model/kernels/page_memory.h"
#include "model/kernels/thread_team.h"

namespace {

constexpr std::size_t kPromptTokens = 16;
constexpr std::size_t kDecodedTokens = 48;
constexpr std::size_t kPoolBytes = std::size_t{1} << 28;
constexpr double kGiga = 1e9;

// A token reads all weights once.
double decode(tandem::CpuDecoder& decoder, tandem::KvPool& pool) {
  tandem::bench::TokenBatch batch(decoder, pool, 1, kPromptTokens, kDecodedTokens);
  batch.prefill();
  const tandem::bench::Stopwatch stopwatch;
  for (std::size_t i = 0; i < kDecodedTokens; ++i) batch.decode();
  return static_cast<double>(kDecodedTokens * decoder.size_bytes()) / stopwatch.seconds() / kGiga;
}

// Eight sums at once, so that memory and not the additions is waited for.
std::uint64_t sum(const std::uint64_t* words, std::size_t count) {
  std::uint64_t sums[8] = {};
  for (std::size_t i = 0; i + 8 <= count; i += 8)
    for (std::size_t k = 0; k < 8; ++k) sums[k] += words[i + k];
  std::uint64_t total = 0;
  for (const std::uint64_t part : sums) total += part;
  return total;
}

double read(std::size_t bytes, tandem::ThreadTeam& team) {
  tandem::kernels::PageArena arena;  // as the weights have it
  const std::size_t count = bytes / sizeof(std::uint64_t);
  auto* const words = reinterpret_cast<std::uint64_t*>(arena.take(bytes));
  for (std::size_t i = 0; i < count; ++i) words[i] = i;
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(team.size()));
  const tandem::bench::Stopwatch stopwatch;
  for (std::size_t round = 0; round < kDecodedTokens; ++round) {
    team.run([&](int member) {
      const auto [begin, end] = tandem::share_of(count, member, team.size());
      sums[static_cast<std::size_t>(member)] += sum(words + begin, end - begin);
    });
  }
  const double seconds = stopwatch.seconds();
  std::uint64_t total = 0;
  for (const std::uint64_t part : sums) total += part;
  if (total == 0) std::cerr << "nothing was read\n";  // what was read has to be used
  return static_cast<double>(kDecodedTokens * bytes) / seconds / kGiga;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 4 ? argv[3] : "";
  if (what != "decode" && what != "read") {
    std::cerr << "usage: bench_bandwidth FILE.gguf THREADS decode|read\n";
    return 2;
  }
  const int threads = std::stoi(argv[2]);
  const auto weights = tandem::DecoderWeights::open(argv[1]);
  const auto decoder = tandem::CpuDecoder::load(weights, weights.config(), threads);
  tandem::KvPool pool(decoder->config(), kPoolBytes);
  tandem::ThreadTeam team(threads);
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    return {{"weights read, GB/s",
             what == "decode" ? decode(*decoder, pool) : read(decoder->size_bytes(), team)}};
  });
}
