// tandem eval: how well models find and answer, on questions whose answers are known.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "model/threads.h"
#include "trainer/evaluation.h"
#include "trainer/evaluation_figures.h"

namespace tandem {
namespace {

struct EvalArguments {
  EngineOptions models;
  EvaluationOptions evaluation;
  std::filesystem::path corpus;
  std::filesystem::path questions;
  std::filesystem::path unanswerable;
  std::filesystem::path answers;  // to write
  std::vector<std::filesystem::path> compared;
  std::size_t limit = 0;
  bool retrieval_only = false;
  bool json = false;
};

void require(const std::filesystem::path& path, std::string_view option) {
  if (path.empty())
    throw Error(ErrorCode::kInvalidArgument, fmt::format("{} is missing", option),
                "see tandem eval --help");
}

std::vector<Question> first_questions(const std::filesystem::path& path, const Corpus& corpus,
                                      std::size_t limit) {
  std::vector<Question> questions = read_questions(path, corpus);
  if (limit > 0 && limit < questions.size()) questions.resize(limit);
  return questions;
}

nlohmann::ordered_json to_json(const Estimate& estimate) {
  return {{"value", estimate.value}, {"low", estimate.low}, {"high", estimate.high}};
}

void print_table(const std::vector<Figure>& figures) {
  fmt::print("{:<22}{:>7}   {:<16}{:>10}\n", "", "", "95 % interval", "questions");
  for (const Figure& figure : figures) {
    const Estimate& estimate = figure.estimate;
    fmt::print("{:<22}{:>7.3f}   {:.3f} to {:.3f}  {:>10}\n", figure.name, estimate.value,
               estimate.low, estimate.high, figure.questions);
  }
}

void print_json(const EvaluationReport& report, const std::vector<Figure>& figures) {
  nlohmann::ordered_json out = {{"questions", report.results.size()},
                                {"retrieval_seconds", report.retrieval_seconds}};
  if (report.generation_seconds > 0) out["generation_seconds"] = report.generation_seconds;
  out["figures"] = nlohmann::ordered_json::object();
  for (const Figure& figure : figures) {
    auto entry = to_json(figure.estimate);
    entry["questions"] = figure.questions;
    out["figures"][figure.name] = std::move(entry);
  }
  fmt::print("{}\n", out.dump(2));
}

void evaluate_models(const EvalArguments& arguments) {
  require(arguments.corpus, "--corpus");
  require(arguments.questions, "--questions");
  require(arguments.models.encoder, "--encoder");
  if (!arguments.retrieval_only) require(arguments.models.generator, "--generator");
  const Corpus corpus = read_corpus(arguments.corpus);
  auto questions = first_questions(arguments.questions, corpus, arguments.limit);
  if (!arguments.unanswerable.empty())
    add_questions(questions, first_questions(arguments.unanswerable, corpus, arguments.limit));
  set_compute_threads(arguments.models.threads);
  const auto encoder = Encoder::open(arguments.models.encoder);
  std::unique_ptr<Generator> generator;
  if (!arguments.retrieval_only)
    generator = Generator::open(arguments.models.generator, generator_options(arguments.models));
  EvaluationReport report;
  {
    ProgressLine progress;
    report = evaluate(corpus, questions, *encoder, generator.get(), arguments.evaluation,
                      [&](std::string_view stage, std::size_t done, std::size_t total) {
                        progress.update(stage, done, total);
                      });
  }
  if (!arguments.answers.empty()) write_results(arguments.answers, report.results);
  const std::vector<Figure> figures = summarize(report.results);
  if (arguments.json) return print_json(report, figures);
  print_table(figures);
  fmt::print("{} passages and {} questions embedded and searched in {:.1f} s\n",
             corpus.passages.size(), questions.size(), report.retrieval_seconds);
  if (generator)
    fmt::print("{} questions answered in {:.1f} s, {:.2f} a second\n", questions.size(),
               report.generation_seconds,
               static_cast<double>(questions.size()) / report.generation_seconds);
}

void print_table(const ResultComparison& comparison) {
  fmt::print("{:<22}{:>7}{:>8}{:>9}   {:<18}{:>7}{:>11}\n", "", "A", "B", "B - A", "95 % interval",
             "p", "questions");
  for (const FigureComparison& figure : comparison.figures) {
    const Estimate& difference = figure.comparison.difference;
    fmt::print("{:<22}{:>7.3f}{:>8.3f}{:>+9.3f}   {:+.3f} to {:+.3f}  {:>7.4f}{:>11}\n",
               figure.name, figure.a, figure.b, difference.value, difference.low, difference.high,
               figure.comparison.p, figure.questions);
  }
  fmt::print("{} questions in both, {} only in A, {} only in B\n", comparison.questions,
             comparison.only_in_a, comparison.only_in_b);
}

void print_json(const ResultComparison& comparison) {
  nlohmann::ordered_json out = {{"questions", comparison.questions},
                                {"only_in_a", comparison.only_in_a},
                                {"only_in_b", comparison.only_in_b},
                                {"figures", nlohmann::ordered_json::object()}};
  for (const FigureComparison& figure : comparison.figures) {
    out["figures"][figure.name] = {{"a", figure.a},
                                   {"b", figure.b},
                                   {"difference", to_json(figure.comparison.difference)},
                                   {"p", figure.comparison.p},
                                   {"questions", figure.questions}};
  }
  fmt::print("{}\n", out.dump(2));
}

void run(const EvalArguments& arguments) {
  if (arguments.compared.empty()) return evaluate_models(arguments);
  const auto a = read_results(arguments.compared[0]);
  const auto b = read_results(arguments.compared[1]);
  const ResultComparison comparison = compare_results(a, b);
  arguments.json ? print_json(comparison) : print_table(comparison);
}

}  // namespace

void add_eval_command(CLI::App& app) {
  auto arguments = std::make_shared<EvalArguments>();
  CLI::App* command = app.add_subcommand(
      "eval",
      "Measure how well an encoder finds and a generator answers, on questions whose passages and "
      "answers are known: recall@k, MRR and nDCG@10 of an exact search; exact match and token F1 "
      "as SQuAD counts them, and ROUGE-L, of the answers; precision and recall of their citations; "
      "precision, recall and F1 of abstaining where questions have no answer. Intervals are those "
      "of 95 % by bootstrap. With --compare, "
      "compare what two such runs answered. Needs no store and changes none.");
  command
      ->add_option("--corpus", arguments->corpus,
                   "Passages, one JSON object a line: {\"id\", \"title\"?, \"text\"}")
      ->type_name("FILE");
  command
      ->add_option("--questions", arguments->questions,
                   "Questions, one JSON object a line: {\"id\"?, \"question\", \"answers\"?, "
                   "\"positives\"?}; positives are ids of passages that hold an answer")
      ->type_name("FILE");
  command
      ->add_option("--unanswerable", arguments->unanswerable,
                   "More questions, such that the corpus has no answer to: right is to abstain, as "
                   "in \"I do not know.\"")
      ->type_name("FILE");
  add_model_options(*command, arguments->models);
  command->get_option("--encoder")->description("Folder of the encoder (Hugging Face layout)");
  add_generator_option(*command, arguments->models);
  command->get_option("--generator")->description("GGUF file of the generator");
  command->add_flag("--retrieval-only", arguments->retrieval_only,
                    "Ask the encoder alone; no generator is needed");
  command->add_option("-k", arguments->evaluation.passages, "Passages put into the prompt")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command
      ->add_option("--each", arguments->evaluation.each,
                   "Answer from each passage by itself, and choose the answer that is likeliest "
                   "over all of them, with cosines divided by this: the --temperature of training")
      ->check(CLI::Range(1e-4, 100.0))
      ->type_name("TEMPERATURE");
  command->add_option("--max-tokens", arguments->evaluation.max_tokens, "Longest answer, in tokens")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--limit", arguments->limit,
                      "Take the first so many questions of each file; default: all");
  command
      ->add_option("--answers", arguments->answers,
                   "Write what came of each question, one JSON object a line, for --compare")
      ->type_name("FILE");
  command
      ->add_option("--compare", arguments->compared,
                   "Two files that --answers wrote, A and B: the difference of each figure over "
                   "the questions that both have, its interval, and how likely one so large would "
                   "be between equals (p)")
      ->expected(2)
      ->type_name("A B");
  command->add_flag("--json", arguments->json, "Print JSON instead of a table");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tandem
