#include "retriever/retriever.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace tandem {

Retriever::Retriever(const Store& store, const DenseIndex& index, const AttributeIndex& attributes,
                     const Encoder& encoder)
    : store_(store), index_(index), attributes_(attributes), encoder_(encoder) {}

std::vector<Hit> Retriever::search(std::string_view query, const SearchOptions& options) const {
  if (query.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos) {
    throw Error(ErrorCode::kInvalidArgument, "the query is empty", "give a question or some words");
  }
  if (options.limit == 0) {
    throw Error(ErrorCode::kInvalidArgument, "a search for 0 passages makes no sense",
                "ask for 1 or more");
  }
  check_collection_name(options.collection);
  const auto collections = store_.list_collections();
  if (std::none_of(collections.begin(), collections.end(),
                   [&](const CollectionInfo& info) { return info.name == options.collection; })) {
    throw Error(ErrorCode::kNotFound, "there is no collection named " + options.collection,
                "index documents into it first");
  }

  std::shared_ptr<const PassageSet> allowed;
  if (options.filter) {
    allowed = attributes_.select(options.collection, *options.filter);
    if (allowed->size() == 0) return {};
  }
  const std::vector<float> vector =
      encoder_.encode(std::vector{std::string(query)}, TextKind::kQuery);
  std::vector<Hit> hits;
  // The index may still know passages that the store has just deleted; each round asks for as many
  // more as were missing, until the index has no more.
  std::size_t wanted = options.limit;
  while (true) {
    const auto scored = index_.search(options.collection, vector, wanted, allowed.get());
    std::vector<PassageId> ids;
    ids.reserve(scored.size());
    for (const ScoredPassage& passage : scored) ids.push_back(passage.id);
    auto passages = store_.get_passages(ids);
    hits.clear();
    for (std::size_t i = 0; i < passages.size() && hits.size() < options.limit; ++i) {
      if (passages[i]) hits.push_back({std::move(*passages[i]), scored[i].score});
    }
    if (hits.size() == options.limit || scored.size() < wanted) return hits;
    wanted += options.limit - hits.size();
  }
}

}  // namespace tandem
