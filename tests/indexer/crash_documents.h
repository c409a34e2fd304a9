// What crash_writer writes and crash_test expects, as functions of a number, so that the two need
// not talk about more than the number.
#ifndef TANDEM_TESTS_INDEXER_CRASH_DOCUMENTS_H_
#define TANDEM_TESTS_INDEXER_CRASH_DOCUMENTS_H_

#include <memory>
#include <string>

#include "retriever/dense_index.h"
#include "tests/support/fake_encoder.h"

namespace tandem::testing {

// Small, so that segments are sealed and merged, and files written, all the time.
inline const DenseIndexOptions kCrashIndexOptions{.segment_capacity = 64, .large_from = 512};

// The two encoders between which the writer switches, each with vectors of a length of its own.
inline constexpr char kFirstEncoder[] = "fake-1";
inline constexpr char kSecondEncoder[] = "fake-2";
inline std::unique_ptr<FakeEncoder> crash_encoder(const std::string& id) {
  return std::make_unique<FakeEncoder>(id, id == kSecondEncoder ? 24 : 16);
}

// Step by step the writer adds documents, replaces old ones and deletes others.
struct CrashStep {
  int document = 0;
  bool remove = false;
};

inline CrashStep crash_step(int step) {
  if (step % 5 == 3) return {step / 2, false};
  if (step % 7 == 6) return {step / 3, true};
  return {step, false};
}

inline std::string crash_document_id(int document) {
  return "d" + std::to_string(document);
}

// The document as `step` left it; its words occur in no other document.
inline std::string crash_text(int document, int step) {
  std::string text;
  const int count = 10 + (document * 37 + step) % 80;
  for (int i = 0; i < count; ++i) {
    text += "w" + std::to_string(document) + "x" + std::to_string(step) + "x" + std::to_string(i) +
            (i % 9 == 8 ? ". " : " ");
  }
  return text;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_INDEXER_CRASH_DOCUMENTS_H_
