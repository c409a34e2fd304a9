// kill -9 at random moments, again and again: every acknowledged step must be there afterwards, the
// one under way wholly or not at all, and nothing else.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "retriever/passage_text.h"
#include "retriever/segment_check.h"
#include "store/check.h"
#include "store/store.h"
#include "tests/indexer/crash_documents.h"
#include "tests/support/fake_encoder.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

// TANDEM_CRASH_KILLS sets another number; the test labelled long takes 200.
int kills() {
  const char* number = std::getenv("TANDEM_CRASH_KILLS");
  return number != nullptr ? std::atoi(number) : 20;
}

// Runs the writer from `first_step`, kills it after `delay`, and returns the last step that it
// acknowledged; first_step - 1 if none.
int run_and_kill(const std::filesystem::path& store, int first_step,
                 std::chrono::milliseconds delay, bool switching) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) throw std::runtime_error("no pipe");
  const std::string step = std::to_string(first_step);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    ::execl(TANDEM_CRASH_WRITER, TANDEM_CRASH_WRITER, store.c_str(), step.c_str(),
            switching ? "switch" : nullptr, nullptr);
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  std::FILE* output = ::fdopen(pipe_ends[0], "r");
  // The clock starts when the store is open, but one kill in a few also hits the opening.
  char line[32];
  if (delay.count() % 4 != 0) {
    EXPECT_NE(std::fgets(line, sizeof line, output), nullptr) << "the writer did not start";
  }
  std::thread killer([&] {
    std::this_thread::sleep_for(delay);
    ::kill(child, SIGKILL);
  });
  int last = first_step - 1;
  while (std::fgets(line, sizeof line, output) != nullptr) last = std::max(last, std::atoi(line));
  killer.join();
  std::fclose(output);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the writer ended by itself";
  return last;
}

// Step that left each document as it is, by document.
using Model = std::map<int, int>;

void apply(Model& model, int step) {
  const auto [document, remove] = testing::crash_step(step);
  if (remove) {
    model.erase(document);
  } else {
    model[document] = step;
  }
}

void expect_state(const Store& store, const DenseIndex& index, const Encoder& encoder,
                  const Model& model) {
  std::size_t passage_count = 0;
  for (const auto& [document, step] : model) {
    const std::string id = testing::crash_document_id(document);
    const auto stored = store.get_document(kDefaultCollection, id);
    ASSERT_TRUE(stored) << id;
    std::string text = testing::crash_text(document, step);
    ASSERT_EQ(stored->text.substr(0, text.size() - 1), text.substr(0, text.size() - 1));
    const auto passages = store.document_passages(kDefaultCollection, id);
    ASSERT_EQ(passages.size(), stored->passage_count);
    std::string covered;
    for (const Passage& passage : passages) {
      covered += passage.text + " ";
      const std::vector<std::string> query{embedding_text(passage)};
      const auto hits =
          index.search(kDefaultCollection, encoder.encode(query, TextKind::kQuery), 1);
      ASSERT_EQ(hits.size(), 1u);
      ASSERT_EQ(hits[0].id, passage.id);
      ASSERT_NEAR(hits[0].score, 1, 1e-5);
    }
    ASSERT_EQ(covered, text);
    passage_count += passages.size();
  }
  EXPECT_EQ(store.list_documents(kDefaultCollection, "", SIZE_MAX).size(), model.size());
  EXPECT_EQ(index.size(kDefaultCollection), passage_count);
  std::size_t vectors = 0;
  store.for_each_vector(kDefaultCollection, 0, UINT64_MAX,
                        [&](PassageId, std::span<const float>) { ++vectors; });
  EXPECT_EQ(vectors, passage_count);
  const auto collections = store.list_collections();
  if (!collections.empty()) {
    EXPECT_EQ(collections[0].document_count, model.size());
    EXPECT_EQ(collections[0].passage_count, passage_count);
  }
}

// With `switching`, another encoder embeds the passages and goes live meanwhile.
void kill_again_and_again(bool switching) {
  const auto seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  testing::TemporaryFolder folder;
  Model model;
  std::map<std::string, int> seen_live;
  int next_step = 0;
  std::uint64_t most_segments = 0;
  const int most_kills = kills();
  for (int kill = 0; kill < most_kills && !::testing::Test::HasFailure(); ++kill) {
    SCOPED_TRACE("kill " + std::to_string(kill));
    const auto delay = std::chrono::milliseconds(random() % 250);
    const int last = run_and_kill(folder.path() / "store", next_step, delay, switching);
    for (; next_step <= last; ++next_step) apply(model, next_step);

    const auto store = Store::open(folder.path() / "store");
    for (const ProblemList& problems :
         {check_store(folder.path() / "store").problems, check_segments(*store).problems}) {
      for (const std::string& problem : problems.kept()) ADD_FAILURE() << problem;
    }
    most_segments = std::max(most_segments, check_segments(*store).segments);
    const auto index = DenseIndex::open(*store, testing::kCrashIndexOptions);
    // The step after the last one acknowledged may have been finished too.
    const auto [document, remove] = testing::crash_step(next_step);
    const auto stored =
        store->get_document(kDefaultCollection, testing::crash_document_id(document));
    const bool finished =
        remove
            ? !stored && model.contains(document)
            : stored &&
                  stored->text.starts_with(testing::crash_text(document, next_step).substr(0, 12));
    if (finished) {
      apply(model, next_step);
      ++next_step;
    }
    const auto live = store->live_release();
    const auto encoder = testing::crash_encoder(live ? live->encoder_id : testing::kFirstEncoder);
    ++seen_live[encoder->id()];
    expect_state(*store, *index, *encoder, model);
  }
  std::printf("%d steps, %zu documents, up to %d segments\n", next_step, model.size(),
              static_cast<int>(most_segments));
  EXPECT_GT(most_segments, 1u);
  EXPECT_GT(next_step, 20) << "the writer was too slow for this test to mean anything";
  EXPECT_EQ(seen_live.size(), switching ? 2u : 1u);
}

TEST(CrashTest, NothingAcknowledgedIsLostAndNothingIsHalfThere) {
  kill_again_and_again(false);
}

TEST(CrashTest, ReembeddingGoesOnAndSwitchesWhole) {
  kill_again_and_again(true);
}

}  // namespace
}  // namespace tandem
