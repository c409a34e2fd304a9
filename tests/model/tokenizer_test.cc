// Properties that hold for every text: round trips, no control token out of text, the same count,
// time that grows with the length of the text; and files that are not what they should be.
#include "model/tokenizers/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "model/gguf.h"
#include "model/tokenizers/tokenizer_json.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

fs::path references() {
  return testing::source_folder() / "tests" / "model" / "references";
}

struct NamedTokenizer {
  std::string name;
  std::unique_ptr<Tokenizer> tokenizer;
  bool lossless = false;
};

// The small ones of the tree, and those of the models where they are there.
std::vector<NamedTokenizer> all_tokenizers() {
  std::vector<NamedTokenizer> all;
  all.push_back({"byte_level_bpe", open_tokenizer(references() / "byte_level_bpe"), false});
  all.push_back({"sentence_piece", open_tokenizer(references() / "sentence_piece"), false});
  if (fs::exists(testing::encoder_folder() / "tokenizer.json")) {
    all.push_back({"word_piece", open_tokenizer(testing::encoder_folder()), false});
  }
  if (fs::exists(testing::generator_file())) {
    all.push_back({"smollm2", make_tokenizer(*open_gguf(testing::generator_file())), false});
  }
  return all;
}

// The reference file normalises to NFC and has added tokens that take spaces along: without both,
// byte-level BPE is lossless.
std::unique_ptr<Tokenizer> lossless_byte_level_bpe() {
  json root = json::parse(read_file(references() / "byte_level_bpe" / "tokenizer.json"));
  root["normalizer"] = nullptr;
  json kept = json::array();
  for (const json& token : root["added_tokens"]) {
    if (token["special"] == true) kept.push_back(token);
  }
  root["added_tokens"] = kept;
  return make_tokenizer_from_json(root.dump(), "lossless");
}

class RandomTexts {
 public:
  explicit RandomTexts(std::uint64_t seed) : random_(seed) {}

  // Stretches of all kinds, with what could be mistaken for control tokens among them.
  std::string next() {
    static const std::vector<std::string> kFragments = {
        "<|im_start|>",
        "<|im_end|>",
        "<|endoftext|>",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "[PAD]",
        "<s>",
        "</s>",
        "<unk>",
        "<|",
        "|>",
        "im_end",
        "[",
        "SEP]",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "'s",
        "hello",
        "\xC3\xA9",
        "\xE4\xB8\xAD",
        "e\xCC\x81",
        "123",
        "\xF0\x9F\x98\x80",
    };
    std::string text;
    const std::size_t pieces = below(20);
    for (std::size_t i = 0; i < pieces; ++i) {
      switch (below(3)) {
        case 0:
          text += kFragments[below(kFragments.size())];
          break;
        case 1:
          append_utf8(static_cast<char32_t>(below(0x110000)), text);
          break;
        default:
          for (std::size_t n = below(8); n > 0; --n) text.push_back(static_cast<char>(below(256)));
      }
    }
    return text;
  }

  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }

 private:
  std::mt19937_64 random_;
};

