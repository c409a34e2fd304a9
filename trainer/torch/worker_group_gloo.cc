// WorkerGroup by LibTorch's c10d. Of Gloo nothing but its headers is needed: the library is in
// libtorch_cpu.
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "trainer/torch/plugin.h"

namespace tandem::training {
namespace {

constexpr std::chrono::minutes kPatience{5};
// While the worker who leads answers dev questions, the others wait for it. Who ends closes its
// connections, which the others see at once.
constexpr std::chrono::hours kLongestWait{24};

[[noreturn]] void refuse(const char* what, const std::exception& error) {
  // The first line says what happened; a stack follows.
  const std::string_view text = error.what();
  throw Error(ErrorCode::kUnavailable, fmt::format("{}: {}", what, text.substr(0, text.find('\n'))),
              "look at what the other workers say, then go on with --resume");
}

template <class Exchange>
void exchange(const Exchange& now) {
  try {
    now();
  } catch (const std::exception& error) {
    refuse("another worker has ended, or cannot be reached", error);
  }
}

class GlooWorkers final : public WorkerGroup {
 public:
  explicit GlooWorkers(const WorkerPlace& place) : rank_(place.rank), size_(place.count) {
    c10d::TCPStoreOptions options;
    options.port = place.port;
    options.isServer = place.rank == 0 && !place.store_is_kept;
    options.waitWorkers = false;
    options.timeout = kPatience;
    const auto store = c10::make_intrusive<c10d::TCPStore>(place.address, options);
    // After a failure the store may be the same one, with the keys of before.
    const auto keys =
        c10::make_intrusive<c10d::PrefixStore>(fmt::format("tandem/{}", place.restarts), store);
    keys->setTimeout(kPatience);
    const auto group_options = c10d::ProcessGroupGloo::Options::create();
    group_options->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
    group_options->timeout = kLongestWait;
    group_ =
        c10::make_intrusive<c10d::ProcessGroupGloo>(keys, place.rank, place.count, group_options);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void add_up(std::span<float> values) override {
    if (values.empty()) return;
    std::vector<at::Tensor> tensors = {
        at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())})};
    exchange([&] { group_->allreduce(tensors)->wait(); });
  }

  std::vector<std::string> gather(std::string_view bytes) override {
    std::vector<std::int64_t> sizes;
    for (const at::Tensor& size : gather(at::full({1}, std::ssize(bytes), at::kLong)))
      sizes.push_back(size.item<std::int64_t>());
    // Pieces of one size: that of the largest.
    const at::Tensor own = at::zeros({*std::max_element(sizes.begin(), sizes.end())}, at::kByte);
    std::copy(bytes.begin(), bytes.end(), static_cast<char*>(own.mutable_data_ptr()));
    std::vector<std::string> all(sizes.size());
    if (own.numel() == 0) return all;
    const auto pieces = gather(own);
    for (std::size_t i = 0; i < sizes.size(); ++i)
      all[i].assign(static_cast<const char*>(pieces[i].const_data_ptr()),
                    static_cast<std::size_t>(sizes[i]));
    return all;
  }

  std::string of_leader(std::string_view bytes) override {
    std::vector<at::Tensor> size = {at::full({1}, std::ssize(bytes), at::kLong)};
    exchange([&] { group_->broadcast(size)->wait(); });
    std::string all(static_cast<std::size_t>(size.front().item<std::int64_t>()), '\0');
    if (all.empty()) return all;
    if (leads()) all = bytes;
    std::vector<at::Tensor> piece = {
        at::from_blob(all.data(), {std::ssize(all)}, at::TensorOptions(at::kByte))};
    exchange([&] { group_->broadcast(piece)->wait(); });
    return all;
  }

 private:
  // Of tensors that have one size everywhere.
  std::vector<at::Tensor> gather(const at::Tensor& own) {
    std::vector<at::Tensor> mine = {own};
    std::vector<std::vector<at::Tensor>> all(1);
    for (int i = 0; i < size_; ++i) all.front().push_back(at::empty_like(own));
    exchange([&] { group_->allgather(all, mine)->wait(); });
    return std::move(all.front());
  }

  int rank_;
  int size_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

}  // namespace

std::unique_ptr<WorkerGroup> join_workers(const WorkerPlace& place) {
  try {
    return std::make_unique<GlooWorkers>(place);
  } catch (const std::exception& error) {
    refuse("the other workers were not found", error);
  }
}

}  // namespace tandem::training
