// From a question to the ids of its ten best passages by their words, in a store of many passages.
// Peers: SQLite FTS5 and bm25s (bench/peers/lexical.py).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "retriever/lexical_index.h"

namespace {

constexpr std::size_t kHits = 10;
constexpr std::size_t kPassagesInDocument = 500;

// Each line is a passage.
void fill(tandem::Store& store, const tandem::TextAnalysis& analysis,
          const std::filesystem::path& path) {
  tandem::StoreSettings settings;
  settings.dimension = 1;
  settings.analysis = analysis.id();
  store.set_settings(settings);
  std::ifstream file(path);
  std::vector<tandem::Passage> passages;
  std::vector<tandem::PassageTerms> terms;
  int documents = 0;
  const auto flush = [&] {
    tandem::Document document;
    document.id = std::to_string(++documents);
    document.collection = tandem::kDefaultCollection;
    store.put_document(document, passages, std::vector<float>(passages.size(), 1.0f), terms);
    passages.clear();
    terms.clear();
  };
  for (std::string line; std::getline(file, line);) {
    passages.emplace_back().text = line;
    terms.push_back(tandem::terms_of(analysis, passages.back()));
    if (passages.size() == kPassagesInDocument) flush();
  }
  if (!passages.empty()) flush();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: bench_lexical PASSAGES QUESTIONS STORE\n";
    return 2;
  }
  const tandem::TextAnalysis analysis;
  if (!std::filesystem::exists(argv[3])) fill(*tandem::Store::open(argv[3]), analysis, argv[1]);
  const auto store = tandem::Store::open(argv[3]);
  const tandem::LexicalIndex index(*store, analysis);
  const auto questions = tandem::bench::read_lines(argv[2]);
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    std::vector<double> milliseconds;
    for (const std::string& question : questions) {
      const tandem::bench::Stopwatch watch;
      const auto query = tandem::query_of_words(question, analysis);
      index.search(tandem::kDefaultCollection, query, kHits);
      milliseconds.push_back(1000 * watch.seconds());
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    return {{"question to passages (median), ms", milliseconds[milliseconds.size() / 2]},
            {"question to passages (95 of 100), ms", milliseconds[milliseconds.size() * 95 / 100]}};
  });
}
