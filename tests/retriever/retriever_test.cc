#include "retriever/retriever.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "retriever/passage_text.h"
#include "tests/support/errors.h"
#include "tests/support/fake_encoder.h"
#include "tests/support/paths.h"
#include "tests/support/reranker_folder.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

using testing::error_code_of;

class RetrieverTest : public ::testing::Test {
 protected:
  RetrieverTest() : store_(Store::open(folder_.path())), lexical_(*store_, TextAnalysis()) {
    StoreSettings settings;
    settings.encoder_id = encoder_.id();
    settings.dimension = static_cast<std::uint32_t>(encoder_.dimension());
    settings.analysis = lexical_.analysis().id();
    store_->set_settings(settings);
    index_ = DenseIndex::open(*store_);
    attributes_ = std::make_unique<AttributeIndex>(*store_);
  }

  StoreChange put(const std::string& id, std::uint32_t passages,
                  const std::string& collection = kDefaultCollection) {
    auto sample = testing::make_sample(id, 1, passages, collection);
    std::vector<std::string> texts;
    for (const Passage& passage : sample.passages) texts.push_back(passage.text);
    sample.vectors = encoder_.encode(texts, TextKind::kPassage);
    sample.terms.clear();
    for (const Passage& passage : sample.passages) {
      sample.terms.push_back(lexical_.analysis().count(passage.text));
    }
    const auto change = testing::put(*store_, sample);
    index_->add(collection, change.added, sample.vectors);
    return change;
  }
  Retriever retriever() const { return {*store_, *index_, *attributes_, lexical_, encoder_}; }

  testing::TemporaryFolder folder_;
  testing::FakeEncoder encoder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<DenseIndex> index_;
  std::unique_ptr<AttributeIndex> attributes_;
  LexicalIndex lexical_;
};

TEST_F(RetrieverTest, FindsThePassageThatWasAskedFor) {
  put("a", 4);
  put("b", 4);
  const auto hits =
      retriever().search("Passage 2 of b v1.", {.limit = 3, .mode = SearchMode::kDense});
  ASSERT_EQ(hits.size(), 3u);
  EXPECT_EQ(hits[0].passage.document_id, "b");
  EXPECT_EQ(hits[0].passage.ordinal, 2u);
  EXPECT_EQ(hits[0].passage.title, "Title of b v1");
  EXPECT_NEAR(hits[0].score, 1, 1e-6);
  EXPECT_GE(hits[1].score, hits[2].score);
}

TEST_F(RetrieverTest, EachModeScoresInItsOwnWay) {
  put("a", 4);
  put("b", 4);
  const std::string query = "Passage 2 of b v1.";
  const auto lexical = retriever().search(query, {.limit = 3, .mode = SearchMode::kLexical});
  ASSERT_EQ(lexical.size(), 3u);
  EXPECT_EQ(lexical[0].passage.document_id, "b");
  EXPECT_EQ(lexical[0].passage.ordinal, 2u);
  const auto scored =
      lexical_.search(kDefaultCollection, parse_query(query, lexical_.analysis()), 3);
  EXPECT_EQ(lexical[0].score, scored[0].score);
  const auto hybrid = retriever().search(query, {.limit = 3});
  ASSERT_EQ(hybrid.size(), 3u);
  EXPECT_EQ(hybrid[0].passage.id, lexical[0].passage.id);
  EXPECT_NEAR(hybrid[0].score, 1, 1e-6);  // first in both
  EXPECT_TRUE(retriever().search("words of no passage", {.mode = SearchMode::kLexical}).size() > 0);
  EXPECT_TRUE(retriever().search("unheard", {.mode = SearchMode::kLexical}).empty());
  EXPECT_EQ(retriever().search("unheard", {.limit = 3}).size(), 3u);
}

