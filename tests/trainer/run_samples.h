// What tests of whole runs begin with and look at.
#ifndef TANDEM_TESTS_TRAINER_RUN_SAMPLES_H_
#define TANDEM_TESTS_TRAINER_RUN_SAMPLES_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/errors.h"
#include "tests/support/full_disk.h"
#include "trainer/run_progress.h"

namespace tandem::testing {

inline constexpr const char* kSmallCorpus =
    R"({"id": "p1", "title": "Harbour", "text": "The lighthouse of Varn was lit in 1862."}
{"id": "p2", "title": "Harbour", "text": "The harbour master lives in the white house on the quay."}
{"id": "p3", "title": "Orchard", "text": "The orchard grows pears of the kind called Winter Nelis."}
{"id": "p4", "title": "Mill", "text": "The mill burned down twice and was built of brick after that."}
)";

// Every line must be JSON: RunFolder passes over those that are not.
inline std::vector<nlohmann::json> metrics_without_times(const std::filesystem::path& run) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(read_file(run / "metrics.jsonl"));
  for (std::string line; std::getline(text, line);) {
    lines.push_back(nlohmann::json::parse(line));
    lines.back().erase("seconds");
  }
  return lines;
}

// The disk is full for files of more than 64 KiB while the second checkpoint is written; then the
// run goes on from the first. `train` is the function that makes runs with such options.
template <typename Options, typename Train>
void expect_to_survive_a_full_disk(Options& options, const Train& train) {
  options.dev.reset();
  options.checkpoint_every = 1;
  options.steps = 3;
  std::optional<FullDisk> full;
  const auto error = error_of([&] {
    train(options, [&](const TrainingProgress& progress) {
      if (progress.doing == kTrainingStage && progress.step == 1) full.emplace(1 << 16);
    });
  });
  full.reset();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kResourceExhausted) << error->what();
  EXPECT_TRUE(exists(options.run / "checkpoints" / "step-00000001" / "state.safetensors"));
  EXPECT_FALSE(exists(options.run / "checkpoints" / "unfinished"));
  options.resume = true;
  EXPECT_EQ(train(options, {}).steps, 3u);
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_TRAINER_RUN_SAMPLES_H_
