#include "server/tuning/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "server/http_error.h"
#include "server/json_fields.h"
#include "server/tuning/training_arguments.h"
#include "store/store.h"
#include "trainer/promotion_gate.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxSuffix = 64;
constexpr std::int64_t kMaxSeed = INT32_MAX;

constexpr std::array<const char*, 10> kKnownFields = {
    "model",    "training_file", "validation_file", "seed",         "suffix",
    "metadata", "method",        "hyperparameters", "integrations", "tandem"};

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
  if (is_given(*hyper, "beta")) request.beta = hyper->number("beta", 1e-6, 1000);
}

const std::map<std::string, TuningMethod> kMethods = {{"supervised", TuningMethod::kSupervised},
                                                      {"joint", TuningMethod::kJoint},
                                                      {"dpo", TuningMethod::kDpo}};

void parse_method(const Fields& fields, TuningRequest& request) {
  parse_hyperparameters(fields, request);  // their old place
  const auto method = fields.object("method");
  if (!method) return;
  const std::string type = required_text(*method, "type");
  request.method = *method->choice("type", kMethods);
  if (const auto settings = method->object(type)) parse_hyperparameters(*settings, request);
}

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

void parse_own(const Fields& fields, TuningRequest& request) {
  request.corpus_file = fields.text("corpus_file").value_or("");
  const auto collection = fields.collection("collection");
  if (collection && !request.corpus_file.empty()) {
    fields.fail("corpus_file", "and 'collection' exclude each other.");
  }
  request.collection = collection.value_or(kDefaultCollection);
  request.dev_share = fields.number("dev_share", 0, 0.9).value_or(0);
  if (request.dev_share > 0 && !request.validation_file.empty()) {
    fields.fail("dev_share", "and 'validation_file' exclude each other.");
  }
  parse_gate_fields(fields, request);
}

}  // namespace

std::string_view to_string(TuningMethod method) {
  for (const auto& [name, meant] : kMethods) {
    if (meant == method) return name;
  }
  return {};
}

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

  const json none = json::object();
  const Fields own = fields.object("tandem").value_or(Fields(none, "tandem"));
  parse_own(own, request);
  request.arguments = training_arguments(own, request);

  for (const char* const name : kKnownFields) {
    if (const json* const value = fields.find(name)) request.body[name] = *value;
  }
  request.body["seed"] = request.seed;
  return request;
}

}  // namespace tandem
