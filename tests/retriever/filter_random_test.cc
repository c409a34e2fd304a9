// Filters against an evaluation of one document after the other, over random documents that come,
// change and go.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "retriever/retriever.h"
#include "tests/support/fake_encoder.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

std::optional<AttributeValue> attribute_of(const Document& document, const std::string& key) {
  if (key == "$id") return document.id;
  if (key == "$title") return document.title;
  if (key == "$source") return document.source;
  if (key == "$media_type") return document.media_type;
  if (key == "$created_at") return static_cast<double>(document.created_at_unix_s);
  const auto found = document.attributes.find(key);
  if (found == document.attributes.end()) return std::nullopt;
  return found->second;
}

// Written from the contract in retriever/filter.h.
bool naive(const Filter& filter, const Document& document) {
  const auto selects = [&](const Filter& part) { return naive(part, document); };
  if (filter.type == FilterType::kAnd) {
    return std::all_of(filter.filters.begin(), filter.filters.end(), selects);
  }
  if (filter.type == FilterType::kOr) {
    return std::any_of(filter.filters.begin(), filter.filters.end(), selects);
  }
  const auto value = attribute_of(document, filter.key);
  const bool among =
      value && std::find(filter.values.begin(), filter.values.end(), *value) != filter.values.end();
  switch (filter.type) {
    case FilterType::kEqual:
    case FilterType::kIn:
      return among;
    case FilterType::kNotEqual:
    case FilterType::kNotIn:
      return !among;
    default:
      break;
  }
  if (!value || value->index() != filter.values[0].index()) return false;
  const bool less = *value < filter.values[0];
  const bool greater = filter.values[0] < *value;
  switch (filter.type) {
    case FilterType::kLess:
      return less;
    case FilterType::kLessOrEqual:
      return !greater;
    case FilterType::kGreater:
      return greater;
    default:
      return !less;
  }
}

class FilterRandomTest : public ::testing::Test {
 protected:
  FilterRandomTest() : random_(seed_), store_(Store::open(folder_.path())) {
    StoreSettings settings;
    settings.encoder_id = encoder_.id();
    settings.dimension = static_cast<std::uint32_t>(encoder_.dimension());
    settings.analysis = analysis_.id();
    store_->set_settings(settings);
    index_ = DenseIndex::open(*store_, {.segment_capacity = 300});
  }

  std::size_t below(std::size_t n) { return random_() % n; }

  AttributeValue random_value() {
    switch (below(3)) {
      case 0:
        return below(2) == 0;
      case 1:
        return static_cast<double>(below(6)) / 2;
      default:
        return std::string(below(3), static_cast<char>('a' + below(3)));
    }
  }
  std::string random_key() {
    const char* keys[] = {"a",      "b",       "c",           "d",          "$id",
                          "$title", "$source", "$created_at", "$media_type"};
    return keys[below(std::size(keys))];
  }
  Attributes random_attributes() {
    Attributes attributes;
    for (const char* key : {"a", "b", "c"}) {
      if (below(3) > 0) attributes[key] = random_value();
    }
    return attributes;
  }

  Filter random_filter(int depth) {
    Filter filter;
    if (depth > 0 && below(2) == 0) {
      filter.type = below(2) == 0 ? FilterType::kAnd : FilterType::kOr;
      for (std::size_t i = below(4); i > 0; --i) filter.filters.push_back(random_filter(depth - 1));
      return filter;
    }
    constexpr FilterType kTypes[] = {FilterType::kEqual,   FilterType::kNotEqual,
                                     FilterType::kGreater, FilterType::kGreaterOrEqual,
                                     FilterType::kLess,    FilterType::kLessOrEqual,
                                     FilterType::kIn,      FilterType::kNotIn};
    filter.type = kTypes[below(std::size(kTypes))];
    filter.key = random_key();
    const bool list = filter.type == FilterType::kIn || filter.type == FilterType::kNotIn;
    const bool ordered = filter.type != FilterType::kEqual && filter.type != FilterType::kNotEqual;
    const std::size_t count = list ? below(4) : 1;
    while (filter.values.size() < count) {
      AttributeValue value = random_value();
      // A value that is there, now and then.
      if (!documents_.empty() && below(2) == 0) {
        auto document = documents_.begin();
        std::advance(document, below(documents_.size()));
        value = attribute_of(document->second, filter.key).value_or(value);
      }
      if (std::holds_alternative<bool>(value) && ordered && !list) continue;
      filter.values.push_back(value);
    }
    return filter;
  }

