#include "trainer/training.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "trainer/passage_search.h"
#include "trainer/ranking_metrics.h"
#include "trainer/rate_schedule.h"
#include "trainer/run_folder.h"
#include "trainer/save_networks.h"
#include "trainer/training_description.h"

namespace tandem {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kDevDepth = 20;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Run {
 public:
  Run(const TrainingOptions& options, const std::function<void(const TrainingProgress&)>& report);

  TrainingReport run();

 private:
  void begin();
  void retrieve();
  void step();
  void evaluate();
  void save_checkpoint();
  void save_networks();
  TrainingReport::Recall dev_recall();
  void remember_best();
  void tell(std::string_view doing) const;

  const TrainingOptions& options_;
  const std::function<void(const TrainingProgress&)>& report_;
  Corpus corpus_;
  std::vector<Question> questions_;
  std::vector<Question> dev_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<Generator> generator_;
  std::optional<TrainingData> data_;
  std::optional<RunFolder> folder_;
  std::unique_ptr<JointNetworks> networks_;
  std::vector<std::vector<TokenId>> dev_tokens_;

  std::size_t steps_ = 0;
  std::size_t step_ = 0;  // done
  double loss_ = 0;
  double tokens_per_second_ = 0;
  TrainingReport result_;
};

Run::Run(const TrainingOptions& options, const std::function<void(const TrainingProgress&)>& report)
    : options_(options), report_(report) {
  const JointOptions& networks = options.networks;
  if (!networks.encoder.trained && (options.generator.empty() || !networks.generator.trained))
    throw Error(ErrorCode::kInvalidArgument, "no network would be trained",
                "train the encoder, the generator, or both");
  if (options.generator.empty() && !(networks.contrastive_weight > 0))
    throw Error(ErrorCode::kInvalidArgument,
                "without a generator only the contrastive loss teaches the encoder, and its weight "
                "is 0",
                "give it a weight, or a generator");
  corpus_ = read_corpus(options.corpus);
  questions_ = read_questions(options.questions, corpus_);
  if (options.dev) dev_ = read_questions(*options.dev, corpus_);
  encoder_ = Encoder::open(options.encoder);
  if (!options.generator.empty()) generator_ = Generator::open(options.generator);
  data_.emplace(corpus_, questions_, *encoder_, generator_.get(), options.batches);
  for (const Question& question : dev_)
    dev_tokens_.push_back(encoder_->tokens_of(question.text, TextKind::kQuery));
  const double epochs = options.epochs * static_cast<double>(data_->steps_per_epoch());
  steps_ = options.steps > 0 ? options.steps : static_cast<std::size_t>(std::llround(epochs));
  if (steps_ == 0) throw Error(ErrorCode::kInvalidArgument, "a run needs at least one step");
}

void Run::tell(std::string_view doing) const {
  if (report_) report_({step_, steps_, loss_, tokens_per_second_, doing});
}

void Run::begin() {
  const json description = describe(options_);
  folder_ = options_.resume ? RunFolder::resume(options_.run, description)
                            : RunFolder::create(options_.run, description);
  const BertCheckpoint encoder = BertCheckpoint::open(options_.encoder);
  std::optional<DecoderWeights> generator;
  if (generator_) generator = DecoderWeights::open(options_.generator);
  networks_ = JointNetworks::load(encoder, encoder_->pooling(), generator ? &*generator : nullptr,
                                  options_.networks);
  if (!dev_.empty()) result_.before = dev_recall();
  if (const auto step = folder_->checkpoint_step()) {
    const auto checkpoint = folder_->checkpoint(*step);
    networks_->load_state(checkpoint / "state.safetensors");
    data_->set_retrieved(
        json::parse(read_file(checkpoint / "retrieved.json")).get<RetrievedPassages>());
    step_ = *step;
    remember_best();
  } else {
    retrieve();
  }
}

void Run::retrieve() {
  tell("encoding passages");
  const auto passages = networks_->encode(data_->passage_tokens());
  const auto queries = networks_->encode(data_->query_tokens());
  const auto width = static_cast<std::size_t>(encoder_->dimension());
  RetrievedPassages retrieved;
  for (const auto& found : search_passages(
           passages, queries, width, std::max(options_.batches.pool, options_.batches.passages))) {
    auto& ids = retrieved.emplace_back();
    for (const FoundPassage& passage : found)
      ids.push_back(static_cast<std::uint32_t>(passage.index));
  }
  data_->set_retrieved(std::move(retrieved));
}

TrainingReport::Recall Run::dev_recall() {
  tell("evaluating");
  const auto passages = networks_->encode(data_->passage_tokens());
  const auto queries = networks_->encode(dev_tokens_);
  const auto found = search_passages(passages, queries,
                                     static_cast<std::size_t>(encoder_->dimension()), kDevDepth);
  TrainingReport::Recall recall;
  std::size_t counted = 0;
  for (std::size_t i = 0; i < dev_.size(); ++i) {
    const auto& positives = dev_[i].positives;
    if (positives.empty()) continue;
    ++counted;
    std::vector<int> grades;
    for (const FoundPassage& passage : found[i])
      grades.push_back(std::binary_search(positives.begin(), positives.end(), passage.index));
    const std::vector<int> relevant(positives.size(), 1);
    recall.at_1 += recall_at(1, grades, relevant);
    recall.at_5 += recall_at(5, grades, relevant);
    recall.at_20 += recall_at(20, grades, relevant);
  }
  for (double* const value : {&recall.at_1, &recall.at_5, &recall.at_20})
    *value /= std::max<double>(1, static_cast<double>(counted));
  return recall;
}

// What the evaluations before the checkpoint came to.
void Run::remember_best() {
  for (const json& line : folder_->metrics()) {
    const auto dev = line.find("dev");
    if (dev == line.end()) continue;
    const TrainingReport::Recall recall = {dev->at("recall@1"), dev->at("recall@5"),
                                           dev->at("recall@20")};
    if (result_.after && recall.at_1 < result_.after->at_1) continue;
    result_.after = recall;
    result_.best_step = line.at("step");
  }
}

void Run::step() {
  const auto start = Clock::now();
  const double factor = rate_factor(step_, steps_, options_.warmup);
  const StepRates rates = {options_.rates.encoder * factor, options_.rates.generator * factor};
  const StepResult result = networks_->step(data_->batch(step_), rates);
  const double seconds = seconds_since(start);
  if (!result.finite) {
    save_checkpoint();
    throw Error(ErrorCode::kInternal,
                fmt::format("the loss or a gradient of step {} is not a finite number; its "
                            "questions are {}",
                            step_ + 1, fmt::join(data_->batch_ids(step_), ", ")),
                "the state before it was kept; lower the rates, or take these questions out");
  }
  ++step_;
  loss_ = step_ == 1 || loss_ == 0 ? result.loss : 0.95 * loss_ + 0.05 * result.loss;
  tokens_per_second_ = static_cast<double>(result.generator_tokens) / seconds;
  folder_->add_metrics({{"step", step_},
                        {"loss", result.loss},
                        {"joint", result.joint},
                        {"contrastive", result.contrastive},
                        {"generator", result.generator},
                        {"retriever", result.retriever},
                        {"encoder_gradient", result.encoder_gradient},
                        {"generator_gradient", result.generator_gradient},
                        {"encoder_rate", rates.encoder},
                        {"generator_rate", rates.generator},
                        {"generator_tokens", result.generator_tokens},
                        {"seconds", seconds}});
}

void Run::save_networks() {
  tell("saving");
  if (options_.networks.encoder.trained)
    save_encoder(*networks_, options_.encoder, options_.run / "encoder");
  if (generator_ && options_.networks.generator.trained)
    save_generator(*networks_, options_.generator, options_.run / "generator.gguf");
  result_.best_step = step_;
}

void Run::evaluate() {
  if (dev_.empty() || !options_.networks.encoder.trained) {
    if (step_ == steps_) save_networks();
    return;
  }
  const TrainingReport::Recall recall = dev_recall();
  folder_->add_metrics(
      {{"step", step_},
       {"dev",
        {{"recall@1", recall.at_1}, {"recall@5", recall.at_5}, {"recall@20", recall.at_20}}}});
  if (result_.after && recall.at_1 < result_.after->at_1) return;
  result_.after = recall;
  save_networks();
}

void Run::save_checkpoint() {
  folder_->add_checkpoint(step_, options_.kept_checkpoints, [&](const auto& path) {
    networks_->save_state(path / "state.safetensors");
    write_file_atomic(path / "retrieved.json", json(data_->retrieved()).dump());
  });
}

TrainingReport Run::run() {
  const auto start = Clock::now();
  begin();
  const auto due = [&](std::size_t every) { return every > 0 && step_ % every == 0; };
  while (step_ < steps_) {
    tell(kTrainingStage);
    step();
    if (step_ < steps_ && options_.networks.encoder.trained && due(options_.refresh_every))
      retrieve();
    if (due(options_.evaluate_every) || step_ == steps_) evaluate();
    if (step_ < steps_ && due(options_.checkpoint_every)) save_checkpoint();
  }
  result_.steps = step_;
  result_.seconds = seconds_since(start);
  const auto recall_json = [](const std::optional<TrainingReport::Recall>& recall) {
    return recall ? json{{"recall@1", recall->at_1},
                         {"recall@5", recall->at_5},
                         {"recall@20", recall->at_20}}
                  : json();
  };
  folder_->write_result({{"steps", result_.steps},
                         {"seconds", result_.seconds},
                         {"best_step", result_.best_step},
                         {"dev_before", recall_json(result_.before)},
                         {"dev_after", recall_json(result_.after)}});
  return result_;
}

}  // namespace

TrainingReport train(const TrainingOptions& options,
                     const std::function<void(const TrainingProgress&)>& report) {
  return Run(options, report).run();
}

}  // namespace tandem
