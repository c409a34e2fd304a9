#include "server/tuning/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "server/http_error.h"
#include "server/json_fields.h"
#include "store/store.h"
#include "trainer/promotion_gate.h"
#include "trainer/training.h"
#include "trainer/training_description.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxSuffix = 64;
constexpr std::int64_t kMaxSeed = INT32_MAX;
constexpr std::int64_t kMaxSteps = 10'000'000;
// A run that was interrupted goes on from there.
constexpr std::int64_t kCheckpointEvery = 50;

constexpr std::array<const char*, 10> kKnownFields = {
    "model",    "training_file", "validation_file", "seed",         "suffix",
    "metadata", "method",        "hyperparameters", "integrations", "tandem"};

// An option of `tandem train`, as a field of "tandem".
struct NumberOption {
  const char* field;
  const char* flag;
  double low;
  double high;
  bool whole;
};
constexpr NumberOption kNumberOptions[] = {
    {"steps", "--steps", 1, kMaxSteps, true},
    {"lora_rank", "--lora", 0, 4096, true},
    {"passages", "--passages", 1, 256, true},
    {"pool", "--pool", 1, 4096, true},
    {"negatives", "--negatives", 0, 1024, true},
    {"passage_tokens", "--passage-tokens", 8, 1 << 16, true},
    {"refresh", "--refresh", 0, kMaxSteps, true},
    {"evaluate", "--evaluate", 0, kMaxSteps, true},
    {"dev_answers", "--dev-answers", 0, kMaxSteps, true},
    {"together", "--together", 0, 1, false},
    {"abstain", "--abstain", 0, 1, false},
    {"joint_weight", "--joint-weight", 0, 1e6, false},
    {"contrastive_weight", "--contrastive-weight", 0, 1e6, false},
    {"temperature", "--temperature", 1e-4, 100, false},
    {"warmup", "--warmup", 0, 1, false},
};

std::string required_text(const Fields& fields, std::string_view name) {
  const auto value = fields.text(name);
  if (!value || value->empty()) fields.fail(name, "is missing.");
  return *value;
}

