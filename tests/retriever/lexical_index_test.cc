#include "retriever/lexical_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class LexicalIndexTest : public ::testing::Test {
 protected:
  LexicalIndexTest() : store_(Store::open(folder_.path())) {
    StoreSettings settings;
    settings.encoder_id = "encoder";
    settings.dimension = 1;
    settings.analysis = TextAnalysis().id();
    store_->set_settings(settings);
  }

  // One passage for each text, of one document.
  std::vector<PassageId> put(const std::string& id, const std::vector<std::string>& texts,
                             const std::string& collection = kDefaultCollection,
                             bool with_terms = true) {
    Document document;
    document.id = id;
    document.collection = collection;
    std::vector<Passage> passages;
    std::vector<PassageTerms> terms;
    for (const std::string& text : texts) {
      passages.emplace_back().text = text;
      if (with_terms) terms.push_back(terms_of(TextAnalysis(), passages.back()));
    }
    const std::vector<float> vectors(texts.size());
    return store_->put_document(document, passages, vectors, terms).added;
  }
  std::vector<PassageId> search(const std::string& query, std::size_t k = 10,
                                const PassageSet* allowed = nullptr,
                                const std::string& collection = kDefaultCollection) const {
    const LexicalIndex index(*store_, TextAnalysis());
    std::vector<PassageId> ids;
    for (const auto& hit :
         index.search(collection, parse_query(query, index.analysis()), k, allowed)) {
      ids.push_back(hit.id);
    }
    return ids;
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(LexicalIndexTest, FindsPassagesByTheirStems) {
  const auto ids = put("a", {"The tide turns twice a day.", "Ships wait for tides.", "Birds fly."});
  EXPECT_THAT(search("tides turning"), ElementsAre(ids[0], ids[1]));
  EXPECT_THAT(search("unheard"), IsEmpty());
  EXPECT_THAT(search(""), IsEmpty());
  EXPECT_THAT(search("tide", 1), ElementsAre(ids[1]));
}

TEST_F(LexicalIndexTest, StaysInItsCollection) {
  const auto one = put("a", {"tide"}, "one");
  const auto two = put("a", {"tide"}, "two");
  EXPECT_THAT(search("tide", 10, nullptr, "two"), ElementsAre(two[0]));
  EXPECT_THAT(search("tide", 10, nullptr, "three"), IsEmpty());
}

TEST_F(LexicalIndexTest, SignsAndQuotesAreConditions) {
  const auto ids = put("a", {"new york is a city", "york is new to me", "new york new york",
                             "old york", "the city"});
  EXPECT_THAT(search("\"new york\""), UnorderedElementsAre(ids[0], ids[2]));
  EXPECT_THAT(search("york -new"), ElementsAre(ids[3]));
  EXPECT_THAT(search("york -\"new york\""), UnorderedElementsAre(ids[1], ids[3]));
  EXPECT_THAT(search("york +city"), UnorderedElementsAre(ids[0], ids[4]));
  EXPECT_THAT(search("\"new york\"", 1).size(), 1u);
  EXPECT_THAT(search("-york"), IsEmpty());  // nothing scores
}

TEST_F(LexicalIndexTest, APhraseIsFoundBelowManyPassagesOfItsWords) {
  std::vector<std::string> texts(700, "york new");
  texts.emplace_back(
      "a long passage that says many things before it comes to speak of new york at its end");
  const auto ids = put("a", texts);
  EXPECT_THAT(search("\"new york\"", 1), ElementsAre(ids.back()));
}

TEST_F(LexicalIndexTest, OnlyAllowedPassagesAreFound) {
  const auto ids = put("a", std::vector<std::string>(10, "tide"));
  const PassageRange range{ids[3], ids[5]};
  const PassageSet allowed({&range, 1});
  EXPECT_THAT(search("tide", 10, &allowed), ElementsAre(ids[3], ids[4]));
}

// Scores are those of a store that never held what was deleted.
TEST_F(LexicalIndexTest, DeletedPassagesLeaveTheStatistics) {
  put("kept", {"tide and moon", "moon"});
  const LexicalIndex index(*store_, TextAnalysis());
  const auto query = parse_query("tide moon", index.analysis());
  const auto before = index.search(kDefaultCollection, query, 10);
  put("gone", {"tide tide tide", "many other words about the tide"});
  EXPECT_NE(index.search(kDefaultCollection, query, 10)[0].score, before[0].score);
  put("gone", {"tide of another version"});
  store_->delete_document(kDefaultCollection, "gone");
  const auto after = index.search(kDefaultCollection, query, 10);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].id, before[i].id);
    EXPECT_EQ(after[i].score, before[i].score);
  }
}

TEST_F(LexicalIndexTest, TermsThatAreMissingAreCompleted) {
  const auto known = put("a", {"the tides"});
  const auto ids = put("b", std::vector<std::string>(600, "a tide"), "other", false);
  const LexicalIndex index(*store_, TextAnalysis());
  EXPECT_TRUE(index.covers(kDefaultCollection));
  EXPECT_FALSE(index.covers("other"));
  EXPECT_THAT(search("tide", 10, nullptr, "other"), IsEmpty());
  EXPECT_EQ(complete_terms(*store_, TextAnalysis()), 600u);
  EXPECT_TRUE(index.covers("other"));
  EXPECT_EQ(search("tide", 1000, nullptr, "other"), ids);
  EXPECT_EQ(complete_terms(*store_, TextAnalysis()), 0u);
}

TEST_F(LexicalIndexTest, AnotherAnalysisReplacesAllTerms) {
  const auto ids = put("a", {"the tides"});
  EXPECT_EQ(complete_terms(*store_, TextAnalysis("none")), 1u);
  const LexicalIndex stemmed(*store_, TextAnalysis());
  const LexicalIndex plain(*store_, TextAnalysis("none"));
  EXPECT_FALSE(stemmed.covers(kDefaultCollection));
  EXPECT_TRUE(plain.covers(kDefaultCollection));
  const auto find = [&](const char* word) {
    return plain.search(kDefaultCollection, parse_query(word, plain.analysis()), 10).size();
  };
  EXPECT_EQ(find("tide"), 0u);
  EXPECT_EQ(find("tides"), 1u);
}

// Each search sees one moment: as many passages as the postings of either term say.
TEST_F(LexicalIndexTest, SearchesRunBesideWrites) {
  put("a", {"tide moon"});
  std::atomic<bool> ended = false;
  std::thread writer([&] {
    for (int i = 0; i < 150; ++i) put("b", std::vector<std::string>(1 + i % 5, "tide moon"));
    ended = true;
  });
  const LexicalIndex index(*store_, TextAnalysis());
  const auto query = parse_query("+tide +moon", index.analysis());
  while (!ended) {
    const auto found = index.search(kDefaultCollection, query, 100);
    ASSERT_GE(found.size(), 1u);
    ASSERT_LE(found.size(), 6u);
    for (const auto& hit : found) ASSERT_EQ(hit.score, found[0].score);
  }
  writer.join();
}

}  // namespace
}  // namespace tandem
