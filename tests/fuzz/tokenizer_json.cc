// tokenizer.json of Hugging Face `tokenizers`.
#include "model/tokenizers/tokenizer_json.h"

#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/tokenizer_use.h"

namespace tandem::fuzz {
namespace {

constexpr const char* kWordPiece =
    R"({"added_tokens":[{"id":1,"content":"[CLS]","special":true},{"id":2,"content":"[SEP]",)"
    R"("special":true}],"normalizer":{"type":"BertNormalizer","clean_text":true,)"
    R"("handle_chinese_chars":true,"strip_accents":null,"lowercase":true},)"
    R"("pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"type":)"
    R"("TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},)"
    R"({"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],)"
    R"("pair":[],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]},)"
    R"("[SEP]":{"id":"[SEP]","ids":[2],"tokens":["[SEP]"]}}},"model":{"type":"WordPiece",)"
    R"("unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,)"
    R"("vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3,"##b":4,"it":5,"'":6,"s":7}}})";

constexpr const char* kByteLevelBpe =
    R"({"added_tokens":[{"id":4,"content":"<|im_end|>","single_word":false,"lstrip":false,)"
    R"("rstrip":false,"normalized":false,"special":true},{"id":5,"content":"keep",)"
    R"("single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"special":false}],)"
    R"("normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]},)"
    R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)"
    R"("\\p{N}{1,3}|[a-z]+"},"behavior":"Isolated","invert":false},{"type":"Digits",)"
    R"("individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,)"
    R"("trim_offsets":true,"use_regex":true}]},"post_processor":{"type":"ByteLevel"},)"
    R"("model":{"type":"BPE","ignore_merges":false,"vocab":{"a":0,"b":1,"ab":2,)"
    "\"\xC4\xA0\":3},"
    R"("merges":[["a","b"]]}})";

constexpr const char* kSplits =
    R"({"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"String":)"
    R"("e"},"behavior":"MergedWithNext","invert":false},{"type":"Split","pattern":{"Regex":)"
    R"("\\s+(?!\\S)|\\s+"},"behavior":"Contiguous","invert":false},{"type":"ByteLevel",)"
    R"("add_prefix_space":true,"use_regex":false}]},"model":{"type":"BPE","vocab":{"a":0,)"
    R"("b":1,"ab":2},"merges":["a b"]}})";

}  // namespace

std::vector<std::string> seeds() {
  return {kWordPiece, kByteLevelBpe, kSplits};
}

std::vector<std::string> words() {
  return {"\"type\"",
          "\"model\"",
          "\"vocab\"",
          "\"merges\"",
          "\"added_tokens\"",
          "\"normalizer\"",
          "\"pre_tokenizer\"",
          "\"post_processor\"",
          "\"WordPiece\"",
          "\"BPE\"",
          "\"Unigram\"",
          "\"NFD\"",
          "\"NFKC\"",
          "\"NFKD\"",
          "\"StripAccents\"",
          "\"Replace\"",
          "\"Prepend\"",
          "\"Metaspace\"",
          "\"Whitespace\"",
          "\"Punctuation\"",
          "\"Removed\"",
          "\"MergedWithPrevious\"",
          "\"invert\":true",
          "\"unk_token\"",
          "\"end_of_word_suffix\"",
          "(?i:'s|'t)",
          "\\\\p{L}",
          "null",
          "true"};
}

void run(std::string_view input) {
  use_tokenizer(*make_tokenizer_from_json(input, "fuzzed"));
}

}  // namespace tandem::fuzz
