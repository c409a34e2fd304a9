#include "trainer/training.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/stopwatch.h"
#include "model/kernels/thread_team.h"
#include "trainer/best_step.h"
#include "trainer/evaluation.h"
#include "trainer/evaluation_figures.h"
#include "trainer/passage_search.h"
#include "trainer/rate_schedule.h"
#include "trainer/replace_folder.h"
#include "trainer/run_errors.h"
#include "trainer/run_folder.h"
#include "trainer/save_adapters.h"
#include "trainer/save_networks.h"
#include "trainer/training_description.h"
#include "trainer/training_sets.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr const char* kEncoder = "encoder";
constexpr const char* kGenerator = "generator.gguf";
constexpr const char* kAdapter = "adapter";
constexpr const char* kSelected = "selected.json";

class Run {
 public:
  Run(const TrainingOptions& options, const TrainingReporter& report);

  TrainingReport run();

 private:
  void begin();
  void open_folder(const json& description);
  DataVectors encode_data();
  void retrieve(const DataVectors& vectors);
  void select(DataVectors vectors);
  void keep_selected();
  void count_steps();
  void step();
  void record(const StepResult& result, const StepRates& rates, double seconds);
  [[noreturn]] void refuse_step(std::span<const TrainingQuestion> batch);
  void evaluate();
  void save_checkpoint();
  void save_networks(const std::filesystem::path& folder) const;
  std::map<std::string, double> dev_figures(const Encoder& encoder, const Generator* generator);
  std::map<std::string, double> dev_figures(const std::filesystem::path& folder);
  void remember_best();

  const TrainingOptions& options_;
  WorkerGroup& workers_;
  RunProgress progress_;
  TrainingSets sets_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<Generator> generator_;
  std::optional<TrainingData> data_;
  std::optional<RunFolder> folder_;  // of the worker that leads
  std::optional<std::size_t> checkpoint_step_;
  std::unique_ptr<JointNetworks> networks_;
  TrainingReport result_;
};

Run::Run(const TrainingOptions& options, const TrainingReporter& report)
    : options_(options), workers_(*options.workers), progress_(report) {
  const JointOptions& networks = options.networks;
  if (!networks.encoder.trained && (options.generator.empty() || !networks.generator.trained))
    throw Error(ErrorCode::kInvalidArgument, "no network would be trained",
                "train the encoder, the generator, or both");
  if (options.generator.empty() && options.selection.by == QuestionSelection::kPerplexity)
    throw Error(ErrorCode::kInvalidArgument, "perplexity is a generator's, and there is none",
                "give a generator, or select by loss or diversity");
  if (!(options.selection.share > 0 && options.selection.share <= 1))
    throw Error(ErrorCode::kInvalidArgument,
                "the share of questions that are selected is above 0 and at most 1");
  if (options.generator.empty() && !(networks.contrastive_weight > 0))
    throw Error(ErrorCode::kInvalidArgument,
                "without a generator only the contrastive loss teaches the encoder, and its weight "
                "is 0",
                "give it a weight, or a generator");
  sets_ = read_training_sets(options);
  encoder_ = Encoder::open(options.encoder);
  if (!options.generator.empty()) generator_ = Generator::open(options.generator);
  BatchOptions batches = options.batches;
  batches.retriever_learns = networks.encoder.trained;
  batches.generator_learns = networks.generator.trained;
  batches.leave_one_out = networks.loss.kind == JointLossKind::kLeaveOneOut;
  data_.emplace(sets_.corpus, sets_.questions, *encoder_, generator_.get(), batches);
  if (!sets_.dev.empty()) result_.best_by = best_step_figure(options, sets_.dev);
  count_steps();
}

void Run::count_steps() {
  progress_.set_steps(options_.steps, options_.epochs, data_->steps_per_epoch());
}

void Run::open_folder(const json& description) {
  json step;  // of the checkpoint that the run goes on from; null: from the beginning
  if (workers_.leads()) {
    folder_ = options_.resume ? RunFolder::resume(options_.run, description)
                              : RunFolder::create(options_.run, description);
    if (options_.dev_share > 0)
      write_questions(options_.run / "dev.jsonl", sets_.corpus, sets_.dev);
    if (folder_->checkpoint_step()) step = *folder_->checkpoint_step();
  }
  step = json::parse(workers_.of_leader(step.dump()));
  if (!step.is_null()) checkpoint_step_ = step.get<std::size_t>();
}

