#include "trainer/worker_group.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "tests/support/errors.h"
#include "tests/trainer/workers.h"

namespace tandem {
namespace {

using Variables = std::map<std::string, std::string>;

// They are in the environment for as long as this object lives.
class Environment {
 public:
  explicit Environment(const Variables& variables) : variables_(variables) {
    for (const auto& [name, value] : variables_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const auto& [name, value] : variables_) ::unsetenv(name.c_str());
  }

 private:
  Variables variables_;
};

const Variables kOfTorchrun = {{"WORLD_SIZE", "4"},
                               {"RANK", "3"},
                               {"LOCAL_WORLD_SIZE", "2"},
                               {"MASTER_ADDR", "training.local"},
                               {"MASTER_PORT", "29500"},
                               {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                               {"TORCHELASTIC_RESTART_COUNT", "1"}};

TEST(WorkerPlaceTest, IsThatOfTorchrun) {
  const Environment environment(kOfTorchrun);
  const WorkerPlace place = worker_place();
  EXPECT_EQ(place.rank, 3);
  EXPECT_EQ(place.count, 4);
  EXPECT_EQ(place.local_count, 2);
  EXPECT_EQ(place.address, "training.local");
  EXPECT_EQ(place.port, 29500);
  EXPECT_TRUE(place.store_is_kept);
  EXPECT_EQ(place.restarts, 1);
}

TEST(WorkerPlaceTest, IsAloneWhereNothingIsSaid) {
  EXPECT_EQ(worker_place().count, 1);
  const Environment environment(Variables{{"WORLD_SIZE", "1"}});
  EXPECT_EQ(worker_place().count, 1);
}

TEST(WorkerPlaceTest, RefusesWhatMakesNoSense) {
  const std::pair<const char*, const char*> cases[] = {
      {"WORLD_SIZE", "0"},         {"RANK", "4"},      {"RANK", ""}, {"MASTER_PORT", "65536"},
      {"LOCAL_WORLD_SIZE", "two"}, {"MASTER_ADDR", ""}};
  for (const auto& [name, value] : cases) {
    auto variables = kOfTorchrun;
    variables[name] = value;
    const Environment environment(variables);
    const auto error = testing::error_of([] { worker_place(); });
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument) << name;
    EXPECT_NE(error->message().find(name), std::string::npos) << error->what();
  }
}

TEST(WorkerGroupTest, AllComeToTheSame) {
  testing::with_workers(3, [](WorkerGroup& workers) {
    EXPECT_EQ(workers.size(), 3);
    std::vector<float> values = {1, static_cast<float>(workers.rank()), 0.5f};
    workers.add_up(values);
    EXPECT_EQ(values, (std::vector<float>{3, 3, 1.5f}));

    // Of different lengths, one of them empty.
    const std::string own(static_cast<std::size_t>(workers.rank()), 'x');
    EXPECT_EQ(workers.gather(own), (std::vector<std::string>{"", "x", "xx"}));
    EXPECT_EQ(workers.gather(""), (std::vector<std::string>{"", "", ""}));

    EXPECT_EQ(workers.of_leader(workers.leads() ? "the leader's" : ""), "the leader's");
    EXPECT_EQ(workers.of_leader(workers.leads() ? "" : "another's"), "");
    const int rank = workers.rank();
    EXPECT_EQ(gather_numbers<int>(workers, {&rank, 1}), (std::vector<int>{0, 1, 2}));
  });
}

TEST(WorkerGroupTest, WhoEndsIsMissed) {
  testing::with_workers(2, [](WorkerGroup& workers) {
    std::vector<float> values = {1};
    workers.add_up(values);
    if (!workers.leads()) return;
    const auto error = testing::error_of([&] { workers.add_up(values); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ErrorCode::kUnavailable) << error->what();
    EXPECT_EQ(error->message().find('\n'), std::string::npos) << "no stack";
  });
}

TEST(WorkerGroupTest, AloneIsWhatItHas) {
  WorkerGroup& alone = WorkerGroup::alone();
  EXPECT_TRUE(alone.leads());
  EXPECT_EQ(alone.size(), 1);
  std::vector<float> values = {2};
  alone.add_up(values);
  EXPECT_EQ(values.front(), 2);
  EXPECT_EQ(alone.gather("own"), std::vector<std::string>{"own"});
  EXPECT_EQ(alone.of_leader("own"), "own");
}

}  // namespace
}  // namespace tandem