TEST_F(RetrieverTest, ConditionsHoldForBothRankings) {
  put("a", 6);
  put("b", 6);
  for (const SearchMode mode : {SearchMode::kLexical, SearchMode::kHybrid}) {
    const auto hits = retriever().search("passage +b -\"passage 3\"", {.limit = 20, .mode = mode});
    EXPECT_EQ(hits.size(), 5u);
    for (const Hit& hit : hits) {
      EXPECT_EQ(hit.passage.document_id, "b");
      EXPECT_NE(hit.passage.ordinal, 3u);
    }
    EXPECT_EQ(error_code_of([&] { retriever().search("-b", {.mode = mode}); }),
              ErrorCode::kInvalidArgument);
  }
  // As words they exclude nothing.
  EXPECT_EQ(retriever().search("passage +b -3", {.limit = 20, .conditions = false}).size(), 12u);
  EXPECT_EQ(retriever().search("-b", {.limit = 20, .mode = SearchMode::kDense}).size(), 12u);
}

TEST_F(RetrieverTest, WithoutWordsThereAreOnlyVectors) {
  put("a", 4);
  store_->restart_terms(lexical_.analysis().id());
  const auto hits = retriever().search("Passage 2 of a v1.", {.limit = 3});
  ASSERT_EQ(hits.size(), 3u);
  EXPECT_EQ(hits[0].passage.ordinal, 2u);
  EXPECT_EQ(error_code_of([&] { retriever().search("x", {.mode = SearchMode::kLexical}); }),
            ErrorCode::kUnavailable);
}

TEST_F(RetrieverTest, StaysInItsCollection) {
  put("a", 4, "one");
  put("a", 4, "two");
  for (const Hit& hit : retriever().search("anything", {.collection = "two", .limit = 100})) {
    EXPECT_EQ(hit.passage.collection, "two");
  }
}

TEST_F(RetrieverTest, LimitsBeyondTheCollectionAreClipped) {
  put("a", 4);
  EXPECT_EQ(retriever().search("anything", {.limit = 1'000'000'000'000}).size(), 4u);
}

TEST_F(RetrieverTest, PassagesDeletedMeanwhileAreReplacedByTheNextBest) {
  put("a", 6);
  put("b", 6);
  const auto before = retriever().search("Passage 1 of a v1.", {.limit = 12});
  // Gone from the store, not yet from the index: what a search between the two steps sees.
  store_->delete_document(kDefaultCollection, "a");
  const auto hits = retriever().search("Passage 1 of a v1.", {.limit = 4});
  ASSERT_EQ(hits.size(), 4u);
  std::vector<PassageId> expected;
  for (const Hit& hit : before) {
    if (hit.passage.document_id == "b" && expected.size() < 4) expected.push_back(hit.passage.id);
  }
  std::vector<PassageId> found;
  for (const Hit& hit : hits) found.push_back(hit.passage.id);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(retriever().search("anything", {.limit = 100}).size(), 6u);
}

TEST_F(RetrieverTest, TheRerankerOrdersTheBestAnew) {
  put("a", 30);
  const auto reranker = Reranker::open(testing::reranker_folder());
  const Retriever with(*store_, *index_, *attributes_, lexical_, encoder_, reranker.get());
  const std::string query = "Passage 7 of a v1.";
  const auto first = with.search(query, {.limit = 10});
  const auto hits = with.search(query, {.limit = 4, .rerank = 10});
  ASSERT_EQ(hits.size(), 4u);

  // Of the ten that come first.
  std::vector<ScoredPassage> found;
  std::vector<float> logits;
  for (const Hit& hit : first) {
    const auto pairs = reranker->pairs(query, std::vector{embedding_text(hit.passage)});
    logits.push_back(reranker->score(pairs)[0]);
    found.push_back({hit.passage.id, hit.score});
  }
  for (const float weight : {1.0f, 0.5f, 0.0f}) {
    const auto ranked = with.search(query, {.limit = 4, .rerank = 10, .rerank_weight = weight});
    const auto expected = rerank(found, logits, weight);
    // Passages whose scores are the same to rounding may come in either order.
    for (std::size_t i = 0; i < ranked.size(); ++i) {
      EXPECT_NEAR(ranked[i].score, expected[i].score, 1e-3f) << i << " " << weight;
      const auto same = std::ranges::find(expected, ranked[i].passage.id, &ScoredPassage::id);
      ASSERT_NE(same, expected.end());
      EXPECT_NEAR(ranked[i].score, same->score, 1e-3f) << i << " " << weight;
    }
  }
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  const auto alone = with.search(query, {.limit = 1, .rerank = 10, .rerank_weight = 1});
  EXPECT_EQ(alone.at(0).passage.id, first[static_cast<std::size_t>(best)].passage.id);
  EXPECT_EQ(with.search(query, {.limit = 12, .rerank = 1}).size(), 12u);
  EXPECT_EQ(with.search(query, {.limit = 3, .rerank = 1000}).size(), 3u);
}

