#include "trainer/training_description.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/hash.h"
#include "model/threads.h"

namespace tandem {
namespace {

using nlohmann::json;

const char* name_of(QuestionSelection selection) {
  switch (selection) {
    case QuestionSelection::kLoss:
      return "loss";
    case QuestionSelection::kPerplexity:
      return "perplexity";
    case QuestionSelection::kDiversity:
      return "diversity";
    case QuestionSelection::kAll:
      break;
  }
  return "all";
}

std::string name_of(JointLossKind kind) {
  const auto& names = joint_losses();
  return std::find_if(names.begin(), names.end(),
                      [&](const auto& known) { return known.second == kind; })
      ->first;
}

}  // namespace

json describe_file(const std::filesystem::path& path) {
  return {{"path", path.string()}, {"sha256", sha256_hex(MappedFile(path).bytes())}};
}

json describe_file(const std::optional<std::filesystem::path>& path) {
  return path ? describe_file(*path) : json();
}

json describe(const NetworkOptions& options) {
  if (!options.trained) return {{"trained", false}};
  json description = {{"trained", true}, {"weight_decay", options.weight_decay}};
  if (options.lora_rank > 0)
    description["lora"] = {{"rank", options.lora_rank}, {"alpha", options.lora_alpha}};
  return description;
}

const char* name_of(TrainingPrecision precision) {
  if (precision == TrainingPrecision::kFloat) return "float32";
  return precision == TrainingPrecision::kBFloat16 ? "bfloat16" : "fastest";
}

const std::map<std::string, JointLossKind>& joint_losses() {
  static const std::map<std::string, JointLossKind> losses = {
      {"rag-sequence", JointLossKind::kRagSequence},
      {"rag-token", JointLossKind::kRagToken},
      {"emdr2", JointLossKind::kEmdr2},
      {"pdist", JointLossKind::kPerplexityDistillation},
      {"replug", JointLossKind::kReplug},
      {"loo", JointLossKind::kLeaveOneOut}};
  return losses;
}

json describe(const TrainingOptions& options) {
  const JointOptions& networks = options.networks;
  const BatchOptions& batches = options.batches;
  json description = {
      {"format", 1},
      {"version", TANDEM_VERSION},
      {"corpus", describe_file(options.corpus)},
      {"questions", describe_file(options.questions)},
      {"unanswerable", describe_file(options.unanswerable)},
      {"dev", describe_file(options.dev)},
      {"dev_share", options.dev_share},
      {"encoder", describe_file(options.encoder / "model.safetensors")},
      {"generator", options.generator.empty() ? json() : describe_file(options.generator)},
      {"training",
       {{"encoder", describe(networks.encoder)}, {"generator", describe(networks.generator)}}},
      {"loss",
       {{"kind", name_of(networks.loss.kind)},
        {"likelihood", networks.loss.likelihood == AnswerLikelihood::kSum ? "sum" : "mean"},
        {"temperature", networks.loss.temperature},
        {"generator_weight", networks.loss.generator_weight},
        {"joint_weight", networks.joint_weight},
        {"contrastive_weight", networks.contrastive_weight},
        {"score_temperature", networks.score_temperature}}},
      {"selection", {{"by", name_of(options.selection.by)}, {"share", options.selection.share}}},
      {"batches",
       {{"questions", batches.batch_size},
        {"passages", batches.passages},
        {"pool", batches.pool},
        {"negatives", batches.negatives},
        {"passage_tokens", batches.passage_tokens},
        {"together_share", batches.together_share},
        {"abstention_share", batches.abstention_share},
        {"seed", batches.seed}}},
      {"steps",
       {{"epochs", options.epochs},
        {"steps", options.steps},
        {"encoder_rate", options.rates.encoder},
        {"generator_rate", options.rates.generator},
        {"warmup", options.warmup},
        {"refresh_every", options.refresh_every},
        {"evaluate_every", options.evaluate_every},
        {"dev_answers", options.dev_answers},
        {"best_by", options.best_by}}},
      {"numbers",
       {{"precision", name_of(networks.precision)},
        {"gradient_limit", networks.gradient_limit},
        {"encoder_tokens", networks.encoder_tokens},
        {"generator_tokens", networks.generator_tokens},
        {"threads", compute_threads()},
        {"seed", networks.seed}}}};
  if (options.workers->size() > 1) description["numbers"]["workers"] = options.workers->size();
  return description;
}

}  // namespace tandem
