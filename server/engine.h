// Everything that answers requests, opened from one store folder and two model paths.
#ifndef TANDEM_SERVER_ENGINE_H_
#define TANDEM_SERVER_ENGINE_H_

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "indexer/ingestor.h"
#include "indexer/reembedding.h"
#include "retriever/attribute_index.h"
#include "retriever/lexical_index.h"
#include "server/served_release.h"
#include "store/store.h"

namespace tandem {

struct EngineOptions {
  std::filesystem::path store;
  std::filesystem::path encoder;    // empty: the one the store remembers
  std::filesystem::path generator;  // empty: the one the store remembers
  std::filesystem::path reranker;   // empty: none
  bool read_only = false;
  bool create_store = false;
  std::string language;  // of analysis_languages(); empty: the one the store remembers, or English
  bool with_generator = true;
  std::optional<IndexKind> index_kind;  // empty: the one the store remembers
  DecoderPlacement placement;           // of the generator, and of copies of the index
  // Most memory of a GPU for those; nullopt: half of what the models leave.
  std::optional<int> gpu_index_mb;
  int threads = 0;      // for the networks; 0: one per processor
  int cache_mb = 2048;  // for keys and values of the generator, at most
  KvType cache_type = KvType::kHalf;
  // Whether answers and conversations go on past the generator's context by forgetting what lies
  // between their beginning and a window before their end.
  bool window = false;
  // How passages are read; empty: as the generator's file says that it was trained.
  std::optional<PassageReading> passage_reading;
  // Most of the disk that passages which were read independently take in the folder of the store; 0
  // for none, as without a store that may be written.
  int passage_cache_mb = 4096;
  PassageOrder passage_order = PassageOrder::kRelevance;
};

// What of it concerns the generator. Where the store may be written, what becomes of passages is
// kept in `passages`, a folder in it, unless that is empty.
GeneratorOptions generator_options(const EngineOptions& options,
                                   const std::filesystem::path& passages = {});

// All that is searched and answered from. Safe from any thread.
class Engine {
 public:
  // Remembers model paths in the store (unless read_only). Throws Error: kInvalidArgument where a
  // model is needed and neither given nor remembered, or where a model that was given is not that
  // of the live release; and what the parts throw.
  static std::unique_ptr<Engine> open(const EngineOptions& options);

  // What requests that begin now are served by; never null.
  std::shared_ptr<const ServedRelease> release() const;

  // Makes a release of the store the one that requests are served by, without interrupting those
  // under way. Its vectors are brought up to date first; documents that are added at the moment of
  // the switch wait for it. Throws kNotFound, what the models throw when they are opened, and
  // kInvalidArgument where the store is open for reading only; the release that served goes on
  // then. One call at a time; others wait.
  void promote(std::uint32_t number, const ReembeddingReport& report = {});

  // Parts in the order in which they depend on each other.
  std::unique_ptr<Store> store;
  std::unique_ptr<AttributeIndex> attributes;
  std::unique_ptr<LexicalIndex> lexical;
  std::unique_ptr<Ingestor> ingestor;  // null when read_only

 private:
  explicit Engine(const EngineOptions& options) : options_(options) {}
  void open_parts();
  void open_models(ServedRelease& served);
  std::shared_ptr<DeviceSpace> open_device() const;
  std::shared_ptr<const Encoder> open_encoder(const Release& release);
  std::shared_ptr<const Generator> open_generator(const Release& release);
  void finish(ServedRelease& served) const;
  void publish(std::shared_ptr<const ServedRelease> served);
  std::vector<std::shared_ptr<const ServedRelease>> alive() const;

  const EngineOptions options_;
  std::shared_ptr<const Reranker> reranker_;  // that of every release; null without one
  std::shared_ptr<DeviceSpace> device_;       // null without a GPU
  std::mutex promote_mutex_;
  mutable std::mutex release_mutex_;  // held only to copy or swap pointers
  std::shared_ptr<const ServedRelease> release_;
  // That served before, some of them still requests under way.
  std::vector<std::weak_ptr<const ServedRelease>> former_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_ENGINE_H_
