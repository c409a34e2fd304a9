// Tokenizes texts for live_tokenizers.py, which compares the ids with those of the reference.
//
//   tokenize_lines [--parse] [--time] (--folder DIR | --gguf FILE)
//
// Standard input holds texts, each as its length in bytes (32 bits, little-endian) and its bytes.
// Standard output gets a line for each: the ids, separated by spaces. With --time it gets the bytes
// per second of encode() and of count() instead, and nothing else.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/gguf.h"
#include "model/tokenizers/tokenizer.h"

namespace {

using tandem::ControlTokens;
using tandem::Tokenizer;

std::vector<std::string_view> split_input(std::string_view input) {
  std::vector<std::string_view> texts;
  while (input.size() >= 4) {
    std::uint32_t size = 0;
    std::memcpy(&size, input.data(), 4);
    texts.push_back(input.substr(4, size));
    input.remove_prefix(4 + texts.back().size());
  }
  return texts;
}

void print_ids(const Tokenizer& tokenizer, const std::vector<std::string_view>& texts,
               ControlTokens control) {
  std::string out;
  for (const std::string_view text : texts) {
    const std::vector<tandem::TokenId> ids = tokenizer.encode(text, control);
    if (control == ControlTokens::kAsText && tokenizer.count(text) != ids.size()) {
      out += "count() disagrees with encode()";
    }
    for (const tandem::TokenId id : ids) out += std::to_string(id) + ' ';
    out += '\n';
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
}

template <typename Work>
void print_speed(const char* name, const std::vector<std::string_view>& texts, Work&& work) {
  std::size_t bytes = 0;
  double best_seconds = 1e9;
  for (int repeat = 0; repeat < 3; ++repeat) {
    bytes = 0;
    const auto start = std::chrono::steady_clock::now();
    for (const std::string_view text : texts) {
      work(text);
      bytes += text.size();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best_seconds = std::min(best_seconds, took.count());
  }
  std::printf("%s %.0f\n", name, static_cast<double>(bytes) / best_seconds);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    ControlTokens control = ControlTokens::kAsText;
    bool timed = false;
    std::unique_ptr<Tokenizer> tokenizer;
    for (int i = 1; i < argc; ++i) {
      const std::string_view argument = argv[i];
      if (argument == "--parse") {
        control = ControlTokens::kParse;
      } else if (argument == "--time") {
        timed = true;
      } else if (argument == "--folder" && i + 1 < argc) {
        tokenizer = tandem::open_tokenizer(argv[++i]);
      } else if (argument == "--gguf" && i + 1 < argc) {
        tokenizer = tandem::make_tokenizer(*tandem::open_gguf(argv[++i]));
      }
    }
    if (!tokenizer) {
      std::cerr << "usage: tokenize_lines [--parse] [--time] (--folder DIR | --gguf FILE)\n";
      return 2;
    }
    std::cin >> std::noskipws;
    const std::string input((std::istreambuf_iterator<char>(std::cin)), {});
    const std::vector<std::string_view> texts = split_input(input);
    if (!timed) {
      print_ids(*tokenizer, texts, control);
      return 0;
    }
    std::size_t sum = 0;
    print_speed("encode", texts,
                [&](std::string_view text) { sum += tokenizer->encode(text, control).size(); });
    print_speed("count", texts, [&](std::string_view text) { sum += tokenizer->count(text); });
    std::printf("tokens %zu\n", sum);
    return 0;
  } catch (const tandem::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
