#include "model/device_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/kernels/attention.h"
#include "model/step_shape.h"
#include "model/torch/aten.h"
#include "model/torch/device_kv_pool.h"
#include "model/torch/device_network.h"
#include "model/torch/device_window.h"
#include "model/torch/executors.h"
#include "model/torch/passage_transfer.h"
#include "model/torch/torch_threads.h"

namespace tandem {
namespace {

using device::DeviceNetwork;
using device::KvTensors;
using device::SegmentPiece;
using device::SegmentSize;
using device::StepPass;
using device::StepShape;

static_assert(device::kBlockPositions == kernels::kBlockPositions);

// Each holds memory of the device, and is made in a fraction of a second.
constexpr std::size_t kMostRecorded = 64;
// With more rows, starting kernels takes less time than they do.
constexpr int kMostRecordedRows = 512;

int smallest_window(const DecoderConfig& config) {
  int window = 0;
  for (const AttentionKind& kind : config.attention_kinds)
    if (kind.window > 0 && (window == 0 || kind.window < window)) window = kind.window;
  return window;
}

// The memory that a pass of one shape reads its inputs from and leaves its logits in.
struct PassMemory {
  PassMemory(const DecoderConfig& config, const StepShape& shape, at::Device place);

  at::Tensor host;            // [numbers], 64 bits
  at::Tensor on_device;       // the same
  device::PassInputs inputs;  // parts of `on_device`
  at::Tensor logits;
  std::unique_ptr<RecordedWork> recorded;
  std::uint64_t uses = 0;
  std::uint64_t last_use = 0;
};

PassMemory::PassMemory(const DecoderConfig& config, const StepShape& shape, at::Device place) {
  std::vector<std::int64_t> tables;
  std::int64_t size = std::int64_t{3} * shape.rows() + shape.logits;
  if (!shape.fresh) {
    for (const AttentionKind& kind : config.attention_kinds) {
      tables.push_back(std::int64_t{shape.sequences} * device::blocks_within(shape, kind.window));
      size += tables.back() + shape.sequences;
    }
  }
  host = at::empty({size}, at::kLong);
  on_device = at::empty({size}, at::TensorOptions().dtype(at::kLong).device(place));
  std::int64_t next = 0;
  const auto part = [&](std::int64_t count) {
    next += count;
    return on_device.narrow(0, next - count, count);
  };
  inputs.tokens = part(shape.rows());
  inputs.positions = part(shape.rows());
  inputs.slots = part(shape.rows());
  inputs.logit_rows = part(shape.logits);
  for (const std::int64_t table : tables) {
    const at::Tensor blocks = part(table);
    inputs.kinds.push_back({blocks, part(shape.sequences)});
  }
}

// Writes what PassMemory's constructor laid out.
class InputWriter {
 public:
  InputWriter(const DecoderConfig& config, const StepPass& pass,
              std::span<const DecoderSegment> segments, std::int64_t padding_block,
              at::Tensor& host)
      : config_(config), pass_(pass), segments_(segments), padding_block_(padding_block) {
    next_ = host.mutable_data_ptr<std::int64_t>();
    TANDEM_CHECK(pass.pieces.size() <= static_cast<std::size_t>(pass.shape.sequences));
  }

  void write() {
    write_rows(
        [&](const SegmentPiece& piece, int row) {
          return std::int64_t{
              segments_[piece.segment].tokens[static_cast<std::size_t>(piece.first + row)]};
        },
        [](const SegmentPiece*) { return std::int64_t{0}; });
    write_rows([&](const SegmentPiece& piece, int row) { return std::int64_t{past(piece)} + row; },
               [&](const SegmentPiece* piece) {
                 return std::int64_t{piece == nullptr ? 0 : past(*piece)};
               });
    write_rows([&](const SegmentPiece& piece, int row) { return slot(piece, row); },
               [&](const SegmentPiece*) { return padding_block_ * device::kBlockPositions; });
    write_logit_rows();
    if (pass_.shape.fresh) return;
    for (const AttentionKind& kind : config_.attention_kinds) write_kind(kind.window);
  }

