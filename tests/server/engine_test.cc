#include "server/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "server/releases.h"
#include "store/check.h"
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
  // The encoder with another pooling, which gives other vectors.
  std::filesystem::path changed_encoder() const {
    auto copy = folder_.path() / "changed";
    if (std::filesystem::exists(copy)) return copy;
    std::filesystem::copy(testing::encoder_folder(), copy,
                          std::filesystem::copy_options::recursive);
    const auto pooling = copy / "1_Pooling" / "config.json";
    write_file_atomic(pooling, R"({"pooling_mode_cls_token": true})");
    return copy;
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

TEST_F(EngineTest, AGeneratorThatAQuestionBringsIsRememberedUnlessOneIs) {
  if (!std::filesystem::exists(testing::generator_file())) GTEST_SKIP() << "no generator";
  const auto remembered = [&] {
    return Store::open(options().store, {.read_only = true})->settings().generator_path;
  };
  EngineOptions asking = options();
  asking.with_generator = asking.read_only = true;
  asking.generator = testing::generator_file();
  {
    const auto server = Engine::open(options());
    Engine::open(asking);
    EXPECT_EQ(remembered(), "") << "the store was being written to";
  }
  Engine::open(asking);
  EXPECT_EQ(remembered(), testing::generator_file());
  const auto other = folder_.path() / "other.gguf";
  std::filesystem::create_symlink(testing::generator_file(), other);
  asking.generator = other;
  Engine::open(asking);
  EXPECT_EQ(remembered(), testing::generator_file());
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

TEST_F(EngineTest, ARequestEndsWithTheReleaseThatItBeganWith) {
  const auto engine = Engine::open(options());
  const auto ingest = [&](const std::string& id, const std::string& text) {
    engine->ingestor->ingest({.bytes = text, .source = id + ".txt", .id = id});
  };
  ingest("herons", "Herons stand on one leg.");
  const Release made = create_release(*engine->store, {changed_encoder(), {}}, {});
  EXPECT_EQ(made.number, 2u);
  ingest("owls", "Owls fly at night.");

  const auto before = engine->release();
  EXPECT_EQ(before->name, "r1");
  const SearchOptions dense{.mode = SearchMode::kDense};
  const auto score = [&](const ServedRelease& release) {
    return release.retriever->search("birds of the night", dense).at(0).score;
  };
  const float old_score = score(*before);
  engine->promote(2);
  const auto after = engine->release();
  EXPECT_EQ(after->name, "r2");
  EXPECT_NE(after->encoder->id(), before->encoder->id());
  EXPECT_EQ(score(*before), old_score);
  EXPECT_NE(score(*after), old_score);
  EXPECT_EQ(after->index->size(kDefaultCollection), 2u) << "owls came while r2 was not live";
  ingest("larks", "Larks sing in the morning.");
  EXPECT_EQ(after->index->size(kDefaultCollection), 3u);

  engine->promote(1);
  EXPECT_EQ(engine->release()->index->size(kDefaultCollection), 3u);
  EXPECT_EQ(score(*engine->release()), old_score);
  EXPECT_EQ(engine->release()->encoder, before->encoder) << "it was still in memory";
  EXPECT_THAT(check_store(options().store).problems.kept(), ::testing::IsEmpty());
}

TEST_F(EngineTest, TheSameModelsAreTheSameRelease) {
  const auto engine = Engine::open(options());
  engine->ingestor->ingest({.bytes = "Herons stand on one leg.", .source = "herons.txt"});
  EXPECT_EQ(create_release(*engine->store, {testing::encoder_folder(), {}}, {}).number, 1u);
  EXPECT_EQ(create_release(*engine->store, {changed_encoder(), {}}, {}).number, 2u);
  EXPECT_EQ(create_release(*engine->store, {changed_encoder(), {}}, {}).number, 2u);
  EXPECT_EQ(engine->store->releases().size(), 2u);
}

TEST_F(EngineTest, WhatStopsTheMakingOfAReleaseLeavesItToBeGoneOnWith) {
  const auto engine = Engine::open(options());
  engine->ingestor->ingest({.bytes = "Herons stand on one leg.", .source = "herons.txt"});
  const auto make_until = [&](std::string_view last) {
    create_release(*engine->store, {changed_encoder(), {}},
                   [&](std::string_view stage, std::uint64_t, std::uint64_t) {
                     if (stage == last) throw Error(ErrorCode::kUnavailable, "stopped");
                   });
  };
  EXPECT_THROW(make_until("copying"), Error);
  EXPECT_EQ(engine->store->releases().size(), 1u);
  EXPECT_TRUE(std::filesystem::is_empty(options().store / "releases"));
  EXPECT_THROW(make_until("embedding"), Error);
  ASSERT_EQ(engine->store->releases().size(), 2u);
  EXPECT_EQ(create_release(*engine->store, {changed_encoder(), {}}, {}),
            engine->store->releases()[1]);
  engine->promote(engine->store->releases()[1].number);
  EXPECT_EQ(engine->release()->index->size(kDefaultCollection), 1u);
}

TEST_F(EngineTest, ABrokenModelIsRefusedAndWhatServesGoesOn) {
  const auto engine = Engine::open(options());
  engine->ingestor->ingest({.bytes = "Herons stand on one leg.", .source = "herons.txt"});
  const std::filesystem::path file = folder_.path() / "broken.gguf";
  write_file_atomic(file, "this is no GGUF");
  EXPECT_THROW(create_release(*engine->store, {changed_encoder(), file}, {}), Error);
  const Release made = create_release(*engine->store, {changed_encoder(), {}}, {});
  std::filesystem::remove(options().store / made.encoder_path / "model.safetensors");
  EXPECT_THROW(engine->promote(made.number), Error);
  EXPECT_EQ(engine->release()->name, "r1");
  EXPECT_EQ(engine->store->live_release()->number, 1u);
  EXPECT_THAT(check_store(options().store).problems.kept(), ::testing::SizeIs(1));
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
