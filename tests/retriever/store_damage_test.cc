// A bit is wrong somewhere in a file of a store: it is said where, or nothing that counts has
// changed; and an index is made again. Never is another answer given as if nothing had happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "retriever/dense_index.h"
#include "retriever/segment_check.h"
#include "store/check.h"
#include "store/postings.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

const DenseIndexOptions kIndexOptions{.segment_capacity = 20};
constexpr int kPlacesInAFile = 5;

// Files of every kind: tables of all families, segments, and a log of what came after both.
void fill(const fs::path& folder) {
  int version = 0;
  for (const bool indexed : {true, false}) {
    const auto store = Store::open(folder);
    store->set_settings(testing::sample_settings());
    for (int i = 0; i < 9; ++i) {
      testing::put(*store, testing::make_sample("d" + std::to_string(i), ++version, 6));
    }
    store->delete_document(kDefaultCollection, "d" + std::to_string(indexed ? 1 : 2));
    if (indexed) DenseIndex::open(*store, kIndexOptions)->settle();
  }
}

// All that the store knows, and what is found in it.
std::string contents(const Store& store, const DenseIndex& index) {
  std::string all = store.identity() + store.settings().encoder_id;
  const auto add_number = [&](auto number) { all += " " + std::to_string(number); };
  for (const CollectionInfo& info : store.list_collections()) {
    all += info.name;
    for (const auto count : {info.document_count, info.passage_count, info.passages_with_terms}) {
      add_number(count);
    }
    store.for_each_document(info.name, [&](const Document& header) {
      const auto document = store.get_document(info.name, header.id);
      all += document->id + document->title + document->text + document->digest;
      store.for_each_passage(info.name, header.id,
                             [&](const Passage& passage, std::span<const float> vector) {
                               add_number(passage.id);
                               all += passage.text + passage.heading_path;
                               for (const float value : vector) add_number(value);
                             });
    });
    for (const PassageId id : store.deleted_passages(info.name, UINT64_MAX)) add_number(id);
    const std::vector<std::string> terms = {"passage", "part1", "v3"};
    for (const auto& term : store.read_postings(info.name, terms).terms) {
      for (const auto& bucket : term->buckets) all += term->bytes_of(bucket);
    }
    const std::vector<float> query = {1, -0.5F, 0.25F, 1};
    for (const ScoredPassage& hit : index.search(info.name, query, 20)) {
      add_number(hit.id);
      add_number(hit.score);
    }
  }
  return all;
}

std::string contents(const fs::path& folder) {
  const auto store = Store::open(folder, {.read_only = true});
  return contents(*store, *DenseIndex::open(*store, {.write_segments = false}));
}

// What is said of the store; "" if it is said to be sound.
std::string complaints(const fs::path& folder) {
  std::string said;
  try {
    const ProblemList records = check_store(folder).problems;
    const auto store = Store::open(folder, {.read_only = true});
    const ProblemList segments = check_segments(*store).problems;
    for (const ProblemList* problems : {&records, &segments}) {
      for (const std::string& problem : problems->kept()) said += problem + "\n";
    }
  } catch (const Error& error) {
    said += error.what();
  }
  return said;
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.file_size() > 0) {
      files.push_back(fs::relative(entry.path(), folder));
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

void flip_bit(const fs::path& path, std::size_t byte, unsigned bit) {
  std::string content = read_file(path);
  content[byte] = static_cast<char>(content[byte] ^ (1 << bit));
  std::ofstream(path, std::ios::binary) << content;
}

TEST(StoreDamageTest, IsNoticedInEveryFile) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const testing::TemporaryFolder folder;
  const fs::path original = folder.path() / "original";
  fill(original);
  const std::string expected = contents(original);
  ASSERT_EQ(complaints(original), "");
  std::map<std::string, int> noticed;  // by extension
  for (const fs::path& file : files_of(original)) {
    for (int i = 0; i < kPlacesInAFile; ++i) {
      const fs::path copy = folder.path() / "copy";
      fs::remove_all(copy);
      fs::copy(original, copy, fs::copy_options::recursive);
      const std::size_t byte = random() % fs::file_size(copy / file);
      const unsigned bit = random() % 8;
      SCOPED_TRACE(file.string() + ", bit " + std::to_string(bit) + " of byte " +
                   std::to_string(byte));
      flip_bit(copy / file, byte, bit);
      const std::string said = complaints(copy);
      if (said.empty()) {
        EXPECT_EQ(contents(copy), expected) << "nothing was said, and yet it is not the same";
        continue;
      }
      ++noticed[file.extension().string()];
      EXPECT_THAT(said, ::testing::HasSubstr(copy.string())) << "it is not said where";
      if (*file.begin() != "segments") continue;
      EXPECT_THAT(said, ::testing::HasSubstr(file.stem().string()));
      {
        const auto store = Store::open(copy);
        const auto index = DenseIndex::open(*store, kIndexOptions);
        index->settle();
        EXPECT_EQ(contents(*store, *index), expected);
      }
      EXPECT_EQ(complaints(copy), "") << "the index was not made again";
    }
  }
  for (const char* extension : {".sst", ".log", ".segment", ".json"}) {
    EXPECT_GT(noticed[extension], 0) << "no file *" << extension << " was damaged";
  }
}

}  // namespace
}  // namespace tandem
