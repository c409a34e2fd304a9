#include "base/file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::error_code_of;
using testing::TemporaryFolder;

std::size_t entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                std::filesystem::directory_iterator()));
}

std::string bytes_of(const MappedFile& file) {
  const auto bytes = file.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(FileTest, WrittenContentIsReadBack) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.bin";
  std::string content(300'000, 'x');
  content[7] = '\0';
  content[299'999] = '\n';
  write_file_atomic(path, content);
  EXPECT_EQ(read_file(path), content);
  write_file_atomic(path, "");
  EXPECT_EQ(read_file(path), "");
}

TEST(FileTest, MissingFileIsNotFound) {
  const TemporaryFolder folder;
  EXPECT_EQ(error_code_of([&] { read_file(folder.path() / "none"); }), ErrorCode::kNotFound);
  EXPECT_EQ(error_code_of([&] { MappedFile(folder.path() / "none"); }), ErrorCode::kNotFound);
  EXPECT_EQ(error_code_of([&] { write_file_atomic(folder.path() / "none" / "a", "x"); }),
            ErrorCode::kNotFound);
}

TEST(FileTest, FolderInPlaceOfAFileIsAnInvalidArgument) {
  const TemporaryFolder folder;
  EXPECT_EQ(error_code_of([&] { read_file(folder.path()); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] { MappedFile(folder.path()); }), ErrorCode::kInvalidArgument);
}

TEST(FileTest, LimitCountsEveryByte) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a";
  write_file_atomic(path, "12345");
  EXPECT_EQ(read_file(path, 5), "12345");
  EXPECT_EQ(error_code_of([&] { read_file(path, 4); }), ErrorCode::kTooLarge);
}

TEST(FileTest, LimitHoldsForDevicesWithoutSize) {
  EXPECT_EQ(error_code_of([] { read_file("/dev/zero", 100'000); }), ErrorCode::kTooLarge);
}

TEST(FileTest, FilesThatReportNoSizeAreReadWhole) {
  EXPECT_NE(read_file("/proc/self/status").find("Name:"), std::string::npos);
}

TEST(FileTest, FailedWriteLeavesNothingBehind) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "taken";
  std::filesystem::create_directories(path / "inside");
  EXPECT_TRUE(error_code_of([&] { write_file_atomic(path, "x"); }).has_value());
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(FileTest, RacingWritersLeaveOneContentWhole) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "shared";
  const std::string first(20'000, 'a');
  const std::string second(35'000, 'b');
  const auto write = [&](const std::string& content) {
    for (int i = 0; i < 40; ++i) write_file_atomic(path, content);
  };
  write(first);
  std::thread one(write, first);
  std::thread two(write, second);
  bool whole = true;
  for (int i = 0; i < 200; ++i) {
    const std::string seen = read_file(path);
    whole = whole && (seen == first || seen == second);
  }
  one.join();
  two.join();
  EXPECT_TRUE(whole);
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(FileTest, PublishMovesAFileIntoPlace) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "new") << "fresh";
  write_file_atomic(folder.path() / "current", "stale");
  publish_file(folder.path() / "new", folder.path() / "current");
  EXPECT_EQ(read_file(folder.path() / "current"), "fresh");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "new"));
}

TEST(MappedFileTest, ShowsTheBytesOfTheFile) {
  const TemporaryFolder folder;
  write_file_atomic(folder.path() / "a", "mapped");
  write_file_atomic(folder.path() / "empty", "");
  EXPECT_EQ(bytes_of(MappedFile(folder.path() / "a")), "mapped");
  EXPECT_EQ(bytes_of(MappedFile(folder.path() / "empty")), "");
}

TEST(MappedFileTest, MovesTakeTheMapAlong) {
  const TemporaryFolder folder;
  write_file_atomic(folder.path() / "a", "first");
  write_file_atomic(folder.path() / "b", "second");
  MappedFile a(folder.path() / "a");
  MappedFile moved(std::move(a));
  EXPECT_EQ(bytes_of(moved), "first");
  moved = MappedFile(folder.path() / "b");
  EXPECT_EQ(bytes_of(moved), "second");
}

TEST(MappedFileTest, KeepsItsContentWhenTheFileIsReplaced) {
  const TemporaryFolder folder;
  write_file_atomic(folder.path() / "a", "before");
  const MappedFile map(folder.path() / "a");
  write_file_atomic(folder.path() / "a", "after!");
  EXPECT_EQ(bytes_of(map), "before");
}

}  // namespace
}  // namespace tandem
