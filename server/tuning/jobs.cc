#include "server/tuning/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/subprocess.h"
#include "server/http_error.h"
#include "server/record_file.h"
#include "server/tuning/files.h"
#include "server/tuning/lines.h"
#include "trainer/promotion_gate.h"
#include "trainer/run_record.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using Status = TuningJob::Status;

constexpr std::size_t kMaxUnfinished = 100;
constexpr int kLookMs = 100;  // between looks whether a training is to be left
constexpr std::chrono::seconds kCancelWait(30);
constexpr int kNiceness = 10;  // answers go first

TuningEvent event(const char* level, std::string message, std::size_t step = 0) {
  return {std::time(nullptr), level, std::move(message), step};
}

// What is in the release by now, or never will be.
void remove_networks(const fs::path& run) {
  std::error_code ignored;
  for (const char* const name : {"checkpoints", "unfinished", "encoder", "generator.gguf"}) {
    fs::remove_all(run / name, ignored);
  }
}

bool keeps_networks(const TuningJob& job) {
  return !job.is_finished() || job.status == Status::kFailed;
}

}  // namespace

TuningJobs::TuningJobs(TuningSurroundings surroundings)
    : around_(std::move(surroundings)), records_(around_.store.folder()) {
  for (TuningJob& job : records_.read()) jobs_.emplace(job.sequence, std::move(job));
  if (around_.read_only) return;
  records_.remove_leftovers();
  for (const auto& [sequence, job] : jobs_) {
    if (!keeps_networks(job)) remove_networks(folder(job) / kTuningRun);
  }
  thread_ = std::thread([this] { work(); });
}

TuningJobs::~TuningJobs() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    interrupt_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Release TuningJobs::base_release(const std::string& model) const {
  const auto live = around_.store.live_release();
  std::string known;
  for (const Release& release : around_.store.releases()) {
    const bool is_live = live && release.number == live->number;
    const std::string generator = fs::path(release.generator_path).stem().string();
    if (release.generator_path.empty()) continue;
    if (model == release_name(release.number)) return release;
    if (is_live && (model == generator || model == "tandem")) return release;
    known += fmt::format(", '{}'", is_live ? generator : release_name(release.number));
  }
  throw RequestError(
      400,
      fmt::format("There is no model '{}' to begin with; there are: 'tandem'{}.", model, known),
      "model", "model_not_found");
}

std::string TuningJobs::content_of(const std::string& id, const char* param) const {
  const auto file = around_.files.find(id);
  auto content = around_.files.content(id);
  if (!file || !content) {
    throw RequestError(400, fmt::format("There is no file '{}'.", id), param, "file_not_found");
  }
  if (file->purpose != "fine-tune") {
    throw RequestError(400,
                       fmt::format("The file '{}' was uploaded for the purpose '{}', not "
                                   "'fine-tune'.",
                                   id, file->purpose),
                       param, "invalid_file_purpose");
  }
  return *std::move(content);
}

void TuningJobs::write_files(const TuningJob& job) const {
  const TuningRequest& request = job.request;
  const fs::path place = folder(job);
  const auto write_lines = [&](const std::string& id, const char* param, const char* name) {
    write_file_atomic(place / name,
                      to_training_lines(content_of(id, param), request.method, param));
  };
  make_record_folder(place);
  write_lines(request.training_file, "training_file", kTrainingLines);
  if (!request.validation_file.empty()) {
    write_lines(request.validation_file, "validation_file", kDevLines);
  }
  if (!request.corpus_file.empty()) {
    write_file_atomic(place / kTuningCorpus, content_of(request.corpus_file, "tandem.corpus_file"));
  } else if (!around_.store.get_collection(request.collection)) {
    throw RequestError(400, fmt::format("There is no collection '{}'.", request.collection),
                       "tandem.collection", "collection_not_found");
  }
}

