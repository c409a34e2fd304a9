// Networks that were trained, as the files that Tandem and others open.
#ifndef TANDEM_TRAINER_SAVE_NETWORKS_H_
#define TANDEM_TRAINER_SAVE_NETWORKS_H_

#include <filesystem>
#include <functional>

#include "trainer/joint_networks.h"

namespace tandem {

// Visits weights, as JointNetworks::visit_encoder() does.
using WeightVisit = std::function<void(const WeightVisitor&)>;

// A copy of the folder `from`, in the Hugging Face layout, with the weights that `visit_all`
// visits, in float, in place of those of the same names. `to` is replaced once all is written.
// Throws as save_encoder().
void save_folder(const WeightVisit& visit_all, const std::filesystem::path& from,
                 const std::filesystem::path& to);

// A copy of the GGUF `from` with the weights that `visit_all` visits in place of those of the same
// names: matrices in Q8_0, whatever they were in, since what was learned is finer than blocks of 4
// bits can say. Throws as save_generator().
void save_gguf(const WeightVisit& visit_all, const std::filesystem::path& from,
               const std::filesystem::path& to);

// A copy of the sentence-transformers folder `from` with the weights of `networks`, in float. `to`
// is replaced once all is written. Throws kInvalidArgument for weights that are not finite and
// kResourceExhausted for a full disk.
void save_encoder(const JointNetworks& networks, const std::filesystem::path& from,
                  const std::filesystem::path& to);

// A copy of the GGUF `from` with the weights of `networks`, as save_gguf(). Throws likewise.
void save_generator(const JointNetworks& networks, const std::filesystem::path& from,
                    const std::filesystem::path& to);

}  // namespace tandem

#endif  // TANDEM_TRAINER_SAVE_NETWORKS_H_
