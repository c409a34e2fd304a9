// Which sentence of which passage supports which part of an answer.
#ifndef TANDEM_GENERATOR_CITATIONS_H_
#define TANDEM_GENERATOR_CITATIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/segmentation.h"
#include "retriever/encoder.h"
#include "retriever/retriever.h"

namespace tandem {

struct Citation {
  int number = 0;  // from 1; one number per passage, in order of first use
  PassageId passage_id = 0;
  std::string collection;
  std::string document_id;
  std::string title;
  std::string heading_path;
  std::uint32_t page = 0;
  std::uint64_t begin = 0;  // the quoted span, code points into the document's text
  std::uint64_t end = 0;
  std::string quote;               // exactly the document's text[begin, end)
  std::uint64_t answer_begin = 0;  // the part of the answer it supports, code points
  std::uint64_t answer_end = 0;
  float score = 0;  // support: 0 none, 1 verbatim
};

// What of `answer` is looked for in passages, as bytes into it: its sentences of at least three
// words, since "Yes." or "1." say nothing by themselves; all of it where it has no more than two,
// such as a name or a number, which say something together with their question.
std::vector<TextSpan> statements_of(std::string_view answer);

// Finds for each statement of `answer` the span of the passages that supports it best; those
// without enough support get no citation. Safe from any thread.
std::vector<Citation> find_citations(std::string_view question, std::string_view answer,
                                     const std::vector<Hit>& hits, const Encoder& encoder);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_CITATIONS_H_
