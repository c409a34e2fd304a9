// tandem train: fine-tunes encoder and generator together.
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/training_options.h"
#include "model/threads.h"
#include "trainer/training.h"
#include "trainer/training_description.h"

namespace tandem {
namespace {

struct TrainArguments {
  TrainingOptions training;
  std::string networks = "both";
  int lora_rank = 0;
  std::uint64_t seed = 1;
  int threads = 0;
};

void print_recall(const char* when, const std::optional<TrainingReport::Recall>& recall) {
  if (recall)
    fmt::print("{:<7} recall@1 {:.3f}, @5 {:.3f}, @20 {:.3f}\n", when, recall->at_1, recall->at_5,
               recall->at_20);
}

void run(TrainArguments arguments) {
  set_compute_threads(arguments.threads);
  TrainingOptions& training = arguments.training;
  JointOptions& networks = training.networks;
  networks.encoder.trained = arguments.networks != "generator";
  networks.generator.trained = arguments.networks != "encoder";
  networks.encoder.lora_rank = arguments.lora_rank;
  networks.generator.lora_rank = arguments.lora_rank;
  networks.seed = training.batches.seed = arguments.seed;
  TrainingReport report;
  {
    ProgressLine line;
    report =
        train(training, [&](const TrainingProgress& progress) { show_progress(progress, line); });
  }
  fmt::print("{} steps in {:.0f} s; {} holds the networks of step {}\n", report.steps,
             report.seconds, training.run.string(), report.best_step);
  print_recall("before", report.before);
  print_recall("after", report.after);
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto arguments = std::make_shared<TrainArguments>();
  TrainingOptions& training = arguments->training;
  JointOptions& networks = training.networks;
  CLI::App* command = app.add_subcommand(
      "train",
      "Fine-tune encoder and generator, together, on questions with answers. For each question "
      "passages are retrieved with the encoder as it is; how likely the generator finds the answer "
      "with each of them teaches the encoder, and the generator learns to answer from them. The "
      "run "
      "folder then holds encoder/ and generator.gguf, which every other command takes, with the "
      "record of the run. Interrupting is safe: --resume goes on from the last checkpoint.");
  command
      ->add_option("--corpus", training.corpus,
                   R"(JSON lines {"id", "title", "text"}: the passages that are searched)")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--questions", training.questions,
                   R"(JSON lines {"question", "answers", "positives"}; positives are ids of )"
                   "passages that hold the answer, where they are known")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--dev", training.dev,
                   "Questions, of other documents, that choose the best step by recall")
      ->check(CLI::ExistingFile);
  command->add_option("--encoder", training.encoder, "Folder of the encoder to begin with")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--generator", training.generator,
                   "GGUF file of the generator to begin with; without, the encoder is trained "
                   "alone, on positives")
      ->check(CLI::ExistingFile);
  command->add_option("--run", training.run, "Folder of the run, which is made")->required();
  command->add_flag("--resume", training.resume, "Go on with the run that the folder holds");

  command->add_option("--train", arguments->networks, "What learns; the other is learned from")
      ->check(CLI::IsMember({"both", "encoder", "generator"}))
      ->capture_default_str();
  networks.loss.kind = JointLossKind::kRagSequence;
  add_choice(*command, "--loss", networks.loss.kind, joint_losses(),
             "rag-sequence (default), rag-token, emdr2, pdist or replug");
  command->add_option("--joint-weight", networks.joint_weight, "Weight of that loss")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command
      ->add_option("--contrastive-weight", networks.contrastive_weight,
                   "Weight of a contrastive loss over the passages of a batch, for questions "
                   "with known positives")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command
      ->add_option("--temperature", networks.score_temperature,
                   "Of the retriever: cosines are divided by it")
      ->check(CLI::Range(1e-4, 100.0))
      ->capture_default_str();
  command
      ->add_option("--lora", arguments->lora_rank,
                   "Train products of this rank beside the matrices; 0: all weights")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();

  add_length_options(*command, training.epochs, training.steps);
  command->add_option("--batch", training.batches.batch_size, "Questions of a step")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("-k,--passages", training.batches.passages, "Passages of a question")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command
      ->add_option("--pool", training.batches.pool,
                   "Retrieved passages that these are drawn from: the best half is kept")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option("--passage-tokens", training.batches.passage_tokens,
                   "Longest passage in the generator's prompt")
      ->check(CLI::Range(8, 1 << 16))
      ->capture_default_str();
  command
      ->add_option("--encoder-rate", training.rates.encoder, "Highest learning rate of the encoder")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--generator-rate", training.rates.generator,
                   "Highest learning rate of the generator")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--warmup", training.warmup, "Share of the steps in which the rates rise")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--refresh", training.refresh_every,
                   "Steps after which passages are encoded and retrieved anew; 0: never")
      ->capture_default_str();
  command
      ->add_option("--evaluate", training.evaluate_every,
                   "Steps between evaluations on --dev; 0: at the end only")
      ->capture_default_str();
  add_checkpoint_options(*command, training.checkpoint_every, training.kept_checkpoints);
  add_precision_option(*command, networks.precision);
  command->add_option("--seed", arguments->seed, "The same seed, the same run")
      ->capture_default_str();
  add_threads_option(*command, arguments->threads);
  add_train_reranker_command(*command);
  command->callback([arguments, command] {
    if (command->get_subcommands().empty()) run(*arguments);
  });
}

}  // namespace tandem
