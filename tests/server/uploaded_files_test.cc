#include "server/uploaded_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_code_of;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class UploadedFilesTest : public ::testing::Test {
 protected:
  // As a server that is started again would have them.
  UploadedFiles open(bool read_only = false) const {
    return UploadedFiles(folder_.path(), read_only);
  }
  std::filesystem::path path(const std::string& name) const {
    return folder_.path() / "files" / name;
  }
  static std::vector<std::string> names(const UploadedFiles& files) {
    std::vector<std::string> names;
    for (const UploadedFile& file : files.list()) names.push_back(file.filename);
    return names;
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path() / "files"), {}));
  }

  testing::TemporaryFolder folder_;
};

TEST_F(UploadedFilesTest, AreThereAfterARestart) {
  const std::string bytes("a\0b\xff", 4);
  UploadedFiles before = open();
  const UploadedFile first = before.add("first.jsonl", "fine-tune", bytes);
  before.add("second", "user_data", "");
  EXPECT_THAT(first.id, StartsWith("file-"));
  const UploadedFiles after = open(true);
  EXPECT_THAT(names(after), ElementsAre("first.jsonl", "second"));
  EXPECT_EQ(after.content(first.id), bytes);
  const auto found = after.find(first.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->purpose, "fine-tune");
  EXPECT_EQ(found->size_bytes, 4u);
  EXPECT_EQ(found->created_at_unix_s, first.created_at_unix_s);
}

TEST_F(UploadedFilesTest, TheirOrderIsThatOfTheirComing) {
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    expected.push_back(std::to_string(i));
    open().add(expected.back(), "user_data", "x");
  }
  EXPECT_EQ(names(open()), expected);
}

TEST_F(UploadedFilesTest, NamesAreNeverPaths) {
  UploadedFiles files = open();
  for (const char* const name : {"../../evil", "/etc/passwd", "..\\..\\evil.txt", "a/b/c",
                                 "\x1b[31mred", "<b>.html", "file\n", "CON", "a b\"c'"}) {
    const UploadedFile file = files.add(name, "fine-tune", "x");
    EXPECT_EQ(file.filename.find('/'), std::string::npos) << name;
    EXPECT_EQ(files.content(file.id), "x");
  }
  EXPECT_EQ(entries(), 18u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
  EXPECT_EQ(open().list().size(), 9u);
}

TEST_F(UploadedFilesTest, BadNamesAreRefused) {
  UploadedFiles files = open();
  for (const std::string& name : {std::string(), std::string("folder/"),
                                  std::string(kMaxFileNameBytes + 1, 'a'), std::string("\xff")}) {
    EXPECT_EQ(error_code_of([&] { files.add(name, "fine-tune", "x"); }),
              ErrorCode::kInvalidArgument);
  }
  EXPECT_THAT(files.list(), IsEmpty());
}

TEST_F(UploadedFilesTest, IdsThatWereNotGivenLeadNowhere) {
  UploadedFiles files = open();
  write_file_atomic(folder_.path() / "secret.bytes", "secret");
  for (const char* const id : {"../secret", "", "file-", "/etc/passwd", "file-1"}) {
    EXPECT_FALSE(files.content(id)) << id;
    EXPECT_FALSE(files.remove(id)) << id;
  }
  EXPECT_TRUE(exists(folder_.path() / "secret.bytes"));
}

TEST_F(UploadedFilesTest, WhatIsRemovedStaysSo) {
  UploadedFiles files = open();
  const std::string id = files.add("a", "fine-tune", "x").id;
  EXPECT_TRUE(files.remove(id));
  EXPECT_FALSE(files.remove(id));
  EXPECT_FALSE(files.find(id));
  EXPECT_EQ(entries(), 0u);
  EXPECT_THAT(open().list(), IsEmpty());
}

// Each state that a crash can leave between the steps of adding and removing.
TEST_F(UploadedFilesTest, ACrashLeavesAFileWholeOrNotAtAll) {
  const std::string kept = open().add("kept", "fine-tune", "kept").id;
  write_file_atomic(path("file-aaaaaaaaaaaaaaaaaaaaaaaa.bytes"), "no record yet, or no more");
  write_file_atomic(path("file-bbbbbbbbbbbbbbbbbbbbbbbb.bytes.tmp.1.2"), "being wri");
  write_file_atomic(path("file-cccccccccccccccccccccccc.json.tmp.1.2"), "{");
  EXPECT_THAT(names(open(true)), ElementsAre("kept"));
  EXPECT_EQ(entries(), 5u) << "who may only read removes nothing";
  const UploadedFiles files = open();
  EXPECT_THAT(names(files), ElementsAre("kept"));
  EXPECT_EQ(files.content(kept), "kept");
  EXPECT_EQ(entries(), 2u);
}

TEST_F(UploadedFilesTest, DamagedRecordsHideNoOthers) {
  open().add("kept", "fine-tune", "kept");
  for (const char* const record :
       {"{", "[]", R"({"version": 1})", R"({"version": 2, "sequence": 1})",
        R"({"version": 1, "sequence": "x", "filename": "a", "purpose": "b", "created_at": 0})"}) {
    write_file_atomic(path("file-dddddddddddddddddddddddd.json"), record);
    write_file_atomic(path("file-dddddddddddddddddddddddd.bytes"), "x");
    EXPECT_THAT(names(open()), ElementsAre("kept")) << record;
  }
}

}  // namespace
}  // namespace tandem
