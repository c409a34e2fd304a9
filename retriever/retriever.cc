#include "retriever/retriever.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "retriever/passage_text.h"

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

struct Retriever::Question {
  SearchMode mode = SearchMode::kDense;
  LexicalQuery lexical;                       // unless kDense
  std::vector<float> vector;                  // unless kLexical
  std::shared_ptr<const PassageSet> allowed;  // by the filter; null without one
};

Retriever::Retriever(const Store& store, const DenseIndex& index, const AttributeIndex& attributes,
                     const LexicalIndex& lexical, const Encoder& encoder, const Reranker* reranker)
    : store_(store),
      index_(index),
      attributes_(attributes),
      lexical_(lexical),
      encoder_(encoder),
      reranker_(reranker) {}

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
  check_collection_name(options.collection);
  if (!store_.get_collection(options.collection)) {
    throw Error(ErrorCode::kNotFound, "there is no collection named " + options.collection,
                "index documents into it first");
  }

  Question question;
  if (options.filter) {
    question.allowed = attributes_.select(options.collection, *options.filter);
    if (question.allowed->size() == 0) return {};
  }
  question.mode = options.mode;
  std::string text(query);
  if (options.mode != SearchMode::kDense && !lexical_.covers(options.collection)) {
    if (options.mode == SearchMode::kLexical) {
      throw Error(ErrorCode::kUnavailable,
                  "the words of the collection " + options.collection + " are not indexed yet",
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

// Fewer than `wanted` only if there are no more.
std::vector<ScoredPassage> Retriever::rank(const Question& question, const SearchOptions& options,
                                           std::size_t wanted) const {
  const PassageSet* const allowed = question.allowed.get();
  if (question.mode == SearchMode::kDense) {
    return index_.search(options.collection, question.vector, wanted, allowed);
  }
  if (question.mode == SearchMode::kLexical) {
    return lexical_.search(options.collection, question.lexical, wanted, allowed);
  }
  const std::size_t depth = std::max(wanted, kFusedDepth);
  auto dense = index_.search(options.collection, question.vector, depth, allowed);
  if (question.lexical.has_conditions()) drop_forbidden(question.lexical, dense);
  return fuse(dense, lexical_.search(options.collection, question.lexical, depth, allowed), wanted,
              options.fusion);
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

}  // namespace tandem
