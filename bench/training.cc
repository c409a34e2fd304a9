// A step of joint training, and what share of the machine's arithmetic it reaches: operations per
// second against those of plain bfloat16 products of the same shapes, by at::matmul.
//
// Counted are the products that a step cannot do without, two operations for a multiplication and
// an addition: of each matrix the forward product and those of both gradients, for the output layer
// on the rows that predict an answer's token; and of attention, over the pairs of tokens that see
// each other, two products forward and four backward. What is computed a second time, and all that
// is not a product (norms, activations, softmax, the optimiser), is time without operations.
//
// The plain products are those of the matrices, forward and both gradients, as often as a step has
// them.
#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/measure.h"
#include "bench/process_memory.h"
#include "model/threads.h"
#include "model/torch/torch_threads.h"
#include "trainer/torch/plugin.h"

namespace {

using tandem::TokenId;

constexpr int kQuestions = 8;
constexpr int kPassages = 4;
constexpr double kTera = 1e12;

// The products of `count` layers with a matrix [out, in], of so many rows.
struct Product {
  std::int64_t rows, in, out, count;
  double operations() const {
    return 3.0 * 2 * static_cast<double>(rows) * static_cast<double>(in) *
           static_cast<double>(out) * static_cast<double>(count);
  }
};

// What a step multiplies.
struct Work {
  std::vector<Product> products;
  double attention = 0;  // operations
  std::int64_t tokens = 0;

  double operations() const {
    double sum = attention;
    for (const Product& product : products) sum += product.operations();
    return sum;
  }
};

class Batch {
 public:
  Batch(const tandem::BertConfig& encoder, const tandem::DecoderConfig& generator)
      : encoder_(encoder), generator_(generator) {
    // Lengths as of SQuAD's paragraphs, cut to 160 tokens, between a template and a question.
    std::uint64_t passage_id = 0;
    for (int i = 0; i < kQuestions; ++i) {
      tandem::TrainingQuestion& question = questions_.emplace_back();
      question.query = tokens(8, 20, encoder.vocabulary_size);
      question.answer = tokens(2, 10, generator.vocabulary_size);
      for (int k = 0; k < kPassages; ++k) {
        question.passages.push_back(tokens(90, 220, encoder.vocabulary_size));
        question.passage_ids.push_back(passage_id++);
        question.prompts.push_back(tokens(160, 250, generator.vocabulary_size));
      }
      question.positive_ids = {question.passage_ids.front()};
    }
  }

  const std::vector<tandem::TrainingQuestion>& questions() const { return questions_; }

  Work work() const {
    std::int64_t encoder_rows = 0, rows = 0, answer_rows = 0;
    double encoder_pairs = 0, pairs = 0;
    const auto encode = [&](std::size_t length) {
      encoder_rows += static_cast<std::int64_t>(length);
      encoder_pairs += static_cast<double>(length * length);
    };
    for (const auto& question : questions_) {
      encode(question.query.size());
      for (const auto& passage : question.passages) encode(passage.size());
      for (const auto& prompt : question.prompts) {
        const std::size_t length = prompt.size() + question.answer.size() - 1;
        rows += static_cast<std::int64_t>(length);
        answer_rows += static_cast<std::int64_t>(question.answer.size());
        pairs += static_cast<double>(length * (length + 1)) / 2;
      }
    }
    Work work;
    work.tokens = rows;
    const std::int64_t width = encoder_.hidden_size;
    work.products = {{encoder_rows, width, width, std::int64_t{4} * encoder_.layer_count},
                     {encoder_rows, width, encoder_.intermediate_size, encoder_.layer_count},
                     {encoder_rows, encoder_.intermediate_size, width, encoder_.layer_count}};
    const std::int64_t hidden = generator_.hidden_size, inner = generator_.intermediate_size;
    const std::int64_t query = std::int64_t{generator_.head_count} * generator_.head_size;
    const std::int64_t key = std::int64_t{generator_.kv_head_count} * generator_.head_size;
    const std::int64_t layers = generator_.layer_count;
    work.products.insert(work.products.end(),
                         {{rows, hidden, query, layers},
                          {rows, hidden, key, 2 * layers},
                          {rows, query, hidden, layers},
                          {rows, hidden, inner, 2 * layers},
                          {rows, inner, hidden, layers},
                          {answer_rows, hidden, generator_.vocabulary_size, 1}});
    work.attention = 6 * 2 *
                     (encoder_pairs * static_cast<double>(width * encoder_.layer_count) +
                      pairs * static_cast<double>(query * layers));
    return work;
  }

 private:
  std::vector<TokenId> tokens(int shortest, int longest, int vocabulary) {
    std::vector<TokenId> tokens(
        static_cast<std::size_t>(std::uniform_int_distribution(shortest, longest)(random_)));
    for (TokenId& token : tokens) token = std::uniform_int_distribution(0, vocabulary - 1)(random_);
    return tokens;
  }

  tandem::BertConfig encoder_;
  tandem::DecoderConfig generator_;
  std::mt19937 random_{1};
  std::vector<tandem::TrainingQuestion> questions_;
};

double seconds_of(const Product& product) {
  const at::Tensor x = at::randn({product.rows, product.in}).to(at::kBFloat16);
  const at::Tensor weight = at::randn({product.out, product.in}).to(at::kBFloat16);
  const at::Tensor gradient = at::randn({product.rows, product.out}).to(at::kBFloat16);
  const auto run = [&] {
    at::matmul(x, weight.t());
    at::matmul(gradient, weight);
    at::matmul(gradient.t(), x);
  };
  run();  // oneDNN compiles kernels for the shape
  constexpr int kRounds = 3;
  const tandem::bench::Stopwatch stopwatch;
  for (int i = 0; i < kRounds; ++i) run();
  return stopwatch.seconds() / kRounds * static_cast<double>(product.count);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 5 ? argv[4] : "";
  if (what != "train" && what != "products") {
    std::cerr << "usage: bench_training ENCODER GENERATOR.gguf THREADS train|products\n";
    return 2;
  }
  tandem::set_compute_threads(std::stoi(argv[3]));
  tandem::apply_torch_threads();
  try {
    const auto encoder = tandem::BertCheckpoint::open(argv[1]);
    const auto generator = tandem::DecoderWeights::open(argv[2]);
    const Batch batch(encoder.config, generator.config());
    const Work work = batch.work();
    if (what == "products") {
      tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
        double seconds = 0, operations = 0;
        for (const Product& product : work.products) {
          seconds += seconds_of(product);
          operations += product.operations();
        }
        return {{"operations, TFLOP/s", operations / seconds / kTera}};
      });
      return 0;
    }
    const auto networks =
        tandem::training::load_networks(encoder, tandem::Pooling::kMean, &generator,
                                        tandem::JointOptions{}, tandem::WorkerGroup::alone());
    tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
      const tandem::bench::Stopwatch stopwatch;
      const std::clock_t before = std::clock();
      networks->step(batch.questions(), {1e-5, 1e-5});
      const double seconds = stopwatch.seconds();
      std::cerr << static_cast<double>(work.tokens) / seconds << " tokens/s, " << seconds
                << " s a step, of all processors "
                << static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC << " s, "
                << tandem::bench::mebibytes("VmHWM") << " MiB at most\n";
      return {{"operations, TFLOP/s", work.operations() / seconds / kTera}};
    });
  } catch (const tandem::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
