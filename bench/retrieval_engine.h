// The engine of the programs that measure retrieval.
#ifndef TANDEM_BENCH_RETRIEVAL_ENGINE_H_
#define TANDEM_BENCH_RETRIEVAL_ENGINE_H_

#include <string>

#include "server/engine.h"

namespace tandem::bench {

// From the arguments of a program: ENCODER, something of its own, STORE, THREADS. No generator; the
// store is made if it is missing.
inline EngineOptions retrieval_options(char** argv) {
  EngineOptions options;
  options.encoder = argv[1];
  options.store = argv[3];
  options.threads = std::stoi(argv[4]);
  options.create_store = true;
  options.with_generator = false;
  return options;
}

}  // namespace tandem::bench

#endif  // TANDEM_BENCH_RETRIEVAL_ENGINE_H_
