#include "retriever/text_analysis.h"

#include <libstemmer.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/segmentation.h"
#include "base/utf8.h"

namespace tandem {
namespace {

// Raised whenever the same text comes to give other terms.
constexpr char kVersion[] = "1";
constexpr char kNoStemming[] = "none";
constexpr std::string_view kTypographicApostrophe = "\xE2\x80\x99";

struct StemmerDeleter {
  void operator()(sb_stemmer* stemmer) const { sb_stemmer_delete(stemmer); }
};
using StemmerPtr = std::unique_ptr<sb_stemmer, StemmerDeleter>;

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; });
}

std::string fold(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  if (is_ascii(text)) {
    for (const char c : text) {
      folded.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    }
    return folded;
  }
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(status);
  if (U_SUCCESS(status)) {
    icu::StringByteSink<std::string> sink(&folded);
    normalizer->normalizeUTF8(0,
                              icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())),
                              sink, nullptr, status);
  }
  if (U_FAILURE(status)) {
    throw Error(ErrorCode::kInternal,
                std::string("ICU cannot normalise a text: ") + u_errorName(status),
                "check that ICU's data is installed");
  }
  return folded;
}

// Han, kana and Hangul: written without spaces, or with spaces between more than words.
bool is_written_in_pairs(char32_t c) {
  return (c >= 0x3005 && c <= 0x3007) || (c >= 0x3041 && c <= 0x30FF) ||
         (c >= 0x31F0 && c <= 0x31FF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7AF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

// A run of such characters as its pairs; a single one as itself.
void append_pairs(std::string_view run, std::vector<std::string>& terms) {
  std::string_view first = run.substr(0, decode_utf8(run).size_bytes);
  if (first.size() == run.size()) terms.emplace_back(first);
  run.remove_prefix(first.size());
  while (!run.empty()) {
    const std::string_view second = run.substr(0, decode_utf8(run).size_bytes);
    terms.push_back(std::string(first).append(second));
    first = second;
    run.remove_prefix(second.size());
  }
}

class Terms {
 public:
  explicit Terms(const std::string& language) {
    if (language == kNoStemming) return;
    stemmer_.reset(sb_stemmer_new(language.c_str(), "UTF_8"));
    if (!stemmer_) throw std::bad_alloc();  // the constructor of TextAnalysis knew the language
  }

  std::vector<std::string> of(std::string_view folded) {
    std::size_t run_begin = 0;
    std::size_t run_end = 0;
    for (const TextSpan& span : split_words(folded)) {
      const std::string_view word = span.of(folded);
      const bool pairs = is_written_in_pairs(decode_utf8(word).code_point);
      if (!pairs || span.begin != run_end) {
        end_run(folded.substr(run_begin, run_end - run_begin));
        run_begin = run_end = span.begin;
      }
      if (pairs) {
        run_end = span.end;
      } else {
        append_word(word);
        run_begin = run_end = span.end;
      }
    }
    end_run(folded.substr(run_begin, run_end - run_begin));
    return std::move(terms_);
  }

 private:
  void end_run(std::string_view run) {
    if (!run.empty()) append_pairs(run, terms_);
  }

  void append_word(std::string_view word) {
    // Stemmers know the typewriter's apostrophe only.
    std::string plain;
    if (word.find(kTypographicApostrophe) != std::string_view::npos) {
      plain = word;
      for (std::size_t at = plain.find(kTypographicApostrophe); at != std::string::npos;
           at = plain.find(kTypographicApostrophe, at)) {
        plain.replace(at, kTypographicApostrophe.size(), "'");
      }
      word = plain;
    }
    if (stemmer_ && word.size() <= kMaxTermBytes) {
      const auto* stem =
          sb_stemmer_stem(stemmer_.get(), reinterpret_cast<const sb_symbol*>(word.data()),
                          static_cast<int>(word.size()));
      if (stem == nullptr) throw std::bad_alloc();
      word = {reinterpret_cast<const char*>(stem),
              static_cast<std::size_t>(sb_stemmer_length(stemmer_.get()))};
    }
    if (word.size() > kMaxTermBytes) {
      word = word.substr(0, complete_utf8_prefix(word.substr(0, kMaxTermBytes)));
    }
    if (!word.empty()) terms_.emplace_back(word);
  }

  StemmerPtr stemmer_;  // null: words stay as they are
  std::vector<std::string> terms_;
};

}  // namespace

TextAnalysis::TextAnalysis(std::string_view language) : language_(language) {
  const auto languages = analysis_languages();
  if (std::find(languages.begin(), languages.end(), language) != languages.end()) return;
  std::string known;
  for (const std::string& name : languages) known += (known.empty() ? "" : ", ") + name;
  throw Error(ErrorCode::kInvalidArgument, "there is no stemming for this language: " + language_,
              "use one of " + known);
}

std::string TextAnalysis::id() const {
  return language_ + '/' + kVersion;
}

std::vector<std::string> TextAnalysis::terms(std::string_view text) const {
  return Terms(language_).of(fold(text));
}

PassageTerms TextAnalysis::count(std::string_view text) const {
  std::vector<std::string> all = terms(text);
  PassageTerms counted;
  counted.length = static_cast<std::uint32_t>(all.size());
  std::sort(all.begin(), all.end());
  for (std::string& term : all) {
    if (counted.counts.empty() || counted.counts.back().term != term) {
      counted.counts.push_back({std::move(term), 0});
    }
    ++counted.counts.back().count;
  }
  return counted;
}

std::vector<std::string> analysis_languages() {
  std::vector<std::string> languages = {kNoStemming};
  for (const char** name = sb_stemmer_list(); *name != nullptr; ++name) {
    languages.emplace_back(*name);
  }
  std::sort(languages.begin(), languages.end());
  return languages;
}

std::string_view language_of_analysis(std::string_view id) {
  return id.substr(0, std::min(id.find('/'), id.size()));
}

}  // namespace tandem
