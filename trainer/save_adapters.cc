#include "trainer/save_adapters.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "model/gguf.h"
#include "model/gguf_copy.h"
#include "model/lora.h"
#include "trainer/save_networks.h"

namespace tandem {
AdapterPair::AdapterPair(const std::filesystem::path& folder)
    : encoder(folder / "encoder"), generator(folder / "generator.gguf") {
  if (!exists(encoder) && !exists(generator))
    throw Error(ErrorCode::kNotFound,
                fmt::format("{} holds neither encoder nor generator.gguf", folder.string()),
                "give the adapter folder of a run with --lora");
}

void save_adapters(const JointNetworks& networks, const JointOptions& options,
                   const std::filesystem::path& generator, const std::filesystem::path& folder) {
  const LowRankChanges of_encoder = networks.encoder_changes();
  if (!of_encoder.empty())
    write_lora_folder(folder / "encoder", options.encoder.lora_alpha, of_encoder);
  save_generator_adapter(networks.generator_changes(), options.generator.lora_alpha, generator,
                         folder);
}

void save_generator_adapter(const LowRankChanges& changes, double alpha,
                            const std::filesystem::path& base,
                            const std::filesystem::path& folder) {
  if (changes.empty()) return;
  std::filesystem::create_directories(folder);
  const auto model = open_gguf(base);
  write_lora_gguf(folder / "generator.gguf", model->text("general.architecture").value_or("llama"),
                  alpha, changes);
}

void merge_encoder(const std::filesystem::path& from, const std::filesystem::path& adapter,
                   const std::filesystem::path& to) {
  const LoraAdapter changes = LoraAdapter::open(adapter);
  const auto source = open_safetensors(from / "model.safetensors");
  changes.check(*source);
  save_folder(
      [&](const WeightVisitor& visit) {
        for (const auto& [name, change] : changes.changes()) {
          const TensorView& tensor = *source->find(name);
          visit(name, tensor.shape, changes.changed(tensor));
        }
      },
      from, to);
}

void merge_generator(const std::filesystem::path& from, const std::filesystem::path& adapter,
                     const std::filesystem::path& to) {
  const LoraAdapter changes = LoraAdapter::open(adapter);
  const auto source = open_gguf(from);
  changes.check(*source);
  GgufCopy copy(to, *source, [&](const TensorView& tensor) {
    return changes.changes().contains(tensor.name) ? type_for_trained(tensor) : tensor.type;
  });
  for (const auto& [name, change] : changes.changes())
    copy.write(name, changes.changed(*source->find(name)));
  copy.finish();
}

}  // namespace tandem