TuningJob TuningJobs::create(const TuningRequest& request) {
  TuningJob job;
  job.id = random_id("ftjob-");
  job.request = request;
  job.created_at_unix_s = std::time(nullptr);
  const Release release = base_release(request.model);
  job.encoder = release.encoder_path;
  job.generator = release.generator_path;
  job.threads = around_.threads;
  job.events.push_back(event("info", fmt::format("Created fine-tuning job: {}", job.id)));
  try {
    write_files(job);
    const std::lock_guard lock(mutex_);
    const auto unfinished = std::count_if(
        jobs_.begin(), jobs_.end(), [](const auto& known) { return !known.second.is_finished(); });
    if (static_cast<std::size_t>(unfinished) >= kMaxUnfinished) {
      throw RequestError(429, fmt::format("{} jobs wait already.", unfinished), {},
                         "too_many_jobs");
    }
    job.sequence = jobs_.empty() ? 1 : jobs_.rbegin()->first + 1;
    records_.write(job);
    jobs_.emplace(job.sequence, job);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(folder(job), ignored);
    throw;
  }
  changed_.notify_all();
  return job;
}

std::vector<TuningJob> TuningJobs::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<TuningJob> jobs;
  jobs.reserve(jobs_.size());
  for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) jobs.push_back(job->second);
  return jobs;
}

std::optional<TuningJob> TuningJobs::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [sequence, job] : jobs_) {
    if (job.id == id) return job;
  }
  return std::nullopt;
}

std::optional<TuningJob> TuningJobs::cancel(std::string_view id) {
  std::unique_lock lock(mutex_);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(),
                                  [&](const auto& known) { return known.second.id == id; });
  if (found == jobs_.end()) return std::nullopt;
  TuningJob& job = found->second;
  if (job.is_finished()) {
    throw RequestError(400, fmt::format("The job has {} already.", to_string(job.status)), {},
                       "job_finished");
  }
  job.cancel_requested = true;
  if (job.status == Status::kQueued) {
    job.status = Status::kCancelled;
    job.finished_at_unix_s = std::time(nullptr);
    job.events.push_back(event("info", "The job was cancelled before it began"));
  }
  // Before the training is ended: after a crash in between, the job must not go on.
  records_.write(job);
  if (!job.is_finished()) {
    interrupt_ = true;
    changed_.wait_for(lock, kCancelWait, [&] { return job.is_finished() || stopping_; });
  }
  return job;
}

TuningJob TuningJobs::change(const TuningJob& job, const std::function<void(TuningJob&)>& change) {
  TuningJob changed;
  {
    const std::lock_guard lock(mutex_);
    TuningJob& kept = jobs_.at(job.sequence);
    change(kept);
    changed = kept;
    records_.write(kept);
  }
  changed_.notify_all();
  return changed;
}

void TuningJobs::note(const TuningJob& job, const char* level, const std::string& message) {
  const std::size_t step = progress_of(folder(job) / kTuningRun).steps;
  change(job, [&](TuningJob& kept) { kept.events.push_back(event(level, message, step)); });
}

void TuningJobs::finish(const TuningJob& job, Status status, const std::string& message) {
  const RunProgressSoFar progress = progress_of(folder(job) / kTuningRun);
  const bool failed = status == Status::kFailed;
  if (failed) log_warning("the job of fine-tuning {} failed: {}", job.id, message);
  const TuningJob ended = change(job, [&](TuningJob& kept) {
    kept.status = status;
    kept.finished_at_unix_s = std::time(nullptr);
    kept.steps = progress.steps;
    kept.trained_tokens = progress.tokens;
    if (failed) kept.error = message;
    kept.events.push_back(event(failed ? "error" : "info", message, progress.steps));
  });
  if (!keeps_networks(ended)) remove_networks(folder(job) / kTuningRun);
}

// The oldest job that is not finished; nothing when the server stops.
std::optional<TuningJob> TuningJobs::next() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    for (auto& [sequence, job] : jobs_) {
      if (job.is_finished()) continue;
      interrupt_ = job.cancel_requested;
      job.status = Status::kRunning;
      return job;
    }
    changed_.wait(lock);
  }
  return std::nullopt;
}

