// What libtandem_trainer_torch.so gives the program that opens it: networks with gradients. For the
// sources of this room.
#ifndef TANDEM_TRAINER_TRAINER_PLUGIN_H_
#define TANDEM_TRAINER_TRAINER_PLUGIN_H_

#include <memory>

#include "trainer/joint_networks.h"
#include "trainer/preference_network.h"
#include "trainer/reranker_network.h"
#include "trainer/worker_group.h"

namespace tandem {

// See model/plugin.h.
struct TrainerPlugin {
  const char* build;  // first, so that it can always be read
  std::unique_ptr<JointNetworks> (*load)(const BertCheckpoint& encoder, Pooling pooling,
                                         const DecoderWeights* generator,
                                         const JointOptions& options, WorkerGroup& workers);
  std::unique_ptr<RerankerNetwork> (*load_reranker)(const BertCheckpoint& checkpoint,
                                                    const RerankerOptions& options);
  std::unique_ptr<PreferenceNetwork> (*load_preferences)(const DecoderWeights& generator,
                                                         const PreferenceOptions& options);
  std::unique_ptr<WorkerGroup> (*join_workers)(const WorkerPlace& place);
};
inline constexpr const char* kTrainerPluginFunction = "tandem_trainer_plugin";
using TrainerPluginFunction = const TrainerPlugin* (*)(int (*compute_threads)());

// Opens the plug-in at the first call. Safe from any thread; throws as torch_plugin() does.
const TrainerPlugin& trainer_plugin();

}  // namespace tandem

#endif  // TANDEM_TRAINER_TRAINER_PLUGIN_H_
