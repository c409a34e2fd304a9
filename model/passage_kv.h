// Keys and values of a passage that was read by itself, for use in any prompt, at any place.
//
// A generator that was fine-tuned for it can read each retrieved passage without seeing the others:
// the tokens of a passage attend to that passage alone, whatever follows attends to all of it (Ma
// et al. 2024, "Block-Attention for Efficient RAG", arXiv:2409.15355; Lu et al. 2024, "TurboRAG",
// arXiv:2410.07590). What a passage amounts to then depends on nothing but itself: it is computed
// once, at positions from 0 on, kept (generator/passage_cache.h), and turned on to the place where
// it stands in a prompt.
//
// A record, as it is kept in memory and on disk:
//
//   version       u8, now 1
//   reserved      3 bytes, zero
//   tokens        u32, at least 1
//   layers, kv_heads, head_size   u32 each
//   blocks        [tokens / 32, rounded up][layers][kv_heads] of model/kernels/packed_block.h
//   checksum      the SHA-256 of all before, 64 hexadecimal digits
//
// Numbers are little-endian. Everything that reads a prompt's passages goes through this form, so
// that a text is the same whether its passages were found or have just been computed.
#ifndef TANDEM_MODEL_PASSAGE_KV_H_
#define TANDEM_MODEL_PASSAGE_KV_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "model/decoder_config.h"
#include "model/kernels/thread_team.h"
#include "model/kv_cache.h"

namespace tandem {

// Positions [begin, end) of a sequence.
struct PositionRange {
  int begin = 0;
  int end = 0;
};

// Immutable; safe from any thread.
class PassageKv {
 public:
  // All positions of a sequence that was computed from position 0 on, at least one. The team
  // computes.
  static std::shared_ptr<const PassageKv> pack(const DecoderConfig& config,
                                               const KvSequence& sequence, ThreadTeam& team);
  // A record that record() gave once. Null if it is damaged or of another version or shape.
  static std::shared_ptr<const PassageKv> read(const DecoderConfig& config, std::string record);

  int tokens() const { return tokens_; }
  std::string_view record() const { return record_; }

  // Appends the passage to a sequence, which has room for it reserved. The team computes.
  void append_to(const DecoderConfig& config, KvSequence& sequence, ThreadTeam& team) const;

 private:
  PassageKv(int tokens, std::string record) : tokens_(tokens), record_(std::move(record)) {}

  int tokens_;
  std::string record_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_PASSAGE_KV_H_
