#include "retriever/retriever.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "retriever/passage_text.h"
#include "retriever/top_passages.h"

namespace tandem {

const std::map<std::string, SearchMode>& search_modes() {
  static const std::map<std::string, SearchMode> modes = {{"dense", SearchMode::kDense},
                                                          {"lexical", SearchMode::kLexical},
                                                          {"hybrid", SearchMode::kHybrid}};
  return modes;
}

// How far down both rankings are read before they are fused: a passage that one of them has below
// this place cannot come to the top by it.
constexpr std::size_t kFusedDepth = 100;

// A collection, and what a filter leaves of it.
struct Retriever::Part {
  std::string collection;
  std::shared_ptr<const PassageSet> allowed;  // null without a filter
};

struct Retriever::Question {
  std::vector<Part> parts;
  SearchMode mode = SearchMode::kDense;
  LexicalQuery lexical;       // unless kDense
  std::vector<float> vector;  // unless kLexical
};

Retriever::Retriever(const Store& store, const DenseIndex& index, const AttributeIndex& attributes,
                     const LexicalIndex& lexical, const Encoder& encoder, const Reranker* reranker)
    : store_(store),
      index_(index),
      attributes_(attributes),
      lexical_(lexical),
      encoder_(encoder),
      reranker_(reranker) {}

namespace {

// What may be searched: what was asked for, of that which may be seen.
std::optional<Filter> filter_of(const SearchOptions& options) {
  if (!options.who) return options.filter;
  Filter visible = visible_to(*options.who);
  if (!options.filter) return visible;
  return Filter{.type = FilterType::kAnd,
                .key = {},
                .values = {},
                .filters = {*options.filter, std::move(visible)}};
}

}  // namespace

std::vector<Retriever::Part> Retriever::parts_of(const SearchOptions& options) const {
  std::vector<std::string> names = {options.collection};
  for (const std::string& name : options.more_collections) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  const std::optional<Filter> filter = filter_of(options);
  std::vector<Part> parts;
  for (std::string& name : names) {
    check_collection_name(name);
    if (!store_.get_collection(name)) {
      throw Error(ErrorCode::kNotFound, "there is no collection named " + name,
                  "index documents into it first");
    }
    Part part{std::move(name), nullptr};
    if (filter) part.allowed = attributes_.select(part.collection, *filter);
    parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<Hit> Retriever::search(std::string_view query, const SearchOptions& options) const {
  if (query.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos) {
    throw Error(ErrorCode::kInvalidArgument, "the query is empty", "give a question or some words");
  }
  if (options.limit == 0) {
    throw Error(ErrorCode::kInvalidArgument, "a search for 0 passages makes no sense",
                "ask for 1 or more");
  }
  if (options.rerank > 0 && reranker_ == nullptr) {
    throw Error(ErrorCode::kInvalidArgument, "there is no reranker to score passages again",
                "give one with --reranker DIR, or search without");
  }
  Question question;
  question.parts = parts_of(options);
  if (std::all_of(question.parts.begin(), question.parts.end(),
                  [](const Part& part) { return part.allowed && part.allowed->size() == 0; })) {
    return {};
  }
  question.mode = options.mode;
  std::string text(query);
  const auto uncovered =
      std::find_if(question.parts.begin(), question.parts.end(),
                   [&](const Part& part) { return !lexical_.covers(part.collection); });
  if (options.mode != SearchMode::kDense && uncovered != question.parts.end()) {
    if (options.mode == SearchMode::kLexical) {
      throw Error(ErrorCode::kUnavailable,
                  "the words of the collection " + uncovered->collection + " are not indexed yet",
                  "open the store for writing once, with tandem index or tandem serve");
    }
    question.mode = SearchMode::kDense;
  }
  if (question.mode != SearchMode::kDense) {
    question.lexical = options.conditions ? parse_query(query, lexical_.analysis())
                                          : query_of_words(query, lexical_.analysis());
    text = question.lexical.text;
    if (text.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "the query only says what is not wanted",
                  "give a word without a minus");
    }
  }
  if (question.mode != SearchMode::kLexical) {
    question.vector = encoder_.encode(std::vector{text}, TextKind::kQuery);
  }
  std::vector<Hit> hits;
  // The dense index may still know passages that the store has just deleted; each round asks for as
  // many more as were missing, until the index has no more.
  const std::size_t depth = std::max(options.limit, options.rerank);
  std::size_t wanted = depth;
  while (true) {
    const auto scored = rank(question, options, wanted);
    auto passages = store_.get_passages(ids_of(scored));
    hits.clear();
    for (std::size_t i = 0; i < passages.size() && hits.size() < depth; ++i) {
      if (passages[i]) hits.push_back({std::move(*passages[i]), scored[i].score});
    }
    if (hits.size() == depth || scored.size() < wanted) break;
    wanted += depth - hits.size();
  }
  if (options.rerank > 0) hits = reranked(text, std::move(hits), options.rerank_weight);
  if (hits.size() > options.limit) hits.resize(options.limit);
  if (options.score_threshold) {
    std::erase_if(hits, [&](const Hit& hit) { return hit.score < *options.score_threshold; });
  }
  return hits;
}

std::vector<Hit> Retriever::reranked(std::string_view query, std::vector<Hit> hits,
                                     float weight) const {
  std::vector<std::string> texts;
  std::vector<ScoredPassage> found;  // its ids are places in `hits`
  for (const Hit& hit : hits) {
    texts.push_back(embedding_text(hit.passage));
    found.push_back({found.size(), hit.score});
  }
  const std::vector<float> logits = reranker_->score(reranker_->pairs(query, texts));
  std::vector<Hit> ordered;
  for (const ScoredPassage& passage : rerank(found, logits, weight))
    ordered.push_back({std::move(hits[passage.id].passage), passage.score});
  return ordered;
}

// Of all parts: cosines compare, whatever collection they are of.
std::vector<ScoredPassage> Retriever::nearest(const Question& question, std::size_t k) const {
  const auto search = [&](const Part& part) {
    return index_.search(part.collection, question.vector, k, part.allowed.get());
  };
  if (question.parts.size() == 1) return search(question.parts[0]);
  TopPassages best(k);
  for (const Part& part : question.parts) {
    if (!part.allowed || part.allowed->size() > 0) best.offer(search(part));
  }
  return best.take();
}

// Fewer than `wanted` only if there are no more.
std::vector<ScoredPassage> Retriever::rank(const Question& question, const SearchOptions& options,
                                           std::size_t wanted) const {
  if (question.mode == SearchMode::kDense) return nearest(question, wanted);
  std::vector<SearchedPart> parts;
  for (const Part& part : question.parts) parts.push_back({part.collection, part.allowed.get()});
  if (question.mode == SearchMode::kLexical) {
    return lexical_.search(parts, question.lexical, wanted);
  }
  const std::size_t depth = std::max(wanted, kFusedDepth);
  auto dense = nearest(question, depth);
  if (question.lexical.has_conditions()) drop_forbidden(question.lexical, dense);
  return fuse(dense, lexical_.search(parts, question.lexical, depth), wanted, options.fusion);
}

// Of a ranking that knows nothing of conditions. What meets them and is missed here is found by its
// words.
void Retriever::drop_forbidden(const LexicalQuery& query,
                               std::vector<ScoredPassage>& passages) const {
  const auto found = store_.get_passages(ids_of(passages));
  std::vector<ScoredPassage> kept;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] && lexical_.allows(query, *found[i])) kept.push_back(passages[i]);
  }
  passages = std::move(kept);
}

std::vector<Hit> best_hits(std::map<PassageId, Hit>&& found, std::size_t limit) {
  std::vector<Hit> hits;
  hits.reserve(found.size());
  for (auto& [id, hit] : found) hits.push_back(std::move(hit));
  std::stable_sort(hits.begin(), hits.end(),
                   [](const Hit& a, const Hit& b) { return a.score > b.score; });
  if (hits.size() > limit) hits.resize(limit);
  return hits;
}

}  // namespace tandem
