// How good the rankings of each mode of search are, on a set of questions whose relevant passages
// are known. Each entry of the corpus is one passage, its title before its text, as BEIR (Thakur et
// al. 2021, arXiv:2104.08663) has it. Peer: bench/peers/ranking.py.
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "bench/retrieval_engine.h"
#include "trainer/ranking_metrics.h"

namespace {

using tandem::SearchMode;
using tandem::bench::Figures;

struct Question {
  std::string text;
  std::map<std::string, int> relevant;  // grades by document
};

void for_each_line(const std::filesystem::path& path,
                   const std::function<void(const std::string&)>& visit) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  for (std::string line; std::getline(file, line);) visit(line);
}

// queries.jsonl and qrels/test.tsv as in BEIR, or dev.jsonl of questions with "positives".
std::vector<Question> read_questions(const std::filesystem::path& folder) {
  std::vector<Question> questions;
  if (std::filesystem::exists(folder / "dev.jsonl")) {
    for_each_line(folder / "dev.jsonl", [&](const std::string& line) {
      const auto row = nlohmann::json::parse(line);
      Question& question = questions.emplace_back();
      question.text = row.at("question");
      for (const std::string id : row.at("positives")) question.relevant[id] = 1;
    });
    return questions;
  }
  std::map<std::string, std::map<std::string, int>> relevant;
  bool header = true;
  for_each_line(folder / "qrels/test.tsv", [&](const std::string& line) {
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    if (!header) {
      const int grade = std::stoi(line.substr(second + 1));
      if (grade > 0) {
        relevant[line.substr(0, first)][line.substr(first + 1, second - first - 1)] = grade;
      }
    }
    header = false;
  });
  for_each_line(folder / "queries.jsonl", [&](const std::string& line) {
    const auto row = nlohmann::json::parse(line);
    const auto found = relevant.find(row.at("_id").get<std::string>());
    if (found != relevant.end()) questions.push_back({row.at("text"), found->second});
  });
  return questions;
}

void add_corpus(const std::filesystem::path& folder, tandem::Engine& engine) {
  constexpr std::size_t kBatch = 256;
  std::vector<tandem::Document> documents;
  const auto flush = [&] {
    std::vector<std::string> texts;
    texts.reserve(documents.size());
    for (const tandem::Document& document : documents) {
      texts.push_back(document.title.empty() ? document.text
                                             : document.title + "\n" + document.text);
    }
    const auto vectors = engine.release()->encoder->encode(texts, tandem::TextKind::kPassage);
    const auto dimension = static_cast<std::size_t>(engine.release()->encoder->dimension());
    for (std::size_t i = 0; i < documents.size(); ++i) {
      tandem::Passage passage;
      passage.title = documents[i].title;
      passage.text = documents[i].text;
      const auto terms = tandem::terms_of(engine.lexical->analysis(), passage);
      const auto vector = std::span(vectors).subspan(i * dimension, dimension);
      const auto change =
          engine.store->put_document(documents[i], {&passage, 1}, vector, {&terms, 1});
      engine.release()->index->add(documents[i].collection, change.added, vector);
    }
    documents.clear();
  };
  for_each_line(folder / "corpus.jsonl", [&](const std::string& line) {
    const auto row = nlohmann::json::parse(line);
    tandem::Document& document = documents.emplace_back();
    document.id = row.contains("_id") ? row["_id"] : row.at("id");
    document.collection = tandem::kDefaultCollection;
    document.title = row.value("title", "");
    document.text = row.at("text");
    if (documents.size() == kBatch) flush();
  });
  flush();
}

Figures measure(const tandem::Engine& engine, const std::vector<Question>& questions) {
  Figures figures;
  const double share = 1.0 / static_cast<double>(questions.size());
  std::map<std::string, tandem::SearchOptions> modes = {{"dense", {.mode = SearchMode::kDense}},
                                                        {"BM25", {.mode = SearchMode::kLexical}},
                                                        {"hybrid", {.mode = SearchMode::kHybrid}}};
  if (engine.release()->reranker) modes["reranked"] = {.rerank = tandem::kDefaultReranked};
  for (auto& [name, options] : modes) {
    options.limit = 20;
    options.conditions = false;
    for (const Question& question : questions) {
      std::vector<int> found;
      for (const tandem::Hit& hit : engine.release()->retriever->search(question.text, options)) {
        const auto grade = question.relevant.find(hit.passage.document_id);
        found.push_back(grade == question.relevant.end() ? 0 : grade->second);
      }
      figures[name + ": MRR, of 1"] += share * tandem::reciprocal_rank(found);
      std::vector<int> relevant;
      for (const auto& [id, grade] : question.relevant) relevant.push_back(grade);
      figures[name + ": nDCG@10, of 1"] += share * tandem::ndcg_at(10, found, relevant);
      for (const std::size_t k : {1, 5, 20}) {
        figures[name + ": recall@" + std::to_string(k) + ", of 1"] +=
            share * tandem::recall_at(k, found, relevant);
      }
    }
  }
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) {
    std::cerr << "usage: bench_ranking ENCODER DATA STORE THREADS [RERANKER]\n";
    return 2;
  }
  tandem::EngineOptions options = tandem::bench::retrieval_options(argv);
  if (argc == 6) options.reranker = argv[5];
  const auto engine = tandem::Engine::open(options);
  if (engine->store->list_collections().empty()) add_corpus(argv[2], *engine);
  const auto questions = read_questions(argv[2]);
  tandem::bench::answer_measurements([&] { return measure(*engine, questions); });
}
