#include "server/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/threads.h"
#include "retriever/device_copy.h"
#include "server/releases.h"

namespace tandem {
namespace {

// Paths of what was copied into the store are relative to it.
std::string resolved(const Store& store, const std::string& path) {
  return path.empty() ? path : (store.folder() / path).string();
}

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
  // Without vectors there is nothing to mix; but a release keeps its encoder.
  if (store.list_collections().empty() && store.releases().size() == 1 &&
      store.releases()[0].files.empty()) {
    return;
  }
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("the store {} was made with another encoder ({}, id {:.12}) than {} "
                          "(id {:.12})",
                          store.folder().string(), settings.encoder_path, settings.encoder_id,
                          encoder.name(), encoder.id()),
              "leave --encoder out; or make a release of the new one, which encodes all documents "
              "again beside the old one: tandem release create");
}

// The generator given, for a release whose own one was copied into the store, must be that one.
void check_generator(const Release& live, const std::filesystem::path& given, const Store& store) {
  if (given == resolved(store, live.generator_path)) return;
  const MappedFile file(given);
  const ReleaseFile* const own = live.generator_file();
  if (own != nullptr && own->size_bytes == file.bytes().size() &&
      sha256_hex(file.bytes()) == own->sha256) {
    return;
  }
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("the live release {} of the store {} has another generator than {}",
                          release_name(live.number), store.folder().string(), given.string()),
              "leave --generator out, or make a release of the new one: tandem release create");
}

// Where a release keeps what its generator made of passages.
std::filesystem::path passages_folder(const Store& store, const std::optional<Release>& release) {
  if (!release || release->files.empty()) return store.folder() / "passages";
  return release_folder(store.folder(), release->number) / "passages";
}

