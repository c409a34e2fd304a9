// Reads the files of vector stores, one at a time and in the order in which they were added, and
// removes the documents of vector stores that were deleted or have expired.
#ifndef TANDEM_SERVER_VECTOR_STORES_WORKER_H_
#define TANDEM_SERVER_VECTOR_STORES_WORKER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "indexer/ingestor.h"
#include "server/uploaded_files.h"
#include "server/vector_stores/vector_stores.h"

namespace tandem {

// Borrows its parts, which must outlive it. What cannot be done for want of disk is tried again,
// and what waits for it goes on waiting; whatever else is wrong with a file is its last error.
class VectorStoreWorker {
 public:
  // `pause`: between tries, and between looks whether something has expired.
  VectorStoreWorker(VectorStores& stores, Ingestor& ingestor, const UploadedFiles& files,
                    std::chrono::milliseconds pause = std::chrono::seconds(10));
  // Leaves the file that is being read, to be read when there is a worker again.
  ~VectorStoreWorker();
  VectorStoreWorker(const VectorStoreWorker&) = delete;
  VectorStoreWorker& operator=(const VectorStoreWorker&) = delete;

 private:
  void work();
  bool attempt(const std::function<void()>& step);
  void read(const FileTask& task);
  void check_wanted(const FileTask& task) const;

  VectorStores& stores_;
  Ingestor& ingestor_;
  const UploadedFiles& files_;
  const std::chrono::milliseconds pause_;
  bool is_well_ = true;  // of thread_ alone: a failure that goes on is told once
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_VECTOR_STORES_WORKER_H_
