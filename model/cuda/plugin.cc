#include "model/cuda/plugin.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string_view>

// Opaque to the program.
struct TandemCudaRecording {
  at::cuda::CUDAGraph graph;
  c10::DeviceIndex device = 0;
};

namespace {

template <std::size_t size>
void write(std::string_view text, char (&out)[size]) {
  const std::size_t count = std::min(text.size(), size - 1);
  std::memcpy(out, text.data(), count);
  out[count] = '\0';
}

// 0 unless `call` throws.
template <typename Call>
int guarded(TandemCudaMessage* message, const Call& call) {
  try {
    call();
    return 0;
  } catch (const c10::Error& error) {
    write(error.what_without_backtrace(), message->text);
  } catch (const std::exception& error) {
    write(error.what(), message->text);
  } catch (...) {
    write("unknown failure", message->text);
  }
  return -1;
}

void check(cudaError_t status) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // or the next call would report it again
  throw std::runtime_error(cudaGetErrorString(status));
}

// Not by LibTorch, which takes a missing driver for zero devices.
int device_count(TandemCudaMessage* message) {
  int count = 0;
  const int status = guarded(message, [&] { check(cudaGetDeviceCount(&count)); });
  return status == 0 ? count : -1;
}

int describe(int device, TandemCudaDevice* out, TandemCudaMessage* message) {
  return guarded(message, [&] {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, device));
    write(properties.name, out->name);
    int kilohertz = 0;
    int bits = 0;
    check(cudaDeviceGetAttribute(&kilohertz, cudaDevAttrMemoryClockRate, device));
    check(cudaDeviceGetAttribute(&bits, cudaDevAttrGlobalMemoryBusWidth, device));
    // Two transfers in a cycle.
    out->bytes_per_second = 2.0 * 1000 * kilohertz * bits / 8;
  });
}

int memory(int device, std::size_t* free_bytes, std::size_t* total_bytes,
           TandemCudaMessage* message) {
  return guarded(message, [&] {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device));
    check(cudaMemGetInfo(free_bytes, total_bytes));
  });
}

// All recordings share one pool: they are replayed one after another, and what one leaves is
// fetched before the next begins.
at::cuda::MempoolId_t shared_pool() {
  static const at::cuda::MempoolId_t pool = at::cuda::graph_pool_handle();
  return pool;
}

void call(TandemCudaWork work, void* context) {
  if (work(context) != 0) throw std::runtime_error("the work failed");
}

void record_on(const c10::cuda::CUDAStream& stream, TandemCudaRecording& recording,
               TandemCudaWork work, void* context) {
  const c10::cuda::CUDAStreamGuard guard(stream);
  // Libraries set themselves up for a stream when they are first called on it, which cannot be
  // recorded.
  call(work, context);
  stream.synchronize();
  recording.graph.capture_begin(shared_pool(), cudaStreamCaptureModeThreadLocal);
  try {
    call(work, context);
  } catch (...) {
    try {
      recording.graph.capture_end();
    } catch (const std::exception&) {
      // The first failure is the one to report.
    }
    throw;
  }
  recording.graph.capture_end();
}

TandemCudaRecording* record(int device, TandemCudaWork work, void* context,
                            TandemCudaMessage* message) {
  TandemCudaRecording* made = nullptr;
  const int status = guarded(message, [&] {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device));
    auto recording = std::make_unique<TandemCudaRecording>();
    recording->device = static_cast<c10::DeviceIndex>(device);
    // What the work reads may still be on its way on the current stream.
    c10::cuda::getCurrentCUDAStream().synchronize();
    // Recording needs another stream than the default one.
    const c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool();
    record_on(stream, *recording, work, context);
    // While it was recorded nothing was computed.
    recording->graph.replay();
    made = recording.release();
  });
  return status == 0 ? made : nullptr;
}

int replay(TandemCudaRecording* recording, TandemCudaMessage* message) {
  return guarded(message, [&] {
    const c10::cuda::CUDAGuard guard(recording->device);
    recording->graph.replay();
  });
}

void release(TandemCudaRecording* recording) {
  delete recording;
}

constexpr TandemCudaPlugin kPlugin = {TANDEM_CUDA_PLUGIN_VERSION,
                                      TORCH_VERSION,
                                      device_count,
                                      describe,
                                      memory,
                                      record,
                                      replay,
                                      release};

}  // namespace

extern "C" __attribute__((visibility("default"))) const TandemCudaPlugin* tandem_cuda_plugin() {
  return &kPlugin;
}
