// An index with copies of its segments on a device, which here is the processor.
#include "retriever/device_copy.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/retriever/index_fixture.h"
#include "tests/support/no_such_device.h"

namespace tandem {
namespace {

using testing::kDimension;

class DeviceCopyTest : public testing::DenseIndexTest {
 protected:
  void use_device(std::size_t limit_bytes, std::shared_ptr<DeviceRuntime> runtime = cpu_runtime()) {
    space_ = std::make_shared<DeviceSpace>(std::move(runtime), limit_bytes);
    options_.device = space_;
    options_.device_least_rows = 10;
    open_index();
  }
  static std::size_t bytes_of(std::size_t rows) { return rows * kDimension * 2; }

  std::shared_ptr<DeviceSpace> space_;
};

TEST_F(DeviceCopyTest, FindsWhatTheProcessorFinds) {
  use_device(std::size_t{1} << 20);
  // Every third document fills a segment; without waiting, chance would say which are sealed.
  for (int i = 0; i < 21; ++i) {
    put("d" + std::to_string(i), 20);
    index_->settle();
  }
  EXPECT_EQ(space_->left_bytes(), (std::size_t{1} << 20) - bytes_of(420));
  expect_all_exact();
  // Deleted rows stay on the device until the segment is made again.
  for (int i = 0; i < 20; i += 3) erase("d" + std::to_string(i));
  expect_all_exact();
  index_->settle();
  expect_all_exact();
}

TEST_F(DeviceCopyTest, CopiesInvertedListsAndHalves) {
  options_.large_from = 100;
  options_.segment_capacity = 300;
  for (const IndexKind kind : {IndexKind::kIvf, IndexKind::kIvfHalf}) {
    options_.kind = kind;
    use_device(std::size_t{1} << 20);
    if (expected_.empty())
      for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 20);
    erase("d" + std::to_string(static_cast<int>(kind)));
    index_->settle();
    EXPECT_LT(space_->left_bytes(), std::size_t{1} << 20);
    const auto& expected = expected_[kDefaultCollection];
    for (int i = 0; i < 20; ++i) {
      const auto query = testing::random_unit_vector(random_);
      std::vector<double> best;
      for (const auto& [id, vector] : expected)
        best.push_back(testing::inner_product(query, vector));
      std::sort(best.begin(), best.end(), std::greater());
      // All are compared, so that nothing is missed as by a search of some lists.
      const auto found = index_->search(kDefaultCollection, query, 10);
      ASSERT_EQ(found.size(), 10u);
      for (std::size_t rank = 0; rank < found.size(); ++rank)
        EXPECT_NEAR(found[rank].score, best[rank], kind == IndexKind::kIvf ? 1e-6 : 1e-3);
    }
  }
}

TEST_F(DeviceCopyTest, TakesNoMoreThanItsSpaceAndGivesItBack) {
  use_device(bytes_of(60));
  put("a", 50);
  index_->settle();
  EXPECT_EQ(space_->left_bytes(), bytes_of(10));
  put("b", 50);  // one segment of 100 rows, or two of 50: the second has no space
  index_->settle();
  EXPECT_TRUE(space_->left_bytes() == bytes_of(10) || space_->left_bytes() == bytes_of(60));
  expect_all_exact();
  index_.reset();
  EXPECT_EQ(space_->left_bytes(), bytes_of(60));
}

TEST_F(DeviceCopyTest, SmallSegmentsAreNotCopied) {
  options_.segment_capacity = 5;
  use_device(std::size_t{1} << 20);
  put("a", 6);
  index_->settle();
  EXPECT_EQ(space_->left_bytes(), std::size_t{1} << 20);
  expect_all_exact();
}

TEST_F(DeviceCopyTest, SearchesAtOnceFindTheirOwn) {
  use_device(std::size_t{1} << 20);
  for (int i = 0; i < 10; ++i) put("d" + std::to_string(i), 50);
  index_->settle();
  ASSERT_LT(space_->left_bytes(), std::size_t{1} << 20);
  std::vector<std::vector<float>> queries;
  std::vector<std::vector<ScoredPassage>> alone;
  for (int i = 0; i < 64; ++i) {
    queries.push_back(testing::random_unit_vector(random_));
    alone.push_back(index_->search(kDefaultCollection, queries.back(), 1 + random_() % 30));
  }
  std::atomic<int> wrong = 0;
  std::vector<std::thread> clients;
  clients.reserve(8);
  for (int client = 0; client < 8; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < 200; ++i) {
        const auto at = static_cast<std::size_t>(client * 31 + i) % queries.size();
        const auto found = index_->search(kDefaultCollection, queries[at], alone[at].size());
        for (std::size_t rank = 0; rank < found.size(); ++rank)
          if (found[rank].id != alone[at][rank].id) ++wrong;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(DeviceCopyTest, AQueryThatIsNotFiniteIsTheProcessors) {
  use_device(std::size_t{1} << 20);
  put("a", 60);
  index_->settle();
  std::vector<float> query(kDimension, 1);
  query[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(index_->search(kDefaultCollection, query, 5).empty());
}

TEST_F(DeviceCopyTest, WithoutItsDeviceTheProcessorSearches) {
  use_device(std::size_t{1} << 20, std::make_shared<testing::NoSuchDevice>());
  for (int i = 0; i < 10; ++i) put("d" + std::to_string(i), 20);
  index_->settle();
  EXPECT_EQ(space_->left_bytes(), 0u);  // closed
  expect_all_exact();
}

}  // namespace
}  // namespace tandem
