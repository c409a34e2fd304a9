// Jobs of fine-tuning as OpenAI's clients know them; `run` is the folder of a job's run, which is
// read at that moment. Safe from any thread.
#ifndef TANDEM_SERVER_TUNING_JSON_H_
#define TANDEM_SERVER_TUNING_JSON_H_

#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "server/tuning/job.h"

namespace tandem {

// fine_tuning.job, with an object "tandem": {collection, corpus_file, promote, promote_if, step,
// steps}.
nlohmann::json to_json(const TuningJob& job, const std::filesystem::path& run);

// fine_tuning.job.event, the newest first: what happened to the job, and each step and evaluation
// ("metrics", whose `data` is the run's own line). Their times follow from how long steps took.
std::vector<nlohmann::json> tuning_events(const TuningJob& job, const std::filesystem::path& run);

// fine_tuning.job.checkpoint, the newest first: the step that became the release, under its name;
// before that, those that an interrupted run goes on from, which cannot be served.
std::vector<nlohmann::json> tuning_checkpoints(const TuningJob& job,
                                               const std::filesystem::path& run);

}  // namespace tandem

#endif  // TANDEM_SERVER_TUNING_JSON_H_
