#include "probes/cupti/range_counters.hpp"

#include <algorithm>
#include <cupti_profiler_target.h>
#include <cupti_range_profiler.h>
#include <cupti_target.h>
#include <set>

#include "probes/cupti/check.hpp"
#include "probes/cupti/driver.hpp"
#include "probes/cupti/metric_host.hpp"
#include "probes/gpu.hpp"

namespace ssmprof::probes::cupti {

namespace {

constexpr std::size_t kMaxImageBytes = std::size_t{64} << 20;

template <typename Params>
Params sized(std::size_t size) {
  Params params{};
  params.structSize = size;
  return params;
}
// Zeroed parameters of a CUPTI call with their size filled in.
#define SSMPROF_PARAMS(type) sized<type>(type##_STRUCT_SIZE)

/// The range profiler switched on for a context.
class Profiler {
 public:
  explicit Profiler(CUcontext context) {
    auto params = SSMPROF_PARAMS(CUpti_RangeProfiler_Enable_Params);
    params.ctx = context;
    check(cuptiRangeProfilerEnable(&params), "cuptiRangeProfilerEnable");
    object_ = params.pRangeProfilerObject;
  }
  ~Profiler() {
    auto params = SSMPROF_PARAMS(CUpti_RangeProfiler_Disable_Params);
    params.pRangeProfilerObject = object_;
    cuptiRangeProfilerDisable(&params);
  }
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;
  CUpti_RangeProfiler_Object* object() const { return object_; }

  std::size_t image_size(const std::vector<std::string>& metrics, std::size_t ranges) const {
    std::vector<const char*> names;
    for (const auto& name : metrics) names.push_back(name.c_str());
    auto params = SSMPROF_PARAMS(CUpti_RangeProfiler_GetCounterDataSize_Params);
    params.pRangeProfilerObject = object_;
    params.pMetricNames = names.data();
    params.numMetrics = names.size();
    params.maxNumOfRanges = ranges;
    params.maxNumRangeTreeNodes = static_cast<std::uint32_t>(ranges);
    check(cuptiRangeProfilerGetCounterDataSize(&params), "cuptiRangeProfilerGetCounterDataSize");
    return params.counterDataSize;
  }

 private:
  CUpti_RangeProfiler_Object* object_ = nullptr;
};

/// Which metrics to collect, scheduled for a device.
struct Schedule {
  std::vector<std::string> metrics;
  MetricHost::Config config;
};

class Session : public CounterSession {
 public:
  /// All of them outlive the session.
  Session(const MetricHost& host, const Profiler& profiler, const Schedule& schedule,
          std::size_t ranges)
      : host_(host), profiler_(profiler), schedule_(schedule) {
    image_.resize(profiler_.image_size(schedule_.metrics, ranges));
    auto init = SSMPROF_PARAMS(CUpti_RangeProfiler_CounterDataImage_Initialize_Params);
    init.pRangeProfilerObject = profiler_.object();
    init.counterDataSize = image_.size();
    init.pCounterData = image_.data();
    check(cuptiRangeProfilerCounterDataImageInitialize(&init),
          "cuptiRangeProfilerCounterDataImageInitialize");

    auto set = SSMPROF_PARAMS(CUpti_RangeProfiler_SetConfig_Params);
    set.pRangeProfilerObject = profiler_.object();
    set.configSize = schedule_.config.image.size();
    set.pConfig = schedule_.config.image.data();
    set.counterDataImageSize = image_.size();
    set.pCounterDataImage = image_.data();
    set.range = CUPTI_UserRange;
    set.replayMode = CUPTI_UserReplay;
    set.maxRangesPerPass = ranges;
    set.numNestingLevels = 1;
    set.minNestingLevel = 1;
    set.passIndex = 0;
    set.targetNestingLevel = 1;
    check(cuptiRangeProfilerSetConfig(&set), "cuptiRangeProfilerSetConfig");

    push_ = SSMPROF_PARAMS(CUpti_RangeProfiler_PushRange_Params);
    push_.pRangeProfilerObject = profiler_.object();
    pop_ = SSMPROF_PARAMS(CUpti_RangeProfiler_PopRange_Params);
    pop_.pRangeProfilerObject = profiler_.object();
  }

