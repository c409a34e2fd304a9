// Prefill and greedy decoding on a GPU, at the level of the decoder, and what share of the memory's
// rate the reading of the weights reaches: the limit of decoding. Peer: generate() of
// `transformers` on the same model in bfloat16 (bench/peers/gpu_generation.py).
//
// The device "cpu" runs the same code on the processor: for trying the program, not for figures.
#include <iostream>
#include <memory>
#include <string>

#include "base/error.h"
#include "bench/measure.h"
#include "bench/token_batch.h"
#include "model/cuda_loader.h"
#include "model/decoder_weights.h"
#include "model/device_decoder.h"

namespace {

class Engine {
 public:
  Engine(const std::string& path, const std::string& device, const std::string& bits)
      : runtime_(device == "cuda" ? tandem::open_cuda() : tandem::cpu_runtime()),
        bits_(std::stoi(bits)),
        quick_(device != "cuda") {
    const auto weights = tandem::DecoderWeights::open(path);
    decoder_ =
        tandem::DeviceDecoder::load(weights, weights.config(), runtime_,
                                    {.weights = bits_ == 8 ? tandem::DeviceWeightFormat::kBytes
                                                           : tandem::DeviceWeightFormat::kFull});
    pool_ = decoder_->make_pool(std::size_t{quick_ ? 1u : 24u} << 30, tandem::KvType::kHalf);
    std::cerr << runtime_->description() << ", " << (decoder_->size_bytes() >> 20)
              << " MiB of weights\n";
  }

  double prefill_rate(std::size_t tokens) {
    tokens = quick_ ? tokens / 16 : tokens;
    tandem::bench::TokenBatch batch(*decoder_, *pool_, 1, tokens, 0);
    const tandem::bench::Stopwatch stopwatch;
    batch.prefill();
    return static_cast<double>(tokens) / stopwatch.seconds();
  }

  // Tokens per second, of all sequences together, and the share of the memory's rate.
  void decode(std::size_t sequences, tandem::bench::Figures& figures) {
    const std::size_t steps = quick_ ? 8 : 128;
    tandem::bench::TokenBatch batch(*decoder_, *pool_, sequences, 128, steps);
    batch.prefill();
    const tandem::bench::Stopwatch stopwatch;
    for (std::size_t i = 0; i < steps; ++i) batch.decode();
    const double rate = static_cast<double>(steps) / stopwatch.seconds();
    const std::string name = "decode " + std::to_string(sequences) + " sequences, ";
    figures[name + "tokens/s"] = rate * static_cast<double>(sequences);
    if (runtime_->bytes_per_second() > 0)
      figures[name + "share of memory rate"] =
          rate * static_cast<double>(step_bytes()) / runtime_->bytes_per_second();
  }

 private:
  // Of the embedding a step reads a few rows, unless it is the output layer.
  std::size_t step_bytes() const {
    const auto& config = decoder_->config();
    const std::size_t embedding = static_cast<std::size_t>(config.vocabulary_size) *
                                  static_cast<std::size_t>(config.hidden_size) *
                                  static_cast<std::size_t>(bits_) / 8;
    return decoder_->size_bytes() - (config.tied_output ? 0 : embedding);
  }

  std::shared_ptr<tandem::DeviceRuntime> runtime_;
  int bits_;
  bool quick_;
  std::unique_ptr<tandem::DeviceDecoder> decoder_;
  std::unique_ptr<tandem::KvPool> pool_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: bench_gpu_generation MODEL cuda|cpu 16|8\n";
    return 2;
  }
  try {
    Engine engine(argv[1], argv[2], argv[3]);
    tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
      tandem::bench::Figures figures = {{"prefill 2048, tokens/s", engine.prefill_rate(2048)}};
      for (const std::size_t sequences : {1, 8, 64}) engine.decode(sequences, figures);
      return figures;
    });
  } catch (const tandem::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