 private:
  int past(const SegmentPiece& piece) const {
    return segments_[piece.segment].sequence->length() + piece.first;
  }
  std::int64_t slot(const SegmentPiece& piece, int row) const {
    const int position = past(piece) + row;
    const auto blocks = segments_[piece.segment].sequence->blocks();
    return std::int64_t{blocks[static_cast<std::size_t>(position / device::kBlockPositions)]} *
               device::kBlockPositions +
           position % device::kBlockPositions;
  }

  // `padding` is given the sequence whose row it is, or null.
  template <typename Value, typename Padding>
  void write_rows(Value value, Padding padding) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(pass_.shape.sequences); ++i) {
      const SegmentPiece* const piece = i < pass_.pieces.size() ? &pass_.pieces[i] : nullptr;
      for (int row = 0; row < pass_.shape.tokens; ++row)
        *next_++ = piece != nullptr && row < piece->tokens ? value(*piece, row) : padding(piece);
    }
  }

  void write_logit_rows() {
    int written = 0;
    for (std::size_t i = 0; i < pass_.pieces.size(); ++i) {
      const SegmentPiece& piece = pass_.pieces[i];
      for (int row = piece.tokens - piece.logit_count; row < piece.tokens; ++row, ++written)
        *next_++ = static_cast<std::int64_t>(i) * pass_.shape.tokens + row;
    }
    for (; written < pass_.shape.logits; ++written) *next_++ = 0;
  }

  void write_kind(int window) {
    const auto count = static_cast<std::size_t>(device::blocks_within(pass_.shape, window));
    std::vector<std::int64_t> first(static_cast<std::size_t>(pass_.shape.sequences), 0);
    for (std::size_t i = 0; i < first.size(); ++i) {
      std::span<const KvBlock> blocks;
      if (i < pass_.pieces.size()) {
        const SegmentPiece& piece = pass_.pieces[i];
        const int block = device::first_block_within(past(piece), window);
        blocks =
            segments_[piece.segment].sequence->blocks().subspan(static_cast<std::size_t>(block));
        first[i] = std::int64_t{block} * device::kBlockPositions;
      }
      for (std::size_t k = 0; k < count; ++k)
        *next_++ = k < blocks.size() ? std::int64_t{blocks[k]} : padding_block_;
    }
    next_ = std::copy(first.begin(), first.end(), next_);
  }

  const DecoderConfig& config_;
  const StepPass& pass_;
  std::span<const DecoderSegment> segments_;
  std::int64_t padding_block_;
  std::int64_t* next_;
};

class Decoder final : public DeviceDecoder {
 public:
  Decoder(const WeightFile& weights, const DecoderConfig& config,
          std::shared_ptr<DeviceRuntime> runtime, const DeviceDecoderOptions& options)
      : runtime_(std::move(runtime)),
        arithmetic_(fmt::format("device, {} weights, {}",
                                options.weights == DeviceWeightFormat::kBytes ? "8-bit" : "full",
                                options.single_precision ? "single" : "half")),
        cache_type_(options.single_precision ? at::kFloat : at::kHalf),
        network_(weights, config, options.weights,
                 options.single_precision ? at::kFloat : at::kBFloat16,
                 at::Device(runtime_->device())) {}

  const DecoderConfig& config() const override { return network_.config(); }
  std::size_t size_bytes() const override { return network_.size_bytes(); }
  std::string_view arithmetic() const override { return arithmetic_; }
  std::size_t prompt_tokens_per_step() const override { return device::kMostRows; }
  std::size_t recorded_shapes() const override {
    return static_cast<std::size_t>(std::ranges::count_if(
        memories_, [](const auto& entry) { return entry.second->recorded != nullptr; }));
  }