  void start() override {
    auto params = SSMPROF_PARAMS(CUpti_RangeProfiler_Start_Params);
    params.pRangeProfilerObject = profiler_.object();
    check(cuptiRangeProfilerStart(&params), "cuptiRangeProfilerStart");
  }
  bool stop() override {
    auto params = SSMPROF_PARAMS(CUpti_RangeProfiler_Stop_Params);
    params.pRangeProfilerObject = profiler_.object();
    check(cuptiRangeProfilerStop(&params), "cuptiRangeProfilerStop");
    return params.isAllPassSubmitted != 0;
  }
  void push(const char* name) override {
    push_.pRangeName = name;
    check(cuptiRangeProfilerPushRange(&push_), "cuptiRangeProfilerPushRange");
  }
  void pop() override { check(cuptiRangeProfilerPopRange(&pop_), "cuptiRangeProfilerPopRange"); }

  std::map<std::string, std::vector<double>> results() override {
    auto decode = SSMPROF_PARAMS(CUpti_RangeProfiler_DecodeData_Params);
    decode.pRangeProfilerObject = profiler_.object();
    check(cuptiRangeProfilerDecodeData(&decode), "cuptiRangeProfilerDecodeData");
    if (decode.numOfRangeDropped != 0) {
      throw reports::EnvironmentError("CUPTI dropped " + std::to_string(decode.numOfRangeDropped) +
                                      " counted ranges: count fewer metric sets at once");
    }
    auto info = SSMPROF_PARAMS(CUpti_RangeProfiler_GetCounterDataInfo_Params);
    info.pCounterDataImage = image_.data();
    info.counterDataImageSize = image_.size();
    check(cuptiRangeProfilerGetCounterDataInfo(&info), "cuptiRangeProfilerGetCounterDataInfo");
    std::map<std::string, std::vector<double>> values;
    for (std::size_t i = 0; i < info.numTotalRanges; ++i) {
      auto range = SSMPROF_PARAMS(CUpti_RangeProfiler_CounterData_GetRangeInfo_Params);
      range.pCounterDataImage = image_.data();
      range.counterDataImageSize = image_.size();
      range.rangeIndex = i;
      range.rangeDelimiter = "/";
      check(cuptiRangeProfilerCounterDataGetRangeInfo(&range),
            "cuptiRangeProfilerCounterDataGetRangeInfo");
      values[range.rangeName] = host_.evaluate(image_, i, schedule_.metrics);
    }
    return values;
  }

 private:
  const MetricHost& host_;
  const Profiler& profiler_;
  const Schedule& schedule_;
  std::vector<std::uint8_t> image_;
  CUpti_RangeProfiler_PushRange_Params push_{};
  CUpti_RangeProfiler_PopRange_Params pop_{};
};

/// The profiling API, initialized while this lives.
class ProfilingApi {
 public:
  ProfilingApi() {
    load_companions();
    auto params = SSMPROF_PARAMS(CUpti_Profiler_Initialize_Params);
    check(cuptiProfilerInitialize(&params), "cuptiProfilerInitialize");
  }
  ~ProfilingApi() {
    auto params = SSMPROF_PARAMS(CUpti_Profiler_DeInitialize_Params);
    cuptiProfilerDeInitialize(&params);
  }
  ProfilingApi(const ProfilingApi&) = delete;
  ProfilingApi& operator=(const ProfilingApi&) = delete;
};

std::string chip_name(int device) {
  auto params = SSMPROF_PARAMS(CUpti_Device_GetChipName_Params);
  params.deviceIndex = static_cast<std::size_t>(device);
  check(cuptiDeviceGetChipName(&params), "cuptiDeviceGetChipName");
  return params.pChipName;
}

std::vector<std::uint8_t> availability_image(CUcontext context) {
  auto params = SSMPROF_PARAMS(CUpti_Profiler_GetCounterAvailability_Params);
  params.ctx = context;
  check(cuptiProfilerGetCounterAvailability(&params), "cuptiProfilerGetCounterAvailability");
  std::vector<std::uint8_t> image(params.counterAvailabilityImageSize);
  params.pCounterAvailabilityImage = image.data();
  check(cuptiProfilerGetCounterAvailability(&params), "cuptiProfilerGetCounterAvailability");
  return image;
}

/// Switching the profiler on and loading a chip's metrics take tenths of a second each: a device
/// does both once, and schedules each list of metrics once.
class Device : public CounterDevice {
 public:
  explicit Device(int index)
      : context_(current_context(index)),
        chip_(chip_name(index)),
        availability_(availability_image(context_)),
        host_(chip_, availability_),
        profiler_(std::make_unique<Profiler>(context_)) {}

