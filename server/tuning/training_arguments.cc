#include "server/tuning/training_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "trainer/preference_training.h"
#include "trainer/training.h"
#include "trainer/training_description.h"

namespace tandem {
namespace {

constexpr std::int64_t kMaxSteps = 10'000'000;
// A run that was interrupted goes on from there.
constexpr std::int64_t kCheckpointEvery = 50;

enum class For { kAll, kQuestions, kPreferences };

// An option of `tandem train`, or of `tandem train preferences`, as a field of "tandem".
struct NumberOption {
  const char* field;
  const char* flag;
  double low;
  double high;
  bool whole;
  For what;
};
constexpr NumberOption kNumberOptions[] = {
    {"steps", "--steps", 1, kMaxSteps, true, For::kAll},
    {"lora_rank", "--lora", 0, 4096, true, For::kAll},
    {"passages", "--passages", 1, 256, true, For::kAll},
    {"passage_tokens", "--passage-tokens", 8, 1 << 16, true, For::kAll},
    {"evaluate", "--evaluate", 0, kMaxSteps, true, For::kAll},
    {"warmup", "--warmup", 0, 1, false, For::kAll},
    {"pool", "--pool", 1, 4096, true, For::kQuestions},
    {"negatives", "--negatives", 0, 1024, true, For::kQuestions},
    {"refresh", "--refresh", 0, kMaxSteps, true, For::kQuestions},
    {"dev_answers", "--dev-answers", 0, kMaxSteps, true, For::kQuestions},
    {"together", "--together", 0, 1, false, For::kQuestions},
    {"abstain", "--abstain", 0, 1, false, For::kQuestions},
    {"joint_weight", "--joint-weight", 0, 1e6, false, For::kQuestions},
    {"contrastive_weight", "--contrastive-weight", 0, 1e6, false, For::kQuestions},
    {"temperature", "--temperature", 1e-4, 100, false, For::kQuestions},
    {"chosen_weight", "--chosen-weight", 0, 1e6, false, For::kPreferences},
};
// Beside those of numbers, fields that only questions have a use for.
constexpr std::array<const char*, 4> kQuestionFields = {"loss", "best_by", "encoder_rate",
                                                        "promote_if"};

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

[[noreturn]] void refuse_for_method(const Fields& own, const char* field,
                                    const TuningRequest& request) {
  own.fail(field, fmt::format("is of no use to the method '{}'.", to_string(request.method)));
}

void add_numbers(const Fields& own, const TuningRequest& request, Arguments& arguments) {
  const bool preferences = request.method == TuningMethod::kDpo;
  for (const NumberOption& option : kNumberOptions) {
    const bool of_use =
        option.what == For::kAll || (option.what == For::kPreferences) == preferences;
    if (!of_use && own.find(option.field) != nullptr) {
      refuse_for_method(own, option.field, request);
    }
    if (option.whole) {
      const auto value = own.integer(option.field, static_cast<std::int64_t>(option.low),
                                     static_cast<std::int64_t>(option.high));
      if (value) arguments.add(option.flag, *value);
    } else if (const auto value = own.number(option.field, option.low, option.high)) {
      arguments.add(option.flag, *value);
    }
  }
}

void add_rate(const Fields& own, const char* field, const char* flag, double usual,
              const TuningRequest& request, Arguments& arguments) {
  const double multiplier = request.learning_rate_multiplier.value_or(1);
  arguments.add(flag, std::min(own.number(field, 0, 1).value_or(usual) * multiplier, 1.0));
}

void add_those_of_questions(const Fields& own, const TuningRequest& request, Arguments& arguments) {
  arguments.add("--train", request.method == TuningMethod::kJoint ? "both" : "generator");
  if (own.choice("loss", joint_losses())) arguments.add("--loss", *own.text("loss"));
  const std::map<std::string, int> figures = {{"recall@1", 0}, {"mrr", 0}, {"f1", 0}, {"em", 0}};
  if (own.choice("best_by", figures)) arguments.add("--best-by", *own.text("best_by"));
  const StepRates usual = TrainingOptions().rates;
  add_rate(own, "encoder_rate", "--encoder-rate", usual.encoder, request, arguments);
  add_rate(own, "generator_rate", "--generator-rate", usual.generator, request, arguments);
}

void add_those_of_preferences(const Fields& own, const TuningRequest& request,
                              Arguments& arguments) {
  for (const char* const field : kQuestionFields) {
    if (own.find(field) != nullptr) refuse_for_method(own, field, request);
  }
  if (request.beta) arguments.add("--beta", *request.beta);
  add_rate(own, "generator_rate", "--generator-rate", PreferenceTrainingOptions().rate, request,
           arguments);
}

}  // namespace

std::vector<std::string> training_arguments(const Fields& own, const TuningRequest& request) {
  Arguments arguments;
  arguments.add("--seed", request.seed);
  if (request.n_epochs) arguments.add("--epochs", *request.n_epochs);
  if (request.batch_size) arguments.add("--batch", *request.batch_size);
  if (request.dev_share > 0) arguments.add("--dev-share", request.dev_share);
  add_numbers(own, request, arguments);
  if (own.boolean("allow_leaks").value_or(false)) arguments.add("--allow-leaks");
  if (own.boolean("checkpoint_activations").value_or(false)) {
    arguments.add("--checkpoint-activations");
  }
  arguments.add("--checkpoint", own.integer("checkpoint", 1, kMaxSteps).value_or(kCheckpointEvery));
  if (request.method == TuningMethod::kDpo) {
    add_those_of_preferences(own, request, arguments);
  } else {
    add_those_of_questions(own, request, arguments);
  }
  return arguments.take();
}

}  // namespace tandem
