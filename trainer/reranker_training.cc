#include "trainer/reranker_training.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/stopwatch.h"
#include "model/threads.h"
#include "retriever/passage_text.h"
#include "retriever/reranker.h"
#include "trainer/cross_encoder_folder.h"
#include "trainer/hybrid_search.h"
#include "trainer/ranking_metrics.h"
#include "trainer/rate_schedule.h"
#include "trainer/reranker_data.h"
#include "trainer/run_errors.h"
#include "trainer/run_folder.h"
#include "trainer/save_networks.h"
#include "trainer/training_description.h"

namespace tandem {
namespace {

using nlohmann::json;
using Ranking = RerankerTrainingReport::Ranking;

json describe(const RerankerTrainingOptions& options) {
  const RerankerOptions& network = options.network;
  return {
      {"format", 1},
      {"version", TANDEM_VERSION},
      {"kind", "reranker"},
      {"corpus", describe_file(options.corpus)},
      {"questions", describe_file(options.questions)},
      {"dev", describe_file(options.dev)},
      {"encoder", describe_file(options.encoder / "model.safetensors")},
      {"reranker",
       options.reranker.empty() ? json() : describe_file(options.reranker / "model.safetensors")},
      {"language", options.language},
      {"batches",
       {{"questions", options.batch_size},
        {"negatives", options.negatives},
        {"pool", options.pool},
        {"max_tokens", options.max_tokens},
        {"seed", options.seed}}},
      {"steps",
       {{"epochs", options.epochs},
        {"steps", options.steps},
        {"rate", options.rate},
        {"warmup", options.warmup},
        {"weight_decay", network.weight_decay},
        {"evaluate_every", options.evaluate_every}}},
      {"evaluation", {{"questions", options.dev_questions}, {"depth", options.dev_depth}}},
      {"numbers",
       {{"precision", name_of(network.precision)},
        {"gradient_limit", network.gradient_limit},
        {"tokens", network.tokens},
        {"threads", compute_threads()}}}};
}

json to_json(const Ranking& ranking) {
  return {{"ndcg@10", ranking.ndcg_at_10}, {"mrr", ranking.mrr}, {"recall@1", ranking.recall_at_1}};
}

// Questions whose passages are known, evenly spaced if there are more than `limit`.
std::vector<Question> some_of(std::vector<Question> questions, std::size_t limit) {
  std::erase_if(questions, [](const Question& question) { return question.positives.empty(); });
  if (limit == 0 || questions.size() <= limit) return questions;
  std::vector<Question> some;
  for (std::size_t i = 0; i < limit; ++i) some.push_back(questions[i * questions.size() / limit]);
  return some;
}

class RerankerRun {
 public:
  RerankerRun(const RerankerTrainingOptions& options, const TrainingReporter& report);
  RerankerTrainingReport run();

 private:
  void begin();
  void retrieve();
  void step();
  void evaluate();
  Ranking dev_ranking(const Reranker* reranker) const;
  void remember_best();

