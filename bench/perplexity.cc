// Perplexity of a real text, which says what the arithmetic on quantised weights costs. Peer:
// llama.cpp on the same token ids (bench/peers/perplexity.py).
//
// The text is cut into windows of 512 tokens, each read by itself after what the tokenizer puts
// before a text. Tokens of the second half of a window are predicted: each has at least 256 tokens
// before it. This is how llama.cpp's own program counts.
//
// There are two figures, since tokens of a prompt are computed by other instructions than decoded
// ones where the processor has tiles (model/cpu_decoder.h).
//
// On starting, writes the windows as token ids to the file that the peer reads.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "bench/measure.h"
#include "indexer/reader.h"
#include "model/cpu_decoder.h"
#include "model/decoder_weights.h"
#include "model/gguf.h"
#include "model/tokenizers/tokenizer.h"

namespace {

using tandem::DecoderSegment;
using tandem::KvSequence;
using tandem::TokenId;
using tandem::TokenKind;

using Window = std::vector<TokenId>;

constexpr std::size_t kWindowTokens = 512;
constexpr std::size_t kPredicted = kWindowTokens / 2;
constexpr std::size_t kPoolBytes = std::size_t{1} << 30;

// From the documents of a folder, in the order of their names, one behind another.
std::vector<Window> read_windows(const char* folder, const tandem::Tokenizer& tokenizer,
                                 std::size_t count) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());

  const auto prefix = tokenizer.prefix();
  std::vector<Window> windows;
  Window window(prefix.begin(), prefix.end());
  for (const auto& path : paths) {
    const auto source = tandem::read_source(tandem::read_file(path), path.filename().string());
    for (const TokenId token : tokenizer.encode(source.text)) {
      window.push_back(token);
      if (window.size() < kWindowTokens) continue;
      windows.push_back(window);
      if (windows.size() == count) return windows;
      window.resize(prefix.size());
    }
  }
  throw tandem::Error(tandem::ErrorCode::kInvalidArgument, "the folder has too little text",
                      "add documents, or ask for fewer windows");
}

double log_probability(std::span<const float> logits, TokenId token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return logits[static_cast<std::size_t>(token)] - largest - std::log(sum);
}

class Reader {
 public:
  explicit Reader(const tandem::DecoderWeights& weights, int threads)
      : decoder_(tandem::CpuDecoder::load(weights, weights.config(), threads)),
        pool_(decoder_->config(), kPoolBytes),
        logits_(kPredicted * vocabulary()) {}

  double perplexity(const std::vector<Window>& windows, TokenKind kind) {
    double sum = 0;
    for (const Window& window : windows) {
      KvSequence sequence(pool_);
      TANDEM_CHECK(sequence.reserve(static_cast<int>(window.size())));
      // Nothing follows the last token.
      const DecoderSegment segment = {&sequence, std::span(window).first(window.size() - 1), kind,
                                      static_cast<int>(kPredicted)};
      decoder_->forward({&segment, 1}, logits_);
      for (std::size_t i = 0; i < kPredicted; ++i)
        sum += log_probability(std::span(logits_).subspan(i * vocabulary(), vocabulary()),
                               window[window.size() - kPredicted + i]);
    }
    return std::exp(-sum / static_cast<double>(windows.size() * kPredicted));
  }

 private:
  std::size_t vocabulary() const {
    return static_cast<std::size_t>(decoder_->config().vocabulary_size);
  }

  std::unique_ptr<tandem::CpuDecoder> decoder_;
  tandem::KvPool pool_;
  std::vector<float> logits_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: bench_perplexity FILE.gguf THREADS DOCUMENTS WINDOWS WINDOWS.json\n";
    return 2;
  }
  const auto file = tandem::open_gguf(argv[1]);
  const auto windows = read_windows(argv[3], *tandem::make_tokenizer(*file), std::stoul(argv[4]));
  std::ofstream(argv[5]) << nlohmann::json(windows).dump() << std::flush;
  Reader reader(tandem::DecoderWeights(*file), std::stoi(argv[2]));
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    return {{"read as a prompt, perplexity", reader.perplexity(windows, TokenKind::kPrompt)},
            {"decoded, perplexity", reader.perplexity(windows, TokenKind::kDecoded)}};
  });
}
