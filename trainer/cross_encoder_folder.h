// Where the training of a reranker begins: cross-encoders as folders that Tandem and others open.
#ifndef TANDEM_TRAINER_CROSS_ENCODER_FOLDER_H_
#define TANDEM_TRAINER_CROSS_ENCODER_FOLDER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace tandem {

// Makes `to` of the encoder in `from` (model/bert.h): its weights in float under the names of a
// model for sequence classification, a head with normally distributed weights of deviation 0.02
// that follow from `seed` (BERT's pooler is taken as it is, if the file has one), its tokenizer,
// and `max_tokens` as the longest sequence. `to` is replaced once all is written. Throws as
// BertCheckpoint::open() and SafetensorsWriter do.
void make_cross_encoder(const std::filesystem::path& from, const std::filesystem::path& to,
                        std::size_t max_tokens, std::uint64_t seed);

// A copy of the cross-encoder in `from`, with `max_tokens` as its longest sequence. Likewise.
void copy_cross_encoder(const std::filesystem::path& from, const std::filesystem::path& to,
                        std::size_t max_tokens);

}  // namespace tandem

#endif  // TANDEM_TRAINER_CROSS_ENCODER_FOLDER_H_
