#include "server/tuning/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "server/tuning/files.h"
#include "trainer/run_folder.h"
#include "trainer/run_record.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json or_null(const std::string& text) {
  return text.empty() ? json() : json(text);
}

template <typename Number>
json or_auto(const std::optional<Number>& number) {
  return number ? json(*number) : json("auto");
}

json hyperparameters(const TuningRequest& request) {
  json all = {{"n_epochs", or_auto(request.n_epochs)},
              {"batch_size", or_auto(request.batch_size)},
              {"learning_rate_multiplier", or_auto(request.learning_rate_multiplier)}};
  if (request.method == TuningMethod::kDpo) all["beta"] = or_auto(request.beta);
  return all;
}

// Names "PREFIX-…" after the job "ftjob-…".
std::string id_after(const TuningJob& job, std::string_view prefix, std::string_view rest) {
  return fmt::format("{}-{}-{}", prefix, job.id.substr(job.id.find('-') + 1), rest);
}

std::string describe(const json& line) {
  const std::size_t step = count_of(line, "step");
  if (!line.contains("dev")) {
    const std::size_t steps = count_of(line, "steps");
    return fmt::format("Step {}{}: training loss={:.3f}", step,
                       steps > 0 ? fmt::format("/{}", steps) : std::string(),
                       number_of(line, "loss"));
  }
  std::string figures;
  for (const auto& [name, value] : line["dev"].items()) {
    if (!value.is_number()) continue;
    figures += fmt::format("{} {}={:.3f}", figures.empty() ? "" : ",", name, value.get<double>());
  }
  return fmt::format("Step {}: dev{}", step, figures);
}

// Seconds since 1970, if the steps to come take as long as those before.
std::int64_t estimated_finish(const RunProgressSoFar& progress) {
  const double each = progress.seconds / static_cast<double>(progress.steps);
  const auto left = static_cast<double>(progress.planned - progress.steps);
  return std::time(nullptr) + std::llround(each * left);
}

json metrics_event(const TuningJob& job, const json& line, std::int64_t time_unix_s) {
  json data = line;
  if (const auto loss = line.find("loss"); loss != line.end()) data["train_loss"] = *loss;
  const char* const kind = line.contains("dev") ? "dev" : "step";
  return {{"id", id_after(job, "ftevent", fmt::format("{}-{}", kind, count_of(line, "step")))},
          {"object", "fine_tuning.job.event"},
          {"created_at", time_unix_s},
          {"level", "info"},
          {"type", "metrics"},
          {"message", describe(line)},
          {"data", std::move(data)}};
}

json message_event(const TuningJob& job, std::size_t place, std::int64_t time_unix_s) {
  const TuningEvent& event = job.events[place];
  return {{"id", id_after(job, "ftevent", std::to_string(place))},
          {"object", "fine_tuning.job.event"},
          {"created_at", time_unix_s},
          {"level", event.level},
          {"type", "message"},
          {"message", event.message},
          {"data", nullptr}};
}

json checkpoint_metrics(const std::vector<json>& lines, std::size_t step) {
  json metrics = {{"step", step}};
  for (const json& line : lines) {
    if (count_of(line, "step") != step) continue;
    if (const auto loss = line.find("loss"); loss != line.end()) metrics["train_loss"] = *loss;
    if (const auto dev = line.find("dev"); dev != line.end()) metrics["dev"] = *dev;
  }
  return metrics;
}

}  // namespace

