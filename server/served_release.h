// What one request is served by from its beginning to its end.
#ifndef TANDEM_SERVER_SERVED_RELEASE_H_
#define TANDEM_SERVER_SERVED_RELEASE_H_

#include <memory>
#include <string>

#include "generator/answerer.h"
#include "generator/generator.h"
#include "retriever/dense_index.h"
#include "retriever/encoder.h"
#include "retriever/reranker.h"
#include "retriever/retriever.h"

namespace tandem {

// Models and an index that belong together. Immutable but for what its parts allow; safe from any
// thread. A request takes one when it begins and holds it until it ends; another may have gone live
// by then, and this one goes when the last request lets go of it.
struct ServedRelease {
  std::string name;  // release_name()
  std::shared_ptr<const Encoder> encoder;
  std::shared_ptr<DenseIndex> index;
  std::shared_ptr<const Generator> generator;  // null without one
  std::shared_ptr<const Reranker> reranker;    // null without one
  std::unique_ptr<const Retriever> retriever;
  std::unique_ptr<const Answerer> answerer;  // null without a generator
};

}  // namespace tandem

#endif  // TANDEM_SERVER_SERVED_RELEASE_H_
