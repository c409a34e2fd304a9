// Everything that answers a request, opened from one store folder and two model paths.
#ifndef TANDEM_SERVER_ENGINE_H_
#define TANDEM_SERVER_ENGINE_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "generator/answerer.h"
#include "generator/generator.h"
#include "indexer/ingestor.h"
#include "retriever/attribute_index.h"
#include "retriever/dense_index.h"
#include "retriever/encoder.h"
#include "retriever/lexical_index.h"
#include "retriever/retriever.h"
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
  DecoderPlacement placement;           // of the generator
  int threads = 0;                      // for the networks; 0: one per processor
  int cache_mb = 2048;                  // for keys and values of the generator, at most
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

// What of it concerns the generator. Where the store may be written, passages are kept in it.
GeneratorOptions generator_options(const EngineOptions& options);

// Parts in the order in which they depend on each other. Immutable once opened but for what the
// parts themselves allow; safe from any thread.
struct Engine {
  // Remembers model paths in the store (unless read_only). Throws Error: kInvalidArgument where a
  // model is needed and neither given nor remembered, or where the encoder given is not the one
  // that made the store's vectors; and what the parts throw.
  static std::unique_ptr<Engine> open(const EngineOptions& options);

  std::unique_ptr<Store> store;
  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<DenseIndex> index;
  std::unique_ptr<AttributeIndex> attributes;
  std::unique_ptr<LexicalIndex> lexical;
  std::unique_ptr<Reranker> reranker;  // null without one
  std::unique_ptr<Retriever> retriever;
  std::unique_ptr<Ingestor> ingestor;    // null when read_only
  std::unique_ptr<Generator> generator;  // null without one
  std::unique_ptr<Answerer> answerer;    // null without a generator
};

}  // namespace tandem

#endif  // TANDEM_SERVER_ENGINE_H_
