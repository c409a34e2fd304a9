#include "trainer/hybrid_search.h"

#include <algorithm>
#include <span>
#include <utility>

#include "retriever/passage_text.h"

namespace tandem {
namespace {

constexpr std::size_t kEncodedAtOnce = 256;

}  // namespace

HybridSearch::HybridSearch(const Corpus& corpus, const Encoder& encoder,
                           const std::string& language, const std::filesystem::path& folder)
    : corpus_(corpus), folder_(folder) {
  const TextAnalysis analysis(language);
  store_ = Store::open(folder, {.create_if_missing = true});
  StoreSettings settings;
  settings.encoder_id = encoder.id();
  settings.dimension = static_cast<std::uint32_t>(encoder.dimension());
  settings.analysis = analysis.id();
  store_->set_settings(settings);
  const std::span passages(corpus.passages);
  for (std::size_t begin = 0; begin < passages.size(); begin += kEncodedAtOnce) {
    const auto part = passages.subspan(begin, std::min(kEncodedAtOnce, passages.size() - begin));
    std::vector<std::string> texts;
    for (const TrainingPassage& entry : part) texts.push_back(embedding_text(to_passage(entry)));
    const std::vector<float> vectors = encoder.encode(texts, TextKind::kPassage);
    const std::size_t width = settings.dimension;
    for (std::size_t i = 0; i < part.size(); ++i) {
      Document document;
      document.id = part[i].id;
      document.collection = kDefaultCollection;
      document.title = part[i].title;
      document.text = part[i].text;
      const Passage passage = to_passage(part[i]);
      const PassageTerms terms = terms_of(analysis, passage);
      store_->put_document(document, {&passage, 1}, std::span(vectors).subspan(i * width, width),
                           {&terms, 1});
    }
  }
  index_ = DenseIndex::open(*store_, {.write_segments = false, .kind = IndexKind::kFlat});
  attributes_ = std::make_unique<AttributeIndex>(*store_);
  lexical_ = std::make_unique<LexicalIndex>(*store_, analysis);
  retriever_ = std::make_unique<Retriever>(*store_, *index_, *attributes_, *lexical_, encoder);
}

std::vector<ScoredPassage> HybridSearch::search(const std::string& question, std::size_t k) const {
  SearchOptions options;
  options.limit = k;
  options.conditions = false;
  std::vector<ScoredPassage> found;
  for (const Hit& hit : retriever_->search(question, options))
    found.push_back({corpus_.by_id.at(hit.passage.document_id), hit.score});
  return found;
}

}  // namespace tandem