  std::string chip() const override { return chip_; }
  bool knows(const std::string& metric) const override { return host_.knows(metric); }
  std::size_t passes(const std::vector<std::string>& hardware) override {
    return schedule(hardware).config.passes;
  }
  std::size_t max_ranges(const std::vector<std::string>& hardware) const override {
    const std::size_t small = profiler_->image_size(hardware, 16);
    const std::size_t large = profiler_->image_size(hardware, 32);
    const std::size_t each = std::max<std::size_t>(1, (large - small) / 16);
    return std::max<std::size_t>(1, kMaxImageBytes / each);
  }
  std::unique_ptr<CounterSession> open(const std::vector<std::string>& hardware,
                                       std::size_t ranges) override {
    // The first session since the profiler was switched on sets what is collected and for how many
    // ranges there is room: a later one may keep the first one's passes, and loses further ranges,
    // both without a word.
    const Schedule& wanted = schedule(hardware);
    if (first_ != nullptr && (first_ != &wanted || ranges > room_)) {
      profiler_ = nullptr;
      profiler_ = std::make_unique<Profiler>(context_);
      first_ = nullptr;
    }
    if (first_ == nullptr) first_ = &wanted, room_ = ranges;
    return std::make_unique<Session>(host_, *profiler_, wanted, ranges);
  }

 private:
  const Schedule& schedule(const std::vector<std::string>& hardware) {
    for (const auto& known : schedules_) {
      if (known->metrics == hardware) return *known;
    }
    // A host object collects what it is asked for: one of its own for each list.
    auto made = std::make_unique<Schedule>();
    made->metrics = hardware;
    made->config = MetricHost(chip_, availability_).configure(hardware);
    schedules_.push_back(std::move(made));
    return *schedules_.back();
  }

  CUcontext context_;
  ProfilingApi api_;
  std::string chip_;
  std::vector<std::uint8_t> availability_;
  MetricHost host_;
  std::unique_ptr<Profiler> profiler_;
  std::vector<std::unique_ptr<Schedule>> schedules_;
  const Schedule* first_ = nullptr;  ///< of the first session since the profiler is on
  std::size_t room_ = 0;             ///< its ranges
};

/// Reasons of the device itself, by name; empty when it can be profiled.
std::string unsupported(int index) {
  auto params = SSMPROF_PARAMS(CUpti_Profiler_DeviceSupported_Params);
  params.cuDevice = index;
  params.api = CUPTI_PROFILER_RANGE_PROFILING;
  check(cuptiProfilerDeviceSupported(&params), "cuptiProfilerDeviceSupported");
  if (params.isSupported == CUPTI_PROFILER_CONFIGURATION_SUPPORTED) return "";
  const auto bad = [](CUpti_Profiler_Support_Level level) {
    return level != CUPTI_PROFILER_CONFIGURATION_SUPPORTED &&
           level != CUPTI_PROFILER_CONFIGURATION_UNKNOWN;
  };
  std::string reasons;
  const auto add = [&](bool failed, const char* what) {
    if (failed) reasons += (reasons.empty() ? "" : ", ") + std::string(what);
  };
  add(bad(params.architecture), "its architecture");
  add(bad(params.sli), "SLI");
  add(bad(params.vGpu), "vGPU");
  add(bad(params.confidentialCompute), "confidential computing");
  add(bad(params.cmp), "mining card");
  add(bad(params.wsl), "WSL");
  return "this GPU cannot be profiled because of " + (reasons.empty() ? "its setup" : reasons);
}

}  // namespace

std::unique_ptr<CounterDevice> open_counter_device(int device_index) {
  return std::make_unique<Device>(device_index);
}

Availability counters_available(int device_index) {
  static std::set<int> good;  // a device whose counters could be opened can be asked again
  if (good.contains(device_index)) return {};
  std::string reason;
  if (!find_gpu(device_index, reason)) {
    return {false, reason, "counters need an NVIDIA GPU and its driver"};
  }
  try {
    const auto context = current_context(device_index);
    const ProfilingApi api;
    if (const auto why = unsupported(device_index); !why.empty()) {
      return {false, why, "times and the analytic model still work"};
    }
    availability_image(context);
    const Profiler profiler(context);
    good.insert(device_index);
    return {};
  } catch (const CuptiError& error) {
    const auto why = explain(error.code, "CUPTI");
    return {false, error.code == why.error && !why.finding.empty() ? why.finding : error.what(),
            why.hint};
  } catch (const reports::EnvironmentError& error) {
    return {false, error.what(), ""};
  }
}

}  // namespace ssmprof::probes::cupti