// For a process that has the store open for reading only. Where another one writes to it, nothing
// is remembered: `tandem serve` was given a generator of its own, or has none on purpose.
void remember_generator(const std::filesystem::path& folder, const std::filesystem::path& path) {
  try {
    const auto store = Store::open(folder);
    StoreSettings settings = store->settings();
    if (!settings.generator_path.empty()) return;
    settings.generator_path = path.string();
    store->set_settings(settings);
  } catch (const Error& error) {
    log_debug("the generator is not remembered: {}", error.what());
  }
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

GeneratorOptions generator_options(const EngineOptions& options,
                                   const std::filesystem::path& passages) {
  GeneratorOptions generator;
  generator.scheduling.cache_bytes = static_cast<std::size_t>(options.cache_mb) << 20;
  generator.scheduling.cache_type = options.cache_type;
  generator.scheduling.passages.memory_bytes = generator.scheduling.cache_bytes / 4;
  generator.scheduling.window = options.window;
  generator.placement = options.placement;
  generator.passage_reading = options.passage_reading;
  if (!options.read_only && options.passage_cache_mb > 0) {
    generator.passage_folder = passages;
    generator.passage_folder_bytes = static_cast<std::uint64_t>(options.passage_cache_mb) << 20;
  }
  return generator;
}

std::unique_ptr<Engine> Engine::open(const EngineOptions& options) {
  set_compute_threads(options.threads);
  std::unique_ptr<Engine> engine(new Engine(options));
  engine->store = Store::open(
      options.store, {.read_only = options.read_only, .create_if_missing = options.create_store});
  engine->open_parts();
  return engine;
}

void Engine::open_parts() {
  auto served = std::make_shared<ServedRelease>();
  open_models(*served);
  device_ = open_device();
  served->index = DenseIndex::open(
      *store,
      {.write_segments = !options_.read_only, .kind = options_.index_kind, .device = device_});
  attributes = std::make_unique<AttributeIndex>(*store);
  const TextAnalysis analysis = analysis_for(options_, store->settings());
  if (!options_.read_only) complete_terms(*store, analysis);
  lexical = std::make_unique<LexicalIndex>(*store, analysis);
  if (!options_.reranker.empty()) reranker_ = Reranker::open(options_.reranker);
  finish(*served);
  if (!options_.read_only) {
    ingestor = std::make_unique<Ingestor>(*store, IngestTarget{served->encoder, served->index},
                                          *attributes, lexical->analysis());
  }
  publish(std::move(served));
}

// After the models have taken what they need.
std::shared_ptr<DeviceSpace> Engine::open_device() const {
  if (options_.read_only || options_.gpu_index_mb == 0) return nullptr;
  auto runtime = choose_runtime(options_.placement.device);
  if (!runtime) return nullptr;
  const std::size_t free_bytes = runtime->memory().free_bytes;
  const std::size_t limit = options_.gpu_index_mb
                                ? static_cast<std::size_t>(*options_.gpu_index_mb) << 20
                                : free_bytes / 2;
  log_info("vectors are searched on {}, of whose memory they take {} MiB at most",
           runtime->description(), limit >> 20);
  return std::make_shared<DeviceSpace>(std::move(runtime), limit);
}

// The models of the live release or, in a store that has no others, those that were given, which it
// then remembers.
void Engine::open_models(ServedRelease& served) {
  const StoreSettings remembered = store->settings();
  const auto live = store->live_release();
  served.name = release_name(live ? live->number : 1);
  const bool fixed = live && !live->files.empty();

  const auto encoder_path = choose_path(options_.encoder, resolved(*store, remembered.encoder_path),
                                        "encoder", "--encoder DIR");
  served.encoder =
      open_remembered(encoder_path, !options_.encoder.empty(), "encoder", "--encoder DIR",
                      [](const std::filesystem::path& path) { return Encoder::open(path); });
  check_encoder(*store, remembered, *served.encoder);

  std::filesystem::path generator_path;
  if (options_.with_generator) {
    generator_path = choose_path(options_.generator, resolved(*store, remembered.generator_path),
                                 "generator", "--generator FILE");
    if (fixed) check_generator(*live, generator_path, *store);
    served.generator = open_remembered(
        generator_path, !options_.generator.empty(), "generator", "--generator FILE",
        [&](const std::filesystem::path& path) {
          return Generator::open(path, generator_options(options_, passages_folder(*store, live)));
        });
  }
  // After the models have opened: a wrong path must not be remembered. Those of a release that was
  // copied into the store are known already.
  if (fixed) return;
  if (options_.read_only) {
    if (options_.with_generator && remembered.generator_path.empty())
      remember_generator(store->folder(), generator_path);
    return;
  }
  StoreSettings settings = remembered;
  settings.encoder_path = encoder_path.string();
  settings.encoder_id = served.encoder->id();
  settings.dimension = static_cast<std::uint32_t>(served.encoder->dimension());
  if (options_.with_generator) settings.generator_path = generator_path.string();
  const bool changed = settings.encoder_path != remembered.encoder_path ||
                       settings.encoder_id != remembered.encoder_id ||
                       settings.dimension != remembered.dimension ||
                       settings.generator_path != remembered.generator_path;
  if (changed) store->set_settings(settings);
}

// What is made of the parts.
void Engine::finish(ServedRelease& served) const {
  served.reranker = reranker_;
  served.retriever = std::make_unique<Retriever>(*store, *served.index, *attributes, *lexical,
                                                 *served.encoder, reranker_.get());
  if (!served.generator) return;
  served.answerer = std::make_unique<Answerer>(*served.retriever, *served.encoder,
                                               *served.generator, options_.passage_order);
}

std::shared_ptr<const ServedRelease> Engine::release() const {
  const std::lock_guard lock(release_mutex_);
  return release_;
}

void Engine::publish(std::shared_ptr<const ServedRelease> served) {
  const std::lock_guard lock(release_mutex_);
  std::erase_if(former_, [](const auto& former) { return former.expired(); });
  if (release_) former_.push_back(release_);
  release_ = std::move(served);
}

std::vector<std::shared_ptr<const ServedRelease>> Engine::alive() const {
  const std::lock_guard lock(release_mutex_);
  std::vector<std::shared_ptr<const ServedRelease>> alive{release_};
  for (const auto& former : former_) {
    if (auto served = former.lock()) alive.push_back(std::move(served));
  }
  return alive;
}

// A network that is in memory is not read a second time.
std::shared_ptr<const Encoder> Engine::open_encoder(const Release& release) {
  for (const auto& served : alive()) {
    if (served->encoder->id() == release.encoder_id) return served->encoder;
  }
  return Encoder::open(resolved(*store, release.encoder_path));
}

std::shared_ptr<const Generator> Engine::open_generator(const Release& release) {
  if (!options_.with_generator || release.generator_path.empty()) return nullptr;
  const std::string name = release_name(release.number);
  for (const auto& served : alive()) {
    if (served->name == name && served->generator) return served->generator;
  }
  return Generator::open(resolved(*store, release.generator_path),
                         generator_options(options_, passages_folder(*store, release)));
}

void Engine::promote(std::uint32_t number, const ReembeddingReport& report) {
  if (!ingestor) {
    throw Error(ErrorCode::kInvalidArgument, "the store is open for reading only",
                "promote where it is open for writing");
  }
  const std::lock_guard promoting(promote_mutex_);
  const Release promoted = find_release(*store, release_name(number));
  const auto former = release();
  auto served = std::make_shared<ServedRelease>();
  served->name = release_name(number);
  if (served->name == former->name) return;
  served->encoder = open_encoder(promoted);
  served->generator = open_generator(promoted);
  complete_vectors(*store, promoted.vectors, *served->encoder, report);
  const bool same_vectors = store->live_vectors().number == promoted.vectors;
  ingestor->switch_target([&] {
    // What came since; nothing more can come now.
    complete_vectors(*store, promoted.vectors, *served->encoder);
    served->index = same_vectors ? former->index
                                 : std::shared_ptr<DenseIndex>(DenseIndex::open(
                                       *store, {.vectors = promoted.vectors, .device = device_}));
    finish(*served);
    store->promote_release(number);
    if (!same_vectors) former->index->retire();
    publish(served);
    return IngestTarget{served->encoder, served->index};
  });
  log_info("requests are served by the release {} now", served->name);
}

}  // namespace tandem
