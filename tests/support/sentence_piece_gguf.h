// SentencePiece vocabularies as GGUF metadata, and out of `.model` files.
#ifndef TANDEM_TESTS_SUPPORT_SENTENCE_PIECE_GGUF_H_
#define TANDEM_TESTS_SUPPORT_SENTENCE_PIECE_GGUF_H_

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/gguf_builder.h"

namespace tandem::testing {

struct Piece {
  std::string text;
  float score = 0;
  std::int32_t type = 1;  // as in tokenizer.ggml.token_type
};

inline std::uint64_t read_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

// The pieces of a valid `.model` file: field 1 of the message and, in each, fields 1, 2 and 3.
inline std::vector<Piece> read_sentence_piece_model(std::string_view bytes) {
  std::vector<Piece> pieces;
  const auto take = [](std::string_view& from, std::size_t size) {
    const std::string_view taken = from.substr(0, size);
    from.remove_prefix(taken.size());
    return taken;
  };
  while (!bytes.empty()) {
    const std::uint64_t key = read_varint(bytes);
    std::string_view message = take(bytes, read_varint(bytes));  // all fields are messages
    if (key >> 3 != 1) continue;
    Piece& piece = pieces.emplace_back();
    while (!message.empty()) {
      switch (read_varint(message) >> 3) {
        case 1:
          piece.text = take(message, read_varint(message));
          break;
        case 2:
          std::memcpy(&piece.score, take(message, 4).data(), 4);
          break;
        default:
          piece.type = static_cast<std::int32_t>(read_varint(message));
      }
    }
  }
  return pieces;
}

// <unk>, <s>, </s>, the bytes, a few pieces that merge, a user-defined and a control token.
inline std::vector<Piece> sample_pieces() {
  std::vector<Piece> pieces = {{"<unk>", 0, 2}, {"<s>", 0, 3}, {"</s>", 0, 3}};
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    pieces.push_back({text, 0, 6});
  }
  float score = 0;
  for (const char* text : {"ab",
                           "\xE2\x96\x81"
                           "ab",
                           "abc", "a", "b", "c", "\xE2\x96\x81"}) {
    pieces.push_back({text, --score, 1});
  }
  pieces.push_back({"  ", -1000, 4});
  pieces.push_back({"<turn>", -1000, 3});
  return pieces;
}

// With what every converter writes; a test may add more keys.
inline GgufBuilder sentence_piece_gguf(const std::vector<Piece>& pieces, std::int64_t begin = 1,
                                       std::int64_t end = 2) {
  std::string tokens;
  std::string scores;
  std::string types;
  for (const Piece& piece : pieces) {
    tokens += gguf_string(piece.text);
    scores += bytes_of(piece.score);
    types += bytes_of(piece.type);
  }
  GgufBuilder builder;
  builder.add("tokenizer.ggml.model", kGgufString, gguf_string("llama"))
      .add_array("tokenizer.ggml.tokens", kGgufString, pieces.size(), tokens)
      .add_array("tokenizer.ggml.scores", kGgufF32, pieces.size(), scores)
      .add_array("tokenizer.ggml.token_type", kGgufI32, pieces.size(), types)
      .add("tokenizer.ggml.bos_token_id", kGgufI64, bytes_of(begin))
      .add("tokenizer.ggml.eos_token_id", kGgufI64, bytes_of(end));
  return builder;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_SENTENCE_PIECE_GGUF_H_
