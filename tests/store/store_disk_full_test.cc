#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "store/store.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

using testing::error_of;
using testing::make_sample;
using testing::put;

// With a reserve the store refuses before RocksDB notices; without, RocksDB fails.
class StoreDiskFullTest : public ::testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Reserves, StoreDiskFullTest, ::testing::Values(0, 8u << 20));

// A file system of its own, as small as asked for.
class SmallDisk {
 public:
  explicit SmallDisk(const char* options)
      : mounted_(::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, options) == 0) {}
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  testing::TemporaryFolder folder_;
  bool mounted_;
};

TEST_P(StoreDiskFullTest, WritingFailsReadingGoesOnAndSpaceHeals) {
  SmallDisk disk("size=96m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root: " << std::strerror(errno);
  const auto ballast = disk.path() / "ballast";
  std::ofstream(ballast) << std::string(56 << 20, 'x');

  auto store = Store::open(disk.path() / "store", {.reserve_bytes = GetParam()});
  store->set_settings(testing::sample_settings());
  int written = 0;
  std::optional<Error> error;
  std::string filler(256 << 10, ' ');
  std::mt19937 random(1);  // RocksDB would compress blanks away
  for (char& c : filler) c = static_cast<char>('!' + random() % 90);
  const auto sample_of = [&](int i) {
    auto sample = make_sample("d" + std::to_string(i), 1, 2);
    sample.document.text += filler;
    return sample;
  };
  // Opening again gives some space back, so that one refusal need not be the last word.
  for (int refused = 0; refused < 3 && written < 1000;) {
    if (const auto refusal = error_of([&] { put(*store, sample_of(written)); })) {
      error = refusal;
      ++refused;
    } else {
      ++written;
    }
  }
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kResourceExhausted) << error->what();
  EXPECT_THAT(error->advice(), ::testing::HasSubstr("free some disk space"));

  const auto expect_readable = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const auto document = store->get_document(kDefaultCollection, "d" + std::to_string(i));
      ASSERT_TRUE(document) << i;
      EXPECT_EQ(document->text, sample_of(i).document.text);
    }
    EXPECT_EQ(store->list_collections()[0].document_count, static_cast<std::uint64_t>(count));
    EXPECT_EQ(store->list_documents(kDefaultCollection, "", SIZE_MAX).size(),
              static_cast<std::size_t>(count));
  };
  expect_readable(written);

  std::filesystem::remove(ballast);
  const auto started = std::chrono::steady_clock::now();
  do {
    error = error_of([&] { put(*store, sample_of(written)); });
    if (error) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  } while (error && std::chrono::steady_clock::now() - started < std::chrono::seconds(20));
  ASSERT_FALSE(error) << error->what();
  RecordProperty("healed_after_ms",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::steady_clock::now() - started)
                                      .count()));
  expect_readable(written + 1);

  store.reset();
  store = Store::open(disk.path() / "store");
  expect_readable(written + 1);
}

// Documents of all sizes, so that the log, a flush and a compaction each get to be what hits the
// end of the disk; the store is reopened both while it is full and after.
TEST_P(StoreDiskFullTest, NothingAcknowledgedIsLostHoweverItFills) {
  SmallDisk disk("size=128m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root: " << std::strerror(errno);
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto folder = disk.path() / "store";
  const auto ballast = disk.path() / "ballast";
  const StoreOptions options{.reserve_bytes = GetParam()};
  auto store = Store::open(folder, options);
  store->set_settings(testing::sample_settings());
  std::map<std::string, std::string> expected;
  int refusals = 0;
  for (int round = 0; round < 2; ++round) {
    std::ofstream(ballast) << std::string((48u << 20) + random() % (16u << 20), 'x');
    int refused = 0;
    while (refused < 5) {
      const std::string id = "d" + std::to_string(random() % 100);
      auto sample = make_sample(id, 1, 2);
      sample.document.text.resize(random() % (1u << (10 + random() % 12)));
      for (char& c : sample.document.text) c = static_cast<char>('!' + random() % 90);
      const auto error = error_of([&] { put(*store, sample); });
      if (error) {
        ASSERT_EQ(error->code(), ErrorCode::kResourceExhausted) << error->what();
        ++refused;
      } else {
        expected[id] = sample.document.text;
      }
    }
    refusals += refused;
    store.reset();
    const auto readable = Store::open(folder, {.read_only = true});
    EXPECT_EQ(readable->list_documents(kDefaultCollection, "", SIZE_MAX).size(), expected.size());
    std::filesystem::remove(ballast);
    store = Store::open(folder, options);
    for (const auto& [id, text] : expected) {
      const auto document = store->get_document(kDefaultCollection, id);
      ASSERT_TRUE(document) << id;
      ASSERT_EQ(document->text, text);
    }
    const auto infos = store->list_collections();
    ASSERT_EQ(infos[0].document_count, expected.size());
    // Make room for the next round.
    while (expected.size() > 10) {
      store->delete_document(kDefaultCollection, expected.begin()->first);
      expected.erase(expected.begin());
    }
  }
  EXPECT_EQ(refusals, 10);
}

TEST(StoreOnAFullDiskTest, MakingAStoreSaysSo) {
  SmallDisk disk("size=4k");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root: " << std::strerror(errno);
  const auto error = error_of([&] { Store::open(disk.path() / "store"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kResourceExhausted) << error->what();
}

}  // namespace
}  // namespace tandem
