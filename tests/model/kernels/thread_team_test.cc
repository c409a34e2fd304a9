#include "model/kernels/thread_team.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <vector>

namespace tandem {
namespace {

TEST(ThreadTeamTest, EveryMemberRunsAndSeesWhatOthersWroteBeforeABarrier) {
  for (const int size : {1, 2, 5}) {
    ThreadTeam team(size);
    EXPECT_EQ(team.size(), size);
    for (int round = 0; round < 200; ++round) {
      std::vector<int> written(static_cast<std::size_t>(size));
      std::vector<int> sums(static_cast<std::size_t>(size));
      team.run([&](int member) {
        for (int step = 1; step <= 3; ++step) {
          written[static_cast<std::size_t>(member)] = step * (member + 1);
          team.barrier();
          int sum = 0;
          for (const int value : written) sum += value;
          sums[static_cast<std::size_t>(member)] += sum;
          team.barrier();
        }
      });
      for (const int sum : sums) ASSERT_EQ(sum, 6 * size * (size + 1) / 2);
    }
  }
}

// A member that comes late is slept for, not spun for without end.
TEST(ThreadTeamTest, WaitsForAMemberThatIsLate) {
  ThreadTeam team(2);
  int value = 0;
  team.run([&](int member) {
    if (member == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      value = 1;
    }
    team.barrier();
    if (member == 0) {
      EXPECT_EQ(value, 1);
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  team.run([&](int member) { value += member; });
  EXPECT_EQ(value, 2);
}

TEST(ThreadTeamTest, NiceMembersGiveWayAndTheirCallerDoesNot) {
  const auto niceness = [] { return ::getpriority(PRIO_PROCESS, 0); };
  const int before = niceness();
  ThreadTeam team(3, 2);
  std::vector<int> of_member(3);
  team.run([&](int member) { of_member[static_cast<std::size_t>(member)] = niceness(); });
  EXPECT_EQ(of_member, (std::vector<int>{before, before + 2, before + 2}));
  EXPECT_EQ(niceness(), before);
}

TEST(ThreadTeamTest, SharesCoverEverythingOnce) {
  for (const std::size_t count : {0, 1, 2, 7, 96}) {
    for (const int members : {1, 2, 3, 8}) {
      std::size_t next = 0;
      for (int member = 0; member < members; ++member) {
        const auto [begin, end] = share_of(count, member, members);
        EXPECT_EQ(begin, next);
        EXPECT_LE(end - begin, count / static_cast<std::size_t>(members) + 1);
        next = end;
      }
      EXPECT_EQ(next, count);
    }
  }
}

}  // namespace
}  // namespace tandem
