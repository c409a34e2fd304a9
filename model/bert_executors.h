// What BertModel::load chooses between, and what both read. For the sources of this room.
#ifndef TANDEM_MODEL_BERT_EXECUTORS_H_
#define TANDEM_MODEL_BERT_EXECUTORS_H_

#include <memory>

#include "model/bert.h"
#include "model/bert_checkpoint.h"

namespace tandem {

// Both copy what they need of the checkpoint and throw as BertModel::load does.
std::unique_ptr<BertModel> make_torch_bert(const BertCheckpoint& checkpoint);
std::unique_ptr<BertModel> make_tile_bert(const BertCheckpoint& checkpoint);

// Whether processor and sizes allow make_tile_bert().
bool tiles_take_bert(const BertConfig& config);

}  // namespace tandem

#endif  // TANDEM_MODEL_BERT_EXECUTORS_H_
