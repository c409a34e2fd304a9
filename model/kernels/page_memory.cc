#include "model/kernels/page_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

#include "base/error.h"

namespace tandem::kernels {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kSlab = 16 * kHugePage;

std::size_t round_up(std::size_t value, std::size_t to) {
  return (value + to - 1) / to * to;
}

}  // namespace

PageBuffer::PageBuffer(std::size_t size_bytes) {
  if (size_bytes == 0) return;
  const bool huge = size_bytes >= kHugePage;
  const std::size_t size = round_up(size_bytes, huge ? kHugePage : kPage);
  // What is mapped beyond `size`, so that it holds a range that begins at a huge page.
  const std::size_t slack = huge ? kHugePage : 0;
  void* const mapped =
      ::mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("no memory for {} MB of weights or cache", size >> 20),
                "choose a smaller model, or free memory on this machine");
  auto* const begin = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t before = huge ? round_up(address, kHugePage) - address : 0;
  if (before > 0) ::munmap(begin, before);
  if (slack > before) ::munmap(begin + before + size, slack - before);
  data_ = begin + before;
  size_ = size;
  if (huge) ::madvise(data_, size_, MADV_HUGEPAGE);
}

PageBuffer::~PageBuffer() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

std::byte* PageArena::take(std::size_t size_bytes) {
  const std::size_t size = round_up(size_bytes, kAlignment);
  if (slabs_.empty() || slab_used_ + size > slabs_.back().size()) {
    slabs_.emplace_back(std::max(size, kSlab));
    slab_used_ = 0;
  }
  std::byte* const taken = slabs_.back().data() + slab_used_;
  slab_used_ += size;
  used_bytes_ += size;
  return taken;
}

}  // namespace tandem::kernels
