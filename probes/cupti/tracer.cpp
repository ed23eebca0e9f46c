#include "probes/cupti/tracer.hpp"

#include <cstdlib>
#include <cupti.h>
#include <mutex>
#include <string_view>

#include "probes/cupti/check.hpp"
#include "probes/cupti/library.hpp"
#include "probes/gpu.hpp"

namespace ssmprof::probes::cupti {

namespace {

#if CUPTI_API_VERSION >= 130000
using KernelRecord = CUpti_ActivityKernel10;
using CopyRecord = CUpti_ActivityMemcpy6;
#else
using KernelRecord = CUpti_ActivityKernel9;
using CopyRecord = CUpti_ActivityMemcpy5;
#endif
using FillRecord = CUpti_ActivityMemset4;

constexpr CUpti_ActivityKind kKinds[] = {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL,
                                         CUPTI_ACTIVITY_KIND_MEMCPY, CUPTI_ACTIVITY_KIND_MEMSET};

constexpr std::size_t kBufferBytes = std::size_t{4} << 20, kPreallocated = 8;

/// Buffers that CUPTI fills, and those it has filled. The callbacks carry no user pointer, hence
/// one for the process.
class Buffers {
 public:
  struct Filled {
    std::uint8_t* data;
    std::size_t bytes;
  };

  static Buffers& instance() {
    static auto* buffers = new Buffers;  // CUPTI may still call when the process ends
    return *buffers;
  }
  void preallocate() {
    const std::lock_guard lock(mutex_);
    while (free_.size() < kPreallocated) free_.push_back(allocate());
  }
  std::uint8_t* take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return allocate();
    auto* buffer = free_.back();
    free_.pop_back();
    return buffer;
  }
  void filled(std::uint8_t* data, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    filled_.push_back({data, bytes});
  }
  std::vector<Filled> drain() {
    const std::lock_guard lock(mutex_);
    return std::exchange(filled_, {});
  }
  void give_back(std::uint8_t* data) {
    const std::lock_guard lock(mutex_);
    free_.push_back(data);
  }

 private:
  static std::uint8_t* allocate() {
    return static_cast<std::uint8_t*>(std::aligned_alloc(4096, kBufferBytes));
  }
  std::mutex mutex_;
  std::vector<std::uint8_t*> free_;
  std::vector<Filled> filled_;
};

void CUPTIAPI on_request(std::uint8_t** buffer, std::size_t* size, std::size_t* max_records) {
  *buffer = Buffers::instance().take();
  *size = *buffer != nullptr ? kBufferBytes : 0;
  *max_records = 0;
}

void CUPTIAPI on_complete(CUcontext, std::uint32_t, std::uint8_t* buffer, std::size_t,
                          std::size_t valid) {
  Buffers::instance().filled(buffer, valid);
}

/// The external id of the range that this thread is in; 0: none.
thread_local std::uint64_t current_id = 0;

/// Called where the host enters a call that launches work: correlation → external id. Cheaper than
/// CUPTI's own external correlation, which needs a record of every call into the library.
void CUPTIAPI on_launch(void* launches, CUpti_CallbackDomain, CUpti_CallbackId, const void* data) {
  if (current_id == 0) return;
  const auto& call = *static_cast<const CUpti_CallbackData*>(data);
  if (call.callbackSite != CUPTI_API_ENTER) return;
  static_cast<Launches*>(launches)->emplace_back(call.correlationId, current_id);
}

/// Asks for a callback at every call of the domain that can put work on a device.
void enable_launch_callbacks(CUpti_SubscriberHandle subscriber, CUpti_CallbackDomain domain,
                             CUpti_CallbackId end) {
  for (CUpti_CallbackId id = 1; id < end; ++id) {
    const char* name = nullptr;
    if (cuptiGetCallbackName(domain, id, &name) != CUPTI_SUCCESS || name == nullptr) continue;
    const std::string_view call = name;
    for (const std::string_view part : {"Launch", "Memcpy", "Memset"}) {
      if (call.find(part) == call.npos) continue;
      check(cuptiEnableCallback(1, subscriber, domain, id), "cuptiEnableCallback");
      break;
    }
  }
}

/// Turns CUPTI's records into ours. Records are packed: fields are copied before use.
class Reader {
 public:
  explicit Reader(ActivityLog& log) : log_(log) {}

