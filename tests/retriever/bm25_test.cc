#include "retriever/bm25.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "store/postings.h"
#include "tests/support/errors.h"

namespace tandem {
namespace {

struct Corpus {
  std::map<PassageId, std::uint32_t> lengths;
  std::vector<std::map<PassageId, std::uint32_t>> counts;  // by term
};

PostingsSnapshot snapshot_of(const Corpus& corpus) {
  PostingsSnapshot snapshot;
  snapshot.passage_count = corpus.lengths.size();
  for (const auto& [id, length] : corpus.lengths) snapshot.total_length += length;
  for (const auto& term : corpus.counts) {
    std::map<std::uint32_t, std::vector<Posting>> buckets;
    for (const auto& [id, count] : term) {
      buckets[static_cast<std::uint32_t>(id >> kBucketBits)].push_back(
          {static_cast<std::uint16_t>(id % kBucketSize), static_cast<std::uint16_t>(count),
           static_cast<std::uint16_t>(corpus.lengths.at(id))});
    }
    TermPostings postings;
    postings.passage_count = term.size();
    for (const auto& [number, bucket] : buckets) {
      const std::string change = encode_posting_changes(bucket);
      const std::string_view view = change;
      const std::string bytes = apply_posting_changes(std::nullopt, {&view, 1});
      postings.buckets.push_back({number, postings.bytes.size(), bytes.size()});
      postings.bytes += bytes;
    }
    snapshot.terms.push_back(std::make_shared<TermPostings>(std::move(postings)));
  }
  return snapshot;
}

// The formula of bm25.h, passage by passage, in double.
std::map<PassageId, double> reference_scores(const Corpus& corpus, std::span<const Bm25Term> terms,
                                             const PassageSet* allowed,
                                             const Bm25Parameters& parameters) {
  double average = 0;
  for (const auto& [id, length] : corpus.lengths) average += length;
  average /= static_cast<double>(corpus.lengths.size());
  std::map<PassageId, double> scores;
  for (const auto& [id, length] : corpus.lengths) {
    double score = 0;
    bool wanted = allowed == nullptr || allowed->contains(id);
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const auto found = corpus.counts[i].find(id);
      const bool there = found != corpus.counts[i].end();
      wanted &= !(terms[i].required && !there) && !(terms[i].excluded && there);
      if (!there || terms[i].excluded) continue;
      const double n = static_cast<double>(corpus.counts[i].size());
      const double total = static_cast<double>(corpus.lengths.size());
      const double tf = found->second;
      score += terms[i].weight * std::log(1 + (total - n + 0.5) / (n + 0.5)) * tf /
               (tf + parameters.k1 * (1 - parameters.b + parameters.b * length / average));
    }
    if (wanted && score > 0) scores[id] = score;
  }
  return scores;
}

TEST(Bm25Test, AHandComputedCase) {
  Corpus corpus;
  corpus.lengths = {{1, 4}, {2, 8}, {3, 6}};
  corpus.counts = {{{1, 2}, {2, 1}}};
  const auto snapshot = snapshot_of(corpus);
  const std::vector<Bm25Term> terms = {{snapshot.terms[0].get(), 1, false, false}};
  const auto found = search_bm25(snapshot, terms, 10, nullptr, {.k1 = 1.2f, .b = 0.75f});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].id, 1u);
  EXPECT_EQ(found[1].id, 2u);
  // idf = ln(1 + 1.5 / 2.5); average length 6; 2 / (2 + 1.2 * 0.75) and 1 / (1 + 1.2 * 1.25)
  EXPECT_NEAR(found[0].score, 0.4700036 * 2 / 2.9, 1e-6);
  EXPECT_NEAR(found[1].score, 0.4700036 / 2.5, 1e-6);
}

