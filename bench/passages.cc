// Time to the first token of an answer whose passages were used before, under a question that was
// not: found as the beginning of an earlier prompt, or read independently and found one by one, in
// whatever order. Peer: llama.cpp, which computes the whole prompt (bench/peers/passages.py).
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/measure.h"
#include "bench/token_batch.h"
#include "generator/scheduler.h"
#include "model/cpu_decoder.h"
#include "model/decoder_weights.h"

namespace {

using tandem::SequenceRequest;
using tandem::TokenId;

constexpr int kBeginningTokens = 48;
constexpr int kPassages = 5;
constexpr int kPassageTokens = 150;
constexpr int kQuestionTokens = 24;
constexpr int kQuestions = 5;  // in one measurement

class Questions {
 public:
  Questions(const char* path, int threads) {
    const auto weights = tandem::DecoderWeights::open(path);
    scheduler_ = std::make_unique<tandem::Scheduler>(
        tandem::CpuDecoder::load(weights, weights.config(), threads), tandem::SchedulerOptions{});
  }

  // Mean of several questions. The first, which computes the passages, is not counted.
  double seconds_to_first_token(bool independent) {
    ask(independent);
    const tandem::bench::Stopwatch stopwatch;
    for (int i = 0; i < kQuestions; ++i) ask(independent);
    return stopwatch.seconds() / kQuestions;
  }

 private:
  // Never the same question twice; passages that may stand anywhere come in another order each
  // time.
  void ask(bool independent) {
    ++asked_;
    SequenceRequest request;
    request.max_tokens = 1;
    append(request.prompt, 0, kBeginningTokens);
    for (int i = 0; i < kPassages; ++i) {
      const int begin = static_cast<int>(request.prompt.size());
      append(request.prompt, 1 + (independent ? (i + asked_) % kPassages : i), kPassageTokens);
      if (independent) request.passages.push_back({begin, begin + kPassageTokens});
    }
    append(request.prompt, 100 + asked_, kQuestionTokens);
    TANDEM_CHECK(scheduler_->submit(std::move(request))->next().has_value());
  }

  static void append(std::vector<TokenId>& prompt, int text, int count) {
    const auto tokens =
        tandem::bench::some_tokens(static_cast<std::size_t>(count), static_cast<std::size_t>(text));
    prompt.insert(prompt.end(), tokens.begin(), tokens.end());
  }

  std::unique_ptr<tandem::Scheduler> scheduler_;
  int asked_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_passages FILE.gguf THREADS\n";
    return 2;
  }
  Questions questions(argv[1], std::stoi(argv[2]));
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    return {
        {"first token, 5 known passages in the same order, s",
         questions.seconds_to_first_token(/*independent=*/false)},
        {"first token, 5 known passages read independently, s",
         questions.seconds_to_first_token(/*independent=*/true)},
    };
  });
}
