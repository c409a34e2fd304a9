#include "server/releases.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "indexer/reembedding.h"
#include "model/gguf.h"
#include "retriever/dense_index.h"
#include "retriever/encoder.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopiedAtOnce = 4u << 20;

fs::path chosen(const Store& store, const fs::path& given, const std::string& live) {
  if (!given.empty()) return fs::absolute(given).lexically_normal();
  return live.empty() ? fs::path() : store.folder() / live;
}

// Of a sentence-transformers folder, what an encoder consists of: others also have the weights for
// other programs in them, many times over.
std::vector<fs::path> encoder_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    const bool small = extension == ".json" || extension == ".txt" || extension == ".model";
    if (!entry.is_regular_file() || (!small && entry.path().filename() != "model.safetensors")) {
      continue;
    }
    files.push_back(entry.path().filename());
  }
  const fs::path pooling = fs::path("1_Pooling") / "config.json";
  if (fs::exists(folder / pooling)) files.push_back(pooling);
  std::sort(files.begin(), files.end());
  return files;
}

// Copies models to their place in the store, and removes them again unless the release was added.
class ModelCopy {
 public:
  ModelCopy(const Store& store, std::uint32_t number, const ReleaseReport& report)
      : store_(store), folder_(release_folder(store.folder(), number)), report_(report) {}
  ~ModelCopy() {
    std::error_code ignored;
    if (!kept_) fs::remove_all(folder_, ignored);
  }
  ModelCopy(const ModelCopy&) = delete;
  ModelCopy& operator=(const ModelCopy&) = delete;

  // All before the first is copied, so that the report knows how much there is.
  void plan(const fs::path& from, const fs::path& to) {
    files_.push_back({from, folder_ / to});
    total_ += fs::file_size(from);
  }
  std::vector<ReleaseFile> run() {
    std::vector<ReleaseFile> copied;
    for (const auto& [from, to] : files_) copied.push_back(copy(from, to));
    return copied;
  }
  void keep() { kept_ = true; }

  std::string path_in_store(const fs::path& to) const {
    return fs::relative(folder_ / to, store_.folder()).generic_string();
  }

 private:
  ReleaseFile copy(const fs::path& from, const fs::path& to) {
    const MappedFile file(from);
    std::error_code failure;
    fs::create_directories(to.parent_path(), failure);
    if (failure) {
      throw Error(failure == std::errc::no_space_on_device ? ErrorCode::kResourceExhausted
                                                           : ErrorCode::kInvalidArgument,
                  fmt::format("cannot make the folder {}: {}", to.parent_path().string(),
                              failure.message()),
                  "check the store's folder");
    }
    OutputFile out(to);
    Sha256 hash;
    for (std::size_t at = 0; at < file.bytes().size(); at += kCopiedAtOnce) {
      const auto piece =
          file.bytes().subspan(at, std::min(kCopiedAtOnce, file.bytes().size() - at));
      out.write_at(at, piece);
      hash.update(piece);
      done_ += piece.size();
      if (report_) report_("copying", done_ >> 20, total_ >> 20);
    }
    out.publish();
    return {fs::relative(to, store_.folder()).generic_string(), file.bytes().size(),
            hash.finish_hex()};
  }

  const Store& store_;
  const fs::path folder_;
  const ReleaseReport& report_;
  std::vector<std::pair<fs::path, fs::path>> files_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  bool kept_ = false;
};

bool has_generator(const Store& store, const Release& release, const fs::path& generator,
                   const std::string& digest) {
  if (generator.empty() || release.generator_path.empty()) {
    return generator.empty() && release.generator_path.empty();
  }
  if (const ReleaseFile* const own = release.generator_file()) return own->sha256 == digest;
  return store.folder() / release.generator_path == generator;
}

// `models` names those that are there.
Release add(Store& store, const Encoder& encoder, const ReleaseModels& models,
            const ReleaseReport& report) {
  Release release;
  release.number = store.reserve_release();
  release.encoder_id = encoder.id();
  release.dimension = static_cast<std::uint32_t>(encoder.dimension());
  release.created_at_unix_s = std::time(nullptr);
  ModelCopy copy(store, release.number, report);
  // Clients know models by these names.
  const fs::path encoder_place =
      fs::path("encoder") / (models.encoder_name.empty() ? encoder.name() : models.encoder_name);
  for (const fs::path& file : encoder_files(models.encoder)) {
    copy.plan(models.encoder / file, encoder_place / file);
  }
  release.encoder_path = copy.path_in_store(encoder_place);
  if (!models.generator.empty()) {
    const fs::path generator_place =
        fs::path("generator") / (models.generator_name.empty()
                                     ? models.generator.filename()
                                     : fs::path(models.generator_name + ".gguf"));
    copy.plan(models.generator, generator_place);
    release.generator_path = copy.path_in_store(generator_place);
  }
  release.files = copy.run();
  if (Encoder::open(store.folder() / release.encoder_path)->id() != encoder.id()) {
    throw Error(ErrorCode::kUnavailable,
                fmt::format("the encoder {} changed while it was copied", models.encoder.string()),
                "try again when nothing writes to it any more");
  }
  release = store.add_release(release);
  copy.keep();
  return release;
}

ReembeddingReport embedding_report(const ReleaseReport& report) {
  if (!report) return {};
  return [&report](const ReembeddingProgress& progress) {
    report("embedding", progress.done, progress.total);
  };
}

}  // namespace

Release create_release(Store& store, const ReleaseModels& models, const ReleaseReport& report,
                       const std::function<void(const Release&)>& added) {
  const auto live = store.live_release();
  if (!live) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("the store {} has no documents and no encoder yet", store.folder().string()),
        "index documents into it first");
  }
  ReleaseModels all = models;
  all.encoder = chosen(store, models.encoder, live->encoder_path);
  all.generator = chosen(store, models.generator, live->generator_path);
  const auto encoder = Encoder::open(all.encoder);
  std::string digest;
  if (!all.generator.empty()) {
    open_gguf(all.generator);
    digest = sha256_hex(MappedFile(all.generator).bytes());
  }

  const auto known = store.releases();
  const auto same = std::find_if(known.begin(), known.end(), [&](const Release& release) {
    return release.encoder_id == encoder->id() &&
           has_generator(store, release, all.generator, digest);
  });
  Release release = same != known.end() ? *same : add(store, *encoder, all, report);
  if (added) added(release);
  complete_vectors(store, release.vectors, *encoder, embedding_report(report));
  if (store.live_vectors().number != release.vectors) {
    // So that the switch need not wait for it.
    if (report) report("indexing", 0, 0);
    DenseIndex::open(store, {.vectors = release.vectors})->settle();
  }
  return release;
}

void promote_release(Store& store, std::uint32_t number, const ReleaseReport& report) {
  const Release release = find_release(store, release_name(number));
  const auto encoder = Encoder::open(store.folder() / release.encoder_path);
  complete_vectors(store, release.vectors, *encoder, embedding_report(report));
  store.promote_release(number);
}

Release find_release(const Store& store, std::string_view name) {
  const auto number = release_number(name);
  const auto releases = store.releases();
  const auto found = std::find_if(releases.begin(), releases.end(),
                                  [&](const Release& release) { return release.number == number; });
  if (found != releases.end()) return *found;
  throw Error(ErrorCode::kNotFound, fmt::format("the store has no release {}", name),
              "see which there are: tandem release list");
}

Release find_previous(const Store& store) {
  if (auto previous = store.previous_release()) return std::move(*previous);
  throw Error(ErrorCode::kNotFound, "there is no release to go back to",
              "promote one by its name; see which there are: tandem release list");
}

}  // namespace tandem
