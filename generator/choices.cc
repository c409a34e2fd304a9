#include "generator/choices.h"

#include <exception>
#include <future>
#include <mutex>
#include <utility>

#include "base/error.h"

namespace tandem {
namespace {

class Choices {
 public:
  Choices(const Generator& generator, const Prompt& prompt, const GenerationOptions& options,
          std::size_t count, const ChoiceSink& sink)
      : generator_(generator), prompt_(prompt), options_(options), sink_(sink), results_(count) {
    // What those are that never begin.
    for (GenerationResult& result : results_) result.finish_reason = FinishReason::kCancelled;
  }

  std::vector<GenerationResult> run() {
    generate(0);
    if (going_on()) begin_others();  // the first one said nothing
    for (auto& other : others_) other.wait();
    if (fault_) std::rethrow_exception(fault_);
    return std::move(results_);
  }

 private:
  void begin_others() {
    while (others_.size() + 1 < results_.size()) {
      const std::size_t choice = others_.size() + 1;
      others_.push_back(std::async(std::launch::async, [this, choice] { generate(choice); }));
    }
  }

  void generate(std::size_t choice) {
    try {
      GenerationOptions options = options_;
      options.sampling.seed += choice;
      results_[choice] = generator_.generate(prompt_, options, [&](const TextPiece& piece) {
        if (!show(choice, piece)) return false;
        if (choice == 0) begin_others();
        return true;
      });
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!fault_) fault_ = std::current_exception();
      going_on_ = false;
    }
  }

  bool show(std::size_t choice, const TextPiece& piece) {
    const std::lock_guard lock(mutex_);
    if (going_on_ && sink_) going_on_ = sink_(choice, piece);
    return going_on_;
  }

  bool going_on() {
    const std::lock_guard lock(mutex_);
    return going_on_;
  }

  const Generator& generator_;
  const Prompt& prompt_;
  const GenerationOptions& options_;
  const ChoiceSink& sink_;
  std::vector<GenerationResult> results_;  // each written by the thread of its choice
  std::mutex mutex_;
  bool going_on_ = true;
  std::exception_ptr fault_;               // the first
  std::vector<std::future<void>> others_;  // last: they use all of the above
};

}  // namespace

std::vector<GenerationResult> generate_choices(const Generator& generator, const Prompt& prompt,
                                               const GenerationOptions& options, std::size_t count,
                                               const ChoiceSink& sink) {
  TANDEM_CHECK(count > 0);
  return Choices(generator, prompt, options, count, sink).run();
}

}  // namespace tandem
