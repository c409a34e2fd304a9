// The thread in the background that keeps an index in order.
#ifndef TANDEM_RETRIEVER_INDEX_KEEPER_H_
#define TANDEM_RETRIEVER_INDEX_KEEPER_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace tandem {

// wake() and settle() may be called from any thread.
class IndexKeeper {
 public:
  class Work {
   public:
    // Does the next thing there is to do; false if there is none. `stop` becomes true when the
    // keeper is destroyed: then return or throw soon. What is thrown is logged, and tried again
    // after a while.
    virtual bool do_next(const std::function<bool()>& stop) = 0;

   protected:
    ~Work() = default;
  };

  // Begins at once. `work` must outlive the keeper.
  explicit IndexKeeper(Work& work);
  // Stops what is under way and waits for it.
  ~IndexKeeper();
  IndexKeeper(const IndexKeeper&) = delete;
  IndexKeeper& operator=(const IndexKeeper&) = delete;

  // There may be something to do.
  void wake();
  // Returns when there is nothing to do, or the last attempt failed.
  void settle();

 private:
  void run();

  Work& work_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = true;     // wake() was called since the work was last found done
  bool busy_ = false;     // at work
  bool resting_ = false;  // a failure was not long ago
  std::thread thread_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_INDEX_KEEPER_H_
