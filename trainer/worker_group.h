// Processes that train the same networks together, each with its share of every batch.
//
// They are started as torchrun starts them (`torchrun --no-python --nproc-per-node 2 -- tandem
// train ...`), and all of them run the same program over the same data. What follows from data,
// seed and step alone, each computes by itself; what takes time is divided, and what came out
// exchanged.
#ifndef TANDEM_TRAINER_WORKER_GROUP_H_
#define TANDEM_TRAINER_WORKER_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

// Which of the processes this one is, and how it finds the others.
struct WorkerPlace {
  int rank = 0;
  int count = 1;
  int local_count = 1;       // on this machine
  std::string address = {};  // of the store by which they find each other
  std::uint16_t port = 0;
  bool store_is_kept = false;  // by who started them; otherwise by the first of them
  int restarts = 0;            // of all of them, after one failed
};

// As the environment has it: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT and what else torchrun
// sets; alone where it has no WORLD_SIZE. Throws kInvalidArgument naming a variable that is missing
// or makes no sense.
WorkerPlace worker_place();

// What is exchanged waits for all workers, which must call the same functions in the same order.
// Each throws kUnavailable where another worker has ended. For one thread at a time.
class WorkerGroup {
 public:
  // By LibTorch's c10d, with Gloo. Throws kUnavailable where the others are not found within five
  // minutes, and as trainer_plugin() does.
  static std::unique_ptr<WorkerGroup> join(const WorkerPlace& place);
  // Of a process that trains by itself: what it exchanges is its own.
  static WorkerGroup& alone();
  virtual ~WorkerGroup() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Who writes files, and says what happens.
  bool leads() const { return rank() == 0; }

  // `values` become their sums over all workers: the same bits everywhere.
  virtual void add_up(std::span<float> values) = 0;
  // The bytes of each worker, in the order of their ranks.
  virtual std::vector<std::string> gather(std::string_view bytes) = 0;
  // The bytes that the worker who leads gave; those of the others are not looked at.
  virtual std::string of_leader(std::string_view bytes) = 0;
};

// Numbers of each worker, one worker after the other.
template <class Number>
std::vector<Number> gather_numbers(WorkerGroup& workers, std::span<const Number> own) {
  if (workers.size() == 1)
    return {own.begin(), own.end()};  // the corpus's vectors may be gigabytes
  std::vector<Number> all;
  for (const std::string& bytes :
       workers.gather({reinterpret_cast<const char*>(own.data()), own.size_bytes()})) {
    const std::size_t before = all.size();
    all.resize(before + bytes.size() / sizeof(Number));
    std::memcpy(all.data() + before, bytes.data(), bytes.size());
  }
  return all;
}

}  // namespace tandem

#endif  // TANDEM_TRAINER_WORKER_GROUP_H_
