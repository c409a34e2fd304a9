#include "store/postings.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "base/error.h"
#include "tests/support/errors.h"

namespace tandem {
namespace {

using namespace std::string_literals;
using testing::error_code_of;

std::vector<Posting> all_of(const PostingList& list) {
  std::vector<Posting> postings;
  PostingBlock block;
  for (std::size_t i = 0; i < list.block_count(); ++i) {
    list.decode(i, block);
    for (std::size_t j = 0; j < block.size; ++j) {
      postings.push_back({block.offsets[j], block.counts[j], block.lengths[j]});
    }
  }
  return postings;
}

std::string bucket_of(const std::vector<Posting>& postings) {
  const std::string change = encode_posting_changes(postings);
  const std::string_view view = change;
  return apply_posting_changes(std::nullopt, {&view, 1});
}

// Written by hand from the grammar in store/postings.h.
TEST(PostingsTest, BytesAreThoseOfTheGrammar) {
  EXPECT_EQ(encode_posting_changes(std::vector<Posting>{{1, 2, 300}, {2, 0, 0}}),
            "\x01\x01\0\x02\0\x2C\x01\x02\0\0\0\0\0"s);
  EXPECT_EQ(bucket_of({{1, 2, 300}}), "\x01\x01\0\x01\0\x02\0\x2C\x01"s);
  std::vector<Posting> eight;
  for (std::uint16_t i = 0; i < 8; ++i) {
    eight.push_back({static_cast<std::uint16_t>(10 + 2 * i), 1, static_cast<std::uint16_t>(9 - i)});
  }
  EXPECT_EQ(bucket_of(eight), "\x01\x08\0"s + "\x01\0\x02\0\xFF\xFF\xFF\xFF\xFF\xFF"s +
                                  "\x18\0\x11"s + "\x0A\x01\x01\x01\x01\x01\x01\x01"s +
                                  "\x09\x08\x07\x06\x05\x04\x03\x02"s);
}

TEST(PostingsTest, BoundsAreExactForSmallCounts) {
  std::vector<Posting> postings;
  for (std::uint16_t i = 0; i < 20; ++i) {
    const auto count = static_cast<std::uint16_t>(i % 6 + 1);
    postings.push_back({i, count, static_cast<std::uint16_t>(100 + i)});
  }
  for (const std::size_t size : {4u, 20u}) {
    const std::string bytes = bucket_of({postings.begin(), postings.begin() + size});
    const PostingBound bound = PostingList(bytes).bound();
    EXPECT_EQ(bound.max_count, size == 4 ? 4 : 6);
    EXPECT_EQ(bound.min_length, (std::array<std::uint16_t, 4>{100, 101, 102, 103}));
  }
}

TEST(PostingsTest, ABlockIsFoundByOffset) {
  std::vector<Posting> postings;
  for (std::uint16_t i = 0; i < 300; ++i)
    postings.push_back({static_cast<std::uint16_t>(i * 10), 1, 5});
  const std::string bytes = bucket_of(postings);
  const PostingList list(bytes);
  EXPECT_EQ(list.block_count(), 3u);
  EXPECT_EQ(list.find_block(0), 0u);
  EXPECT_EQ(list.find_block(1270), 0u);
  EXPECT_EQ(list.find_block(1271), 1u);
  EXPECT_EQ(list.find_block(2990), 2u);
  EXPECT_EQ(list.find_block(2991), 3u);
}

// Any splitting of the changes into buckets, joined changes and changes gives what a map would
// hold.
TEST(PostingsTest, ChangesInAnyGroupingGiveTheSameBucket) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 300; ++round) {
    const std::size_t ids = 1 + below(round % 3 == 0 ? 20 : kBucketSize);
    const std::size_t largest = below(2) == 0 ? 3 : 70'000;
    std::map<std::uint16_t, Posting> expected;
    std::optional<std::string> bucket;
    std::vector<std::string> waiting;
    const auto views = [&] {
      return std::vector<std::string_view>(waiting.begin(), waiting.end());
    };
    for (std::size_t step = 1 + below(20); step > 0; --step) {
      std::map<std::uint16_t, Posting> change;
      for (std::size_t i = 1 + below(ids); i > 0; --i) {
        const auto offset = static_cast<std::uint16_t>(below(ids));
        const bool removed = below(3) == 0;
        change[offset] = {offset,
                          static_cast<std::uint16_t>(removed ? 0 : 1 + below(largest) % 65'535),
                          static_cast<std::uint16_t>(removed ? 0 : below(largest))};
      }
      std::vector<Posting> list;
      for (const auto& [offset, posting] : change) {
        list.push_back(posting);
        if (posting.count == 0) {
          expected.erase(offset);
        } else {
          expected[offset] = posting;
        }
      }
      waiting.push_back(encode_posting_changes(list));
      if (below(4) == 0) waiting = {join_posting_changes(views())};
      if (below(4) == 0) {
        bucket = apply_posting_changes(bucket, views());
        waiting.clear();
      }
    }
    const std::string bytes = apply_posting_changes(bucket, views());
    const PostingList list(bytes);
    const auto postings = all_of(list);
    ASSERT_EQ(list.size(), expected.size());
    ASSERT_EQ(postings.size(), expected.size());
    auto next = postings.begin();
    for (const auto& [offset, posting] : expected) {
      ASSERT_EQ(*next++, posting);
      const auto& bound = list.bound();
      ASSERT_LE(posting.count, bound.max_count);
      ASSERT_GE(posting.length, bound.min_length[std::min<std::size_t>(posting.count, 4) - 1]);
    }
  }
}

TEST(PostingsTest, DamagedBytesAreRefusedOrHarmless) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<Posting> postings;
  for (std::uint16_t i = 0; i < 400; ++i) {
    postings.push_back({static_cast<std::uint16_t>(i * 7), static_cast<std::uint16_t>(1 + i % 5),
                        static_cast<std::uint16_t>(i)});
  }
  const std::vector<std::string> samples = {bucket_of(postings),
                                            bucket_of({postings.begin(), postings.begin() + 5}),
                                            apply_posting_changes(std::nullopt, {})};
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = samples[random() % samples.size()];
    if (round % 3 == 0) bytes.resize(random() % (bytes.size() + 8));
    for (auto flips = random() % 4; flips > 0 && !bytes.empty(); --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    try {
      for (const Posting& posting : all_of(PostingList(bytes))) {
        ASSERT_LT(posting.offset, kBucketSize);
        ASSERT_GT(posting.count, 0);
      }
    } catch (const Error& error) {
      ++refused;
      ASSERT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported);
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(PostingsTest, EveryTruncationIsRefused) {
  std::vector<Posting> postings;
  for (std::uint16_t i = 0; i < 200; ++i) postings.push_back({i, 1, i});
  const std::string bytes = bucket_of(postings);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(error_code_of([&] { PostingList{std::string_view(bytes).substr(0, size)}; }),
              ErrorCode::kCorrupt)
        << size;
  }
  const std::string change = encode_posting_changes(postings);
  const std::string_view cut = std::string_view(change).substr(0, change.size() - 1);
  EXPECT_EQ(error_code_of([&] { join_posting_changes({&cut, 1}); }), ErrorCode::kCorrupt);
  std::string newer = bytes;
  newer[0] = 2;
  EXPECT_EQ(error_code_of([&] { PostingList{newer}; }), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace tandem
