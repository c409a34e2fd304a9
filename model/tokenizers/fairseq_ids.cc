#include "model/tokenizers/fairseq_ids.h"

#include <array>
#include <utility>

#include "base/error.h"

namespace tandem {
namespace {

constexpr TokenId kBegin = 0;
constexpr TokenId kPad = 1;
constexpr TokenId kEnd = 2;
constexpr TokenId kUnknown = 3;
// The first of the pieces that keep their order, and by how much their ids are shifted.
constexpr TokenId kFirstPiece = 3;
constexpr TokenId kShift = 1;

class FairseqIds final : public Tokenizer {
 public:
  explicit FairseqIds(std::unique_ptr<Tokenizer> pieces)
      : pieces_(std::move(pieces)),
        mask_(static_cast<TokenId>(pieces_->vocabulary_size()) + kShift) {}

  std::vector<TokenId> encode(std::string_view text, ControlTokens control) const override {
    std::vector<TokenId> ids = pieces_->encode(text, control);
    for (TokenId& id : ids) id = from_piece(id);
    return ids;
  }
  std::size_t count(std::string_view text) const override { return pieces_->count(text); }
  std::span<const TokenId> prefix() const override { return prefix_; }
  std::span<const TokenId> suffix() const override { return suffix_; }

  std::string token_bytes(TokenId id) const override {
    return is_control(id) || id < 0 || id > mask_ ? "" : pieces_->token_bytes(to_piece(id));
  }
  bool is_control(TokenId id) const override {
    if (id == kBegin || id == kPad || id == kEnd || id == mask_) return true;
    return id >= 0 && id < mask_ && pieces_->is_control(to_piece(id));
  }
  std::optional<TokenId> find(std::string_view token) const override {
    if (token == "<pad>") return kPad;
    if (token == "<mask>") return mask_;
    const auto piece = pieces_->find(token);
    return piece ? std::optional(from_piece(*piece)) : std::nullopt;
  }
  std::size_t vocabulary_size() const override { return static_cast<std::size_t>(mask_) + 1; }

 private:
  static TokenId from_piece(TokenId piece) {
    constexpr std::array<TokenId, kFirstPiece> kFirst = {kUnknown, kBegin, kEnd};
    return piece < kFirstPiece ? kFirst[static_cast<std::size_t>(piece)] : piece + kShift;
  }
  // Not for <pad> and <mask>, which are no pieces.
  static TokenId to_piece(TokenId id) {
    constexpr std::array<TokenId, kFirstPiece + kShift> kFirst = {1, -1, 2, 0};
    return id <= kUnknown ? kFirst[static_cast<std::size_t>(id)] : id - kShift;
  }

  std::unique_ptr<Tokenizer> pieces_;
  TokenId mask_;
  std::array<TokenId, 1> prefix_ = {kBegin};
  std::array<TokenId, 1> suffix_ = {kEnd};
};

}  // namespace

std::unique_ptr<Tokenizer> with_fairseq_ids(std::unique_ptr<Tokenizer> pieces,
                                            const std::string& source) {
  if (pieces->find("<unk>") != 0 || pieces->find("<s>") != 1 || pieces->find("</s>") != 2)
    throw Error(ErrorCode::kUnsupported,
                source + " does not begin with <unk>, <s> and </s>, as XLM-R's model does",
                "give the tokenizer the name it came with");
  return std::make_unique<FairseqIds>(std::move(pieces));
}

}  // namespace tandem
