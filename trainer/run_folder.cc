#include "trainer/run_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "trainer/replace_folder.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr const char* kDescription = "run.json";
constexpr const char* kMetrics = "metrics.jsonl";
constexpr const char* kCheckpoints = "checkpoints";
constexpr std::string_view kStep = "step-";

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw Error(ErrorCode::kResourceExhausted,
              fmt::format("cannot write {}: {}", path.string(), what),
              "free space on the disk, then go on with --resume");
}

void drop_metrics_after(const std::filesystem::path& path, std::size_t step) {
  std::string kept;
  for (const json& line : RunFolder::read_metrics(path))
    if (line.value("step", SIZE_MAX) <= step) kept += line.dump() + "\n";
  write_file_atomic(path / kMetrics, kept);
}

void require_equal(const json& before, const json& now) {
  const json changes = json::diff(before, now);
  if (changes.empty()) return;
  const std::string where = changes.front().at("path");
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("the run was begun with another {}", where.empty() ? "form" : where.substr(1)),
      "resume it with the options that it was begun with, or begin a new one");
}

}  // namespace

double number_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::size_t count_of(const json& object, const char* name) {
  const double number = number_of(object, name);
  return number >= 0 && number < 1e15 ? static_cast<std::size_t>(number) : 0;
}

bool RunFolder::holds_run(const std::filesystem::path& path) {
  return exists(path / kDescription);
}

RunFolder RunFolder::create(const std::filesystem::path& path, const json& description) {
  if (holds_run(path))
    throw Error(ErrorCode::kAlreadyExists, fmt::format("{} holds a run already", path.string()),
                "go on with it by --resume, or choose another folder");
  std::error_code error;
  std::filesystem::create_directories(path / kCheckpoints, error);
  if (error) fail(path, error.message());
  RunFolder folder(path);
  folder.metrics_.open(path / kMetrics, std::ios::app);
  if (!folder.metrics_) fail(path / kMetrics, "it cannot be opened");
  // Last: a folder without it holds no run.
  write_file_atomic(path / kDescription, description.dump(2) + "\n");
  return folder;
}

RunFolder RunFolder::resume(const std::filesystem::path& path, const json& description) {
  if (!holds_run(path))
    throw Error(ErrorCode::kNotFound, fmt::format("{} holds no run to go on with", path.string()),
                "begin it without --resume");
  const json before = json::parse(read_file(path / kDescription), nullptr, false);
  require_equal(before, description);
  RunFolder folder(path);
  const auto steps = checkpoint_steps(path);
  if (!steps.empty()) folder.checkpoint_step_ = steps.back();
  drop_metrics_after(path, steps.empty() ? 0 : steps.back());
  folder.metrics_.open(path / kMetrics, std::ios::app);
  if (!folder.metrics_) fail(path / kMetrics, "it cannot be opened");
  return folder;
}

std::filesystem::path RunFolder::checkpoint(const std::filesystem::path& path, std::size_t step) {
  return path / kCheckpoints / fmt::format("{}{:08}", kStep, step);
}

std::vector<std::size_t> RunFolder::checkpoint_steps(const std::filesystem::path& path) {
  std::vector<std::size_t> steps;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path / kCheckpoints, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kStep)) continue;
    std::size_t step = 0;
    const char* const end = name.data() + name.size();
    if (const auto read = std::from_chars(name.data() + kStep.size(), end, step);
        read.ec == std::errc() && read.ptr == end)
      steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

// A line that a crash cut off is left out.
std::vector<json> RunFolder::metrics() const {
  return read_metrics(path_);
}

std::vector<json> RunFolder::read_metrics(const std::filesystem::path& path) {
  std::vector<json> lines;
  if (!exists(path / kMetrics)) return lines;
  std::istringstream text(read_file(path / kMetrics));
  for (std::string line; std::getline(text, line);)
    if (json parsed = json::parse(line, nullptr, false); parsed.is_object())
      lines.push_back(std::move(parsed));
  return lines;
}

void RunFolder::add_metrics(const json& line) {
  metrics_ << line.dump() << '\n' << std::flush;
  if (!metrics_) fail(path_ / kMetrics, "the disk may be full");
}

void RunFolder::add_checkpoint(std::size_t step, std::size_t kept,
                               const std::function<void(const std::filesystem::path&)>& write) {
  replace_folder(checkpoint(path_, step), write, path_ / kCheckpoints / "unfinished");
  auto steps = checkpoint_steps(path_);
  for (; steps.size() > std::max<std::size_t>(kept, 1); steps.erase(steps.begin()))
    std::filesystem::remove_all(checkpoint(path_, steps.front()));
}

void RunFolder::write_result(const json& result) {
  write_file_atomic(path_ / "result.json", result.dump(2) + "\n");
}

}  // namespace tandem
