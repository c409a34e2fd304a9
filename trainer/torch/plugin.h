// What this folder offers through the plug-in (trainer/joint_networks.h).
#ifndef TANDEM_TRAINER_TORCH_PLUGIN_H_
#define TANDEM_TRAINER_TORCH_PLUGIN_H_

#include <memory>

#include "trainer/joint_networks.h"

namespace tandem::training {

// As JointNetworks::load().
std::unique_ptr<JointNetworks> load_networks(const BertCheckpoint& encoder, Pooling pooling,
                                             const DecoderWeights* generator,
                                             const JointOptions& options);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_PLUGIN_H_
