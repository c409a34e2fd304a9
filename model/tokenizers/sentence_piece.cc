#include "model/tokenizers/sentence_piece.h"

#include <sentencepiece_processor.h>

#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "model/tokenizers/added_tokens.h"

namespace tandem {
namespace {

using sentencepiece::SentencePieceProcessor;

// Written instead of a space inside pieces: U+2581.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

std::string with_spaces(std::string_view piece) {
  std::string out;
  while (!piece.empty()) {
    const std::size_t mark = piece.find(kSpaceMark);
    out.append(piece.substr(0, mark));
    if (mark == std::string_view::npos) break;
    out.push_back(' ');
    piece.remove_prefix(mark + kSpaceMark.size());
  }
  return out;
}

// The byte of a piece written "<0x0A>".
std::string byte_of(const std::string& piece) {
  unsigned char byte = 0;
  if (piece.size() != 6) return piece;
  const char* digits = piece.data() + 3;
  if (std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) return piece;
  return std::string(1, static_cast<char>(byte));
}

class SentencePiece : public Tokenizer {
 public:
  SentencePiece(std::unique_ptr<SentencePieceProcessor> processor,
                const SentencePieceOptions& options)
      : processor_(std::move(processor)), control_matcher_(control_tokens(*processor_)) {
    if (options.prefix) {
      prefix_ = *options.prefix;
    } else if (options.add_begin && processor_->bos_id() >= 0) {
      prefix_ = {processor_->bos_id()};
    }
    if (options.suffix) {
      suffix_ = *options.suffix;
    } else if (options.add_end && processor_->eos_id() >= 0) {
      suffix_ = {processor_->eos_id()};
    }
  }

  std::vector<TokenId> encode(std::string_view text, ControlTokens control) const override {
    std::string repaired;
    if (!is_valid_utf8(text)) {
      repaired = repair_utf8(text);
      text = repaired;
    }
    std::vector<TokenId> ids;
    if (control == ControlTokens::kAsText || control_matcher_.never_matches(control)) {
      append(text, ids);
      return ids;
    }
    for (const TextSegment& segment : control_matcher_.split(text, control)) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
      } else {
        append(segment.text, ids);
      }
    }
    return ids;
  }

  std::span<const TokenId> prefix() const override { return prefix_; }
  std::span<const TokenId> suffix() const override { return suffix_; }

  std::string token_bytes(TokenId id) const override {
    if (!in_range(id) || is_control(id) || processor_->IsUnused(id)) return {};
    const std::string& piece = processor_->IdToPiece(id);
    if (processor_->IsByte(id)) return byte_of(piece);
    if (processor_->IsUnknown(id)) return processor_->DecodeIds({id});
    return with_spaces(piece);
  }

  bool is_control(TokenId id) const override { return in_range(id) && processor_->IsControl(id); }

  std::optional<TokenId> find(std::string_view token) const override {
    const TokenId id = processor_->PieceToId(token);
    // The library answers with the unknown token for what it does not have.
    if (!in_range(id) || processor_->IdToPiece(id) != token) return std::nullopt;
    return id;
  }

  std::size_t vocabulary_size() const override {
    return static_cast<std::size_t>(processor_->GetPieceSize());
  }

 private:
  static std::vector<AddedToken> control_tokens(const SentencePieceProcessor& processor) {
    std::vector<AddedToken> tokens;
    for (int id = 0; id < processor.GetPieceSize(); ++id) {
      if (processor.IsControl(id)) {
        tokens.push_back({.content = processor.IdToPiece(id), .id = id, .special = true});
      }
    }
    return tokens;
  }

  bool in_range(TokenId id) const { return id >= 0 && id < processor_->GetPieceSize(); }

  void append(std::string_view text, std::vector<TokenId>& ids) const {
    std::vector<int> some;
    const auto status = processor_->Encode(text, &some);
    if (!status.ok()) {
      throw Error(ErrorCode::kInternal,
                  "SentencePiece could not encode a text: " + std::string(status.error_message()));
    }
    ids.insert(ids.end(), some.begin(), some.end());
  }

  std::unique_ptr<SentencePieceProcessor> processor_;
  AddedTokenMatcher control_matcher_;
  std::vector<TokenId> prefix_;
  std::vector<TokenId> suffix_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_sentence_piece(std::string_view model, const std::string& source,
                                               const SentencePieceOptions& options) {
  auto processor = std::make_unique<SentencePieceProcessor>();
  // An empty file parses as a model without pieces.
  const auto status = processor->LoadFromSerializedProto(model);
  if (model.empty() || !status.ok() || processor->GetPieceSize() <= 0) {
    throw Error(ErrorCode::kCorrupt,
                source + " is not a SentencePiece model: " + std::string(status.error_message()),
                "fetch the file again");
  }
  return std::make_unique<SentencePiece>(std::move(processor), options);
}

}  // namespace tandem
