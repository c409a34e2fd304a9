// A tiny cross-encoder with random weights and a vocabulary of its own.
#ifndef TANDEM_TESTS_SUPPORT_RERANKER_FOLDER_H_
#define TANDEM_TESTS_SUPPORT_RERANKER_FOLDER_H_

#include <filesystem>

#include "tests/support/paths.h"

namespace tandem::testing {

// As tests/model/references/make_cross_encoders.py made it.
inline std::filesystem::path reranker_folder() {
  return source_folder() / "tests/model/references/cross_encoders/bert";
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_RERANKER_FOLDER_H_
