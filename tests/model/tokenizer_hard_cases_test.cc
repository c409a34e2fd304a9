// Ids of the hard cases written in references/make_tokenizers.py, against the reference packages.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "model/gguf.h"
#include "model/tokenizers/tokenizer.h"
#include "tests/model/base64.h"
#include "tests/support/paths.h"
#include "tests/support/sentence_piece_gguf.h"

namespace tandem {
namespace {

using nlohmann::json;

std::filesystem::path references() {
  return testing::source_folder() / "tests" / "model" / "references";
}

void expect_same_ids(const Tokenizer& tokenizer, const std::string& reference,
                     std::size_t fewest_cases) {
  const json golden = json::parse(read_file(references() / "tokenizer_hard_cases.json"));
  std::size_t cases = 0;
  for (const json& one : golden.at("cases")) {
    SCOPED_TRACE(one.at("name").get<std::string>());
    const std::string text = decode_base64(one.at("bytes").get<std::string>());
    const json& expected = one.at("expected").at(reference);
    const auto as_text = expected.at("as_text").get<std::vector<TokenId>>();
    EXPECT_EQ(tokenizer.encode(text, ControlTokens::kAsText), as_text);
    EXPECT_EQ(tokenizer.count(text), as_text.size());
    for (const TokenId id : tokenizer.encode(text, ControlTokens::kAsText)) {
      EXPECT_FALSE(tokenizer.is_control(id)) << id;
    }
    // Kept in the file only where it differs.
    if (!reference.starts_with("sentence_piece")) {
      const auto parsed =
          expected.contains("parse") ? expected.at("parse").get<std::vector<TokenId>>() : as_text;
      EXPECT_EQ(tokenizer.encode(text, ControlTokens::kParse), parsed);
    }
    ++cases;
  }
  EXPECT_GE(cases, fewest_cases);
}

TEST(TokenizerHardCasesTest, WordPieceGivesTheIdsOfTokenizers) {
  if (!std::filesystem::exists(testing::encoder_folder() / "tokenizer.json")) {
    GTEST_SKIP() << testing::encoder_folder() << " is not there; run scripts/deps";
  }
  expect_same_ids(*open_tokenizer(testing::encoder_folder()), "word_piece", 100);
}

TEST(TokenizerHardCasesTest, WordPieceFromVocabTxtGivesTheSameIds) {
  if (!std::filesystem::exists(testing::encoder_folder() / "vocab.txt")) {
    GTEST_SKIP() << testing::encoder_folder() << " is not there; run scripts/deps";
  }
  const testing::TemporaryFolder folder;
  std::filesystem::copy_file(testing::encoder_folder() / "vocab.txt", folder.path() / "vocab.txt");
  expect_same_ids(*open_tokenizer(folder.path()), "word_piece", 100);
}

TEST(TokenizerHardCasesTest, ByteLevelBpeOutOfGgufGivesTheIdsOfTokenizers) {
  if (!std::filesystem::exists(testing::generator_file())) {
    GTEST_SKIP() << testing::generator_file() << " is not there; run scripts/deps";
  }
  expect_same_ids(*make_tokenizer(*open_gguf(testing::generator_file())), "smollm2", 100);
}

TEST(TokenizerHardCasesTest, ByteLevelBpeOutOfTokenizerJsonGivesTheIdsOfTokenizers) {
  expect_same_ids(*open_tokenizer(references() / "byte_level_bpe"), "byte_level_bpe", 100);
}

TEST(TokenizerHardCasesTest, SentencePieceGivesTheIdsOfItsPackage) {
  expect_same_ids(*open_tokenizer(references() / "sentence_piece"), "sentence_piece", 100);
}

TEST(TokenizerHardCasesTest, SentencePieceBpeGivesTheIdsOfItsPackage) {
  expect_same_ids(*open_tokenizer(references() / "sentence_piece_bpe"), "sentence_piece_bpe", 100);
}

TEST(TokenizerHardCasesTest, SentencePieceBpeOutOfGgufGivesTheSameIds) {
  const auto entries = testing::read_sentence_piece_model(
      read_file(references() / "sentence_piece_bpe" / "tokenizer.model"));
  const testing::TemporaryFolder folder;
  write_file_atomic(folder.path() / "model.gguf", testing::sentence_piece_gguf(entries).build());
  expect_same_ids(*make_tokenizer(*open_gguf(folder.path() / "model.gguf")), "sentence_piece_bpe",
                  100);
}

}  // namespace
}  // namespace tandem
