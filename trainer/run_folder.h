// The folder of a run of training (trainer/training.h lists what is in it).
#ifndef TANDEM_TRAINER_RUN_FOLDER_H_
#define TANDEM_TRAINER_RUN_FOLDER_H_

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

namespace tandem {

// For one thread, and one process, at a time.
class RunFolder {
 public:
  static bool holds_run(const std::filesystem::path& path);
  // A new run: makes the folder and writes run.json. Throws kAlreadyExists if it holds a run.
  static RunFolder create(const std::filesystem::path& path, const nlohmann::json& description);
  // A run that was ended: its description must be equal to `description`, and the newest checkpoint
  // is where it goes on; lines of metrics after that step are dropped. Throws kNotFound if there is
  // no run, and kInvalidArgument naming the first setting that differs.
  static RunFolder resume(const std::filesystem::path& path, const nlohmann::json& description);

  const std::filesystem::path& path() const { return path_; }
  // The step of the checkpoint that a resumed run goes on from; nullopt: from the beginning.
  std::optional<std::size_t> checkpoint_step() const { return checkpoint_step_; }
  static std::filesystem::path checkpoint(const std::filesystem::path& path, std::size_t step);
  // Of the checkpoints in the folder of any run, growing.
  static std::vector<std::size_t> checkpoint_steps(const std::filesystem::path& path);

  // The lines of metrics.jsonl; those of the folder of any run.
  std::vector<nlohmann::json> metrics() const;
  static std::vector<nlohmann::json> read_metrics(const std::filesystem::path& path);
  // Appends a line to it. Lines are flushed, and synced with the next checkpoint.
  void add_metrics(const nlohmann::json& line);
  // `write` fills a new folder, which then becomes the checkpoint of this step; the oldest beyond
  // `kept` are removed. Throws kResourceExhausted if the disk is full, with the ones before intact.
  void add_checkpoint(std::size_t step, std::size_t kept,
                      const std::function<void(const std::filesystem::path&)>& write);
  void write_result(const nlohmann::json& result);

 private:
  explicit RunFolder(const std::filesystem::path& path) : path_(path) {}

  std::filesystem::path path_;
  std::optional<std::size_t> checkpoint_step_;
  std::ofstream metrics_;
};

// A number of a line of metrics or of a result, which anybody may have written; 0 where there is
// none.
double number_of(const nlohmann::json& object, const char* name);
// The same of what is counted: 0 for what cannot be a count.
std::size_t count_of(const nlohmann::json& object, const char* name);

}  // namespace tandem

#endif  // TANDEM_TRAINER_RUN_FOLDER_H_
