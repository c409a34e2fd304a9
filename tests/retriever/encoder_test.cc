// Vectors are compared with those of sentence-transformers on the same weights
// (references/make_encoder.py).
#include "retriever/encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "retriever/encoder_prompts.h"
#include "tests/support/errors.h"
#include "tests/support/half.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;

struct Reference {
  std::vector<std::string> texts;
  std::vector<float> vectors;
  std::size_t dimension = 0;
};

Reference read_reference() {
  const auto folder = testing::source_folder() / "tests/retriever/references";
  const auto json = nlohmann::json::parse(read_file(folder / "encoder_minilm.json"));
  Reference reference;
  reference.dimension = json.at("dimension").get<std::size_t>();
  const auto pieces = json.at("pieces").get<std::vector<std::string>>();
  for (const auto& parts : json.at("texts")) {
    std::string text;
    for (const auto& part : parts) {
      if (&part != &parts.front()) text += ' ';
      text += part.is_string() ? part.get<std::string>() : pieces.at(part.get<std::size_t>());
    }
    reference.texts.push_back(text);
  }
  const std::string halves = read_file(folder / "encoder_minilm.f16");
  for (std::size_t i = 0; i + 1 < halves.size(); i += 2) {
    std::uint16_t half = 0;
    std::memcpy(&half, halves.data() + i, 2);
    reference.vectors.push_back(testing::from_half(half));
  }
  return reference;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

class EncoderTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::filesystem::exists(testing::encoder_folder()))
      encoder_ = Encoder::open(testing::encoder_folder());
  }
  static void TearDownTestSuite() { encoder_.reset(); }
  void SetUp() override {
    if (encoder_ == nullptr) GTEST_SKIP() << testing::encoder_folder() << " is not there";
  }

  static inline std::unique_ptr<Encoder> encoder_;
};

TEST_F(EncoderTest, VectorsMatchSentenceTransformers) {
  const Reference reference = read_reference();
  const std::size_t width = reference.dimension;
  ASSERT_EQ(reference.texts.size(), 200u);
  ASSERT_EQ(encoder_->dimension(), static_cast<int>(width));
  const auto vectors = encoder_->encode(reference.texts, TextKind::kPlain);
  ASSERT_EQ(vectors.size(), reference.vectors.size());
  double worst = 1;
  for (std::size_t i = 0; i < reference.texts.size(); ++i) {
    const auto vector = std::span(vectors).subspan(i * width, width);
    const double similarity =
        cosine(vector, std::span(reference.vectors).subspan(i * width, width));
    worst = std::min(worst, similarity);
    EXPECT_GE(similarity, 0.9999) << i << ": " << reference.texts[i].substr(0, 80);
    double squares = 0;
    for (const float value : vector) squares += double{value} * value;
    EXPECT_NEAR(squares, 1.0, 1e-5);
  }
  RecordProperty("smallest_cosine", std::to_string(worst));
  std::cout << "smallest cosine: 1 - " << 1 - worst << "\n";
}

TEST_F(EncoderTest, ATextDoesNotSeeItsBatch) {
  const Reference reference = read_reference();
  const auto together = encoder_->encode(std::span(reference.texts).first(60), TextKind::kPlain);
  const auto width = static_cast<std::size_t>(encoder_->dimension());
  for (const std::size_t i : {0, 9, 10, 33, 59}) {
    const auto alone = encoder_->encode(std::span(reference.texts).subspan(i, 1), TextKind::kPlain);
    for (std::size_t k = 0; k < width; ++k)
      ASSERT_NEAR(alone[k], together[i * width + k], 1e-5f) << i;
  }
}

TEST_F(EncoderTest, NoTextsGiveNoVectors) {
  EXPECT_TRUE(encoder_->encode({}, TextKind::kPlain).empty());
}

TEST_F(EncoderTest, WhatLiesBeyondTheLongestSequenceIsCutOff) {
  EXPECT_EQ(encoder_->max_tokens(), 256);
  std::string words;
  for (int i = 0; i < 254; ++i) words += "sea ";
  const std::vector<std::string> texts = {words, words + "mountain storm"};
  const auto vectors = encoder_->encode(texts, TextKind::kPlain);
  const std::size_t width = vectors.size() / 2;
  for (std::size_t k = 0; k < width; ++k) EXPECT_NEAR(vectors[k], vectors[width + k], 1e-6f);
}

// A document may not speak to the model. sentence-transformers would let it.
TEST_F(EncoderTest, ControlTokensInATextStayText) {
  const std::vector<std::string> texts = {"over [SEP] out", "over [sep] out"};
  const auto vectors = encoder_->encode(texts, TextKind::kPlain);
  const std::size_t width = vectors.size() / 2;
  for (std::size_t k = 0; k < width; ++k) EXPECT_NEAR(vectors[k], vectors[width + k], 1e-6f);
}

TEST_F(EncoderTest, ThreadsEncodeAtTheSameTime) {
  const std::vector<std::string> texts = {"a short text", "another, somewhat longer text"};
  const auto expected = encoder_->encode(texts, TextKind::kPlain);
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] { result = encoder_->encode(texts, TextKind::kPlain); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results)
    for (std::size_t k = 0; k < expected.size(); ++k) ASSERT_NEAR(result[k], expected[k], 1e-6f);
}