void Run::begin() {
  open_folder(describe(options_));
  const BertCheckpoint encoder = BertCheckpoint::open(options_.encoder);
  std::optional<DecoderWeights> generator;
  if (generator_) generator = DecoderWeights::open(options_.generator);
  networks_ = JointNetworks::load(encoder, encoder_->pooling(), generator ? &*generator : nullptr,
                                  options_.networks, workers_);
  if (!sets_.dev.empty() && workers_.leads())
    result_.before = dev_figures(*encoder_, generator_.get());
  if (checkpoint_step_) {
    const auto checkpoint = RunFolder::checkpoint(options_.run, *checkpoint_step_);
    networks_->load_state(checkpoint / "state.safetensors");
    keep_selected();
    data_->set_retrieved(
        json::parse(read_file(checkpoint / "retrieved.json")).get<RetrievedPassages>());
    progress_.go_on_from(*checkpoint_step_);
    if (workers_.leads()) remember_best();
  } else {
    DataVectors vectors = encode_data();
    retrieve(vectors);
    select(std::move(vectors));
  }
}

DataVectors Run::encode_data() {
  progress_.tell("encoding passages");
  DataVectors vectors;
  vectors.dimension = static_cast<std::size_t>(encoder_->dimension());
  // Those of this worker's share, and where it begins.
  const auto encode = [&](const std::vector<std::vector<TokenId>>& texts) {
    const auto [begin, end] = share_of(texts.size(), workers_.rank(), workers_.size());
    return std::pair(begin, networks_->encode(std::span(texts).subspan(begin, end - begin)));
  };
  std::tie(vectors.first_passage, vectors.passages) = encode(data_->passage_tokens());
  vectors.queries = gather_numbers<float>(workers_, encode(data_->query_tokens()).second);
  return vectors;
}

// The ids are kept in the folder for when the run goes on.
void Run::select(DataVectors vectors) {
  if (options_.selection.by == QuestionSelection::kAll) return;
  progress_.tell("selecting questions");
  if (workers_.size() > 1) vectors.passages = gather_numbers<float>(workers_, vectors.passages);
  vectors.first_passage = 0;
  json places;
  if (workers_.leads()) {
    json ids = json::array();
    places = useful_questions(*data_, *networks_, vectors, options_.selection,
                              options_.networks.score_temperature, options_.batches.seed);
    for (const std::size_t place : places) ids.push_back(data_->question(place).id);
    write_file_atomic(options_.run / kSelected, ids.dump());
  }
  places = json::parse(workers_.of_leader(places.dump()));
  data_->keep(places.get<std::vector<std::size_t>>());
  count_steps();
}

void Run::keep_selected() {
  if (options_.selection.by == QuestionSelection::kAll) return;
  const auto ids = json::parse(read_file(options_.run / kSelected)).get<std::set<std::string>>();
  std::vector<std::size_t> places;
  for (std::size_t place = 0; place < data_->question_count(); ++place)
    if (ids.contains(data_->question(place).id)) places.push_back(place);
  data_->keep(places);
  count_steps();
}

void Run::retrieve(const DataVectors& vectors) {
  RetrievedPassages retrieved;
  for (const auto& found : search_passages(
           workers_, vectors.passages, vectors.first_passage, vectors.queries, vectors.dimension,
           std::max(options_.batches.pool, options_.batches.passages))) {
    auto& ids = retrieved.emplace_back();
    for (const FoundPassage& passage : found)
      ids.push_back(static_cast<std::uint32_t>(passage.index));
  }
  data_->set_retrieved(std::move(retrieved));
}

std::map<std::string, double> Run::dev_figures(const Encoder& encoder, const Generator* generator) {
  progress_.tell("evaluating");
  EvaluationOptions evaluation;
  // As many as it is trained to read at a time.
  const bool several = options_.batches.together_share > 0 ||
                       options_.networks.loss.kind == JointLossKind::kLeaveOneOut;
  evaluation.passages = several ? options_.batches.passages : 1;
  evaluation.answered = options_.dev_answers;
  evaluation.concurrent = 1;  // a resumed run must come to the same answers
  const EvaluationReport report = tandem::evaluate(
      sets_.corpus, sets_.dev, encoder, options_.dev_answers > 0 ? generator : nullptr, evaluation);
  std::map<std::string, double> figures;
  for (const Figure& figure : summarize(report.results, {.draws = 1}))
    figures[figure.name] = figure.estimate.value;
  return figures;
}

