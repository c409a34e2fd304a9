#include "trainer/replace_folder.h"

#include <gtest/gtest.h>

#include <iterator>

#include "base/error.h"
#include "base/file.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

std::ptrdiff_t entries(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

TEST(ReplaceFolderTest, AFolderIsReplacedWholeOrNotAtAll) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "model";
  std::filesystem::create_directory(path);
  write_file_atomic(path / "old", "old");
  EXPECT_THROW(replace_folder(path,
                              [](const std::filesystem::path& next) {
                                write_file_atomic(next / "new", "new");
                                throw Error(ErrorCode::kResourceExhausted, "full");
                              }),
               Error);
  EXPECT_EQ(read_file(path / "old"), "old");
  EXPECT_EQ(entries(folder.path()), 1) << "what was half made is gone";

  replace_folder(path,
                 [](const std::filesystem::path& next) { write_file_atomic(next / "new", "new"); });
  EXPECT_EQ(read_file(path / "new"), "new");
  EXPECT_EQ(entries(path), 1);
  EXPECT_EQ(entries(folder.path()), 1);
}

}  // namespace
}  // namespace tandem
