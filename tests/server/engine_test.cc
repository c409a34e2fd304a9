#include "server/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(testing::encoder_folder())) {
      GTEST_SKIP() << "no encoder in " << testing::encoder_folder() << "; run scripts/models";
    }
  }
  EngineOptions options() const {
    EngineOptions options;
    options.store = folder_.path() / "store";
    options.encoder = testing::encoder_folder();
    options.create_store = true;
    options.with_generator = false;
    return options;
  }
  static Error fault_of(const EngineOptions& options) {
    try {
      Engine::open(options);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorCode::kInternal, "");
  }

  testing::TemporaryFolder folder_;
};

TEST_F(EngineTest, RemembersTheEncoderAndFindsDocumentsAgain) {
  {
    const auto engine = Engine::open(options());
    engine->ingestor->ingest({.bytes = "Herons stand on one leg.", .source = "herons.txt"});
  }
  EngineOptions again = options();
  again.encoder.clear();
  again.read_only = true;
  const auto engine = Engine::open(again);
  EXPECT_EQ(engine->release()->retriever->search("birds", {}).size(), 1u);
  EXPECT_EQ(engine->ingestor, nullptr);
  EXPECT_EQ(engine->release()->generator, nullptr);
  EXPECT_EQ(engine->release()->answerer, nullptr);
}

TEST_F(EngineTest, TheLanguageIsRememberedAndCanBeChanged) {
  const auto find = [](const Engine& engine, const char* query) {
    return engine.release()->retriever->search(query, {.mode = SearchMode::kLexical}).size();
  };
  {
    const auto engine = Engine::open(options());
    engine->ingestor->ingest({.bytes = "Herons stand on one leg.", .source = "herons.txt"});
    EXPECT_EQ(find(*engine, "standing"), 1u);
  }
  EngineOptions plain = options();
  plain.language = "none";
  EXPECT_EQ(find(*Engine::open(plain), "standing"), 0u);
  EngineOptions again = options();
  again.read_only = true;
  EXPECT_EQ(find(*Engine::open(again), "standing"), 0u);
  EXPECT_EQ(find(*Engine::open(again), "stand"), 1u);
}

TEST_F(EngineTest, AModelThatIsNeitherGivenNorRememberedIsAskedFor) {
  EngineOptions without = options();
  without.encoder.clear();
  const Error encoder = fault_of(without);
  EXPECT_EQ(encoder.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(encoder.advice(), HasSubstr("--encoder"));
  EngineOptions chat = options();
  chat.with_generator = true;
  const Error generator = fault_of(chat);
  EXPECT_EQ(generator.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(generator.advice(), HasSubstr("--generator"));
}

TEST_F(EngineTest, VectorsOfDifferentEncodersAreNeverMixed) {
  {
    const auto engine = Engine::open(options());
    engine->ingestor->ingest({.bytes = "Herons stand on one leg.", .source = "herons.txt"});
    StoreSettings settings = engine->store->settings();
    settings.encoder_id = "another";
    engine->store->set_settings(settings);
  }
  const Error error = fault_of(options());
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.advice(), HasSubstr("release create"));
}

TEST_F(EngineTest, AnEmptyStoreMayChangeItsEncoder) {
  {
    const auto engine = Engine::open(options());
    StoreSettings settings = engine->store->settings();
    settings.encoder_id = "another";
    engine->store->set_settings(settings);
  }
  const auto engine = Engine::open(options());
  EXPECT_EQ(engine->store->settings().encoder_id, engine->release()->encoder->id());
}

TEST_F(EngineTest, AWrongPathIsNotRemembered) {
  EngineOptions wrong = options();
  wrong.encoder = folder_.path() / "nowhere";
  EXPECT_EQ(fault_of(wrong).code(), ErrorCode::kNotFound);
  EngineOptions without = options();
  without.encoder.clear();
  EXPECT_EQ(fault_of(without).code(), ErrorCode::kInvalidArgument);
}

TEST_F(EngineTest, ARememberedModelThatIsGoneIsExplained) {
  const std::filesystem::path link = folder_.path() / "encoder";
  std::filesystem::create_directory_symlink(testing::encoder_folder(), link);
  EngineOptions first = options();
  first.encoder = link;
  Engine::open(first);
  std::filesystem::remove(link);
  first.encoder.clear();
  const Error error = fault_of(first);
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("remembers"));
}

}  // namespace
}  // namespace tandem
