#include "trainer/corpus_search.h"

#include <algorithm>

#include "retriever/passage_text.h"

namespace tandem {
namespace {

// [texts, dimension]. In parts, so that there is progress to show.
std::vector<float> encode(const Encoder& encoder, std::span<const std::string> texts, TextKind kind,
                          std::string_view stage, const StageProgress& progress) {
  constexpr std::size_t kPart = 512;
  std::vector<float> vectors;
  if (progress) progress(stage, 0, texts.size());
  for (std::size_t begin = 0; begin < texts.size(); begin += kPart) {
    const auto part = texts.subspan(begin, std::min(kPart, texts.size() - begin));
    const std::vector<float> some = encoder.encode(part, kind);
    vectors.insert(vectors.end(), some.begin(), some.end());
    if (progress) progress(stage, begin + part.size(), texts.size());
  }
  return vectors;
}

}  // namespace

std::vector<std::vector<FoundPassage>> search_corpus(const Corpus& corpus,
                                                     std::span<const std::string> questions,
                                                     const Encoder& encoder, std::size_t k,
                                                     const StageProgress& progress) {
  std::vector<std::string> passages;
  passages.reserve(corpus.passages.size());
  for (const TrainingPassage& passage : corpus.passages)
    passages.push_back(embedding_text(to_passage(passage)));
  const auto passage_vectors =
      encode(encoder, passages, TextKind::kPassage, "embedding passages", progress);
  const auto question_vectors =
      encode(encoder, questions, TextKind::kQuery, "embedding questions", progress);
  return search_passages(passage_vectors, question_vectors,
                         static_cast<std::size_t>(encoder.dimension()), k);
}

}  // namespace tandem