// Document, place and score of each, as far as they do not depend on how scores were summed.
std::vector<std::string> described(const std::vector<Hit>& hits) {
  std::vector<std::string> all;
  for (const Hit& hit : hits) {
    all.push_back(hit.passage.document_id + "/" + std::to_string(hit.passage.ordinal) + " " +
                  std::to_string(std::lround(hit.score * 1e4f)));
  }
  return all;
}

TEST_F(RetrieverTest, SeveralCollectionsAreSearchedAsIfTheyWereOne) {
  // Of different sizes, and with words that are rare in one and common in another.
  const std::vector<std::pair<std::string, std::uint32_t>> documents = {
      {"a", 12}, {"b", 3}, {"c", 1}, {"d", 5}};
  const std::vector<std::string> collections = {"one", "two", "three", "one"};
  for (std::size_t i = 0; i < documents.size(); ++i) {
    put(documents[i].first, documents[i].second, collections[i]);
  }
  for (const auto& [id, passages] : documents) put(id, passages, "all");
  const Filter filter{.type = FilterType::kIn, .key = "$id", .values = {"b", "d"}};
  const Filter nothing_of_two{.type = FilterType::kIn, .key = "$id", .values = {"a", "c"}};
  const std::vector<std::optional<Filter>> filters = {std::nullopt, filter, nothing_of_two};
  std::size_t compared = 0;
  for (const char* query :
       {"Passage 2 of b v1.", "Part 0 of d", "title 11 c", "\"of b\"", "a -3"}) {
    for (const auto& [name, mode] : search_modes()) {
      for (const auto& chosen : filters) {
        SearchOptions options{.collection = "all", .limit = 7, .filter = chosen, .mode = mode};
        const auto expected = described(retriever().search(query, options));
        options.collection = "two";
        options.more_collections = {"one", "two", "three"};
        EXPECT_EQ(described(retriever().search(query, options)), expected) << query << " " << name;
        compared += expected.size();
      }
    }
  }
  EXPECT_GT(compared, 150u);
}

TEST_F(RetrieverTest, EachOfSeveralCollectionsMustBeThere) {
  put("a", 1, "one");
  const auto search_with = [&](const std::string& other) {
    retriever().search("x", {.collection = "one", .more_collections = {other}});
  };
  EXPECT_EQ(error_code_of([&] { search_with("two"); }), ErrorCode::kNotFound);
  EXPECT_EQ(error_code_of([&] { search_with("a/b"); }), ErrorCode::kInvalidArgument);
  const Filter nothing{.type = FilterType::kEqual, .key = "$id", .values = {"z"}};
  EXPECT_TRUE(
      retriever()
          .search("x", {.collection = "one", .more_collections = {"one"}, .filter = nothing})
          .empty());
}

TEST_F(RetrieverTest, WhatIsBelowTheThresholdIsLeftOut) {
  put("a", 8);
  const auto all = retriever().search("Passage 2 of a v1.", {.limit = 8});
  ASSERT_EQ(all.size(), 8u);
  ASSERT_GT(all[3].score, all[4].score);
  const auto best =
      retriever().search("Passage 2 of a v1.", {.limit = 8, .score_threshold = all[3].score});
  EXPECT_EQ(described(best), described({all.begin(), all.begin() + 4}));
}

TEST_F(RetrieverTest, RerankingNeedsAReranker) {
  put("a", 1);
  EXPECT_EQ(error_code_of([&] { retriever().search("x", {.rerank = 5}); }),
            ErrorCode::kInvalidArgument);
}

TEST_F(RetrieverTest, BadRequestsAreRefused) {
  put("a", 1);
  EXPECT_EQ(error_code_of([&] { retriever().search(" \n\t", {}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] { retriever().search("x", {.limit = 0}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] { retriever().search("x", {.collection = "a/b"}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] { retriever().search("x", {.collection = "other"}); }),
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tandem
