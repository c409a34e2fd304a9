// From files to searchable, then from a question to its passages, in one store. Peer: the script
// most people start from, sentence-transformers and faiss-cpu (bench/peers/retrieval.py).
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "bench/retrieval_engine.h"

namespace {

const std::vector<std::string> kQuestions = {
    "How large can a database file become?",
    "What happens when two connections write at once?",
    "When is an index used for a range constraint?",
    "How do I attach a second database?",
    "What is stored in a page of the freelist?",
    "Which functions format a date?",
    "How does a savepoint nest in a transaction?",
    "What does the query planner know about a table?",
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: bench_retrieval ENCODER DOCUMENTS STORE THREADS\n";
    return 2;
  }
  const tandem::EngineOptions options = tandem::bench::retrieval_options(argv);
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    std::filesystem::remove_all(options.store);
    const auto engine = tandem::Engine::open(options);
    const tandem::bench::Stopwatch ingest;
    const auto report =
        engine->ingestor->ingest_folder(argv[2], tandem::kDefaultCollection, [](const auto&) {});
    const double ingest_seconds = ingest.seconds();
    std::vector<double> latencies_ms;
    for (const std::string& question : kQuestions) {
      const tandem::bench::Stopwatch query;
      engine->release()->retriever->search(question, {});
      latencies_ms.push_back(1000 * query.seconds());
    }
    return {
        {"file to searchable, documents/s", static_cast<double>(report.added) / ingest_seconds},
        {"question to passages (median), ms", median(latencies_ms)},
    };
  });
}
