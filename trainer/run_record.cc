#include "trainer/run_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "trainer/run_folder.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxDescriptionBytes = std::uint64_t{1} << 20;
constexpr int kMaxDepth = 8;

json read_object(const std::filesystem::path& path) {
  const auto is_shallow = [](int depth, json::parse_event_t, json&) { return depth <= kMaxDepth; };
  json object = json::parse(read_file(path, kMaxDescriptionBytes), is_shallow, false);
  if (!object.is_object())
    throw Error(ErrorCode::kCorrupt, fmt::format("{} is no JSON object", path.string()),
                "no run of training wrote it");
  return object;
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void collect_options(const json& object, const std::string& prefix,
                     std::map<std::string, std::string>& options) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_object())
      collect_options(value, prefix + name + "/", options);
    else
      options[prefix + name] = text_of(value);
  }
}

std::map<std::string, double> numbers_of(const json& object, const char* name) {
  std::map<std::string, double> numbers;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_object()) return numbers;
  for (const auto& [key, value] : found->items())
    if (value.is_number()) numbers[key] = value.get<double>();
  return numbers;
}

// Beyond, differences of such numbers may not be finite.
bool is_drawable(double value) {
  return std::isfinite(value) && std::abs(value) < 1e100;
}

void add_line(const json& line, RunRecord& record) {
  const std::size_t step = count_of(line, "step");
  if (const auto dev = numbers_of(line, "dev"); !dev.empty()) {
    record.after = dev;
    for (const auto& [name, value] : dev)
      if (is_drawable(value)) record.curves["dev " + name].emplace_back(step, value);
    return;
  }
  record.steps = std::max(record.steps, step);
  record.seconds += number_of(line, "seconds");
  for (const auto& [name, value] : line.items())
    if (name != "step" && name != "steps" && name != "dev" && value.is_number() &&
        is_drawable(value.get<double>()))
      record.curves[name].emplace_back(step, value.get<double>());
}

}  // namespace

RunRecord read_run(const std::filesystem::path& folder) {
  if (!exists(folder / "run.json"))
    throw Error(ErrorCode::kNotFound, fmt::format("{} holds no run of training", folder.string()),
                "name the folder that --run named");
  RunRecord record;
  const auto whole = std::filesystem::weakly_canonical(folder);
  record.name = whole.filename().string();
  collect_options(read_object(folder / "run.json"), "", record.options);
  for (const json& line : RunFolder::read_metrics(folder)) add_line(line, record);
  for (auto& [name, curve] : record.curves) std::stable_sort(curve.begin(), curve.end());
  if (!exists(folder / "result.json")) return record;
  const json result = read_object(folder / "result.json");
  record.ended = true;
  record.best_step = count_of(result, "best_step");
  record.seconds = number_of(result, "seconds");
  if (const auto by = result.find("best_by"); by != result.end()) record.best_by = text_of(*by);
  record.before = numbers_of(result, "dev_before");
  record.after = numbers_of(result, "dev_after");
  return record;
}

RunRecords find_runs(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> folders = {folder};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.is_directory(error)) folders.push_back(entry.path());
  RunRecords records;
  for (const auto& path : folders) {
    if (!exists(path / "run.json")) continue;
    try {
      records.runs.push_back(read_run(path));
    } catch (const Error& problem) {
      records.unreadable.push_back(problem.message());
    }
  }
  if (records.runs.empty() && records.unreadable.empty())
    throw Error(ErrorCode::kNotFound, fmt::format("{} holds no run of training", folder.string()),
                "name a folder of runs, or one that --run named");
  std::sort(records.runs.begin(), records.runs.end(),
            [](const RunRecord& a, const RunRecord& b) { return a.name < b.name; });
  std::sort(records.unreadable.begin(), records.unreadable.end());
  return records;
}

std::vector<std::string> differing_options(std::span<const RunRecord> runs) {
  std::map<std::string, std::set<std::string>> values;
  std::map<std::string, std::size_t> counts;
  for (const RunRecord& run : runs)
    for (const auto& [name, value] : run.options) {
      values[name].insert(value);
      ++counts[name];
    }
  std::vector<std::string> names;
  for (const auto& [name, some] : values)
    if (some.size() > 1 || counts[name] < runs.size()) names.push_back(name);
  return names;
}

}  // namespace tandem
