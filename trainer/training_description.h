// A run's options as JSON: what run.json records, and a resumed run is compared with.
#ifndef TANDEM_TRAINER_TRAINING_DESCRIPTION_H_
#define TANDEM_TRAINER_TRAINING_DESCRIPTION_H_

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "trainer/training.h"

namespace tandem {

// By the names that users give them: "rag-sequence", "rag-token", "emdr2", "pdist", "replug",
// "loo".
const std::map<std::string, JointLossKind>& joint_losses();

// Its path and SHA-256. Throws kNotFound for a file that is not there.
nlohmann::json describe_file(const std::filesystem::path& path);
// Null without a path.
nlohmann::json describe_file(const std::optional<std::filesystem::path>& path);
nlohmann::json describe(const NetworkOptions& options);
const char* name_of(TrainingPrecision precision);

// All that decides what a run does, the SHA-256 of its files included. Throws kNotFound for a file
// that is not there.
nlohmann::json describe(const TrainingOptions& options);

}  // namespace tandem

#endif  // TANDEM_TRAINER_TRAINING_DESCRIPTION_H_