TEST(Bm25Test, EqualScoresAreOrderedByAge) {
  Corpus corpus;
  corpus.counts.resize(1);
  for (PassageId id = 1; id <= 9000; id += 3) {
    corpus.lengths[id] = 10;
    corpus.counts[0][id] = 1;
  }
  const auto snapshot = snapshot_of(corpus);
  const std::vector<Bm25Term> terms = {{snapshot.terms[0].get(), 1, false, false}};
  const auto found = search_bm25(snapshot, terms, 4, nullptr, {});
  ASSERT_EQ(found.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(found[i].id, 1 + 3 * i);
}

// Whatever is passed over, nothing that belongs to the best may be.
TEST(Bm25Test, FindsWhatScoringEveryPassageFinds) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 150; ++round) {
    Corpus corpus;
    const std::size_t passages = 1 + below(round % 4 == 0 ? 50 : 20'000);
    PassageId id = below(10'000);
    for (std::size_t i = 0; i < passages; ++i) {
      id += 1 + (below(50) == 0 ? below(3000) : 0);
      corpus.lengths[id] = static_cast<std::uint32_t>(1 + below(below(2) == 0 ? 400 : 60));
    }
    const std::size_t term_count = 1 + below(6);
    for (std::size_t i = 0; i < term_count; ++i) {
      auto& counts = corpus.counts.emplace_back();
      const std::size_t one_in = std::size_t{1} << below(12);
      for (const auto& [passage, length] : corpus.lengths) {
        if (below(one_in) == 0) {
          counts[passage] = static_cast<std::uint32_t>(1 + (below(8) == 0 ? below(9) : 0));
        }
      }
    }
    std::vector<PassageRange> ranges;
    const bool filtered = below(3) == 0;
    for (PassageId begin = 0; filtered && begin < id;) {
      const PassageId end = begin + 1 + below(below(2) == 0 ? 5 : 2000);
      ranges.push_back({begin, end});
      begin = end + 1 + below(below(2) == 0 ? 5000 : 10);
    }
    const PassageSet set(ranges);
    const PassageSet* allowed = filtered ? &set : nullptr;
    const auto snapshot = snapshot_of(corpus);
    std::vector<Bm25Term> terms;
    for (std::size_t i = 0; i < term_count; ++i) {
      const bool excluded = i > 0 && below(8) == 0;
      terms.push_back({snapshot.terms[i].get(), excluded ? 0.0f : static_cast<float>(1 + below(2)),
                       !excluded && below(6) == 0, excluded});
    }
    const std::size_t k = 1 + below(below(4) == 0 ? 30'000 : 20);
    const Bm25Parameters parameters{.k1 = 0.5f + static_cast<float>(below(3)) * 0.5f,
                                    .b = static_cast<float>(below(5)) / 4};
    const auto found = search_bm25(snapshot, terms, k, allowed, parameters);
    const auto expected = reference_scores(corpus, terms, allowed, parameters);
    std::vector<double> best;
    for (const auto& [passage, score] : expected) best.push_back(score);
    std::sort(best.rbegin(), best.rend());
    if (best.size() > k) best.resize(k);
    ASSERT_EQ(found.size(), best.size()) << "round " << round;
    std::set<PassageId> seen;
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_TRUE(seen.insert(found[i].id).second);
      const auto score = expected.find(found[i].id);
      ASSERT_NE(score, expected.end()) << "round " << round;
      ASSERT_NEAR(found[i].score, score->second, 1e-4 * score->second);
      ASSERT_NEAR(found[i].score, best[i], 1e-4 * best[i]) << "round " << round << " place " << i;
    }
  }
}

TEST(Bm25Test, DamagedPostingsAreRefused) {
  Corpus corpus;
  corpus.lengths = {{1, 4}};
  corpus.counts = {{{1, 2}}};
  const auto snapshot = snapshot_of(corpus);
  TermPostings damaged = *snapshot.terms[0];
  damaged.bytes[1] = 9;
  const std::vector<Bm25Term> terms = {{&damaged, 1, false, false}};
  EXPECT_EQ(testing::error_code_of([&] { search_bm25(snapshot, terms, 1, nullptr, {}); }),
            ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace tandem
