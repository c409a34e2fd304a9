// Cuts a text into passages that an encoder can take whole.
#ifndef TANDEM_INDEXER_CHUNKER_H_
#define TANDEM_INDEXER_CHUNKER_H_

#include <string>
#include <string_view>
#include <vector>

#include "indexer/reader.h"
#include "model/tokenizers/tokenizer.h"
#include "retriever/encoder.h"
#include "store/store.h"

namespace tandem {

struct ChunkOptions {
  // Upper bound on the tokens of embedding_text(passage) (retriever/passage_text.h), the model's
  // control tokens not counted.
  std::size_t max_tokens = 200;
};

// Passages of at most `max_tokens`, or as many as are usual for 0, but never more than the encoder
// can take whole.
ChunkOptions chunk_options(const Encoder& encoder, std::size_t max_tokens = 0);

// The part of a document's title that goes before each of its passages; chunk() gives them this
// one, the store knows the document's.
std::string embedding_title(std::string_view title, const Tokenizer& tokenizer,
                            const ChunkOptions& options);

// Passages in order of their place, together covering all of the text but white space, none
// overlapping, none empty. Borders are, by preference: headings, paragraphs, sentences (Unicode
// UAX 29 by ICU), words, characters; a passage spans several paragraphs of one section if they fit,
// and never crosses a heading but one that has no text of its own, which goes with the section
// after it. At most a quarter of the tokens go to title and heading path, which are cut to fit.
// Takes time linear in the size of the text. Fills begin, end, text, title, heading_path and page.
// Safe from any thread.
std::vector<Passage> chunk(const SourceText& source, const Tokenizer& tokenizer,
                           const ChunkOptions& options);

}  // namespace tandem

#endif  // TANDEM_INDEXER_CHUNKER_H_