// A folder with links to the real files, some of which a test replaces.
class EncoderFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(testing::encoder_folder()))
      GTEST_SKIP() << testing::encoder_folder() << " is not there";
    for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "vocab.txt",
                             "modules.json", "sentence_bert_config.json", "1_Pooling"})
      std::filesystem::create_symlink(testing::encoder_folder() / name, folder_.path() / name);
  }
  void replace(const std::string& name, std::string_view content) {
    const auto path = folder_.path() / name;
    if (name.starts_with("1_Pooling/") && std::filesystem::is_symlink(path.parent_path())) {
      std::filesystem::remove(path.parent_path());
      std::filesystem::create_directory(path.parent_path());
    }
    std::filesystem::remove(path);
    write_file_atomic(path, content);
  }
  std::optional<Error> error() const {
    return testing::error_of([&] { (void)Encoder::open(folder_.path()); });
  }
  std::string id() const { return Encoder::open(folder_.path())->id(); }

  testing::TemporaryFolder folder_;
};

TEST_F(EncoderFolderTest, IdDependsOnWhatDecidesTheVectorsAndNothingElse) {
  const std::string original = Encoder::open(testing::encoder_folder())->id();
  EXPECT_EQ(original.size(), 64u);
  EXPECT_EQ(id(), original);
  replace("vocab.txt", "tokenizer.json goes before it");
  EXPECT_EQ(id(), original);
  replace("sentence_bert_config.json", R"({"max_seq_length": 128})");
  const std::string shorter = id();
  EXPECT_NE(shorter, original);
  replace("1_Pooling/config.json", R"({"pooling_mode_cls_token": true})");
  EXPECT_NE(id(), shorter);
}

TEST_F(EncoderFolderTest, RefusesPoolingsAndModulesThatItDoesNotKnow) {
  replace("1_Pooling/config.json", R"({"pooling_mode_max_tokens": true})");
  ASSERT_TRUE(error().has_value());
  EXPECT_EQ(error()->code(), ErrorCode::kUnsupported);
  replace("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  EXPECT_FALSE(error().has_value());
  replace("modules.json", R"([{"type": "sentence_transformers.models.Dense"}])");
  ASSERT_TRUE(error().has_value());
  EXPECT_EQ(error()->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error()->message(), HasSubstr("Dense"));
}

TEST_F(EncoderFolderTest, RefusesLengthsThatLeaveNoRoom) {
  for (const char* length : {"2", "0", "-1", "\"256\"", "1e30"}) {
    replace("sentence_bert_config.json", std::string(R"({"max_seq_length": )") + length + "}");
    ASSERT_TRUE(error().has_value()) << length;
    EXPECT_EQ(error()->code(), ErrorCode::kCorrupt);
  }
  replace("sentence_bert_config.json", R"({"max_seq_length": 100000})");
  EXPECT_EQ(Encoder::open(folder_.path())->max_tokens(), 512);
}

TEST_F(EncoderFolderTest, PutsTheNamedPromptsBeforeTexts) {
  const std::string plain_id = id();
  replace("config_sentence_transformers.json",
          R"({"prompts": {"query": "ask: ", "document": "page: ", "topic": "about: "},
              "default_prompt_name": "topic"})");
  EXPECT_NE(id(), plain_id);
  const auto prompted = Encoder::open(folder_.path());
  const auto plain = Encoder::open(testing::encoder_folder());
  for (const auto& [kind, prompt] : std::map<TextKind, std::string>{{TextKind::kQuery, "ask: "},
                                                                    {TextKind::kPassage, "page: "},
                                                                    {TextKind::kPlain, "about: "}})
    EXPECT_EQ(prompted->encode(std::vector<std::string>{"the tide"}, kind),
              plain->encode(std::vector{prompt + "the tide"}, TextKind::kQuery));
}

// Neither says so in its files.
TEST(EncoderPromptsTest, FamiliesAreKnownByTheirNames) {
  const testing::TemporaryFolder parent;
  for (const auto& [name, query, passage] : std::vector<std::array<std::string, 3>>{
           {"all-MiniLM-L6-v2", "", ""},
           {"e5-small-v2", "query: ", "passage: "},
           {"multilingual-e5-small", "query: ", "passage: "},
           {"multilingual-e5-large-instruct", "", ""},
           {"bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", ""},
           {"bge-m3", "", ""}}) {
    const auto folder = parent.path() / name;
    std::filesystem::create_directory(folder);
    EXPECT_EQ(read_prompts(folder).query, query) << name;
    EXPECT_EQ(read_prompts(folder).passage, passage) << name;
  }
  const auto renamed = parent.path() / "encoder";
  std::filesystem::create_directory(renamed);
  write_file_atomic(renamed / "config.json", R"({"_name_or_path": "intfloat/e5-base"})");
  EXPECT_EQ(read_prompts(renamed).query, "query: ");
  write_file_atomic(renamed / "config_sentence_transformers.json",
                    R"({"prompts": {"query": "q> ", "document": ""}})");
  EXPECT_EQ(read_prompts(renamed).query, "q> ");
  EXPECT_EQ(read_prompts(renamed).passage, "");
}

TEST_F(EncoderFolderTest, SaysWhatAFolderMustHold) {
  std::filesystem::remove(folder_.path() / "model.safetensors");
  ASSERT_TRUE(error().has_value());
  EXPECT_EQ(error()->code(), ErrorCode::kNotFound);
  EXPECT_THAT(error()->message(), HasSubstr("model.safetensors"));
  EXPECT_THAT(error()->advice(), HasSubstr("tokenizer.json"));
  replace("modules.json", "[{]");
  EXPECT_TRUE(error().has_value());
}

}  // namespace
}  // namespace tandem
