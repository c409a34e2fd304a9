#include "trainer/trainer_plugin.h"

#include "model/plugin.h"
#include "model/threads.h"
#include "model/torch_plugin.h"

namespace tandem {
namespace {

constexpr const char* kFileName = "libtandem_trainer_torch.so";

const TrainerPlugin& open_trainer_plugin() {
  torch_plugin();  // whose LibTorch this one then gets
  const auto path = find_plugin(kFileName);
  const std::string advice =
      "build the target tandem_trainer_torch, or put the file back beside libtandem_torch.so";
  const auto function = reinterpret_cast<TrainerPluginFunction>(
      open_plugin(path, kTrainerPluginFunction, {advice, advice}));
  const TrainerPlugin& plugin = *function(&compute_threads);
  require_plugin_build(path, plugin.build);
  return plugin;
}

}  // namespace

const TrainerPlugin& trainer_plugin() {
  static const TrainerPlugin& plugin = open_trainer_plugin();
  return plugin;
}

std::unique_ptr<JointNetworks> JointNetworks::load(const BertCheckpoint& encoder, Pooling pooling,
                                                   const DecoderWeights* generator,
                                                   const JointOptions& options,
                                                   WorkerGroup& workers) {
  return trainer_plugin().load(encoder, pooling, generator, options, workers);
}

std::unique_ptr<RerankerNetwork> RerankerNetwork::load(const BertCheckpoint& checkpoint,
                                                       const RerankerOptions& options) {
  return trainer_plugin().load_reranker(checkpoint, options);
}

std::unique_ptr<PreferenceNetwork> PreferenceNetwork::load(const DecoderWeights& generator,
                                                           const PreferenceOptions& options) {
  return trainer_plugin().load_preferences(generator, options);
}

}  // namespace tandem
