// Jobs whose `tandem` is a shell script, which leaves a run as training does.
#include "server/tuning/jobs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include "base/file.h"
#include "server/http_error.h"
#include "server/tuning/files.h"
#include "server/tuning/json.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"
#include "trainer/question_set.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Status = TuningJob::Status;

// Begins a run in the folder of the store, and goes on as the file `plan` there says.
constexpr char kProgram[] = R"(#!/bin/sh
echo "$*" >> calls
while [ $# -gt 0 ]; do
  case $1 in --run) run=$2;; --questions) questions=$2;; esac
  shift
done
mkdir -p $run/checkpoints/step-00000001
echo '{}' > $run/run.json
step() { echo "{\"step\": $1, \"loss\": 2.5, \"generator_tokens\": 10, \"seconds\": 1}" >> $run/metrics.jsonl; }
finish() {
  mkdir -p $run/encoder
  echo weights > $run/encoder/model.safetensors
  echo weights > $run/generator.gguf
  echo '{"step": 2, "dev": {"f1": 0.3}}' >> $run/metrics.jsonl
  echo '{"best_step": 2, "dev_before": {"f1": 0.1}, "dev_after": {"f1": 0.3}}' > $run/result.json
}
. ./plan
)";
constexpr char kTrain[] = "step 1; step 2; finish";
constexpr char kHang[] = "step 1; exec sleep 1000";

class TuningJobsTest : public ::testing::Test {
 protected:
  TuningJobsTest() {
    write_file_atomic(program_, kProgram);
    std::filesystem::permissions(program_, std::filesystem::perms::owner_all);
    store_ = Store::open(folder_.path() / "store");
    StoreSettings settings = testing::sample_settings();
    settings.encoder_path = "models/encoder/";
    settings.generator_path = "models/small.gguf";
    store_->set_settings(settings);
    testing::put(*store_, testing::make_sample("a", 1, 2));
    testing::put(*store_, testing::make_sample("b", 1, 1, "laws"));
    files_.emplace(store_->folder(), false);
    questions_ =
        files_->add("q.jsonl", "fine-tune", "{\"question\": \"Why?\", \"answers\": [\"So\"]}").id;
    plan(kTrain);
  }

  void plan(const std::string& script) const {
    write_file_atomic(store_->folder() / "plan", script + "\n");
  }
  // The server starts, or is started again.
  void start(bool read_only = false) {
    jobs_.reset();
    jobs_ = std::make_unique<TuningJobs>(TuningSurroundings{
        .store = *store_,
        .files = *files_,
        .make_release =
            [this](const ReleaseModels& models, bool promote, const std::atomic<bool>& stop) {
              return make_release(models, promote, stop);
            },
        .program = program_,
        .threads = 1,
        .read_only = read_only});
  }
  ReleaseJob make_release(const ReleaseModels& models, bool promote,
                          const std::atomic<bool>& stop) {
    ++releases_;
    models_ = models;
    promoted_ = promote;
    while (hold_release_ && !stop) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (stop) return {.status = ReleaseJob::Status::kCancelled};
    return release_;
  }

