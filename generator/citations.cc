#include "generator/citations.h"

#include <fmt/format.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <unordered_set>

#include "base/segmentation.h"
#include "base/utf8.h"

namespace tandem {
namespace {

// Support = mean of lexical containment and cosine. Chosen on answers of SmolLM2 over the demo's
// corpus: sentences copied or paraphrased from a passage score above 0.7, unrelated ones below 0.5.
constexpr float kMinimumSupport = 0.6f;
// A sentence that shares hardly any word with its source is not a quotation of it, however close
// the two are as vectors.
constexpr float kMinimumContainment = 0.3f;
// The same for an answer of a word or two, all of whose words the source has: its cosine is that of
// question and answer with the source.
constexpr float kMinimumBriefSupport = 0.7f;
// Only so many candidates a statement, those with the most words in common, are encoded; more of
// a brief one, whose words are in all of them.
constexpr std::size_t kEncodedCandidates = 4;
constexpr std::size_t kEncodedBriefCandidates = 16;
// Words of the shortest sentence that is cited for, or from.
constexpr std::size_t kMinimumCitedWords = 3;

using Words = std::unordered_set<std::string>;

Words fold_words(std::string_view text) {
  Words words;
  for (const TextSpan& span : split_words(text)) {
    const std::string_view word = span.of(text);
    std::string folded;
    icu::UnicodeString::fromUTF8(icu::StringPiece(word.data(), static_cast<int32_t>(word.size())))
        .foldCase()
        .toUTF8String(folded);
    words.insert(std::move(folded));
  }
  return words;
}

// Share of the answer's words, weighted by length (long words carry the meaning), that the source
// has too.
float containment(const Words& answer, const Words& source) {
  float total = 0;
  float found = 0;
  for (const std::string& word : answer) {
    const float weight = static_cast<float>(count_code_points(word));
    total += weight;
    if (source.contains(word)) found += weight;
  }
  return total > 0 ? found / total : 0;
}

TextSpan trim(std::string_view text, TextSpan span) {
  const auto is_space = [&](std::size_t i) {
    return std::isspace(static_cast<unsigned char>(text[i])) != 0;
  };
  while (span.begin < span.end && is_space(span.begin)) ++span.begin;
  while (span.end > span.begin && is_space(span.end - 1)) --span.end;
  return span;
}

bool is_brief(std::string_view text) {
  return split_words(text).size() < kMinimumCitedWords;
}

// A sentence of a passage that may support a statement of the answer.
struct Source {
  std::size_t hit = 0;
  TextSpan span;  // bytes into the passage's text
  Words words;
};

std::vector<Source> sources_of(const std::vector<Hit>& hits) {
  std::vector<Source> sources;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const std::string& text = hits[i].passage.text;
    for (const TextSpan& sentence : split_sentences(text)) {
      const TextSpan span = trim(text, sentence);
      Words words = fold_words(span.of(text));
      if (words.size() >= kMinimumCitedWords) sources.push_back({i, span, std::move(words)});
    }
  }
  return sources;
}

// A statement of the answer with the sources worth a closer look, best containment first.
struct Claim {
  TextSpan span;
  std::string text;  // to compare with the sources
  float minimum_support;
  std::vector<std::pair<float, const Source*>> candidates;
};

std::vector<Claim> claims_of(std::string_view question, std::string_view answer,
                             const std::vector<Source>& sources) {
  std::vector<Claim> claims;
  for (const TextSpan& span : statements_of(answer)) {
    const bool brief = is_brief(span.of(answer));
    Claim claim{span, std::string(span.of(answer)), kMinimumSupport, {}};
    if (brief) {
      claim.text = fmt::format("{} {}", question, claim.text);
      claim.minimum_support = kMinimumBriefSupport;
    }
    const Words words = fold_words(span.of(answer));
    for (const Source& source : sources) {
      const float shared = containment(words, source.words);
      if (shared >= (brief ? 1.0f : kMinimumContainment))
        claim.candidates.emplace_back(shared, &source);
    }
    std::stable_sort(claim.candidates.begin(), claim.candidates.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    const std::size_t most = brief ? kEncodedBriefCandidates : kEncodedCandidates;
    if (claim.candidates.size() > most) claim.candidates.resize(most);
    if (!claim.candidates.empty()) claims.push_back(std::move(claim));
  }
  return claims;
}

float dot(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Citation make_citation(std::string_view answer, const TextSpan& claim, const Source& source,
                       const Hit& hit, float support) {
  const Passage& passage = hit.passage;
  const std::string_view text = passage.text;
  Citation citation;
  citation.passage_id = passage.id;
  citation.collection = passage.collection;
  citation.document_id = passage.document_id;
  citation.title = passage.title;
  citation.heading_path = passage.heading_path;
  citation.page = passage.page;
  citation.begin = passage.begin + count_code_points(text.substr(0, source.span.begin));
  citation.quote = source.span.of(text);
  citation.end = citation.begin + count_code_points(citation.quote);
  citation.answer_begin = count_code_points(answer.substr(0, claim.begin));
  citation.answer_end = citation.answer_begin + count_code_points(claim.of(answer));
  citation.score = support;
  return citation;
}

}  // namespace

std::vector<TextSpan> statements_of(std::string_view answer) {
  if (is_brief(answer)) {
    if (split_words(answer).empty()) return {};
    return {trim(answer, {0, answer.size()})};
  }
  std::vector<TextSpan> statements;
  for (const TextSpan& sentence : split_sentences(answer)) {
    const TextSpan span = trim(answer, sentence);
    if (!is_brief(span.of(answer))) statements.push_back(span);
  }
  return statements;
}

std::vector<Citation> find_citations(std::string_view question, std::string_view answer,
                                     const std::vector<Hit>& hits, const Encoder& encoder) {
  const std::vector<Source> sources = sources_of(hits);
  const std::vector<Claim> claims = claims_of(question, answer, sources);
  if (claims.empty()) return {};

  // One batch for everything: claims first, then each source that some claim considers.
  std::vector<std::string> texts;
  texts.reserve(claims.size());
  std::map<const Source*, std::size_t> rows;
  for (const Claim& claim : claims) texts.push_back(claim.text);
  for (const Claim& claim : claims) {
    for (const auto& [shared, source] : claim.candidates) {
      if (rows.emplace(source, texts.size()).second) {
        texts.emplace_back(source->span.of(hits[source->hit].passage.text));
      }
    }
  }
  const std::vector<float> vectors = encoder.encode(texts, TextKind::kPlain);
  const auto dimension = static_cast<std::size_t>(encoder.dimension());
  const auto row = [&](std::size_t i) {
    return std::span<const float>(vectors).subspan(i * dimension, dimension);
  };

  std::vector<Citation> citations;
  std::map<PassageId, int> numbers;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const Source* best = nullptr;
    float best_support = claims[i].minimum_support;
    for (const auto& [shared, source] : claims[i].candidates) {
      const float support = 0.5f * (shared + std::max(0.0f, dot(row(i), row(rows.at(source)))));
      if (support >= best_support) {
        best_support = support;
        best = source;
      }
    }
    if (best == nullptr) continue;
    Citation citation =
        make_citation(answer, claims[i].span, *best, hits[best->hit], std::min(best_support, 1.0f));
    const int next = static_cast<int>(numbers.size()) + 1;
    citation.number = numbers.emplace(citation.passage_id, next).first->second;
    citations.push_back(std::move(citation));
  }
  return citations;
}

}  // namespace tandem
