// What tests of whole runs begin with and look at.
#ifndef TANDEM_TESTS_TRAINER_RUN_SAMPLES_H_
#define TANDEM_TESTS_TRAINER_RUN_SAMPLES_H_

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"

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

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_TRAINER_RUN_SAMPLES_H_
