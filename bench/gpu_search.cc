// Exact search of many vectors on a GPU: questions answered per second, one at a time and together,
// what share of the memory's rate the reading of the vectors reaches, and how many of the true
// nearest are among the candidates. Beside it the processor, by FAISS, in full precision.
//
//   bench_gpu_search [ROWS] [DEVICE]
//
// The device "cpu" runs the same code on the processor: for trying the program, not for figures.
#include <faiss/utils/distances.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/measure.h"
#include "model/cuda_loader.h"
#include "model/device_vectors.h"
#include "retriever/query_scorer.h"

namespace {

constexpr std::size_t kDimension = 384;
constexpr std::size_t kNearest = 10;
constexpr std::size_t kCandidates = 2 * kNearest + 32;  // as retriever/device_copy.cc asks for
constexpr std::size_t kTrueQueries = 64;

// Normal enough, and quick: vectors of all directions, the hardest case for half precision.
std::vector<float> random_vectors(std::size_t count, std::uint64_t seed) {
  std::vector<float> values(count * kDimension);
  std::mt19937_64 random(seed);
  for (float& value : values) {
    const std::uint64_t bits = random();
    value = static_cast<float>(static_cast<double>(bits & 0xFFFF) +
                               static_cast<double>(bits >> 16 & 0xFFFF) +
                               static_cast<double>(bits >> 32 & 0xFFFF) - 98'302.5) /
            65'536;
  }
  return values;
}

class Search {
 public:
  Search(std::size_t rows, const std::string& device)
      : runtime_(device == "cuda" ? tandem::open_cuda() : tandem::cpu_runtime()),
        values_(random_vectors(rows, 1)),
        queries_(random_vectors(1024, 2)) {
    std::vector<std::uint16_t> codes(values_.size());
    std::vector<std::int16_t> rests(values_.size());
    tandem::split_floats(values_, codes, rests);
    vectors_ =
        tandem::DeviceVectors::load(codes, kDimension, tandem::HalfPrecision::kBFloat16, *runtime_);
    std::cerr << runtime_->description() << ", " << (codes.size() * 2 >> 20) << " MiB of vectors\n";
  }

  tandem::bench::Figures measure() {
    tandem::bench::Figures figures;
    for (const std::size_t batch : {1, 64, 1024}) {
      const double rate = questions_per_second(batch);
      figures["batch of " + std::to_string(batch) + ", questions/s"] = rate;
      if (batch == 1 && runtime_->bytes_per_second() > 0)
        figures["batch of 1, share of memory rate"] =
            rate * static_cast<double>(values_.size() * 2) / runtime_->bytes_per_second();
    }
    if (truth_.empty()) find_truth(figures);
    figures["recall of 10"] = recall();
    return figures;
  }

 private:
  std::size_t rows() const { return values_.size() / kDimension; }
  std::span<const float> queries(std::size_t count) const {
    return std::span(queries_).first(count * kDimension);
  }

  double questions_per_second(std::size_t batch) {
    (void)vectors_->nearest(queries(batch), kCandidates);  // sets libraries up for the shape
    std::size_t done = 0;
    const tandem::bench::Stopwatch stopwatch;
    do {
      (void)vectors_->nearest(queries(batch), kCandidates);
      done += batch;
    } while (stopwatch.seconds() < 2);
    return static_cast<double>(done) / stopwatch.seconds();
  }

  void find_truth(tandem::bench::Figures& figures) {
    std::vector<float> scores(kTrueQueries * kNearest);
    truth_.resize(scores.size());
    const tandem::bench::Stopwatch stopwatch;
    faiss::knn_inner_product(queries_.data(), values_.data(), kDimension, kTrueQueries, rows(),
                             kNearest, scores.data(), truth_.data());
    figures["processor, batch of 64, questions/s"] =
        static_cast<double>(kTrueQueries) / stopwatch.seconds();
  }

  double recall() {
    const auto found = vectors_->nearest(queries(kTrueQueries), kCandidates);
    const std::size_t width = found.size() / kTrueQueries;
    std::size_t right = 0;
    for (std::size_t i = 0; i < truth_.size(); ++i) {
      const auto begin = found.begin() + static_cast<std::ptrdiff_t>(i / kNearest * width);
      right += std::count(begin, begin + static_cast<std::ptrdiff_t>(width),
                          static_cast<std::uint32_t>(truth_[i])) > 0
                   ? 1
                   : 0;
    }
    return static_cast<double>(right) / static_cast<double>(truth_.size());
  }

  std::shared_ptr<tandem::DeviceRuntime> runtime_;
  std::vector<float> values_;
  std::vector<float> queries_;
  std::unique_ptr<tandem::DeviceVectors> vectors_;
  std::vector<std::int64_t> truth_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Search search(argc > 1 ? std::stoul(argv[1]) : 1'000'000, argc > 2 ? argv[2] : "cuda");
    tandem::bench::answer_measurements([&] { return search.measure(); });
    return 0;
  } catch (const tandem::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
