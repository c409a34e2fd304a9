#include "tests/fuzz/tokenizer_use.h"

#include <algorithm>
#include <string_view>

#include "tests/fuzz/fuzzer.h"

namespace tandem::fuzz {

void use_tokenizer(const Tokenizer& tokenizer) {
  const std::size_t size = tokenizer.vocabulary_size();
  const auto in_range = [&](TokenId id) { return id >= 0 && static_cast<std::size_t>(id) < size; };
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, "ab abc  keep <tool>x <|im_end|>\n\n it's 123"sv,
        "<s>a</s> \xC3\xA9\xE2\x96\x81 \xFF\x00 \xF0\x9F\x98\x80 [SEP]"sv}) {
    const auto ids = tokenizer.encode(text);
    for (const TokenId id : ids) {
      require(in_range(id), "ids are within the vocabulary");
      require(!tokenizer.is_control(id), "text never becomes a control token");
    }
    require(tokenizer.count(text) == ids.size(), "count() is the number of ids");
    tokenizer.decode(ids);
    for (const TokenId id : tokenizer.encode(text, ControlTokens::kParse)) {
      require(in_range(id), "ids are within the vocabulary");
    }
  }
  for (const auto ids : {tokenizer.prefix(), tokenizer.suffix()}) {
    require(std::ranges::all_of(ids, in_range), "ids are within the vocabulary");
  }
  for (TokenId id = -1; id <= static_cast<TokenId>(std::min<std::size_t>(size, 1000)); ++id) {
    const bool empty = tokenizer.token_bytes(id).empty();
    require(empty || !tokenizer.is_control(id), "control tokens have no bytes");
  }
  tokenizer.find("<|im_end|>");
}

}  // namespace tandem::fuzz
