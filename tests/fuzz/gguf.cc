// GGUF: the whole header, the values of small tensors, and the tokenizer in its metadata.
#include "model/gguf.h"

#include <vector>

#include "base/error.h"
#include "model/tokenizers/tokenizer.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/tensor_use.h"
#include "tests/fuzz/tokenizer_use.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/mutants.h"
#include "tests/support/sentence_piece_gguf.h"

namespace tandem::fuzz {
namespace {

using testing::bytes_of;
using testing::gguf_string;
using testing::GgufBuilder;

std::string values() {
  return GgufBuilder()
      .add("general.architecture", testing::kGgufString, gguf_string("llama"))
      .add("llama.block_count", testing::kGgufU32, bytes_of<std::uint32_t>(30))
      .add("llama.rope.freq_base", testing::kGgufF32, bytes_of(100000.0f))
      .add("small", testing::kGgufI16, bytes_of<std::int16_t>(-7))
      .add("large", testing::kGgufU64, bytes_of<std::uint64_t>(UINT64_MAX))
      .add("yes", testing::kGgufBool, "\x01")
      .add("general.alignment", testing::kGgufU32, bytes_of<std::uint32_t>(32))
      .add_array("nested", testing::kGgufArray, 1,
                 bytes_of<std::uint32_t>(testing::kGgufU8) + bytes_of<std::uint64_t>(2) + "ab")
      .build();
}

std::string tensors() {
  GgufBuilder builder;
  struct Type {
    std::uint32_t number;
    std::uint64_t elements;
    std::size_t size_bytes;
  };
  // F32, F16, BF16, I32, Q4_0, Q4_1, Q8_0, Q4_K, Q6_K: a block of each.
  for (const Type& type :
       {Type{0, 2, 8}, Type{1, 2, 4}, Type{30, 2, 4}, Type{26, 1, 4}, Type{2, 32, 18},
        Type{3, 32, 20}, Type{8, 32, 34}, Type{12, 256, 144}, Type{14, 256, 210}}) {
    builder.add_tensor("tensor" + std::to_string(type.number), type.number, {type.elements, 1},
                       std::string(type.size_bytes, '\x3c'));
  }
  return builder.build();
}

std::string byte_level_bpe() {
  std::string tokens;
  std::string types;
  for (const char* token : {"a", "b", "ab", "<|im_end|>", "<tool>", "\xC4\xA0"}) {
    tokens += gguf_string(token);
    types += bytes_of<std::int32_t>(token[0] != '<' ? 1 : token[1] == '|' ? 3 : 4);
  }
  return GgufBuilder()
      .add("tokenizer.ggml.model", testing::kGgufString, gguf_string("gpt2"))
      .add("tokenizer.ggml.pre", testing::kGgufString, gguf_string("smollm"))
      .add_array("tokenizer.ggml.tokens", testing::kGgufString, 6, tokens)
      .add_array("tokenizer.ggml.token_type", testing::kGgufI32, 6, types)
      .add_array("tokenizer.ggml.merges", testing::kGgufString, 1, gguf_string("a b"))
      .add("tokenizer.ggml.eos_token_id", testing::kGgufU32, bytes_of<std::uint32_t>(3))
      .build();
}

}  // namespace

std::vector<std::string> seeds() {
  return {values(), tensors(), byte_level_bpe(),
          testing::sentence_piece_gguf(testing::sample_pieces()).build()};
}

std::vector<std::string> words() {
  return {"GGUF",
          "general.alignment",
          "tokenizer.ggml.model",
          "tokenizer.ggml.pre",
          "tokenizer.ggml.tokens",
          "tokenizer.ggml.scores",
          "tokenizer.ggml.merges",
          "tokenizer.ggml.token_type",
          "tokenizer.ggml.bos_token_id",
          "tokenizer.ggml.eos_token_id",
          "tokenizer.ggml.unknown_token_id",
          "tokenizer.ggml.add_bos_token",
          "tokenizer.ggml.add_space_prefix",
          "gpt2",
          "llama",
          "llama-bpe",
          "qwen2",
          "default"};
}

void run(std::string_view input) {
  static testing::MemoryFile memory;
  memory.write(std::string(input));
  const auto file = open_gguf(memory.path());
  use_tensors(*file);
  for (const std::string& key : words()) {
    // Each getter throws kCorrupt for a value of another type.
    const auto ask = [&](auto&& get) {
      try {
        get();
      } catch (const Error&) {
      }
    };
    ask([&] { file->integer(key); });
    ask([&] { file->number(key); });
    ask([&] { file->boolean(key); });
    ask([&] { file->text(key); });
    ask([&] { file->texts(key); });
    ask([&] { file->integers(key); });
    ask([&] { file->floats(key); });
  }
  use_tokenizer(*make_tokenizer(*file));
}

}  // namespace tandem::fuzz
