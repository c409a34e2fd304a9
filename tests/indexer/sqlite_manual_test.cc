// Readers and chunker on a real site: the SQLite manual as Debian installs it (package
// sqlite3-doc).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "indexer/chunker.h"
#include "indexer/reader.h"
#include "model/tokenizers/tokenizer.h"
#include "retriever/passage_text.h"
#include "tests/indexer/word_tokenizer.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::filesystem::path kManual = "/usr/share/doc/sqlite3";

std::string joined(const std::vector<Passage>& passages) {
  std::string all;
  for (const Passage& passage : passages) all += passage.text + "\n";
  return all;
}

class SqliteManualTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kManual / "atomiccommit.html")) {
      GTEST_SKIP() << "the package sqlite3-doc is not installed";
    }
  }

  std::vector<Passage> passages(const std::string& page) const {
    return chunk(read_source(read_file(kManual / page), page), tokenizer_, {.max_tokens = 150});
  }

  testing::WordTokenizer tokenizer_;
};

TEST_F(SqliteManualTest, NoMenuBecomesAPassage) {
  int pages = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kManual)) {
    if (entry.path().extension() != ".html") continue;
    ++pages;
    const std::string page = std::filesystem::relative(entry.path(), kManual);
    const std::vector<Passage> found = passages(page);
    EXPECT_FALSE(found.empty()) << page;
    for (const Passage& passage : found) {
      for (const char* menu :
           {"Small. Fast. Reliable", "Choose any three", "Search Documentation", "Search Changelog",
            "Table Of Contents", "This page last modified", "toggle_", "antiRobot"}) {
        EXPECT_THAT(passage.text, Not(HasSubstr(menu))) << page;
      }
      EXPECT_FALSE(passage.text.starts_with("Home\nAbout")) << page;
    }
  }
  EXPECT_GT(pages, 500);
}

TEST_F(SqliteManualTest, KnownSentencesAreThere) {
  const std::map<std::string, std::string> known{
      {"about.html", "in-process library"},
      {"atomiccommit.html", "safe append property"},
      {"autoinc.html", "imposes extra CPU"},
      {"c3ref/bind_blob.html", "The leftmost SQL parameter has an index of 1."},
      {"c3ref/funclist.html", "sqlite3_strglob"},
      {"faq.html", "How do I create an AUTOINCREMENT field?"},
      {"fileformat2.html", "write-ahead log"},
      {"keyword_index.html", "hex() SQL function"},
      {"lang_createtrigger.html", "UPDATE | NEW and OLD references are valid"},
      {"lang_select.html", "2.4. Generation of the set of result rows"},
      {"lang_upsert.html", "ON CONFLICT"},
      {"lang_vacuum.html", "VACUUM INTO"},
      {"rescode.html", "SQLITE_IOERR_SHMLOCK"},
      {"wal.html", "checkpoint"},
  };
  for (const auto& [page, words] : known) {
    EXPECT_THAT(joined(passages(page)), HasSubstr(words)) << page;
  }
}

TEST_F(SqliteManualTest, PassagesKnowTheirTitleAndHeadings) {
  for (const Passage& passage : passages("atomiccommit.html")) {
    EXPECT_EQ(passage.title, "Atomic Commit In SQLite");
  }
  bool nested = false;
  for (const Passage& passage : passages("lang_select.html")) {
    nested =
        nested || passage.heading_path ==
                      "2. Simple Select Processing > 2.4. Generation of the set of result rows";
  }
  EXPECT_TRUE(nested);
}

TEST_F(SqliteManualTest, PassagesFitTheRealEncoder) {
  const auto folder = testing::encoder_folder();
  if (!std::filesystem::exists(folder / "tokenizer.json")) {
    GTEST_SKIP() << folder << " is not there";
  }
  const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(folder);
  for (const char* page :
       {"lang_select.html", "fts5.html", "keyword_index.html", "c3ref/intro.html"}) {
    const SourceText source = read_source(read_file(kManual / page), page);
    for (const Passage& passage : chunk(source, *tokenizer, {.max_tokens = 200})) {
      EXPECT_LE(tokenizer->encode(embedding_text(passage)).size(), 200u) << page;
    }
  }
}

}  // namespace
}  // namespace tandem
