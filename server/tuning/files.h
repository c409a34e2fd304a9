// The files of a job's folder (server/tuning/job.h) that its training reads and leaves behind.
#ifndef TANDEM_SERVER_TUNING_FILES_H_
#define TANDEM_SERVER_TUNING_FILES_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "server/releases.h"
#include "server/tuning/job.h"
#include "store/store.h"

namespace tandem {

inline constexpr char kTrainingLines[] = "train.jsonl";
inline constexpr char kDevLines[] = "dev.jsonl";
inline constexpr char kTuningCorpus[] = "corpus.jsonl";
inline constexpr char kTuningRun[] = "run";
inline constexpr char kTuningLog[] = "log.txt";

// Writes the passages of a collection as a corpus (trainer/question_set.h), each by its id. Throws
// kInvalidArgument for a collection without any, and as OutputFile does.
void export_corpus(const Store& store, std::string_view collection,
                   const std::filesystem::path& path);

// The command, beginning with `program`, that trains the job's models, or goes on with that, when
// it is run in the folder of the store. All paths in it are relative to that, so that a store which
// was moved meanwhile goes on as well.
std::vector<std::string> training_command(const TuningJob& job, const std::filesystem::path& store,
                                          const std::filesystem::path& program);

// What was trained, under the names that it will have: those of the models that it came from, with
// the suffix or the beginning of the id, since embeddings of two encoders must not be mistaken for
// each other. What was not trained is left as it was.
ReleaseModels trained_models(const TuningJob& job, const std::filesystem::path& store);

// How far a run is.
struct RunProgressSoFar {
  bool begun = false;
  bool ended = false;
  std::size_t steps = 0;    // done
  std::size_t planned = 0;  // in all; 0 before the first is done
  std::int64_t tokens = 0;
  double seconds = 0;  // that these steps took
};
RunProgressSoFar progress_of(const std::filesystem::path& run);

// The last thing that `tandem train` complained of, or else what its exit code says.
std::string failure_of(const std::filesystem::path& log, int exit_code);

}  // namespace tandem

#endif  // TANDEM_SERVER_TUNING_FILES_H_
