#include "cli/training_options.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "base/error.h"
#include "cli/options.h"
#include "trainer/worker_group.h"

namespace tandem {

void print_figures(const std::map<std::string, double>& before,
                   const std::map<std::string, double>& after) {
  if (after.empty()) return;
  fmt::print("{:<22}{:>8}{:>8}\n", "", "before", "after");
  for (const auto& [name, value] : after)
    if (const auto found = before.find(name); found != before.end())
      fmt::print("{:<22}{:>8.3f}{:>8.3f}\n", name, found->second, value);
}

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

CLI::App* add_training_command(CLI::App& train, const char* name, const char* description) {
  CLI::App* const command = train.add_subcommand(name, description);
  command->preparse_callback([&train](std::size_t) {
    for (CLI::Option* const option : train.get_options()) option->required(false);
  });
  return command;
}

void require_one_worker() {
  if (const int count = worker_place().count; count > 1)
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("this trains in one process, and WORLD_SIZE is {}", count),
                "start it without torchrun");
}

void add_length_options(CLI::App& command, double& epochs, std::size_t& steps, const char* what) {
  command.add_option("--epochs", epochs, fmt::format("Times that each {} is learned from", what))
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

void add_checkpoint_activations(CLI::App& command, bool& recomputes) {
  command.add_flag("--checkpoint-activations", recomputes,
                   "Compute the generator's layers twice instead of keeping what they computed: "
                   "less memory, more time");
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
