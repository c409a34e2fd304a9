// Indexes documents until it is killed: crash_writer STORE FIRST_STEP. Prints a line when it is
// ready and, flushed, the number of each step when the step was acknowledged.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "indexer/ingestor.h"
#include "tests/indexer/crash_documents.h"
#include "tests/support/fake_encoder.h"

int main(int argc, char** argv) {
  using namespace tandem;
  if (argc != 3) return 2;
  const auto store = Store::open(argv[1]);
  const auto index = DenseIndex::open(*store, testing::kCrashIndexOptions);
  const testing::FakeEncoder encoder;
  AttributeIndex attributes(*store);
  const TextAnalysis analysis;
  Ingestor ingestor(*store, *index, attributes, encoder, analysis);
  const auto say = [](int number) {
    const std::string line = std::to_string(number) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::exit(1);
  };
  say(-1);
  for (int step = std::atoi(argv[2]);; ++step) {
    const auto [document, remove] = testing::crash_step(step);
    const std::string id = testing::crash_document_id(document);
    if (remove) {
      ingestor.remove(kDefaultCollection, id);
    } else {
      IngestRequest request;
      request.bytes = testing::crash_text(document, step);
      request.source = id + ".txt";
      request.id = id;
      ingestor.ingest(request);
    }
    say(step);
  }
}
