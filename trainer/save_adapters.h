// What was learned by LoRA, as a folder beside the models, and added to them again:
//   encoder/         for a transformers folder
//   generator.gguf   for a GGUF; both as model/lora.h says
#ifndef TANDEM_TRAINER_SAVE_ADAPTERS_H_
#define TANDEM_TRAINER_SAVE_ADAPTERS_H_

#include <filesystem>

#include "trainer/joint_networks.h"

namespace tandem {

struct AdapterPair {
  // Throws kNotFound if `folder` has neither.
  explicit AdapterPair(const std::filesystem::path& folder);

  std::filesystem::path encoder;    // a folder
  std::filesystem::path generator;  // a file
};

// Writes what `networks` have learned by LoRA, that of the generator on the GGUF `generator`, which
// may be empty without one. What has learned nothing so is left out, and `folder` is not made if
// neither has. Throws as OutputFile does.
void save_adapters(const JointNetworks& networks, const JointOptions& options,
                   const std::filesystem::path& generator, const std::filesystem::path& folder);

// The half of it for a generator, on the GGUF `base`; nothing where `changes` is empty.
void save_generator_adapter(const LowRankChanges& changes, double alpha,
                            const std::filesystem::path& base, const std::filesystem::path& folder);

// The model `from` with the changes of `adapter`, written as save_encoder() and save_generator()
// write; what is not changed keeps the type it has. Throws as LoraAdapter does, kInvalidArgument if
// the adapter is another model's.
void merge_encoder(const std::filesystem::path& from, const std::filesystem::path& adapter,
                   const std::filesystem::path& to);
void merge_generator(const std::filesystem::path& from, const std::filesystem::path& adapter,
                     const std::filesystem::path& to);

}  // namespace tandem

#endif  // TANDEM_TRAINER_SAVE_ADAPTERS_H_