  std::unique_ptr<KvPool> make_pool(std::size_t limit_bytes, KvType type) override;
  void forward(std::span<const DecoderSegment> segments, std::span<float> logits) override;
  std::shared_ptr<const PassageKv> pack(const KvSequence& sequence) override {
    return device::pack_passage(config(), sequence, *tensors_);
  }
  void append(const PassageKv& passage, KvSequence& sequence) override {
    device::append_passage(config(), passage, sequence, *tensors_);
  }
  bool forget(KvSequence& sequence, int first_block, int count) override {
    return device::forget_blocks(config(), sequence, first_block, count, *tensors_);
  }

 private:
  void check(std::span<const DecoderSegment> segments, std::span<const float> logits) const;
  PassMemory& memory_of(const StepShape& shape);
  void run(const StepPass& pass, std::span<const DecoderSegment> segments);
  void give_out(const StepPass& pass, const std::vector<std::size_t>& first_rows,
                std::span<const DecoderSegment> segments, std::span<float> logits);

  std::shared_ptr<DeviceRuntime> runtime_;
  std::string arithmetic_;
  at::ScalarType cache_type_;
  DeviceNetwork network_;
  std::shared_ptr<KvTensors> tensors_;
  std::map<StepShape, std::unique_ptr<PassMemory>> memories_;
  std::uint64_t clock_ = 0;
};

std::unique_ptr<KvPool> Decoder::make_pool(std::size_t limit_bytes, KvType type) {
  TANDEM_CHECK(tensors_ == nullptr);
  if (type != KvType::kHalf)
    throw Error(ErrorCode::kUnsupported, "a device keeps no cache in 8 bits",
                "leave the cache in half precision, or run the generator on the processor");
  const c10::InferenceMode inference;
  const std::size_t block_bytes = device::kv_block_bytes(config(), cache_type_);
  const std::size_t blocks = std::max<std::size_t>(1, limit_bytes / block_bytes);
  tensors_ = std::make_shared<KvTensors>(config(), blocks, cache_type_, network_.device());
  return std::make_unique<device::DeviceKvPool>(block_bytes, blocks, tensors_);
}

void Decoder::check(std::span<const DecoderSegment> segments, std::span<const float> logits) const {
  std::size_t rows = 0;
  for (const DecoderSegment& segment : segments) {
    TANDEM_CHECK(!segment.tokens.empty());
    const auto end = static_cast<std::size_t>(segment.sequence->length()) + segment.tokens.size();
    TANDEM_CHECK(end <= segment.sequence->blocks().size() * kernels::kBlockPositions);
    rows += static_cast<std::size_t>(segment.logit_count);
    for (const TokenId token : segment.tokens) {
      if (token < 0 || token >= config().vocabulary_size)
        throw Error(ErrorCode::kInvalidArgument,
                    fmt::format("token {} is not in the vocabulary of {}", token,
                                config().vocabulary_size));
    }
  }
  TANDEM_CHECK(logits.size() == rows * static_cast<std::size_t>(config().vocabulary_size));
}

PassMemory& Decoder::memory_of(const StepShape& shape) {
  auto& memory = memories_[shape];
  if (memory == nullptr) memory = std::make_unique<PassMemory>(config(), shape, network_.device());
  memory->uses += 1;
  memory->last_use = ++clock_;
  PassMemory& found = *memory;
  if (memories_.size() > kMostRecorded)
    memories_.erase(std::ranges::min_element(
        memories_, {}, [](const auto& entry) { return entry.second->last_use; }));
  return found;
}

