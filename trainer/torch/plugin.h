// What this folder offers through the plug-in (trainer/trainer_plugin.h).
#ifndef TANDEM_TRAINER_TORCH_PLUGIN_H_
#define TANDEM_TRAINER_TORCH_PLUGIN_H_

#include <memory>

#include "trainer/trainer_plugin.h"

namespace tandem::training {

// As JointNetworks::load().
std::unique_ptr<JointNetworks> load_networks(const BertCheckpoint& encoder, Pooling pooling,
                                             const DecoderWeights* generator,
                                             const JointOptions& options, WorkerGroup& workers);

// As RerankerNetwork::load().
std::unique_ptr<RerankerNetwork> load_reranker(const BertCheckpoint& checkpoint,
                                               const RerankerOptions& options);

// As PreferenceNetwork::load().
std::unique_ptr<PreferenceNetwork> load_preferences(const DecoderWeights& generator,
                                                    const PreferenceOptions& options);

// As WorkerGroup::join().
std::unique_ptr<WorkerGroup> join_workers(const WorkerPlace& place);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_PLUGIN_H_
