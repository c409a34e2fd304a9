// Text to unit vectors, by a sentence-transformers folder: a BERT encoder, a pooling and a
// normalisation (Reimers and Gurevych 2019, arXiv:1908.10084).
#ifndef TANDEM_RETRIEVER_ENCODER_H_
#define TANDEM_RETRIEVER_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/bert.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

// What a text is to a search. Some encoders were trained with an instruction before questions, or
// with a word before either.
enum class TextKind { kPlain, kQuery, kPassage };

// What was encoded since the encoder was opened.
struct EncoderWork {
  std::uint64_t calls = 0;
  std::uint64_t texts = 0;
  double seconds = 0;  // of all calls, also where they ran side by side
};

// Immutable once opened, but for what it counts; all methods may be called from any thread.
class Encoder {
 public:
  // Reads config.json, model.safetensors, the tokenizer and, where present,
  // `1_Pooling/config.json` (mean or CLS), `sentence_bert_config.json` (max_seq_length) and
  // `config_sentence_transformers.json` (prompts; see encoder_prompts.h). Throws as BertModel::load
  // and open_tokenizer do; the advice says what a usable folder holds.
  static std::unique_ptr<Encoder> open(const std::filesystem::path& folder);
  virtual ~Encoder() = default;

  // SHA-256 over the weights and all that decides the vectors: equal ids, equal vectors. The store
  // refuses to mix vectors of different encoders.
  virtual const std::string& id() const = 0;
  // The folder's name, for people and for /v1/models.
  virtual const std::string& name() const = 0;
  virtual int dimension() const = 0;
  // Longest sequence, control tokens included; what is beyond is cut off.
  virtual int max_tokens() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  virtual Pooling pooling() const = 0;

  // What the network is given for a text of this kind: prompt, cut and control tokens included.
  virtual std::vector<TokenId> tokens_of(const std::string& text, TextKind kind) const = 0;

  // Encodes each text, after the prompt that the encoder was trained with for texts of this kind:
  // shape [texts, dimension], row-major, each row of length 1 (L2). Texts are batched by length and
  // token budget inside; the result does not depend on what else is in the batch, to rounding.
  virtual std::vector<float> encode(std::span<const std::string> texts, TextKind kind,
                                    Urgency urgency) const = 0;
  std::vector<float> encode(std::span<const std::string> texts, TextKind kind) const {
    return encode(texts, kind, Urgency::kWaitedFor);
  }

  // Of texts of this kind.
  virtual EncoderWork work(TextKind kind) const = 0;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_ENCODER_H_
