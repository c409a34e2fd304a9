// tandem merge: adds what was learned by LoRA to the models that it was learned on.
#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "cli/commands.h"
#include "trainer/save_adapters.h"

namespace tandem {
namespace {

struct MergeArguments {
  std::filesystem::path adapter;
  std::filesystem::path encoder;
  std::filesystem::path generator;
  std::filesystem::path to;
};

void run(const MergeArguments& arguments) {
  const AdapterPair pair(arguments.adapter);
  // Both are looked at before anything is written.
  const auto needs = [&](bool has, const std::filesystem::path& given, std::string_view option) {
    if (has && given.empty())
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("{} changes a model that was not given", arguments.adapter.string()),
                  fmt::format("say by {} which it was trained on", option));
  };
  needs(exists(pair.encoder), arguments.encoder, "--encoder");
  needs(exists(pair.generator), arguments.generator, "--generator");
  std::filesystem::create_directories(arguments.to);
  if (exists(pair.encoder)) {
    merge_encoder(arguments.encoder, pair.encoder, arguments.to / "encoder");
    fmt::print("wrote {}\n", (arguments.to / "encoder").string());
  }
  if (exists(pair.generator)) {
    merge_generator(arguments.generator, pair.generator, arguments.to / "generator.gguf");
    fmt::print("wrote {}\n", (arguments.to / "generator.gguf").string());
  }
}

}  // namespace

void add_merge_command(CLI::App& app) {
  auto arguments = std::make_shared<MergeArguments>();
  CLI::App* command = app.add_subcommand(
      "merge",
      "Add an adapter, what tandem train --lora has learned, to the models that it was trained on. "
      "The folder then holds encoder/ and generator.gguf, which every other command takes.");
  command->add_option("--adapter", arguments->adapter, "Folder of the adapter")->required();
  command->add_option("--encoder", arguments->encoder, "Folder of the encoder it was trained on");
  command->add_option("--generator", arguments->generator, "GGUF that it was trained on");
  command->add_option("--to", arguments->to, "Folder to write to")->required();
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tandem
