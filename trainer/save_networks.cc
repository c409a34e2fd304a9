#include "trainer/save_networks.h"

#include <algorithm>
#include <string>
#include <vector>

#include "model/gguf.h"
#include "model/gguf_copy.h"
#include "model/safetensors_writer.h"
#include "trainer/replace_folder.h"

namespace tandem {
namespace {

constexpr const char* kWeights = "model.safetensors";

// What others read and no vector depends on, such as BERT's pooler.
std::vector<const TensorView*> untrained(const WeightFile& source,
                                         std::span<const TensorShape> trained) {
  std::vector<const TensorView*> others;
  for (const TensorView& tensor : source.tensors()) {
    const bool is_integer = tensor.type == DataType::kI32 || tensor.type == DataType::kI64;
    if (!is_integer && std::ranges::find(trained, tensor.name, &TensorShape::name) == trained.end())
      others.push_back(&tensor);
  }
  return others;
}

}  // namespace

void save_folder(const WeightVisit& visit_all, const std::filesystem::path& from,
                 const std::filesystem::path& to) {
  std::vector<TensorShape> shapes;
  visit_all(
      [&](std::string_view name, std::span<const std::int64_t> shape, std::span<const float>) {
        shapes.push_back({std::string(name), {shape.begin(), shape.end()}});
      });
  const auto source = open_safetensors(from / kWeights);
  const std::vector<const TensorView*> others = untrained(*source, shapes);
  for (const TensorView* tensor : others) shapes.push_back({tensor->name, tensor->shape});
  replace_folder(to, [&](const std::filesystem::path& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(from))
      if (entry.path().filename() != kWeights && !entry.path().filename().string().starts_with('.'))
        std::filesystem::copy(entry.path(), folder / entry.path().filename(),
                              std::filesystem::copy_options::recursive);
    SafetensorsWriter writer(folder / kWeights, shapes);
    visit_all([&](std::string_view name, std::span<const std::int64_t>,
                  std::span<const float> values) { writer.write(name, values); });
    for (const TensorView* tensor : others) writer.write(tensor->name, dequantize(*tensor));
    writer.finish();
  });
}

void save_gguf(const WeightVisit& visit_all, const std::filesystem::path& from,
               const std::filesystem::path& to) {
  const auto source = open_gguf(from);
  GgufCopy writer(to, *source, type_for_trained);
  visit_all([&](std::string_view name, std::span<const std::int64_t>,
                std::span<const float> values) { writer.write(name, values); });
  writer.finish();
}

void save_encoder(const JointNetworks& networks, const std::filesystem::path& from,
                  const std::filesystem::path& to) {
  save_folder([&](const WeightVisitor& visit) { networks.visit_encoder(visit); }, from, to);
}

void save_generator(const JointNetworks& networks, const std::filesystem::path& from,
                    const std::filesystem::path& to) {
  save_gguf([&](const WeightVisitor& visit) { networks.visit_generator(visit); }, from, to);
}

}  // namespace tandem
