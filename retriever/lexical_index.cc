#include "retriever/lexical_index.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "retriever/passage_text.h"
#include "retriever/top_passages.h"

namespace tandem {
namespace {

constexpr std::size_t kMaxPhraseChecks = 10'000;
constexpr std::size_t kCompletedAtOnce = 256;

// Those that score, then those that exclude.
std::vector<std::string> names_of(const LexicalQuery& query) {
  std::vector<std::string> names;
  for (const TermCount& term : query.terms) names.push_back(term.term);
  names.insert(names.end(), query.excluded.begin(), query.excluded.end());
  return names;
}

// Gives each snapshot the size of all of them together. The result says of each term how many
// passages of all hold it.
std::vector<std::uint64_t> count_over_all(std::span<PostingsSnapshot> snapshots) {
  std::uint64_t passages = 0;
  std::uint64_t length = 0;
  std::vector<std::uint64_t> counts;
  for (const PostingsSnapshot& snapshot : snapshots) {
    passages += snapshot.passage_count;
    length += snapshot.total_length;
    counts.resize(snapshot.terms.size());
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += snapshot.terms[i]->passage_count;
  }
  for (PostingsSnapshot& snapshot : snapshots) {
    snapshot.passage_count = passages;
    snapshot.total_length = length;
  }
  return counts;
}

std::vector<Bm25Term> bm25_terms(const LexicalQuery& query, std::span<const std::string> names,
                                 const PostingsSnapshot& snapshot,
                                 std::span<const std::uint64_t> counts) {
  std::vector<Bm25Term> terms;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Bm25Term& term = terms.emplace_back();
    term.postings = snapshot.terms[i].get();
    term.passage_count = counts[i];
    term.excluded = i >= query.terms.size();
    if (term.excluded) continue;
    term.weight = static_cast<float>(query.terms[i].count);
    term.required =
        std::find(query.required.begin(), query.required.end(), names[i]) != query.required.end();
  }
  return terms;
}

}  // namespace

LexicalIndex::LexicalIndex(const Store& store, const TextAnalysis& analysis,
                           Bm25Parameters parameters)
    : store_(store), analysis_(analysis), parameters_(parameters) {}

bool LexicalIndex::covers(std::string_view collection) const {
  if (store_.settings().analysis != analysis_.id()) return false;
  const auto info = store_.get_collection(collection);
  return !info || info->passages_with_terms == info->passage_count;
}

std::vector<ScoredPassage> LexicalIndex::search(std::string_view collection,
                                                const LexicalQuery& query, std::size_t k,
                                                const PassageSet* allowed) const {
  const SearchedPart part{collection, allowed};
  return search(std::span(&part, 1), query, k);
}

std::vector<ScoredPassage> LexicalIndex::search(std::span<const SearchedPart> parts,
                                                const LexicalQuery& query, std::size_t k) const {
  const std::vector<std::string> names = names_of(query);
  std::vector<PostingsSnapshot> snapshots;
  for (const SearchedPart& part : parts) {
    snapshots.push_back(store_.read_postings(part.collection, names));
  }
  const std::vector<std::uint64_t> counts = count_over_all(snapshots);
  if (parts.size() == 1) {
    const std::vector<Bm25Term> terms = bm25_terms(query, names, snapshots[0], counts);
    return search_part(snapshots[0], terms, query, k, parts[0].allowed);
  }
  TopPassages best(k);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].allowed != nullptr && parts[i].allowed->size() == 0) continue;
    const std::vector<Bm25Term> terms = bm25_terms(query, names, snapshots[i], counts);
    best.offer(search_part(snapshots[i], terms, query, k, parts[i].allowed));
  }
  return best.take();
}

std::vector<ScoredPassage> LexicalIndex::search_part(const PostingsSnapshot& snapshot,
                                                     std::span<const Bm25Term> terms,
                                                     const LexicalQuery& query, std::size_t k,
                                                     const PassageSet* allowed) const {
  if (!query.has_phrases()) return search_bm25(snapshot, terms, k, allowed, parameters_);

  std::vector<ScoredPassage> found;
  std::size_t checked = 0;
  for (std::size_t wanted = std::max<std::size_t>(4 * std::min(k, kMaxPhraseChecks), 64);;
       wanted *= 4) {
    wanted = std::min(wanted, kMaxPhraseChecks);
    const auto ranked = search_bm25(snapshot, terms, wanted, allowed, parameters_);
    while (checked < ranked.size()) {
      const auto next =
          std::span(ranked).subspan(checked, std::min<std::size_t>(ranked.size() - checked, 64));
      const auto passages = store_.get_passages(ids_of(next));
      for (std::size_t i = 0; i < next.size(); ++i) {
        if (passages[i] && allows(query, *passages[i])) found.push_back(next[i]);
        if (found.size() == k) return found;
      }
      checked += next.size();
    }
    if (ranked.size() < wanted || wanted == kMaxPhraseChecks) return found;
  }
}

bool LexicalIndex::allows(const LexicalQuery& query, const Passage& passage) const {
  return query.allows(analysis_.terms(embedding_text(passage)));
}

PassageTerms terms_of(const TextAnalysis& analysis, const Passage& passage) {
  return analysis.count(embedding_text(passage));
}

std::uint64_t complete_terms(Store& store, const TextAnalysis& analysis) {
  if (store.settings().analysis != analysis.id()) store.restart_terms(analysis.id());
  const auto collections = store.list_collections();
  if (std::all_of(collections.begin(), collections.end(), [](const CollectionInfo& info) {
        return info.passages_with_terms == info.passage_count;
      })) {
    return 0;
  }
  log_info("adding the words of the store's passages for lexical search");
  std::uint64_t count = 0;
  PassageId after = 0;
  while (true) {
    const std::vector<Passage> passages = store.passages_without_terms(after, kCompletedAtOnce);
    if (passages.empty()) return count;
    std::vector<PassageTerms> terms;
    terms.reserve(passages.size());
    for (const Passage& passage : passages) terms.push_back(terms_of(analysis, passage));
    store.add_terms(passages, terms);
    count += passages.size();
    after = passages.back().id;
  }
}

}  // namespace tandem