std::uint64_t print_seed() {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

TEST(TokenizerTest, TextNeverBecomesAControlToken) {
  RandomTexts texts(print_seed());
  const auto tokenizers = all_tokenizers();
  for (int i = 0; i < 2000; ++i) {
    const std::string text = texts.next();
    for (const NamedTokenizer& named : tokenizers) {
      for (const TokenId id : named.tokenizer->encode(text)) {
        ASSERT_FALSE(named.tokenizer->is_control(id)) << named.name << ": id " << id;
        ASSERT_LT(static_cast<std::size_t>(id), named.tokenizer->vocabulary_size());
      }
    }
  }
}

TEST(TokenizerTest, ParsedControlTextBecomesThatToken) {
  for (const NamedTokenizer& named : all_tokenizers()) {
    const char* name = named.name == "word_piece" ? "[SEP]" : "<|im_end|>";
    const auto id = named.tokenizer->find(name);
    ASSERT_TRUE(id) << named.name;
    EXPECT_TRUE(named.tokenizer->is_control(*id)) << named.name;
    EXPECT_EQ(named.tokenizer->token_bytes(*id), "") << named.name;
    EXPECT_EQ(named.tokenizer->encode(name, ControlTokens::kParse), std::vector<TokenId>{*id})
        << named.name;
  }
}

TEST(TokenizerTest, CountIsTheNumberOfIds) {
  RandomTexts texts(print_seed());
  const auto tokenizers = all_tokenizers();
  for (int i = 0; i < 1000; ++i) {
    const std::string text = texts.next();
    for (const NamedTokenizer& named : tokenizers) {
      ASSERT_EQ(named.tokenizer->count(text), named.tokenizer->encode(text).size()) << named.name;
    }
  }
}

TEST(TokenizerTest, ByteLevelBpeGivesBackEveryText) {
  RandomTexts texts(print_seed());
  const auto tokenizer = lossless_byte_level_bpe();
  for (int i = 0; i < 5000; ++i) {
    const std::string text = repair_utf8(texts.next());
    ASSERT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

TEST(TokenizerTest, TokenBytesStreamWholeCharacters) {
  const auto tokenizer = lossless_byte_level_bpe();
  const std::string text = "caf\xC3\xA9 \xF0\x9F\x9A\x80\xF0\x9F\x91\xA9\xE2\x80\x8D \xE7\x81\xAF!";
  std::string sent;
  std::string held;
  for (const TokenId id : tokenizer->encode(text)) {
    held += tokenizer->token_bytes(id);
    const std::size_t whole = complete_utf8_prefix(held);
    ASSERT_TRUE(is_valid_utf8(held.substr(0, whole)));
    sent += held.substr(0, whole);
    held.erase(0, whole);
  }
  EXPECT_EQ(sent, text);
  EXPECT_EQ(held, "");
}

TEST(TokenizerTest, SurroundingTokensComeFromTheFile) {
  const auto bpe = open_tokenizer(references() / "byte_level_bpe");
  ASSERT_EQ(bpe->prefix().size(), 1u);
  EXPECT_EQ(bpe->prefix()[0], *bpe->find("<|im_start|>"));
  ASSERT_EQ(bpe->suffix().size(), 1u);
  EXPECT_EQ(bpe->suffix()[0], *bpe->find("<|im_end|>"));
  const auto pieces = open_tokenizer(references() / "sentence_piece");
  ASSERT_EQ(pieces->prefix().size(), 1u);
  EXPECT_EQ(pieces->prefix()[0], *pieces->find("<s>"));
  EXPECT_TRUE(pieces->suffix().empty());
}

TEST(TokenizerTest, UnknownIdsAreHarmless) {
  for (const NamedTokenizer& named : all_tokenizers()) {
    for (const TokenId id : {-1, 1 << 30, static_cast<int>(named.tokenizer->vocabulary_size())}) {
      EXPECT_EQ(named.tokenizer->token_bytes(id), "") << named.name;
      EXPECT_FALSE(named.tokenizer->is_control(id)) << named.name;
    }
    EXPECT_FALSE(named.tokenizer->find("no such entry anywhere"));
  }
}

// One megabyte without a place to cut: quadratic merging would take hours. SentencePiece is left
// out: its time is its library's.
TEST(TokenizerTest, LongWordsTakeLinearTime) {
  RandomTexts texts(print_seed());
  std::string random_letters;
  for (int i = 0; i < 1'000'000; ++i) {
    random_letters.push_back(static_cast<char>('a' + texts.below(26)));
  }
  for (const NamedTokenizer& named : all_tokenizers()) {
    if (named.name == "sentence_piece") continue;
    for (const std::string& text : {random_letters, std::string(1'000'000, 'a'),
                                    std::string(1'000'000, ' '), std::string(1'000'000, '\n')}) {
      const auto start = std::chrono::steady_clock::now();
      named.tokenizer->encode(text);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      EXPECT_LT(took.count(), 20) << named.name;
    }
  }
}

// Loads `json` and uses what comes of it; only Error may be thrown.
void load_and_use(const std::string& text) {
  try {
    const auto tokenizer = make_tokenizer_from_json(text, "mutated");
    tokenizer->encode("Hello <|im_end|> w\xC3\xB6rld 123 keep <trim> it's", ControlTokens::kParse);
    tokenizer->decode(tokenizer->encode("Hello world"));
  } catch (const Error& error) {
    EXPECT_NE(error.message(), "");
  }
}

TEST(TokenizerFileTest, MutatedTokenizerJsonIsRefusedOrUsable) {
  RandomTexts random(print_seed());
  const std::string whole = read_file(references() / "byte_level_bpe" / "tokenizer.json");
  for (int i = 0; i < 300; ++i) {
    std::string text = whole;
    for (std::size_t n = 1 + random.below(4); n > 0; --n) {
      const std::size_t at = random.below(text.size());
      switch (random.below(4)) {
        case 0:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          text.erase(at, random.below(200));
          break;
        case 2:
          text.insert(at, text.substr(random.below(text.size()), random.below(100)));
          break;
        default:
          text[at] = "0123456789\"{}[],:-"[random.below(18)];
      }
      if (text.empty()) text = "x";
    }
    load_and_use(text);
  }
  for (std::size_t size = 0; size < whole.size(); size += 97) load_and_use(whole.substr(0, size));
}

// Every value of the file is replaced by values of other types.
TEST(TokenizerFileTest, WrongTypesAreRefused) {
  const json root = json::parse(read_file(references() / "byte_level_bpe" / "tokenizer.json"));
  const json flat = root.flatten();
  const std::vector<json> replacements = {nullptr,       true,          -1, 1e300, 4294967296, "x",
                                          json::array(), json::object()};
  std::size_t tried = 0;
  for (const auto& [pointer, value] : flat.items()) {
    // Of the vocabulary and merges, one in a hundred.
    if (pointer.starts_with("/model/") && ++tried % 100 != 0) continue;
    for (const json& replacement : replacements) {
      json changed = root;
      changed[json::json_pointer(pointer)] = replacement;
      load_and_use(changed.dump());
    }
  }
  for (const char* part : {"/model", "/model/vocab", "/model/merges", "/pre_tokenizer",
                           "/normalizer", "/post_processor", "/added_tokens"}) {
    for (const json& replacement : replacements) {
      json changed = root;
      changed[json::json_pointer(part)] = replacement;
      load_and_use(changed.dump());
    }
  }
}

ErrorCode code_of(const std::string& text) {
  try {
    make_tokenizer_from_json(text, "broken");
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

TEST(TokenizerFileTest, ErrorsSayWhatIsWrong) {
  EXPECT_EQ(code_of(""), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of("[]"), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(std::string(100'000, '[')), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(R"({"model":{"type":"Unigram","vocab":[]}})"), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of(R"({"model":{"type":"BPE","vocab":{"a":99999999},"merges":[]}})"),
            ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]},)"
                    R"("pre_tokenizer":{"type":"ByteLevel"}})"),
            ErrorCode::kCorrupt);
  EXPECT_EQ(code_of(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},)"
                    R"("pre_tokenizer":{"type":"Metaspace"}})"),
            ErrorCode::kUnsupported);
}

// Or else the text of that other one would become the control token.
TEST(TokenizerFileTest, AControlTokenSharesItsIdWithNoOther) {
  json root = json::parse(read_file(references() / "byte_level_bpe" / "tokenizer.json"));
  json second = root["added_tokens"][0];
  ASSERT_EQ(second["special"], true);
  second["content"] = "plain";
  second["special"] = false;
  root["added_tokens"].push_back(second);
  EXPECT_EQ(code_of(root.dump()), ErrorCode::kCorrupt);
  std::swap(root["added_tokens"].front(), root["added_tokens"].back());
  EXPECT_EQ(code_of(root.dump()), ErrorCode::kCorrupt);
}

// Nested quantifiers over a text that never matches: exponential without the limit.
TEST(TokenizerFileTest, HostileRegularExpressionsEnd) {
  json root = json::parse(read_file(references() / "byte_level_bpe" / "tokenizer.json"));
  root["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(x+x+)+y";
  const auto tokenizer = make_tokenizer_from_json(root.dump(), "hostile");
  EXPECT_NO_THROW(tokenizer->encode("xxxy"));
  try {
    tokenizer->encode(std::string(5000, 'x'));
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTooLarge);
  }
}

ErrorCode code_of_folder(const fs::path& folder) {
  try {
    open_tokenizer(folder);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

TEST(TokenizerFileTest, FoldersWithoutATokenizerAreRefused) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(code_of_folder(folder.path() / "missing"), ErrorCode::kNotFound);
  EXPECT_EQ(code_of_folder(folder.path()), ErrorCode::kNotFound);
  write_file_atomic(folder.path() / "vocab.txt", "");
  EXPECT_EQ(code_of_folder(folder.path()), ErrorCode::kCorrupt);
  write_file_atomic(folder.path() / "vocab.txt", "[UNK]\n[CLS]\n\xFF\n[SEP]\n");
  EXPECT_EQ(code_of_folder(folder.path()), ErrorCode::kCorrupt);
  write_file_atomic(folder.path() / "vocab.txt", "[UNK]\r\n[CLS]\r\n[SEP]\r\nhi");
  const auto tokenizer = open_tokenizer(folder.path());
  EXPECT_EQ(tokenizer->encode("HI there"), (std::vector<TokenId>{3, 0}));
}

TEST(TokenizerFileTest, BrokenSentencePieceModelsAreRefused) {
  const std::string whole = read_file(references() / "sentence_piece" / "tokenizer.model");
  const testing::TemporaryFolder folder;
  const fs::path path = folder.path() / "tokenizer.model";
  for (const std::string& broken :
       {std::string(), std::string("not a model"), std::string(1000, '\0'),
        whole.substr(0, whole.size() / 2 + 1), whole.substr(0, 5)}) {
    write_file_atomic(path, broken);
    EXPECT_EQ(code_of_folder(folder.path()), ErrorCode::kCorrupt) << broken.size();
  }
}

// The numbering of XLM-R, as fairseq and `transformers` define it: four tokens of its own, of which
// three are pieces of the file, then the other pieces, moved up by one.
TEST(TokenizerFileTest, ModelsOfXlmRNumberTheirTokensAsFairseqDoes) {
  const testing::TemporaryFolder folder;
  fs::copy_file(references() / "sentence_piece" / "tokenizer.model",
                folder.path() / "sentencepiece.bpe.model");
  const auto pieces = open_tokenizer(references() / "sentence_piece");
  const auto tokenizer = open_tokenizer(folder.path());
  for (const auto& [token, id] : std::map<std::string, TokenId>{
           {"<s>", 0},
           {"<pad>", 1},
           {"</s>", 2},
           {"<unk>", 3},
           {"<mask>", static_cast<TokenId>(pieces->vocabulary_size()) + 1}}) {
    EXPECT_EQ(tokenizer->find(token), std::optional(id)) << token;
    EXPECT_TRUE(token == "<unk>" || tokenizer->is_control(id)) << token;
    if (token != "<unk>") {
      EXPECT_EQ(tokenizer->token_bytes(id), "") << token;
    }
  }
  EXPECT_EQ(tokenizer->vocabulary_size(), pieces->vocabulary_size() + 2);
  EXPECT_EQ(tokenizer->prefix()[0], 0);
  EXPECT_EQ(tokenizer->suffix()[0], 2);
  const std::string text = "The tide turns at six; la marée à midi.";
  std::vector<TokenId> expected = pieces->encode(text);
  ASSERT_GT(expected.size(), 5u);
  for (TokenId& id : expected) id = id == 0 ? 3 : id + 1;
  EXPECT_EQ(tokenizer->encode(text), expected);
  EXPECT_EQ(tokenizer->decode(expected), pieces->decode(pieces->encode(text)));
}

TEST(TokenizerFileTest, ModelFileIsUsedOnlyWhereTokenizerJsonAgrees) {
  const testing::TemporaryFolder folder;
  fs::copy_file(references() / "sentence_piece" / "tokenizer.model",
                folder.path() / "tokenizer.model");
  json vocabulary = json::array();
  const auto pieces = open_tokenizer(references() / "sentence_piece");
  for (const char* first : {"<unk>", "<s>", "</s>"}) vocabulary.push_back({first, 0.0});
  json root = {{"model", {{"type", "Unigram"}, {"vocab", vocabulary}}}};
  write_file_atomic(folder.path() / "tokenizer.json", root.dump());
  EXPECT_EQ(open_tokenizer(folder.path())->encode("rain"), pieces->encode("rain"));
  std::swap(root["model"]["vocab"][0], root["model"]["vocab"][1]);
  write_file_atomic(folder.path() / "tokenizer.json", root.dump());
  EXPECT_EQ(code_of_folder(folder.path()), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace tandem
