#include "model/tokenizers/word_piece.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "model/tokenizers/prefix_trie.h"
#include "model/tokenizers/string_table.h"

namespace tandem {
namespace {

constexpr std::size_t kMostCharactersPerWord = 100'000;

class WordPiece : public Tokenizer {
 public:
  explicit WordPiece(WordPieceSpec spec);

  std::vector<TokenId> encode(std::string_view text, ControlTokens control) const override {
    std::vector<TokenId> ids;
    ids.reserve(text.size() / 4);
    encode_to(text, control,
              [&](const TokenId* begin, const TokenId* end) { ids.insert(ids.end(), begin, end); });
    return ids;
  }

  std::size_t count(std::string_view text) const override {
    std::size_t n = 0;
    encode_to(text, ControlTokens::kAsText, [&](const TokenId* begin, const TokenId* end) {
      n += static_cast<std::size_t>(end - begin);
    });
    return n;
  }

  std::span<const TokenId> prefix() const override { return prefix_; }
  std::span<const TokenId> suffix() const override { return suffix_; }

  std::string token_bytes(TokenId id) const override {
    const auto index = static_cast<std::size_t>(id);
    return id >= 0 && index < bytes_.size() ? bytes_[index] : std::string();
  }

  bool is_control(TokenId id) const override {
    const auto index = static_cast<std::size_t>(id);
    return id >= 0 && index < control_.size() && control_[index];
  }

  std::optional<TokenId> find(std::string_view token) const override {
    const TokenId id = entries_.find(token);
    return id < 0 ? std::nullopt : std::optional(id);
  }

  std::size_t vocabulary_size() const override { return bytes_.size(); }

 private:
  // Gathers the characters of a word and hands its ids on.
  template <typename Out>
  class Words {
   public:
    Words(const WordPiece& model, Out& out)
        : model_(model), out_(out), word_(4 * model.max_characters_per_word_ + 4) {}

    void character(char32_t c) {
      if (++characters_ > model_.max_characters_per_word_) return;
      if (c < 0x80) {
        word_[size_++] = static_cast<char>(c);
        return;
      }
      utf8_.clear();
      append_utf8(c, utf8_);
      size_ =
          static_cast<std::size_t>(std::copy(utf8_.begin(), utf8_.end(),
                                             word_.begin() + static_cast<std::ptrdiff_t>(size_)) -
                                   word_.begin());
    }

    void space(char32_t) { end_word(); }

    void punctuation(char32_t c) {
      end_word();
      character(c);
      end_word();
    }

    void end_word() {
      if (characters_ == 0) return;
      if (characters_ > model_.max_characters_per_word_) {
        out_(&model_.unknown_, &model_.unknown_ + 1);
      } else {
        cut({word_.data(), size_});
      }
      characters_ = 0;
      size_ = 0;
    }

   private:
    void cut(std::string_view word) {
      if (const TokenId whole = model_.whole_words_.find(word); whole >= 0) {
        out_(&whole, &whole + 1);
        return;
      }
      ids_.clear();
      const PrefixTrie* trie = &model_.starts_;
      while (!word.empty()) {
        const PrefixTrie::Match match = trie->longest_prefix(word);
        if (match.id < 0) {
          out_(&model_.unknown_, &model_.unknown_ + 1);
          return;
        }
        ids_.push_back(match.id);
        word.remove_prefix(match.size_bytes);
        trie = &model_.continuations_;
      }
      out_(ids_.data(), ids_.data() + ids_.size());
    }

    const WordPiece& model_;
    Out& out_;
    std::vector<char> word_;
    std::size_t size_ = 0;        // bytes of word_ in use
    std::size_t characters_ = 0;  // goes on counting where word_ is full
    std::string utf8_;
    std::vector<TokenId> ids_;
  };

  template <typename Out>
  void encode_to(std::string_view text, ControlTokens control, Out&& out) const {
    Words<Out> words(*this, out);
    // BertText repairs what it reads; only the search for added tokens wants it done before.
    std::string repaired;
    const bool searched = control == ControlTokens::kParse || !only_control_tokens_added_;
    if (searched && !is_valid_utf8(text)) {
      repaired = repair_utf8(text);
      text = repaired;
    }
    added_.visit(
        text, control,
        [&](std::string_view segment) {
          text_.visit(segment, words);
          words.end_word();
        },
        [&](TokenId id) { out(&id, &id + 1); });
  }

