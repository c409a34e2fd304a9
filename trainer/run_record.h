// What the folders of runs say (trainer/training.h lists what is in one), for people to look at and
// compare.
#ifndef TANDEM_TRAINER_RUN_RECORD_H_
#define TANDEM_TRAINER_RUN_RECORD_H_

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tandem {

// Of one number over the steps, growing; numbers that are not finite, or beyond 1e100, are left
// out.
using Curve = std::vector<std::pair<double, double>>;

struct RunRecord {
  std::string name;  // of the folder
  // All that run.json says, by the way to it: "loss/kind" is "pdist".
  std::map<std::string, std::string> options;
  std::map<std::string, Curve> curves;   // by the names of metrics.jsonl: "loss", "dev f1"
  std::map<std::string, double> before;  // of the dev questions (evaluation_figures.h)
  std::map<std::string, double> after;   // at the best step, or the last one so far
  std::size_t steps = 0;                 // done
  std::size_t best_step = 0;             // 0: not known yet
  std::string best_by;
  double seconds = 0;
  bool ended = false;
};

// Throws kNotFound where the folder holds no run, and kCorrupt for files that no run writes.
RunRecord read_run(const std::filesystem::path& folder);

struct RunRecords {
  std::vector<RunRecord> runs;               // by name
  std::vector<std::string> unreadable = {};  // what is wrong with others
};

// Those in `folder` and in the folders that it holds. Throws kNotFound where there is none.
RunRecords find_runs(const std::filesystem::path& folder);

// Names of options that are not the same in all of them.
std::vector<std::string> differing_options(std::span<const RunRecord> runs);

}  // namespace tandem

#endif  // TANDEM_TRAINER_RUN_RECORD_H_
