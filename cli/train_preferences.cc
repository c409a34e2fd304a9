// tandem train preferences: teaches a generator which of two answers is preferred.
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/training_options.h"
#include "model/threads.h"
#include "trainer/preference_training.h"

namespace tandem {
namespace {

struct PreferenceArguments {
  PreferenceTrainingOptions training;
  int threads = 0;
};

void run(PreferenceArguments arguments) {
  require_one_worker();
  set_compute_threads(arguments.threads);
  PreferenceTrainingOptions& training = arguments.training;
  training.network.seed = training.seed;
  PreferenceTrainingReport report;
  {
    ProgressLine line;
    report = train_preferences(
        training, [&](const TrainingProgress& progress) { show_progress(progress, line); });
  }
  fmt::print("{} steps in {:.0f} s; {} is the generator of step {}\n", report.steps, report.seconds,
             (training.run / "generator.gguf").string(), report.best_step);
  print_figures(report.before, report.after);
}

}  // namespace

void add_train_preferences_command(CLI::App& train) {
  auto arguments = std::make_shared<PreferenceArguments>();
  PreferenceTrainingOptions& training = arguments->training;
  PreferenceOptions& network = training.network;
  CLI::App* command = add_training_command(
      train, "preferences",
      "Teach a generator which of two answers is preferred, by direct preference optimisation: the "
      "one that was chosen is to become likelier than the rejected one, by more than it was at the "
      "beginning. Both are read after the prompt that the generator is served with. The run folder "
      "then holds generator.gguf, which every other command takes, with the record of the run. "
      "Interrupting is safe: --resume goes on from the last checkpoint.");
  command
      ->add_option("--corpus", training.corpus,
                   R"(JSON lines {"id", "title", "text"}: the passages that answers are from)")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--preferences", training.preferences,
                   R"(JSON lines {"question", "passages", "chosen", "rejected"}: two answers to a )"
                   "question, and the passages that both were given with, by their ids or texts; "
                   "without \"passages\" they are retrieved")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--dev", training.dev,
                   "Pairs, of other questions, that choose the best step by their loss")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--dev-share", training.dev_share,
                   "Instead of --dev: keep this share of the pairs aside, none of (nearly) the "
                   "same question as one that stays")
      ->check(CLI::Range(0.0, 0.9));
  command->add_flag("--allow-leaks", training.allow_leaks,
                    "Measure by --dev even where its questions are among those that are learned "
                    "from");
  command
      ->add_option("--generator", training.generator,
                   "GGUF file of the generator to begin with, which is the reference too")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--encoder", training.encoder,
                   "Folder of the encoder that retrieves passages for pairs that name none")
      ->check(CLI::ExistingDirectory);
  command->add_option("--run", training.run, "Folder of the run, which is made")->required();
  command->add_flag("--resume", training.resume, "Go on with the run that the folder holds");

  command
      ->add_option("--beta", network.beta,
                   "How much what is preferred counts against staying as it was: the lower, the "
                   "further the generator may move")
      ->check(CLI::Range(1e-6, 1e3))
      ->capture_default_str();
  command
      ->add_option("--chosen-weight", network.chosen_weight,
                   "Weight of the chosen answer's own loss, which keeps it from becoming less "
                   "likely along with the rejected one")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command
      ->add_option("--lora", network.generator.lora_rank,
                   "Train products of this rank beside the matrices; 0: all weights")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command
      ->add_option("--generator-rate", training.rate,
                   "Highest learning rate; --lora wants a higher one, such as 1e-4")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--warmup", training.warmup, "Share of the steps in which the rate rises")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  add_length_options(*command, training.epochs, training.steps, "pair");
  command->add_option("--batch", training.batch_size, "Pairs of a step")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option("-k,--passages", training.passages,
                   "Passages that are retrieved for a pair that names none")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--passage-tokens", training.passage_tokens, "Longest passage in the prompt")
      ->check(CLI::Range(8, 1 << 16))
      ->capture_default_str();
  command
      ->add_option("--evaluate", training.evaluate_every,
                   "Steps between evaluations on dev pairs; 0: at the end only")
      ->capture_default_str();
  add_checkpoint_options(*command, training.checkpoint_every, training.kept_checkpoints);
  add_checkpoint_activations(*command, network.checkpoint_activations);
  add_precision_option(*command, network.precision);
  command->add_option("--seed", training.seed, "The same seed, the same run")
      ->capture_default_str();
  add_threads_option(*command, arguments->threads);
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tandem