json to_json(const TuningJob& job, const fs::path& run) {
  const TuningRequest& request = job.request;
  const std::string method(to_string(request.method));
  json error;
  if (job.status == TuningJob::Status::kFailed) {
    error = {{"code", "training_failed"}, {"message", job.error}, {"param", nullptr}};
  }
  json metadata;
  if (!request.metadata.empty()) metadata = request.metadata;
  const bool finished = job.is_finished();
  RunProgressSoFar progress;
  if (!finished) progress = progress_of(run);
  const bool running = job.status == TuningJob::Status::kRunning &&
                       progress.planned >= progress.steps && progress.steps > 0;
  json steps;
  if (progress.planned > 0) steps = progress.planned;
  return {{"id", job.id},
          {"object", "fine_tuning.job"},
          {"created_at", job.created_at_unix_s},
          {"finished_at", finished ? json(job.finished_at_unix_s) : json()},
          {"status", to_string(job.status)},
          {"error", std::move(error)},
          {"model", request.model},
          {"fine_tuned_model", or_null(job.fine_tuned_model)},
          {"training_file", request.training_file},
          {"validation_file", or_null(request.validation_file)},
          {"seed", request.seed},
          {"suffix", or_null(request.suffix)},
          {"metadata", std::move(metadata)},
          {"hyperparameters", hyperparameters(request)},
          {"method", {{"type", method}, {method, {{"hyperparameters", hyperparameters(request)}}}}},
          {"trained_tokens", finished ? json(job.trained_tokens) : json()},
          {"estimated_finish", running ? json(estimated_finish(progress)) : json()},
          {"result_files", json::array()},
          {"integrations", nullptr},
          {"organization_id", "tandem"},
          {"tandem",
           {{"collection", request.corpus_file.empty() ? json(request.collection) : json()},
            {"corpus_file", or_null(request.corpus_file)},
            {"promote", request.promote},
            {"promote_if", or_null(request.promote_if)},
            {"step", finished ? job.steps : progress.steps},
            {"steps", std::move(steps)}}}};
}

std::vector<json> tuning_events(const TuningJob& job, const fs::path& run) {
  std::vector<json> events;
  std::int64_t now = job.created_at_unix_s;
  std::size_t told = 0;
  // Those up to a step come before the ones of later steps.
  const auto tell_messages = [&](std::size_t before_step) {
    for (; told < job.events.size() && job.events[told].step < before_step; ++told) {
      now = std::max(now, job.events[told].created_at_unix_s);
      events.push_back(message_event(job, told, now));
    }
  };
  double trained_s = 0;
  for (const json& line : RunFolder::read_metrics(run)) {
    tell_messages(std::max<std::size_t>(count_of(line, "step"), 1));
    trained_s += number_of(line, "seconds");
    now = std::max<std::int64_t>(now, job.started_at_unix_s + std::llround(trained_s));
    events.push_back(metrics_event(job, line, now));
  }
  tell_messages(SIZE_MAX);
  std::reverse(events.begin(), events.end());
  return events;
}

std::vector<json> tuning_checkpoints(const TuningJob& job, const fs::path& run) {
  const std::vector<json> lines = RunFolder::read_metrics(run);
  const auto checkpoint = [&](std::size_t step, const std::string& model, std::int64_t time) {
    return json{{"id", id_after(job, "ftckpt", std::to_string(step))},
                {"object", "fine_tuning.job.checkpoint"},
                {"created_at", time},
                {"fine_tuned_model_checkpoint", model},
                {"fine_tuning_job_id", job.id},
                {"metrics", checkpoint_metrics(lines, step)},
                {"step_number", step}};
  };
  std::vector<json> checkpoints;
  if (!job.fine_tuned_model.empty()) {
    const RunRecord record = read_run(run);
    checkpoints.push_back(
        checkpoint(record.best_step, job.fine_tuned_model, job.finished_at_unix_s));
    return checkpoints;
  }
  for (const std::size_t step : RunFolder::checkpoint_steps(run)) {
    double trained_s = 0;
    for (const json& line : lines) {
      if (count_of(line, "step") <= step) trained_s += number_of(line, "seconds");
    }
    checkpoints.push_back(checkpoint(step, fmt::format("{}:step-{}", job.id, step),
                                     job.started_at_unix_s + std::llround(trained_s)));
  }
  std::reverse(checkpoints.begin(), checkpoints.end());
  return checkpoints;
}

}  // namespace tandem