void TuningJobs::work() {
  while (const auto job = next()) {
    std::string failure;
    try {
      run(*job);
      continue;
    } catch (const std::exception& error) {
      failure = error.what();
    }
    try {
      finish(*job, Status::kFailed, failure);
    } catch (const std::exception& error) {
      // In memory it has failed; on the disk, which may be full, it is still to be done.
      log_error("what became of the job {} cannot be written: {}", job->id, error.what());
    }
  }
}

void TuningJobs::run(const TuningJob& job) {
  if (interrupt_) return leave(job);
  const RunProgressSoFar before = progress_of(folder(job) / kTuningRun);
  change(job, [&](TuningJob& kept) {
    const bool again = kept.started_at_unix_s != 0;
    if (!again) kept.started_at_unix_s = std::time(nullptr);
    kept.events.push_back(event(
        "info", again ? "The server was started again: the job goes on" : "Fine-tuning job started",
        before.steps));
  });
  if ((!before.ended && !train(job)) || !release(job)) leave(job);
}

// Who interrupts a job wants it to end, or to go on when the server is started again.
void TuningJobs::leave(const TuningJob& job) {
  const auto now = find(job.id);
  if (now && now->cancel_requested) finish(job, Status::kCancelled, "The job was cancelled");
}

bool TuningJobs::train(const TuningJob& job) {
  const fs::path place = folder(job);
  const fs::path store = around_.store.folder();
  if (!exists(place / kTuningCorpus)) {
    export_corpus(around_.store, job.request.collection, place / kTuningCorpus);
  }
  BackgroundProcess training({.arguments = training_command(job, store, around_.program),
                              // Threads that wait would keep the processor from those that answer.
                              .environment = {"OMP_WAIT_POLICY=passive"},
                              .folder = store,
                              .log = fs::absolute(place / kTuningLog),
                              .niceness = kNiceness});
  while (true) {
    const auto exit_code = training.wait(kLookMs);
    if (interrupt_) return false;
    if (!exit_code) continue;
    if (*exit_code == 0) return true;
    throw Error(ErrorCode::kInternal, failure_of(place / kTuningLog, *exit_code));
  }
}

bool TuningJobs::is_promoted(const TuningJob& job) {
  const TuningRequest& request = job.request;
  if (request.promote || request.promote_if.empty()) return request.promote;
  GateOutcome outcome;
  try {
    const RunRecord record = read_run(folder(job) / kTuningRun);
    TrainingReport report;
    report.before = record.before;
    report.after = record.after;
    outcome = evaluate_gate(parse_gate(request.promote_if), metrics_before(report),
                            metrics_after(report));
  } catch (const Error& error) {
    // A figure that was not measured is no reason to throw the training away.
    outcome = {.holds = false, .reason = error.what()};
  }
  note(job, outcome.holds ? "info" : "warn",
       fmt::format("{}: {}", outcome.holds ? "To be promoted" : "Not promoted", outcome.reason));
  return outcome.holds;
}

bool TuningJobs::release(const TuningJob& job) {
  note(job, "info", "Trained; a release is being made of it");
  const ReleaseJob made = around_.make_release(trained_models(job, around_.store.folder()),
                                               is_promoted(job), interrupt_);
  if (interrupt_ && made.status == ReleaseJob::Status::kCancelled) return false;
  if (made.status == ReleaseJob::Status::kCancelled) {
    throw Error(ErrorCode::kUnavailable, "the release was deleted while it was made");
  }
  if (made.status == ReleaseJob::Status::kFailed) {
    throw Error(ErrorCode::kInternal, fmt::format("no release could be made: {}", made.error));
  }
  const std::string name = release_name(made.release);
  change(job, [&](TuningJob& kept) { kept.fine_tuned_model = name; });
  finish(job, Status::kSucceeded, fmt::format("The job has successfully completed: {}", name));
  return true;
}

}  // namespace tandem