  void read(CUpti_Activity* record) {
    switch (record->kind) {
      case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
      case CUPTI_ACTIVITY_KIND_KERNEL:
        read_kernel(*reinterpret_cast<const KernelRecord*>(record));
        break;
      case CUPTI_ACTIVITY_KIND_MEMCPY:
        read_transfer(*reinterpret_cast<const CopyRecord*>(record), DeviceActivity::Kind::copy);
        break;
      case CUPTI_ACTIVITY_KIND_MEMSET:
        read_transfer(*reinterpret_cast<const FillRecord*>(record), DeviceActivity::Kind::fill);
        break;
      default:
        break;
    }
  }

 private:
  void read_kernel(const KernelRecord& kernel) {
    DeviceActivity activity;
    activity.start = kernel.start;
    activity.end = kernel.end;
    activity.correlation = kernel.correlationId;
    activity.graph_node = kernel.graphNodeId;
    activity.grid = {kernel.gridX, kernel.gridY, kernel.gridZ};
    activity.block = {kernel.blockX, kernel.blockY, kernel.blockZ};
    activity.registers = kernel.registersPerThread;
    activity.shared_bytes =
        std::int64_t{kernel.staticSharedMemory} + std::int64_t{kernel.dynamicSharedMemory};
    const char* name = kernel.name;
    activity.name = name_index(name != nullptr ? name : "");
    log_.activities.push_back(activity);
  }

  template <typename Record>
  void read_transfer(const Record& record, DeviceActivity::Kind kind) {
    DeviceActivity activity;
    activity.kind = kind;
    activity.start = record.start;
    activity.end = record.end;
    activity.correlation = record.correlationId;
    activity.graph_node = record.graphNodeId;
    activity.bytes = record.bytes;
    log_.activities.push_back(activity);
  }

  int name_index(const char* name) {
    const auto [entry, fresh] = index_.try_emplace(name, static_cast<int>(log_.names.size()));
    if (fresh) log_.names.emplace_back(name);
    return entry->second;
  }

  ActivityLog& log_;
  std::unordered_map<std::string, int> index_;
};

}  // namespace

/// The subscription to launches, while it lives. Another tool's stands in its way.
class Tracer::Subscriber {
 public:
  explicit Subscriber(Launches& launches) {
    check(cuptiSubscribe(&handle_, on_launch, &launches), "cuptiSubscribe");
    try {
      enable_launch_callbacks(handle_, CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_SIZE);
      enable_launch_callbacks(handle_, CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_SIZE);
    } catch (...) {
      cuptiUnsubscribe(handle_);
      throw;
    }
  }
  ~Subscriber() { cuptiUnsubscribe(handle_); }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

 private:
  CUpti_SubscriberHandle handle_ = nullptr;
};

Tracer::Tracer() : subscriber_(std::make_unique<Subscriber>(launches_)) {
  Buffers::instance().preallocate();
  check(cuptiActivityRegisterCallbacks(on_request, on_complete), "cuptiActivityRegisterCallbacks");
  for (const auto kind : kKinds) {
    if (const auto status = cuptiActivityEnable(kind); status != CUPTI_SUCCESS) {
      for (const auto other : kKinds) cuptiActivityDisable(other);
      check(status, "cuptiActivityEnable");
    }
  }
}

Tracer::~Tracer() {
  for (const auto kind : kKinds) cuptiActivityDisable(kind);
  cuptiActivityFlushAll(0);
  for (const auto& buffer : Buffers::instance().drain()) {
    Buffers::instance().give_back(buffer.data);
  }
}

void Tracer::enter(std::uint64_t external_id) {
  current_id = external_id;
}

void Tracer::leave() {
  current_id = 0;
}

ActivityLog Tracer::collect() {
  check(cuptiActivityFlushAll(0), "cuptiActivityFlushAll");
  ActivityLog log;
  log.external.insert(launches_.begin(), launches_.end());
  launches_.clear();
  Reader reader(log);
  for (const auto& buffer : Buffers::instance().drain()) {
    CUpti_Activity* record = nullptr;
    while (cuptiActivityGetNextRecord(buffer.data, buffer.bytes, &record) == CUPTI_SUCCESS) {
      reader.read(record);
    }
    Buffers::instance().give_back(buffer.data);
  }
  std::size_t dropped = 0;
  if (cuptiActivityGetNumDroppedRecords(nullptr, 0, &dropped) == CUPTI_SUCCESS) {
    log.dropped = dropped;
  }
  return log;
}

Availability activity_available(int device_index) {
  std::string reason;
  if (!find_gpu(device_index, reason)) {
    return {false, reason, "tracing needs an NVIDIA GPU and its driver"};
  }
  const auto subscription = probe_subscription();
  if (!subscription.free) return {false, subscription.finding, subscription.hint};
  return {};
}

}  // namespace ssmprof::probes::cupti
