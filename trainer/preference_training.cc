#include "trainer/preference_training.h"

#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/stopwatch.h"
#include "model/threads.h"
#include "trainer/epoch_order.h"
#include "trainer/preference_data.h"
#include "trainer/rate_schedule.h"
#include "trainer/replace_folder.h"
#include "trainer/run_errors.h"
#include "trainer/run_folder.h"
#include "trainer/save_adapters.h"
#include "trainer/save_networks.h"
#include "trainer/training_description.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr const char* kReference = "reference.json";
constexpr const char* kBestBy = "loss";  // the lowest

json describe(const PreferenceTrainingOptions& options) {
  const PreferenceOptions& network = options.network;
  return {{"format", 1},
          {"version", TANDEM_VERSION},
          {"kind", "preferences"},
          {"corpus", describe_file(options.corpus)},
          {"preferences", describe_file(options.preferences)},
          {"dev", describe_file(options.dev)},
          {"dev_share", options.dev_share},
          {"encoder",
           options.encoder.empty() ? json() : describe_file(options.encoder / "model.safetensors")},
          {"generator", describe_file(options.generator)},
          {"training", {{"generator", tandem::describe(network.generator)}}},
          {"loss", {{"beta", network.beta}, {"chosen_weight", network.chosen_weight}}},
          {"batches",
           {{"pairs", options.batch_size},
            {"passages", options.passages},
            {"passage_tokens", options.passage_tokens},
            {"seed", options.seed}}},
          {"steps",
           {{"epochs", options.epochs},
            {"steps", options.steps},
            {"generator_rate", options.rate},
            {"warmup", options.warmup},
            {"evaluate_every", options.evaluate_every}}},
          {"numbers",
           {{"precision", name_of(network.precision)},
            {"gradient_limit", network.gradient_limit},
            {"tokens", network.tokens},
            {"threads", compute_threads()},
            {"seed", network.seed}}}};
}

PreferenceSets read_sets(const PreferenceTrainingOptions& options, const Corpus& corpus) {
  if (options.dev && options.dev_share > 0)
    throw Error(ErrorCode::kInvalidArgument, "dev pairs are given, and others are to be kept aside",
                "choose one of the two");
  auto pairs = read_preferences(options.preferences, corpus);
  if (options.dev_share > 0) return keep_aside(std::move(pairs), options.dev_share, options.seed);
  PreferenceSets sets = {std::move(pairs), {}};
  if (options.dev) sets.dev = read_preferences(*options.dev, corpus);
  if (options.dev && !options.allow_leaks) require_apart(sets.pairs, sets.dev);
  return sets;
}

// To pairs that name none.
void give_passages(const PreferenceTrainingOptions& options, const Corpus& corpus,
                   PreferenceSets& sets) {
  std::vector<PreferencePair*> without;
  for (std::vector<PreferencePair>* const pairs : {&sets.pairs, &sets.dev})
    for (PreferencePair& pair : *pairs)
      if (!pair.passages) without.push_back(&pair);
  if (without.empty()) return;
  if (options.encoder.empty())
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("pair {} names no passages", without.front()->id),
                R"(name them, "passages": [] for none, or have them retrieved by --encoder)");
  retrieve_passages(corpus, *Encoder::open(options.encoder), options.passages, without);
}

std::vector<PairLikelihoods> references_of(std::span<const PreferenceTokens> pairs) {
  std::vector<PairLikelihoods> references;
  references.reserve(pairs.size());
  for (const PreferenceTokens& pair : pairs) references.push_back(pair.reference);
  return references;
}

std::map<std::string, double> to_map(const PreferenceFigures& figures) {
  return {{"loss", figures.loss},
          {"wins", figures.wins},
          {"margin", figures.margin},
          {"likelier", figures.likelier}};
}

class PreferenceRun {
 public:
  PreferenceRun(const PreferenceTrainingOptions& options, const TrainingReporter& report);
  PreferenceTrainingReport run();

