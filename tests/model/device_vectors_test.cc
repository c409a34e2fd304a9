// The search on a device, run on the processor, against sums in double precision.
#include "model/device_vectors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "base/error.h"
#include "tests/support/errors.h"
#include "tests/support/no_such_device.h"

namespace tandem {
namespace {

constexpr std::size_t kDimension = 40;

float from_bfloat16(std::uint16_t half) {
  const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

class DeviceVectorsTest : public ::testing::Test {
 protected:
  DeviceVectorsTest() {
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < kRows * kDimension; ++i) values_.push_back(half(normal(random_)));
    // So that a query loses nothing when it is rounded.
    for (std::size_t i = 0; i < kQueries * kDimension; ++i)
      queries_.push_back(from_bfloat16(half(normal(random_))));
  }
  void TearDown() override {
    if (HasFailure()) std::printf("seed %u\n", seed_);
  }

  static std::uint16_t half(float value) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<std::uint16_t>(bits >> 16);
  }
  std::unique_ptr<DeviceVectors> load(std::size_t scores_at_once = 1 << 20) const {
    return DeviceVectors::load(values_, kDimension, HalfPrecision::kBFloat16, *cpu_runtime(),
                               {.scores_at_once = scores_at_once});
  }
  double product(std::size_t query, std::size_t row) const {
    double sum = 0;
    for (std::size_t i = 0; i < kDimension; ++i) {
      sum += static_cast<double>(queries_[query * kDimension + i]) *
             from_bfloat16(values_[row * kDimension + i]);
    }
    return sum;
  }
  // Products of the nearest k, best first.
  template <typename Admits>
  std::vector<double> expected(std::size_t query, std::size_t k, const Admits& admits) const {
    std::vector<double> products;
    for (std::size_t row = 0; row < kRows; ++row)
      if (admits(row)) products.push_back(product(query, row));
    std::sort(products.begin(), products.end(), std::greater());
    products.resize(std::min(k, products.size()));
    return products;
  }
  template <typename Admits>
  void expect_nearest(DeviceVectors& vectors, std::size_t k, const Admits& admits) const {
    const auto found = vectors.nearest(queries_, k);
    const std::size_t width = std::min(k, kRows);
    ASSERT_EQ(found.size(), kQueries * width);
    for (std::size_t query = 0; query < kQueries; ++query) {
      const std::vector<double> best = expected(query, k, admits);
      for (std::size_t rank = 0; rank < width; ++rank) {
        const std::uint32_t row = found[query * width + rank];
        if (rank >= best.size()) {
          EXPECT_EQ(row, DeviceVectors::kNone);
          continue;
        }
        ASSERT_LT(row, kRows);
        EXPECT_TRUE(admits(row)) << row;
        EXPECT_NEAR(product(query, row), best[rank], 1e-4);
      }
    }
  }

  static constexpr std::size_t kRows = 700;
  static constexpr std::size_t kQueries = 9;
  const unsigned seed_ = std::random_device()();
  std::mt19937 random_{seed_};
  std::vector<std::uint16_t> values_;
  std::vector<float> queries_;
};

bool any(std::size_t) {
  return true;
}

TEST_F(DeviceVectorsTest, FindsTheNearest) {
  const auto vectors = load();
  for (const std::size_t k : {1, 10, 699, 700, 5000}) expect_nearest(*vectors, k, any);
}

// Blocks of 100, 78, 12 and 1 rows: the last one of each is shorter, and some hold fewer rows than
// are wanted.
TEST_F(DeviceVectorsTest, FindsTheNearestOfManyBlocks) {
  for (const std::size_t scores : {900, 702, 108, 1}) {
    const auto vectors = load(scores);
    for (const std::size_t k : {1, 15, 300}) expect_nearest(*vectors, k, any);
  }
}

TEST_F(DeviceVectorsTest, FindsOnlyWhatIsAdmitted) {
  for (const std::size_t scores : {1 << 20, 702}) {
    const auto vectors = load(scores);
    for (const double share : {0.5, 0.01, 0.0}) {
      std::vector<std::uint8_t> admitted(kRows);
      for (std::uint8_t& byte : admitted)
        byte = std::uniform_real_distribution<>()(random_) < share ? 1 : 0;
      vectors->admit(admitted);
      expect_nearest(*vectors, 20, [&](std::size_t row) { return admitted[row] != 0; });
    }
    vectors->admit({});
    expect_nearest(*vectors, 20, any);
  }
}

TEST_F(DeviceVectorsTest, KeepsACopy) {
  const auto vectors = load();
  const auto before = vectors->nearest(queries_, 10);
  std::fill(values_.begin(), values_.end(), std::uint16_t{0});
  EXPECT_EQ(vectors->nearest(queries_, 10), before);
}

TEST_F(DeviceVectorsTest, ReadsFloat16) {
  // 1.0, 2.0 and -1.0.
  const std::vector<std::uint16_t> halves = {0x3C00, 0x4000, 0xBC00};
  const auto vectors = DeviceVectors::load(halves, 1, HalfPrecision::kFloat16, *cpu_runtime());
  const std::vector<float> query = {1};
  EXPECT_EQ(vectors->nearest(query, 3), (std::vector<std::uint32_t>{1, 0, 2}));
}

TEST_F(DeviceVectorsTest, SaysThatADeviceDoesNotWork) {
  const auto error = testing::error_of([&] {
    (void)DeviceVectors::load(values_, kDimension, HalfPrecision::kBFloat16,
                              testing::NoSuchDevice());
  });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kInternal);
  EXPECT_FALSE(error->message().empty());
}

}  // namespace
}  // namespace tandem
