// The body of POST /v1/fine_tuning/jobs.
#ifndef TANDEM_SERVER_TUNING_REQUEST_H_
#define TANDEM_SERVER_TUNING_REQUEST_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/json_fields.h"

namespace tandem {

enum class TuningMethod {
  kSupervised,  // the generator learns to answer from what the encoder, as it is, retrieves
  kJoint,       // both learn, each from the other
  kDpo,         // the generator learns which of two answers is preferred
};

// As OpenAI calls it: "dpo".
std::string_view to_string(TuningMethod method);

struct TuningRequest {
  std::string model;
  std::string training_file;    // ids of uploaded files
  std::string validation_file;  // empty: none
  std::uint64_t seed = 0;
  std::string suffix;  // empty: none
  Metadata metadata;
  TuningMethod method = TuningMethod::kSupervised;
  std::optional<std::int64_t> n_epochs;
  std::optional<std::int64_t> batch_size;
  std::optional<double> learning_rate_multiplier;
  std::optional<double> beta;  // of kDpo
  // From the object "tandem".
  std::string collection;   // whose passages are searched
  std::string corpus_file;  // or else the id of an uploaded file with passages
  double dev_share = 0;
  bool promote = false;
  std::string promote_if;  // a gate (trainer/promotion_gate.h)
  // All options of `tandem train` that follow from the request, files and models apart.
  std::vector<std::string> arguments;

  // What was asked for, with the seed: the known fields only. Parsing it again gives the same.
  nlohmann::json body;
};

// What OpenAI documents, as far as Tandem has it, and the object "tandem" beside it;
// server/README.md lists the fields. Throws RequestError (400) naming the first field that is
// wrong. Unknown fields are ignored; known ones that Tandem cannot honour are refused. Pure, but
// for the seed, which is drawn where none is given.
TuningRequest parse_tuning_request(const nlohmann::json& body);

}  // namespace tandem

#endif  // TANDEM_SERVER_TUNING_REQUEST_H_
