#include "cli/training_options.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "cli/options.h"

namespace tandem {

void show_progress(const TrainingProgress& progress, ProgressLine& line) {
  if (progress.doing != kTrainingStage) {
    line.update(progress.doing);
    return;
  }
  line.update(progress.doing, progress.step, progress.steps,
              progress.step == 0 ? std::string()
                                 : fmt::format("loss {:.3f}, {:.0f} tokens/s", progress.loss,
                                               progress.tokens_per_second));
}

void add_length_options(CLI::App& command, double& epochs, std::size_t& steps) {
  command.add_option("--epochs", epochs, "Times that each question is learned from")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command.add_option("--steps", steps, "Steps, instead of epochs");
}

void add_checkpoint_options(CLI::App& command, std::size_t& every, std::size_t& kept) {
  command.add_option("--checkpoint", every, "Steps between checkpoints; 0: none")
      ->capture_default_str();
  command.add_option("--keep", kept, "Checkpoints that are kept")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

void add_threads_option(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "Compute threads; 0: one per processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

void add_precision_option(CLI::App& command, TrainingPrecision& precision) {
  add_choice(
      command, "--precision", precision,
      std::map<std::string, TrainingPrecision>{{"fastest", TrainingPrecision::kFastest},
                                               {"float32", TrainingPrecision::kFloat},
                                               {"bfloat16", TrainingPrecision::kBFloat16}},
      "Of matrix products: bfloat16 where the processor has it (default), float32 or bfloat16");
}

}  // namespace tandem