 private:
  void begin();
  void know_reference();
  std::vector<PairLikelihoods> score(std::span<const PreferenceTokens> pairs) const;
  void step();
  void evaluate();
  PreferenceFigures figures_of(std::span<const PreferenceTokens> pairs,
                               std::span<const PairLikelihoods> now) const {
    return preference_figures(now, references_of(pairs), options_.network.beta);
  }
  void remember_best();

  const PreferenceTrainingOptions& options_;
  RunProgress progress_;
  std::vector<PreferenceTokens> pairs_;
  std::vector<PreferenceTokens> dev_;
  std::optional<RunFolder> folder_;
  std::unique_ptr<PreferenceNetwork> network_;
  PreferenceTrainingReport result_;
};

PreferenceRun::PreferenceRun(const PreferenceTrainingOptions& options,
                             const TrainingReporter& report)
    : options_(options), progress_(report) {
  if (options.batch_size < 1 || options.passages < 1 || options.passage_tokens < 1)
    throw Error(ErrorCode::kInvalidArgument,
                "a batch needs pairs, and each of them passages with tokens");
  const Corpus corpus = read_corpus(options.corpus);
  PreferenceSets sets = read_sets(options, corpus);
  progress_.tell("reading");
  give_passages(options, corpus, sets);
  // For its tokens and its template alone: what learns is loaded anew.
  const auto generator = Generator::open(options.generator);
  pairs_ = preference_tokens(corpus, sets.pairs, *generator, options.passage_tokens);
  dev_ = preference_tokens(corpus, sets.dev, *generator, options.passage_tokens);
  progress_.set_steps(options.steps, options.epochs,
                      (pairs_.size() + options.batch_size - 1) / options.batch_size);
}

void PreferenceRun::begin() {
  network_ = PreferenceNetwork::load(DecoderWeights::open(options_.generator), options_.network);
  const json description = describe(options_);
  folder_ = options_.resume ? RunFolder::resume(options_.run, description)
                            : RunFolder::create(options_.run, description);
  know_reference();
  if (!dev_.empty()) result_.before = to_map(figures_of(dev_, references_of(dev_)));
  if (const auto step = folder_->checkpoint_step()) {
    network_->load_state(RunFolder::checkpoint(options_.run, *step) / "state.safetensors");
    progress_.go_on_from(*step);
    remember_best();
  }
}

// Before the network is anything but the generator at the beginning. A run that goes on reads what
// it wrote then, to the bit.
void PreferenceRun::know_reference() {
  const auto path = options_.run / kReference;
  const auto both = {std::pair("pairs", &pairs_), std::pair("dev", &dev_)};
  if (!exists(path)) {
    progress_.tell("scoring answers by the generator as it is");
    json reference;
    for (const auto& [name, pairs] : both) {
      const auto scores = score(*pairs);
      json& values = reference[name] = json::array();
      for (std::size_t i = 0; i < scores.size(); ++i) {
        (*pairs)[i].reference = scores[i];
        values.push_back({scores[i].chosen, scores[i].rejected});
      }
    }
    write_file_atomic(path, reference.dump());
    return;
  }
  try {
    const json reference = json::parse(read_file(path));
    for (const auto& [name, pairs] : both)
      for (std::size_t i = 0; i < pairs->size(); ++i) {
        const json& values = reference.at(name).at(i);
        (*pairs)[i].reference = {values.at(0), values.at(1)};
      }
  } catch (const json::exception& error) {
    throw Error(ErrorCode::kCorrupt, fmt::format("{}: {}", path.string(), error.what()),
                "remove the file; it is made again");
  }
}

std::vector<PairLikelihoods> PreferenceRun::score(std::span<const PreferenceTokens> pairs) const {
  auto scores = network_->score(pairs);
  for (std::size_t i = 0; i < pairs.size(); ++i)
    if (!std::isfinite(scores[i].chosen) || !std::isfinite(scores[i].rejected))
      throw Error(
          ErrorCode::kInternal,
          fmt::format("the likelihood of an answer of pair {} is not a finite number", pairs[i].id),
          fmt::format("what {} holds is as it was; take the pair out, lower the rate or "
                      "compute in --precision float32",
                      options_.run.string()));
  return scores;
}

