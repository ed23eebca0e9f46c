// Times on CUDA: events on the execution's stream.
#include <cmath>

#include "probes/run_timer.hpp"
#include "reports/error.hpp"

#if SSMPROF_HAS_CUDA
#include <cuda_runtime_api.h>

#include "probes/cuda_error.hpp"
#endif

namespace ssmprof::probes {

#if SSMPROF_HAS_CUDA

namespace {

class Event {
 public:
  Event() { check_cuda(cudaEventCreate(&handle_), "cudaEventCreate"); }
  ~Event() {
    if (handle_ != nullptr) cudaEventDestroy(handle_);
  }
  Event(Event&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  Event& operator=(Event&&) = delete;

  void record(cudaStream_t stream) const {
    check_cuda(cudaEventRecord(handle_, stream), "cudaEventRecord");
  }
  void wait() const { check_cuda(cudaEventSynchronize(handle_), "cudaEventSynchronize"); }
  double seconds_from(const Event& start) const {
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, start.handle_, handle_), "cudaEventElapsedTime");
    // Half a microsecond is what events resolve: digits below a nanosecond are the float's.
    return std::round(static_cast<double>(milliseconds) * 1e6) / 1e9;
  }

 private:
  cudaEvent_t handle_ = nullptr;
};

/// Records an event at both ends of every leaf. The pool is made before the first run and grows
/// only when leaves repeat within a run.
class EventObserver : public workloads::RangeObserver {
 public:
  EventObserver(const std::vector<workloads::RangeSpec>& ranges, cudaStream_t stream)
      : stream_(stream) {
    std::size_t leaves = 0;
    for (const auto& range : ranges) {
      leaf_.push_back(range.leaf);
      if (range.leaf) ++leaves;
    }
    pool_.resize(2 * leaves);
    spans_.reserve(leaves);
  }
  void enter(int range) override {
    if (!leaf_[range]) return;
    spans_.push_back(range);
    if (pool_.size() < 2 * spans_.size()) pool_.resize(2 * spans_.size());
    pool_[2 * spans_.size() - 2].record(stream_);
  }
  void leave(int range) override {
    if (leaf_[range]) pool_[2 * spans_.size() - 1].record(stream_);
  }
  void reset() { spans_.clear(); }
  void collect(std::vector<double>& seconds) const {
    seconds.assign(leaf_.size(), 0.0);
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      seconds[spans_[i]] += pool_[2 * i + 1].seconds_from(pool_[2 * i]);
    }
  }

 private:
  cudaStream_t stream_;
  std::vector<char> leaf_;
  std::vector<Event> pool_;
  std::vector<int> spans_;  // range of the i-th pair of events
};

/// Twice the L2, written over on request.
class CacheFlush {
 public:
  CacheFlush(int device, cudaStream_t stream) : stream_(stream) {
    int bytes = 0;
    check_cuda(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, device),
               "cudaDeviceGetAttribute");
    bytes_ = 2 * static_cast<std::size_t>(bytes);
    check_cuda(cudaMalloc(&buffer_, bytes_), "cudaMalloc of a buffer to flush the L2 with");
  }
  ~CacheFlush() { cudaFree(buffer_); }
  CacheFlush(const CacheFlush&) = delete;
  CacheFlush& operator=(const CacheFlush&) = delete;
  void run() const {
    check_cuda(cudaMemsetAsync(buffer_, 0, bytes_, stream_), "cudaMemsetAsync");
    check_cuda(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
  }

 private:
  cudaStream_t stream_;
  void* buffer_ = nullptr;
  std::size_t bytes_ = 0;
};

class EventTimer : public RunTimer {
 public:
  explicit EventTimer(workloads::Execution& execution)
      : RunTimer(execution),
        stream_(static_cast<cudaStream_t>(execution.stream())),
        observer_(execution.ranges(), stream_) {}
  std::string_view source() const override { return "cuda_event"; }

  double run_plain() override { return run(nullptr); }
  double run_instrumented(std::vector<double>& ranges) override {
    observer_.reset();
    const double whole = run(&observer_);
    observer_.collect(ranges);
    return whole;
  }
  void flush_cache() override {
    if (flush_ == nullptr) {
      flush_ = std::make_unique<CacheFlush>(execution_.spec().device_index, stream_);
    }
    flush_->run();
  }

 private:
  double run(workloads::RangeObserver* observer) {
    start_.record(stream_);
    execution_.run(observer);
    stop_.record(stream_);
    stop_.wait();
    execution_.synchronize();
    return stop_.seconds_from(start_);
  }

  cudaStream_t stream_;
  Event start_, stop_;
  EventObserver observer_;
  std::unique_ptr<CacheFlush> flush_;
};

}  // namespace

std::unique_ptr<RunTimer> make_event_timer(workloads::Execution& execution) {
  check_cuda(cudaSetDevice(execution.spec().device_index), "cudaSetDevice");
  return std::make_unique<EventTimer>(execution);
}

#else

std::unique_ptr<RunTimer> make_event_timer(workloads::Execution&) {
  throw reports::EnvironmentError(
      "cannot time on CUDA: built without CUDA; configure with -DSSMPROF_CUDA=ON");
}

#endif

}  // namespace ssmprof::probes
