#include "store/log_ends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "store/store.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeaderBytes = 7;

// Of the record that begins there, without its header.
std::size_t length_at(const std::string& log, std::size_t begin) {
  const auto byte = [&](std::size_t at) { return std::size_t{static_cast<std::uint8_t>(log[at])}; };
  return byte(begin + 4) + 256 * byte(begin + 5);
}

// Where the records of a log of less than a block begin.
std::vector<std::size_t> records_of(const std::string& log) {
  std::vector<std::size_t> begins;
  for (std::size_t at = 0; at + kHeaderBytes <= log.size();) {
    begins.push_back(at);
    at += kHeaderBytes + length_at(log, at);
  }
  return begins;
}

class LogEndsTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto store = Store::open(folder_.path());
    store->set_settings(testing::sample_settings());
    for (int i = 0; i < 3; ++i) {
      testing::put(*store, testing::make_sample("d" + std::to_string(i), i, 2));
    }
  }
  // The longest of the kind that the test is about.
  fs::path log() const {
    fs::path longest;
    for (const auto& entry : fs::directory_iterator(folder_.path() / "db")) {
      const std::string name = entry.path().filename().string();
      if (name.find(GetParam()) == std::string::npos) continue;
      if (longest.empty() || entry.file_size() > fs::file_size(longest)) longest = entry.path();
    }
    return longest;
  }
  void write(const fs::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }

  testing::TemporaryFolder folder_;
};

TEST_P(LogEndsTest, ALengthThatLeadsBeyondTheEndIsNotTakenForACrash) {
  const fs::path path = log();
  const std::string sound = read_file(path);
  ASSERT_LT(sound.size(), 32'768u);
  const auto begins = records_of(sound);
  ASSERT_GE(begins.size(), 2u);
  for (const std::size_t begin : {begins.front(), begins[begins.size() / 2], begins.back()}) {
    std::string damaged = sound;
    damaged[begin + 5] = static_cast<char>(damaged[begin + 5] ^ 0x40);  // 16,384 bytes more
    if (begin + kHeaderBytes + length_at(damaged, begin) <= sound.size()) continue;
    write(path, damaged);
    try {
      Store::open(folder_.path(), {.read_only = true});
      ADD_FAILURE() << "nothing was thrown for the record at " << begin;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(path.string()));
    }
  }
  write(path, sound);
  EXPECT_NO_THROW(Store::open(folder_.path(), {.read_only = true}));
}

TEST_P(LogEndsTest, ARecordThatIsCutOffIsWhatACrashLeaves) {
  const std::string sound = read_file(log());
  const std::size_t last = records_of(sound).back();
  for (std::size_t size = last; size < sound.size(); ++size) {
    write(log(), sound.substr(0, size));
    EXPECT_NO_THROW(check_log_ends(folder_.path() / "db")) << size - last << " bytes of it";
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, LogEndsTest, ::testing::Values(".log", "MANIFEST-"),
                         [](const auto& info) {
                           return std::string(info.param[0] == '.' ? "Writes" : "Manifest");
                         });

TEST(LogEndsFolderTest, AFolderThatIsNotThereHasNoLogs) {
  EXPECT_NO_THROW(check_log_ends("/no/such/folder"));
}

}  // namespace
}  // namespace tandem