std::string parse_suffix(const Fields& fields) {
  std::string suffix = fields.text("suffix").value_or("");
  const bool plain = std::all_of(suffix.begin(), suffix.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (!plain || suffix.size() > kMaxSuffix) {
    fields.fail("suffix", fmt::format("becomes part of a file's name: at most {} letters, digits "
                                      "and any of '-', '_' and '.'.",
                                      kMaxSuffix));
  }
  return suffix;
}

// "auto" and nothing are the same.
bool is_given(const Fields& fields, const char* name) {
  const json* const value = fields.find(name);
  return value != nullptr && *value != "auto";
}

void parse_hyperparameters(const Fields& fields, TuningRequest& request) {
  const auto hyper = fields.object("hyperparameters");
  if (!hyper) return;
  if (is_given(*hyper, "n_epochs")) request.n_epochs = hyper->integer("n_epochs", 1, 1000);
  if (is_given(*hyper, "batch_size")) request.batch_size = hyper->integer("batch_size", 1, 4096);
  if (is_given(*hyper, "learning_rate_multiplier")) {
    request.learning_rate_multiplier = hyper->number("learning_rate_multiplier", 1e-6, 1000);
  }
}

void parse_method(const Fields& fields, TuningRequest& request) {
  parse_hyperparameters(fields, request);  // their old place
  const auto method = fields.object("method");
  if (!method) return;
  const std::string type = required_text(*method, "type");
  if (type == "dpo" || type == "reinforcement") {
    method->fail("type", fmt::format("is '{}', which this server does not do; it has 'supervised' "
                                     "and 'joint'.",
                                     type));
  }
  const std::map<std::string, TuningMethod> methods = {{"supervised", TuningMethod::kSupervised},
                                                       {"joint", TuningMethod::kJoint}};
  request.method = *method->choice("type", methods);
  if (const auto settings = method->object(type)) parse_hyperparameters(*settings, request);
}

class Arguments {
 public:
  void add(const char* flag) { all_.emplace_back(flag); }
  template <typename Value>
  void add(const char* flag, const Value& value) {
    all_.emplace_back(flag);
    all_.push_back(fmt::format("{}", value));
  }
  std::vector<std::string> take() { return std::move(all_); }

 private:
  std::vector<std::string> all_;
};

void parse_gate_fields(const Fields& fields, TuningRequest& request) {
  request.promote = fields.boolean("promote").value_or(false);
  request.promote_if = fields.text("promote_if").value_or("");
  if (request.promote_if.empty()) return;
  if (request.promote) fields.fail("promote_if", "and 'promote' exclude each other.");
  try {
    parse_gate(request.promote_if);
  } catch (const Error& error) {
    fields.fail("promote_if", fmt::format("is no condition: {}", error.what()));
  }
  if (request.validation_file.empty() && request.dev_share == 0) {
    fields.fail("promote_if",
                "has nothing to compare: give questions to measure by, as 'validation_file' or "
                "with 'tandem.dev_share'.");
  }
}

void parse_own(const Fields& fields, TuningRequest& request, Arguments& arguments) {
  request.corpus_file = fields.text("corpus_file").value_or("");
  const auto collection = fields.collection("collection");
  if (collection && !request.corpus_file.empty()) {
    fields.fail("corpus_file", "and 'collection' exclude each other.");
  }
  request.collection = collection.value_or(kDefaultCollection);
  request.dev_share = fields.number("dev_share", 0, 0.9).value_or(0);
  if (request.dev_share > 0) {
    if (!request.validation_file.empty()) {
      fields.fail("dev_share", "and 'validation_file' exclude each other.");
    }
    arguments.add("--dev-share", request.dev_share);
  }
  for (const NumberOption& option : kNumberOptions) {
    if (option.whole) {
      const auto value = fields.integer(option.field, static_cast<std::int64_t>(option.low),
                                        static_cast<std::int64_t>(option.high));
      if (value) arguments.add(option.flag, *value);
    } else if (const auto value = fields.number(option.field, option.low, option.high)) {
      arguments.add(option.flag, *value);
    }
  }
  if (fields.choice("loss", joint_losses())) arguments.add("--loss", *fields.text("loss"));
  const std::map<std::string, int> figures = {{"recall@1", 0}, {"mrr", 0}, {"f1", 0}, {"em", 0}};
  if (fields.choice("best_by", figures)) arguments.add("--best-by", *fields.text("best_by"));
  if (fields.boolean("allow_leaks").value_or(false)) arguments.add("--allow-leaks");
  if (fields.boolean("checkpoint_activations").value_or(false)) {
    arguments.add("--checkpoint-activations");
  }
  arguments.add("--checkpoint",
                fields.integer("checkpoint", 1, kMaxSteps).value_or(kCheckpointEvery));
  parse_gate_fields(fields, request);
}

void add_rates(const Fields& own, const TuningRequest& request, Arguments& arguments) {
  const double multiplier = request.learning_rate_multiplier.value_or(1);
  const auto add = [&](const char* field, const char* flag, double usual) {
    const double rate = own.number(field, 0, 1).value_or(usual) * multiplier;
    arguments.add(flag, std::min(rate, 1.0));
  };
  const StepRates usual = TrainingOptions().rates;
  add("encoder_rate", "--encoder-rate", usual.encoder);
  add("generator_rate", "--generator-rate", usual.generator);
}

}  // namespace

TuningRequest parse_tuning_request(const json& body) {
  const Fields fields(body);
  TuningRequest request;
  request.model = required_text(fields, "model");
  request.training_file = required_text(fields, "training_file");
  request.validation_file = fields.text("validation_file").value_or("");
  const auto seed = fields.integer("seed", 0, kMaxSeed);
  request.seed = seed ? static_cast<std::uint64_t>(*seed) : std::random_device()() >> 1;
  request.suffix = parse_suffix(fields);
  request.metadata = fields.metadata("metadata").value_or(Metadata());
  parse_method(fields, request);
  const json* const integrations = fields.array("integrations", 100);
  if (integrations != nullptr && !integrations->empty()) {
    fields.fail("integrations", "are not supported; the job's events have all figures.");
  }

  Arguments arguments;
  arguments.add("--train", request.method == TuningMethod::kJoint ? "both" : "generator");
  arguments.add("--seed", request.seed);
  if (request.n_epochs) arguments.add("--epochs", *request.n_epochs);
  if (request.batch_size) arguments.add("--batch", *request.batch_size);
  const json none = json::object();
  const Fields own = fields.object("tandem").value_or(Fields(none, "tandem"));
  parse_own(own, request, arguments);
  add_rates(own, request, arguments);
  request.arguments = arguments.take();

  for (const char* const name : kKnownFields) {
    if (const json* const value = fields.find(name)) request.body[name] = *value;
  }
  request.body["seed"] = request.seed;
  return request;
}

}  // namespace tandem