  void put() {
    auto sample =
        testing::make_sample("doc-" + std::to_string(below(900)), static_cast<int>(below(50)),
                             static_cast<std::uint32_t>(below(4)));
    sample.document.attributes = random_attributes();
    std::vector<std::string> texts;
    for (const Passage& passage : sample.passages) texts.push_back(passage.text);
    sample.vectors = encoder_.encode(texts, TextKind::kPassage);
    sample.terms.clear();
    for (const std::string& text : texts) sample.terms.push_back(analysis_.count(text));
    const auto change = testing::put(*store_, sample);
    attributes_->put(sample.document, change);
    index_->add(kDefaultCollection, change.added, sample.vectors);
    index_->remove(kDefaultCollection, change.removed);
    documents_[sample.document.id] = *store_->get_header(kDefaultCollection, sample.document.id);
  }
  void change_one() {
    if (documents_.empty()) return;
    auto chosen = documents_.begin();
    std::advance(chosen, below(documents_.size()));
    if (below(2) == 0) {
      chosen->second =
          *store_->set_attributes(kDefaultCollection, chosen->first, random_attributes());
      attributes_->change(chosen->second);
    } else {
      const auto change = store_->delete_document(kDefaultCollection, chosen->first);
      attributes_->remove(kDefaultCollection, change);
      index_->remove(kDefaultCollection, change.removed);
      documents_.erase(chosen);
    }
  }

  void expect_right(const Filter& filter) {
    std::vector<PassageId> expected;
    for (const auto& [id, document] : documents_) {
      if (!naive(filter, document)) continue;
      for (std::uint32_t i = 0; i < document.passage_count; ++i) {
        expected.push_back(document.first_passage + i);
      }
    }
    std::sort(expected.begin(), expected.end());
    const auto set = attributes_->select(kDefaultCollection, filter);
    std::vector<PassageId> selected;
    for (const PassageRange& range : set->ranges()) {
      for (PassageId id = range.begin; id < range.end; ++id) selected.push_back(id);
    }
    ASSERT_EQ(selected, expected);

    // The ten best of them, by a scan of everything.
    const auto query = encoder_.encode(std::vector<std::string>{"question"}, TextKind::kQuery);
    std::vector<std::pair<float, PassageId>> scored;
    store_->for_each_vector(kDefaultCollection, 0, UINT64_MAX,
                            [&](PassageId id, std::span<const float> row) {
                              if (!std::binary_search(expected.begin(), expected.end(), id)) return;
                              float score = 0;
                              for (std::size_t i = 0; i < row.size(); ++i)
                                score += row[i] * query[i];
                              scored.emplace_back(-score, id);
                            });
    std::sort(scored.begin(), scored.end());
    const LexicalIndex lexical(*store_, analysis_);
    const Retriever retriever(*store_, *index_, *attributes_, lexical, encoder_);
    const auto hits =
        retriever.search("question", {.limit = 10, .filter = filter, .mode = SearchMode::kDense});
    ASSERT_EQ(hits.size(), std::min<std::size_t>(10, scored.size()));
    for (std::size_t i = 0; i < hits.size(); ++i) {
      // By score: rounding may exchange passages that are equal but for it.
      ASSERT_NEAR(hits[i].score, -scored[i].first, 1e-5);
      ASSERT_TRUE(set->contains(hits[i].passage.id));
    }
    for (const SearchMode mode : {SearchMode::kLexical, SearchMode::kHybrid}) {
      const auto found = retriever.search("passage", {.limit = 10, .filter = filter, .mode = mode});
      ASSERT_EQ(found.size(), hits.size());  // every passage has the word
      for (const Hit& hit : found) ASSERT_TRUE(set->contains(hit.passage.id));
    }
  }

  const unsigned seed_ = std::random_device()();
  std::mt19937 random_;
  testing::TemporaryFolder folder_;
  testing::FakeEncoder encoder_;
  TextAnalysis analysis_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<DenseIndex> index_;
  std::unique_ptr<AttributeIndex> attributes_;
  std::map<std::string, Document> documents_;  // without text, as the store should have them
};

TEST_F(FilterRandomTest, SelectsWhatAnEvaluationOfEachDocumentDoes) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  attributes_ = std::make_unique<AttributeIndex>(*store_);
  for (int i = 0; i < 700; ++i) put();
  for (int round = 0; round < 40; ++round) {
    // Made anew from the store, or kept up to date since the last time.
    if (round % 10 == 5) attributes_ = std::make_unique<AttributeIndex>(*store_);
    for (int i = 0; i < 10; ++i) {
      const Filter filter = random_filter(3);
      expect_right(filter);
      if (HasFatalFailure()) return;
    }
    for (std::size_t i = below(60); i > 0; --i) below(2) == 0 ? put() : change_one();
  }
  // Most of it gone: what is left is put together anew.
  while (documents_.size() > 5) change_one();
  for (int i = 0; i < 20; ++i) expect_right(random_filter(3));
}

}  // namespace
}  // namespace tandem