  std::vector<std::string> bytes_;  // by id
  std::vector<bool> control_;
  StringTable entries_;      // as the vocabulary writes them
  StringTable whole_words_;  // those that begin a word; most words are one of them
  PrefixTrie starts_;
  PrefixTrie continuations_;
  TokenId unknown_ = -1;
  std::size_t max_characters_per_word_;
  BertText text_;
  AddedTokens added_;
  bool only_control_tokens_added_;
  std::vector<TokenId> prefix_;
  std::vector<TokenId> suffix_;
};

// Normalising twice gives what normalising once gives, so where added tokens are searched in the
// normalised text, BertText simply runs over it again; where there are none, it runs once.
AddedTokens::Normalize normalize_function(const WordPieceSpec& spec) {
  const bool needed = std::any_of(spec.added.begin(), spec.added.end(),
                                  [](const AddedToken& token) { return token.normalized; });
  if (!needed) return nullptr;
  return [text = BertText(spec.text)](std::string_view raw) { return text.normalize(raw); };
}

WordPiece::WordPiece(WordPieceSpec spec)
    : bytes_(spec.tokens.size()),
      control_(spec.tokens.size()),
      entries_(spec.tokens.size() + spec.added.size()),
      whole_words_(spec.tokens.size()),
      max_characters_per_word_(std::min(spec.max_characters_per_word, kMostCharactersPerWord)),
      text_(spec.text),
      added_(spec.added, normalize_function(spec)),
      only_control_tokens_added_(
          std::all_of(spec.added.begin(), spec.added.end(),
                      [](const AddedToken& token) { return token.special; })),
      prefix_(std::move(spec.prefix)),
      suffix_(std::move(spec.suffix)) {
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!spec.tokens[id].empty()) entries_.insert(spec.tokens[id], static_cast<TokenId>(id));
  }
  unknown_ = entries_.find(spec.unknown_token);
  if (unknown_ < 0) {
    throw Error(ErrorCode::kCorrupt,
                spec.source + ": the vocabulary has no entry for the unknown token \"" +
                    spec.unknown_token + "\"",
                "fetch the file again");
  }
  for (const AddedToken& token : spec.added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= bytes_.size()) {
      bytes_.resize(id + 1);
      control_.resize(id + 1);
    }
    entries_.insert(token.content, token.id);
    control_[id] = token.special && token.id != unknown_;
    if (!control_[id]) bytes_[id] = ' ' + token.content;
  }
  const std::string& mark = spec.continuing_prefix;
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string_view entry = spec.tokens[id];
    const auto token = static_cast<TokenId>(id);
    if (entry.empty() || control_[id]) continue;
    const bool continues = !mark.empty() && entry.size() > mark.size() && entry.starts_with(mark);
    if (bytes_[id].empty()) {
      bytes_[id] = continues ? entry.substr(mark.size()) : ' ' + std::string(entry);
    }
    if (token == unknown_) continue;
    // An entry "##a" is also a start, for a text that has it in so many letters; punctuation never
    // joins a word, so this matters only for other marks than "##".
    starts_.insert(entry, token);
    whole_words_.insert(entry, token);
    if (continues || mark.empty()) continuations_.insert(entry.substr(mark.size()), token);
  }
}

}  // namespace

std::unique_ptr<Tokenizer> make_word_piece(WordPieceSpec spec) {
  return std::make_unique<WordPiece>(std::move(spec));
}

std::unique_ptr<Tokenizer> make_word_piece_from_lines(std::string_view vocabulary,
                                                      const std::string& source,
                                                      const BertTextOptions& text) {
  if (!is_valid_utf8(vocabulary)) {
    throw Error(ErrorCode::kCorrupt, source + " is not text in UTF-8", "fetch the file again");
  }
  WordPieceSpec spec;
  spec.source = source;
  spec.text = text;
  while (!vocabulary.empty()) {
    const std::size_t end = std::min(vocabulary.find('\n'), vocabulary.size());
    std::string_view line = vocabulary.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    spec.tokens.emplace_back(line);
    vocabulary.remove_prefix(std::min(end + 1, vocabulary.size()));
  }
  const auto add_control = [&](std::string_view token, bool required) {
    const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), token);
    if (found == spec.tokens.end()) {
      if (!required) return TokenId{-1};
      throw Error(ErrorCode::kCorrupt,
                  source + ": the vocabulary has no line \"" + std::string(token) + '"',
                  "a vocab.txt of a BERT model holds one entry a line");
    }
    const auto id = static_cast<TokenId>(found - spec.tokens.begin());
    spec.added.push_back({.content = std::string(token), .id = id, .special = true});
    return id;
  };
  add_control("[PAD]", false);
  add_control("[MASK]", false);
  add_control("[UNK]", true);
  spec.prefix = {add_control("[CLS]", true)};
  spec.suffix = {add_control("[SEP]", true)};
  return make_word_piece(std::move(spec));
}

}  // namespace tandem
