// The function by which libtandem_trainer_torch.so is known.
#include "trainer/torch/plugin.h"

#include "model/plugin.h"
#include "model/threads.h"

extern "C" __attribute__((visibility("default"))) const tandem::TrainerPlugin*
tandem_trainer_plugin(int (*compute_threads)()) {
  tandem::follow_compute_threads(compute_threads);
  static const tandem::TrainerPlugin plugin = {
      tandem::plugin_build().data(), &tandem::training::load_networks,
      &tandem::training::load_reranker, &tandem::training::load_preferences,
      &tandem::training::join_workers};
  return &plugin;
}