  const RerankerTrainingOptions& options_;
  RunProgress progress_;
  Corpus corpus_;
  std::vector<Question> questions_;
  std::vector<Question> dev_;
  std::unique_ptr<Encoder> encoder_;
  std::optional<RerankerData> data_;
  std::vector<std::vector<ScoredPassage>> dev_retrieved_;
  std::optional<RunFolder> folder_;
  std::unique_ptr<RerankerNetwork> network_;
  RerankerTrainingReport result_;
};

RerankerRun::RerankerRun(const RerankerTrainingOptions& options, const TrainingReporter& report)
    : options_(options), progress_(report) {
  corpus_ = read_corpus(options.corpus);
  questions_ = read_questions(options.questions, corpus_);
  if (options.dev) dev_ = some_of(read_questions(*options.dev, corpus_), options.dev_questions);
  encoder_ = Encoder::open(options.encoder);
  const auto& beginning = options.reranker.empty() ? options.encoder : options.reranker;
  if (!options.reranker.empty()) (void)Reranker::open(options.reranker);  // throws if it is none
  const auto tokenizer = open_tokenizer(beginning);
  const PairLayout layout(BertCheckpoint::open(beginning).config, *tokenizer, options.max_tokens);
  data_.emplace(corpus_, questions_, *tokenizer, layout,
                RerankerBatches{options.batch_size, options.negatives, options.seed});
  progress_.set_steps(options.steps, options.epochs, data_->steps_per_epoch());
}

void RerankerRun::begin() {
  const json description = describe(options_);
  folder_ = options_.resume ? RunFolder::resume(options_.run, description)
                            : RunFolder::create(options_.run, description);
  const auto start = options_.run / "start";
  if (options_.reranker.empty())
    make_cross_encoder(options_.encoder, start, options_.max_tokens, options_.seed);
  else
    copy_cross_encoder(options_.reranker, start, options_.max_tokens);
  network_ = RerankerNetwork::load(BertCheckpoint::open(start), options_.network);
  retrieve();
  if (!dev_.empty()) result_.retrieved = dev_ranking(nullptr);
  if (const auto step = folder_->checkpoint_step()) {
    network_->load_state(RunFolder::checkpoint(options_.run, *step) / "state.safetensors");
    progress_.go_on_from(*step);
    remember_best();
  }
}

void RerankerRun::retrieve() {
  progress_.tell("retrieving passages");
  const auto folder = options_.run / "search";
  std::filesystem::remove_all(folder);  // of a run that was ended
  const HybridSearch search(corpus_, *encoder_, options_.language, folder);
  std::vector<std::vector<std::uint32_t>> retrieved;
  for (const Question* const question : data_->questions()) {
    auto& passages = retrieved.emplace_back();
    for (const ScoredPassage& passage : search.search(question->text, options_.pool))
      passages.push_back(static_cast<std::uint32_t>(passage.id));
  }
  data_->set_retrieved(std::move(retrieved));
  for (const Question& question : dev_)
    dev_retrieved_.push_back(search.search(question.text, options_.dev_depth));
}

// As they were retrieved, where `reranker` is null.
Ranking RerankerRun::dev_ranking(const Reranker* reranker) const {
  progress_.tell("evaluating");
  Ranking ranking;
  const double share = 1 / static_cast<double>(dev_.size());
  for (std::size_t i = 0; i < dev_.size(); ++i) {
    std::vector<ScoredPassage> found = dev_retrieved_[i];
    if (reranker != nullptr) {
      std::vector<std::string> texts;
      texts.reserve(found.size());
      for (const ScoredPassage& passage : found)
        texts.push_back(embedding_text(to_passage(corpus_.passages[passage.id])));
      const auto logits = reranker->score(reranker->pairs(dev_[i].text, texts));
      found = rerank(found, logits);
    }
    std::vector<int> grades;
    grades.reserve(found.size());
    for (const ScoredPassage& passage : found) grades.push_back(dev_[i].has_positive(passage.id));
    const std::vector<int> relevant(dev_[i].positives.size(), 1);
    ranking.ndcg_at_10 += share * ndcg_at(10, grades, relevant);
    ranking.mrr += share * reciprocal_rank(grades);
    ranking.recall_at_1 += share * recall_at(1, grades, relevant);
  }
  return ranking;
}

// What the evaluations before the checkpoint came to.
void RerankerRun::remember_best() {
  for (const json& line : folder_->metrics()) {
    const auto dev = line.find("dev");
    if (dev == line.end()) continue;
    const Ranking ranking = {dev->at("ndcg@10"), dev->at("mrr"), dev->at("recall@1")};
    if (result_.reranked && ranking.ndcg_at_10 < result_.reranked->ndcg_at_10) continue;
    result_.reranked = ranking;
    result_.best_step = line.at("step");
  }
}

void RerankerRun::step() {
  const Stopwatch stopwatch;
  const double rate =
      options_.rate * rate_factor(progress_.step(), progress_.steps(), options_.warmup);
  const auto batch = data_->batch(progress_.step());
  const RerankerStep result = network_->step(batch, rate);
  const double seconds = stopwatch.seconds();
  if (!result.finite)
    refuse_step(
        progress_.step() + 1, data_->batch_ids(progress_.step()),
        [&](std::size_t place) {
          return network_->step({&batch[place], 1}, 0).finite;
        },
        options_.run);
  progress_.add_step(result.loss, result.tokens, seconds);
  folder_->add_metrics({{"step", progress_.step()},
                        {"steps", progress_.steps()},
                        {"loss", result.loss},
                        {"right", result.right},
                        {"gradient", result.gradient},
                        {"rate", rate},
                        {"tokens", result.tokens},
                        {"seconds", seconds}});
  if (progress_.is_due(options_.evaluate_every) || progress_.is_done()) evaluate();
  if (!progress_.is_done() && progress_.is_due(options_.checkpoint_every))
    folder_->add_checkpoint(progress_.step(), options_.kept_checkpoints, [&](const auto& path) {
      network_->save_state(path / "state.safetensors");
    });
}

// What is evaluated is what would be served.
void RerankerRun::evaluate() {
  progress_.tell("saving");
  const auto folder = options_.run / "reranker";
  const auto candidate = options_.run / "candidate";
  const auto visit = [&](const WeightVisitor& visitor) { network_->visit(visitor); };
  save_folder(visit, options_.run / "start", candidate);
  const auto keep = [&] {
    std::filesystem::remove_all(folder);
    std::filesystem::rename(candidate, folder);
    result_.best_step = progress_.step();
  };
  if (dev_.empty()) return keep();
  const Ranking ranking = dev_ranking(Reranker::open(candidate).get());
  folder_->add_metrics({{"step", progress_.step()}, {"dev", to_json(ranking)}});
  if (result_.reranked && ranking.ndcg_at_10 < result_.reranked->ndcg_at_10) {
    std::filesystem::remove_all(candidate);
    return;
  }
  result_.reranked = ranking;
  keep();
}

RerankerTrainingReport RerankerRun::run() {
  const Stopwatch stopwatch;
  begin();
  while (!progress_.is_done()) {
    progress_.tell(kTrainingStage);
    step();
  }
  result_.steps = progress_.step();
  result_.seconds = stopwatch.seconds();
  const auto ranking_json = [](const std::optional<Ranking>& ranking) {
    return ranking ? to_json(*ranking) : json();
  };
  folder_->write_result({{"steps", result_.steps},
                         {"seconds", result_.seconds},
                         {"best_step", result_.best_step},
                         {"best_by", dev_.empty() ? "" : "ndcg@10"},
                         {"dev_before", ranking_json(result_.retrieved)},
                         {"dev_after", ranking_json(result_.reranked)}});
  return result_;
}

}  // namespace

RerankerTrainingReport train_reranker(const RerankerTrainingOptions& options,
                                      const TrainingReporter& report) {
  return with_file_errors([&] { return RerankerRun(options, report).run(); });
}

}  // namespace tandem
