// Memory in huge pages where the system gives them: a step reads all weights, and would miss the
// address cache at every other small page.
#ifndef TANDEM_MODEL_KERNELS_PAGE_MEMORY_H_
#define TANDEM_MODEL_KERNELS_PAGE_MEMORY_H_

#include <cstddef>
#include <utility>
#include <vector>

namespace tandem::kernels {

// Begins at a page.
class PageBuffer {
 public:
  PageBuffer() = default;
  // Zeroed; pages that are never touched take no memory. Throws kResourceExhausted.
  explicit PageBuffer(std::size_t size_bytes);
  PageBuffer(PageBuffer&& other) noexcept { swap(other); }
  PageBuffer& operator=(PageBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~PageBuffer();

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  void swap(PageBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// At least `count` elements at the beginning of `buffer`, which is replaced by a larger one where
// it is too small. For scratch memory that grows and is kept.
template <typename T>
T* scratch_of(PageBuffer& buffer, std::size_t count) {
  if (buffer.size() < count * sizeof(T)) buffer = PageBuffer(count * sizeof(T));
  return reinterpret_cast<T*>(buffer.data());
}

// Many pieces of memory that are freed together, one behind another. Used by one thread at a time.
class PageArena {
 public:
  // Zeroed and 64-byte aligned. Throws kResourceExhausted.
  std::byte* take(std::size_t size_bytes);

  // Bytes that were taken.
  std::size_t used_bytes() const { return used_bytes_; }

 private:
  std::vector<PageBuffer> slabs_;
  std::size_t slab_used_ = 0;
  std::size_t used_bytes_ = 0;
};

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_PAGE_MEMORY_H_