void Decoder::run(const StepPass& pass, std::span<const DecoderSegment> segments) {
  PassMemory& memory = memory_of(pass.shape);
  InputWriter(config(), pass, segments, tensors_->padding_block(), memory.host).write();
  memory.on_device.copy_(memory.host);
  if (memory.recorded != nullptr) {
    memory.recorded->replay();
    return;
  }
  // Once it is recorded it outlives this call.
  const auto work = [this, &memory, shape = pass.shape] {
    memory.logits = network_.run(shape, memory.inputs, *tensors_);
  };
  const bool to_record =
      pass.shape.decoded && pass.shape.rows() <= kMostRecordedRows && memory.uses > 1;
  if (to_record) memory.recorded = runtime_->record(work);
  if (memory.recorded == nullptr) work();
}

// Neighbouring rows are brought to the host at once.
void Decoder::give_out(const StepPass& pass, const std::vector<std::size_t>& first_rows,
                       std::span<const DecoderSegment> segments, std::span<float> logits) {
  if (pass.shape.logits == 0) return;
  const at::Tensor& computed = memories_.at(pass.shape)->logits;
  const auto vocabulary = static_cast<std::size_t>(config().vocabulary_size);
  std::int64_t from = 0;
  std::int64_t count = 0;
  std::size_t to = 0;
  const auto flush = [&] {
    if (count > 0)
      at::from_blob(logits.data() + to * vocabulary, {count, config().vocabulary_size}, at::kFloat)
          .copy_(computed.narrow(0, from, count));
    from += count;
    count = 0;
  };
  for (const SegmentPiece& piece : pass.pieces) {
    if (piece.logit_count == 0) continue;
    // The last logits of a segment are after its last tokens.
    const DecoderSegment& segment = segments[piece.segment];
    const int after = static_cast<int>(segment.tokens.size()) - piece.first - piece.tokens;
    const auto row =
        first_rows[piece.segment] +
        static_cast<std::size_t>(std::max(0, segment.logit_count - after - piece.logit_count));
    if (row != to + static_cast<std::size_t>(count)) {
      flush();
      to = row;
    }
    count += piece.logit_count;
  }
  flush();
}

void Decoder::forward(std::span<const DecoderSegment> segments, std::span<float> logits) {
  TANDEM_CHECK(tensors_ != nullptr);
  check(segments, logits);
  const c10::InferenceMode inference;
  apply_torch_threads();
  std::vector<SegmentSize> sizes;
  std::vector<std::size_t> first_rows;
  std::size_t rows = 0;
  for (const DecoderSegment& segment : segments) {
    sizes.push_back({segment.sequence->length(), static_cast<int>(segment.tokens.size()),
                     segment.logit_count, segment.kind == TokenKind::kDecoded});
    first_rows.push_back(rows);
    rows += static_cast<std::size_t>(segment.logit_count);
  }
  try {
    for (const StepPass& pass : device::plan_step(sizes, smallest_window(config()))) {
      run(pass, segments);
      give_out(pass, first_rows, segments, logits);
    }
  } catch (const c10::OutOfMemoryError&) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("{} has no memory left for a step", runtime_->description()),
                "give the cache less memory, or let fewer requests run at once");
  } catch (const c10::Error& error) {
    throw Error(ErrorCode::kInternal, fmt::format("{} failed: {}", runtime_->description(),
                                                  error.what_without_backtrace()));
  }
  for (const DecoderSegment& segment : segments)
    segment.sequence->advance(static_cast<int>(segment.tokens.size()));
}

}  // namespace

std::unique_ptr<DeviceDecoder> torch_executors::load_device_decoder(
    const WeightFile& weights, const DecoderConfig& config, std::shared_ptr<DeviceRuntime> runtime,
    const DeviceDecoderOptions& options) {
  const c10::InferenceMode inference;
  apply_torch_threads();
  try {
    return std::make_unique<Decoder>(weights, config, std::move(runtime), options);
  } catch (const c10::OutOfMemoryError&) {
    throw Error(
        ErrorCode::kResourceExhausted,
        fmt::format("the device has no memory for the weights of {}", weights.path().string()),
        "choose a smaller model, or weights of 8 bits");
  }
}

}  // namespace tandem