// Of the networks in `folder`, and of those at the beginning where one is not trained.
std::map<std::string, double> Run::dev_figures(const std::filesystem::path& folder) {
  std::unique_ptr<Encoder> encoder;
  if (options_.networks.encoder.trained) encoder = Encoder::open(folder / kEncoder);
  std::unique_ptr<Generator> generator;
  if (options_.dev_answers > 0 && exists(folder / kGenerator))
    generator = Generator::open(folder / kGenerator);
  return dev_figures(encoder ? *encoder : *encoder_,
                     generator ? generator.get() : generator_.get());
}

// What the evaluations before the checkpoint came to.
void Run::remember_best() {
  for (const json& line : folder_->metrics()) {
    const auto dev = line.find("dev");
    if (dev == line.end()) continue;
    auto figures = dev->get<std::map<std::string, double>>();
    if (!is_as_good(figures, result_.after, result_.best_by)) continue;
    result_.after = std::move(figures);
    result_.best_step = line.at("step");
  }
}

void Run::refuse_step(std::span<const TrainingQuestion> batch) {
  std::vector<std::string> ids;
  for (const TrainingQuestion& question : batch) ids.push_back(question.id);
  tandem::refuse_step(
      progress_.step() + 1, ids,
      [&](std::size_t place) { return networks_->step(batch.subspan(place, 1), {}).finite; },
      options_.run);
}

void Run::step() {
  const Stopwatch stopwatch;
  const double factor = rate_factor(progress_.step(), progress_.steps(), options_.warmup);
  const StepRates rates = {options_.rates.encoder * factor, options_.rates.generator * factor};
  const auto batch = data_->batch(progress_.step());
  const StepResult result = networks_->step(batch, rates);
  const double seconds = stopwatch.seconds();
  if (!result.finite) refuse_step(batch);
  progress_.add_step(result.loss, result.generator_tokens, seconds);
  if (workers_.leads()) record(result, rates, seconds);
}

void Run::record(const StepResult& result, const StepRates& rates, double seconds) {
  folder_->add_metrics({{"step", progress_.step()},
                        {"steps", progress_.steps()},
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

void Run::save_networks(const std::filesystem::path& folder) const {
  progress_.tell("saving");
  std::filesystem::create_directories(folder);
  if (options_.networks.encoder.trained)
    save_encoder(*networks_, options_.encoder, folder / kEncoder);
  if (generator_ && options_.networks.generator.trained)
    save_generator(*networks_, options_.generator, folder / kGenerator);
  save_adapters(*networks_, options_.networks, options_.generator, folder / kAdapter);
}

void Run::evaluate() {
  if (sets_.dev.empty() && !progress_.is_done()) return;
  const TemporaryPath temporary(options_.run / "unfinished");
  const auto& folder = temporary.path();
  save_networks(folder);
  const auto publish = [&] {
    publish_all(folder, options_.run);
    result_.best_step = progress_.step();
  };
  if (sets_.dev.empty()) {
    publish();
  } else {
    const auto figures = dev_figures(folder);
    if (is_as_good(figures, result_.after, result_.best_by)) {
      publish();
      result_.after = figures;
    }
    // Last: a line says that its networks are in their place.
    folder_->add_metrics({{"step", progress_.step()}, {"dev", figures}});
  }
}

void Run::save_checkpoint() {
  folder_->add_checkpoint(progress_.step(), options_.kept_checkpoints, [&](const auto& path) {
    networks_->save_state(path / "state.safetensors");
    write_file_atomic(path / "retrieved.json", json(data_->retrieved()).dump());
  });
}

TrainingReport Run::run() {
  const Stopwatch stopwatch;
  begin();
  while (!progress_.is_done()) {
    progress_.tell(kTrainingStage);
    step();
    if (!progress_.is_done() && options_.networks.encoder.trained &&
        progress_.is_due(options_.refresh_every))
      retrieve(encode_data());
    if (!workers_.leads()) continue;
    if (progress_.is_due(options_.evaluate_every) || progress_.is_done()) evaluate();
    if (!progress_.is_done() && progress_.is_due(options_.checkpoint_every)) save_checkpoint();
  }
  result_.steps = progress_.step();
  result_.seconds = stopwatch.seconds();
  if (!workers_.leads()) return result_;
  folder_->write_result({{"steps", result_.steps},
                         {"seconds", result_.seconds},
                         {"best_step", result_.best_step},
                         {"best_by", result_.best_by},
                         {"dev_before", result_.before},
                         {"dev_after", result_.after}});
  return result_;
}

}  // namespace

TrainingReport train(const TrainingOptions& options, const TrainingReporter& report) {
  return with_file_errors([&] { return Run(options, report).run(); });
}

}  // namespace tandem
