// Texts to vectors: many passages at once, and one question at a time. Peers: sentence-transformers
// and onnxruntime in full precision with the same weights and threads (bench/peers/encoding.py).
//
// TEXTS and QUESTIONS have one text a line. REFERENCE, [texts, dimension] floats, are the vectors
// of TEXTS as sentence-transformers computes them in full precision.
#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "bench/measure.h"
#include "model/threads.h"
#include "retriever/encoder.h"

namespace {

// Of the text where they differ most.
double least_cosine(const std::vector<float>& vectors, const std::string& reference,
                    std::size_t dimension) {
  TANDEM_CHECK(reference.size() == vectors.size() * sizeof(float));
  std::vector<float> expected(vectors.size());
  std::copy(reference.begin(), reference.end(), reinterpret_cast<char*>(expected.data()));
  double least = 1;
  for (std::size_t begin = 0; begin < vectors.size(); begin += dimension) {
    double cosine = 0;
    for (std::size_t i = begin; i < begin + dimension; ++i) {
      cosine += static_cast<double>(vectors[i]) * expected[i];
    }
    least = std::min(least, cosine);
  }
  return least;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: bench_encoding ENCODER TEXTS QUESTIONS REFERENCE THREADS\n";
    return 2;
  }
  tandem::set_compute_threads(std::stoi(argv[5]));
  const auto encoder = tandem::Encoder::open(argv[1]);
  const auto texts = tandem::bench::read_lines(argv[2]);
  const auto questions = tandem::bench::read_lines(argv[3]);
  const std::string reference = tandem::read_file(argv[4]);
  const auto dimension = static_cast<std::size_t>(encoder->dimension());
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    const tandem::bench::Stopwatch encoding;
    const auto vectors = encoder->encode(texts, tandem::TextKind::kPassage);
    const double seconds = encoding.seconds();
    std::vector<double> milliseconds;
    for (const std::string& question : questions) {
      const tandem::bench::Stopwatch watch;
      encoder->encode({&question, 1}, tandem::TextKind::kQuery);
      milliseconds.push_back(1000 * watch.seconds());
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    return {{"texts, texts/s", static_cast<double>(texts.size()) / seconds},
            {"question (median), ms", milliseconds[milliseconds.size() / 2]},
            {"question (95 of 100), ms", milliseconds[milliseconds.size() * 95 / 100]},
            {"least cosine to fp32, of 1", least_cosine(vectors, reference, dimension)}};
  });
}
