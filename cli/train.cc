// tandem train: fine-tunes encoder and generator together.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/release_place.h"
#include "cli/training_options.h"
#include "model/threads.h"
#include "trainer/promotion_gate.h"
#include "trainer/question_result.h"
#include "trainer/run_folder.h"
#include "trainer/training.h"
#include "trainer/training_description.h"
#include "trainer/worker_group.h"

namespace tandem {
namespace {

struct TrainArguments {
  TrainingOptions training;
  std::string networks = "both";
  int lora_rank = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  std::string gate;  // when to promote; empty: never
  ReleasePlace place;
};

// Serves what was trained, if it came up to what was asked for.
void promote(const TrainArguments& arguments, const PromotionGate& gate,
             const TrainingReport& report) {
  const GateOutcome outcome = evaluate_gate(gate, metrics_before(report), metrics_after(report));
  if (!outcome.holds) {
    fmt::print("not promoted: {}\n", outcome.reason);
    return;
  }
  fmt::print("promoted: {}\n", outcome.reason);
  std::fflush(stdout);
  const std::filesystem::path& folder = arguments.training.run;
  // What was not trained goes on as it is.
  const auto either = [](const std::filesystem::path& trained, const std::filesystem::path& given) {
    return exists(trained) ? trained : given;
  };
  const ReleaseModels models = {either(folder / "encoder", arguments.training.encoder),
                                either(folder / "generator.gguf", arguments.training.generator)};
  fmt::print("{} is live\n", make_release(arguments.place, models, true));
}

void run(TrainArguments arguments) {
  const WorkerPlace worker = worker_place();
  std::optional<PromotionGate> gate;
  // Before hours of training, not after.
  if (!arguments.gate.empty()) {
    gate = parse_gate(arguments.gate);
    if (!arguments.training.dev && arguments.training.dev_share == 0) {
      throw Error(ErrorCode::kInvalidArgument, "--promote-if has nothing to compare",
                  "give questions to measure by: --dev FILE or --dev-share");
    }
    if (!arguments.place.is_server() && worker.rank == 0) arguments.place.open(true);
  }
  TrainingOptions& training = arguments.training;
  set_compute_threads(arguments.threads);
  if (arguments.threads == 0)  // all processors, which the workers of a machine share
    set_compute_threads(std::max(1, compute_threads() / worker.local_count));
  std::unique_ptr<WorkerGroup> workers;
  if (worker.count > 1) {
    workers = WorkerGroup::join(worker);
    training.workers = workers.get();
    // All of them were started anew, with the same command, after one failed.
    if (worker.restarts > 0) training.resume = RunFolder::holds_run(training.run);
  }
  JointOptions& networks = training.networks;
  networks.encoder.trained = arguments.networks != "generator";
  networks.generator.trained = arguments.networks != "encoder";
  networks.encoder.lora_rank = arguments.lora_rank;
  networks.generator.lora_rank = arguments.lora_rank;
  networks.seed = training.batches.seed = arguments.seed;
  TrainingReport report;
  {
    ProgressLine line;
    report = train(training, [&](const TrainingProgress& progress) {
      if (training.workers->leads()) show_progress(progress, line);
    });
  }
  if (!training.workers->leads()) return;
  fmt::print("{} steps in {:.0f} s; {} holds the networks of step {}\n", report.steps,
             report.seconds, training.run.string(), report.best_step);
  print_figures(report.before, report.after);
  if (gate) promote(arguments, *gate, report);
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
      ->add_option(
          "--corpus", training.corpus,
          R"(JSON lines {"id", "document", "title", "text"}: the passages that are searched)")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--questions", training.questions,
                   R"(JSON lines {"question", "answers", "positives", "negatives"}: passages that )"
                   "hold the answer and that do not, where they are known; or triples "
                   R"({"query", "positive", "negatives"})")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--unanswerable", training.unanswerable,
                   "More questions, such that the corpus has no answer to: the generator learns "
                   "to say \"I do not know.\", the encoder nothing")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--dev", training.dev,
                   "Questions, of other documents, that choose the best step")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--dev-share", training.dev_share,
                   "Instead of --dev: keep this share of the questions aside, by documents (the "
                   "\"document\" of a passage, else its title)")
      ->check(CLI::Range(0.0, 0.9));
  command->add_flag(
      "--allow-leaks", training.allow_leaks,
      "Measure by --dev even where its questions, or their documents, are among those "
      "that are learned from");
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
             "rag-sequence (default), rag-token, emdr2, pdist, replug or loo");
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

  add_choice(
      *command, "--select", training.selection.by,
      std::map<std::string, QuestionSelection>{{"loss", QuestionSelection::kLoss},
                                               {"perplexity", QuestionSelection::kPerplexity},
                                               {"diversity", QuestionSelection::kDiversity}},
      "Learn only from the most useful questions: those that the encoder ranks worst (loss), "
      "those whose answers surprise the generator most (perplexity), or those that are least "
      "alike (diversity)");
  command
      ->add_option("--select-share", training.selection.share, "Share of the questions that is so")
      ->check(CLI::Range(1e-6, 1.0))
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
      ->add_option("--negatives", training.batches.negatives,
                   "Negatives of a question, of those that it brings, in a step")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      ->add_option("--passage-tokens", training.batches.passage_tokens,
                   "Longest passage in the generator's prompt")
      ->check(CLI::Range(8, 1 << 16))
      ->capture_default_str();
  command
      ->add_option("--together", training.batches.together_share,
                   "Share of the questions that the generator also reads with all -k best passages "
                   "in one prompt, as it does when it serves")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--abstain", training.batches.abstention_share,
                   "Share of the questions that the generator is also asked with passages that do "
                   "not hold the answer, for it to say \"I do not know.\"")
      ->check(CLI::Range(0.0, 1.0))
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
  add_choice(*command, "--best-by", training.best_by,
             std::map<std::string, std::string>{{"recall@1", kRecallAt1},
                                                {"mrr", kReciprocalRank},
                                                {"f1", kTokenF1},
                                                {"em", kExactMatch}},
             "What chooses the best step on --dev: recall@1 (default where the encoder learns), "
             "mrr, f1 (default otherwise) or em");
  command
      ->add_option("--dev-answers", training.dev_answers,
                   "Questions of --dev that are answered at each evaluation, evenly apart; 0: none")
      ->capture_default_str();
  add_checkpoint_options(*command, training.checkpoint_every, training.kept_checkpoints);
  add_checkpoint_activations(*command, networks.checkpoint_activations);
  add_precision_option(*command, networks.precision);
  command
      ->add_option(
          "--promote-if", arguments->gate,
          "Make a release of what was trained, and let it serve, if this holds: a metric, "
          ">, >=, < or <=, and a number or 'current', which is the metric before training, "
          "with + or - a number. Metrics: dev.recall@1, dev.recall@5, dev.recall@20, dev.mrr, "
          "dev.ndcg@10, dev.exact_match and dev.f1, each from 0 to 1")
      ->type_name("'dev.recall@1 > current + 0.02'");
  add_release_place(*command, arguments->place);
  command->add_option("--seed", arguments->seed, "The same seed, the same run")
      ->capture_default_str();
  add_threads_option(*command, arguments->threads);
  add_train_reranker_command(*command);
  add_train_preferences_command(*command);
  command->callback([arguments, command] {
    if (command->get_subcommands().empty()) run(*arguments);
  });
}

}  // namespace tandem