// What the evaluations before the checkpoint came to.
void PreferenceRun::remember_best() {
  for (const json& line : folder_->metrics()) {
    const auto dev = line.find("dev");
    if (dev == line.end()) continue;
    auto figures = dev->get<std::map<std::string, double>>();
    if (!result_.after.empty() && figures.at(kBestBy) > result_.after.at(kBestBy)) continue;
    result_.after = std::move(figures);
    result_.best_step = line.at("step");
  }
}

void PreferenceRun::step() {
  const Stopwatch stopwatch;
  const double rate =
      options_.rate * rate_factor(progress_.step(), progress_.steps(), options_.warmup);
  std::vector<PreferenceTokens> batch;
  std::vector<std::string> ids;
  for (const std::size_t place :
       places_of_step(pairs_.size(), options_.batch_size, progress_.step(), options_.seed)) {
    batch.push_back(pairs_[place]);
    ids.push_back(pairs_[place].id);
  }
  const PreferenceStep result = network_->step(batch, rate);
  const double seconds = stopwatch.seconds();
  if (!result.finite)
    refuse_step(
        progress_.step() + 1, ids,
        [&](std::size_t place) {
          return network_->step({&batch[place], 1}, 0).finite;
        },
        options_.run);
  const PreferenceFigures figures = figures_of(batch, result.likelihoods);
  progress_.add_step(result.loss, result.tokens, seconds);
  folder_->add_metrics({{"step", progress_.step()},
                        {"steps", progress_.steps()},
                        {"loss", result.loss},
                        {"preference", figures.loss},
                        {"chosen", result.chosen},
                        {"wins", figures.wins},
                        {"margin", figures.margin},
                        {"chosen_reward", figures.chosen},
                        {"rejected_reward", figures.rejected},
                        {"generator_gradient", result.gradient},
                        {"generator_rate", rate},
                        {"generator_tokens", result.tokens},
                        {"seconds", seconds}});
}

void PreferenceRun::evaluate() {
  std::map<std::string, double> figures;
  if (!dev_.empty()) {
    progress_.tell("evaluating");
    figures = to_map(figures_of(dev_, score(dev_)));
  }
  const bool is_best = result_.after.empty() || figures.at(kBestBy) <= result_.after.at(kBestBy);
  if (is_best) {
    progress_.tell("saving");
    const TemporaryPath temporary(options_.run / "unfinished");
    std::filesystem::create_directories(temporary.path());
    save_gguf([&](const WeightVisitor& visit) { network_->visit(visit); }, options_.generator,
              temporary.path() / "generator.gguf");
    save_generator_adapter(network_->changes(), options_.network.generator.lora_alpha,
                           options_.generator, temporary.path() / "adapter");
    publish_all(temporary.path(), options_.run);
    result_.after = figures;
    result_.best_step = progress_.step();
  }
  // Last: a line says that its generator is in its place.
  if (!dev_.empty()) folder_->add_metrics({{"step", progress_.step()}, {"dev", figures}});
}

PreferenceTrainingReport PreferenceRun::run() {
  const Stopwatch stopwatch;
  begin();
  while (!progress_.is_done()) {
    progress_.tell(kTrainingStage);
    step();
    const bool measured = !dev_.empty() && progress_.is_due(options_.evaluate_every);
    if (measured || progress_.is_done()) evaluate();
    if (!progress_.is_done() && progress_.is_due(options_.checkpoint_every))
      folder_->add_checkpoint(progress_.step(), options_.kept_checkpoints, [&](const auto& path) {
        network_->save_state(path / "state.safetensors");
      });
  }
  result_.steps = progress_.step();
  result_.seconds = stopwatch.seconds();
  folder_->write_result({{"steps", result_.steps},
                         {"seconds", result_.seconds},
                         {"best_step", result_.best_step},
                         {"best_by", dev_.empty() ? "" : kBestBy},
                         {"dev_before", result_.before},
                         {"dev_after", result_.after}});
  return result_;
}

}  // namespace

PreferenceTrainingReport train_preferences(const PreferenceTrainingOptions& options,
                                           const TrainingReporter& report) {
  return with_file_errors([&] { return PreferenceRun(options, report).run(); });
}

}  // namespace tandem
