#include "server/engine.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/threads.h"

namespace tandem {
namespace {

// The path given, else the one remembered.
std::filesystem::path choose_path(const std::filesystem::path& given, const std::string& remembered,
                                  std::string_view what, std::string_view option) {
  if (!given.empty()) {
    // Absolute, so that the store finds it from whatever folder the next command is run in.
    return std::filesystem::absolute(given).lexically_normal();
  }
  if (remembered.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("no {} was given, and the store remembers none", what),
                fmt::format("give it once with {}", option));
  }
  return remembered;
}

// Adds to a complaint about a path that nobody typed where it came from.
template <typename Open>
auto open_remembered(const std::filesystem::path& path, bool was_given, std::string_view what,
                     std::string_view option, const Open& open) {
  try {
    return open(path);
  } catch (const Error& error) {
    if (was_given || error.code() != ErrorCode::kNotFound) throw;
    throw Error(
        error.code(),
        fmt::format("the {} that the store remembers cannot be opened: {}", what, error.message()),
        fmt::format("put it back, or give its new place with {}", option));
  }
}

void check_encoder(const Store& store, const StoreSettings& settings, const Encoder& encoder) {
  if (settings.encoder_id.empty() || settings.encoder_id == encoder.id()) return;
  // Without vectors there is nothing to mix.
  if (store.list_collections().empty()) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("the store {} was made with another encoder ({}, id {:.12}) than {} "
                          "(id {:.12})",
                          store.folder().string(), settings.encoder_path, settings.encoder_id,
                          encoder.name(), encoder.id()),
              "use the encoder that made the store, or index the documents again into a new store");
}

// Another language for a store that was made with one would have its words counted anew, which only
// who writes to it may ask for.
TextAnalysis analysis_for(const EngineOptions& options, const StoreSettings& remembered) {
  std::string language = options.read_only ? std::string() : options.language;
  if (language.empty()) language = language_of_analysis(remembered.analysis);
  if (language.empty()) language = kDefaultLanguage;
  return TextAnalysis(language);
}

}  // namespace

GeneratorOptions generator_options(const EngineOptions& options) {
  GeneratorOptions generator;
  generator.scheduling.cache_bytes = static_cast<std::size_t>(options.cache_mb) << 20;
  generator.scheduling.cache_type = options.cache_type;
  generator.scheduling.passages.memory_bytes = generator.scheduling.cache_bytes / 4;
  generator.scheduling.window = options.window;
  generator.placement = options.placement;
  generator.passage_reading = options.passage_reading;
  if (!options.read_only && options.passage_cache_mb > 0) {
    generator.passage_folder = options.store / "passages";
    generator.passage_folder_bytes = static_cast<std::uint64_t>(options.passage_cache_mb) << 20;
  }
  return generator;
}

std::unique_ptr<Engine> Engine::open(const EngineOptions& options) {
  set_compute_threads(options.threads);
  auto engine = std::make_unique<Engine>();
  engine->store = Store::open(
      options.store, {.read_only = options.read_only, .create_if_missing = options.create_store});
  const StoreSettings remembered = engine->store->settings();
  StoreSettings settings = remembered;

  const auto encoder_path =
      choose_path(options.encoder, remembered.encoder_path, "encoder", "--encoder DIR");
  engine->encoder =
      open_remembered(encoder_path, !options.encoder.empty(), "encoder", "--encoder DIR",
                      [](const std::filesystem::path& path) { return Encoder::open(path); });
  check_encoder(*engine->store, remembered, *engine->encoder);
  settings.encoder_path = encoder_path.string();
  settings.encoder_id = engine->encoder->id();
  settings.dimension = static_cast<std::uint32_t>(engine->encoder->dimension());

  if (options.with_generator) {
    const auto generator_path =
        choose_path(options.generator, remembered.generator_path, "generator", "--generator FILE");
    engine->generator = open_remembered(generator_path, !options.generator.empty(), "generator",
                                        "--generator FILE", [&](const std::filesystem::path& path) {
                                          return Generator::open(path, generator_options(options));
                                        });
    settings.generator_path = generator_path.string();
  }
  // After the models have opened: a wrong path must not be remembered.
  const bool changed = settings.encoder_path != remembered.encoder_path ||
                       settings.encoder_id != remembered.encoder_id ||
                       settings.dimension != remembered.dimension ||
                       settings.generator_path != remembered.generator_path;
  if (changed && !options.read_only) engine->store->set_settings(settings);

  engine->index = DenseIndex::open(
      *engine->store, {.write_segments = !options.read_only, .kind = options.index_kind});
  engine->attributes = std::make_unique<AttributeIndex>(*engine->store);
  const TextAnalysis analysis = analysis_for(options, engine->store->settings());
  if (!options.read_only) complete_terms(*engine->store, analysis);
  engine->lexical = std::make_unique<LexicalIndex>(*engine->store, analysis);
  if (!options.reranker.empty()) engine->reranker = Reranker::open(options.reranker);
  engine->retriever =
      std::make_unique<Retriever>(*engine->store, *engine->index, *engine->attributes,
                                  *engine->lexical, *engine->encoder, engine->reranker.get());
  if (!options.read_only) {
    engine->ingestor =
        std::make_unique<Ingestor>(*engine->store, *engine->index, *engine->attributes,
                                   *engine->encoder, engine->lexical->analysis());
  }
  if (engine->generator) {
    engine->answerer = std::make_unique<Answerer>(*engine->retriever, *engine->encoder,
                                                  *engine->generator, options.passage_order);
  }
  return engine;
}

}  // namespace tandem