  TuningJob create(const json& fields = json::object()) {
    json body = {{"model", "small"}, {"training_file", questions_}, {"seed", 1}};
    body.update(fields);
    return jobs_->create(parse_tuning_request(body));
  }
  TuningJob wait_for(const TuningJob& job, const std::function<bool(const TuningJob&)>& condition) {
    for (int i = 0; i < 2000; ++i) {
      TuningJob now = *jobs_->find(job.id);
      if (condition(now)) return now;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "the job stays as it is: " << to_string(jobs_->find(job.id)->status);
    return *jobs_->find(job.id);
  }
  TuningJob wait_until_finished(const TuningJob& job) {
    return wait_for(job, [](const TuningJob& now) { return now.is_finished(); });
  }
  void wait_until_training(const TuningJob& job) {
    wait_for(job, [&](const TuningJob& now) { return progress_of(run(now)).steps > 0; });
  }
  std::filesystem::path run(const TuningJob& job) const { return jobs_->folder(job) / "run"; }
  std::vector<std::string> calls() const {
    std::vector<std::string> calls;
    std::ifstream file(store_->folder() / "calls");
    for (std::string line; std::getline(file, line);) calls.push_back(line);
    return calls;
  }
  std::string refusal(const json& fields) {
    try {
      create(fields);
    } catch (const RequestError& error) {
      return error.param();
    }
    return "nothing was thrown";
  }

  testing::TemporaryFolder folder_;
  const std::filesystem::path program_ = folder_.path() / "tandem";
  std::unique_ptr<Store> store_;
  std::optional<UploadedFiles> files_;
  std::string questions_;
  std::atomic<int> releases_ = 0;
  ReleaseModels models_;
  bool promoted_ = false;
  std::atomic<bool> hold_release_ = false;
  ReleaseJob release_ = {.status = ReleaseJob::Status::kDone, .release = 3};
  std::unique_ptr<TuningJobs> jobs_;
};

TEST_F(TuningJobsTest, ATrainingBecomesARelease) {
  start();
  const TuningJob job = wait_until_finished(create({{"suffix", "tides"}}));
  EXPECT_EQ(job.status, Status::kSucceeded) << job.error;
  EXPECT_EQ(job.fine_tuned_model, "r3");
  EXPECT_EQ(job.trained_tokens, 20);
  EXPECT_FALSE(promoted_);
  EXPECT_EQ(models_.encoder, run(job) / "encoder");
  EXPECT_EQ(models_.generator, run(job) / "generator.gguf");
  EXPECT_EQ(models_.encoder_name, "encoder-tides");
  EXPECT_EQ(models_.generator_name, "small-tides");
  ASSERT_EQ(calls().size(), 1u);
  const std::string place = "tuning/" + job.id;
  EXPECT_EQ(calls()[0],
            fmt::format("train --corpus {0}/corpus.jsonl --questions {0}/train.jsonl --encoder "
                        "models/encoder/ --generator models/small.gguf --run {0}/run --threads 1 "
                        "--seed 1 --checkpoint 50 --train generator --encoder-rate 2e-05 "
                        "--generator-rate 5e-05",
                        place));
}

TEST_F(TuningJobsTest, PreferencesAreTrainedByACommandOfTheirOwn) {
  const std::string pair = R"({"question": "Why?", "chosen": "So.", "rejected": "No."})";
  const std::string file = files_->add("pairs.jsonl", "fine-tune", pair).id;
  start();
  const TuningJob job =
      wait_until_finished(create({{"training_file", file}, {"method", {{"type", "dpo"}}}}));
  EXPECT_EQ(job.status, Status::kSucceeded) << job.error;
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_THAT(calls()[0], HasSubstr("train preferences --corpus"));
  EXPECT_THAT(calls()[0], HasSubstr("/train.jsonl --encoder models/encoder/ --generator"));
  EXPECT_THAT(calls()[0], HasSubstr("--preferences tuning/"));
}

TEST_F(TuningJobsTest, NetworksAreNotKeptTwice) {
  start();
  const TuningJob job = wait_until_finished(create());
  const auto place = run(job);
  jobs_.reset();
  for (const char* const name : {"encoder", "generator.gguf", "checkpoints"}) {
    EXPECT_FALSE(exists(place / name)) << name;
    std::filesystem::create_directories(place / name);  // as if the server had been killed before
  }
  EXPECT_TRUE(exists(place / "metrics.jsonl"));
  start();
  for (const char* const name : {"encoder", "generator.gguf", "checkpoints"}) {
    EXPECT_FALSE(exists(place / name)) << name;
  }
}

TEST_F(TuningJobsTest, TheCorpusIsTheCollection) {
  start();
  const TuningJob job = wait_until_finished(create({{"tandem", {{"collection", "laws"}}}}));
  EXPECT_EQ(job.status, Status::kSucceeded) << job.error;
  const Corpus corpus = read_corpus(jobs_->folder(job) / "corpus.jsonl");
  ASSERT_EQ(corpus.passages.size(), 1u);
  EXPECT_EQ(corpus.passages[0].title, "Title of b v1 > Part 0");
  EXPECT_EQ(corpus.passages[0].document, "b");
  EXPECT_EQ(corpus.passages[0].text, "Passage 0 of b v1.");
  EXPECT_EQ(read_questions(jobs_->folder(job) / "train.jsonl", corpus).size(), 1u);
}

TEST_F(TuningJobsTest, TheCorpusMayBeAFile) {
  const std::string corpus = R"({"id": "p1", "text": "So it is."})";
  const std::string file = files_->add("c.jsonl", "fine-tune", corpus).id;
  start();
  const TuningJob job = wait_until_finished(create({{"tandem", {{"corpus_file", file}}}}));
  EXPECT_EQ(read_file(jobs_->folder(job) / "corpus.jsonl"), corpus);
}

TEST_F(TuningJobsTest, FilesMayBeDeletedOnceTheJobIsThere) {
  plan(kHang);
  start();
  const TuningJob first = create();
  wait_until_training(first);
  const TuningJob second = create({{"validation_file", questions_}});
  files_->remove(questions_);
  plan(kTrain);
  jobs_->cancel(first.id);
  EXPECT_EQ(wait_until_finished(second).status, Status::kSucceeded);
  EXPECT_THAT(calls()[1], HasSubstr("--dev tuning/" + second.id + "/dev.jsonl"));
}

TEST_F(TuningJobsTest, PromotionIsAskedForOrEarned) {
  const auto promoted = [this](const json& own) {
    const TuningJob job =
        wait_until_finished(create({{"validation_file", questions_}, {"tandem", own}}));
    EXPECT_EQ(job.status, Status::kSucceeded) << job.error;
    return promoted_;
  };
  start();
  EXPECT_TRUE(promoted({{"promote", true}}));
  EXPECT_TRUE(promoted({{"promote_if", "dev.f1 > current + 0.1"}}));
  EXPECT_FALSE(promoted({{"promote_if", "dev.f1 > current + 0.3"}}));
  EXPECT_FALSE(promoted({{"promote_if", "dev.mrr > current"}})) << "which was not measured";
}

TEST_F(TuningJobsTest, WhatTheTrainingComplainsOfIsTheError) {
  plan("echo 'training  1 of 4'; echo 'tandem: the disk is full; free some' >&2; exit 1");
  start();
  const TuningJob job = wait_until_finished(create());
  EXPECT_EQ(job.status, Status::kFailed);
  EXPECT_EQ(job.error, "the disk is full; free some");
  EXPECT_TRUE(exists(run(job) / "checkpoints")) << "to go on with by hand";
  EXPECT_EQ(releases_, 0);
}

TEST_F(TuningJobsTest, ATrainingThatIsKilledFailsAlone) {
  plan("kill -9 $$");
  start();
  const TuningJob job = wait_until_finished(create());
  EXPECT_EQ(job.status, Status::kFailed);
  EXPECT_THAT(job.error, HasSubstr("short of memory"));
  plan(kTrain);
  EXPECT_EQ(wait_until_finished(create()).status, Status::kSucceeded);
}

TEST_F(TuningJobsTest, AReleaseThatCannotBeMadeFailsTheJob) {
  release_ = {.status = ReleaseJob::Status::kFailed, .error = "no space"};
  start();
  EXPECT_THAT(wait_until_finished(create()).error, HasSubstr("no space"));
}

TEST_F(TuningJobsTest, JobsWaitForEachOther) {
  plan(kHang);
  start();
  const TuningJob first = create();
  const TuningJob second = create();
  wait_until_training(first);
  EXPECT_EQ(jobs_->find(first.id)->status, Status::kRunning);
  EXPECT_EQ(jobs_->find(second.id)->status, Status::kQueued);
  plan(kTrain);
  jobs_->cancel(first.id);
  wait_until_finished(second);
  EXPECT_EQ(calls().size(), 2u);
  std::vector<std::string> listed;
  for (const TuningJob& job : jobs_->list()) listed.push_back(job.id);
  EXPECT_THAT(listed, ElementsAre(second.id, first.id));
}

TEST_F(TuningJobsTest, CancellingEndsTheTraining) {
  plan("step 1; echo $$ > pid; exec sleep 1000");
  start();
  const TuningJob job = create();
  wait_until_training(job);
  while (!exists(store_->folder() / "pid")) std::this_thread::yield();
  const std::string pid = read_file(store_->folder() / "pid");
  EXPECT_EQ(jobs_->cancel(job.id)->status, Status::kCancelled);
  EXPECT_FALSE(exists(std::filesystem::path("/proc") / pid.substr(0, pid.find('\n'))));
  EXPECT_THROW(jobs_->cancel(job.id), RequestError);
  EXPECT_FALSE(jobs_->cancel("ftjob-none"));
  start();
  EXPECT_FALSE(exists(run(job) / "checkpoints"));
  EXPECT_EQ(jobs_->find(job.id)->status, Status::kCancelled);
}

TEST_F(TuningJobsTest, AQueuedJobIsCancelledAtOnceAndNeverBegins) {
  plan(kHang);
  start();
  const TuningJob first = create();
  wait_until_training(first);
  const TuningJob second = create();
  EXPECT_EQ(jobs_->cancel(second.id)->status, Status::kCancelled);
  jobs_->cancel(first.id);
  start();
  EXPECT_EQ(jobs_->find(second.id)->status, Status::kCancelled);
  EXPECT_EQ(calls().size(), 1u);
}

TEST_F(TuningJobsTest, TheMakingOfAReleaseCanBeCancelledToo) {
  hold_release_ = true;
  start();
  const TuningJob job = create();
  wait_for(job, [this](const TuningJob&) { return releases_ == 1; });
  EXPECT_EQ(jobs_->cancel(job.id)->status, Status::kCancelled);
}

TEST_F(TuningJobsTest, ARestartGoesOnWithWhatWasUnderWay) {
  plan(kHang);
  start();
  const TuningJob first = create({{"metadata", {{"who", "me"}}}});
  const TuningJob second = create();
  wait_until_training(first);
  jobs_.reset();
  plan("step 2; finish");
  start();
  const TuningJob job = wait_until_finished(first);
  EXPECT_EQ(job.status, Status::kSucceeded) << job.error;
  EXPECT_EQ(job.trained_tokens, 20);
  EXPECT_EQ(job.request.metadata.at("who"), "me");
  EXPECT_EQ(job.created_at_unix_s, first.created_at_unix_s);
  EXPECT_EQ(wait_until_finished(second).status, Status::kSucceeded);
  ASSERT_EQ(calls().size(), 3u);
  EXPECT_EQ(calls()[1], calls()[0] + " --resume");
  EXPECT_THAT(calls()[2], Not(HasSubstr("--resume")));
}

// It must not be trained again: that may have taken days.
TEST_F(TuningJobsTest, ARestartWhileTheReleaseIsMadeMakesItAgain) {
  hold_release_ = true;
  start();
  const TuningJob job = create();
  wait_for(job, [this](const TuningJob&) { return releases_ == 1; });
  jobs_.reset();
  hold_release_ = false;
  start();
  EXPECT_EQ(wait_until_finished(job).fine_tuned_model, "r3");
  EXPECT_EQ(releases_, 2);
  EXPECT_EQ(calls().size(), 1u);
}

// The server ended between the record that says so and the end of the training.
TEST_F(TuningJobsTest, AJobThatWasToBeCancelledDoesNotGoOnAfterARestart) {
  plan(kHang);
  start();
  const TuningJob job = create();
  wait_until_training(job);
  jobs_.reset();
  const auto record = store_->folder() / "tuning" / job.id / "job.json";
  json changed = json::parse(read_file(record));
  changed["cancel_requested"] = true;
  write_file_atomic(record, changed.dump());
  start();
  EXPECT_EQ(wait_until_finished(job).status, Status::kCancelled);
  EXPECT_EQ(calls().size(), 1u);
}

TEST_F(TuningJobsTest, WhatACrashLeftOfMakingAJobIsRemoved) {
  const auto leftover = store_->folder() / "tuning" / "ftjob-leftover";
  std::filesystem::create_directories(leftover);
  write_file_atomic(leftover / "train.jsonl", "{}");
  start(true);
  EXPECT_TRUE(exists(leftover)) << "who may only read removes nothing";
  start();
  EXPECT_FALSE(exists(leftover));
  EXPECT_THAT(jobs_->list(), IsEmpty());
}

TEST_F(TuningJobsTest, ADamagedRecordHidesNoOther) {
  start();
  const TuningJob job = wait_until_finished(create());
  for (const char* const record : {"{", "[]", R"({"version": 9})", R"({"version": 1})"}) {
    const auto damaged = store_->folder() / "tuning" / "ftjob-damaged";
    std::filesystem::create_directories(damaged);
    write_file_atomic(damaged / "job.json", record);
    start();
    ASSERT_EQ(jobs_->list().size(), 1u) << record;
    EXPECT_TRUE(exists(damaged)) << "it may be of a newer version";
  }
}

TEST_F(TuningJobsTest, WhoMayOnlyReadDoesNothing) {
  plan(kHang);
  start();
  const TuningJob job = create();
  wait_until_training(job);
  start(true);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(jobs_->find(job.id)->status, Status::kRunning);
  EXPECT_EQ(calls().size(), 1u);
}

TEST_F(TuningJobsTest, WhatAJobCannotBeDoneWithIsRefused) {
  const std::string other = files_->add("q.jsonl", "user_data", "{}").id;
  const std::string bad = files_->add("q.jsonl", "fine-tune", "What is this?").id;
  start();
  EXPECT_EQ(refusal({{"model", "gpt-4o"}}), "model");
  EXPECT_EQ(refusal({{"model", "r9"}}), "model");
  EXPECT_EQ(refusal({{"training_file", "file-none"}}), "training_file");
  EXPECT_EQ(refusal({{"training_file", "../plan"}}), "training_file");
  EXPECT_EQ(refusal({{"training_file", other}}), "training_file");
  EXPECT_EQ(refusal({{"training_file", bad}}), "training_file");
  EXPECT_EQ(refusal({{"validation_file", bad}}), "validation_file");
  EXPECT_EQ(refusal({{"tandem", {{"collection", "none"}}}}), "tandem.collection");
  EXPECT_EQ(refusal({{"tandem", {{"corpus_file", "file-none"}}}}), "tandem.corpus_file");
  EXPECT_THAT(jobs_->list(), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(store_->folder() / "tuning"));
}

TEST_F(TuningJobsTest, AnyNameOfTheLiveModelsWillDo) {
  start();
  for (const char* const name : {"small", "tandem", "r1"}) {
    EXPECT_EQ(wait_until_finished(create({{"model", name}})).status, Status::kSucceeded) << name;
  }
}

TEST_F(TuningJobsTest, EventsTellStepsInTheirOrder) {
  plan(kHang);
  start();
  const TuningJob first = create();
  wait_until_training(first);
  jobs_.reset();
  plan("step 2; finish");
  start();
  const TuningJob job = wait_until_finished(first);
  const auto events = tuning_events(job, run(job));
  std::vector<std::string> told;
  std::set<std::string> ids;
  std::int64_t time = INT64_MAX;
  for (const json& event : events) {
    told.push_back(event["message"]);
    ids.insert(event["id"]);
    EXPECT_LE(event["created_at"], time) << "the newest first";
    time = event["created_at"];
  }
  EXPECT_EQ(ids.size(), events.size());
  EXPECT_THAT(told, ElementsAre("The job has successfully completed: r3",
                                "Trained; a release is being made of it", "Step 2: dev f1=0.300",
                                "Step 2: training loss=2.500",
                                "The server was started again: the job goes on",
                                "Step 1: training loss=2.500", "Fine-tuning job started",
                                "Created fine-tuning job: " + job.id));
  EXPECT_EQ(events[3]["type"], "metrics");
  EXPECT_EQ(events[3]["data"]["train_loss"], 2.5);
}

TEST_F(TuningJobsTest, CheckpointsAreThoseThatThereAre) {
  plan(kHang);
  start();
  const TuningJob job = create();
  wait_until_training(job);
  const auto running = tuning_checkpoints(job, run(job));
  ASSERT_EQ(running.size(), 1u);
  EXPECT_EQ(running[0]["step_number"], 1);
  EXPECT_EQ(running[0]["fine_tuned_model_checkpoint"], job.id + ":step-1");
  EXPECT_EQ(running[0]["metrics"]["train_loss"], 2.5);
  jobs_.reset();
  plan("step 2; finish");
  start();
  const auto finished = tuning_checkpoints(wait_until_finished(job), run(job));
  ASSERT_EQ(finished.size(), 1u);
  EXPECT_EQ(finished[0]["step_number"], 2);
  EXPECT_EQ(finished[0]["fine_tuned_model_checkpoint"], "r3");
}

}  // namespace
}  // namespace tandem
