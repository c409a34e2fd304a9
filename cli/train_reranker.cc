// tandem train reranker: makes a reranker of an encoder.
#include <fmt/format.h>

#include <map>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/training_options.h"
#include "model/threads.h"
#include "trainer/reranker_training.h"

namespace tandem {
namespace {

struct RerankerArguments {
  RerankerTrainingOptions training;
  int threads = 0;
};

void print_ranking(const char* what,
                   const std::optional<RerankerTrainingReport::Ranking>& ranking) {
  if (ranking)
    fmt::print("{:<9} nDCG@10 {:.3f}, MRR {:.3f}, recall@1 {:.3f}\n", what, ranking->ndcg_at_10,
               ranking->mrr, ranking->recall_at_1);
}

void run(const RerankerArguments& arguments) {
  require_one_worker();
  set_compute_threads(arguments.threads);
  RerankerTrainingReport report;
  {
    ProgressLine line;
    report = train_reranker(arguments.training, [&](const TrainingProgress& progress) {
      show_progress(progress, line);
    });
  }
  fmt::print("{} steps in {:.0f} s; {} holds the reranker of step {}\n", report.steps,
             report.seconds, (arguments.training.run / "reranker").string(), report.best_step);
  print_ranking("retrieved", report.retrieved);
  print_ranking("reranked", report.reranked);
}

}  // namespace

void add_train_reranker_command(CLI::App& train) {
  auto arguments = std::make_shared<RerankerArguments>();
  RerankerTrainingOptions& training = arguments->training;
  CLI::App* command = add_training_command(
      train, "reranker",
      "Make a reranker of an encoder: a network that reads a question and a passage together and "
      "scores the passage. It learns to put passages that are known to be right above others that "
      "a search finds. The run folder then holds reranker/, which tandem search and tandem serve "
      "take, with the record of the run. Interrupting is safe: --resume goes on from the last "
      "checkpoint.");
  command
      ->add_option("--corpus", training.corpus,
                   R"(JSON lines {"id", "title", "text"}: the passages that are searched)")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--questions", training.questions,
                   R"(JSON lines {"question", "positives"}; positives are ids of passages that )"
                   "hold the answer")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--dev", training.dev,
                   "Questions, of other documents, that choose the best step by nDCG@10")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--encoder", training.encoder,
                   "Folder of the encoder to begin with, which also retrieves passages")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--reranker", training.reranker,
                   "Folder of a cross-encoder to begin with, instead of the encoder with a fresh "
                   "head")
      ->check(CLI::ExistingDirectory);
  command->add_option("--run", training.run, "Folder of the run, which is made")->required();
  command->add_flag("--resume", training.resume, "Go on with the run that the folder holds");
  command
      ->add_option("--language", training.language,
                   "Language of the words by which passages are retrieved, or 'none'")
      ->type_name("NAME")
      ->check(CLI::IsMember(analysis_languages()))
      ->capture_default_str();

  add_length_options(*command, training.epochs, training.steps);
  command->add_option("--batch", training.batch_size, "Questions of a step")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option("--negatives", training.negatives,
                   "Passages of a question beside the one that is right")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--pool", training.pool, "Retrieved passages that these are drawn from")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option("--max-tokens", training.max_tokens,
                   "Longest question and passage together; what is beyond is cut off the passage, "
                   "in training and in use")
      ->check(CLI::Range(8, 1 << 16))
      ->capture_default_str();
  command->add_option("--rate", training.rate, "Highest learning rate")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--warmup", training.warmup, "Share of the steps in which the rate rises")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--evaluate", training.evaluate_every,
                   "Steps between evaluations on --dev; 0: at the end only")
      ->capture_default_str();
  command
      ->add_option("--dev-questions", training.dev_questions,
                   "Dev questions that are evaluated, evenly spaced; 0: all of them")
      ->capture_default_str();
  command->add_option("--dev-depth", training.dev_depth, "Passages of each that are reranked")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_checkpoint_options(*command, training.checkpoint_every, training.kept_checkpoints);
  add_precision_option(*command, training.network.precision);
  command->add_option("--seed", training.seed, "The same seed, the same run")
      ->capture_default_str();
  add_threads_option(*command, arguments->threads);
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tandem
