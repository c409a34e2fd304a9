// SentencePiece vocabularies out of GGUF metadata. Ids of a small vocabulary are compared in
// tokenizer_hard_cases_test.cc.
#include "model/tokenizers/gguf_sentence_piece.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/utf8.h"
#include "model/gguf.h"
#include "tests/model/base64.h"
#include "tests/support/errors.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/json_lines.h"
#include "tests/support/mutants.h"
#include "tests/support/paths.h"
#include "tests/support/sentence_piece_gguf.h"

namespace tandem {
namespace {

using testing::bytes_of;
using testing::error_of;
using testing::GgufBuilder;
using testing::Piece;
using testing::sample_pieces;
using testing::sentence_piece_gguf;
using Ids = std::vector<TokenId>;

constexpr const char* kMark = "\xE2\x96\x81";

std::unique_ptr<Tokenizer> load(const std::string& bytes) {
  testing::MemoryFile file;
  file.write(bytes);
  return make_tokenizer(*open_gguf(file.path()));
}
std::unique_ptr<Tokenizer> load(const GgufBuilder& builder) {
  return load(builder.build());
}

Ids ids_of(const Tokenizer& tokenizer, const std::vector<std::string>& tokens) {
  Ids ids;
  for (const std::string& token : tokens) ids.push_back(tokenizer.find(token).value_or(-1));
  return ids;
}

TEST(GgufSentencePieceTest, TextsBeginWithASpaceUnlessTheFileSaysNo) {
  const auto with = load(sentence_piece_gguf(sample_pieces()));
  EXPECT_EQ(with->encode("abc"), ids_of(*with, {"\xE2\x96\x81"
                                                "ab",
                                                "c"}));
  const auto without =
      load(sentence_piece_gguf(sample_pieces())
               .add("tokenizer.ggml.add_space_prefix", testing::kGgufBool, std::string(1, '\0')));
  EXPECT_EQ(without->encode("abc"), ids_of(*without, {"abc"}));
}

TEST(GgufSentencePieceTest, NothingIsNormalised) {
  const auto tokenizer = load(sentence_piece_gguf(sample_pieces()));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a \t b\xEF\xAC\x81 ")), " a \t b\xEF\xAC\x81 ");
}

TEST(GgufSentencePieceTest, TokensOfTheTextAreThoseTheFileNames) {
  const auto usual = load(sentence_piece_gguf(sample_pieces()));
  EXPECT_EQ(Ids(usual->prefix().begin(), usual->prefix().end()), Ids{1});
  EXPECT_TRUE(usual->suffix().empty());
  const auto other =
      load(sentence_piece_gguf(sample_pieces())
               .add("tokenizer.ggml.add_bos_token", testing::kGgufBool, std::string(1, '\0'))
               .add("tokenizer.ggml.add_eos_token", testing::kGgufBool, "\x01"));
  EXPECT_TRUE(other->prefix().empty());
  EXPECT_EQ(Ids(other->suffix().begin(), other->suffix().end()), Ids{2});
}

TEST(GgufSentencePieceTest, ControlTokensComeFromTextOnlyWhereAllowed) {
  const auto tokenizer = load(sentence_piece_gguf(sample_pieces()));
  const TokenId turn = tokenizer->find("<turn>").value();
  EXPECT_TRUE(tokenizer->is_control(turn));
  EXPECT_EQ(tokenizer->token_bytes(turn), "");
  for (const TokenId id : tokenizer->encode("a<turn>b")) EXPECT_FALSE(tokenizer->is_control(id));
  EXPECT_EQ(tokenizer->encode("a<turn>", ControlTokens::kParse),
            ids_of(*tokenizer, {kMark, "a", "<turn>"}));
}

// Gemma's converter types the unknown token as a control token; some type the ends as ordinary
// ones.
TEST(GgufSentencePieceTest, TypesThatConvertersGetWrongAreRepaired) {
  auto pieces = sample_pieces();
  pieces[0].type = 3;
  pieces[2].type = 1;
  const auto tokenizer = load(sentence_piece_gguf(pieces).add(
      "tokenizer.ggml.unknown_token_id", testing::kGgufU32, bytes_of<std::uint32_t>(0)));
  EXPECT_FALSE(tokenizer->is_control(0));
  EXPECT_TRUE(tokenizer->is_control(2));
  for (const TokenId id : tokenizer->encode("</s>")) EXPECT_NE(id, 2);
}

TEST(GgufSentencePieceTest, BytesOfTokensAreExact) {
  const auto tokenizer = load(sentence_piece_gguf(sample_pieces()));
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(tokenizer->token_bytes(3 + byte), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(tokenizer->token_bytes(tokenizer->find(kMark).value()), " ");
  EXPECT_EQ(tokenizer->token_bytes(tokenizer->find(std::string(kMark) + "ab").value()), " ab");
  // User-defined; the library knows its spaces as marks.
  const TokenId spaces = tokenizer->find(std::string(kMark) + kMark).value();
  EXPECT_EQ(tokenizer->token_bytes(spaces), "  ");
  EXPECT_EQ(tokenizer->encode("a  b"),
            ids_of(*tokenizer, {kMark, "a", std::string(kMark) + kMark, "b"}));
}

TEST(GgufSentencePieceTest, UnusedTokensAreOnlyStepsOfMerging) {
  auto pieces = sample_pieces();
  for (Piece& piece : pieces) {
    if (piece.text == "ab") piece.type = 5;
  }
  const auto tokenizer = load(sentence_piece_gguf(pieces));
  EXPECT_EQ(tokenizer->encode("xab"), ids_of(*tokenizer, {kMark, "<0x78>", "a", "b"}));
  EXPECT_EQ(tokenizer->encode("xabc"), ids_of(*tokenizer, {kMark, "<0x78>", "abc"}));
}

struct Fault {
  const char* name;
  void (*damage)(std::vector<Piece>& pieces);
  const char* expected;  // in the message
};

TEST(GgufSentencePieceTest, FaultsAreNamed) {
  const Fault faults[] = {
      {"twice", [](auto& p) { p.back().text = "ab"; }, "token 267 is there twice"},
      {"twice as marks",
       [](auto& p) {
         p.push_back({"\xE2\x96\x81\xE2\x96\x81", 0, 1});
       },
       "token 268 is there twice"},
      {"empty", [](auto& p) { p.back().text = ""; }, "token 267 is empty"},
      {"not UTF-8", [](auto& p) { p.back().text = "a\xFF"; }, "token 267 is not valid UTF-8"},
      {"too long", [](auto& p) { p.back().text = std::string(4097, 'x'); },
       "token 267 has 4097 bytes"},
      {"no score", [](auto& p) { p.back().score = std::numeric_limits<float>::quiet_NaN(); },
       "token 267 has a score that is not a number"},
      {"infinite", [](auto& p) { p.back().score = std::numeric_limits<float>::infinity(); },
       "token 267 has a score that is not a number"},
      {"type", [](auto& p) { p.back().type = 7; }, "token 267 has the type 7"},
      {"no type", [](auto& p) { p.back().type = 0; }, "token 267 has the type 0"},
      {"control character", [](auto& p) { p.back().text = "\xC3\xA9"; },
       "token 267 is a control token of a single character"},
      {"NUL",
       [](auto& p) {
         p.push_back({std::string("x\0y", 3), 0, 4});
       },
       "token 268 contains a NUL"},
      {"byte missing",
       [](auto& p) {
         p[5] = {"zz", 0, 1};
       },
       "256 byte pieces"},
      {"byte with another name", [](auto& p) { p[5].text = "<0xZZ>"; }, "<0xZZ>"},
      {"two unknown", [](auto& p) { p.back().type = 2; }, "unk is already defined"},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    auto pieces = sample_pieces();
    ASSERT_EQ(pieces.size(), 268u);
    fault.damage(pieces);
    const auto error = error_of([&] { load(sentence_piece_gguf(pieces)); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt);
    EXPECT_NE(error->message().find(fault.expected), std::string::npos) << error->message();
  }
}

TEST(GgufSentencePieceTest, IdsOutsideTheVocabularyAreRefused) {
  for (const std::int64_t id : {std::int64_t{-1}, std::int64_t{268}, INT64_MAX}) {
    EXPECT_EQ(testing::error_code_of([&] {
                load(sentence_piece_gguf(sample_pieces())
                         .add("tokenizer.ggml.unknown_token_id", testing::kGgufI64, bytes_of(id)));
              }),
              ErrorCode::kCorrupt);
    EXPECT_EQ(testing::error_code_of([&] { load(sentence_piece_gguf(sample_pieces(), id, 2)); }),
              ErrorCode::kCorrupt);
    EXPECT_EQ(testing::error_code_of([&] {
                load(sentence_piece_gguf(sample_pieces(), 1, id)
                         .add("tokenizer.ggml.add_eos_token", testing::kGgufBool, "\x01"));
              }),
              ErrorCode::kCorrupt);
  }
}

TEST(GgufSentencePieceTest, EachTokenNeedsAScoreAndAType) {
  for (const char* missing : {"tokenizer.ggml.scores", "tokenizer.ggml.token_type"}) {
    std::string bytes = sentence_piece_gguf(sample_pieces()).build();
    bytes[bytes.find(missing)] = 'T';  // another key
    EXPECT_EQ(testing::error_code_of([&] { load(bytes); }), ErrorCode::kCorrupt) << missing;
  }
}

// The library would read beyond its array of matches.
TEST(GgufSentencePieceTest, DeeplyNestedUserDefinedTokensAreRefused) {
  auto pieces = sample_pieces();
  for (std::size_t n = 1; n <= 64; ++n) pieces.push_back({std::string(n, 'x'), 0, 4});
  const auto tokenizer = load(sentence_piece_gguf(pieces));
  EXPECT_EQ(tokenizer->encode(std::string(130, 'x')),
            ids_of(*tokenizer, {kMark, std::string(64, 'x'), std::string(64, 'x'), "xx"}));
  pieces.push_back({std::string(65, 'x'), 0, 4});
  EXPECT_EQ(testing::error_code_of([&] { load(sentence_piece_gguf(pieces)); }),
            ErrorCode::kCorrupt);
}

// Whatever the bytes of the vocabulary: refused, or a tokenizer that keeps its promises.
TEST(GgufSentencePieceTest, DamagedVocabulariesAreRefusedOrUsable) {
  const std::string valid = sentence_piece_gguf(sample_pieces()).build();
  std::mt19937_64 random(20);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = valid;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto error = error_of([&] {
      const auto tokenizer = load(bytes);
      for (const TokenId id : tokenizer->encode("ab  abc<turn> </s>\n\xC3\xA9")) {
        ASSERT_LT(static_cast<std::size_t>(id), tokenizer->vocabulary_size());
        ASSERT_FALSE(tokenizer->is_control(id));
        tokenizer->token_bytes(id);
      }
    });
    if (error) {
      EXPECT_NE(error->code(), ErrorCode::kInternal) << error->what();
    }
  }
}

// A vocabulary needs no tensors, whatever their types: the file up to a point behind its metadata,
// with 0 for the number of tensors.
std::string metadata_of(const std::filesystem::path& path) {
  constexpr std::size_t kEnough = 16 << 20;
  const MappedFile file(path);
  const auto bytes = file.bytes().first(std::min(file.bytes().size(), kEnough));
  std::string metadata(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return metadata.replace(8, 8, 8, '\0');
}

class GemmaTokenizerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(testing::gemma_file())) {
      GTEST_SKIP() << testing::gemma_file() << " is not there; run scripts/models gemma";
    }
    tokenizer_ = load(metadata_of(testing::gemma_file()));
  }
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(GemmaTokenizerTest, GivesTheIdsOfSentencePiece) {
  const auto cases = testing::read_reference(testing::source_folder() /
                                             "tests/model/references/gemma_tokens.jsonl");
  EXPECT_GE(cases.size(), 140u);
  for (const auto& one : cases) {
    SCOPED_TRACE(one.at("name").get<std::string>());
    const std::string text = decode_base64(one.at("bytes").get<std::string>());
    const Ids ids = tokenizer_->encode(text);
    EXPECT_EQ(ids, one.at("ids").get<Ids>());
    EXPECT_EQ(tokenizer_->count(text), ids.size());
    // Lossless, but that a U+2581 in the text comes back as a space.
    if (text.find(kMark) == std::string::npos) {
      EXPECT_EQ(tokenizer_->decode(ids), repair_utf8(text));
    }
  }
}

TEST_F(GemmaTokenizerTest, TurnsAreControlTokens) {
  const std::string turn = "<start_of_turn>user\nhi<end_of_turn>\n";
  EXPECT_EQ(tokenizer_->encode(turn, ControlTokens::kParse), (Ids{105, 2364, 107, 2202, 106, 107}));
  for (const TokenId id : tokenizer_->encode(turn)) EXPECT_FALSE(tokenizer_->is_control(id));
  ASSERT_EQ(tokenizer_->prefix().size(), 1u);
  EXPECT_EQ(tokenizer_->prefix()[0], tokenizer_->find("<bos>"));
  EXPECT_TRUE(tokenizer_->suffix().empty());
  EXPECT_EQ(tokenizer_->vocabulary_size(), 262144u);
}

}  // namespace
}  // namespace tandem
