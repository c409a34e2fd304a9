#include "model/tokenizers/sentence_piece_model.h"

#include <bit>
#include <string_view>

namespace tandem {
namespace {

// The wire format of protobuf: a field is its key (number and wire type) and its value.
class MessageWriter {
 public:
  MessageWriter& add(std::uint32_t field, std::uint64_t value) {
    append_varint(key(field, 0));
    append_varint(value);
    return *this;
  }
  MessageWriter& add(std::uint32_t field, std::string_view bytes) {
    append_varint(key(field, 2));
    append_varint(bytes.size());
    bytes_ += bytes;
    return *this;
  }
  MessageWriter& add(std::uint32_t field, float value) {
    append_varint(key(field, 5));
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<char>(bits >> shift));
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  static std::uint64_t key(std::uint32_t field, std::uint32_t wire_type) {
    return field << 3 | wire_type;
  }
  // Seven bits a byte, lowest first; the high bit says that more follow.
  void append_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }

  std::string bytes_;
};

constexpr std::uint64_t kBpe = 2;  // TrainerSpec.ModelType

}  // namespace

std::string write_sentence_piece_model(const std::vector<SentencePieceEntry>& entries,
                                       bool add_space_prefix) {
  MessageWriter model;
  for (const SentencePieceEntry& entry : entries) {
    const auto type = static_cast<std::uint64_t>(entry.type);
    model.add(1, MessageWriter().add(1, entry.piece).add(2, entry.score).add(3, type).bytes());
  }
  model.add(2, MessageWriter().add(3, kBpe).add(35, std::uint64_t{true}).bytes());
  model.add(3, MessageWriter()
                   .add(1, std::string_view("identity"))
                   .add(3, std::uint64_t{add_space_prefix})
                   .add(4, std::uint64_t{false})
                   .bytes());
  return model.bytes();
}

}  // namespace tandem
